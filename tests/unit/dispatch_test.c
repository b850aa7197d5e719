// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

struct fixture {
	struct world w;
	struct client *p;
};

static void setup(struct fixture *f, u32 batch, u64 linger, u32 inflight)
{
	struct weir_config cfg = world_config;

	cfg.batch = batch;
	cfg.linger = linger;
	cfg.inflight = inflight;
	cfg.policy = WEIR_POLICY_ROUND_ROBIN;
	world_init(&f->w, &cfg);
	f->p = producer(&f->w);
}

/* Acks all that it holds and has read nothing of yet. */
static u32 ack_all(struct client *v)
{
	struct weir_cqe cqe;
	u32 n = 0;

	while (cqe_pop(v, &cqe))
		if (cqe.type == WEIR_CQE_MSG) {
			sqe_answer(v, WEIR_OP_ACK, cqe.token);
			n++;
		}
	CHECK_EQ(enter(v), n);
	return n;
}

TEST(message_goes_at_once_while_a_worker_is_idle)
{
	struct client *v;
	struct fixture f;
	u32 i;

	setup(&f, 64, 0, 64);
	v = worker(&f.w);
	for (i = 0; i < 10; i++) {
		send_one(f.p);
		CHECK_EQ(unread(v), 1);
		CHECK_EQ(ack_all(v), 1);
	}
	CHECK_EQ(f.w.e.c.batches, 10);
	world_exit(&f.w);
}

TEST(messages_gather_while_all_are_busy)
{
	struct client *v;
	struct fixture f;

	setup(&f, 64, 0, 64);
	v = worker(&f.w);
	send_one(f.p);
	send_many(f.p, 10);
	send_many(f.p, 10);
	CHECK_EQ(unread(v), 1);
	CHECK_EQ(ack_all(v), 1);
	CHECK_EQ(unread(v), 20);
	CHECK_EQ(f.w.e.c.batches, 2);
	world_exit(&f.w);
}

TEST(whole_batch_goes_to_a_busy_worker_with_room)
{
	struct client *v;
	struct fixture f;

	setup(&f, 8, 0, 64);
	v = worker(&f.w);
	send_one(f.p);
	send_many(f.p, 7);
	CHECK_EQ(unread(v), 1);
	send_one(f.p);
	CHECK_EQ(unread(v), 9);
	world_exit(&f.w);
}

TEST(busy_worker_that_waits_for_more_gets_it)
{
	struct client *v;
	struct fixture f;

	setup(&f, 64, 0, 64);
	v = worker(&f.w);
	send_one(f.p);
	msg_get(f.w.clients);
	send_many(f.p, 5);
	cqe_none(v);
	CHECK_EQ(enter_want(v), 0);
	CHECK_EQ(unread(v), 5);
	/* Its wish is fulfilled with that. */
	send_one(f.p);
	CHECK_EQ(unread(v), 5);
	/* With some unread it does not wait, unless for more than those. */
	CHECK_EQ(enter_want(v), 0);
	CHECK_EQ(enter_want_n(v, 5), 0);
	CHECK_EQ(unread(v), 5);
	CHECK_EQ(enter_want_n(v, 6), 0);
	CHECK_EQ(unread(v), 6);
	world_exit(&f.w);
}

TEST(busy_worker_gets_more_until_it_has_as_many_as_it_waits_for)
{
	struct client *v;
	struct fixture f;
	u32 i;

	setup(&f, 64, 0, 64);
	v = worker(&f.w);
	CHECK_EQ(enter_want_n(v, 3), 0);
	for (i = 1; i <= 3; i++) {
		send_one(f.p);
		CHECK_EQ(unread(v), i);
	}
	send_one(f.p);
	CHECK_EQ(unread(v), 3);
	world_exit(&f.w);
}

