// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

struct fixture {
	struct world w;
	struct client *p;	/* producer */
	struct client *other;	/* another one */
	struct client *v;	/* worker, stopped */
};

static void setup(struct fixture *f, const struct weir_config *cfg)
{
	world_init(&f->w, cfg);
	f->p = producer(&f->w);
	f->other = producer(&f->w);
	f->v = worker(&f->w);
	client_stop(f->v, true);
}

/* Enters one entry, which must be refused, with a result that says so. */
static int refusal(struct client *c, const struct weir_sqe *s)
{
	u32 pos = c->tail - 1;
	struct weir_sqe copy = *s;
	struct weir_cqe cqe;

	CHECK_EQ(enter(c), 1);
	CHECK_EQ(c->ring.ksq_head, c->tail);
	cqe = cqe_get(c, WEIR_CQE_RESULT);
	CHECK_EQ(cqe.op, copy.op);
	CHECK_EQ(cqe.sqe_index, pos);
	if (copy.op == WEIR_OP_SEND) {
		CHECK_EQ(cqe.user_data, copy.user_data);
		CHECK_EQ(cqe.raddr, copy.addr);
	}
	cqe_none(c);
	CHECK_LT(cqe.res, 0);
	return cqe.res;
}

static int send_at(struct client *c, u64 addr, u32 len)
{
	struct weir_sqe *s = sqe_next(c, WEIR_OP_SEND);

	s->addr = addr;
	s->len = len;
	s->user_data = 77;
	return refusal(c, s);
}

TEST(message_arrives_as_it_was_sent)
{
	struct weir_sqe *s, sent;
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f, NULL);
	client_stop(f.v, false);
	s = sqe_send(f.p, 200);
	s->addr += 56;
	s->key = 1;
	s->corr = 2;
	s->deadline_ns = f.w.now + 3;
	s->user_data = 4;
	s->cost = 5;
	s->mtype = 6;
	s->encoding = 7;
	sent = *s;
	CHECK_EQ(enter(f.p), 1);
	cqe_none(f.p);
	cqe = msg_get(f.v);
	CHECK_EQ(cqe.addr, sent.addr);
	CHECK_EQ(cqe.len, 200);
	CHECK_EQ(cqe.key, 1);
	CHECK_EQ(cqe.corr, 2);
	CHECK_EQ(cqe.deadline_ns, f.w.now + 3);
	CHECK_EQ(cqe.mtype, 6);
	CHECK_EQ(cqe.encoding, 7);
	CHECK_EQ(cqe.src, f.p->p.id);
	CHECK_EQ(cqe.seq, 1);
	CHECK_EQ(cqe.attempts, 1);
	CHECK_EQ(cqe.flags, 0);
	CHECK_EQ(world_msg(&f.w, 1)->cost, 5);
	CHECK_EQ(f.w.e.c.bytes, 200);
	answer(f.v, WEIR_OP_ACK, cqe.token);
	/* The buffer is named by its first byte, not by the message's. */
	cqe = cqe_get(f.p, WEIR_CQE_RETURN);
	CHECK_EQ(cqe.nr, 1);
	CHECK_EQ((u64)cqe.buf[0] * WEIR_BUF_UNIT, sent.addr - 56);
	world_exit(&f.w);
}

TEST(result_of_success_only_when_asked_for)
{
	struct fixture f;
	struct weir_sqe *s;

	setup(&f, NULL);
	send_one(f.p);
	cqe_none(f.p);
	s = sqe_send(f.p, 1);
	s->flags = WEIR_SQE_RESULT;
	CHECK_EQ(enter(f.p), 1);
	CHECK_EQ(result_get(f.p), 0);
	sqe_next(f.p, WEIR_OP_NOP);
	CHECK_EQ(enter(f.p), 1);
	cqe_none(f.p);
	sqe_next(f.p, WEIR_OP_NOP)->flags = WEIR_SQE_RESULT;
	CHECK_EQ(enter(f.p), 1);
	CHECK_EQ(result_get(f.p), 0);
	world_exit(&f.w);
}

TEST(address_outside_of_an_own_buffer_is_EFAULT)
{
	struct weir_block *b;
	struct fixture f;
	u64 own, addr;

	setup(&f, NULL);
	own = buf_take(f.p);
	CHECK_EQ(send_at(f.p, U64_MAX, 1), -EFAULT);
	CHECK_EQ(send_at(f.p, WEIR_WINDOW_SIZE, 1), -EFAULT);
	CHECK_EQ(send_at(f.p, WEIR_WINDOW_SIZE - 1, 1), -EFAULT);
	CHECK_EQ(send_at(f.p, 1ULL << 63 | own, 1), -EFAULT);
	/* no block there */
	CHECK_EQ(send_at(f.p, weir_slot_addr(0, 100), 1), -EFAULT);
	/* another's */
	CHECK_EQ(send_at(f.p, buf_take(f.other), 1), -EFAULT);
	/* beyond the end of the buffer, or of the block */
	CHECK_EQ(send_at(f.p, own, 257), -EFAULT);
	CHECK_EQ(send_at(f.p, own + 255, 2), -EFAULT);
	CHECK_EQ(send_at(f.p, own, 1 << 20), -EFAULT);
	b = client_grant(f.p, 3);
	addr = b->addr;
	CHECK_EQ(send_at(f.p, addr + 1, 65536), -EFAULT);
	/* a block that was given back, or whose owner has ended */
	CHECK_EQ(client_giveback(f.p, b), 0);
	CHECK_EQ(send_at(f.p, addr, 1), -EFAULT);
	client_end(f.other, WEIR_END_DEATH);
	CHECK_EQ(send_at(f.p, buf_take(f.other), 1), -EFAULT);
	CHECK_EQ(f.w.e.c.refused, 12);
	CHECK_EQ(f.w.e.c.refused_invalid, 12);
	CHECK_EQ(f.p->p.refused, 12);
	CHECK_EQ(f.w.e.c.accepted, 0);
	world_exit(&f.w);
}

