// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every change of a message's state but acceptance, delivery and the lane's
 * own. The accounting identity (weir_engine_balanced()) holds before and after
 * each function here.
 */
#include "engine.h"

#include "delivery.h"

/* Messages in a row that have the same sender, or none that is still there. */
struct tally {
	struct weir_peer *p;
	u32 n;
};

static void dequeued(struct weir_engine *e, const struct tally *t)
{
	if (!t->p || !t->n)
		return;
	t->p->queued -= t->n;
	if (t->p->over)
		weir_ledger_share(e, t->p);
}

static inline void note_dequeued(struct weir_engine *e, struct tally *t,
				 const struct weir_msg *msg)
{
	struct weir_peer *p = weir_ledger_sender(e, msg);

	if (p != t->p) {
		dequeued(e, t);
		t->p = p;
		t->n = 0;
	}
	t->n++;
}

/**
 * weir_ledger_hold - a worker gets messages, and is told of them
 * @e: engine, locked
 * @p: worker with as many unused tags, and free completion entries if it has a ring
 * @msgs: taken out of the lane
 * @n: their number
 * @ahead: the first one's place, from the ring's tail; it is not published yet
 * @now: ns
 */
void weir_ledger_hold(struct weir_engine *e, struct weir_peer *p,
		      struct weir_msg **msgs, u32 n, u32 ahead, u64 now)
{
	struct weir_hist_run waiting = {
		.hist = &e->hist[WEIR_HIST_WAITING], .now = now,
	};
	/* Who uses read(2) may hold one message for as long as it likes. */
	u64 patience = p->kernel ? 0 : e->cfg.ack_timeout;
	u32 pos = p->rings.cq_tail + ahead, token, i;
	bool told = !p->kernel;
	struct tally sender = {};
	struct weir_msg *msg;

	if (!p->tags.used) {
		p->hold_since = now;
		p->t_mark = now;
		e->nr_busy++;
	}
	for (i = 0; i < n; i++) {
		msg = msgs[i];
		note_dequeued(e, &sender, msg);
		token = weir_tag_take(&p->tags, msg, pos + i);
		msg->token = token;
		if (msg->flags & WEIR_MSG_ORPHANED) {
			msg->flags &= ~WEIR_MSG_ORPHANED;
			weir_hist_add(&e->hist[WEIR_HIST_REDELIVERY],
				      weir_elapsed(msg->t_deliver, now));
		}
		if (!msg->deliveries)
			weir_hist_run_add(&waiting, msg->t_submit);
		if (msg->deliveries < U16_MAX)
			msg->deliveries++;
		WRITE_ONCE(msg->state, WEIR_MSG_INFLIGHT);
		msg->holder = p;
		msg->t_deliver = now;
		if (patience)
			weir_overdue_set(e, msg, now + patience);
		if (told)
			weir_delivery_post(p, msg, token, ahead + i);
	}
	dequeued(e, &sender);
	weir_hist_run_end(&waiting);
	e->nr_inflight += n;
	p->delivered += n;
}

/* A worker has @n deliveries less. */
static void untagged(struct weir_engine *e, struct weir_peer *p, u32 n, u64 now)
{
	e->nr_inflight -= n;
	weir_policy_touch(e, p);
	if (p->tags.used || !n)
		return;
	p->hold_ns += weir_elapsed(p->hold_since, now);
	p->alone = false;
	e->nr_busy--;
}

/**
 * weir_ledger_untag - a worker has one delivery less
 * @e: engine, locked
 * @p: worker
 * @tag: the delivery
 * @now: ns
 */
void weir_ledger_untag(struct weir_engine *e, struct weir_peer *p,
		       struct weir_tag *tag, u64 now)
{
	weir_tag_drop(&p->tags, tag);
	untagged(e, p, 1, now);
}

/**
 * weir_ledger_unhold - a worker no longer has a message
 * @e: engine, locked
 * @msg: INFLIGHT; the caller gives it its next state
 * @now: ns
 */
void weir_ledger_unhold(struct weir_engine *e, struct weir_msg *msg, u64 now)
{
	struct weir_peer *p = msg->holder;

	weir_overdue_drop(e, msg);
	weir_ledger_untag(e, p, weir_tag_find(&p->tags, msg->token), now);
	msg->holder = NULL;
}