TEST(low_water_mark_is_a_wish_for_as_many)
{
	struct client *v;
	struct fixture f;
	u32 i;

	setup(&f, 64, 0, 64);
	v = worker(&f.w);
	v->ring.ucq_low = 3;
	for (i = 1; i <= 3; i++) {
		send_one(f.p);
		CHECK_EQ(unread(v), i);
	}
	send_one(f.p);
	CHECK_EQ(unread(v), 3);
	world_exit(&f.w);
}

TEST(no_batch_is_larger_than_batch)
{
	struct client *v;
	struct fixture f;

	setup(&f, 4, 0, 64);
	v = worker(&f.w);
	client_stop(v, true);
	send_many(f.p, 10);
	client_stop(v, false);
	/* 4 to the idle, 4 as a whole batch, then 2 wait. */
	CHECK_EQ(unread(v), 8);
	CHECK_EQ(f.w.e.c.batches, 2);
	CHECK_EQ(ack_all(v), 8);
	CHECK_EQ(ack_all(v), 2);
	world_exit(&f.w);
}

TEST(backlog_is_shared_among_the_idle)
{
	struct client *v[3];
	struct fixture f;
	u32 i;

	setup(&f, 64, 0, 64);
	for (i = 0; i < 3; i++)
		v[i] = worker(&f.w);
	world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
	send_many(f.p, 10);
	for (i = 0; i < 3; i++)
		cqe_none(v[i]);
	world_state(&f.w, WEIR_CHANNEL_STATE_RUNNING);
	CHECK_EQ(unread(v[0]), 4);
	CHECK_EQ(unread(v[1]), 3);
	CHECK_EQ(unread(v[2]), 3);
	world_exit(&f.w);
}

TEST(work_that_is_soon_done_is_not_shared)
{
	struct client *v[3];
	struct fixture f;
	u32 i;

	setup(&f, 64, 0, 64);
	for (i = 0; i < 3; i++) {
		v[i] = worker(&f.w);
		send_many(f.p, 1);
		f.w.now += 10000;
		CHECK_EQ(ack_all(v[i]), 1);
		CHECK_EQ(v[i]->p.service, 10000);
		client_stop(v[i], true);
	}
	world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
	send_many(f.p, 11);
	for (i = 0; i < 3; i++)
		client_stop(v[i], false);
	world_state(&f.w, WEIR_CHANNEL_STATE_RUNNING);
	/* 50 us of work stay together; a third of the rest is less. */
	CHECK_EQ(unread(v[0]) + unread(v[1]) + unread(v[2]), 11);
	CHECK_EQ(max(max(unread(v[0]), unread(v[1])), unread(v[2])), 5);
	CHECK_EQ(min(min(unread(v[0]), unread(v[1])), unread(v[2])), 1);
	world_exit(&f.w);
}

TEST(what_a_wake_up_takes_is_measured_and_decides_what_is_shared)
{
	struct client *v;
	struct fixture f;

	setup(&f, 64, 0, 64);
	v = worker(&f.w);
	CHECK_EQ(f.w.e.wake_ns, WEIR_WAKE_NS);
	/* It slept, and ran 210 us after the delivery; then it worked for 10. */
	send_many(f.p, 1);
	v->p.t_woke = f.w.now + 210000;
	f.w.now += 220000;
	CHECK_EQ(ack_all(v), 1);
	CHECK_EQ(f.w.e.wake_ns, (7 * WEIR_WAKE_NS + 210000) / 8);
	CHECK_EQ(v->p.service, 10000);
	CHECK_EQ(v->p.share_min, 7);
	/* It was awake when it got this one. */
	f.w.now += 1000;
	send_many(f.p, 1);
	f.w.now += 10000;
	CHECK_EQ(ack_all(v), 1);
	CHECK_EQ(f.w.e.wake_ns, (7 * WEIR_WAKE_NS + 210000) / 8);
	/* It slept once more, for another message, before it answered the first one. */
	send_many(f.p, 1);
	v->p.t_slept = f.w.now + 20000;
	v->p.t_woke = f.w.now + 900000;
	f.w.now += 910000;
	CHECK_EQ(ack_all(v), 1);
	CHECK_EQ(f.w.e.wake_ns, (7 * WEIR_WAKE_NS + 210000) / 8);
	/* It waits for several: how long these take to gather is no wake-up. */
	v->p.t_slept = U64_MAX;
	send_many(f.p, 1);
	v->p.t_woke = f.w.now + 900000;
	f.w.now += 910000;
	CHECK_EQ(ack_all(v), 1);
	CHECK_EQ(f.w.e.wake_ns, (7 * WEIR_WAKE_NS + 210000) / 8);
	v->p.t_slept = 0;
	/* However long it sleeps, no more than inflight allows stays together. */
	send_many(f.p, 1);
	v->p.t_woke = f.w.now + 100 * WEIR_AUTO_SPAN;
	f.w.now += 100 * WEIR_AUTO_SPAN + 10000;
	CHECK_EQ(ack_all(v), 1);
	CHECK_EQ(f.w.e.wake_ns, (7 * 70000 + WEIR_AUTO_SPAN) / 8);
	world_exit(&f.w);
}

