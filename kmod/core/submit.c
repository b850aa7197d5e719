// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the submission ring into the ledger. Entries are handled in chunks:
 * copied and checked under the sender's lock alone, then applied under the
 * engine's lock, in order, up to the first that has to wait for room.
 */
#include "engine.h"

/* Checks a SEND and takes its buffer. Only its sq_lock is held. */
static int stage_send(struct weir_engine *e, struct weir_peer *p,
		      struct weir_stage *st)
{
	const struct weir_sqe *s = &st->sqe;
	struct weir_block *blk;
	struct weir_msg *msg;
	u32 in_block, i;

	if (!weir_peer_sends(p))
		return -EPERM;
	if (s->nr || s->reply_client || s->resv0 || s->defer_ms || s->prio)
		return -EINVAL;
	if (!s->len || s->len > READ_ONCE(e->cfg.message_max))
		return -EMSGSIZE;
	blk = weir_map_find(e->map, s->addr);
	if (!blk || READ_ONCE(blk->owner) != p)
		return -EFAULT;
	in_block = s->addr - blk->addr;
	i = in_block >> weir_class_shift(blk->cls);
	if (i >= blk->nr)
		return -EFAULT;
	i = array_index_nospec(i, blk->nr);
	st->msg = &blk->msgs[i];
	in_block -= i << weir_class_shift(blk->cls);
	if (s->len > weir_class_size(blk->cls) - in_block) {
		st->msg = NULL;
		return -EFAULT;
	}
	msg = st->msg;
	/* Pairs with the release stores of WEIR_MSG_USER. */
	if (smp_load_acquire(&msg->state) != WEIR_MSG_USER) {
		st->msg = NULL;
		return -EBUSY;
	}
	WRITE_ONCE(msg->state, WEIR_MSG_STAGED);
	msg->len = s->len;
	msg->off = in_block;
	msg->flags = 0;
	msg->prio = s->prio;
	msg->encoding = s->encoding;
	msg->mtype = s->mtype;
	msg->attempts = 0;
	msg->deliveries = 0;
	msg->reason = 0;
	msg->key = s->key;
	msg->corr = s->corr;
	msg->deadline = s->deadline_ns;
	msg->holder = NULL;
	msg->src = p->id;
	msg->cost = s->cost;
	msg->text = NULL;
	return 0;
}

static int stage_answer(struct weir_peer *p, struct weir_stage *st)
{
	const struct weir_sqe *s = &st->sqe;

	if (s->op == WEIR_OP_REJECT) {
		if (s->nr != st->extra)
			return -EINVAL;
		if (s->len > WEIR_REASON_HEAD + 64U * s->nr)
			return -EINVAL;
	} else {
		if (!s->nr || s->nr > WEIR_VEC_MAX)
			return -EINVAL;
		if (s->delay_ms > (s->op == WEIR_OP_ACK ? 0 : 86400000))
			return -EINVAL;
	}
	if (s->prio)
		return -EINVAL;
	return weir_peer_works(p) ? 0 : -EPERM;
}

/* Copies and checks one entry; @left entries are published from it on. */
static void stage_one(struct weir_engine *e, struct weir_peer *p,
		      struct weir_stage *st, u32 ahead, u32 left)
{
	weir_ring_peek(&p->rings, ahead, &st->sqe);
	st->msg = NULL;
	/* Its text goes with a rejection, refused or not: it is no entry. */
	st->extra = 0;
	if (st->sqe.op == WEIR_OP_REJECT && st->sqe.nr <= WEIR_REASON_SLOTS)
		st->extra = min_t(u32, st->sqe.nr, left - 1);
	st->pos = p->rings.sq_head + ahead;
	if (st->sqe.flags & ~(WEIR_SQE_RESULT | WEIR_SQE_NOWAIT)) {
		st->res = -EINVAL;
		return;
	}
	switch (st->sqe.op) {
	case WEIR_OP_NOP:
		st->res = 0;
		break;
	case WEIR_OP_SEND:
		st->res = stage_send(e, p, st);
		break;
	case WEIR_OP_ACK:
	case WEIR_OP_FAIL:
	case WEIR_OP_RELEASE:
	case WEIR_OP_REJECT:
		st->res = stage_answer(p, st);
		break;
	default:
		st->res = -EINVAL;
	}
}