TEST(any_place_inside_a_buffer_is_good)
{
	struct weir_block *big;
	struct weir_sqe *s;
	struct fixture f;
	u32 n = 0;

	setup(&f, NULL);
	s = sqe_send(f.p, 256);
	s = sqe_send(f.p, 1);
	s->addr += 255;
	big = client_grant(f.p, 4);
	s = sqe_next(f.p, WEIR_OP_SEND);
	s->addr = big->addr;
	s->len = 1 << 20;
	CHECK_EQ(enter(f.p), 3);
	cqe_none(f.p);
	client_stop(f.v, false);
	CHECK_EQ(msg_get(f.v).len, 256);
	CHECK_EQ(msg_get(f.v).len, 1);
	CHECK_EQ(msg_get(f.v).addr, big->addr);
	n = f.w.e.c.accepted;
	CHECK_EQ(n, 3);
	world_exit(&f.w);
}

TEST(length_0_or_above_message_max_is_EMSGSIZE)
{
	struct weir_config cfg = world_config;
	struct fixture f;

	cfg.message_max = 100;
	setup(&f, &cfg);
	CHECK_EQ(send_at(f.p, buf_take(f.p), 0), -EMSGSIZE);
	CHECK_EQ(send_at(f.p, buf_take(f.p), 101), -EMSGSIZE);
	CHECK_EQ(send_at(f.p, buf_take(f.p), U32_MAX), -EMSGSIZE);
	send_one(f.p);
	cqe_none(f.p);
	world_exit(&f.w);
}

TEST(reserved_fields_of_a_send_must_be_0)
{
	struct weir_sqe *s;
	struct fixture f;

	setup(&f, NULL);
	s = sqe_send(f.p, 1);
	s->nr = 1;
	CHECK_EQ(refusal(f.p, s), -EINVAL);
	s = sqe_send(f.p, 1);
	s->prio = 1;
	CHECK_EQ(refusal(f.p, s), -EINVAL);
	s = sqe_send(f.p, 1);
	s->reply_client = 1;
	CHECK_EQ(refusal(f.p, s), -EINVAL);
	s = sqe_send(f.p, 1);
	s->resv0 = 1;
	CHECK_EQ(refusal(f.p, s), -EINVAL);
	s = sqe_send(f.p, 1);
	s->defer_ms = 86400001;
	CHECK_EQ(refusal(f.p, s), -EINVAL);
	world_exit(&f.w);
}

TEST(unknown_ops_and_flags_are_EINVAL)
{
	struct weir_sqe *s;
	struct fixture f;
	u32 op;

	setup(&f, NULL);
	for (op = WEIR_OP_REJECT + 1; op < 256; op++)
		CHECK_EQ(refusal(f.v, sqe_next(f.v, op)), -EINVAL);
	for (op = 0; op <= WEIR_OP_REJECT; op++) {
		s = sqe_next(f.v, op);
		s->flags = 1 << 2;
		CHECK_EQ(refusal(f.v, s), -EINVAL);
		s = sqe_next(f.v, op);
		s->flags = 1 << 7 | WEIR_SQE_RESULT;
		CHECK_EQ(refusal(f.v, s), -EINVAL);
	}
	world_exit(&f.w);
}

TEST(wrong_role_is_EPERM)
{
	struct fixture f;
	u32 op;

	setup(&f, NULL);
	CHECK_EQ(send_at(f.v, 0, 1), -EPERM);
	for (op = WEIR_OP_ACK; op <= WEIR_OP_REJECT; op++)
		CHECK_EQ(refusal(f.p, sqe_answer(f.p, op, 1)), -EPERM);
	world_exit(&f.w);
}

TEST(malformed_answers_are_EINVAL)
{
	struct weir_sqe *s;
	struct fixture f;
	u32 op;

	setup(&f, NULL);
	for (op = WEIR_OP_ACK; op <= WEIR_OP_RELEASE; op++) {
		s = sqe_answer(f.v, op, 1);
		s->nr = 0;
		CHECK_EQ(refusal(f.v, s), -EINVAL);
		s = sqe_answer(f.v, op, 1);
		s->nr = WEIR_VEC_MAX + 1;
		CHECK_EQ(refusal(f.v, s), -EINVAL);
		s = sqe_answer(f.v, op, 1);
		s->delay_ms = op == WEIR_OP_ACK ? 1 : 86400001;
		CHECK_EQ(refusal(f.v, s), -EINVAL);
		s = sqe_answer(f.v, op, 1);
		s->prio = 1;
		CHECK_EQ(refusal(f.v, s), -EINVAL);
	}
	s = sqe_answer(f.v, WEIR_OP_REJECT, 1);
	s->len = WEIR_REASON_HEAD + 1;
	CHECK_EQ(refusal(f.v, s), -EINVAL);
	s = sqe_answer(f.v, WEIR_OP_REJECT, 1);
	s->nr = 1;	/* the slot behind it was not published */
	CHECK_EQ(refusal(f.v, s), -EINVAL);
	s = sqe_answer(f.v, WEIR_OP_REJECT, 1);
	s->nr = WEIR_REASON_SLOTS + 1;
	CHECK_EQ(refusal(f.v, s), -EINVAL);
	CHECK_EQ(f.w.e.c.refused, 0);
	CHECK_EQ(f.w.e.c.stale, 0);
	world_exit(&f.w);
}

TEST(submitted_twice_is_EBUSY)
{
	struct weir_cqe cqe;
	struct fixture f;
	u64 addr;

	setup(&f, NULL);
	addr = sqe_send(f.p, 1)->addr;
	sqe_send(f.p, 1)->addr = addr;	/* in the same batch */
	CHECK_EQ(enter(f.p), 2);
	CHECK_EQ(result_get(f.p), -EBUSY);
	CHECK_EQ(send_at(f.p, addr, 1), -EBUSY);	/* ready */
	client_stop(f.v, false);
	cqe = msg_get(f.v);
	CHECK_EQ(send_at(f.p, addr, 1), -EBUSY);	/* inflight */
	answer_after(f.v, WEIR_OP_RELEASE, cqe.token, 10);
	CHECK_EQ(send_at(f.p, addr, 1), -EBUSY);	/* delayed */
	world_tick(&f.w, 10 * MS);
	cqe = msg_get(f.v);
	answer(f.v, WEIR_OP_REJECT, cqe.token);
	CHECK_EQ(send_at(f.p, addr, 1), -EBUSY);	/* dead */
	world_lock(&f.w);
	weir_ledger_purge(&f.w.e, WEIR_MESSAGE_STATE_DEAD, 1);
	world_unlock(&f.w);
	CHECK_EQ(returns_get(f.p), 1);
	sqe_next(f.p, WEIR_OP_SEND);
	f.p->sqes[(f.p->tail - 1) & 255].addr = addr;
	f.p->sqes[(f.p->tail - 1) & 255].len = 1;
	CHECK_EQ(enter(f.p), 1);
	CHECK_EQ(f.w.e.c.accepted, 2);
	world_exit(&f.w);
}