TEST(worker_holds_no_more_than_inflight)
{
	struct client *v;
	struct fixture f;

	setup(&f, 64, 0, 5);
	v = worker(&f.w);
	client_stop(v, true);
	send_many(f.p, 20);
	client_stop(v, false);
	CHECK_EQ(unread(v), 5);
	sqe_answer(v, WEIR_OP_ACK, msg_get(v).token);
	sqe_answer(v, WEIR_OP_ACK, msg_get(v).token);
	while (unread(v))
		msg_get(v);
	CHECK_EQ(enter_want(v), 2);
	CHECK_EQ(unread(v), 2);
	CHECK_EQ(v->p.tags.used, 5);
	world_exit(&f.w);
}

TEST(workers_own_limit_holds_too)
{
	struct client *v;
	struct fixture f;

	setup(&f, 64, 0, 64);
	v = client_new(&f.w, WEIR_ROLE_WORK, 8, 64, 3);
	client_stop(v, true);
	send_many(f.p, 20);
	client_stop(v, false);
	CHECK_EQ(unread(v), 3);
	world_exit(&f.w);
}

TEST(delivery_needs_a_free_completion)
{
	struct client *v;
	struct fixture f;
	u32 i;

	setup(&f, 64, 0, 64);
	v = client_new(&f.w, WEIR_ROLE_WORK, 8, 8, 64);
	client_stop(v, true);
	send_many(f.p, 20);
	client_stop(v, false);
	CHECK_EQ(unread(v), 8);
	for (i = 0; i < 8; i++)
		msg_get(v);
	CHECK_EQ(enter_want(v), 0);
	CHECK_EQ(unread(v), 8);
	CHECK_EQ(v->p.tags.used, 16);
	world_exit(&f.w);
}

TEST(new_limit_holds_at_once)
{
	struct weir_config cfg;
	struct client *v;
	struct fixture f;

	setup(&f, 2, 0, 2);
	v = worker(&f.w);
	client_stop(v, true);
	send_many(f.p, 20);
	client_stop(v, false);
	CHECK_EQ(v->p.tags.used, 2);
	cfg = f.w.e.cfg;
	cfg.inflight = 7;
	world_configure(&f.w, &cfg);
	CHECK_EQ(v->p.tags.used, 7);
	cfg.inflight = 1;
	world_configure(&f.w, &cfg);
	CHECK_EQ(ack_all(v), 7);
	CHECK_EQ(v->p.tags.used, 1);
	world_exit(&f.w);
}

/* ---- inflight auto ---- */

static void work_for(struct fixture *f, struct client *v, u64 ns, u32 times)
{
	while (times--) {
		send_many(f->p, 100);
		returns_get(f->p);
		CHECK(v->p.tags.used);
		f->w.now += v->p.tags.used * ns;
		ack_all(v);
		CHECK_EQ(enter_want(v), 0);
	}
}

