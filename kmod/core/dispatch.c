// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the lane to the workers, a chunk at a time.
 */
#include "engine.h"

#define HAND_OUT_MAX	1024	/* messages at once, bottom halves being off */
#define TAKE_MAX	32U	/* messages taken from the lane together */
#define FANOUT_MAX	64	/* chunks of a fan-out times workers, likewise */
#define BATCH_STEP	4	/* by which `batch auto` grows */

/**
 * weir_dispatch_limit - how many messages a worker may hold now
 * @e: engine, locked
 * @p: worker
 *
 * With `inflight auto` what it gets done in WEIR_AUTO_SPAN, so that a slow one
 * reserves nothing behind the message it works on. In a fan-out nothing is
 * reserved, so that is no limit there. What it gets done until another worker would
 * have woken up is not shared with that one.
 */
void weir_dispatch_limit(struct weir_engine *e, struct weir_peer *p)
{
	u64 done = p->service ? div64_u64(WEIR_AUTO_SPAN, p->service) : 0;
	u64 limit = e->cfg.inflight ?: done;

	if (!e->cfg.inflight && weir_fanout(e))
		limit = p->limit_max;
	p->limit = clamp_t(u64, limit, 1, p->limit_max);
	p->share_min = p->service ? min_t(u64, div64_u64(e->wake_ns, p->service),
					  U32_MAX) : 0;
	weir_policy_touch(e, p);
}

/*
 * How many completions a worker still waits for: more than it has now, by its
 * last call or by the low-water mark of its ring. The mark is the user's word.
 */
static u32 still_wanted(struct weir_engine *e, struct weir_peer *p)
{
	u32 want = max(p->want, READ_ONCE(p->rings.shared->ucq_low));

	if (want <= 1)
		return 0;
	want = min(want, p->rings.cq_entries);
	return weir_engine_unread(e, p) < want ? want : 0;
}

/* The limits of a batch by bytes and cost, as it grows. */
struct load {
	u64 bytes;
	u64 cost;
};

static bool fits(const struct weir_engine *e, const struct weir_peer *p,
		 struct load *sum)
{
	const struct weir_msg *msg = weir_lane_first(&e->lane);

	sum->bytes += msg->len;
	sum->cost += msg->cost;
	return (!weir_homes(e) || weir_home_is(e, p, msg)) &&
	       (!e->cfg.batch_bytes || sum->bytes <= e->cfg.batch_bytes) &&
	       (!e->cfg.batch_cost || sum->cost <= e->cfg.batch_cost);
}

/* Up to @n of the first messages. Return: how many; at least one. */
static u32 deliver_some(struct weir_engine *e, struct weir_peer *p, u32 n,
			u64 now)
{
	bool limited = e->cfg.batch_bytes || e->cfg.batch_cost ||
		       weir_homes(e);
	struct weir_msg *pick = weir_hook_take(e);
	struct weir_msg *msgs[TAKE_MAX];
	struct load sum = {};
	u32 i, nr;

	if (pick) {
		weir_ledger_hold(e, p, &pick, 1, 0, now);
		return 1;
	}
	for (i = 0; i < n; i += nr) {
		if (limited && !fits(e, p, &sum) && i)
			break;
		nr = weir_lane_take(&e->lane, msgs,
				    limited ? 1 : min(n - i, TAKE_MAX));
		weir_ledger_hold(e, p, msgs, nr, i, now);
	}
	return i;
}

static void deliver_suspect(struct weir_engine *e, struct weir_peer *p,
			    u64 now)
{
	struct weir_msg *msg = weir_lane_suspect(&e->lane);

	weir_lane_remove(&e->lane, msg);
	weir_ledger_hold(e, p, &msg, 1, 0, now);
	p->alone = true;
}

/* Hands out the first @n messages or fewer, or the one that must go alone. */
static u32 deliver(struct weir_engine *e, struct weir_peer *p, bool alone,
		   u32 n, u64 now)
{
	p->reserved = false;
	weir_policy_touch(e, p);
	if (alone)
		deliver_suspect(e, p, now);
	else
		n = deliver_some(e, p, n, now);
	if (p->kernel) {
		p->want = 0;
	} else {
		weir_ring_publish(&p->rings, n);
		p->want = still_wanted(e, p);
	}
	e->c.delivered += n;
	e->c.batches++;
	weir_hist_add(&e->hist[WEIR_HIST_BATCH], n);
	WRITE_ONCE(e->traffic, true);
	e->look |= e->nr_promised;
	weir_engine_wake_peer(e, p);
	return n;
}

/* Keeps a worker from getting more, so that it comes to hold nothing. */
static void reserve_one(struct weir_engine *e)
{
	struct weir_peer *p, *best = NULL;

	list_for_each_entry(p, &e->workers, work_link) {
		if (p->stopped || p->late || p->alone)
			continue;
		if (p->reserved)
			return;
		if (!best || p->tags.used < best->tags.used)
			best = p;
	}
	if (!best)
		return;
	best->reserved = true;
	weir_policy_touch(e, best);
}

static bool dispatch_suspect(struct weir_engine *e, u64 now)
{
	struct weir_peer *p = weir_policy_select_empty(e);

	if (!p) {
		reserve_one(e);
		return false;
	}
	deliver(e, p, true, 1, now);
	return true;
}

