// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

struct fixture {
	struct world w;
	struct client *p;
};

static void setup(struct fixture *f, const struct weir_config *cfg)
{
	world_init(&f->w, cfg);
	f->p = producer(&f->w);
}

static void check_order(struct client *v, u64 from, u64 to)
{
	for (; from <= to; from++)
		CHECK_EQ(msg_get(v).seq, from);
	cqe_none(v);
}

TEST(seen_messages_are_counted_and_the_unseen_are_not)
{
	struct client *v, *next;
	struct weir_cqe cqe;
	struct fixture f;
	u32 i;

	setup(&f, NULL);
	v = worker(&f.w);
	send_many(f.p, 5);
	msg_get(v);
	msg_get(v);
	client_end(v, WEIR_END_DEATH);
	CHECK_EQ(f.w.e.c.crashed_seen, 2);
	CHECK_EQ(f.w.e.c.crashed_unseen, 3);
	CHECK_EQ(f.w.e.c.redelivered, 5);
	CHECK_EQ(f.w.e.c.taken, 0);
	CHECK_EQ(f.w.e.c.deaths, 1);
	CHECK(v->ring.kflags & WEIR_RING_DEAD);
	for (i = 1; i <= 2; i++) {	/* these go alone */
		next = worker(&f.w);
		CHECK_EQ(unread(next), 1);
		cqe = msg_get(next);
		CHECK_EQ(cqe.seq, i);
		CHECK_EQ(cqe.attempts, 2);
		CHECK(cqe.flags & WEIR_CQE_REDELIVERED);
	}
	next = worker(&f.w);
	CHECK_EQ(unread(next), 3);
	for (i = 3; i <= 5; i++) {
		cqe = msg_get(next);
		CHECK_EQ(cqe.seq, i);
		CHECK_EQ(cqe.attempts, 1);
		CHECK(cqe.flags & WEIR_CQE_REDELIVERED);
	}
	world_exit(&f.w);
}

TEST(poison_takes_no_neighbours_with_it)
{
	struct client *v;
	struct fixture f;
	u32 i;

	setup(&f, NULL);
	v = worker(&f.w);
	send_many(f.p, 3);
	/* It reads all at once and message 1 kills it. */
	for (i = 0; i < 3; i++)
		msg_get(v);
	client_end(v, WEIR_END_DEATH);
	for (i = 1; i < 5; i++) {
		v = worker(&f.w);
		CHECK_EQ(unread(v), 1);
		CHECK_EQ(msg_get(v).seq, 1);
		client_end(v, WEIR_END_DEATH);
	}
	CHECK_EQ(world_msg(&f.w, 1)->state, WEIR_MSG_DEAD);
	CHECK_EQ(world_msg(&f.w, 1)->reason, WEIR_DEAD_REASON_ATTEMPTS);
	CHECK_EQ(world_msg(&f.w, 2)->attempts, 1);
	CHECK_EQ(world_msg(&f.w, 3)->attempts, 1);
	v = worker(&f.w);
	answer(v, WEIR_OP_ACK, msg_get(v).token);
	answer(v, WEIR_OP_ACK, msg_get(v).token);
	CHECK_EQ(f.w.e.c.acked, 2);
	CHECK_EQ(f.w.e.nr_dead, 1);
	world_exit(&f.w);
}

TEST(detach_is_not_counted)
{
	struct client *v, *next;
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f, NULL);
	v = worker(&f.w);
	send_many(f.p, 3);
	msg_get(v);
	client_end(v, WEIR_END_DETACH);
	CHECK_EQ(f.w.e.c.deaths, 0);
	CHECK_EQ(f.w.e.c.crashed_seen + f.w.e.c.crashed_unseen, 0);
	CHECK_EQ(f.w.e.c.taken, 3);
	next = worker(&f.w);
	CHECK_EQ(unread(next), 3);
	cqe = msg_get(next);
	CHECK_EQ(cqe.seq, 1);
	CHECK_EQ(cqe.attempts, 1);
	world_exit(&f.w);
}

