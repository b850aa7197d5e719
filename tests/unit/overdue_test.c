// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

#define LIMIT	(10 * MS)

struct fixture {
	struct world w;
	struct client *p;
	struct client *v;	/* the worker that hangs */
};

static void setup(struct fixture *f)
{
	struct weir_config cfg = world_config;

	cfg.ack_timeout = LIMIT;
	cfg.max_attempts = 3;
	world_init(&f->w, &cfg);
	f->p = producer(&f->w);
	f->v = worker(&f->w);
}

TEST(in_time_is_in_time)
{
	struct fixture f;
	u32 token;

	setup(&f);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	send_one(f.p);
	CHECK_EQ(f.w.e.alarm, f.w.now + LIMIT);
	token = msg_get(f.v).token;
	world_tick(&f.w, LIMIT - 1);
	CHECK_EQ(f.w.e.c.overdue, 0);
	answer(f.v, WEIR_OP_ACK, token);
	CHECK_EQ(f.w.e.c.acked, 1);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	world_tick(&f.w, LIMIT);
	CHECK_EQ(f.w.e.c.overdue, 0);
	world_exit(&f.w);
}

TEST(what_is_late_goes_to_another_and_the_answer_is_stale)
{
	struct client *other;
	struct weir_cqe cqe;
	struct fixture f;
	u32 token;

	setup(&f);
	send_many(f.p, 3);
	token = msg_get(f.v).token;	/* the first is seen, two are not */
	other = worker(&f.w);
	cqe_none(other);
	world_tick(&f.w, LIMIT);
	CHECK_EQ(f.w.e.c.overdue, 3);
	CHECK_EQ(f.w.e.c.redelivered, 3);
	cqe = msg_get(other);
	CHECK_EQ(cqe.seq, 1);
	CHECK_EQ(cqe.attempts, 2);
	CHECK(cqe.flags & WEIR_CQE_REDELIVERED);
	answer(other, WEIR_OP_ACK, cqe.token);
	cqe = msg_get(other);
	CHECK_EQ(cqe.seq, 2);
	CHECK_EQ(cqe.attempts, 1);
	answer(other, WEIR_OP_ACK, cqe.token);
	answer(other, WEIR_OP_ACK, msg_get(other).token);
	CHECK_EQ(f.w.e.c.acked, 3);
	sqe_answer(f.v, WEIR_OP_ACK, token);
	publish(f.v);
	enter(f.v);
	CHECK_EQ(f.w.e.c.stale, 1);
	CHECK_EQ(f.w.e.c.acked, 3);
	CHECK(weir_engine_balanced(&f.w.e));
	world_exit(&f.w);
}

TEST(who_is_late_gets_no_more_before_it_calls)
{
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f);
	send_one(f.p);
	msg_get(f.v);
	world_tick(&f.w, LIMIT);
	CHECK_EQ(f.w.e.c.overdue, 1);
	/* There is nobody else: it waits, and is not used up. */
	CHECK_EQ(weir_lane_ready(&f.w.e.lane), 1);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	world_tick(&f.w, 100 * LIMIT);
	send_one(f.p);
	CHECK_EQ(weir_lane_ready(&f.w.e.lane), 2);
	CHECK_EQ(f.w.e.nr_inflight, 0);
	cqe_none(f.v);
	enter_want(f.v);
	cqe = msg_get(f.v);	/* it had seen it: alone */
	CHECK_EQ(cqe.seq, 1);
	cqe_none(f.v);
	sqe_answer(f.v, WEIR_OP_ACK, cqe.token);
	publish(f.v);
	enter_want(f.v);
	CHECK_EQ(msg_get(f.v).seq, 2);
	world_exit(&f.w);
}

/* What it waits for is not there yet: it does not hang. */
TEST(who_waits_for_more_is_not_late)
{
	struct fixture f;

	setup(&f);
	enter_want_n(f.v, 8);
	send_many(f.p, 3);
	CHECK_EQ(unread(f.v), 3);
	world_tick(&f.w, LIMIT);
	CHECK_EQ(f.w.e.c.overdue, 3);
	CHECK(!f.v->p.late);
	CHECK_EQ(f.w.e.nr_inflight, 3);
	CHECK_EQ(unread(f.v), 6);
	send_many(f.p, 5);
	CHECK_EQ(unread(f.v), 11);
	world_exit(&f.w);
}

TEST(nobody_is_late_without_a_limit)
{
	struct weir_config cfg;
	struct fixture f;

	setup(&f);
	send_one(f.p);
	msg_get(f.v);
	world_tick(&f.w, LIMIT);
	CHECK(f.v->p.late);
	CHECK_EQ(f.w.e.nr_inflight, 0);
	cfg = f.w.e.cfg;
	cfg.ack_timeout = 0;
	world_configure(&f.w, &cfg);
	CHECK(!f.v->p.late);
	CHECK_EQ(f.w.e.nr_inflight, 1);
	world_exit(&f.w);
}

