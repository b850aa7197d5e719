// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

#define NR	3

struct fixture {
	struct world w;
	struct client *p;
	struct client *v[NR];
};

static struct weir_config fanout(void)
{
	struct weir_config cfg = world_config;

	cfg.delivery = WEIR_DELIVERY_FANOUT;
	return cfg;
}

static void setup(struct fixture *f, const struct weir_config *cfg)
{
	u32 i;

	world_init(&f->w, cfg);
	f->p = producer(&f->w);
	for (i = 0; i < NR; i++)
		f->v[i] = worker(&f->w);
}

static void ack_next(struct client *v)
{
	answer(v, WEIR_OP_ACK, msg_get(v).token);
}

static u32 ack_all(struct client *v)
{
	u32 n = 0;

	for (; unread(v); n++)
		ack_next(v);
	return n;
}

TEST(everybody_gets_every_message_in_one_buffer)
{
	struct weir_config cfg = fanout();
	struct weir_cqe cqe[NR];
	struct fixture f;
	u32 i;

	setup(&f, &cfg);
	sqe_send(f.p, 33)->key = 5;	/* keys mean nothing here */
	sqe_send(f.p, 34)->key = 5;
	CHECK_EQ(enter(f.p), 2);
	for (i = 0; i < NR; i++) {
		cqe[i] = msg_get(f.v[i]);
		CHECK_EQ(cqe[i].seq, 1);
		CHECK_EQ(cqe[i].len, 33);
		CHECK_EQ(cqe[i].addr, cqe[0].addr);
		CHECK_EQ(cqe[i].attempts, 1);
		CHECK_EQ(cqe[i].flags, 0);
		CHECK_EQ(msg_get(f.v[i]).seq, 2);
		cqe_none(f.v[i]);
	}
	CHECK_EQ(world_msg(&f.w, 1)->refs, NR);
	CHECK_EQ(f.w.e.c.accepted, 2 * NR);
	CHECK_EQ(f.w.e.c.delivered, 2 * NR);
	CHECK_EQ(f.w.e.nr_inflight, 2 * NR);
	CHECK_EQ(f.p->p.accepted, 2);
	CHECK_EQ(f.p->p.unsettled, 2);
	world_exit(&f.w);
}

TEST(buffer_returns_after_the_last_answer)
{
	struct weir_config cfg = fanout();
	struct fixture f;

	setup(&f, &cfg);
	send_one(f.p);
	ack_next(f.v[1]);
	ack_next(f.v[0]);
	cqe_none(f.p);
	CHECK_EQ(f.p->p.unsettled, 1);
	CHECK_EQ(f.p->p.settled_acked, 0);
	ack_next(f.v[2]);
	CHECK_EQ(returns_get(f.p), 1);
	CHECK_EQ(f.w.e.c.acked, NR);
	CHECK_EQ(f.p->p.settled_acked, 1);
	CHECK_EQ(f.p->p.unsettled, 0);
	CHECK(weir_engine_empty(&f.w.e));
	CHECK_EQ(f.w.e.hist[WEIR_HIST_WAITING].count, 1);
	CHECK_EQ(f.w.e.hist[WEIR_HIST_TOTAL].count, NR);
	world_exit(&f.w);
}

TEST(all_other_answers_drop_it_for_one_worker_alone)
{
	static const u8 ops[NR] = {
		WEIR_OP_FAIL, WEIR_OP_RELEASE, WEIR_OP_REJECT,
	};
	struct weir_config cfg = fanout();
	struct fixture f;
	u32 i;

	setup(&f, &cfg);
	send_one(f.p);
	for (i = 0; i < NR; i++) {
		cqe_none(f.p);
		answer(f.v[i], ops[i], msg_get(f.v[i]).token);
		cqe_none(f.v[i]);
		CHECK_EQ(f.v[i]->p.dropped, 1);
		CHECK_EQ(f.v[i]->p.failed, 1);
	}
	CHECK_EQ(returns_get(f.p), 1);
	CHECK_EQ(f.w.e.c.dropped_slow, NR);
	CHECK_EQ(f.w.e.c.redelivered + f.w.e.nr_dead, 0);
	CHECK_EQ(f.p->p.settled_acked + f.p->p.settled_dead, 0);
	world_exit(&f.w);
}

TEST(token_can_be_answered_once_by_each)
{
	struct weir_config cfg = fanout();
	struct fixture f;
	u32 token;

	setup(&f, &cfg);
	send_one(f.p);
	token = msg_get(f.v[0]).token;
	answer(f.v[0], WEIR_OP_ACK, token);
	answer(f.v[0], WEIR_OP_ACK, token);
	CHECK_EQ(result_get(f.v[0]), -ESTALE);
	CHECK_EQ(f.w.e.c.acked, 1);
	CHECK_EQ(world_msg(&f.w, 1)->refs, NR - 1);
	world_exit(&f.w);
}