TEST(published_answers_are_applied_first)
{
	u32 how, k;

	for (how = WEIR_END_DETACH; how <= WEIR_END_DEATH; how++) {
		struct client *v;
		struct fixture f;

		setup(&f, NULL);
		v = worker(&f.w);
		send_many(f.p, 100);
		for (k = 0; k < 63; k++)
			sqe_answer(v, WEIR_OP_ACK, msg_get(v).token);
		sqe_answer(v, WEIR_OP_REJECT, msg_get(v).token);
		publish(v);
		/* written, but not published */
		v->sqes[v->tail & 255].op = WEIR_OP_ACK;
		client_end(v, how);
		CHECK_EQ(f.w.e.c.acked, 63);
		CHECK_EQ(f.w.e.c.rejected, 1);
		CHECK_EQ(f.w.e.nr_inflight, 0);
		CHECK_EQ(weir_lane_ready(&f.w.e.lane), 36);
		world_exit(&f.w);
	}
}

TEST(published_is_sent_beyond_the_depth_limit)
{
	struct weir_config cfg = world_config;
	struct client *v;
	struct fixture f;
	u32 i;

	cfg.messages = 3;
	setup(&f, &cfg);
	for (i = 0; i < 200; i++)
		sqe_send(f.p, 1);
	CHECK_EQ(enter(f.p), 3);
	client_end(f.p, WEIR_END_DEATH);
	CHECK_EQ(f.w.e.c.accepted, 200);
	CHECK_EQ(weir_engine_room(&f.w.e), 0);
	CHECK_EQ(f.w.freed, 0);
	v = worker(&f.w);
	for (i = 1; i <= 200; i++) {
		if (!unread(v))
			enter_want(v);
		CHECK_EQ(msg_get(v).seq, i);
		answer(v, WEIR_OP_ACK, world_msg(&f.w, i)->token);
	}
	CHECK(weir_engine_empty(&f.w.e));
	CHECK_EQ(f.w.freed, 1);
	world_exit(&f.w);
}

TEST(bad_entries_of_the_dead_are_refused_even_without_room_for_results)
{
	struct client *p;
	struct fixture f;
	u32 i;

	setup(&f, NULL);
	p = client_new(&f.w, WEIR_ROLE_SEND, 64, 2, 1);
	client_grant(p, 0);
	for (i = 0; i < 20; i++) {
		sqe_send(p, 1);
		sqe_next(p, 99);
	}
	publish(p);
	client_end(p, WEIR_END_DEATH);
	CHECK_EQ(f.w.e.c.accepted, 20);
	CHECK_EQ(p->ring.ksq_head, 40);
	CHECK_LE(unread(p), 2);
	world_exit(&f.w);
}

TEST(impossible_tail_of_the_dead_sends_nothing)
{
	struct fixture f;

	setup(&f, NULL);
	sqe_send(f.p, 1);
	f.p->tail += 1000;
	publish(f.p);
	client_end(f.p, WEIR_END_DEATH);
	CHECK_EQ(f.w.e.c.accepted, 0);
	CHECK_EQ(f.w.e.c.ring_errors, 1);
	CHECK_EQ(f.w.freed, 1);
	world_exit(&f.w);
}

TEST(draining_channel_takes_what_the_dead_had_published)
{
	struct fixture f;

	setup(&f, NULL);
	world_state(&f.w, WEIR_CHANNEL_STATE_DRAINING);
	sqe_send(f.p, 1);
	publish(f.p);
	client_end(f.p, WEIR_END_DEATH);
	CHECK_EQ(f.w.e.c.accepted, 1);
	world_exit(&f.w);
}

TEST(two_workers_dying_in_either_order_keep_the_order)
{
	struct weir_config cfg = world_config;
	struct client *v[2], *last;
	struct fixture f;
	u32 first;

	cfg.batch = 4;
	cfg.inflight = 4;
	for (first = 0; first < 2; first++) {
		setup(&f, &cfg);
		v[0] = worker(&f.w);
		v[1] = worker(&f.w);
		world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
		send_many(f.p, 12);
		world_state(&f.w, WEIR_CHANNEL_STATE_RUNNING);
		CHECK_EQ(v[0]->p.tags.used, 4);
		CHECK_EQ(v[1]->p.tags.used, 4);
		client_end(v[first], WEIR_END_DEATH);
		client_end(v[!first], WEIR_END_DEATH);
		cfg.inflight = 64;
		cfg.batch = 64;
		world_configure(&f.w, &cfg);
		last = worker(&f.w);
		check_order(last, 1, 12);
		world_exit(&f.w);
		cfg.inflight = 4;
		cfg.batch = 4;
	}
}

