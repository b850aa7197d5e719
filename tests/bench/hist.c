// SPDX-License-Identifier: GPL-2.0-only
#include "hist.h"

#include <errno.h>

void sleep_ns(uint64_t ns)
{
	struct timespec left = {
		.tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000),
	};

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

/* Below HIST_SUB each value is its own bucket. */
static unsigned int to_bucket(uint64_t value)
{
	unsigned int shift;

	if (value < HIST_SUB)
		return (unsigned int)value;
	shift = 59 - (unsigned int)__builtin_clzll(value);
	return shift * HIST_SUB + (unsigned int)(value >> shift);
}

static uint64_t low_of(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < HIST_SUB)
		return bucket;
	shift = bucket / HIST_SUB - 1;
	return (uint64_t)(bucket % HIST_SUB + HIST_SUB) << shift;
}

void hist_add(struct hist *h, uint64_t value)
{
	h->count++;
	h->bucket[to_bucket(value)]++;
	if (value > h->max)
		h->max = value;
}

void hist_merge(struct hist *to, const struct hist *from)
{
	unsigned int i;

	to->count += from->count;
	if (from->max > to->max)
		to->max = from->max;
	for (i = 0; from->count && i < HIST_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
}

uint64_t hist_percentile(const struct hist *h, double percent)
{
	double want = (double)h->count * percent / 100, below = 0;
	uint64_t low, width, value;
	unsigned int i;

	for (i = 0; i < HIST_BUCKETS; i++) {
		if (!h->bucket[i] || below + h->bucket[i] < want) {
			below += h->bucket[i];
			continue;
		}
		low = low_of(i);
		width = low_of(i + 1) - low;
		value = low + (uint64_t)((double)width * (want - below) /
					 h->bucket[i]);
		return value < h->max ? value : h->max;
	}
	return h->max;
}