/**
 * weir_ledger_copier - who sent a message that was copied
 * @e: engine, locked
 * @msg: COPIED
 *
 * Return: the sender, or NULL if it has ended.
 */
struct weir_peer *weir_ledger_copier(struct weir_engine *e,
				     const struct weir_msg *msg)
{
	struct weir_peer *p;

	hlist_for_each_entry(p, &e->by_id[msg->src % WEIR_ID_BUCKETS], id_link)
		if (p->id == msg->src)
			return p;
	return NULL;
}

/**
 * weir_ledger_share - a sender that has used up its share has one message less
 * @e: engine, locked
 * @p: sender, its @over is set
 */
void weir_ledger_share(struct weir_engine *e, struct weir_peer *p)
{
	if (p->queued >= weir_engine_share(e))
		return;
	p->over = false;
	/* If it polls for room, and there is none, it hears of that, too. */
	e->polled |= !weir_engine_room(e);
	weir_engine_wake_peer(e, p);
}

/*
 * A buffer of the kernel's own sender comes back. Of its blocks without a
 * message one in each class is kept. (Nobody looks at this sender's blocks
 * under its sq_lock alone, so the engine's lock is enough to take one.)
 */
static void return_idle(struct weir_engine *e, struct weir_peer *p,
			struct weir_msg *msg)
{
	struct weir_block *blk = msg->blk;

	weir_engine_push_idle(e, msg);
	if (!blk->busy && e->nr_idle[blk->cls] > blk->nr &&
	    !weir_engine_disown(e, p, blk))
		list_add_tail(&blk->link, &e->orphans);
	e->idle_returns++;
	weir_engine_wake_peer(e, p);
}

static inline void give_back(struct weir_engine *e, struct weir_msg *msg)
{
	struct weir_block *blk = msg->blk;
	struct weir_peer *p = blk->owner;

	if (p && !p->kernel) {
		WRITE_ONCE(msg->state, WEIR_MSG_RETURN);
		list_add_tail(&msg->link, &p->returns);
		if (list_empty(&p->dirty_link))
			list_add_tail(&p->dirty_link, &e->dirty);
		return;
	}
	blk->busy--;
	/* Pairs with the acquire load in find_buffer(). */
	smp_store_release(&msg->state, WEIR_MSG_USER);
	if (p)
		return_idle(e, p, msg);
	else if (!blk->busy)
		list_add_tail(&blk->link, &e->orphans);
}

/**
 * weir_ledger_return - the buffer goes back to its owner
 * @e: engine, locked
 * @msg: in no list, with no holder
 */
void weir_ledger_return(struct weir_engine *e, struct weir_msg *msg)
{
	give_back(e, msg);
}

/* The sender has @n messages less on their way. */
static void unsettle(struct weir_engine *e, struct weir_peer *p, u32 n)
{
	if (!p || !n)
		return;
	p->unsettled -= n;
	if (!p->unsettled)
		weir_engine_wake_peer(e, p);
}

/**
 * weir_ledger_settle - a message that was not dead leaves the channel
 * @e: engine, locked
 * @msg: in no list, with no holder
 */
void weir_ledger_settle(struct weir_engine *e, struct weir_msg *msg)
{
	struct weir_peer *p = weir_ledger_sender(e, msg);

	weir_lane_leave(&e->lane, msg);
	if (p && msg->flags & WEIR_MSG_ACKED)
		p->settled_acked++;
	unsettle(e, p, 1);
	weir_ledger_return(e, msg);
}

static void settled(struct weir_engine *e, const struct tally *t)
{
	if (t->p)
		t->p->settled_acked += t->n;
	unsettle(e, t->p, t->n);
}

/* A message that was acknowledged leaves the channel. */
static inline void settle_acked(struct weir_engine *e, struct tally *t,
				struct weir_msg *msg)
{
	struct weir_peer *p = weir_ledger_sender(e, msg);

	if (p != t->p) {
		settled(e, t);
		t->p = p;
		t->n = 0;
	}
	t->n++;
	weir_lane_leave(&e->lane, msg);
	give_back(e, msg);
}

/**
 * weir_ledger_ack - a worker has done with messages
 * @e: engine, locked; not a fan-out
 * @p: worker
 * @token: names of deliveries, from user space
 * @nr: their number
 * @now: ns
 * @first: set to the first that names nothing, if any does
 *
 * Return: how many name nothing.
 */
