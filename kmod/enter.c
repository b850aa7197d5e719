// SPDX-License-Identifier: GPL-2.0-only
/*
 * ENTER and SETTLE: submit, and the only sleeps of the ring interface. All
 * state changes precede the sleep; it is interruptible.
 */
#include "client.h"

#include <linux/ktime.h>
#include <linux/sched/signal.h>

#include "change.h"
#include "copy.h"
#include "endpoint.h"
#include "line.h"
#include "trace.h"

#define SLOTS_MAX	256U	/* consumed with bottom halves off */

/* One ENTER under way. */
struct enter {
	struct weir_client *c;
	const struct weir_enter *arg;
	u32 done;	/* slots consumed so far */
	bool nowait;	/* of io_uring: bounded, and no signal ends it */
	bool limited;	/* @until is a deadline */
	bool nosleep;	/* the time-out was ~0 */
	bool blocked;	/* an entry waits for room */
	bool over;	/* of its sender's own share */
	bool cut;	/* there is more to copy */
	bool no_memory;	/* to copy into: refuse what would need it */
	u32 short_of;	/* class + 1 of which a buffer is needed */
	u64 returns;	/* idle_returns before the last look */
	struct weir_line line;
	ktime_t until;
};

static void set_deadline(struct enter *e, u64 timeout)
{
	e->nosleep = timeout == U64_MAX;
	e->limited = timeout && !e->nosleep;
	if (e->limited)
		e->until = ktime_add_safe(ktime_get(), ns_to_ktime(
				min_t(u64, timeout, KTIME_MAX)));
}

static bool enough(void *arg)
{
	struct enter *e = arg;

	return READ_ONCE(e->c->ep.peer.gone) ||
	       weir_endpoint_unread(&e->c->ep) >= e->arg->min_complete;
}

static bool room(void *arg)
{
	struct enter *e = arg;

	return READ_ONCE(e->c->ep.peer.gone) ||
	       weir_engine_open(&e->c->ch->eng, &e->c->ep.peer);
}

/* Consumes what it can. Return: slots, or why none can ever be. */
static int submit(struct enter *e)
{
	struct weir_client *c = e->c;
	struct weir_peer *p = &c->ep.peer;
	u32 max = min(e->arg->to_submit - e->done, SLOTS_MAX);
	struct weir_change change;
	int n = -ESHUTDOWN;
	u32 read;

	e->returns = READ_ONCE(c->ch->eng.idle_returns);
	weir_channel_begin(&change, c->ch);
	change.peer = p;
	spin_lock_bh(&p->sq_lock);
	p->hold = weir_line_ahead(c->ch, &e->line);
	p->no_memory = e->no_memory;
	WRITE_ONCE(p->on_cpu, smp_processor_id());
	if (!p->gone)
		n = weir_engine_submit(&c->ch->eng, p, max,
				       e->arg->min_complete, false,
				       ktime_get_ns(), &change.wake);
	e->blocked = p->blocked;
	e->over = p->blocked && READ_ONCE(p->over);
	e->short_of = p->short_of;
	e->cut = p->cut;
	e->no_memory = false;
	/* Without the engine's lock: what comes meanwhile is counted next time. */
	read = READ_ONCE(p->rings.cq_head) - c->head_seen;
	c->head_seen += read;
	spin_unlock_bh(&p->sq_lock);
	if (trace_weir_deliver_enabled() && read && weir_peer_works(p))
		weir_trace_deliver(c->ch, p, read);
	weir_channel_end(&change);
	return n;
}

/* Looks at the condition for a while, as the sleep would. */
static bool spin(struct enter *e, struct weir_spin *s, bool (*done)(void *arg))
{
	struct weir_channel *ch = e->c->ch;

	if (!weir_spin(s, READ_ONCE(ch->eng.cfg.spin),
		       e->limited ? &e->until : NULL, done, e))
		return false;
	atomic64_inc(&ch->spins);
	if (trace_weir_channel_enabled())
		weir_trace_channel(ch, &e->c->ep.peer, false);
	return true;
}

static bool share_free(void *arg)
{
	struct enter *e = arg;

	return READ_ONCE(e->c->ep.peer.gone) ||
	       weir_engine_share_free(&e->c->ch->eng, &e->c->ep.peer);
}

