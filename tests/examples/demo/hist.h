/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HIST_H
#define HIST_H

#include <stddef.h>
#include <stdint.h>

#define HIST_BUCKETS	512

/* A latency histogram as the kernel gives it: nanoseconds, empty buckets left out. */
struct hist {
	uint64_t	count, sum, max;
	size_t		nr;
	struct {
		uint64_t	low, count;
	} bucket[HIST_BUCKETS];
};

uint64_t hist_percentile(const struct hist *hist, double percent);

#endif