u32 weir_ledger_ack(struct weir_engine *e, struct weir_peer *p,
		    const u32 *token, u32 nr, u64 now, u32 *first)
{
	struct weir_hist_run working = {
		.hist = &e->hist[WEIR_HIST_WORKING], .now = now,
	};
	struct weir_hist_run total = {
		.hist = &e->hist[WEIR_HIST_TOTAL], .now = now,
	};
	struct tally sender = {};
	struct weir_msg *msg;
	struct weir_tag *tag;
	u32 i, stale = 0;

	for (i = 0; i < nr; i++) {
		tag = weir_tag_find(&p->tags, token[i]);
		if (!tag) {
			if (!stale++)
				*first = token[i];
			continue;
		}
		msg = tag->msg;
		weir_overdue_drop(e, msg);
		weir_tag_drop(&p->tags, tag);
		weir_hist_run_add(&working, msg->t_deliver);
		weir_hist_run_add(&total, msg->t_submit);
		msg->holder = NULL;
		settle_acked(e, &sender, msg);
	}
	weir_hist_run_end(&working);
	weir_hist_run_end(&total);
	settled(e, &sender);
	p->acked += nr - stale;
	e->c.acked += nr - stale;
	untagged(e, p, nr - stale, now);
	return stale;
}

/**
 * weir_ledger_drop - a message is given up for want of room
 * @e: engine, locked
 * @msg: in no list, with no holder
 */
void weir_ledger_drop(struct weir_engine *e, struct weir_msg *msg)
{
	e->c.dropped++;
	weir_ledger_settle(e, msg);
}

static void note_death(struct weir_engine *e, const struct weir_msg *msg)
{
	struct weir_event *ev = &e->events[e->ev_head++ % WEIR_EVENTS];

	ev->seq = msg->seq;
	ev->len = msg->len;
	ev->src = msg->src;
	ev->attempts = msg->attempts;
	ev->reason = msg->reason;
	if (e->ev_head - e->ev_tail > WEIR_EVENTS) {
		e->ev_tail++;
		e->ev_lost++;
	}
}

/* A dead message leaves the channel. */
static void exhume(struct weir_engine *e, struct weir_msg *msg)
{
	list_del(&msg->link);
	e->nr_dead--;
	weir_port_strfree(msg->text);
	msg->text = NULL;
	msg->reason = 0;
}

/**
 * weir_ledger_bury - a message is given up
 * @e: engine, locked
 * @msg: in no list, with no holder
 * @reason: enum weir_dead_reason
 * @text: the worker's words, from weir_port_strndup(), or NULL
 *
 * Beyond dead-max the oldest dead message is dropped.
 */
void weir_ledger_bury(struct weir_engine *e, struct weir_msg *msg, u8 reason,
		      char *text)
{
	struct weir_peer *p = weir_ledger_sender(e, msg);

	weir_lane_leave(&e->lane, msg);
	WRITE_ONCE(msg->state, WEIR_MSG_DEAD);
	msg->flags &= WEIR_MSG_COPIED;
	msg->reason = reason;
	msg->text = text;
	list_add_tail(&msg->link, &e->dead);
	e->nr_dead++;
	if (p)
		p->settled_dead++;
	unsettle(e, p, 1);
	note_death(e, msg);
	switch (reason) {
	case WEIR_DEAD_REASON_ATTEMPTS:
		e->c.died_attempts++;
		break;
	case WEIR_DEAD_REASON_REJECTED:
		e->c.died_rejected++;
		break;
	case WEIR_DEAD_REASON_KILLED:
		e->c.died_killed++;
		break;
	case WEIR_DEAD_REASON_REDELIVERIES:
		e->c.died_redeliveries++;
		break;
	case WEIR_DEAD_REASON_EXPIRED:
		e->c.died_expired++;
		break;
	}
	while (e->nr_dead > e->cfg.dead_max) {
		msg = list_first_entry(&e->dead, struct weir_msg, link);
		exhume(e, msg);
		e->c.dropped++;
		weir_ledger_return(e, msg);
	}
}

/**
 * weir_ledger_again - a message that was delivered goes back to the lane
 * @e: engine, locked
 * @msg: in no list, with no holder
 * @due: ns, or 0 for at once
 *
 * Return: false if it died instead, of max-attempts or redeliver-max.
 */