TEST(refused_buffer_can_be_sent_again)
{
	struct fixture f;
	u64 addr;

	setup(&f, NULL);
	addr = buf_take(f.p);
	CHECK_EQ(send_at(f.p, addr, 257), -EFAULT);
	sqe_send(f.p, 1)->addr = addr;
	CHECK_EQ(enter(f.p), 1);
	cqe_none(f.p);
	world_exit(&f.w);
}

TEST(bad_entry_harms_no_other)
{
	struct fixture f;
	u32 i;

	setup(&f, NULL);
	for (i = 0; i < 30; i++) {
		struct weir_sqe *s = sqe_send(f.p, i + 1);

		if (i % 3 == 1)
			s->addr = U64_MAX - i;
		else if (i % 3 == 2)
			s->op = 99;
	}
	CHECK_EQ(enter(f.p), 30);
	for (i = 0; i < 20; i++)
		CHECK_EQ(result_get(f.p), i % 2 ? -EINVAL : -EFAULT);
	client_stop(f.v, false);
	for (i = 0; i < 30; i += 3)
		CHECK_EQ(msg_get(f.v).len, i + 1);
	cqe_none(f.v);
	world_exit(&f.w);
}

TEST(no_more_than_asked_for_is_taken)
{
	struct fixture f;

	setup(&f, NULL);
	sqe_send(f.p, 1);
	sqe_send(f.p, 2);
	sqe_send(f.p, 3);
	CHECK_EQ(enter_max(f.p, 0), 0);
	CHECK_EQ(enter_max(f.p, 2), 2);
	CHECK_EQ(f.p->ring.ksq_head, 2);
	CHECK_EQ(f.w.e.c.accepted, 2);
	CHECK_EQ(enter_max(f.p, 100), 1);
	world_exit(&f.w);
}

TEST(whole_ring_is_taken_in_order)
{
	struct fixture f;
	u32 i;

	setup(&f, NULL);
	for (i = 0; i < 256; i++)
		sqe_send(f.p, i % 200 + 1);
	CHECK_EQ(enter(f.p), 256);
	CHECK_EQ(f.w.e.c.accepted, 256);
	for (i = 0; i < 256; i++)
		CHECK_EQ(world_msg(&f.w, i + 1)->len, i % 200 + 1);
	world_exit(&f.w);
}

TEST(entry_that_may_answer_waits_for_a_free_completion)
{
	struct client *c;
	struct world w;
	u32 i;

	world_init(&w, NULL);
	c = client_new(&w, WEIR_ROLE_SEND, 16, 4, 1);
	for (i = 0; i < 10; i++)
		sqe_next(c, 99);
	CHECK_EQ(enter(c), 4);
	CHECK_EQ(c->ring.ksq_head, 4);
	CHECK(c->ring.kflags & WEIR_RING_CQ_MORE);
	CHECK_EQ(enter(c), 0);
	result_get(c);
	CHECK_EQ(enter(c), 1);
	for (i = 0; i < 4; i++)
		result_get(c);
	CHECK_EQ(enter(c), 4);
	CHECK(c->ring.kflags & WEIR_RING_CQ_MORE);
	for (i = 0; i < 4; i++)
		result_get(c);
	CHECK_EQ(enter(c), 1);
	CHECK(!(c->ring.kflags & WEIR_RING_CQ_MORE));
	CHECK_EQ(result_get(c), -EINVAL);
	cqe_none(c);
	/* A ring that is just full has nothing waiting for it. */
	for (i = 0; i < 4; i++)
		sqe_next(c, 99);
	CHECK_EQ(enter(c), 4);
	CHECK(!(c->ring.kflags & WEIR_RING_CQ_MORE));
	CHECK_EQ(enter(c), 0);
	CHECK(!(c->ring.kflags & WEIR_RING_CQ_MORE));
	world_exit(&w);
}

TEST(flag_for_more_completions_goes_when_a_worker_has_read)
{
	struct client *p, *v;
	struct world w;
	u32 token[2];

	world_init(&w, NULL);
	p = producer(&w);
	v = client_new(&w, WEIR_ROLE_WORK, 8, 2, 2);
	send_many(p, 2);
	token[0] = msg_get(v).token;
	token[1] = msg_get(v).token;
	sqe_next(v, 99);
	sqe_next(v, 99);
	sqe_answer(v, WEIR_OP_ACK, token[0]);
	CHECK_EQ(enter(v), 2);
	CHECK(v->ring.kflags & WEIR_RING_CQ_MORE);
	result_get(v);
	result_get(v);
	CHECK_EQ(enter(v), 1);
	CHECK(!(v->ring.kflags & WEIR_RING_CQ_MORE));
	answer(v, WEIR_OP_ACK, token[1]);
	world_exit(&w);
}

static struct weir_config depth(u32 messages, u32 overflow)
{
	struct weir_config cfg = world_config;

	cfg.messages = messages;
	cfg.overflow = overflow;
	return cfg;
}

TEST(full_channel_leaves_the_entry_in_the_ring)
{
	struct weir_config cfg = depth(3, WEIR_OVERFLOW_BLOCK);
	struct fixture f;
	u32 i;

	setup(&f, &cfg);
	for (i = 0; i < 5; i++)
		sqe_send(f.p, i + 1);
	CHECK_EQ(enter(f.p), 3);
	CHECK_EQ(f.p->ring.ksq_head, 3);
	CHECK_EQ(f.w.e.c.blocked, 1);
	CHECK_EQ(f.w.e.c.refused, 0);
	CHECK(f.w.wake.full);
	cqe_none(f.p);
	f.w.wake.room = false;
	CHECK_EQ(enter(f.p), 0);
	CHECK_EQ(f.w.e.c.accepted, 3);
	CHECK(!f.w.wake.room);
	/* What goes to a worker makes room, and those who wait are told. */
	client_stop(f.v, false);
	CHECK(f.w.wake.room);
	CHECK_EQ(enter(f.p), 2);
	for (i = 0; i < 3; i++)
		CHECK_EQ(msg_get(f.v).len, i + 1);
	CHECK_EQ(enter_want(f.v), 0);
	CHECK_EQ(msg_get(f.v).len, 4);
	CHECK_EQ(msg_get(f.v).len, 5);
	world_exit(&f.w);
}