/* ns when the batch that gathers must go; 0 at once. */
static u64 linger_until(const struct weir_engine *e)
{
	const struct weir_lane *l = &e->lane;
	const struct weir_msg *first;

	if (!e->cfg.linger || l->nr_waiting >= e->batch ||
	    (e->cfg.batch_bytes && l->bytes >= e->cfg.batch_bytes) ||
	    (e->cfg.batch_cost && l->cost >= e->cfg.batch_cost))
		return 0;
	first = weir_lane_oldest(l);
	return first->deliveries ? 0 : first->t_submit + e->cfg.linger;
}

/*
 * The share of the waiting messages for one of @nr_open workers. A batch that
 * was made to gather stays together; and so does what is done sooner than
 * another worker has woken up. Where the policy says for each message whose it
 * is, what would have gone to all of these goes, though they hold some by then.
 */
static u32 share(struct weir_engine *e, struct weir_peer *p, u32 nr_open)
{
	u64 n = e->lane.nr_waiting;

	if (!e->cfg.linger && nr_open > 1)
		n = min_t(u64, n, max(div_u64(n + nr_open - 1, nr_open),
				      (u64)p->share_min));
	n = min3(n, (u64)e->batch, (u64)weir_policy_room(e, p));
	if (!e->grant && weir_policy_divides(e))
		e->grant = min(e->lane.nr_waiting, (u64)e->batch * nr_open);
	return e->hook.ops ? weir_hook_batch(e, p, n) : n;
}

/*
 * `batch auto`: a full batch with more behind it grows the next ones by a step,
 * one that is less than half full for want of messages halves them.
 */
static void adapt(struct weir_engine *e, u32 n)
{
	if (e->cfg.batch)
		return;
	if (n >= e->batch && e->lane.nr_waiting)
		e->batch = min(e->batch + BATCH_STEP, e->cfg.batch_max);
	else if (n < e->batch / 2 && !e->lane.nr_waiting)
		e->batch = max(e->batch / 2, e->cfg.batch_min);
}

/* Return: messages handed out; 0 if none may go now. */
static u32 dispatch_chunk(struct weir_engine *e, u64 now)
{
	u64 until = linger_until(e);
	struct weir_peer *p;
	u32 nr_open, n;

	if (until > now) {
		e->linger_at = until;
		return 0;
	}
	p = weir_policy_select(e, &nr_open);
	if (!p)
		return 0;
	n = deliver(e, p, false, share(e, p, nr_open), now);
	e->grant -= min(e->grant, n);
	adapt(e, n);
	return n;
}

static void dispatch_fanout(struct weir_engine *e, u64 now)
{
	u64 until = e->lane.nr_waiting ? linger_until(e) : 0;
	u32 budget = FANOUT_MAX / max(e->nr_workers, 1U);

	if (until > now) {
		e->linger_at = until;
		return;
	}
	weir_fanout_dispatch(e, max(budget, 1U), now);
	if (e->lane.nr_waiting)
		e->linger_at = now;	/* the alarm goes on */
}

/*
 * Gives up what has expired. Return: whether more has than may be looked at
 * now: the alarm is in the past then, and nothing is handed out before it.
 */
static bool expire(struct weir_engine *e, u64 now)
{
	const struct weir_msg *next;

	weir_ledger_expire(e, WEIR_TICK_MAX, now);
	next = weir_lane_first_expiry(&e->lane);
	return next && next->deadline <= now;
}

/**
 * weir_dispatch - hand out all that may go
 * @e: engine, locked
 * @now: ns
 */
void weir_dispatch(struct weir_engine *e, u64 now)
{
	int budget = HAND_OUT_MAX;
	u32 n;

	e->linger_at = U64_MAX;
	e->grant = 0;
	weir_overdue_take(e, WEIR_TICK_MAX, now);
	if (weir_lane_first_expiry(&e->lane) && expire(e, now))
		return;
	if (!weir_lane_ready(&e->lane) || e->closed ||
	    e->cfg.state == WEIR_CHANNEL_STATE_PAUSED)
		return;
	if (weir_fanout(e)) {
		dispatch_fanout(e, now);
		return;
	}
	while (e->lane.nr_suspect && dispatch_suspect(e, now))
		budget--;	/* at most as many as there are workers */
	while (e->lane.nr_waiting && (n = dispatch_chunk(e, now))) {
		budget -= n;
		if (budget <= 0) {
			e->linger_at = now;	/* the alarm goes on */
			break;
		}
	}
}

/**
 * weir_dispatch_alarm - when weir_engine_tick() has something to do
 * @e: engine, locked
 *
 * Return: ns, or U64_MAX for never. A batch without a worker to take it needs
 * no alarm: the worker's coming is an event of its own.
 */
u64 weir_dispatch_alarm(const struct weir_engine *e)
{
	const struct weir_msg *delayed = weir_lane_first_delayed(&e->lane);
	const struct weir_msg *expiry = weir_lane_first_expiry(&e->lane);
	u64 at = weir_overdue_alarm(e);

	if (delayed)
		at = min(at, delayed->due);
	if (expiry)
		at = min(at, expiry->deadline);
	return e->nr_workers || weir_fanout(e) ? min(at, e->linger_at) : at;
}