bool weir_ledger_again(struct weir_engine *e, struct weir_msg *msg, u64 due)
{
	e->c.redelivered++;
	if (msg->attempts >= e->cfg.max_attempts) {
		weir_ledger_bury(e, msg, WEIR_DEAD_REASON_ATTEMPTS, NULL);
		return false;
	}
	if (msg->deliveries >= e->cfg.redeliver_max) {
		weir_ledger_bury(e, msg, WEIR_DEAD_REASON_REDELIVERIES, NULL);
		return false;
	}
	if (due)
		weir_lane_delay(&e->lane, msg, due);
	else
		weir_lane_redo(&e->lane, msg);
	weir_ledger_enqueued(e, msg);
	return true;
}

/* A ready or delayed message leaves the lane. */
static void take_out(struct weir_engine *e, struct weir_msg *msg)
{
	weir_lane_remove(&e->lane, msg);
	weir_ledger_dequeued(e, msg);
}

/**
 * weir_ledger_expire - give up what has waited beyond its deadline
 * @e: engine, locked
 * @max: most messages to look at
 * @now: ns
 *
 * Return: how many were given up.
 */
u32 weir_ledger_expire(struct weir_engine *e, u32 max, u64 now)
{
	struct weir_msg *msg;
	u32 n;

	for (n = 0; n < max; n++) {
		msg = weir_lane_first_expiry(&e->lane);
		if (!msg || msg->deadline > now)
			break;
		take_out(e, msg);
		weir_ledger_bury(e, msg, WEIR_DEAD_REASON_EXPIRED, NULL);
	}
	return n;
}

/**
 * weir_ledger_release - take a message from its worker, or end its delay
 * @e: engine, locked
 * @msg: message
 * @now: ns
 *
 * Return: false if it was neither inflight, with one worker, nor delayed.
 */
bool weir_ledger_release(struct weir_engine *e, struct weir_msg *msg, u64 now)
{
	switch (msg->state) {
	case WEIR_MSG_INFLIGHT:
		if (weir_fanout(e))
			return false;
		weir_ledger_unhold(e, msg, now);
		e->c.taken++;
		weir_ledger_again(e, msg, 0);
		return true;
	case WEIR_MSG_DELAYED:
		weir_lane_remove(&e->lane, msg);
		weir_lane_redo(&e->lane, msg);
		return true;
	default:
		return false;
	}
}

/**
 * weir_ledger_requeue - a dead message becomes ready, its attempts at 0
 * @e: engine, locked
 * @msg: message
 *
 * Return: false if it was not dead.
 */
bool weir_ledger_requeue(struct weir_engine *e, struct weir_msg *msg)
{
	struct weir_peer *p = weir_ledger_sender(e, msg);

	if (msg->state != WEIR_MSG_DEAD)
		return false;
	exhume(e, msg);
	if (p) {
		p->settled_dead--;
		p->unsettled++;
	}
	msg->attempts = 0;
	msg->deliveries = 0;
	msg->deadline = 0;	/* else it would die of it once more */
	e->c.requeued++;
	weir_lane_redo(&e->lane, msg);
	weir_ledger_enqueued(e, msg);
	return true;
}

/**
 * weir_ledger_kill - give a message up by hand
 * @e: engine, locked
 * @msg: message
 * @now: ns
 *
 * Return: false if it was not ready, delayed or inflight.
 */
bool weir_ledger_kill(struct weir_engine *e, struct weir_msg *msg, u64 now)
{
	switch (msg->state) {
	case WEIR_MSG_INFLIGHT:
		if (weir_fanout(e))
			weir_fanout_revoke(e, msg, now);
		else
			weir_ledger_unhold(e, msg, now);
		break;
	case WEIR_MSG_READY:
	case WEIR_MSG_DELAYED:
		take_out(e, msg);
		break;
	default:
		return false;
	}
	weir_ledger_bury(e, msg, WEIR_DEAD_REASON_KILLED, NULL);
	return true;
}

/**
 * weir_ledger_set - what a message has been through, elsewhere
 * @msg: message; its engine is locked
 * @attempts: deliveries that counted
 * @deliveries: all of them
 *
 * Return: false if it was not ready or delayed.
 */