TEST(what_follows_a_blocked_entry_waits_too)
{
	struct weir_config cfg = depth(1, WEIR_OVERFLOW_BLOCK);
	struct fixture f;

	setup(&f, &cfg);
	sqe_send(f.p, 1);
	sqe_send(f.p, 2);
	sqe_next(f.p, WEIR_OP_NOP)->flags = WEIR_SQE_RESULT;
	sqe_next(f.p, 99);
	CHECK_EQ(enter(f.p), 1);
	cqe_none(f.p);
	client_stop(f.v, false);
	CHECK_EQ(enter(f.p), 3);
	CHECK_EQ(result_get(f.p), 0);
	CHECK_EQ(result_get(f.p), -EINVAL);
	world_exit(&f.w);
}

TEST(sender_lets_those_go_first_who_wait_before_it)
{
	struct weir_config cfg = depth(5, WEIR_OVERFLOW_BLOCK);
	struct weir_wake wake = { 0 };
	struct fixture f;

	setup(&f, &cfg);
	client_stop(f.v, false);
	send_one(f.p);			/* all are busy: it need not call */
	CHECK(f.p->p.promised);
	f.p->p.hold = true;
	sqe_send(f.p, 1);
	CHECK_EQ(enter(f.p), 0);
	CHECK(f.p->p.blocked);
	CHECK_EQ(f.w.e.c.accepted, 1);
	/* A look at its ring is for nobody else's room. */
	weir_engine_lock(&f.w.e, &wake);
	f.w.e.cfg.state = WEIR_CHANNEL_STATE_PAUSED;
	weir_engine_unlock(&f.w.e);
	CHECK(weir_promise_sweep(&f.w.e, f.w.now, &wake));
	CHECK_EQ(f.w.e.c.accepted, 2);
	CHECK(!f.p->p.hold);
	world_wake(&f.w, &wake);
	/* Where nobody waits nobody is waited for. */
	cfg.overflow = WEIR_OVERFLOW_ERROR;
	world_configure(&f.w, &cfg);
	f.p->p.hold = true;
	sqe_send(f.p, 1);
	CHECK_EQ(enter(f.p), 1);
	CHECK_EQ(f.w.e.c.accepted, 3);
	world_exit(&f.w);
}

TEST(full_channel_refuses_with_ENOBUFS_if_told_to)
{
	struct weir_config cfg = depth(3, WEIR_OVERFLOW_ERROR);
	struct fixture f;
	u32 i;

	setup(&f, &cfg);
	for (i = 0; i < 5; i++)
		sqe_send(f.p, 1);
	CHECK_EQ(enter(f.p), 5);
	CHECK_EQ(result_get(f.p), -ENOBUFS);
	CHECK_EQ(result_get(f.p), -ENOBUFS);
	cqe_none(f.p);
	CHECK_EQ(f.w.e.c.accepted, 3);
	CHECK_EQ(f.w.e.c.refused, 2);
	CHECK_EQ(f.w.e.c.refused_full, 2);
	CHECK_EQ(f.w.e.c.blocked, 0);
	world_exit(&f.w);
}

TEST(nowait_is_EAGAIN_where_others_block)
{
	struct weir_config cfg = depth(1, WEIR_OVERFLOW_BLOCK);
	struct fixture f;

	setup(&f, &cfg);
	send_one(f.p);
	sqe_send(f.p, 1)->flags = WEIR_SQE_NOWAIT;
	CHECK_EQ(enter(f.p), 1);
	CHECK_EQ(result_get(f.p), -EAGAIN);
	CHECK_EQ(f.w.e.c.refused_full, 1);
	CHECK_EQ(f.w.e.c.blocked, 0);
	world_exit(&f.w);
}

TEST(depth_counts_ready_and_delayed_only)
{
	struct weir_config cfg = depth(2, WEIR_OVERFLOW_ERROR);
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f, &cfg);
	client_stop(f.v, false);
	send_one(f.p);
	cqe = msg_get(f.v);
	CHECK_EQ(weir_engine_room(&f.w.e), 2);
	answer_after(f.v, WEIR_OP_RELEASE, cqe.token, 5);
	CHECK_EQ(weir_engine_room(&f.w.e), 1);
	client_stop(f.v, true);
	send_one(f.p);
	CHECK_EQ(weir_engine_room(&f.w.e), 0);
	sqe_send(f.p, 1);
	enter(f.p);
	CHECK_EQ(result_get(f.p), -ENOBUFS);
	world_tick(&f.w, 5 * MS);
	client_stop(f.v, false);
	cqe = msg_get(f.v);
	answer(f.v, WEIR_OP_REJECT, cqe.token);
	cqe = msg_get(f.v);
	answer(f.v, WEIR_OP_REJECT, cqe.token);
	CHECK_EQ(f.w.e.nr_dead, 2);
	CHECK_EQ(weir_engine_room(&f.w.e), 2);
	world_exit(&f.w);
}

TEST(draining_or_closed_channel_is_ESHUTDOWN)
{
	struct fixture f;

	setup(&f, NULL);
	world_state(&f.w, WEIR_CHANNEL_STATE_DRAINING);
	CHECK_EQ(send_at(f.p, buf_take(f.p), 1), -ESHUTDOWN);
	world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
	send_one(f.p);
	cqe_none(f.p);
	f.w.e.closed = true;
	CHECK_EQ(send_at(f.p, buf_take(f.p), 1), -ESHUTDOWN);
	CHECK_EQ(f.w.e.c.refused, 2);
	CHECK_EQ(f.w.e.c.refused_full, 0);
	CHECK_EQ(f.w.e.c.refused_invalid, 0);
	world_exit(&f.w);
}

