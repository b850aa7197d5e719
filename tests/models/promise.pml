/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A sender that need not call, since somebody is bound to look at its ring.
 *
 *   Sender	what <linux/weir.h> asks of user space at usq_tail and kflags;
 *		enter() is weir_client_enter() in kmod/enter.c
 *   submit()	weir_engine_submit() in kmod/core/submit.c
 *   finish()	weir_engine_finish() in kmod/core/engine.c, which hands out and notes
 *		that a sweep is due; kept() is weir_promise_kept()
 *   sweep()	sweep() in kmod/change.c with weir_promise_sweep(), next_promised(),
 *		sweep_one() and owe() in kmod/core/promise.c
 *   Worker	its joining, its answers and its end, as far as the engine sees them
 *
 * Shown: when all is at rest, no promise stands, since nobody is left to keep it;
 * if there is a worker, all that was published has been taken; if there is none, as
 * much as there is room for, and the next worker looks for the rest. No entry is
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
byte taken[ENTRIES + 1];	/* how often each entry was */
bool promised;		/* the engine's copy of CLEAR; ENGINE, like all below */
bool listed;		/* the sender is on the promise list */
byte lane;		/* messages that wait */
bool attached[WORKERS];
bool has[WORKERS];	/* holds a message */
bool paused;

bool sender_done;

#define open(w)		(attached[w] && !has[w] && !paused)
#define busy(w)		(attached[w] && has[w])
#ifdef MISTAKE_PROMISE_OF_A_SLEEPER
#define kept()		((attached[0] || attached[1]) && !paused)
#else
#define kept()		((busy(0) || busy(1)) && !open(0) && !open(1) && !paused)
#endif

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
			:: lane && open(w) ->
				lane--;
				has[w] = true
			:: else
			fi;
			w++
		od;
		w = 0
	}
}

/* What is due afterwards, with no lock, is in due. */
inline finish()
{
	hand_out();
	due = due || (listed && !kept())
}

/*
 * Under SQ. Takes entries up to tail, as far as there is room; then n is how many,
 * left whether some stay.
 */
inline submit(me)
{
	atomic {
		tail = load(me, TAIL);
		from = head;
		n = 0
	};
	atomic {
		lock(me, ENGINE);
		do
		:: from < tail && lane < DEPTH ->
			taken[from]++;
			assert(taken[from] == 1);
			from++;
			lane++;
			n++;
			hand_out()
		:: else -> break
		od;
		left = from < tail;
		finish();
		if
		:: kept() ->
			listed = true;
			set_promised(me, true)
		:: else
		fi;
		unlock(me, ENGINE);
		head = from;
		tail = 0;
		from = 0
	}
}

#ifdef MISTAKE_SWEEP_WITHOUT_SQ_LOCK
#define sweep_lock(me)		skip
#define sweep_unlock(me)	skip
#else
#define sweep_lock(me)		lock(me, SQ)
#define sweep_unlock(me)	unlock(me, SQ)
#endif

/* What stays for want of room is owed, unless there is room by now. */
inline owe(me)
{
#ifdef MISTAKE_OWED_IS_FORGOTTEN
	skip
#else
	atomic {
		lock(me, ENGINE);
		listed = listed || left;
#ifndef MISTAKE_OWED_WITHOUT_A_LOOK_FOR_ROOM
		n = n + (left && lane < DEPTH);
#endif
		unlock(me, ENGINE)
	}
#endif
}

/* With no lock, if it is due. */
inline sweep(me)
{
	do
	:: !due -> break
	:: due ->
		due = false;
		atomic {
			lock(me, ENGINE);
			found = listed && !kept();
			listed = listed && !found;
			if
			:: found -> set_promised(me, false)
			:: else
			fi;
			unlock(me, ENGINE)
		};
		if
		:: found ->
			found = false;
#ifndef MISTAKE_SWEEP_WITHOUT_FENCE
			fence(me);
#endif
			sweep_lock(me);
			submit(me);
			owe(me);
			sweep_unlock(me);
			due = n > 0;
			n = 0
		:: else
		fi
	od;
	left = false
}

/* On return stays tells whether entries do, for want of room. */
inline enter(me)
{
	lock(me, SQ);
	submit(me);
	unlock(me, SQ);
	n = 0;
	stays = left;
	sweep(me)
}

active proctype Sender()
{
	byte tail, from, w, n, published;
	bool left, stays, found, due;

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
			:: stays ->
end:				lane < DEPTH;	/* sleeps for room */
				enter(SENDER)
			:: else -> break
			od
		fi
	:: else -> break
	od;
	sender_done = true
}

inline set_paused(me, x)
{
	atomic {
		lock(me, ENGINE);
		paused = x;
		finish();
		unlock(me, ENGINE)
	};
	sweep(me)
}

/*
 * Another thread of the sender enters, or the channel is paused for a while, once
 * and whenever they like.
 */
active proctype Other()
{
	byte tail, from, w, n;
	bool left, stays, found, due;

	if
	:: enter(OTHER)
	:: set_paused(OTHER, true);
	   set_paused(OTHER, false)
	fi;
	stays = false
}

inline join(me, nr)
{
	atomic {
		lock(me, ENGINE);
		attached[nr] = true;
		finish();
		unlock(me, ENGINE)
	};
	sweep(me)
}

inline answer(me, nr)
{
	atomic {
		lock(me, ENGINE);
		has[nr] = false;
		finish();
		unlock(me, ENGINE)
	};
#ifdef MISTAKE_SLEEP_WITHOUT_SWEEP
	due = false
#else
	sweep(me)
#endif
}

/* What it holds goes back, beyond the depth if need be. */
inline end_worker(me, nr)
{
	atomic {
		lock(me, ENGINE);
		attached[nr] = false;
		lane = lane + has[nr];
		has[nr] = false;
		finish();
		unlock(me, ENGINE)
	};
#ifndef MISTAKE_DEATH_WITHOUT_SWEEP
	sweep(me)
#endif
}

/*
 * The first may die at any time, asleep or with a message; the second comes at any
 * time or never, and stays.
 */
active [WORKERS] proctype Worker()
{
	byte tail, from, w, n;
	byte nr = _pid - PROCS - WORKER;
	bool left, found, due;

	if
	:: nr == 1 -> goto absent
	:: true
	fi;
	join(_pid - PROCS, nr);
	do
	:: true ->
end:		if
		:: has[nr] -> answer(_pid - PROCS, nr)
		:: nr == 0 ->
			end_worker(_pid - PROCS, nr);
			break
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
		assert(!has[1] && lane == 0)
	:: else ->
		assert(head == mem[TAIL] ||
		       (lane >= DEPTH && (listed || !sender_done)))
	fi
}
