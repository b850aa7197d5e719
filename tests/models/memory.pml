/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory as processors show it to each other. Each process (me) has a buffer of
 * one store, which others see only when it is flushed: at any time, or by a full
 * fence. The process itself sees it at once. A lock is seen free only after what
 * was stored under it. So a load may overtake an earlier store, which is what
 * full fences are there to prevent. That entries are seen once their tail is
 * (release and acquire) is taken for granted: the unit tests look at it with
 * ThreadSanitizer.
 *
 * Define PROCS, VARS and LOCKS before this is included, and include it before
 * any active process: the first PROCS process numbers are the buffers' own.
 */
byte mem[VARS];
bool buffered[PROCS];
byte buf_var[PROCS];
byte buf_val[PROCS];
byte held_by[LOCKS];		/* me + 1, or 0 */
byte unlocks[PROCS];		/* set of locks that are free with the flush */

#define load(me, v)	\
	((buffered[me] && buf_var[me] == v) -> buf_val[me] : mem[v])

inline store(me, v, x)
{
	d_step {
		!buffered[me];
		buffered[me] = true;
		buf_var[me] = v;
		buf_val[me] = x
	}
}

inline fence(me)
{
	!buffered[me]
}

inline lock(me, l)
{
	d_step {
		held_by[l] == 0;
		held_by[l] = me + 1
	}
}

inline unlock(me, l)
{
	d_step {
		assert(held_by[l] == me + 1);
		if
		:: buffered[me] -> unlocks[me] = unlocks[me] | (1 << l)
		:: else -> held_by[l] = 0
		fi
	}
}

active [PROCS] proctype Flush()
{
	byte l;
end:
	do
	:: d_step {
		buffered[_pid];
		mem[buf_var[_pid]] = buf_val[_pid];
		buffered[_pid] = false;
		buf_var[_pid] = 0;
		buf_val[_pid] = 0;
		l = 0;
		do
		:: l == LOCKS -> break
		:: else ->
			if
			:: unlocks[_pid] & (1 << l) -> held_by[l] = 0
			:: else
			fi;
			l++
		od;
		l = 0;
		unlocks[_pid] = 0
	   }
	od
}