TEST(slow_subscriber_loses_only_its_own)
{
	struct weir_config cfg = fanout();
	struct client *slow, *small;
	struct fixture f;
	u32 i;

	setup(&f, &cfg);
	slow = client_new(&f.w, WEIR_ROLE_WORK, 8, 64, 2);	/* inflight */
	small = client_new(&f.w, WEIR_ROLE_WORK, 8, 4, 64);	/* its ring */
	send_many(f.p, 10);
	CHECK_EQ(unread(slow), 2);
	CHECK_EQ(unread(small), 4);
	for (i = 0; i < NR; i++)
		CHECK_EQ(ack_all(f.v[i]), 10);
	CHECK_EQ(slow->p.dropped, 8);
	CHECK_EQ(small->p.dropped, 6);
	CHECK_EQ(f.w.e.c.dropped, 14);
	CHECK_EQ(f.w.e.c.dropped_slow, 14);
	CHECK_EQ(f.w.e.c.accepted, 50);
	CHECK_EQ(returns_get(f.p), 6);
	/* They have the first ones, and what comes once they have room. */
	CHECK_EQ(msg_get(slow).seq, 1);
	CHECK_EQ(world_msg(&f.w, 2)->refs, 2);
	for (i = 1; i <= 4; i++)
		CHECK_EQ(msg_get(small).seq, i);
	answer(slow, WEIR_OP_ACK, slow->cqes[0].token);
	send_one(f.p);
	CHECK_EQ(msg_get(slow).seq, 2);
	CHECK_EQ(msg_get(slow).seq, 11);
	CHECK_EQ(msg_get(small).seq, 11);
	world_exit(&f.w);
}

TEST(dead_or_detached_subscriber_gives_up_its_own)
{
	struct weir_config cfg = fanout();
	struct fixture f;
	u32 how;

	for (how = WEIR_END_DETACH; how <= WEIR_END_DEATH; how++) {
		setup(&f, &cfg);
		send_many(f.p, 3);
		msg_get(f.v[0]);
		client_end(f.v[0], how);
		CHECK_EQ(f.v[0]->p.dropped, 3);
		CHECK_EQ(f.w.e.c.dropped_slow, 3);
		CHECK_EQ(f.w.e.c.crashed_seen + f.w.e.c.taken, 0);
		CHECK_EQ(f.w.e.lane.nr_suspect, 0);
		CHECK_EQ(ack_all(f.v[1]), 3);
		CHECK_EQ(returns_get(f.p), 0);
		CHECK_EQ(ack_all(f.v[2]), 3);
		CHECK_EQ(returns_get(f.p), 3);
		CHECK(weir_engine_empty(&f.w.e));
		world_exit(&f.w);
	}
}

TEST(last_holders_death_returns_the_buffer)
{
	struct weir_config cfg = fanout();
	struct fixture f;
	u32 i;

	setup(&f, &cfg);
	send_one(f.p);
	ack_next(f.v[0]);
	for (i = 1; i < NR; i++)
		client_end(f.v[i], WEIR_END_DEATH);
	CHECK_EQ(returns_get(f.p), 1);
	CHECK_EQ(f.p->p.settled_acked, 1);	/* somebody did */
	world_exit(&f.w);
}

TEST(answers_published_before_a_death_count)
{
	struct weir_config cfg = fanout();
	struct fixture f;

	setup(&f, &cfg);
	send_many(f.p, 2);
	sqe_answer(f.v[0], WEIR_OP_ACK, msg_get(f.v[0]).token);
	publish(f.v[0]);
	client_end(f.v[0], WEIR_END_DEATH);
	CHECK_EQ(f.w.e.c.acked, 1);
	CHECK_EQ(f.v[0]->p.dropped, 1);
	world_exit(&f.w);
}

TEST(message_for_nobody_is_dropped_and_counted)
{
	struct weir_config cfg = fanout();
	struct fixture f;
	u32 i;

	setup(&f, &cfg);
	client_stop(f.v[0], true);	/* who has stopped is no subscriber */
	client_end(f.v[1], WEIR_END_DETACH);
	client_end(f.v[2], WEIR_END_DETACH);
	for (i = 0; i < 3; i++)
		send_one(f.p);
	cqe_none(f.v[0]);
	CHECK_EQ(f.w.e.c.dropped, 3);
	CHECK_EQ(f.w.e.c.dropped_nobody, 3);
	CHECK_EQ(f.w.e.c.accepted, 3);
	CHECK_EQ(f.v[0]->p.dropped, 0);
	CHECK_EQ(returns_get(f.p), 3);
	CHECK_EQ(f.p->p.unsettled, 0);
	/* Nothing is kept for who comes later. */
	client_stop(f.v[0], false);
	cqe_none(f.v[0]);
	send_one(f.p);
	CHECK_EQ(unread(f.v[0]), 1);
	world_exit(&f.w);
}