TEST(auto_limit_is_what_fits_a_millisecond)
{
	struct client *v;
	struct fixture f;

	setup(&f, 64, 0, 0);
	v = worker(&f.w);
	send_many(f.p, 100);
	/* Nothing is known of it yet. */
	CHECK_EQ(v->p.tags.used, 1);
	work_for(&f, v, 100000, 1);
	CHECK_EQ(v->p.service, 100000);
	CHECK_EQ(v->p.limit, 10);
	CHECK_EQ(v->p.tags.used, 10);
	work_for(&f, v, 10000, 50);
	CHECK_LE(v->p.service, 11000);
	CHECK_LE(90, v->p.limit);
	CHECK_LE(v->p.limit, 100);
	/* One that becomes slow reserves nothing behind what it works on. */
	work_for(&f, v, 30 * MS, 1);
	CHECK_EQ(v->p.limit, 1);
	world_exit(&f.w);
}

TEST(auto_limit_never_exceeds_the_workers_own)
{
	struct client *v;
	struct fixture f;

	setup(&f, 64, 0, 0);
	v = client_new(&f.w, WEIR_ROLE_WORK, 64, 64, 20);
	send_one(f.p);
	send_many(f.p, 100);
	work_for(&f, v, 1, 1);
	CHECK_EQ(v->p.limit, 20);
	CHECK_EQ(v->p.tags.used, 20);
	world_exit(&f.w);
}

/* ---- linger ---- */

TEST(linger_holds_messages_until_its_time_has_passed)
{
	struct client *v;
	struct fixture f;

	setup(&f, 10, 5 * MS, 64);
	v = worker(&f.w);
	send_many(f.p, 3);
	cqe_none(v);
	CHECK_EQ(f.w.e.alarm, f.w.now + 5 * MS);
	world_tick(&f.w, 2 * MS);
	send_one(f.p);
	CHECK_EQ(f.w.e.alarm, f.w.now + 3 * MS);
	world_tick(&f.w, 3 * MS - 1);
	cqe_none(v);
	world_tick(&f.w, 1);
	CHECK_EQ(unread(v), 4);
	CHECK_EQ(f.w.e.c.batches, 1);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	world_exit(&f.w);
}

TEST(full_batch_does_not_linger)
{
	struct client *v[2];
	struct fixture f;

	setup(&f, 10, 5 * MS, 64);
	v[0] = worker(&f.w);
	v[1] = worker(&f.w);
	send_many(f.p, 9);
	CHECK_EQ(unread(v[0]) + unread(v[1]), 0);
	send_many(f.p, 4);
	/* A batch that was made to gather stays together. */
	CHECK_EQ(unread(v[0]), 10);
	cqe_none(v[1]);
	world_tick(&f.w, 5 * MS);
	CHECK_EQ(unread(v[1]), 3);
	world_exit(&f.w);
}

TEST(redelivered_do_not_linger)
{
	struct weir_cqe cqe;
	struct client *v;
	struct fixture f;

	setup(&f, 10, 5 * MS, 64);
	v = worker(&f.w);
	send_one(f.p);
	world_tick(&f.w, 5 * MS);
	cqe = msg_get(v);
	send_one(f.p);
	answer(v, WEIR_OP_RELEASE, cqe.token);
	CHECK_EQ(msg_get(v).seq, 1);
	world_exit(&f.w);
}

