/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A sender that need not call, since a worker is bound to look at its ring.
 *
 *   Sender	what <linux/weir.h> asks of user space at usq_tail and kflags
 *   enter()	ENTER: weir_client_enter() in kmod/enter.c; the giving of a promise
 *		(NEED_ENTER cleared, the sender on the list) in kmod/core
 *   submit()	weir_engine_submit() and apply_all() in kmod/core/submit.c
 *   hand_out()	weir_dispatch() in kmod/core/dispatch.c
 *   sweep()	the emptying of the list: by a worker about to sleep, at an attach,
 *		a death, by the timer
 *
 * Shown: when all is at rest, no promise stands, since nobody is left to keep it;
 * if a worker sleeps, all that was published has been taken; if there is none, as
 * much as there is room for, and for the rest the next worker looks. No entry is
 * taken twice. How a sleeper is woken is in wakeup.pml; here it is one step.
 *
 * Each MISTAKE_ must be found.
 */
#define ENTRIES	3
#define DEPTH	1	/* messages that may wait in the channel */
#define WORKERS	2

#define PROCS	4
#define SENDER	0
#define OTHER	1
#define WORKER	2	/* and the one after it */

#define VARS	2
#define TAIL	0	/* usq_tail, free running */
#define CLEAR	1	/* kflags: NEED_ENTER is not set */

#define LOCKS	2
#define SQ	0	/* the sender's sq_lock */
#define ENGINE	1	/* the engine's lock */

#include "memory.pml"

byte head;		/* sq_head; SQ */
byte taken[ENTRIES + 1]; /* how often each entry was; one too many for gcc */
bool promised;		/* the engine's copy of CLEAR; ENGINE, like all below */
bool listed;		/* the sender is on the promise list */
byte lane;		/* messages that wait */
bool attached[WORKERS];
bool idle[WORKERS];	/* asked for a message and has none */
bool has[WORKERS];	/* holds a message */

bool sender_done;

inline set_promised(me, x)
{
	if
	:: promised != x ->
		promised = x;
		store(me, CLEAR, x)
	:: else
	fi
}

inline hand_out()
{
	d_step {
		w = 0;
		do
		:: w == WORKERS -> break
		:: else ->
			if
			:: lane && idle[w] ->
				lane--;
				idle[w] = false;
				has[w] = true
			:: else
			fi;
			w++
		od;
		w = 0
	}
}

/*
 * Under SQ. Takes entries up to tail, as far as there is room. If some stay and
 * the sender relies on us, that is noted (owe) before anyone can make room: a
 * worker that does so afterwards finds the sender on the list.
 */
inline submit(me, owe)
{
	atomic {
		tail = load(me, TAIL);
		from = head
	};
	atomic {
		lock(me, ENGINE);
		do
		:: from < tail && lane < DEPTH ->
			taken[from]++;
			assert(taken[from] == 1);
			from++;
			lane++;
			hand_out()
		:: else -> break
		od;
		left = from < tail;
		listed = listed || (owe && left);
		unlock(me, ENGINE);
		head = from;
		tail = 0;
		from = 0
	}
}

#if defined(MISTAKE_OWED_IS_FORGOTTEN) || defined(MISTAKE_OWED_IS_NOTED_LATE)
#define SWEEP_OWES	false
#else
#define SWEEP_OWES	true
#endif

#ifdef MISTAKE_SWEEP_WITHOUT_SQ_LOCK
#define sweep_lock(me)		skip
#define sweep_unlock(me)	skip
#else
#define sweep_lock(me)		lock(me, SQ)
#define sweep_unlock(me)	unlock(me, SQ)
#endif

/* With no lock. One round for each time the sender is found on the list. */
inline sweep(me)
{
	left = false;
	do
	:: left -> break	/* there is no room */
	:: !left ->
		atomic {
			lock(me, ENGINE);
			found = listed;
			listed = false;
			if
			:: found -> set_promised(me, false)
			:: else
			fi;
			unlock(me, ENGINE);
		};
		if
		:: found ->
			found = false;
#ifndef MISTAKE_SWEEP_WITHOUT_FENCE
			fence(me);
#endif
			sweep_lock(me);
			submit(me, SWEEP_OWES);
#ifdef MISTAKE_OWED_IS_NOTED_LATE
			atomic {
				lock(me, ENGINE);
				listed = listed || left;
				unlock(me, ENGINE)
			};
#endif
			sweep_unlock(me)
		:: else -> break
		fi
	od;
	left = false
}