TEST(subscribers_are_those_at_the_moment_of_the_hand_out)
{
	struct weir_config cfg = fanout();
	struct client *late;
	struct fixture f;

	setup(&f, &cfg);
	world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
	send_one(f.p);
	cqe_none(f.v[0]);
	CHECK_EQ(weir_lane_ready(&f.w.e.lane), 1);
	late = worker(&f.w);
	client_end(f.v[0], WEIR_END_DETACH);
	world_state(&f.w, WEIR_CHANNEL_STATE_RUNNING);
	CHECK_EQ(unread(late), 1);
	cqe_none(f.v[0]);
	CHECK_EQ(f.w.e.c.accepted, 3);
	CHECK_EQ(f.w.e.c.dropped, 0);
	world_exit(&f.w);
}

TEST(batch_lingers_in_a_fan_out_too)
{
	struct weir_config cfg = fanout();
	struct fixture f;

	cfg.linger = 5 * MS;
	cfg.batch = 4;
	setup(&f, &cfg);
	send_many(f.p, 2);
	cqe_none(f.v[0]);
	CHECK_EQ(f.w.e.alarm, f.w.now + 5 * MS);
	world_tick(&f.w, 5 * MS);
	CHECK_EQ(unread(f.v[0]), 2);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	send_many(f.p, 4);
	CHECK_EQ(unread(f.v[2]), 6);
	world_exit(&f.w);
}

TEST(message_killed_by_hand_is_taken_from_everybody)
{
	struct weir_config cfg = fanout();
	struct weir_cqe cqe;
	struct fixture f;
	u32 i;

	setup(&f, &cfg);
	send_many(f.p, 2);
	ack_next(f.v[0]);
	world_lock(&f.w);
	CHECK(!weir_ledger_release(&f.w.e, world_msg(&f.w, 1), f.w.now));
	CHECK(weir_ledger_kill(&f.w.e, world_msg(&f.w, 1), f.w.now));
	world_unlock(&f.w);
	CHECK_EQ(f.w.e.nr_dead, 1);
	CHECK_EQ(f.w.e.nr_inflight, NR);
	/* It dies for one, and is lost to the other; the first had acked it. */
	CHECK_EQ(f.w.e.c.dropped_slow, 1);
	CHECK_EQ(f.p->p.settled_dead, 1);
	CHECK_EQ(f.p->p.settled_acked, 0);
	for (i = 1; i < NR; i++) {
		cqe = msg_get(f.v[i]);
		answer(f.v[i], WEIR_OP_ACK, cqe.token);
		ack_next(f.v[i]);
		CHECK_EQ(result_get(f.v[i]), -ESTALE);
	}
	CHECK_EQ(f.w.e.c.acked, NR);
	/* Requeued it goes to everybody once more. */
	world_lock(&f.w);
	CHECK(weir_ledger_requeue(&f.w.e, world_msg(&f.w, 1)));
	world_unlock(&f.w);
	ack_next(f.v[0]);		/* message 2 */
	for (i = 0; i < NR; i++)
		CHECK_EQ(ack_all(f.v[i]), 1);
	CHECK(weir_engine_empty(&f.w.e));
	CHECK_EQ(returns_get(f.p), 2);
	world_exit(&f.w);
}

TEST(waiting_message_of_a_fan_out_can_be_killed_or_expire)
{
	struct weir_config cfg = fanout();
	struct fixture f;

	setup(&f, &cfg);
	world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
	send_one(f.p);
	sqe_send(f.p, 1)->deadline_ns = f.w.now + 5;
	CHECK_EQ(enter(f.p), 1);
	world_lock(&f.w);
	CHECK(weir_ledger_kill(&f.w.e, world_msg(&f.w, 1), f.w.now));
	world_unlock(&f.w);
	world_tick(&f.w, 5);
	CHECK_EQ(f.w.e.c.died_killed, 1);
	CHECK_EQ(f.w.e.c.died_expired, 1);
	CHECK_EQ(f.w.e.c.accepted, 2);
	world_state(&f.w, WEIR_CHANNEL_STATE_RUNNING);
	cqe_none(f.v[0]);
	world_exit(&f.w);
}

TEST(priorities_hold_in_a_fan_out)
{
	struct weir_config cfg = fanout();
	struct fixture f;
	u32 i;

	cfg.priorities = 2;
	setup(&f, &cfg);
	world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
	sqe_send(f.p, 1)->prio = 1;
	sqe_send(f.p, 1);
	CHECK_EQ(enter(f.p), 2);
	world_state(&f.w, WEIR_CHANNEL_STATE_RUNNING);
	for (i = 0; i < NR; i++) {
		CHECK_EQ(msg_get(f.v[i]).seq, 2);
		CHECK_EQ(msg_get(f.v[i]).seq, 1);
	}
	world_exit(&f.w);
}