TEST(no_timer_runs_for_what_no_worker_can_take)
{
	struct client *v;
	struct fixture f;

	setup(&f, 10, 5 * MS, 64);
	send_one(f.p);
	CHECK_EQ(f.w.e.alarm, U64_MAX);	/* nobody is there */
	v = worker(&f.w);
	CHECK_EQ(f.w.e.alarm, f.w.now + 5 * MS);
	world_tick(&f.w, 5 * MS);
	CHECK_EQ(unread(v), 1);
	send_one(f.p);			/* v is busy */
	world_tick(&f.w, 5 * MS);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	world_tick(&f.w, 100 * MS);
	CHECK_EQ(ack_all(v), 1);	/* the time has passed long ago */
	CHECK_EQ(unread(v), 1);
	world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
	CHECK_EQ(ack_all(v), 1);
	send_one(f.p);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	world_exit(&f.w);
}

TEST(idle_channel_needs_no_timer)
{
	struct client *v;
	struct fixture f;

	setup(&f, 10, 0, 64);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	v = worker(&f.w);
	send_many(f.p, 10);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	ack_all(v);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	world_exit(&f.w);
}

/* ---- suspects ---- */

/* Messages that a worker had seen when it died. */
static void make_suspects(struct fixture *f, u32 n)
{
	struct client *victim[8];
	u32 i;

	for (i = 0; i < n; i++) {
		victim[i] = worker(&f->w);
		send_one(f->p);
		msg_get(victim[i]);
	}
	/* Nobody takes them meanwhile. */
	world_state(&f->w, WEIR_CHANNEL_STATE_PAUSED);
	for (i = 0; i < n; i++)
		client_end(victim[i], WEIR_END_DEATH);
	world_state(&f->w, WEIR_CHANNEL_STATE_RUNNING);
	CHECK_EQ(f->w.e.lane.nr_suspect, n);
}

TEST(suspect_goes_alone_and_first)
{
	struct weir_cqe cqe;
	struct client *v;
	struct fixture f;

	setup(&f, 64, 0, 64);
	make_suspects(&f, 1);
	send_many(f.p, 5);
	v = worker(&f.w);
	CHECK_EQ(unread(v), 1);
	cqe = msg_get(v);
	CHECK_EQ(cqe.seq, 1);
	CHECK_EQ(cqe.attempts, 2);
	CHECK(v->p.alone);
	/* Nothing joins it, not even on request or as a whole batch. */
	CHECK_EQ(enter_want(v), 0);
	send_many(f.p, 100);
	cqe_none(v);
	answer(v, WEIR_OP_ACK, cqe.token);
	CHECK(!v->p.alone);
	CHECK_EQ(unread(v), 64);
	world_exit(&f.w);
}

TEST(suspect_waits_for_a_worker_that_holds_nothing)
{
	struct client *v;
	struct fixture f;

	setup(&f, 4, 0, 64);
	make_suspects(&f, 1);
	v = worker(&f.w);
	ack_all(v);
	send_one(f.p);
	CHECK_EQ(v->p.tags.used, 1);
	make_suspects(&f, 1);
	CHECK(v->p.reserved);
	/* Reserved: not even a whole batch comes to it. */
	send_many(f.p, 20);
	CHECK_EQ(v->p.tags.used, 1);
	CHECK_EQ(msg_get(v).seq, 2);
	CHECK_EQ(enter_want(v), 0);
	cqe_none(v);
	answer(v, WEIR_OP_ACK, world_msg(&f.w, 2)->token);
	CHECK_EQ(msg_get(v).seq, 3);
	cqe_none(v);
	CHECK(!v->p.reserved);
	world_exit(&f.w);
}

/* Two busy workers, then a suspect: one of them is reserved for it. */
static void reserve(struct fixture *f, struct client *v[2])
{
	v[0] = worker(&f->w);
	v[1] = worker(&f->w);
	send_one(f->p);
	send_one(f->p);
	make_suspects(f, 1);
	CHECK_EQ(v[0]->p.reserved + v[1]->p.reserved, 1);
}

