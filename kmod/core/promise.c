// SPDX-License-Identifier: GPL-2.0-only
/*
 * Promises: a sender whose NEED_ENTER is clear need not call after it has
 * published; somebody will look at its ring.
 *
 * A promise is given only while a worker holds messages and no worker could be
 * given any: then one of them is bound to come back. (Not where messages are
 * copied, since that may have to sleep for memory.) Whoever leaves the engine
 * and finds that this is no longer so (a worker asks, attaches or dies, the
 * channel's state changes, time passes) looks at the rings of all who were
 * promised it: weir_engine_finish() notes it, weir_promise_sweep() does it.
 *
 * While others send by calling, the worker may never lack messages. So with
 * each batch that is handed out one of these rings is looked at as well; but not
 * one that somebody is at just now: to wait for him would hold up the worker, and
 * since the promise is kept nothing depends on this look.
 * If all that are tried are such, none is looked at this time.
 *
 * Only who does nothing but send is promised anything (weir_promise_fits()).
 *
 * Sender: store the tail (release), full fence, load kflags. Sweeper: set
 * NEED_ENTER, full fence, load the tail. So either the sender sees the flag and
 * calls, or the sweeper sees what it published. Giving a promise needs no such
 * look: it says that somebody will come, not that all has been seen.
 */
#include "engine.h"

#define SWEEP_MAX	64	/* slots of one sender taken at once */
#define LOOK_MAX	8U	/* senders looked at for one that has sent */

/**
 * weir_promise_kept - is somebody bound to come who has use for messages?
 * @e: engine, locked
 */
bool weir_promise_kept(struct weir_engine *e)
{
	return e->nr_busy && !e->closed && !weir_fanout(e) && e->cfg.zerocopy &&
	       e->cfg.state == WEIR_CHANNEL_STATE_RUNNING &&
	       !weir_policy_any_open(e);
}

static bool needs_enter(const struct weir_peer *p)
{
	return p->rings.kflags & WEIR_RING_NEED_ENTER;
}

static void list_promised(struct weir_engine *e, struct weir_peer *p)
{
	if (p->promised)
		return;
	p->promised = true;
	list_add_tail(&p->promise_link, &e->promised);
	e->nr_promised++;
}

/**
 * weir_promise_give - tell a sender that it need not call
 * @e: engine, locked; weir_promise_kept()
 * @p: sender, not gone
 */
void weir_promise_give(struct weir_engine *e, struct weir_peer *p)
{
	e->c.promises += !p->promised;
	list_promised(e, p);
	e->nr_quiet += needs_enter(p);
	weir_ring_flag(&p->rings, WEIR_RING_NEED_ENTER, false);
}

/**
 * weir_promise_withdraw - the sender has to call again
 * @e: engine, locked
 * @p: sender; the caller looks at its ring afterwards, or it has ended
 */
void weir_promise_withdraw(struct weir_engine *e, struct weir_peer *p)
{
	if (!p->promised)
		return;
	p->promised = false;
	list_del(&p->promise_link);
	e->nr_promised--;
	e->nr_quiet -= !needs_enter(p);
	weir_ring_flag(&p->rings, WEIR_RING_NEED_ENTER, true);
	/* Pairs with the sender's fence between its tail and its look. */
	smp_mb();
}

/* One weir_promise_sweep(): how many senders to look at, and is it for @look? */
struct sweep {
	u32 tries;
	bool look;
};

/* The sender next in line, withdrawn; or NULL if no look is needed. */
static struct weir_peer *next_promised(struct weir_engine *e,
				       struct weir_wake *wake, struct sweep *s)
{
	struct weir_peer *p = NULL;
	bool kept;

	weir_engine_lock(e, wake);
	s->look |= e->look;
	e->look = false;
	kept = weir_promise_kept(e);
	while (s->tries && e->nr_promised && (s->look || !kept) && !p) {
		p = list_first_entry(&e->promised, struct weir_peer,
				     promise_link);
		/* Who is owed goes to the list's end: each once. */
		s->tries = min3(s->tries, e->nr_promised,
				kept ? LOOK_MAX : U32_MAX) - 1;
		if (kept && READ_ONCE(p->at_ring)) {
			list_move_tail(&p->promise_link, &e->promised);
			p = NULL;
			continue;
		}
		weir_promise_withdraw(e, p);
		e->c.sweeps++;
	}
	weir_engine_unlock(e);
	return p;
}

/*
 * What could not be taken for want of room, or of time, is still owed. Since
 * the sender was not listed for a moment others may have made room, seen nobody
 * to look at, and gone to rest. Return: whether there is room by now, so that
 * it is to be looked at again.
 */
static bool owe(struct weir_engine *e, struct weir_peer *p,
		struct weir_wake *wake)
{
	bool room;

	weir_engine_lock(e, wake);
	if (weir_promise_fits(p))
		list_promised(e, p);
	room = weir_engine_open(e, p);
	weir_engine_unlock(e);
	return room;
}

/* Return: whether another look may be of use. */
static bool sweep_one(struct weir_engine *e, struct weir_peer *p, u64 now,
		      struct weir_wake *wake)
{
	bool again = false;
	int n = 0;

	spin_lock_bh(&p->sq_lock);
	if (!p->gone) {
		wake->swept = p;
		p->hold = false;
		p->swept = true;
		n = weir_engine_submit(e, p, SWEEP_MAX, 0, false, now, wake);
		p->swept = false;
		/* An entry of several slots may not have fitted in. */
		if (p->blocked || n >= SWEEP_MAX - WEIR_REASON_SLOTS)
			again = owe(e, p, wake);
	}
	spin_unlock_bh(&p->sq_lock);
	return n > 0 || again;
}

/**
 * weir_promise_later - leave the looks that are due to weir_engine_tick()
 * @e: engine; no lock is held
 * @now: ns
 * @wake: see there
 */
void weir_promise_later(struct weir_engine *e, u64 now, struct weir_wake *wake)
{
	weir_engine_lock(e, wake);
	e->sweep_at = now;
	WRITE_ONCE(e->alarm, now);
	weir_engine_unlock(e);
}

/**
 * weir_promise_sweep - look at the rings of those who were told not to call
 * @e: engine; no lock is held
 * @now: ns
 * @wake: see there; @sweep and @look of it are cleared first
 *
 * Takes at most SWEEP_MAX slots, of one sender.
 *
 * Return: whether it found any, so that another call may be of use.
 * Context: RCU read section, in which the senders stay.
 */
bool weir_promise_sweep(struct weir_engine *e, u64 now, struct weir_wake *wake)
{
	struct sweep s = { .tries = U32_MAX };
	struct weir_peer *p;

	wake->sweep = false;
	wake->look = false;
	while ((p = next_promised(e, wake, &s)))
		if (sweep_one(e, p, now, wake))
			return true;
	return false;
}
