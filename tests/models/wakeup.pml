/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A completion wakes who sleeps for it, though wakers leave each other work.
 *
 *   Waker	post() is weir_ring_publish() and weir_engine_wake_peer() in
 *		kmod/core, under the engine's lock; wake() is wake_peers() in
 *		kmod/change.c, with no lock
 *   Sleeper	weir_line_sleep() in kmod/line.c with enough() of kmod/enter.c
 *
 * Shown: when all is at rest, the sleeper has seen all completions; a peer is on one
 * waker's list at a time.
 *
 * Each MISTAKE_ must be found.
 */
#define WAKERS	2
#define POSTS	2	/* by each of them */

#define PROCS	3
#define SLEEPER	2	/* after the wakers */

#define VARS	3
#define TAIL	0	/* cq_tail */
#define WAKING	1	/* waking of the peer */
#define QUEUED	2	/* the sleeper is in the wait queue */

#define LOCKS	2
#define ENGINE	0	/* the engine's lock */
#define QUEUE	1	/* the wait queue's lock */

#include "memory.pml"

byte wake_next;		/* whose list the peer is on: me + 1 */
bool asleep;		/* the scheduler's; set and cleared under QUEUE */
byte seen;

/* The tail is read by its only writer, who holds the lock. */
inline post(me, mine)
{
	lock(me, ENGINE);
	count++;
	store(me, TAIL, count);
#ifndef MISTAKE_POST_WITHOUT_FENCE
	fence(me);
#endif
	if
	:: load(me, WAKING)
	:: else ->
		store(me, WAKING, true);
		wake_next = me + 1;
		mine = true
	fi;
	unlock(me, ENGINE)
}

inline wake_sleeper(me)
{
	atomic {
		lock(me, QUEUE);
		asleep = false;
		unlock(me, QUEUE)
	}
}

inline look_at_queue(me)
{
#ifndef MISTAKE_LOOK_WITHOUT_FENCE
	fence(me);
#endif
	if
	:: load(me, QUEUED) -> wake_sleeper(me)
	:: else
	fi
}

inline wake(me)
{
#ifdef MISTAKE_WAKING_CLEARED_BEFORE_NEXT_IS_READ
	store(me, WAKING, false);
	assert(wake_next == me + 1);
	look_at_queue(me)
#else
	assert(wake_next == me + 1);
#ifdef MISTAKE_WAKING_CLEARED_AFTER_THE_LOOK
	look_at_queue(me);
	store(me, WAKING, false)
#else
	store(me, WAKING, false);
	look_at_queue(me)
#endif
#endif
}

byte count;		/* completions; ENGINE */

active [WAKERS] proctype Waker()
{
	byte n;
	bool mine;

	for (n : 1 .. POSTS) {
		post(_pid - PROCS, mine);
		if
		:: mine ->
			wake(_pid - PROCS);
			mine = false
		:: else
		fi
	}
}

inline prepare_to_wait()
{
	lock(SLEEPER, QUEUE);
	store(SLEEPER, QUEUED, true);
	asleep = true;
	unlock(SLEEPER, QUEUE);
#ifndef MISTAKE_SLEEP_WITHOUT_FENCE
	fence(SLEEPER)
#endif
}

inline finish_wait()
{
	lock(SLEEPER, QUEUE);
	asleep = false;
	store(SLEEPER, QUEUED, false);
	unlock(SLEEPER, QUEUE)
}

active proctype Sleeper()
{
	byte tail;

	do
#ifdef MISTAKE_LOOK_BEFORE_QUEUEING
	:: tail = load(SLEEPER, TAIL);
	   prepare_to_wait();
#else
	:: prepare_to_wait();
	   tail = load(SLEEPER, TAIL);
#endif
	   if
	   :: tail != seen -> skip
	   :: else ->
end:		!asleep		/* schedule() */
	   fi;
	   finish_wait();
	   seen = load(SLEEPER, TAIL)
	od
}

active proctype AtRest()
{
	timeout;
	assert(count == WAKERS * POSTS && seen == count)
}