TEST(another_is_reserved_when_the_reserved_one_stops_or_ends)
{
	struct client *v[2], *first, *second;
	struct fixture f;
	u32 ends;

	for (ends = 0; ends < 2; ends++) {
		setup(&f, 2, 0, 64);
		reserve(&f, v);
		first = v[0]->p.reserved ? v[0] : v[1];
		second = first == v[0] ? v[1] : v[0];
		if (ends)
			client_end(first, WEIR_END_DETACH);
		else
			client_stop(first, true);
		CHECK(second->p.reserved);
		ack_all(second);
		CHECK_EQ(unread(second), 1);
		CHECK_EQ(msg_get(second).seq, 3);
		world_exit(&f.w);
	}
}

TEST(reservation_ends_when_the_suspect_is_gone)
{
	struct client *v[2], *r;
	struct fixture f;

	setup(&f, 2, 0, 64);
	reserve(&f, v);
	r = v[0]->p.reserved ? v[0] : v[1];
	world_lock(&f.w);
	CHECK(weir_ledger_kill(&f.w.e, world_msg(&f.w, 3), f.w.now));
	world_unlock(&f.w);
	ack_all(r);
	client_stop(r == v[0] ? v[1] : v[0], true);
	send_one(f.p);
	CHECK_EQ(unread(r), 1);
	CHECK(!r->p.reserved);
	send_many(f.p, 2);
	CHECK_EQ(unread(r), 3);
	world_exit(&f.w);
}

TEST(suspects_go_to_one_worker_each)
{
	struct client *v[3];
	struct fixture f;
	u32 i;

	setup(&f, 64, 0, 64);
	make_suspects(&f, 3);
	for (i = 0; i < 3; i++) {
		v[i] = worker(&f.w);
		CHECK_EQ(unread(v[i]), 1);
		CHECK_EQ(msg_get(v[i]).seq, i + 1);
		CHECK(v[i]->p.alone);
	}
	world_exit(&f.w);
}

/* ---- channel states ---- */

TEST(paused_channel_hands_out_nothing_and_goes_on_later)
{
	struct client *v;
	struct fixture f;

	setup(&f, 64, 0, 64);
	v = worker(&f.w);
	world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
	send_many(f.p, 5);
	cqe_none(v);
	CHECK_EQ(enter_want(v), 0);
	cqe_none(v);
	world_state(&f.w, WEIR_CHANNEL_STATE_RUNNING);
	CHECK_EQ(unread(v), 5);
	world_exit(&f.w);
}

TEST(draining_channel_hands_out_what_it_has)
{
	struct client *v;
	struct fixture f;

	setup(&f, 64, 0, 64);
	send_many(f.p, 5);
	world_state(&f.w, WEIR_CHANNEL_STATE_DRAINING);
	v = worker(&f.w);
	CHECK_EQ(ack_all(v), 5);
	CHECK(weir_engine_empty(&f.w.e));
	world_exit(&f.w);
}

TEST(closed_channel_hands_out_nothing)
{
	struct client *v;
	struct fixture f;

	setup(&f, 64, 0, 64);
	send_one(f.p);
	f.w.e.closed = true;
	v = worker(&f.w);
	cqe_none(v);
	world_exit(&f.w);
}

TEST(one_wake_up_to_a_batch)
{
	struct client *v;
	struct fixture f;
	u32 woken;

	setup(&f, 64, 0, 64);
	v = worker(&f.w);
	woken = v->nr_woken;
	send_many(f.p, 50);
	CHECK_EQ(v->nr_woken, woken + 1);
	CHECK_EQ(unread(v), 50);
	world_exit(&f.w);
}

TEST(due_messages_come_with_the_tick_in_their_order)
{
	struct client *v;
	struct fixture f;
	u32 i;

	setup(&f, 64, 0, 64);
	v = worker(&f.w);
	send_many(f.p, 5);
	for (i = 0; i < 5; i++)
		sqe_answer(v, WEIR_OP_RELEASE, msg_get(v).token)->delay_ms =
			10 - i;
	CHECK_EQ(enter(v), 5);
	CHECK_EQ(f.w.e.alarm, f.w.now + 6 * MS);
	world_tick(&f.w, 20 * MS);
	for (i = 0; i < 5; i++)
		CHECK_EQ(msg_get(v).seq, i + 1);
	world_exit(&f.w);
}

