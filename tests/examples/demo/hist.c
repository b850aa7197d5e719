// SPDX-License-Identifier: GPL-2.0-only
#include "hist.h"

/* Each power of two from 16 on is cut into 8 buckets of equal width. */
static uint64_t width(uint64_t low)
{
	return low < 16 ? 1 : 1ULL << (63 - __builtin_clzll(low) - 3);
}

/* The value @percent of all are not above, as if a bucket were evenly filled. */
uint64_t hist_percentile(const struct hist *hist, double percent)
{
	double want = hist->count * percent / 100, below = 0;

	for (size_t i = 0; i < hist->nr; i++) {
		double in = hist->bucket[i].count;
		uint64_t low = hist->bucket[i].low, value;

		if (below + in < want) {
			below += in;
			continue;
		}
		value = low + (uint64_t)(width(low) * (want - below) / in);
		return value < hist->max ? value : hist->max;
	}
	return hist->max;
}