TEST(blocked_senders_look_again_when_attributes_change)
{
	struct weir_config cfg = depth(1, WEIR_OVERFLOW_BLOCK);
	struct fixture f;

	setup(&f, &cfg);
	sqe_send(f.p, 1);
	sqe_send(f.p, 1);
	CHECK_EQ(enter(f.p), 1);
	f.w.wake.room = false;
	CHECK_EQ(enter(f.p), 0);
	CHECK(!f.w.wake.room);
	world_state(&f.w, WEIR_CHANNEL_STATE_DRAINING);
	CHECK(f.w.wake.room);
	CHECK_EQ(enter(f.p), 1);
	CHECK_EQ(result_get(f.p), -ESHUTDOWN);
	world_state(&f.w, WEIR_CHANNEL_STATE_RUNNING);
	sqe_send(f.p, 1);
	f.w.wake.room = false;
	CHECK_EQ(enter(f.p), 0);
	CHECK(!f.w.wake.room);
	cfg.overflow = WEIR_OVERFLOW_ERROR;
	world_configure(&f.w, &cfg);
	CHECK(f.w.wake.room);
	CHECK_EQ(enter(f.p), 1);
	CHECK_EQ(result_get(f.p), -ENOBUFS);
	world_exit(&f.w);
}

TEST(answers_are_taken_while_the_channel_is_full_or_draining)
{
	struct weir_config cfg = depth(1, WEIR_OVERFLOW_BLOCK);
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f, &cfg);
	client_stop(f.v, false);
	send_one(f.p);
	cqe = msg_get(f.v);
	client_stop(f.v, true);
	send_one(f.p);
	world_state(&f.w, WEIR_CHANNEL_STATE_DRAINING);
	answer(f.v, WEIR_OP_ACK, cqe.token);
	CHECK_EQ(f.w.e.c.acked, 1);
	world_exit(&f.w);
}

TEST(priority_beyond_the_channels_is_EINVAL)
{
	struct weir_config cfg = world_config;
	struct weir_sqe *s;
	struct fixture f;
	u32 prio;

	cfg.priorities = 3;
	setup(&f, &cfg);
	for (prio = 0; prio < 3; prio++) {
		sqe_send(f.p, 1)->prio = prio;
		CHECK_EQ(enter(f.p), 1);
		cqe_none(f.p);
		CHECK_EQ(world_msg(&f.w, prio + 1)->prio, prio);
	}
	for (prio = 3; prio < 256; prio++) {
		s = sqe_send(f.p, 1);
		s->prio = prio;
		CHECK_EQ(refusal(f.p, s), -EINVAL);
	}
	CHECK_EQ(f.w.e.c.accepted, 3);
	world_exit(&f.w);
}

TEST(priorities_and_their_burst_are_obeyed_on_the_way_to_a_worker)
{
	static const u64 order[] = { 2, 3, 1, 4, 5 };
	struct weir_config cfg = world_config;
	struct weir_cqe cqe;
	struct fixture f;
	u32 i;

	cfg.priorities = 2;
	cfg.priority_burst = 2;
	setup(&f, &cfg);
	for (i = 0; i < 5; i++)
		sqe_send(f.p, 1)->prio = !i;
	CHECK_EQ(enter(f.p), 5);
	client_stop(f.v, false);
	for (i = 0; i < 5; i++) {
		cqe = msg_get(f.v);
		CHECK_EQ(cqe.seq, order[i]);
		CHECK_EQ(cqe.prio, order[i] == 1);
	}
	world_exit(&f.w);
}

TEST(order_holds_for_each_producer_and_priority)
{
	struct weir_config cfg = world_config;
	u64 last[2][4] = { { 0 } };
	struct weir_cqe cqe;
	struct fixture f;
	u32 i, who;

	cfg.priorities = 4;
	cfg.priority_burst = 3;
	cfg.batch = 5;
	setup(&f, &cfg);
	for (i = 0; i < 200; i++) {
		struct client *c = i % 3 ? f.p : f.other;
		struct weir_sqe *s = sqe_send(c, 1);

		s->prio = i * 7 % 4;
		s->corr = i + 1;
		CHECK_EQ(enter(c), 1);
	}
	client_stop(f.v, false);
	for (i = 0; i < 200; i++) {
		if (!unread(f.v))
			CHECK_EQ(enter_want(f.v), 0);
		cqe = msg_get(f.v);
		who = cqe.src == f.p->p.id;
		CHECK_LT(last[who][cqe.prio], cqe.corr);
		last[who][cqe.prio] = cqe.corr;
		answer(f.v, WEIR_OP_ACK, cqe.token);
	}
	CHECK(weir_engine_empty(&f.w.e));
	world_exit(&f.w);
}

/* ---- time ---- */

TEST(deferred_message_is_ready_after_its_time)
{
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f, NULL);
	client_stop(f.v, false);
	sqe_send(f.p, 1)->defer_ms = 20;
	sqe_send(f.p, 2)->defer_ms = 86400000;
	sqe_send(f.p, 3)->defer_ms = 10;
	CHECK_EQ(enter(f.p), 3);
	CHECK_EQ(f.w.e.lane.nr_delayed, 3);
	CHECK_EQ(weir_engine_room(&f.w.e), 65536 - 3);
	CHECK_EQ(f.w.e.alarm, f.w.now + 10 * MS);
	world_tick(&f.w, 10 * MS - 1);
	cqe_none(f.v);
	world_tick(&f.w, 1);
	cqe = msg_get(f.v);
	CHECK_EQ(cqe.len, 3);
	CHECK_EQ(cqe.flags, 0);
	CHECK_EQ(cqe.attempts, 1);
	world_tick(&f.w, 10 * MS);
	CHECK_EQ(enter_want(f.v), 0);
	CHECK_EQ(msg_get(f.v).len, 1);
	world_tick(&f.w, 86400000 * MS);
	CHECK_EQ(enter_want(f.v), 0);
	CHECK_EQ(msg_get(f.v).len, 2);
	world_exit(&f.w);
}

TEST(deferral_beyond_a_day_or_in_a_fan_out_is_EINVAL)
{
	struct weir_config cfg = world_config;
	struct weir_sqe *s;
	struct fixture f;

	setup(&f, NULL);
	s = sqe_send(f.p, 1);
	s->defer_ms = 86400001;
	CHECK_EQ(refusal(f.p, s), -EINVAL);
	s = sqe_send(f.p, 1);
	s->defer_ms = U32_MAX;
	CHECK_EQ(refusal(f.p, s), -EINVAL);
	world_exit(&f.w);
	cfg.delivery = WEIR_DELIVERY_FANOUT;
	setup(&f, &cfg);
	s = sqe_send(f.p, 1);
	s->defer_ms = 1;
	CHECK_EQ(refusal(f.p, s), -EINVAL);
	world_exit(&f.w);
}