/**
 * weir_engine_room - messages the channel would still accept
 * @e: engine, locked (or a hint, if not)
 */
u64 weir_engine_room(const struct weir_engine *e)
{
	u64 used = weir_lane_ready(&e->lane) + e->lane.nr_delayed;

	return used < e->cfg.messages ? e->cfg.messages - used : 0;
}

/**
 * weir_engine_open - need a sender wait for room no longer?
 * @e: engine, locked (or a hint, if not)
 *
 * There is room, or it would be refused.
 */
bool weir_engine_open(const struct weir_engine *e)
{
	return weir_engine_room(e) || READ_ONCE(e->closed) ||
	       READ_ONCE(e->cfg.state) == WEIR_CHANNEL_STATE_DRAINING ||
	       READ_ONCE(e->cfg.overflow) != WEIR_OVERFLOW_BLOCK;
}

/**
 * weir_engine_accept - a staged message enters the channel
 * @e: engine, locked
 * @p: sender
 * @msg: STAGED
 * @now: ns
 */
void weir_engine_accept(struct weir_engine *e, struct weir_peer *p,
			struct weir_msg *msg, u64 now)
{
	msg->seq = ++e->seq;
	msg->t_submit = now;
	msg->blk->busy++;
	e->c.accepted++;
	e->c.bytes += msg->len;
	p->accepted++;
	p->unsettled++;
	weir_lane_append(&e->lane, msg);
}

/**
 * weir_engine_admit - may a message enter the channel now?
 * @e: engine, locked
 * @force: what a dead client had published is taken whatever the depth
 *
 * Return: 0; -EAGAIN it must wait (overflow block); -ENOBUFS, -ESHUTDOWN it is
 * refused.
 */
int weir_engine_admit(struct weir_engine *e, bool force)
{
	if (force)
		return e->closed ? -ESHUTDOWN : 0;
	if (e->closed || e->cfg.state == WEIR_CHANNEL_STATE_DRAINING)
		return -ESHUTDOWN;
	if (weir_engine_room(e))
		return 0;
	e->was_full = true;
	e->wake->events = true;
	return e->cfg.overflow == WEIR_OVERFLOW_BLOCK ? -EAGAIN : -ENOBUFS;
}

/**
 * weir_engine_refused - count a message that was not accepted
 * @e: engine, locked
 * @p: sender
 * @res: why
 */
void weir_engine_refused(struct weir_engine *e, struct weir_peer *p, int res)
{
	p->refused++;
	e->c.refused++;
	if (res == -ENOBUFS || res == -EAGAIN)
		e->c.refused_full++;
	else if (res != -ESHUTDOWN)
		e->c.refused_invalid++;
}

static int apply_send(struct weir_engine *e, struct weir_peer *p,
		      struct weir_stage *st, bool force, u64 now)
{
	int res = st->res ?: weir_engine_admit(e, force);

	if (!res && p->hold && !force && e->cfg.overflow == WEIR_OVERFLOW_BLOCK)
		res = -EAGAIN;
	if (!res) {
		weir_engine_accept(e, p, st->msg, now);
		return 0;
	}
	if (st->msg)
		/* Pairs with the acquire load in stage_send(). */
		smp_store_release(&st->msg->state, WEIR_MSG_USER);
	if (res == -EAGAIN && !(st->sqe.flags & WEIR_SQE_NOWAIT))
		e->c.blocked++;
	else
		weir_engine_refused(e, p, res);
	return res;
}

/* Applies one entry. Return: false if it has to stay in the ring. */
static bool apply(struct weir_engine *e, struct weir_peer *p,
		  struct weir_stage *st, bool force, u64 now,
		  struct weir_cqe *cqe)
{
	bool tell = st->sqe.flags & WEIR_SQE_RESULT;
	int res = st->res;

	memset(cqe, 0, sizeof(*cqe));
	cqe->op = st->sqe.op;
	if (st->sqe.op == WEIR_OP_SEND) {
		res = apply_send(e, p, st, force, now);
		if (res == -EAGAIN && !(st->sqe.flags & WEIR_SQE_NOWAIT))
			return false;
		cqe->user_data = st->sqe.user_data;
		cqe->raddr = st->sqe.addr;
	} else if (!res && st->sqe.op != WEIR_OP_NOP) {
		if (weir_engine_answer(e, p, st, now, cqe))
			res = -ESTALE;
	}
	if (res || tell) {
		cqe->type = WEIR_CQE_RESULT;
		cqe->res = res;
		cqe->sqe_index = st->pos;
	}
	return true;
}

