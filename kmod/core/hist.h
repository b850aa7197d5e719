/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Log-linear histogram: 8 buckets to each power of two, so that a percentile
 * read from it is off by an eighth at most.
 */
#ifndef _WEIR_CORE_HIST_H
#define _WEIR_CORE_HIST_H

#include <weir/hist.h>

#include "port.h"

/**
 * struct weir_hist
 * @count: written last: who keeps a copy looks no further while it is the same.
 * @last: @last_index: the last value and its bucket: those of a batch are alike.
 * @trail: the last WEIR_HIST_TRAIL buckets that values went to, each change of
 *	bucket once; @steps: how many changes there were. Who keeps a copy sees
 *	by these which buckets to look at. Either may be read without the lock.
 */
struct weir_hist {
	u64 count;
	u64 sum;
	u64 max;
	u64 last;
	u32 last_index;
	u32 steps;
	u64 trail;
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

/* The steps after the trail: who reads them in the other order misses none. */
static inline void weir_hist_turn(struct weir_hist *h, u32 index)
{
	if (index == h->last_index)
		return;
	h->last_index = index;
	WRITE_ONCE(h->trail, h->trail << WEIR_HIST_TRAIL_BITS | index);
	WRITE_ONCE(h->steps, h->steps + 1);
}

/* The same value, @n times. */
static inline void weir_hist_add_many(struct weir_hist *h, u64 ns, u32 n)
{
	if (ns != h->last) {
		h->last = ns;
		weir_hist_turn(h, weir_hist_index(ns));
		if (ns > h->max)
			h->max = ns;
	}
	h->sum += ns * n;
	h->bucket[h->last_index] += n;
	/* Pairs with the order in which an observer reads: copy_hist() there. */
	smp_store_release(&h->count, h->count + n);
}

static inline void weir_hist_add(struct weir_hist *h, u64 ns)
{
	weir_hist_add_many(h, ns, 1);
}

/**
 * struct weir_hist_run - messages of a batch that have the same time to tell
 * @then: when it began to run, for the last @n of them.
 */
struct weir_hist_run {
	struct weir_hist *hist;
	u64 now;
	u64 then;
	u32 n;
};

static inline void weir_hist_run_end(struct weir_hist_run *r)
{
	/* Callers read the clock before they wait for the lock: see weir_elapsed(). */
	if (r->n)
		weir_hist_add_many(r->hist, r->now > r->then ?
				   r->now - r->then : 0, r->n);
	r->n = 0;
}

static inline void weir_hist_run_add(struct weir_hist_run *r, u64 then)
{
	if (then != r->then) {
		weir_hist_run_end(r);
		r->then = then;
	}
	r->n++;
}

u64 weir_hist_low(u32 index);

#endif /* _WEIR_CORE_HIST_H */