TEST(waiting_message_dies_at_its_deadline)
{
	struct weir_sqe *s;
	struct fixture f;
	u32 i;

	setup(&f, NULL);
	sqe_send(f.p, 1)->deadline_ns = f.w.now + 10;	/* ready */
	s = sqe_send(f.p, 1);				/* delayed */
	s->deadline_ns = f.w.now + 20;
	s->defer_ms = 1000;
	sqe_send(f.p, 1)->key = 1;			/* leads */
	s = sqe_send(f.p, 1);				/* parked */
	s->key = 1;
	s->deadline_ns = f.w.now + 30;
	sqe_send(f.p, 1)->deadline_ns = f.w.now;	/* too late already */
	CHECK_EQ(enter(f.p), 5);
	CHECK_EQ(f.w.e.c.died_expired, 1);
	for (i = 1; i <= 3; i++) {
		CHECK_EQ(f.w.e.alarm, f.w.now + 10);
		world_tick(&f.w, 9);
		CHECK_EQ(f.w.e.c.died_expired, i);
		world_tick(&f.w, 1);
		CHECK_EQ(f.w.e.c.died_expired, i + 1);
	}
	CHECK_EQ(world_msg(&f.w, 4)->reason, WEIR_DEAD_REASON_EXPIRED);
	CHECK_EQ(f.w.e.nr_dead, 4);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	CHECK_EQ(f.p->p.settled_dead, 4);
	CHECK_EQ(f.p->p.queued, 1);
	world_exit(&f.w);
}

TEST(deadline_does_not_touch_what_a_worker_has)
{
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f, NULL);
	client_stop(f.v, false);
	sqe_send(f.p, 1)->deadline_ns = f.w.now + 10;
	CHECK_EQ(enter(f.p), 1);
	cqe = msg_get(f.v);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	world_tick(&f.w, 1000);
	CHECK_EQ(f.w.e.nr_inflight, 1);
	answer(f.v, WEIR_OP_ACK, cqe.token);
	CHECK_EQ(f.w.e.c.acked, 1);
	/* One that comes back after its deadline is dead. */
	sqe_send(f.p, 1)->deadline_ns = f.w.now + 10;
	CHECK_EQ(enter(f.p), 1);
	cqe = msg_get(f.v);
	world_tick(&f.w, 1000);
	answer(f.v, WEIR_OP_RELEASE, cqe.token);
	cqe_none(f.v);
	CHECK_EQ(f.w.e.c.died_expired, 1);
	world_exit(&f.w);
}

TEST(requeued_message_that_had_expired_lives)
{
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f, NULL);
	sqe_send(f.p, 1)->deadline_ns = f.w.now + 10;
	CHECK_EQ(enter(f.p), 1);
	world_tick(&f.w, 10);
	CHECK_EQ(f.w.e.nr_dead, 1);
	world_lock(&f.w);
	CHECK(weir_ledger_requeue(&f.w.e, world_msg(&f.w, 1)));
	world_unlock(&f.w);
	world_tick(&f.w, 1000 * MS);
	client_stop(f.v, false);
	cqe = msg_get(f.v);
	CHECK_EQ(cqe.seq, 1);
	CHECK_EQ(cqe.deadline_ns, 0);
	world_exit(&f.w);
}

TEST(ttl_is_the_deadline_of_those_without_one)
{
	struct weir_config cfg = world_config;
	struct fixture f;

	cfg.ttl = 100;
	setup(&f, &cfg);
	sqe_send(f.p, 1);
	sqe_send(f.p, 1)->deadline_ns = f.w.now + 1000;
	CHECK_EQ(enter(f.p), 2);
	CHECK_EQ(world_msg(&f.w, 1)->deadline, f.w.now + 100);
	CHECK_EQ(world_msg(&f.w, 2)->deadline, f.w.now + 1000);
	world_tick(&f.w, 100);
	CHECK_EQ(f.w.e.c.died_expired, 1);
	world_exit(&f.w);
}

TEST(more_than_one_tick_takes_can_expire_at_once)
{
	struct weir_config cfg = world_config;
	u32 nr = WEIR_TICK_MAX + 50, left, k;
	struct fixture f;

	cfg.ttl = 100;
	setup(&f, &cfg);
	for (left = nr; left; left -= k) {
		k = min(left, 200U);
		send_many(f.p, k);
	}
	f.w.now += 100;
	world_tick_once(&f.w);
	CHECK_EQ(f.w.e.nr_dead, WEIR_TICK_MAX);
	CHECK_LE(f.w.e.alarm, f.w.now);
	world_tick(&f.w, 0);
	CHECK_EQ(f.w.e.nr_dead, nr);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	world_exit(&f.w);
}

/* ---- overflow ---- */

TEST(drop_new_accepts_and_drops_what_comes_to_a_full_channel)
{
	struct weir_config cfg = depth(3, WEIR_OVERFLOW_DROP_NEW);
	struct fixture f;
	u32 i;

	setup(&f, &cfg);
	for (i = 0; i < 4; i++)
		sqe_send(f.p, i + 1);
	sqe_send(f.p, 5)->flags = WEIR_SQE_RESULT | WEIR_SQE_NOWAIT;
	CHECK_EQ(enter(f.p), 5);
	CHECK_EQ(result_get(f.p), 0);
	CHECK_EQ(returns_get(f.p), 2);
	CHECK_EQ(f.w.e.c.accepted, 5);
	CHECK_EQ(f.w.e.c.dropped, 2);
	CHECK_EQ(f.w.e.c.dropped_new, 2);
	CHECK_EQ(f.w.e.c.refused + f.w.e.c.blocked, 0);
	CHECK_EQ(f.p->p.accepted, 5);
	CHECK_EQ(f.p->p.unsettled, 3);
	client_stop(f.v, false);
	for (i = 0; i < 3; i++)
		CHECK_EQ(msg_get(f.v).len, i + 1);
	cqe_none(f.v);
	world_exit(&f.w);
}

