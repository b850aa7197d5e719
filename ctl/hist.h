/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_HIST_H
#define CTL_HIST_H

#include <stddef.h>
#include <stdint.h>

#include <netlink/attr.h>

struct hist_bucket {
	uint64_t low;
	uint64_t count;
};

/* A latency histogram as the kernel sent it; @bucket points into its message. */
struct hist {
	uint64_t count;
	uint64_t sum;
	uint64_t max;
	const unsigned char *bucket;
	size_t buckets;
};

void hist_read(struct hist *h, const struct nlattr *nest);
struct hist_bucket hist_bucket(const struct hist *h, size_t i);

/*
 * A value that @per_mille of 1000 samples do not exceed: the upper bound of the
 * bucket that holds the one at that rank, but never more than the largest.
 */
uint64_t hist_percentile(const struct hist *h, unsigned int per_mille);

/* @unit: "_ns", or "" for numbers; the end of the values' names. */
void hist_json(const char *key, const char *unit, const struct hist *h);

#endif