static int sleep_for_room(struct enter *e)
{
	struct weir_channel *ch = e->c->ch;

	if (e->nosleep)
		return -ETIME;
	/*
	 * Who has used up its own share waits beside the line, for its own
	 * messages to go: it shall not keep others from the room there is.
	 */
	if (e->over) {
		weir_line_leave(ch, &e->line);
		return weir_line_sleep(WEIR_SLEEP_ALONE, NULL, &e->c->ep.wait,
				       e->limited ? &e->until : NULL,
				       share_free, e);
	}
	/* In line it would be passed over as one that is awake. */
	if (!e->line.in && !weir_line_ahead(ch, &e->line) &&
	    spin(e, &e->c->spin_room, room))
		return 0;
	weir_line_join(ch, &e->line);
	return weir_line_sleep(TASK_INTERRUPTIBLE, NULL, &e->c->ep.wait,
			       e->limited ? &e->until : NULL, room, e);
}

/* With `zerocopy off`: a buffer to copy the next message into. */
static int supply(struct enter *e)
{
	struct weir_channel *ch = e->c->ch;
	u32 cls = e->short_of - 1;
	int err = weir_copy_supply(ch, cls);

	if (err != -ENOBUFS && err != -ENOMEM)
		return err;
	if (READ_ONCE(ch->eng.cfg.overflow) != WEIR_OVERFLOW_BLOCK) {
		e->no_memory = true;
		return 0;
	}
	/* For the host's memory, or the cgroup's, nobody tells when to wait. */
	if (err == -ENOMEM)
		return err;
	if (e->limited && ktime_after(ktime_get(), e->until))
		return -ETIME;
	if (e->nowait || !(e->arg->flags & WEIR_ENTER_SQ_WAIT))
		return -EAGAIN;
	if (e->nosleep)
		return -ETIME;
	return weir_copy_wait(ch, cls, e->returns, &e->c->ep.peer,
			      e->limited ? &e->until : NULL);
}

static bool more_published(struct enter *e)
{
	struct weir_rings *r = &e->c->ep.peer.rings;

	return e->done < e->arg->to_submit &&
	       READ_ONCE(r->shared->usq_tail) != READ_ONCE(r->sq_head);
}

/*
 * Submits all, sleeping for room if told to. Entries that stay for another
 * reason are the caller's to help: its completion ring is full, or an entry
 * takes more slots than it would submit.
 */
static int submit_all(struct enter *e)
{
	int n, err = 0;

	for (;;) {
		n = submit(e);
		if (n < 0)
			return n;
		e->done += n;
		if (!e->nowait && signal_pending(current) && more_published(e))
			return -EINTR;
		if (e->short_of) {
			err = supply(e);
			if (err)
				return err;
			continue;
		}
		if (n == SLOTS_MAX || e->cut) {
			cond_resched();
			continue;
		}
		if (!e->blocked || !(e->arg->flags & WEIR_ENTER_SQ_WAIT))
			break;
		err = sleep_for_room(e);
		if (err)
			return err;
	}
	return more_published(e) && !e->done ? -EAGAIN : 0;
}

static int sleep_for_completions(struct enter *e)
{
	struct weir_peer *p = &e->c->ep.peer;
	int err;

	if (enough(e))
		return 0;
	if (e->nosleep)
		return -ETIME;
	if (spin(e, &e->c->spin_read, enough))
		return 0;
	WRITE_ONCE(p->t_slept, e->arg->min_complete > 1 ? U64_MAX : ktime_get_ns());
	err = weir_line_sleep(WEIR_SLEEP_ALONE, NULL, &e->c->ep.wait,
			      e->limited ? &e->until : NULL, enough, e);
	WRITE_ONCE(p->t_woke, ktime_get_ns());
	return err;
}