TEST(one_that_hangs_workers_takes_no_neighbours_with_it)
{
	struct client *v;
	struct fixture f;
	u32 i;

	setup(&f);
	send_many(f.p, 3);
	for (i = 0; i < 3; i++)
		msg_get(f.v);
	/* Message 1 makes them hang: from now on it goes alone. */
	for (i = 0; i < 2; i++) {
		v = worker(&f.w);
		if (!i)
			world_tick(&f.w, LIMIT);
		CHECK_EQ(unread(v), 1);
		CHECK_EQ(msg_get(v).seq, 1);
		world_tick(&f.w, LIMIT);
	}
	CHECK_EQ(world_msg(&f.w, 1)->state, WEIR_MSG_DEAD);
	CHECK_EQ(world_msg(&f.w, 2)->attempts, 1);
	CHECK_EQ(world_msg(&f.w, 3)->attempts, 1);
	world_exit(&f.w);
}

TEST(more_time_for_all_takes_none_from_anybody)
{
	struct weir_config cfg;
	struct fixture f;
	u64 begin;

	setup(&f);
	send_one(f.p);
	begin = f.w.now;
	answer_after(f.v, WEIR_OP_EXTEND, msg_get(f.v).token, 1000);
	cfg = f.w.e.cfg;
	cfg.ack_timeout = 2 * LIMIT;
	world_configure(&f.w, &cfg);
	CHECK_EQ(f.w.e.alarm, begin + 1000 * MS);
	world_exit(&f.w);
}

TEST(what_hangs_each_worker_is_dead_in_the_end)
{
	struct client *v;
	struct fixture f;
	u32 i;

	setup(&f);
	send_one(f.p);
	msg_get(f.v);
	for (i = 0; i < 2; i++) {
		v = worker(&f.w);
		world_tick(&f.w, LIMIT);
		CHECK_EQ(msg_get(v).attempts, i + 2);
	}
	world_tick(&f.w, LIMIT);
	CHECK_EQ(f.w.e.nr_dead, 1);
	CHECK_EQ(world_msg(&f.w, 1)->reason, WEIR_DEAD_REASON_ATTEMPTS);
	CHECK_EQ(f.w.e.c.overdue, 3);
	world_exit(&f.w);
}

TEST(time_is_extended_and_never_taken_away)
{
	struct fixture f;
	u64 begin;
	u32 token;

	setup(&f);
	send_one(f.p);
	begin = f.w.now;
	token = msg_get(f.v).token;
	answer_after(f.v, WEIR_OP_EXTEND, token, 1);
	CHECK_EQ(f.w.e.alarm, begin + LIMIT);
	answer_after(f.v, WEIR_OP_EXTEND, token, 50);
	CHECK_EQ(f.w.e.alarm, begin + 50 * MS);
	world_tick(&f.w, 45 * MS);
	answer(f.v, WEIR_OP_EXTEND, token);	/* the channel's own once more */
	CHECK_EQ(f.w.e.alarm, begin + 45 * MS + LIMIT);
	world_tick(&f.w, LIMIT - 1);
	CHECK_EQ(f.w.e.c.overdue, 0);
	world_tick(&f.w, 1);
	CHECK_EQ(f.w.e.c.overdue, 1);
	/* Too late to be extended. */
	sqe_answer(f.v, WEIR_OP_EXTEND, token);
	publish(f.v);
	enter(f.v);
	CHECK_EQ(f.w.e.c.stale, 1);
	world_exit(&f.w);
}

TEST(an_extension_is_no_answer)
{
	struct fixture f;
	u32 token;

	setup(&f);
	send_one(f.p);
	token = msg_get(f.v).token;
	answer(f.v, WEIR_OP_EXTEND, token);
	CHECK_EQ(f.w.e.nr_inflight, 1);
	CHECK_EQ(f.v->p.service, 0);
	answer(f.v, WEIR_OP_ACK, token);
	CHECK_EQ(f.w.e.c.acked, 1);
	world_exit(&f.w);
}

TEST(the_limit_is_changed_while_messages_are_held)
{
	struct weir_config cfg;
	struct fixture f;
	u64 begin;

	setup(&f);
	send_one(f.p);
	begin = f.w.now;
	world_tick(&f.w, LIMIT / 2);
	cfg = f.w.e.cfg;
	cfg.ack_timeout = 0;
	world_configure(&f.w, &cfg);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	world_tick(&f.w, 10 * LIMIT);
	CHECK_EQ(f.w.e.c.overdue, 0);
	cfg.ack_timeout = 20 * LIMIT;
	world_configure(&f.w, &cfg);
	CHECK_EQ(f.w.e.alarm, begin + 20 * LIMIT);
	cfg.ack_timeout = LIMIT;	/* that is over already */
	world_configure(&f.w, &cfg);
	CHECK_EQ(f.w.e.c.overdue, 1);
	world_exit(&f.w);
}

TEST(all_of_many_are_taken_back)
{
	struct client *v;
	struct fixture f;
	u32 i, held;

	setup(&f);
	client_end(f.v, WEIR_END_DETACH);
	for (i = 0; i < 10; i++)
		worker(&f.w);
	send_many(f.p, 200);
	send_many(f.p, 200);
	held = f.w.e.nr_inflight;
	CHECK_LT(WEIR_TICK_MAX, held);
	world_tick_once(&f.w);
	CHECK_EQ(f.w.e.c.overdue, 0);
	world_tick(&f.w, LIMIT);
	CHECK_EQ(f.w.e.c.overdue, held);
	CHECK_EQ(f.w.e.nr_inflight, 0);
	CHECK_EQ(weir_lane_ready(&f.w.e.lane), 400);
	v = worker(&f.w);
	CHECK_EQ(msg_get(v).seq, 1);
	world_exit(&f.w);
}