TEST(head_that_lies_forward_only_counts_against_the_liar)
{
	struct client *v;
	struct fixture f;

	setup(&f, NULL);
	v = worker(&f.w);
	send_many(f.p, 3);
	v->ring.ucq_head = 2;	/* says it has read two; that is possible */
	client_end(v, WEIR_END_DEATH);
	CHECK_EQ(f.w.e.c.crashed_seen, 2);
	v = worker(&f.w);
	v->ring.ucq_head = 4000;	/* this is not */
	client_end(v, WEIR_END_DEATH);
	CHECK_EQ(f.w.e.c.crashed_seen, 2);
	CHECK_LT(0, f.w.e.c.ring_errors);
	world_exit(&f.w);
}

TEST(head_that_denies_having_seen_is_bounded_by_redeliver_max)
{
	struct weir_config cfg = world_config;
	struct client *v;
	struct fixture f;
	u32 i;

	cfg.redeliver_max = 10;
	setup(&f, &cfg);
	send_one(f.p);
	for (i = 0; i < 10; i++) {
		v = worker(&f.w);
		CHECK_EQ(unread(v), 1);
		client_end(v, WEIR_END_DEATH);
	}
	CHECK_EQ(f.w.e.c.died_redeliveries, 1);
	CHECK_EQ(f.w.e.c.crashed_unseen, 10);
	CHECK_EQ(world_msg(&f.w, 1)->attempts, 0);
	world_exit(&f.w);
}

TEST(what_an_ended_worker_held_goes_on_at_once)
{
	struct client *a, *b;
	struct fixture f;
	u32 woken;

	setup(&f, NULL);
	a = worker(&f.w);
	send_many(f.p, 3);
	b = worker(&f.w);
	woken = b->nr_woken;
	f.w.now += 123;
	client_end(a, WEIR_END_DEATH);
	CHECK_EQ(unread(b), 3);
	CHECK_EQ(b->nr_woken, woken + 1);
	CHECK_EQ(f.w.e.hist[WEIR_HIST_REDELIVERY].count, 3);
	CHECK_EQ(f.w.e.hist[WEIR_HIST_REDELIVERY].max, 0);
	world_exit(&f.w);
}

TEST(time_to_redelivery_is_measured_from_the_death)
{
	struct client *a;
	struct fixture f;

	setup(&f, NULL);
	a = worker(&f.w);
	send_one(f.p);
	f.w.now += 1000;
	client_end(a, WEIR_END_DEATH);
	f.w.now += 50;
	worker(&f.w);
	CHECK_EQ(f.w.e.hist[WEIR_HIST_REDELIVERY].sum, 50);
	world_exit(&f.w);
}

TEST(ended_client_gets_nothing_and_can_end_again)
{
	struct client *v;
	struct fixture f;
	u32 woken;

	setup(&f, NULL);
	v = worker(&f.w);
	woken = v->nr_woken;
	CHECK(client_end(v, WEIR_END_DEATH));
	CHECK_EQ(v->nr_woken, woken + 1);	/* its sleepers leave */
	CHECK(!client_end(v, WEIR_END_DEATH));
	CHECK(!client_end(v, WEIR_END_DETACH));
	CHECK_EQ(f.w.e.c.deaths, 1);
	send_one(f.p);
	cqe_none(v);
	CHECK_EQ(f.w.e.nr_workers, 0);
	world_exit(&f.w);
}

TEST(those_who_sleep_for_room_look_whether_they_have_ended)
{
	struct weir_config cfg = world_config;
	struct fixture f;

	cfg.messages = 1;
	setup(&f, &cfg);
	sqe_send(f.p, 1);
	sqe_send(f.p, 1);
	CHECK_EQ(enter(f.p), 1);
	CHECK(f.p->p.blocked);
	f.w.wake.room = false;
	CHECK_EQ(enter(f.p), 0);
	CHECK(!f.w.wake.room);
	client_end(f.p, WEIR_END_DETACH);
	CHECK(f.w.wake.room);
	world_exit(&f.w);
}

