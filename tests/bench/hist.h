/* SPDX-License-Identifier: GPL-2.0-only */
/* The clock, and what it measures: a log-linear histogram of nanoseconds. */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>
#include <time.h>

#define HIST_SUB	16	/* buckets of equal width in a power of two */
#define HIST_BUCKETS	(61 * HIST_SUB)

struct hist {
	uint64_t count;
	uint64_t max;
	uint32_t bucket[HIST_BUCKETS];
};

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void sleep_ns(uint64_t ns);

void hist_add(struct hist *h, uint64_t value);
void hist_merge(struct hist *to, const struct hist *from);

/* The value that @percent of all are not above. */
uint64_t hist_percentile(const struct hist *h, double percent);

#endif
