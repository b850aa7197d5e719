/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Log-linear histogram: 8 buckets to each power of two, so that a percentile
 * read from it is off by an eighth at most.
 */
#ifndef _WEIR_CORE_HIST_H
#define _WEIR_CORE_HIST_H

#include "port.h"

#define WEIR_HIST_BITS		3
#define WEIR_HIST_TOP		43	/* values from 2^43 ns (2.4 h) share a bucket */
#define WEIR_HIST_BUCKETS	((WEIR_HIST_TOP - WEIR_HIST_BITS + 1) << WEIR_HIST_BITS)

/**
 * struct weir_hist
 * @last: @last_index: the last value and its bucket: those of a batch are alike.
 */
struct weir_hist {
	u64 count;
	u64 sum;
	u64 max;
	u64 last;
	u32 last_index;
	u64 bucket[WEIR_HIST_BUCKETS];
};

static inline u32 weir_hist_index(u64 ns)
{
	u32 top;

	if (ns < (1U << (WEIR_HIST_BITS + 1)))
		return ns;
	top = fls64(ns) - 1;
	if (top >= WEIR_HIST_TOP)
		return WEIR_HIST_BUCKETS - 1;
	return ((top - WEIR_HIST_BITS) << WEIR_HIST_BITS) +
	       (u32)(ns >> (top - WEIR_HIST_BITS));
}

static inline void weir_hist_add(struct weir_hist *h, u64 ns)
{
	if (ns != h->last) {
		h->last = ns;
		h->last_index = weir_hist_index(ns);
		if (ns > h->max)
			h->max = ns;
	}
	h->count++;
	h->sum += ns;
	h->bucket[h->last_index]++;
}

u64 weir_hist_low(u32 index);

#endif /* _WEIR_CORE_HIST_H */
