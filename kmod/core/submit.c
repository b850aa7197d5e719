// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the submission ring into the ledger. Entries are handled in chunks:
 * copied and checked under the sender's lock alone, then applied under the
 * engine's lock, in order, up to the first that has to wait for room.
 */
#include "engine.h"

#define DEFER_MAX	86400000	/* ms */

/*
 * What is looked up once for many entries: what the channel takes, and the
 * block that the last message lay in. It cannot change hands meanwhile, since
 * its owner's sq_lock is held.
 */
struct terms {
	u64 key_mask;		/* there are no keys in a fan-out */
	u32 priorities;
	u32 message_max;
	u32 src;
	struct weir_msg *msgs;
	u64 addr;
	u64 bytes;
	u32 shift;		/* of a buffer's size */
	u32 nr;
};

static void look_up_terms(const struct weir_engine *e,
			  const struct weir_peer *p, struct terms *t)
{
	*t = (struct terms){
		.key_mask = weir_fanout(e) ? 0 : U64_MAX,
		.priorities = max(READ_ONCE(e->cfg.priorities), 1U),
		/* Who may not send is told by the longer way. */
		.message_max = weir_peer_sends(p) ?
			       READ_ONCE(e->cfg.message_max) : 0,
		.src = p->id,
	};
}

static bool look_up_block(const struct weir_engine *e,
			  const struct weir_peer *p, u64 addr, struct terms *t)
{
	struct weir_block *blk = weir_map_find(e->map, addr);

	if (!blk || READ_ONCE(blk->owner) != p)
		return false;
	t->msgs = blk->msgs;
	t->nr = blk->nr;
	t->addr = blk->addr;
	t->shift = weir_class_shift(blk->cls);
	t->bytes = (u64)blk->nr << t->shift;
	return addr - t->addr < t->bytes;
}

/*
 * The ledger entry of the buffer that @addr lies in, if @len bytes from there on
 * are in it and the sender has it. Only the sq_lock is held. Return: 0 or why not.
 */
static __always_inline int find_buffer(const struct weir_engine *e,
				       const struct weir_peer *p, u64 addr,
				       u32 len, struct terms *t,
				       struct weir_msg **msg, u32 *off)
{
	u64 in_block = addr - t->addr, i;

	if (in_block >= t->bytes) {
		if (!look_up_block(e, p, addr, t))
			return -EFAULT;
		in_block = addr - t->addr;
	}
	i = array_index_nospec(in_block >> t->shift, (u64)t->nr);
	*off = in_block & ((1U << t->shift) - 1);
	if (len + *off > 1U << t->shift)
		return -EFAULT;
	*msg = &t->msgs[i];
	/* Pairs with the release stores of WEIR_MSG_USER. */
	return smp_load_acquire(&(*msg)->state) == WEIR_MSG_USER ? 0 : -EBUSY;
}

/* Takes a buffer that find_buffer() has found for the message of @s. */
static __always_inline void take_buffer(struct weir_msg *msg, u32 off,
					const struct weir_sqe *s,
					const struct terms *t)
{
	WRITE_ONCE(msg->state, WEIR_MSG_STAGED);
	msg->flags = 0;
	msg->prio = array_index_nospec(s->prio, WEIR_PRIORITIES_MAX);
	msg->encoding = s->encoding;
	msg->mtype = s->mtype;
	msg->attempts = 0;
	msg->len = s->len;
	msg->off = off;
	msg->key = s->key & t->key_mask;
	msg->corr = s->corr;
	msg->deadline = s->deadline_ns;
	msg->src = t->src;
	msg->cost = s->cost;
	msg->deliveries = 0;
	msg->due = 0;
}

/* Checks a SEND that is not plain, and takes its buffer. */
static int stage_send(struct weir_engine *e, struct weir_peer *p,
		      struct weir_stage *st, struct terms *t)
{
	const struct weir_sqe *s = &st->sqe;
	struct weir_msg *msg;
	u32 off;
	int err;

	if (!weir_peer_sends(p))
		return -EPERM;
	if (s->nr || s->reply_client || s->resv0 ||
	    s->defer_ms > DEFER_MAX || (s->defer_ms && !t->key_mask) ||
	    s->prio >= t->priorities)
		return -EINVAL;
	if (!s->len || s->len > t->message_max)
		return -EMSGSIZE;
	err = find_buffer(e, p, s->addr, s->len, t, &msg, &off);
	if (err)
		return err;
	take_buffer(msg, off, s, t);
	msg->due = s->defer_ms * 1000000ULL;
	st->msg = msg;
	return 0;
}

