// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the lane to the workers, a chunk at a time.
 */
#include "engine.h"

#define CHUNKS_MAX	1024	/* handed out at once, bottom halves being off */
#define AUTO_SPAN	1000000ULL	/* ns of work that `inflight auto` allows */

/**
 * weir_dispatch_limit - how many messages a worker may hold now
 * @e: engine, locked
 * @p: worker
 *
 * With `inflight auto` what it gets done in AUTO_SPAN, so that a slow one
 * reserves nothing behind the message it works on.
 */
void weir_dispatch_limit(const struct weir_engine *e, struct weir_peer *p)
{
	u64 limit = e->cfg.inflight;

	if (!limit && p->service)
		limit = div64_u64(AUTO_SPAN, p->service);
	p->limit = clamp_t(u64, limit, 1, p->limit_max);
}

/* Writes the completion entry; from then on the worker can see the message. */
static void post_message(struct weir_peer *p, const struct weir_msg *msg,
			 u32 ahead)
{
	struct weir_cqe *cqe = weir_ring_slot(&p->rings, ahead);

	memset(cqe, 0, sizeof(*cqe));
	cqe->type = WEIR_CQE_MSG;
	cqe->flags = msg->deliveries > 1 ? WEIR_CQE_REDELIVERED : 0;
	cqe->prio = msg->prio;
	cqe->len = msg->len;
	cqe->addr = weir_msg_buf(msg) + msg->off;
	cqe->key = msg->key;
	cqe->corr = msg->corr;
	cqe->deadline_ns = msg->deadline;
	cqe->token = msg->token;
	cqe->src = msg->src;
	cqe->seq = msg->seq;
	cqe->attempts = msg->attempts + 1;
	cqe->mtype = msg->mtype;
	cqe->encoding = msg->encoding;
}

static void deliver_one(struct weir_engine *e, struct weir_peer *p,
			struct weir_msg *msg, u32 ahead, u64 now)
{
	weir_lane_remove(&e->lane, msg);
	msg->token = weir_tag_take(&p->tags, msg, p->rings.cq_tail + ahead);
	weir_ledger_hold(e, p, msg, now);
	if (!p->kernel)
		post_message(p, msg, ahead);
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

/* Hands out the first @n messages, or the one that must go alone. */
static void deliver(struct weir_engine *e, struct weir_peer *p, bool alone,
		    u32 n, u64 now)
{
	u32 i;

	p->reserved = false;
	if (alone) {
		deliver_one(e, p, weir_lane_suspect(&e->lane), 0, now);
		p->alone = true;
	} else {
		for (i = 0; i < n; i++)
			deliver_one(e, p, weir_lane_first(&e->lane), i, now);
	}
	if (p->kernel) {
		p->want = 0;
	} else {
		weir_ring_publish(&p->rings, n);
		p->want = still_wanted(e, p);
	}
	e->c.delivered += n;
	e->c.batches++;
	e->traffic = true;
	weir_engine_wake_peer(e, p);
}

/* Keeps a worker from getting more, so that it comes to hold nothing. */
static void reserve_one(struct weir_engine *e)
{
	struct weir_peer *p, *best = NULL;

	list_for_each_entry(p, &e->workers, work_link) {
		if (p->stopped || p->alone)
			continue;
		if (p->reserved)
			return;
		if (!best || p->tags.used < best->tags.used)
			best = p;
	}
	if (best)
		best->reserved = true;
}

static bool dispatch_suspect(struct weir_engine *e, u64 now)
{
	struct weir_peer *p;
	u32 nr_open;

	p = weir_policy_select(e, true, &nr_open);
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

	if (!e->cfg.linger || l->nr_redo ||
	    l->nr_fifo >= e->cfg.batch)
		return 0;
	first = list_first_entry(&l->fifo, struct weir_msg, link);
	return first->t_submit + e->cfg.linger;
}

/*
 * The share of the waiting messages for one of @nr_open workers. A batch that
 * was made to gather stays together.
 */
static u32 share(struct weir_engine *e, struct weir_peer *p, u32 nr_open)
{
	u64 n = e->lane.nr_fifo + e->lane.nr_redo;

	if (!e->cfg.linger)
		n = div_u64(n + nr_open - 1, nr_open);
	return min3(n, (u64)e->cfg.batch, (u64)weir_policy_room(e, p));
}

static bool dispatch_chunk(struct weir_engine *e, u64 now)
{
	u64 until = linger_until(e);
	struct weir_peer *p;
	u32 nr_open;

	if (until > now) {
		e->linger_at = until;
		return false;
	}
	p = weir_policy_select(e, false, &nr_open);
	if (!p)
		return false;
	deliver(e, p, false, share(e, p, nr_open), now);
	return true;
}

/**
 * weir_dispatch - hand out all that may go
 * @e: engine, locked
 * @now: ns
 */
void weir_dispatch(struct weir_engine *e, u64 now)
{
	int budget = CHUNKS_MAX;

	e->linger_at = U64_MAX;
	if (e->closed || e->cfg.state == WEIR_CHANNEL_STATE_PAUSED)
		return;
	while (e->lane.nr_suspect && dispatch_suspect(e, now))
		budget--;	/* at most as many as there are workers */
	while (e->lane.nr_fifo + e->lane.nr_redo && dispatch_chunk(e, now))
		if (--budget <= 0) {
			e->linger_at = now;	/* the alarm goes on */
			break;
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
	const struct weir_msg *first = weir_lane_first_delayed(&e->lane);
	u64 at = first ? first->due : U64_MAX;

	return e->nr_workers ? min(at, e->linger_at) : at;
}