TEST(alarm_goes_on_when_more_is_due_than_one_tick_takes)
{
	u32 nr = WEIR_TICK_MAX + 44, left, k;
	struct weir_cqe cqe;
	struct client *v;
	struct fixture f;

	setup(&f, 1024, 0, 16384);
	v = client_new(&f.w, WEIR_ROLE_WORK, 512, 512, 512);
	world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
	for (left = nr; left; left -= k) {
		k = min(left, 200U);
		send_many(f.p, k);
	}
	world_state(&f.w, WEIR_CHANNEL_STATE_RUNNING);
	while (cqe_pop(v, &cqe))
		sqe_answer(v, WEIR_OP_RELEASE, cqe.token)->delay_ms = 1;
	CHECK_EQ(enter(v), nr);
	CHECK_EQ(f.w.e.lane.nr_delayed, nr);
	f.w.now += MS;
	world_lock(&f.w);
	weir_engine_tick(&f.w.e, f.w.now);
	world_unlock(&f.w);
	CHECK_EQ(f.w.e.lane.nr_delayed, nr - WEIR_TICK_MAX);
	CHECK_LE(f.w.e.alarm, f.w.now);
	world_tick(&f.w, 0);
	CHECK_EQ(f.w.e.lane.nr_delayed, 0);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	enter_want_n(v, nr);
	CHECK_EQ(unread(v), nr);
	world_exit(&f.w);
}

TEST(alarm_goes_on_when_more_can_go_than_one_hand_out_takes)
{
	struct weir_config cfg;
	struct client *v;
	struct fixture f;
	u32 i;

	setup(&f, 1, 0, 16384);
	v = client_new(&f.w, WEIR_ROLE_WORK, 8, 4096, 4096);
	world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
	for (i = 0; i < 10; i++)
		send_many(f.p, 200);
	cfg = f.w.e.cfg;
	cfg.state = WEIR_CHANNEL_STATE_RUNNING;
	world_configure(&f.w, &cfg);
	CHECK_LT(unread(v), 2000);
	CHECK_LE(f.w.e.alarm, f.w.now);
	world_tick(&f.w, 0);
	CHECK_EQ(unread(v), 2000);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	world_exit(&f.w);
}

/* ---- limits of a batch ---- */

static void reconfigure(struct fixture *f, u32 batch, u64 bytes, u64 cost)
{
	struct weir_config cfg = f->w.e.cfg;

	cfg.batch = batch;
	cfg.batch_min = 2;
	cfg.batch_max = 16;
	cfg.batch_bytes = bytes;
	cfg.batch_cost = cost;
	world_configure(&f->w, &cfg);
}

TEST(batch_holds_no_more_bytes_than_it_may)
{
	static const u32 lens[] = { 40, 60, 1, 101, 50, 50, 50 };
	static const u32 batches[] = { 2, 1, 1, 2, 1 };
	struct client *v;
	struct fixture f;
	u32 i, k, n = 0;

	setup(&f, 64, 0, 64);
	reconfigure(&f, 64, 100, 0);
	v = worker(&f.w);
	client_stop(v, true);
	for (i = 0; i < 7; i++)
		sqe_send(f.p, lens[i]);
	CHECK_EQ(enter(f.p), 7);
	client_stop(v, false);
	for (i = 0; i < 5; i++) {
		CHECK_EQ(unread(v), batches[i]);
		CHECK_EQ(f.w.e.c.batches, i + 1);
		for (k = 0; k < batches[i]; k++) {
			struct weir_cqe cqe = msg_get(v);

			CHECK_EQ(cqe.len, lens[n++]);
			sqe_answer(v, WEIR_OP_ACK, cqe.token);
		}
		CHECK_EQ(enter(v), batches[i]);
	}
	CHECK_EQ(n, 7);
	world_exit(&f.w);
}