/* Gives back the buffers of entries that stay in the ring. */
static void unstage(struct weir_stage *st, u32 from, u32 to)
{
	for (; from < to; from++)
		if (st[from].msg)
			/* Pairs with the acquire load in stage_send(). */
			smp_store_release(&st[from].msg->state, WEIR_MSG_USER);
}

/*
 * Applies @nr staged entries. Return: slots consumed; *stop is set if an entry
 * has to stay.
 */
static u32 apply_all(struct weir_engine *e, struct weir_peer *p, u32 nr,
		     bool force, u64 now, bool *stop)
{
	u32 room = 0, posted = 0, slots = 0, i;
	struct weir_cqe cqe;

	if (!p->gone)
		room = p->rings.cq_entries - weir_engine_unread(e, p);
	for (i = 0; i < nr; i++) {
		/* What may answer is taken only while there is room for it. */
		if (posted == room && !force)
			break;
		if (!apply(e, p, &p->stage[i], force, now, &cqe)) {
			p->blocked = true;
			break;
		}
		slots += 1 + p->stage[i].extra;
		if (cqe.type && posted < room)
			memcpy(weir_ring_slot(&p->rings, posted++), &cqe,
			       sizeof(cqe));
	}
	*stop = i < nr || !nr;
	unstage(p->stage, i, nr);
	weir_engine_measure(e, p, now);
	weir_ring_flag(&p->rings, WEIR_RING_CQ_MORE,
		       (i < nr && posted == room) || !list_empty(&p->returns));
	if (posted) {
		weir_ring_publish(&p->rings, posted);
		weir_engine_wake_peer(e, p);
	}
	return slots;
}

/*
 * Stages up to @slots of @published slots; an entry that has more of its own
 * than may be taken now stays. Return: the entries.
 */
static u32 stage_all(struct weir_engine *e, struct weir_peer *p, u32 slots,
		     u32 published)
{
	u32 ahead = 0, n = 0;

	while (ahead < slots && n < WEIR_STAGE_MAX) {
		stage_one(e, p, &p->stage[n], ahead, published - ahead);
		if (p->stage[n].extra >= slots - ahead)
			break;
		ahead += 1 + p->stage[n++].extra;
	}
	return n;
}

/**
 * weir_engine_submit - take published entries
 * @e: engine
 * @p: a peer with rings, its sq_lock held
 * @max: most slots to take
 * @want: a worker asks for messages, even if it holds some, unless it has so
 *	many completions unread
 * @force: its process is dead: beyond the depth limit, and without results
 * @now: ns
 * @wake: see struct weir_wake
 *
 * Return: slots consumed, which may be fewer than were there if an entry has
 * to wait for room (@blocked of the peer is set then), for a free completion
 * entry, or for the rest of its own slots; -EPROTO if the ring's tail is impossible.
 */
int weir_engine_submit(struct weir_engine *e, struct weir_peer *p, u32 max,
		       u32 want, bool force, u64 now, struct weir_wake *wake)
{
	int pending = weir_ring_pending(&p->rings);
	u32 todo, done = 0, nr, slots;
	bool stop = false;

	p->blocked = false;
	if (pending < 0) {
		weir_engine_lock(e, wake);
		e->c.ring_errors++;
		weir_engine_unlock(e);
		return pending;
	}
	todo = min_t(u32, pending, max);
	do {
		nr = stage_all(e, p, todo - done, pending - done);
		weir_engine_lock(e, wake);
		slots = apply_all(e, p, nr, force, now, &stop);
		if (!list_empty(&p->returns) && list_empty(&p->dirty_link))
			list_add_tail(&p->dirty_link, &e->dirty);
		if (weir_peer_works(p) && weir_engine_unread(e, p) < want)
			p->want = want;
		weir_engine_finish(e, now);
		weir_engine_unlock(e);
		if (slots)
			weir_ring_consume(&p->rings, slots);
		done += slots;
	} while (!stop && done < todo);
	return done;
}
