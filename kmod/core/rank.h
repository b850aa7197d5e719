/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How urgently a worker's process has to run, for who schedules processors.
 *
 * Read without a lock, from wherever a process is put on a run queue: all that
 * is looked at are single words that the engine's lock protects against other
 * writers.
 */
#ifndef _WEIR_CORE_RANK_H
#define _WEIR_CORE_RANK_H

#include "engine.h"

/* Ranks for each priority. */
#define WEIR_RANK_STEP		32

/* Of @waiting of the engine. */
#define WEIR_WAITING_BITS	24
#define WEIR_WAITING_MAX	((1U << WEIR_WAITING_BITS) - 1)

/**
 * weir_rank_publish - how much waits now, and how urgent it is
 * @e: engine, locked
 *
 * With nothing in the lane the priority is that of what waited last: it is with
 * workers now, or nobody works.
 */
static inline void weir_rank_publish(struct weir_engine *e)
{
	bool paused = e->cfg.state == WEIR_CHANNEL_STATE_PAUSED;
	u64 ready = paused ? 0 : weir_lane_ready(&e->lane);
	u32 prio = e->lane.busy ? (u32)__ffs(e->lane.busy) :
				  e->waiting >> WEIR_WAITING_BITS;
	u32 word = prio << WEIR_WAITING_BITS |
		   (u32)min_t(u64, ready, WEIR_WAITING_MAX);

	/* Pairs with weir_rank(): one word, so the two belong together. */
	if (word != e->waiting)
		WRITE_ONCE(e->waiting, word);
}

/**
 * weir_rank - how urgently a worker's process has to run
 * @p: worker; needs RCU, its memory and its engine's stay for a grace period
 *
 * Return: 0 it holds nothing and nothing waits that it could take; else by the
 * most urgent priority that waits, then by the number of messages that do:
 * one more each time it doubles. 1..WEIR_PRIORITIES_MAX * WEIR_RANK_STEP.
 */
static inline u32 weir_rank(const struct weir_peer *p)
{
	u32 word = READ_ONCE(p->eng->waiting);
	u32 ready = word & WEIR_WAITING_MAX;

	if (READ_ONCE(p->gone))
		return 0;
	if (READ_ONCE(p->stopped) || READ_ONCE(p->late))
		ready = 0;
	if (!ready && !READ_ONCE(p->tags.used))
		return 0;
	return (WEIR_PRIORITIES_MAX - 1 - (word >> WEIR_WAITING_BITS)) *
	       WEIR_RANK_STEP + fls(ready) + 1;
}

#endif /* _WEIR_CORE_RANK_H */