TEST(empty_blocks_of_the_dead_are_free_at_once)
{
	struct fixture f;

	setup(&f, NULL);
	client_grant(f.p, 1);
	client_grant(f.p, 4);
	send_one(f.p);	/* from the block of 1 MiB, the last granted */
	client_end(f.p, WEIR_END_DEATH);
	CHECK_EQ(f.w.freed, 2);
	world_exit(&f.w);
}

TEST(buffers_that_wait_for_room_go_with_their_owner)
{
	struct client *p;
	struct fixture f;

	setup(&f, NULL);
	p = client_new(&f.w, WEIR_ROLE_SEND, 64, 1, 1);
	client_grant(p, 0);
	send_many(p, 40);
	world_lock(&f.w);
	CHECK_EQ(weir_ledger_purge(&f.w.e, WEIR_MESSAGE_STATE_READY, 40), 40);
	world_unlock(&f.w);
	CHECK_EQ(unread(p), 1);
	CHECK(!list_empty(&p->p.returns));
	client_end(p, WEIR_END_DEATH);
	CHECK_EQ(f.w.freed, 1);
	world_exit(&f.w);
}

TEST(one_that_sends_and_works_ends_with_its_own_messages)
{
	struct client *c, *v;
	struct fixture f;

	setup(&f, NULL);
	c = client_new(&f.w, WEIR_ROLE_SEND | WEIR_ROLE_WORK, 64, 64, 64);
	client_grant(c, 0);
	send_many(c, 3);
	CHECK_EQ(c->p.tags.used, 3);
	msg_get(c);
	client_end(c, WEIR_END_DEATH);
	CHECK_EQ(f.w.freed, 0);
	v = worker(&f.w);
	CHECK_EQ(msg_get(v).seq, 1);
	answer(v, WEIR_OP_ACK, world_msg(&f.w, 1)->token);
	CHECK_EQ(msg_get(v).seq, 2);
	CHECK_EQ(msg_get(v).seq, 3);
	answer(v, WEIR_OP_ACK, world_msg(&f.w, 2)->token);
	answer(v, WEIR_OP_ACK, world_msg(&f.w, 3)->token);
	CHECK_EQ(f.w.freed, 1);
	CHECK_EQ(f.w.e.c.acked, 3);
	world_exit(&f.w);
}

TEST(its_last_attempt_dies_with_the_worker)
{
	struct weir_config cfg = world_config;
	struct client *v;
	struct fixture f;

	cfg.max_attempts = 1;
	setup(&f, &cfg);
	v = worker(&f.w);
	send_many(f.p, 2);
	msg_get(v);
	client_end(v, WEIR_END_DEATH);
	CHECK_EQ(world_msg(&f.w, 1)->state, WEIR_MSG_DEAD);
	CHECK_EQ(world_msg(&f.w, 2)->state, WEIR_MSG_READY);
	CHECK_EQ(f.w.e.c.died_attempts, 1);
	world_exit(&f.w);
}

TEST(kernel_reader_can_end)
{
	struct client *r;
	struct fixture f;

	setup(&f, NULL);
	r = client_kernel(&f.w, WEIR_ROLE_WORK);
	send_one(f.p);
	CHECK_EQ(r->p.tags.used, 1);
	client_end(r, WEIR_END_DETACH);
	CHECK_EQ(f.w.e.c.taken, 1);
	CHECK_EQ(weir_lane_ready(&f.w.e.lane), 1);
	world_exit(&f.w);
}

TEST(client_that_never_joined_can_end)
{
	struct weir_wake wake = { 0 };
	struct weir_peer p = { 0 };
	struct fixture f;

	setup(&f, NULL);
	weir_peer_init(&p, &f.w.e, 99, WEIR_ROLE_WORK);
	CHECK(!weir_engine_end(&f.w.e, &p, WEIR_END_DETACH, f.w.now, &wake));
	CHECK(p.gone);
	CHECK_EQ(f.w.e.nr_peers, 1);
	world_exit(&f.w);
}
