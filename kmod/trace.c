// SPDX-License-Identifier: GPL-2.0-only
/*
 * Firing of tracepoints, and how an observer comes by what was before it.
 *
 * An observer (bpf/observe.bpf.c) copies figures from the structures that
 * weir_channel and weir_client pass. So one event per channel and client is
 * all that it needs to begin with: they are fired by a work once somebody has
 * attached himself to weir_channel, and by whoever asks for statistics.
 */
#include "client.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define PATIENCE	(10 * HZ)	/* till an observer is there; looks each jiffy */

static void first_events(struct work_struct *work);
static DECLARE_DELAYED_WORK(first, first_events);
/* All here, and that the work is not started any more once @leaving is set. */
static DEFINE_SPINLOCK(first_lock);
static unsigned long give_up;	/* jiffies */
static bool leaving;
static bool channels_watched;
static bool clients_watched;

static bool any(u64 a, u64 b, u64 c, u64 d, u64 e)
{
	return a | b | c | d | e;
}

/**
 * weir_trace_hops - what a change has brought about so far
 * @ch: channel
 * @p: who made it
 * @batch: its additions to the counters; zeroed
 *
 * Context: RCU read section, no lock held.
 */
void weir_trace_hops(const struct weir_channel *ch, const struct weir_peer *p,
		     struct weir_counters *batch)
{
	const struct weir_counters *b = batch;

	local_bh_disable();
	if (any(b->accepted, b->refused, 0, 0, 0))
		trace_weir_submit(ch, p, b);
	if (any(b->acked, b->failed, b->released, b->rejected, b->stale))
		trace_weir_answer(ch, p, b);
	if (b->redelivered)
		trace_weir_redeliver(ch, p, b);
	if (any(b->died_attempts, b->died_rejected, b->died_killed,
		b->died_redeliveries, b->died_expired))
		trace_weir_dead(ch, p, b);
	if (b->delivered)
		trace_weir_dispatch(ch, p, b);
	local_bh_enable();
	memset(batch, 0, sizeof(*batch));
}

/**
 * weir_trace_deliver - a worker has read completions
 * @ch: channel
 * @p: worker
 * @read: how many, since its last call
 *
 * Context: RCU read section, no lock held.
 */
void weir_trace_deliver(const struct weir_channel *ch,
			const struct weir_peer *p, u32 read)
{
	local_bh_disable();
	trace_weir_deliver(ch, p, read);
	local_bh_enable();
}

/**
 * weir_trace_resize - a pool has other bytes than before
 * @ch: its channel
 * @before: bytes
 * @after: bytes
 */
void weir_trace_resize(const struct weir_channel *ch, u64 before, u64 after)
{
	rcu_read_lock();
	local_bh_disable();
	trace_weir_resize(ch, before, after);
	local_bh_enable();
	rcu_read_unlock();
}

/**
 * weir_trace_eject - a policy was taken from a channel
 * @ch: channel
 * @policy: its name
 * @reason: why
 */
void weir_trace_eject(const struct weir_channel *ch, const char *policy,
		      const char *reason)
{
	rcu_read_lock();
	local_bh_disable();
	trace_weir_eject(ch, policy, reason);
	local_bh_enable();
	rcu_read_unlock();
}

/**
 * weir_trace_channel - figures of a channel may have changed
 * @ch: channel
 * @p: whose may have changed with them
 * @gone: the channel is deleted
 *
 * Context: no lock held; the caller keeps both.
 */
void weir_trace_channel(const struct weir_channel *ch,
			const struct weir_peer *p, bool gone)
{
	rcu_read_lock();
	local_bh_disable();
	trace_weir_channel(ch, p, gone);
	local_bh_enable();
	rcu_read_unlock();
}

/**
 * weir_trace_client - figures of a client may have changed
 * @ch: channel
 * @p: client
 *
 * Context: no lock held; the caller keeps both.
 */
void weir_trace_client(const struct weir_channel *ch, const struct weir_peer *p)
{
	rcu_read_lock();
	local_bh_disable();
	trace_weir_client(ch, p);
	local_bh_enable();
	rcu_read_unlock();
}

/**
 * weir_trace_figures - show an observer all figures of a channel
 * @ch: channel
 *
 * Context: may sleep.
 */
void weir_trace_figures(struct weir_channel *ch)
{
	struct weir_client *c;

	if (!trace_weir_channel_enabled())
		return;
	guard(mutex)(&ch->clients_lock);
	weir_trace_channel(ch, &ch->writer.peer, false);
	list_for_each_entry(c, &ch->clients, link)
		weir_trace_channel(ch, &c->ep.peer, false);
}

/* Return: whether it will run. */
static bool start(void)
{
	lockdep_assert_held(&first_lock);
	if (leaving || time_after(jiffies, give_up))
		return false;
	schedule_delayed_work(&first, 1);
	return true;
}

/* An observer is told of before it is in place, and one that fails as well. */
static bool in_place(void)
{
	guard(spinlock)(&first_lock);
	return (channels_watched == trace_weir_channel_enabled() &&
		clients_watched == trace_weir_client_enabled()) || !start();
}

/*
 * After the last of an observer's programs, so that no change falls between the
 * first event it sees and its being there.
 */
static void first_events(struct work_struct *work)
{
	struct weir_channel *ch;
	u32 id = 0;

	if (!in_place())
		return;
	while ((ch = weir_channel_next(id)) && !IS_ERR(ch)) {
		id = ch->id + 1;
		weir_trace_figures(ch);
		weir_channel_put(ch);
	}
}

static int watch(bool *watched)
{
	guard(spinlock)(&first_lock);
	give_up = jiffies + PATIENCE;
	if (!start())
		return -ENODEV;
	*watched = true;
	return 0;
}

static void unwatch(bool *watched)
{
	guard(spinlock)(&first_lock);
	*watched = false;
}

/**
 * weir_trace_watch_channels - the first observer is about to be attached
 *
 * Return: 0, or -ENODEV the module is going.
 */
int weir_trace_watch_channels(void)
{
	return watch(&channels_watched);
}

/**
 * weir_trace_unwatch_channels - the last one goes
 */
void weir_trace_unwatch_channels(void)
{
	unwatch(&channels_watched);
}

/**
 * weir_trace_watch_clients - see weir_trace_watch_channels()
 */
int weir_trace_watch_clients(void)
{
	return watch(&clients_watched);
}

/**
 * weir_trace_unwatch_clients - the last one goes
 */
void weir_trace_unwatch_clients(void)
{
	unwatch(&clients_watched);
}

/**
 * weir_trace_exit - at module exit
 *
 * A BPF program holds the module. Another observer may still come, but starts
 * nothing any more.
 */
void weir_trace_exit(void)
{
	spin_lock(&first_lock);
	leaving = true;
	spin_unlock(&first_lock);
	cancel_delayed_work_sync(&first);
}