static int check(struct weir_client *c, const struct weir_enter *arg)
{
	u32 flags = arg->flags;

	if (flags & ~(WEIR_ENTER_WAIT | WEIR_ENTER_SQ_WAIT | WEIR_ENTER_STOP |
		      WEIR_ENTER_START))
		return -EINVAL;
	if (flags & WEIR_ENTER_STOP && flags & WEIR_ENTER_START)
		return -EINVAL;
	if (flags & (WEIR_ENTER_STOP | WEIR_ENTER_START) &&
	    !weir_peer_works(&c->ep.peer))
		return -EINVAL;
	if (arg->resv[0] || arg->resv[1])
		return -EINVAL;
	if (flags & WEIR_ENTER_WAIT ?
	    !arg->min_complete ||
	    arg->min_complete > c->ep.peer.rings.cq_entries :
	    arg->min_complete)
		return -EINVAL;
	return weir_client_check(c);
}

static void stop_or_start(struct weir_client *c, u32 flags)
{
	struct weir_change change;

	if (!(flags & (WEIR_ENTER_STOP | WEIR_ENTER_START)))
		return;
	weir_channel_lock(&change, c->ch);
	weir_engine_stop(&c->ch->eng, &c->ep.peer, flags & WEIR_ENTER_STOP);
	weir_channel_unlock(&change);
}

/* What is told: as much as was done, before anything that came after it. */
static int result(const struct enter *e, int err)
{
	if (e->done)
		return e->done;
	return READ_ONCE(e->c->ep.peer.gone) ? -ESHUTDOWN : err;
}

/**
 * weir_client_submit - WEIR_IOC_ENTER that neither waits nor sleeps
 * @c: client
 * @to_submit: most slots to take
 *
 * Return: as struct weir_enter says. Context: process; may be rescheduled.
 */
int weir_client_submit(struct weir_client *c, u32 to_submit)
{
	/* No more than can be published at once: it is bounded. */
	const struct weir_enter arg = {
		.to_submit = min(to_submit, c->ep.peer.rings.sq_entries),
	};
	struct enter e = { .c = c, .arg = &arg, .nowait = true };
	int err = weir_client_check(c);

	if (err)
		return err;
	atomic64_inc(&c->ch->enters);
	return result(&e, submit_all(&e));
}

/**
 * weir_client_enter - WEIR_IOC_ENTER
 * @c: client
 * @arg: copied argument
 *
 * Return: as struct weir_enter says. Context: may sleep.
 */
long weir_client_enter(struct weir_client *c, const struct weir_enter *arg)
{
	struct enter e = { .c = c, .arg = arg };
	int err = check(c, arg);

	if (err)
		return err;
	atomic64_inc(&c->ch->enters);
	set_deadline(&e, arg->timeout_ns);
	stop_or_start(c, arg->flags);
	err = submit_all(&e);
	weir_line_leave(c->ch, &e.line);
	if (arg->flags & WEIR_ENTER_WAIT && (!err || err == -EAGAIN))
		err = sleep_for_completions(&e);
	return result(&e, err);
}

static bool settled(void *arg)
{
	struct weir_peer *p = &((struct weir_client *)arg)->ep.peer;

	return READ_ONCE(p->gone) || !READ_ONCE(p->unsettled);
}

/**
 * weir_client_settle - WEIR_IOC_SETTLE
 * @c: client
 * @arg: copied argument; the counts are filled in
 *
 * Return: as struct weir_settle says. Context: may sleep.
 */
long weir_client_settle(struct weir_client *c, struct weir_settle *arg)
{
	struct weir_peer *p = &c->ep.peer;
	struct weir_change change;
	struct enter e = { .c = c };
	int err = weir_client_check(c);

	if (err)
		return err;
	if (arg->flags || arg->resv[0] || arg->resv[1] || !weir_peer_sends(p))
		return -EINVAL;
	set_deadline(&e, arg->timeout_ns);
	/* What was published under a promise is not accepted before a look. */
	weir_client_submit(c, U32_MAX);
	if (!settled(c))
		err = e.nosleep ? -ETIME :
		      weir_line_sleep(WEIR_SLEEP_ALONE, NULL, &c->ep.wait,
				      e.limited ? &e.until : NULL,
				      settled, c);
	weir_channel_lock(&change, c->ch);
	arg->accepted = p->accepted;
	arg->acked = p->settled_acked;
	arg->dead = p->settled_dead;
	arg->unsettled = p->unsettled;
	if (p->gone)
		err = -ESHUTDOWN;
	weir_channel_unlock(&change);
	return err;
}
