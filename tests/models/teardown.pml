/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end of clients: of their process, of their file, by a kick, in any order and
 * all at once. Two clients, one process holds both.
 *
 *   Process	release(), pop() in kmod/holder.c, with held_tryget(), held_died(),
 *		held_put() of kmod/client.c; __mmu_notifier_release() as far as it
 *		concerns them
 *   File	client_release() in kmod/client.c: weir_client_end(),
 *		weir_holder_drop(), weir_client_put()
 *   Kick	a request that found the client in the channel's list
 *   Waker	whoever posts to the client: kmod/core, wake_peers() in kmod/change.c
 *   end()	weir_engine_end() in kmod/core/end.c
 *   Free	what call_rcu() and mmu_notifier_put() wait for, then the memory's end
 *
 * Shown: each client ends once, nothing is posted to it afterwards; nothing is
 * touched once it is freed, freed twice, or left over. That memory is ordered is the
 * locks' and reference counts' doing: no store buffers here.
 *
 * Each MISTAKE_ must be found.
 */
#define CLIENTS	2

mtype = { LIVE, UNREACHED, FREED };	/* UNREACHED: a grace period is waited for */

/* Of each client. */
mtype client[CLIENTS] = LIVE;
byte refs[CLIENTS] = 1;		/* the file's */
bool held[CLIENTS] = true;	/* link is in the holder's list; holder's lock */
bool listed[CLIENTS] = true;	/* in the channel's list; clients_lock */
bool locked[CLIENTS];		/* sq_lock, outside the engine's */
bool gone[CLIENTS];		/* both locks to set */
byte ended[CLIENTS];
byte readers[CLIENTS];		/* RCU sections that may look at it */

/* The holder. */
mtype holder = LIVE;
byte users = CLIENTS;		/* of the notifier: one for each client held */
bool notified;			/* an SRCU section goes through it */
bool holder_locked;

#define touch(c)	assert(client[c] != FREED)
#define touch_holder()	assert(holder != FREED)

inline get(c)
{
	atomic {
		touch(c);
		assert(refs[c]);
		refs[c]++
	}
}

inline put(c)
{
	atomic {
		touch(c);
		assert(refs[c]);
		refs[c]--;
		if
		:: refs[c] == 0 -> client[c] = UNREACHED
		:: else
		fi
	}
}

inline end(c)
{
	touch(c);
#ifndef MISTAKE_END_WITHOUT_SQ_LOCK
	atomic {
		!locked[c] -> locked[c] = true
	};
#endif
	was_gone = gone[c];
	if
	:: was_gone
	:: else ->
		/* Takes what was published: the engine's lock comes and goes. */
		atomic {
			touch(c);
			gone[c] = true;
			ended[c]++;
			assert(ended[c] == 1)
		}
	fi;
	locked[c] = false;
	was_gone = false
}

/* One client off the list, with a reference; or CLIENTS. */
inline pop()
{
	atomic {
		!holder_locked;
		touch_holder();
		c = 0;
		do
		:: c == CLIENTS -> break
		:: c < CLIENTS && held[c] ->
			held[c] = false;
			touch(c);
#ifndef MISTAKE_POP_WITHOUT_REFERENCE
			if
			:: refs[c] -> refs[c]++; break
			:: else -> c++	/* on its way out */
			fi
#else
			break
#endif
		:: else -> c++
		od
	}
}

/* The last thread leaves the address space. */
active proctype Process()
{
	byte c;
	bool was_gone;

	atomic {
		if
		:: users -> notified = true
		:: else -> goto out	/* taken off before: nobody to tell */
		fi
	};
	do
	:: true ->
		pop();
		if
		:: c == CLIENTS -> break
		:: else ->
			end(c);
#ifndef MISTAKE_POP_WITHOUT_REFERENCE
			put(c)
#endif
		fi
	od;
	notified = false;
out:	skip
}

inline drop_holder(c)
{
	atomic {
		!holder_locked -> holder_locked = true;
		touch_holder()
	};
	touch(c);
	held[c] = false;
	atomic {
		touch_holder();
		holder_locked = false
	};
	atomic {
		touch_holder();
		assert(users);
		users--;
		if
		:: users == 0 -> holder = UNREACHED
		:: else
		fi
	}
}

/* Last close. */
active [CLIENTS] proctype File()
{
	byte c = _pid - 1;
	bool was_gone;

	end(c);
#ifdef MISTAKE_FILE_LEAVES_THE_LIST_LAST
	drop_holder(c);
	put(c);
	listed[c] = false
#else
	listed[c] = false;
#ifdef MISTAKE_FILE_DROPS_THE_HOLDER_LAST
	put(c);
	drop_holder(c)
#else
	drop_holder(c);
	put(c)
#endif
#endif
}

/* Under clients_lock it finds the client, and takes a reference. */
active proctype Kick()
{
	byte c = 0;
	bool was_gone;

	atomic {
		if
		:: listed[c] -> touch(c)
		:: else -> goto out
		fi;
		if
		:: refs[c] -> get(c)
		:: else -> goto out
		fi
	};
	end(c);
	put(c);
out:	skip
}

/*
 * Posts under the engine's lock, where gone is looked at, and looks at the wait
 * queue when it has no lock any more.
 */
active proctype Waker()
{
	byte c = 0;

	atomic {
		if
		:: gone[c] -> goto out
		:: else
		fi;
		touch(c);
#ifndef MISTAKE_WAKE_WITHOUT_RCU
		readers[c]++
#endif
	};
	touch(c);
#ifndef MISTAKE_WAKE_WITHOUT_RCU
	readers[c]--;
#endif
out:	skip
}

active [CLIENTS] proctype Free()
{
	byte c = _pid - CLIENTS - 3;

	client[c] == UNREACHED && !readers[c];
	client[c] = FREED
}

active proctype FreeHolder()
{
#ifdef MISTAKE_HOLDER_FREED_AT_ONCE
	holder == UNREACHED;
#else
	holder == UNREACHED && !notified;
#endif
	holder = FREED
}

active proctype AtRest()
{
	timeout;
	assert(client[0] == FREED && client[1] == FREED);
	assert(ended[0] == 1 && ended[1] == 1);
	assert(holder == FREED && users == 0)
}