TEST(inflight_auto_reserves_nothing_so_it_does_not_limit)
{
	struct weir_config cfg = fanout();
	struct fixture f;

	cfg.inflight = 0;
	setup(&f, &cfg);
	send_many(f.p, 100);
	CHECK_EQ(unread(f.v[0]), 100);
	f.w.now += 1000 * MS;	/* slow: that is nothing to it */
	ack_next(f.v[0]);
	CHECK_EQ(f.v[0]->p.limit, 256);
	CHECK_EQ(f.w.e.c.dropped, 0);
	world_exit(&f.w);
}

TEST(kernel_reader_subscribes_while_it_waits)
{
	struct weir_config cfg = fanout();
	struct client *r;
	struct fixture f;

	setup(&f, &cfg);
	r = client_kernel(&f.w, WEIR_ROLE_WORK);
	send_many(f.p, 3);
	CHECK_EQ(r->p.tags.used, 1);
	CHECK_EQ(r->p.dropped, 2);
	world_lock(&f.w);
	weir_engine_give_back(&f.w.e, &r->p, &r->tags[0], true, f.w.now);
	world_unlock(&f.w);
	CHECK_EQ(r->p.dropped, 3);
	CHECK_EQ(f.w.e.lane.nr_suspect, 0);
	send_one(f.p);
	world_lock(&f.w);
	weir_engine_ack(&f.w.e, &r->p, &r->tags[0], f.w.now);
	world_unlock(&f.w);
	CHECK_EQ(f.w.e.c.acked, 1);
	world_exit(&f.w);
}

TEST(sender_may_end_before_its_messages_are_answered)
{
	struct weir_config cfg = fanout();
	struct fixture f;
	u32 i;

	setup(&f, &cfg);
	send_many(f.p, 2);
	client_end(f.p, WEIR_END_DEATH);
	for (i = 0; i < NR; i++) {
		CHECK_EQ(f.w.freed, 0);
		CHECK_EQ(ack_all(f.v[i]), 2);
	}
	CHECK_EQ(f.w.freed, 1);
	world_exit(&f.w);
}

TEST(nobody_is_promised_anything_in_a_fan_out)
{
	struct weir_config cfg = fanout();
	struct fixture f;

	setup(&f, &cfg);
	send_many(f.p, 100);
	CHECK_EQ(f.w.e.nr_busy, NR);
	CHECK(f.p->ring.kflags & WEIR_RING_NEED_ENTER);
	CHECK_EQ(f.w.e.c.promises, 0);
	world_exit(&f.w);
}

TEST(hand_out_of_a_long_queue_goes_on_with_the_alarm)
{
	struct weir_config cfg = fanout();
	struct client *v;
	struct fixture f;
	u32 i;

	setup(&f, &cfg);
	for (i = 0; i < NR; i++)
		client_end(f.v[i], WEIR_END_DETACH);
	v = client_new(&f.w, WEIR_ROLE_WORK, 8, 8192, 8192);
	cfg.inflight = 8192;
	cfg.state = WEIR_CHANNEL_STATE_PAUSED;
	world_configure(&f.w, &cfg);
	for (i = 0; i < 20; i++)
		send_many(f.p, 200);
	cfg.state = WEIR_CHANNEL_STATE_RUNNING;
	world_configure(&f.w, &cfg);
	CHECK_LT(unread(v), 4000);
	CHECK_LE(f.w.e.alarm, f.w.now);
	world_tick(&f.w, 0);
	CHECK_EQ(unread(v), 4000);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	for (i = 1; i <= 4000; i++)
		CHECK_EQ(msg_get(v).seq, i);
	world_exit(&f.w);
}

TEST(hand_out_to_many_goes_on_with_the_alarm)
{
	struct weir_config cfg = fanout();
	struct client *v[100];
	struct fixture f;
	u32 i;

	setup(&f, &cfg);
	for (i = 0; i < 100; i++)
		v[i] = worker(&f.w);
	cfg.inflight = 256;
	cfg.state = WEIR_CHANNEL_STATE_PAUSED;
	world_configure(&f.w, &cfg);
	send_many(f.p, 150);
	cfg.state = WEIR_CHANNEL_STATE_RUNNING;
	world_configure(&f.w, &cfg);
	CHECK_LT(0, unread(v[99]));
	CHECK_LT(unread(v[99]), 150);
	CHECK_LE(f.w.e.alarm, f.w.now);
	world_tick(&f.w, 0);
	for (i = 0; i < 100; i++)
		CHECK_EQ(unread(v[i]), 150);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	CHECK_EQ(f.w.e.c.dropped, 0);
	world_exit(&f.w);
}