TEST(drop_old_gives_up_the_oldest_of_the_least_urgent)
{
	struct weir_config cfg = depth(4, WEIR_OVERFLOW_DROP_OLD);
	static const u8 prio[] = { 0, 1, 0, 1, 0, 0, 0 };
	static const u64 left[] = { 3, 5, 6, 7 };
	struct fixture f;
	u32 i;

	cfg.priorities = 2;
	setup(&f, &cfg);
	for (i = 0; i < 7; i++)
		sqe_send(f.p, 1)->prio = prio[i];
	CHECK_EQ(enter(f.p), 7);
	CHECK_EQ(f.w.e.c.accepted, 7);
	CHECK_EQ(f.w.e.c.dropped, 3);
	CHECK_EQ(f.w.e.c.dropped_old, 3);
	CHECK_EQ(returns_get(f.p), 3);
	client_stop(f.v, false);
	for (i = 0; i < 4; i++)
		CHECK_EQ(msg_get(f.v).seq, left[i]);
	cqe_none(f.v);
	world_exit(&f.w);
}

TEST(drop_old_spares_inflight_delayed_and_suspect_messages)
{
	struct weir_config cfg = depth(3, WEIR_OVERFLOW_DROP_OLD);
	struct client *v;
	struct fixture f;

	setup(&f, &cfg);
	v = worker(&f.w);
	send_one(f.p);			/* 1: becomes a suspect */
	msg_get(v);
	client_end(v, WEIR_END_DEATH);
	CHECK_EQ(f.w.e.lane.nr_suspect, 1);
	sqe_send(f.p, 1)->defer_ms = 5;	/* 2: delayed */
	CHECK_EQ(enter(f.p), 1);
	v = worker(&f.w);		/* takes 1 */
	CHECK_EQ(msg_get(v).seq, 1);
	sqe_send(f.p, 1)->defer_ms = 5;	/* 3: delayed */
	sqe_send(f.p, 1)->defer_ms = 5;	/* 4: delayed */
	CHECK_EQ(enter(f.p), 2);
	CHECK_EQ(weir_engine_room(&f.w.e), 0);
	/* Nothing can be given up for it. */
	send_one(f.p);			/* 5 */
	CHECK_EQ(f.w.e.c.dropped_new, 1);
	CHECK_EQ(f.w.e.c.dropped_old, 0);
	client_end(v, WEIR_END_DEATH);	/* 1 waits again, as a suspect */
	send_one(f.p);			/* 6 */
	CHECK_EQ(f.w.e.c.dropped_new, 2);
	CHECK_EQ(world_msg(&f.w, 1)->state, WEIR_MSG_READY);
	CHECK_EQ(f.w.e.lane.nr_delayed, 3);
	world_exit(&f.w);
}

TEST(drop_old_gives_up_one_behind_a_leader_if_there_is_no_other)
{
	struct weir_config cfg = depth(2, WEIR_OVERFLOW_DROP_OLD);
	struct weir_cqe cqe;
	struct fixture f;
	u32 i;

	setup(&f, &cfg);
	client_stop(f.v, false);
	for (i = 0; i < 4; i++)
		sqe_send(f.p, 1)->key = 9;
	CHECK_EQ(enter(f.p), 4);	/* one was taken after all were in */
	CHECK_EQ(f.w.e.c.dropped_old, 2);
	cqe = msg_get(f.v);
	sqe_send(f.p, 1)->key = 9;
	sqe_send(f.p, 1)->key = 9;
	CHECK_EQ(enter(f.p), 2);
	CHECK_EQ(f.w.e.c.dropped_old, 3);
	CHECK_EQ(f.w.e.lane.keys.nr_parked, 2);
	answer(f.v, WEIR_OP_ACK, cqe.token);
	CHECK_EQ(msg_get(f.v).seq, 5);
	world_exit(&f.w);
}

/* ---- the share of one sender ---- */

TEST(share_blocks_only_its_owner_who_is_woken_when_it_has_some_again)
{
	struct weir_config cfg = depth(10, WEIR_OVERFLOW_BLOCK);
	struct weir_cqe cqe;
	struct fixture f;
	u32 woken, i;

	cfg.sender_max = 30;
	setup(&f, &cfg);
	CHECK_EQ(weir_engine_share(&f.w.e), 3);
	for (i = 0; i < 5; i++)
		sqe_send(f.p, 1);
	CHECK_EQ(enter(f.p), 3);
	CHECK(f.p->p.blocked && f.p->p.over);
	CHECK(!weir_engine_open(&f.w.e, &f.p->p));
	CHECK(weir_engine_open(&f.w.e, &f.other->p));
	CHECK(weir_engine_open(&f.w.e, NULL));
	for (i = 0; i < 3; i++)
		send_one(f.other);
	CHECK_EQ(f.w.e.c.accepted, 6);
	woken = f.p->nr_woken;
	/* The other's messages go: that is nothing to it. */
	world_lock(&f.w);
	CHECK(weir_ledger_kill(&f.w.e, world_msg(&f.w, 4), f.w.now));
	world_unlock(&f.w);
	CHECK_EQ(f.p->nr_woken, woken);
	world_lock(&f.w);
	CHECK(weir_ledger_kill(&f.w.e, world_msg(&f.w, 1), f.w.now));
	world_unlock(&f.w);
	CHECK_EQ(f.p->nr_woken, woken + 1);
	CHECK(!f.p->p.over);
	CHECK(weir_engine_open(&f.w.e, &f.p->p));
	CHECK_EQ(enter(f.p), 1);
	CHECK(f.p->p.over);
	woken = f.p->nr_woken;
	client_stop(f.v, false);	/* takes them all */
	CHECK_EQ(f.p->nr_woken, woken + 1);
	CHECK_EQ(enter(f.p), 1);
	cqe = msg_get(f.v);
	CHECK_EQ(cqe.seq, 2);
	world_exit(&f.w);
}