TEST(batch_holds_no_more_cost_than_it_may_but_one_message)
{
	static const u32 costs[] = { 0, 5, 5, 11, U32_MAX, U32_MAX, 10 };
	static const u32 batches[] = { 3, 1, 1, 1, 1 };
	struct client *v;
	struct fixture f;
	u32 i;

	setup(&f, 64, 0, 64);
	reconfigure(&f, 64, 0, 10);
	v = worker(&f.w);
	client_stop(v, true);
	for (i = 0; i < 7; i++)
		sqe_send(f.p, 1)->cost = costs[i];
	CHECK_EQ(enter(f.p), 7);
	client_stop(v, false);
	for (i = 0; i < 5; i++)
		CHECK_EQ(ack_all(v), batches[i]);
	world_exit(&f.w);
}

TEST(bytes_or_cost_of_a_batch_end_its_lingering)
{
	struct client *v;
	struct fixture f;

	setup(&f, 64, 5 * MS, 64);
	reconfigure(&f, 64, 100, 10);
	v = worker(&f.w);
	sqe_send(f.p, 60);
	CHECK_EQ(enter(f.p), 1);
	cqe_none(v);
	sqe_send(f.p, 40);
	CHECK_EQ(enter(f.p), 1);
	CHECK_EQ(ack_all(v), 2);
	sqe_send(f.p, 1)->cost = 9;
	CHECK_EQ(enter(f.p), 1);
	cqe_none(v);
	sqe_send(f.p, 1)->cost = 1;
	CHECK_EQ(enter(f.p), 1);
	CHECK_EQ(ack_all(v), 2);
	world_exit(&f.w);
}

TEST(batch_auto_grows_while_full_and_more_waits_and_halves_when_not)
{
	struct client *v;
	struct fixture f;
	u32 i;

	setup(&f, 0, 0, 64);
	reconfigure(&f, 0, 0, 0);
	v = worker(&f.w);
	client_stop(v, true);
	CHECK_LE(2, f.w.e.batch);
	CHECK_LE(f.w.e.batch, 16);
	reconfigure(&f, 2, 0, 0);
	reconfigure(&f, 0, 0, 0);
	CHECK_EQ(f.w.e.batch, 2);
	send_many(f.p, 200);
	client_stop(v, false);
	/* 2, then 6, 10, 14, 16, 16: as long as it has room. */
	CHECK_EQ(f.w.e.batch, 16);
	CHECK_EQ(unread(v), 64);
	CHECK_EQ(f.w.e.c.batches, 6);
	client_stop(v, true);
	while (unread(v))
		sqe_answer(v, WEIR_OP_ACK, msg_get(v).token);
	enter(v);
	world_lock(&f.w);
	weir_ledger_purge(&f.w.e, WEIR_MESSAGE_STATE_READY, 1000);
	world_unlock(&f.w);
	returns_get(f.p);
	client_stop(v, false);
	for (i = 16; i; i /= 2) {
		send_one(f.p);
		CHECK_EQ(f.w.e.batch, max(i / 2, 2U));
		CHECK_EQ(ack_all(v), 1);
	}
	world_exit(&f.w);
}

TEST(batch_auto_obeys_new_bounds_at_once)
{
	struct weir_config cfg;
	struct fixture f;

	setup(&f, 50, 0, 64);
	CHECK_EQ(f.w.e.batch, 50);
	cfg = f.w.e.cfg;
	cfg.batch = 0;
	cfg.batch_min = 3;
	cfg.batch_max = 30;
	world_configure(&f.w, &cfg);
	CHECK_EQ(f.w.e.batch, 30);
	cfg.batch_min = cfg.batch_max = 40;
	world_configure(&f.w, &cfg);
	CHECK_EQ(f.w.e.batch, 40);
	world_exit(&f.w);
}
