// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fan-out: each message goes to every worker that is attached when it is handed
 * out, in one buffer that goes back when the last has answered. A worker
 * without room at that moment loses the message, and nobody else does. What a
 * worker does not acknowledge is dropped for it alone.
 *
 * In the accounting each delivery counts as a message: a message for n workers
 * is accepted n times.
 */
#include "engine.h"

#include "delivery.h"

#define CHUNK	32	/* messages handed out together */

static bool subscribes(const struct weir_peer *p)
{
	return !p->stopped && !p->gone;
}

static void lose(struct weir_engine *e, struct weir_peer *p, u32 n)
{
	p->dropped += n;
	e->c.dropped += n;
	e->c.dropped_slow += n;
}

static void hold(struct weir_engine *e, struct weir_peer *p,
		 struct weir_msg *msg, u32 ahead, u64 now)
{
	u32 token = weir_tag_take(&p->tags, msg, p->rings.cq_tail + ahead);

	if (p->tags.used == 1) {
		p->hold_since = now;
		p->t_mark = now;
		e->nr_busy++;
	}
	if (!msg->refs++)
		weir_hist_add(&e->hist[WEIR_HIST_WAITING],
			      weir_elapsed(msg->t_submit, now));
	e->nr_inflight++;
	p->delivered++;
	if (!p->kernel)
		weir_delivery_post(p, msg, token, ahead);
}

/* As many of the chunk as the worker has room for. */
static void deliver(struct weir_engine *e, struct weir_peer *p,
		    struct weir_msg **chunk, u32 n, u64 now)
{
	u32 take = min(n, weir_policy_room(e, p)), i;

	for (i = 0; i < take; i++)
		hold(e, p, chunk[i], i, now);
	lose(e, p, n - take);
	if (!take) {
		if (e->wake->watched)
			weir_engine_wake_peer(e, p);
		return;
	}
	p->want = 0;
	weir_policy_touch(e, p);
	if (!p->kernel)
		weir_ring_publish(&p->rings, take);
	e->c.delivered += take;
	e->c.batches++;
	weir_hist_add(&e->hist[WEIR_HIST_BATCH], take);
	weir_engine_wake_peer(e, p);
}

static u32 take_chunk(struct weir_engine *e, struct weir_msg **chunk, u64 now)
{
	u32 n = weir_lane_take(&e->lane, chunk, CHUNK), i;

	for (i = 0; i < n; i++) {
		weir_ledger_dequeued(e, chunk[i]);
		WRITE_ONCE(chunk[i]->state, WEIR_MSG_INFLIGHT);
		chunk[i]->deliveries = 1;
		chunk[i]->t_deliver = now;
		chunk[i]->refs = 0;
	}
	return n;
}

/* Those that nobody had room for are done. */
static void settle_rest(struct weir_engine *e, struct weir_msg **chunk, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (!chunk[i]->refs)
			weir_ledger_settle(e, chunk[i]);
}

/**
 * weir_fanout_dispatch - hand all that waits to everybody
 * @e: engine, locked
 * @budget: chunks to hand out at most
 * @now: ns
 */
void weir_fanout_dispatch(struct weir_engine *e, u32 budget, u64 now)
{
	struct weir_msg *chunk[CHUNK];
	struct weir_peer *p;
	u32 n, nr;

	for (; budget && e->lane.nr_waiting; budget--) {
		n = take_chunk(e, chunk, now);
		nr = 0;
		list_for_each_entry(p, &e->workers, work_link) {
			if (!subscribes(p))
				continue;
			deliver(e, p, chunk, n, now);
			nr++;
		}
		if (nr) {
			e->c.accepted += (u64)n * (nr - 1);
		} else {
			e->c.dropped += n;
			e->c.dropped_nobody += n;
		}
		settle_rest(e, chunk, n);
		WRITE_ONCE(e->traffic, true);
	}
}

/* A worker has no more to do with the message. */
static void put(struct weir_engine *e, struct weir_peer *p,
		struct weir_tag *tag, u64 now)
{
	struct weir_msg *msg = tag->msg;

	weir_ledger_untag(e, p, tag, now);
	if (!--msg->refs)
		weir_ledger_settle(e, msg);
}

/**
 * weir_fanout_answer - what a worker says about one delivery
 * @e: engine, locked
 * @p: worker
 * @tag: the delivery
 * @op: enum weir_op; all but ACK give the message up for this worker
 * @now: ns
 */
void weir_fanout_answer(struct weir_engine *e, struct weir_peer *p,
			struct weir_tag *tag, u8 op, u64 now)
{
	struct weir_msg *msg = tag->msg;

	weir_hist_add(&e->hist[WEIR_HIST_WORKING],
		      weir_elapsed(msg->t_deliver, now));
	if (op == WEIR_OP_ACK) {
		weir_hist_add(&e->hist[WEIR_HIST_TOTAL],
			      weir_elapsed(msg->t_submit, now));
		p->acked++;
		e->c.acked++;
		msg->flags |= WEIR_MSG_ACKED;
	} else {
		p->failed++;
		lose(e, p, 1);
	}
	put(e, p, tag, now);
}

/**
 * weir_fanout_abandon - a worker ends and does not answer
 * @e: engine, locked
 * @p: worker
 * @tag: the delivery
 * @now: ns
 */
void weir_fanout_abandon(struct weir_engine *e, struct weir_peer *p,
			 struct weir_tag *tag, u64 now)
{
	lose(e, p, 1);
	put(e, p, tag, now);
}

/**
 * weir_fanout_revoke - take a message from all who have it, by hand
 * @e: engine, locked
 * @msg: INFLIGHT; the caller gives it its next state, in which it counts once
 * @now: ns
 *
 * Looks at all that all workers hold.
 */
void weir_fanout_revoke(struct weir_engine *e, struct weir_msg *msg, u64 now)
{
	struct weir_peer *p;
	u32 i;

	list_for_each_entry(p, &e->workers, work_link) {
		for (i = 0; i < p->tags.nr && p->tags.used && msg->refs; i++) {
			if (p->tags.tag[i].msg != msg)
				continue;
			weir_ledger_untag(e, p, &p->tags.tag[i], now);
			if (!--msg->refs)
				continue;
			lose(e, p, 1);
			if (e->wake->watched)
				weir_engine_wake_peer(e, p);
		}
	}
}