TEST(share_is_refused_or_dropped_as_overflow_says)
{
	struct weir_config cfg = depth(10, WEIR_OVERFLOW_ERROR);
	struct fixture f;
	u32 i;

	cfg.sender_max = 20;
	setup(&f, &cfg);
	for (i = 0; i < 3; i++)
		sqe_send(f.p, 1);
	CHECK_EQ(enter(f.p), 3);
	CHECK_EQ(result_get(f.p), -ENOBUFS);
	CHECK_EQ(f.w.e.c.refused_share, 1);
	CHECK_EQ(f.w.e.c.refused_full, 1);
	cfg.overflow = WEIR_OVERFLOW_DROP_OLD;
	world_configure(&f.w, &cfg);
	send_one(f.other);
	send_one(f.p);
	/* Its own new one is lost, and nobody else's. */
	CHECK_EQ(f.w.e.c.dropped_new, 1);
	CHECK_EQ(f.w.e.c.dropped_old, 0);
	cfg.overflow = WEIR_OVERFLOW_DROP_NEW;
	world_configure(&f.w, &cfg);
	send_one(f.p);
	CHECK_EQ(f.w.e.c.dropped_new, 2);
	CHECK_EQ(f.w.e.c.refused_share, 1);
	CHECK_EQ(f.p->p.queued, 2);
	CHECK_EQ(f.other->p.queued, 1);
	world_exit(&f.w);
}

TEST(share_is_at_least_one_message_and_100_percent_is_none)
{
	struct weir_config cfg = depth(5, WEIR_OVERFLOW_ERROR);
	struct fixture f;

	cfg.sender_max = 1;
	setup(&f, &cfg);
	CHECK_EQ(weir_engine_share(&f.w.e), 1);
	send_one(f.p);
	sqe_send(f.p, 1);
	CHECK_EQ(enter(f.p), 1);
	CHECK_EQ(result_get(f.p), -ENOBUFS);
	cfg.sender_max = 100;
	world_configure(&f.w, &cfg);
	CHECK_EQ(weir_engine_share(&f.w.e), U32_MAX);
	send_many(f.p, 4);
	CHECK_EQ(f.p->p.queued, 5);
	cfg.messages = 16777216;
	cfg.sender_max = 99;
	world_configure(&f.w, &cfg);
	CHECK_EQ(weir_engine_share(&f.w.e), 16777216ULL * 99 / 100);
	world_exit(&f.w);
}

TEST(nothing_counts_against_the_share_of_the_kernels_own_sender)
{
	struct weir_config cfg = depth(10, WEIR_OVERFLOW_BLOCK);
	struct client *k;
	struct fixture f;

	cfg.sender_max = 1;
	setup(&f, &cfg);
	k = client_kernel(&f.w, WEIR_ROLE_SEND);
	k->p.queued = 5;
	world_lock(&f.w);
	CHECK_EQ(weir_engine_admit(&f.w.e, &k->p, false), 0);
	k->p.queued = 0;
	world_unlock(&f.w);
	world_exit(&f.w);
}

/* ---- what comes when the user writes anything at all ---- */

static u64 state;

static u64 rnd(u64 below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static void garbage(struct client *c, u32 slot)
{
	struct weir_sqe *s = &c->sqes[slot & (c->p.rings.sq_entries - 1)];
	u8 *bytes = (u8 *)s;
	u32 i;

	for (i = 0; i < sizeof(*s); i++)
		bytes[i] = rnd(4) ? 0 : rnd(256);
	s->op = rnd(8);
	s->flags = rnd(5) ? rnd(4) : rnd(256);
	s->nr = rnd(5);
	if (s->op == WEIR_OP_SEND) {
		s->nr = 0;
		s->addr = rnd(3 << 16) - (rnd(10) ? 0 : 5);
		s->len = rnd(400);
	} else {
		/* Tokens that may well be right. */
		for (i = 0; i < 4; i++)
			s->token[i] = (u32)rnd(9) << WEIR_TAG_BITS | rnd(9);
		if (s->op != WEIR_OP_REJECT && rnd(4))
			s->delay_ms = s->op == WEIR_OP_ACK ? 0 : rnd(3);
	}
}

static void misbehave(struct client *c)
{
	u32 i, n = rnd(c->p.rings.sq_entries + 2);

	for (i = 0; i < n; i++)
		garbage(c, c->tail + i);
	c->tail += n;
	if (!rnd(50))
		c->tail = rnd(U32_MAX);
	if (rnd(3))
		c->ring.ucq_head = c->ring.kcq_tail - rnd(4);
	if (!rnd(50))
		c->ring.ucq_head = rnd(U32_MAX);
	enter(c);
	if (c->tail - c->ring.ksq_head > c->p.rings.sq_entries)
		c->tail = c->ring.ksq_head;
}

static void honest_round(struct client *p, struct client *v)
{
	struct weir_cqe cqe;

	while (cqe_pop(v, &cqe)) {
		CHECK_EQ(cqe.type, WEIR_CQE_MSG);
		sqe_answer(v, WEIR_OP_ACK, cqe.token);
	}
	enter(v);
	while (cqe_pop(p, &cqe))
		CHECK_EQ(cqe.type, WEIR_CQE_RETURN);
	if (weir_engine_room(&p->w->e))
		send_one(p);
}

TEST(garbage_in_the_rings_harms_nobody_else)
{
	u32 i, rounds = unit_rounds(20000);
	struct weir_config cfg = depth(50, WEIR_OVERFLOW_BLOCK);
	struct client *bad, *p, *v;
	struct world w;

	state = unit_seed() ?: 88172645463325252ULL;
	cfg.inflight = 8;
	cfg.backoff_min = 1;
	cfg.dead_max = 20;
	world_init(&w, &cfg);
	bad = client_new(&w, WEIR_ROLE_SEND | WEIR_ROLE_WORK, 16, 8, 8);
	client_grant(bad, 0);
	p = producer(&w);
	v = worker(&w);
	for (i = 0; i < rounds; i++) {
		misbehave(bad);
		honest_round(p, v);
		if (!rnd(3))
			world_tick(&w, rnd(3 * MS));
		if (!rnd(1000)) {
			client_end(bad, rnd(2) ? WEIR_END_DEATH :
				   WEIR_END_DETACH);
			if (w.nr_blocks == ARRAY_SIZE(w.blocks))
				break;
			bad = client_new(&w, WEIR_ROLE_SEND | WEIR_ROLE_WORK,
					 16, 8, 8);
			client_grant(bad, 0);
		}
	}
	CHECK_LT(rounds / 4, v->p.acked);
	CHECK_EQ(v->p.failed, 0);
	world_exit(&w);
}