#define someone_idle	((attached[0] && idle[0]) || (attached[1] && idle[1]))
#define someone_busy	((attached[0] && !idle[0]) || (attached[1] && !idle[1]))
#ifdef MISTAKE_PROMISE_OF_A_SLEEPER
#define someone_bound	(attached[0] || attached[1])
#else
#define someone_bound	(!someone_idle && someone_busy)
#endif

/* On return left tells whether entries stay, for want of room. */
inline enter(me)
{
	lock(me, SQ);
	submit(me, false);
	atomic {
		lock(me, ENGINE);
		found = someone_bound;
		set_promised(me, found);
		listed = listed || found;
		unlock(me, ENGINE)
	};
	fence(me);
#ifndef MISTAKE_REFUSAL_WITHOUT_A_LAST_LOOK
	/* If a promise was given the look could be left to the list. */
	submit(me, false);
#endif
	atomic {
		lock(me, ENGINE);
		/* What stays may be owed: then the sender is on the list. */
		listed = listed && (found || left);
		unlock(me, ENGINE);
		found = false
	};
	unlock(me, SQ)
}

active proctype Sender()
{
	byte tail, from, w, published;
	bool left, found;

	do
	:: published < ENTRIES ->
		published++;
		store(SENDER, TAIL, published);
#ifndef MISTAKE_PUBLISH_WITHOUT_FENCE
		fence(SENDER);
#endif
		if
		:: load(SENDER, CLEAR)
		:: else ->
			enter(SENDER);
			do
			:: left ->
end:				lane < DEPTH;	/* sleeps for room */
				enter(SENDER)
			:: else -> break
			od
		fi
	:: else -> break
	od;
	sender_done = true
}

/*
 * Another thread of the sender enters, or the timer sweeps, once and whenever
 * they like.
 */
active proctype Other()
{
	byte tail, from, w;
	bool left, found;

	if
	:: enter(OTHER)
	:: sweep(OTHER)
	fi;
	left = false
}

/* Who is idle under the engine's lock gets messages, and makes no promise. */
inline ask(me, nr)
{
	atomic {
		lock(me, ENGINE);
		idle[nr] = true;
		hand_out();
		unlock(me, ENGINE)
	}
}

inline answer(me, nr)
{
	atomic {
		lock(me, ENGINE);
		has[nr] = false;
		unlock(me, ENGINE)
	}
}

/* What it holds goes back, beyond the depth if need be. */
inline end_worker(me, nr)
{
	atomic {
		lock(me, ENGINE);
		attached[nr] = false;
		idle[nr] = false;
		lane = lane + has[nr];
		has[nr] = false;
		hand_out();
		unlock(me, ENGINE)
	};
#ifndef MISTAKE_DEATH_WITHOUT_SWEEP
	sweep(me)
#endif
}

/* The first may die at any time; the second comes at any time or never, and stays. */
active [WORKERS] proctype Worker()
{
	byte tail, from, w;
	byte nr = _pid - PROCS - WORKER;
	bool left, found;

	if
	:: nr == 1 -> goto absent
	:: true
	fi;
	atomic {
		lock(_pid - PROCS, ENGINE);
		attached[nr] = true;
		unlock(_pid - PROCS, ENGINE)
	};
	do
	:: nr == 0 ->
		end_worker(_pid - PROCS, nr);
		break
	:: true ->
#ifdef MISTAKE_SWEEP_BEFORE_ASKING
		sweep(_pid - PROCS);
		ask(_pid - PROCS, nr);
#else
		ask(_pid - PROCS, nr);
		sweep(_pid - PROCS);
#endif
end:
		if
		:: has[nr] -> answer(_pid - PROCS, nr)
		:: nr == 0 -> skip	/* dies in its sleep, or with a message */
		fi
	od;
absent:	skip
}

active proctype AtRest()
{
	timeout;
	assert(!mem[CLEAR]);
	if
	:: attached[1] ->
		assert(sender_done && head == ENTRIES);
		assert(idle[1] && lane == 0)
	:: else ->
		assert(head == mem[TAIL] ||
		       (lane >= DEPTH && (listed || !sender_done)))
	fi
}
