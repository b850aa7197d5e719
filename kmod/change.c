// SPDX-License-Identifier: GPL-2.0-only
/*
 * What follows a change of the engine, once its lock is gone: who is woken,
 * which works and timers run, whether the module may be unloaded.
 */
#include "change.h"

#include <linux/module.h>
#include <linux/poll.h>

#include "endpoint.h"
#include "line.h"
#include "trace.h"

/*
 * ns between two runs of the timer: what is due already and was left for the
 * next run shall not come in the same soft interrupt.
 */
#define BREATH		50000
#define SWEEPS_MAX	32	/* looks at promised rings in one go */

/**
 * weir_channel_begin - start to use the engine
 * @c: filled in
 * @ch: the caller has a reference
 *
 * Context: until weir_channel_end() this is an RCU read section, in which the
 * peers to be woken stay.
 */
void weir_channel_begin(struct weir_change *c, struct weir_channel *ch)
{
	c->ch = ch;
	c->peer = &ch->writer.peer;
	memset(&c->wake, 0, sizeof(c->wake));
	c->wake.watched = trace_weir_client_enabled();
	if (weir_trace_hops_enabled()) {
		memset(&c->tally, 0, sizeof(c->tally));
		c->wake.tally = &c->tally;
	}
	rcu_read_lock();
}

static void wake_peers(struct weir_channel *ch, struct weir_peer *p)
{
	struct weir_endpoint *ep;
	struct weir_peer *next;

	for (; p; p = next) {
		next = p->wake_next;
		ep = container_of(p, struct weir_endpoint, peer);
		/*
		 * The release, since next has been read; and the fence in
		 * weir_endpoint_wake(): both pair with weir_engine_wake_peer(),
		 * the latter with prepare_to_wait(), too.
		 */
		smp_store_release(&p->waking, false);
		weir_endpoint_wake(ch, ep);
	}
}

static bool in_step(struct weir_channel *ch)
{
	/*
	 * Between the change and this look, here and in sync_channel(): of two
	 * who change at once, one sees what the other left out of step.
	 */
	smp_mb();
	return READ_ONCE(ch->eng.held) == READ_ONCE(ch->pinned) &&
	       READ_ONCE(ch->eng.alarm) == READ_ONCE(ch->armed);
}

static void set_pinned(struct weir_channel *ch, bool held)
{
	if (held == ch->pinned)
		return;
	if (held)
		__module_get(THIS_MODULE);
	else
		module_put(THIS_MODULE);
	WRITE_ONCE(ch->pinned, held);
}

static void set_alarm(struct weir_channel *ch, u64 at)
{
	if (at == ch->armed)
		return;
	WRITE_ONCE(ch->armed, at);
	if (at == U64_MAX)
		hrtimer_try_to_cancel(&ch->timer);
	else
		hrtimer_start(&ch->timer,
			      ns_to_ktime(max(at, ktime_get_ns() + BREATH)),
			      HRTIMER_MODE_ABS_SOFT);
}

/* Brings timer and module reference in line with the engine. */
static void sync_channel(struct weir_channel *ch)
{
	spin_lock_bh(&ch->sync_lock);
	do {
		set_pinned(ch, READ_ONCE(ch->eng.held));
		set_alarm(ch, READ_ONCE(ch->eng.alarm));
	} while (!in_step(ch));
	spin_unlock_bh(&ch->sync_lock);
}

/*
 * Looks at the rings of senders that were promised it. What is left after so
 * many looks the timer goes on with.
 */
static void sweep(struct weir_change *c)
{
	struct weir_engine *e = &c->ch->eng;
	u32 looks = SWEEPS_MAX;

	while (weir_promise_sweep(e, ktime_get_ns(), &c->wake)) {
		if (c->wake.tally)
			weir_trace_hops(c->ch, c->wake.swept, c->wake.tally);
		if (trace_weir_client_enabled())
			weir_trace_client(c->ch, c->wake.swept);
		if (!--looks) {
			weir_promise_later(e, ktime_get_ns(), &c->wake);
			break;
		}
	}
}

/*
 * Those who wait in line for room and those who need not call take turns. A
 * hint: what is left out now is done with the next batch.
 */
static bool turn_of_promised(struct weir_channel *ch)
{
	bool turn = true;

	/* No fence: see above. */
	if (waitqueue_active(&ch->room)) {
		turn = !READ_ONCE(ch->promised_turn);
		WRITE_ONCE(ch->promised_turn, turn);
	}
	return turn;
}

/**
 * weir_channel_end - do what the changes ask for
 * @c: from weir_channel_begin()
 */
void weir_channel_end(struct weir_change *c)
{
	struct weir_channel *ch = c->ch;

	if (c->wake.tally)
		weir_trace_hops(ch, c->peer, c->wake.tally);
	if (c->wake.sweep || (c->wake.look && turn_of_promised(ch)))
		sweep(c);
	/* Before anybody is woken, who may look at what an observer shows. */
	if (trace_weir_channel_enabled())
		weir_trace_channel(ch, c->peer, false);
	if (!in_step(ch))
		sync_channel(ch);
	wake_peers(ch, c->wake.peers);
	if (c->wake.room || c->wake.polled)
		weir_line_wake(ch, c->wake.polled);
	/*
	 * No fence: who polls joins the queue and then looks under the engine's
	 * lock. Either it saw the message, or we see it in the queue.
	 */
	if (waitqueue_active(&ch->arrived) && weir_lane_ready(&ch->eng.lane))
		wake_up_interruptible_poll(&ch->arrived, EPOLLIN | EPOLLRDNORM);
	if (c->wake.orphans)
		queue_work(weir_channel_wq, &ch->reclaim);
	if (READ_ONCE(ch->eng.closed))
		goto out;
	if (c->wake.events ||
	    (c->wake.full && weir_channel_full_due(ch, ktime_get_ns())))
		queue_work(weir_channel_wq, &ch->news);
	if (READ_ONCE(ch->eng.traffic))
		weir_pool_traffic(&ch->pool);
	if (READ_ONCE(ch->eng.traffic) && !delayed_work_pending(&ch->loads))
		queue_delayed_work(weir_channel_wq, &ch->loads,
				   msecs_to_jiffies(ch->eng.cfg.load_interval));
out:
	rcu_read_unlock();
}

/**
 * weir_channel_lock - weir_channel_begin() and the engine's lock
 * @c: filled in
 * @ch: channel
 */
void weir_channel_lock(struct weir_change *c, struct weir_channel *ch)
{
	weir_channel_begin(c, ch);
	weir_engine_lock(&ch->eng, &c->wake);
}

/**
 * weir_channel_unlock - finish the change, unlock, and weir_channel_end()
 * @c: from weir_channel_lock()
 */
void weir_channel_unlock(struct weir_change *c)
{
	weir_engine_finish(&c->ch->eng, ktime_get_ns());
	weir_engine_unlock(&c->ch->eng);
	weir_channel_end(c);
}