/* The first fields of an entry, which decide what it is. */
union head {
	u32 word;
	struct {
		u8 op;
		u8 flags;
		u8 prio;
		u8 nr;
	};
};

/*
 * Stages an entry that is a good message, that nobody wants to be told about and
 * that goes at once. Most are. It is not copied first: each field is read once,
 * and goes where it belongs. Return: false if it is none, or if that cannot be said
 * so easily; nothing has been done then, and what was read does not count: the
 * longer way begins with a copy of its own.
 */
static __always_inline bool stage_plain(struct weir_engine *e,
					struct weir_peer *p,
					struct weir_stage *st,
					const struct weir_sqe *slot,
					struct terms *t)
{
	static const union head other = {
		.op = 0xff, .flags = 0xff & ~WEIR_SQE_NOWAIT, .nr = 0xff,
	}, send = {
		.op = WEIR_OP_SEND,
	};
	union head head = { .word = READ_ONCE(*(const u32 *)slot) };
	struct weir_msg *msg;
	struct weir_sqe s;
	u32 off;

	BUILD_BUG_ON(sizeof(union head) != sizeof(u32) ||
		     offsetof(struct weir_sqe, op) != offsetof(union head, op) ||
		     offsetof(struct weir_sqe, flags) != offsetof(union head, flags) ||
		     offsetof(struct weir_sqe, prio) != offsetof(union head, prio) ||
		     offsetof(struct weir_sqe, nr) != offsetof(union head, nr));
	s.prio = head.prio;
	s.len = READ_ONCE(slot->len);
	if ((head.word & other.word) != send.word ||
	    s.prio >= t->priorities || s.len - 1 >= t->message_max ||
	    READ_ONCE(slot->reply_client) | READ_ONCE(slot->resv0) |
	    READ_ONCE(slot->defer_ms))
		return false;
	s.addr = READ_ONCE(slot->addr);
	if (find_buffer(e, p, s.addr, s.len, t, &msg, &off))
		return false;
	s.key = READ_ONCE(slot->key);
	s.corr = READ_ONCE(slot->corr);
	s.deadline_ns = READ_ONCE(slot->deadline_ns);
	s.cost = READ_ONCE(slot->cost);
	s.mtype = READ_ONCE(slot->mtype);
	s.encoding = READ_ONCE(slot->encoding);
	take_buffer(msg, off, &s, t);
	/* For who has to be told that there was no room after all. */
	memcpy(&st->sqe, &head, sizeof(head));
	st->sqe.len = s.len;
	st->sqe.addr = s.addr;
	st->sqe.user_data = READ_ONCE(slot->user_data);
	st->msg = msg;
	st->copy = NULL;
	st->res = 0;
	st->extra = 0;
	st->plain = true;
	return true;
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

/* Checks one entry that is not plain; @left are published from it on. */
static noinline void stage_other(struct weir_engine *e, struct weir_peer *p,
				 struct weir_stage *st, u32 left,
				 struct terms *t)
{
	st->msg = NULL;
	st->copy = NULL;
	st->extra = 0;
	st->plain = false;
	/* Its text goes with a rejection, refused or not: it is no entry. */
	if (st->sqe.op == WEIR_OP_REJECT && st->sqe.nr <= WEIR_REASON_SLOTS)
		st->extra = min_t(u32, st->sqe.nr, left - 1);
	if (st->sqe.flags & ~(WEIR_SQE_RESULT | WEIR_SQE_NOWAIT)) {
		st->res = -EINVAL;
		return;
	}
	switch (st->sqe.op) {
	case WEIR_OP_NOP:
		st->res = 0;
		break;
	case WEIR_OP_SEND:
		st->res = stage_send(e, p, st, t);
		break;
	case WEIR_OP_ACK:
	case WEIR_OP_FAIL:
	case WEIR_OP_RELEASE:
	case WEIR_OP_REJECT:
	case WEIR_OP_EXTEND:
		st->res = stage_answer(p, st);
		break;
	default:
		st->res = -EINVAL;
	}
}

/**
 * weir_engine_share - most messages of one sender that may wait
 * @e: engine, locked (or a hint, if not)
 */
u32 weir_engine_share(const struct weir_engine *e)
{
	u64 percent = READ_ONCE(e->cfg.sender_max);

	if (!percent || percent >= 100)
		return U32_MAX;
	return max(div_u64(READ_ONCE(e->cfg.messages) * percent, 100), 1ULL);
}

static bool over_share(const struct weir_engine *e, const struct weir_peer *p)
{
	return !p->kernel && READ_ONCE(p->queued) >= weir_engine_share(e);
}

/**
 * weir_engine_share_free - need a sender wait for its share no longer?
 * @e: engine, locked (or a hint, if not)
 * @p: sender
 *
 * It has some, or it would be refused; there may be no room for all that.
 */
bool weir_engine_share_free(const struct weir_engine *e,
			    const struct weir_peer *p)
{
	return READ_ONCE(e->closed) ||
	       READ_ONCE(e->cfg.state) == WEIR_CHANNEL_STATE_DRAINING ||
	       READ_ONCE(e->cfg.overflow) != WEIR_OVERFLOW_BLOCK ||
	       !over_share(e, p);
}

/**
 * weir_engine_clear - would a message of a sender be dealt with at once?
 * @e: engine, locked (or a hint, if not)
 * @p: sender
 *
 * There is room for it, or it would be refused for another reason than that.
 */
bool weir_engine_clear(const struct weir_engine *e, const struct weir_peer *p)
{
	return READ_ONCE(e->closed) ||
	       READ_ONCE(e->cfg.state) == WEIR_CHANNEL_STATE_DRAINING ||
	       (weir_engine_room(e) && !over_share(e, p));
}

/**
 * weir_engine_poll_room - would a message of a sender find room?
 * @e: engine, locked
 * @p: sender
 *
 * If not, who polls is woken once it would: @polled of struct weir_wake is for
 * the channel's room; for its own share the sender itself is woken.
 */
bool weir_engine_poll_room(struct weir_engine *e, struct weir_peer *p)
{
	p->over = over_share(e, p);
	e->polled |= !weir_engine_room(e);
	return weir_engine_clear(e, p);
}

/**
 * weir_engine_open - need a sender wait for room no longer?
 * @e: engine, locked (or a hint, if not)
 * @p: the sender; NULL for any that has not used up its share
 *
 * There is room, or it would be refused.
 */
bool weir_engine_open(const struct weir_engine *e, const struct weir_peer *p)
{
	if (READ_ONCE(e->closed) ||
	    READ_ONCE(e->cfg.state) == WEIR_CHANNEL_STATE_DRAINING ||
	    READ_ONCE(e->cfg.overflow) != WEIR_OVERFLOW_BLOCK)
		return true;
	return weir_engine_room(e) && !(p && over_share(e, p));
}

/* A message enters the channel; its place in the lane is still to be found. */
static __always_inline void enter(struct weir_engine *e, struct weir_msg *msg,
				  u64 seq, u64 now)
{
	msg->seq = seq;
	msg->t_submit = now;
	if (e->cfg.ttl && !msg->deadline)
		msg->deadline = now + e->cfg.ttl;
	msg->blk->busy++;
}

static void entered(struct weir_engine *e, struct weir_peer *p, u32 n,
		    u64 bytes)
{
	e->c.accepted += n;
	e->c.bytes += bytes;
	p->accepted += n;
	p->unsettled += n;
	p->queued += n;
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
	enter(e, msg, ++e->seq, now);
	if (msg->due)
		weir_lane_delay(&e->lane, msg, now + msg->due);
	else
		weir_lane_append(&e->lane, msg);
	entered(e, p, 1, msg->len);
}

/*
 * Accepts plain messages, for as many as there is room without more ado.
 * Return: how many of the @n entries from @st on there were.
 */
static u32 accept_plain(struct weir_engine *e, struct weir_peer *p,
			const struct weir_stage *st, u64 n, u64 now)
{
	const struct weir_stage *s, *end = st + n;
	struct weir_lane_run run;
	u64 seq = e->seq, bytes = 0;

	weir_lane_run_begin(&run);
	for (s = st; s < end && s->plain; s++) {
		bytes += s->msg->len;
		enter(e, s->msg, ++seq, now);
		weir_lane_run_add(&e->lane, &run, s->msg);
	}
	weir_lane_run_end(&e->lane, &run);
	e->seq = seq;
	n = s - st;
	entered(e, p, n, bytes);
	return n;
}

/* Gives up the message that is the least loss. Return: whether there was one. */
static bool drop_oldest(struct weir_engine *e)
{
	struct weir_msg *msg = weir_lane_spare(&e->lane);

	if (!msg)
		return false;
	weir_lane_remove(&e->lane, msg);
	weir_ledger_dequeued(e, msg);
	e->c.dropped_old++;
	weir_ledger_drop(e, msg);
	return true;
}

/**
 * weir_engine_accept_lost - a staged message is accepted, and given up at once
 * @e: engine, locked
 * @p: sender
 * @msg: STAGED
 */
void weir_engine_accept_lost(struct weir_engine *e, struct weir_peer *p,
			     struct weir_msg *msg)
{
	msg->seq = ++e->seq;
	msg->blk->busy++;
	e->c.accepted++;
	e->c.bytes += msg->len;
	p->accepted++;
	p->unsettled++;
	e->c.dropped_new++;
	weir_ledger_drop(e, msg);
}

static int no_room(struct weir_engine *e, struct weir_peer *p, bool share)
{
	p->over = share;
	if (e->cfg.overflow == WEIR_OVERFLOW_BLOCK)
		return -EAGAIN;
	e->c.refused_share += share && e->cfg.overflow == WEIR_OVERFLOW_ERROR;
	switch (e->cfg.overflow) {
	case WEIR_OVERFLOW_DROP_NEW:
		return 1;
	case WEIR_OVERFLOW_DROP_OLD:
		/* Beyond its own share it shall not cost another sender's. */
		return share || !drop_oldest(e);
	default:
		return -ENOBUFS;
	}
}

/**
 * weir_engine_admit - may a message enter the channel now?
 * @e: engine, locked
 * @p: its sender
 * @force: what a dead client had published is taken whatever the depth
 *
 * Return: 0; 1 it is accepted and dropped: weir_engine_accept_lost(); -EAGAIN it must
 * wait (overflow block), for its sender's share if @over of that is set;
 * -ENOBUFS, -ESHUTDOWN it is refused.
 */
int weir_engine_admit(struct weir_engine *e, struct weir_peer *p, bool force)
{
	bool share = over_share(e, p);

	p->over = false;
	if (force)
		return e->closed ? -ESHUTDOWN : 0;
	if (e->closed || e->cfg.state == WEIR_CHANNEL_STATE_DRAINING)
		return -ESHUTDOWN;
	if (!share && weir_engine_room(e))
		return 0;
	e->was_full = true;
	e->wake->full = true;
	return no_room(e, p, share);
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

static int admit(struct weir_engine *e, struct weir_peer *p,
		 struct weir_stage *st, bool force)
{
	int res = weir_engine_admit(e, p, force);

	if (res == 1) {
		weir_engine_accept_lost(e, p, st->copy ?
					weir_bounce_take(e, st) : st->msg);
	} else if (!res && p->hold && !force &&
		   e->cfg.overflow == WEIR_OVERFLOW_BLOCK) {
		res = -EAGAIN;
	} else if (!res && !force) {
		res = weir_hook_admit(e, st->copy ?: st->msg, p->uid);
	}
	return res;
}

static int apply_send(struct weir_engine *e, struct weir_peer *p,
		      struct weir_stage *st, bool force, u64 now)
{
	int res = st->res ?: admit(e, p, st, force);

	if (!res)
		weir_engine_accept(e, p, st->copy ? weir_bounce_take(e, st) :
				   st->msg, now);
	if (res >= 0)
		return 0;
	weir_bounce_undo(e, st);
	if (st->msg)
		/* Pairs with the acquire load in find_buffer(). */
		smp_store_release(&st->msg->state, WEIR_MSG_USER);
	if (res == -EAGAIN && !(st->sqe.flags & WEIR_SQE_NOWAIT))
		e->c.blocked++;
	else
		weir_engine_refused(e, p, res);
	return res;
}

/*
 * How many messages of a sender may enter the channel without more ado. What
 * goes beyond it is looked at one by one.
 */
static u64 free_room(const struct weir_engine *e, const struct weir_peer *p,
		     bool force)
{
	u32 share = weir_engine_share(e);

	if (e->closed)
		return 0;
	if (force)
		return U64_MAX;
	if (weir_hook_admits(e))
		return 0;
	if (e->cfg.state == WEIR_CHANNEL_STATE_DRAINING ||
	    (p->hold && e->cfg.overflow == WEIR_OVERFLOW_BLOCK))
		return 0;
	return min_t(u64, weir_engine_room(e),
		     share > p->queued ? share - p->queued : 0);
}

/* Applies one entry. Return: false if it has to stay in the ring. */
static bool apply(struct weir_engine *e, struct weir_peer *p,
		  struct weir_stage *st, bool force, u64 now,
		  struct weir_cqe *cqe)
{
	bool tell = st->sqe.flags & WEIR_SQE_RESULT;
	int res = st->res;

	weir_ring_clear(cqe);
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
static void unstage(struct weir_engine *e, struct weir_stage *st, u32 from,
		    u32 to)
{
	for (; from < to; from++) {
		weir_bounce_undo(e, &st[from]);
		if (st[from].msg)
			/* Pairs with the acquire load in find_buffer(). */
			smp_store_release(&st[from].msg->state, WEIR_MSG_USER);
	}
}

/*
 * Applies @nr of the staged entries. Return: slots consumed; *stop is set if an entry
 * has to stay.
 */
static u32 apply_all(struct weir_engine *e, struct weir_peer *p, u32 nr,
		     u32 staged, bool force, u64 now, bool *stop)
{
	bool look = true;	/* @fast is not known */
	u64 fast = 0;
	u32 room = 0, posted = 0, slots = 0, i, n;
	struct weir_cqe cqe;

	if (!p->gone)
		room = p->rings.cq_entries - weir_engine_unread(e, p);
	for (i = 0; i < nr; i++) {
		/* What may answer is taken only while there is room for it. */
		if (posted == room && !force)
			break;
		if (p->stage[i].plain && look) {
			fast = free_room(e, p, force);
			look = false;
		}
		if (fast && p->stage[i].plain) {
			n = accept_plain(e, p, &p->stage[i],
					 min_t(u64, nr - i, fast), now);
			fast -= n;
			slots += n;
			i += n - 1;
			continue;
		}
		p->stage[i].pos = p->rings.sq_head + slots;
		if (!apply(e, p, &p->stage[i], force, now, &cqe)) {
			p->blocked = true;
			break;
		}
		look = true;
		fast = 0;
		slots += 1 + p->stage[i].extra;
		if (cqe.type && posted < room)
			memcpy(weir_ring_slot(&p->rings, posted++), &cqe,
			       sizeof(cqe));
	}
	p->cut = i == nr && nr && nr < staged && !p->short_of;
	*stop = i < nr || !nr || nr < staged;
	unstage(e, p->stage, i, staged);
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
	struct weir_stage *st = p->stage;
	u32 ahead = 0, n = 0;
	struct terms t;

	look_up_terms(e, p, &t);
	for (; ahead < slots && n < WEIR_STAGE_MAX; ahead++, n++, st++) {
		if (stage_plain(e, p, st, weir_ring_entry(&p->rings, ahead), &t))
			continue;
		weir_ring_peek(&p->rings, ahead, &st->sqe);
		stage_other(e, p, st, published - ahead, &t);
		if (st->extra >= slots - ahead)
			break;
		ahead += st->extra;
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
	bool copies = !READ_ONCE(e->cfg.zerocopy) && !force && !p->swept;
	u32 todo, done = 0, staged, nr, slots;
	bool stop = false;

	p->blocked = false;
	p->short_of = 0;
	p->cut = false;
	if (pending < 0) {
		weir_engine_lock(e, wake);
		e->c.ring_errors++;
		weir_engine_unlock(e);
		return pending;
	}
	WRITE_ONCE(p->at_ring, true);
	todo = min_t(u32, pending, max);
	do {
		staged = stage_all(e, p, todo - done, pending - done);
		nr = copies ? weir_bounce_stage(e, p, staged, wake) : staged;
		weir_engine_lock(e, wake);
		slots = apply_all(e, p, nr, staged, force, now, &stop);
		weir_ledger_owed(e, p);
		if (weir_peer_works(p)) {
			p->late = false;
			if (want && weir_engine_unread(e, p) < want)
				p->want = want;
			weir_policy_touch(e, p);
		}
		weir_engine_finish(e, now);
		if (!force && weir_promise_fits(p) && weir_promise_kept(e))
			weir_promise_give(e, p);
		weir_engine_unlock(e);
		if (slots)
			weir_ring_consume(&p->rings, slots);
		done += slots;
	} while (!stop && done < todo);
	WRITE_ONCE(p->at_ring, false);
	return done;
}