bool weir_ledger_set(struct weir_msg *msg, u16 attempts, u16 deliveries)
{
	if (msg->state != WEIR_MSG_READY && msg->state != WEIR_MSG_DELAYED)
		return false;
	msg->attempts = attempts;
	msg->deliveries = deliveries;
	return true;
}

/**
 * weir_ledger_lay - a message that waits was given up, elsewhere
 * @e: engine, locked
 * @msg: ready or delayed
 * @reason: enum weir_dead_reason
 * @text: as of weir_ledger_bury()
 */
void weir_ledger_lay(struct weir_engine *e, struct weir_msg *msg, u8 reason,
		     char *text)
{
	take_out(e, msg);
	weir_ledger_bury(e, msg, reason, text);
}

static struct weir_msg *first_waiting(struct weir_engine *e)
{
	struct weir_msg *msg = weir_lane_suspect(&e->lane);

	if (!msg)
		msg = weir_lane_first(&e->lane);
	if (!msg)
		msg = weir_lane_first_delayed(&e->lane);
	if (!msg)
		msg = weir_key_parked(&e->lane.keys);
	return msg;
}

/**
 * weir_ledger_purge - throw messages away
 * @e: engine, locked
 * @state: WEIR_MESSAGE_STATE_DEAD for the dead ones, else those that wait
 * @max: most to throw away in this call
 *
 * Return: how many were.
 */
u32 weir_ledger_purge(struct weir_engine *e, u32 state, u32 max)
{
	struct weir_msg *msg;
	u32 n;

	for (n = 0; n < max; n++) {
		if (state == WEIR_MESSAGE_STATE_DEAD) {
			msg = list_first_entry_or_null(&e->dead,
						       struct weir_msg, link);
			if (!msg)
				break;
			exhume(e, msg);
			weir_ledger_return(e, msg);
		} else {
			msg = first_waiting(e);
			if (!msg)
				break;
			take_out(e, msg);
			weir_ledger_settle(e, msg);
		}
		e->c.purged++;
	}
	return n;
}

/* One RETURN entry of up to WEIR_VEC_MAX buffers; there is one at least. */
static void post_return(struct weir_peer *p, struct weir_cqe *cqe)
{
	struct list_head *next;
	struct weir_msg *msg;
	u32 nr = 0;

	weir_ring_clear(cqe);
	for (next = p->returns.next; next != &p->returns && nr < WEIR_VEC_MAX;) {
		msg = list_entry(next, struct weir_msg, link);
		next = next->next;
		msg->blk->busy--;
		cqe->buf[nr++] = weir_msg_buf(msg) / WEIR_BUF_UNIT;
		/* Pairs with the acquire load in find_buffer(). */
		smp_store_release(&msg->state, WEIR_MSG_USER);
	}
	cqe->type = WEIR_CQE_RETURN;
	cqe->nr = nr;
	/* All that went are cut off together. */
	p->returns.next = next;
	next->prev = &p->returns;
}

/* Posts as many returns to one owner as its ring has room for. */
static void post_returns(struct weir_engine *e, struct weir_peer *p)
{
	u32 room = p->rings.cq_entries - weir_engine_unread(e, p);
	u32 n = 0;

	while (n < room && !list_empty(&p->returns))
		post_return(p, weir_ring_slot(&p->rings, n++));
	/*
	 * A worker may have been passed over for want of room meanwhile, and
	 * has to enter all the same: its own ENTER clears the flag.
	 */
	if (!list_empty(&p->returns))
		weir_ring_flag(&p->rings, WEIR_RING_CQ_MORE, true);
	else if (!weir_peer_works(p))
		weir_ring_flag(&p->rings, WEIR_RING_CQ_MORE, false);
	if (!n)
		return;
	weir_ring_publish(&p->rings, n);
	weir_engine_wake_peer(e, p);
}

/**
 * weir_ledger_flush - tell owners of the buffers that came back
 * @e: engine, locked
 *
 * An owner whose ring is full keeps the rest; its next ENTER asks again.
 */
void weir_ledger_flush(struct weir_engine *e)
{
	struct weir_peer *p;

	while ((p = list_first_entry_or_null(&e->dirty, struct weir_peer,
					     dirty_link))) {
		list_del_init(&p->dirty_link);
		post_returns(e, p);
	}
}
