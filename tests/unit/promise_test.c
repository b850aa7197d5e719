// SPDX-License-Identifier: GPL-2.0-only
/*
 * Senders that need not call. world.c does the looks that a change asks for, as
 * the module does; publish() alone is a sender that does not call.
 */
#include "world.h"

struct fixture {
	struct world w;
	struct client *p;	/* sends, and nothing else */
	struct client *v;	/* its limit is 2 */
};

static struct weir_config small(void)
{
	struct weir_config cfg = world_config;

	cfg.inflight = 2;
	cfg.batch = 2;
	return cfg;
}

static void setup(struct fixture *f, const struct weir_config *cfg)
{
	struct weir_config def = small();

	world_init(&f->w, cfg ? cfg : &def);
	f->p = producer(&f->w);
	f->v = worker(&f->w);
}

static bool promised(const struct client *c)
{
	CHECK(c->p.promised || c->ring.kflags & WEIR_RING_NEED_ENTER);
	return !(c->ring.kflags & WEIR_RING_NEED_ENTER);
}

/* The worker is full, one message waits, and the sender need not call. */
static void fill(struct fixture *f)
{
	send_many(f->p, 3);
	CHECK_EQ(f->v->p.tags.used, 2);
	CHECK(promised(f->p));
}

/* Publishes so many, and does not call. */
static void publish_some(struct client *c, u32 n)
{
	while (n--)
		sqe_send(c, 50);
	publish(c);
}

static u32 pending(const struct client *c)
{
	return c->tail - c->ring.ksq_head;
}

static void ack_next(struct client *v)
{
	answer(v, WEIR_OP_ACK, msg_get(v).token);
}

TEST(promise_is_given_while_all_workers_are_busy)
{
	struct fixture f;

	setup(&f, NULL);
	CHECK(!promised(f.p));
	send_one(f.p);		/* the worker has room for another batch only */
	CHECK(promised(f.p));
	CHECK_EQ(f.w.e.c.promises, 1);
	CHECK_EQ(f.w.e.nr_promised, 1);
	send_one(f.p);
	CHECK(promised(f.p));
	CHECK_EQ(f.w.e.c.promises, 1);	/* it is the same one */
	world_exit(&f.w);
}

TEST(no_promise_while_a_worker_is_idle_or_none_is_there)
{
	struct client *v2;
	struct fixture f;

	setup(&f, NULL);
	v2 = worker(&f.w);
	send_one(f.p);
	CHECK(!promised(f.p));	/* the other one is idle */
	client_end(v2, WEIR_END_DETACH);
	client_end(f.v, WEIR_END_DETACH);
	send_one(f.p);
	CHECK(!promised(f.p));
	world_lock(&f.w);
	weir_ledger_purge(&f.w.e, WEIR_MESSAGE_STATE_READY, 100);
	world_unlock(&f.w);
	f.v = worker(&f.w);
	client_stop(f.v, true);
	send_one(f.p);
	CHECK(!promised(f.p));	/* it holds nothing, so it need not come */
	CHECK_EQ(f.w.e.c.promises, 0);
	world_exit(&f.w);
}

TEST(no_promise_to_who_works_too)
{
	struct client *both;
	struct fixture f;

	setup(&f, NULL);
	both = client_new(&f.w, WEIR_ROLE_SEND | WEIR_ROLE_WORK, 64, 64, 2);
	client_grant(both, 0);
	client_stop(both, true);
	fill(&f);
	send_one(both);
	CHECK(!promised(both));
	CHECK_EQ(f.w.e.nr_promised, 1);
	world_exit(&f.w);
}

TEST(no_promise_in_a_channel_that_does_not_run)
{
	static const u32 states[] = {
		WEIR_CHANNEL_STATE_PAUSED, WEIR_CHANNEL_STATE_DRAINING,
	};
	struct fixture f;
	u32 i;

	for (i = 0; i < 2; i++) {
		setup(&f, NULL);
		send_many(f.p, 2);
		world_state(&f.w, states[i]);
		CHECK(!promised(f.p));
		sqe_send(f.p, 1);
		CHECK_EQ(enter(f.p), 1);
		CHECK(!promised(f.p));
		world_exit(&f.w);
	}
}

TEST(worker_that_comes_back_takes_what_was_published)
{
	struct fixture f;
	u32 i;

	setup(&f, NULL);
	fill(&f);
	publish_some(f.p, 4);
	CHECK_EQ(f.w.e.c.accepted, 3);
	ack_next(f.v);
	ack_next(f.v);
	CHECK_EQ(enter_want_n(f.v, 2), 0);
	CHECK_EQ(pending(f.p), 0);
	CHECK_EQ(f.w.e.c.accepted, 7);
	CHECK_LT(0, f.w.e.c.sweeps);
	for (i = 3; i <= 7; i++) {
		if (!unread(f.v))
			CHECK_EQ(enter_want(f.v), 0);
		CHECK_EQ(msg_get(f.v).seq, i);
		answer(f.v, WEIR_OP_ACK, world_msg(&f.w, i)->token);
	}
	CHECK(weir_engine_empty(&f.w.e));
	world_exit(&f.w);
}

/* Or those who call would have the worker for themselves. */
TEST(promised_rings_are_looked_at_with_each_batch_handed_out)
{
	struct fixture f;
	u64 sweeps;

	setup(&f, NULL);
	send_many(f.p, 10);
	CHECK(promised(f.p));
	sweeps = f.w.e.c.sweeps;
	publish_some(f.p, 1);
	ack_next(f.v);
	ack_next(f.v);
	CHECK_EQ(f.v->p.tags.used, 2);
	CHECK(promised(f.p));
	CHECK_EQ(pending(f.p), 0);
	CHECK_LT(sweeps, f.w.e.c.sweeps);
	world_exit(&f.w);
}

/* Not while the promise is kept; once it is not, the ring is looked at all the same. */
TEST(ring_that_somebody_is_at_is_left_alone)
{
	struct fixture f;
	u64 sweeps;

	setup(&f, NULL);
	send_many(f.p, 10);
	sweeps = f.w.e.c.sweeps;
	publish_some(f.p, 1);
	f.p->p.at_ring = true;
	ack_next(f.v);
	ack_next(f.v);
	CHECK_EQ(f.v->p.tags.used, 2);
	CHECK(promised(f.p));
	CHECK_EQ(pending(f.p), 1);
	CHECK_EQ(f.w.e.c.sweeps, sweeps);
	while (unread(f.v))
		ack_next(f.v);
	CHECK_EQ(pending(f.p), 0);
	CHECK_LT(sweeps, f.w.e.c.sweeps);
	CHECK_EQ(f.w.e.c.accepted, 11);
	world_exit(&f.w);
}

TEST(each_event_that_breaks_a_promise_has_the_rings_looked_at)
{
	struct client *v2;
	struct fixture f;
	u32 event;

	for (event = 0; event < 10; event++) {
		setup(&f, NULL);
		v2 = worker(&f.w);
		client_stop(v2, true);
		send_many(f.p, 2);
		CHECK(promised(f.p));
		publish_some(f.p, 1);
		CHECK_EQ(f.w.e.c.accepted, 2);
		switch (event) {
		case 0:		/* a worker asks */
			ack_next(f.v);
			msg_get(f.v);
			CHECK_EQ(pending(f.p), 1);
			CHECK_EQ(enter_want(f.v), 0);
			break;
		case 1:		/* it has nothing left */
			ack_next(f.v);
			ack_next(f.v);
			break;
		case 2:		/* one comes */
			worker(&f.w);
			break;
		case 3:		/* one goes on */
			client_stop(v2, false);
			break;
		case 4:		/* the last one dies */
			client_end(v2, WEIR_END_DETACH);
			client_end(f.v, WEIR_END_DEATH);
			break;
		case 5:
			world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
			break;
		case 6:
			world_state(&f.w, WEIR_CHANNEL_STATE_DRAINING);
			break;
		case 7:
			world_lock(&f.w);
			f.w.e.closed = true;
			world_unlock(&f.w);
			break;
		case 8: {	/* more may be held at once */
			struct weir_config cfg = f.w.e.cfg;

			msg_get(f.v);
			msg_get(f.v);
			enter_want(f.v);
			CHECK_EQ(pending(f.p), 1);
			cfg.inflight = 3;
			world_configure(&f.w, &cfg);
			break;
		}
		case 9:		/* both are taken away by hand */
			client_stop(f.v, true);
			world_lock(&f.w);
			weir_ledger_kill(&f.w.e, world_msg(&f.w, 1), f.w.now);
			weir_ledger_kill(&f.w.e, world_msg(&f.w, 2), f.w.now);
			world_unlock(&f.w);
			break;
		}
		CHECK_EQ(pending(f.p), 0);
		if (event == 6 || event == 7) {
			CHECK_EQ(result_get(f.p), -ESHUTDOWN);
			CHECK_EQ(f.w.e.c.accepted, 2);
		} else {
			CHECK_EQ(f.w.e.c.accepted, 3);
		}
		CHECK_LT(0, f.w.e.c.sweeps);
		f.w.e.closed = false;
		world_exit(&f.w);
	}
}

TEST(time_that_breaks_a_promise_has_the_rings_looked_at)
{
	struct client *v2;
	struct fixture f;

	setup(&f, NULL);
	v2 = worker(&f.w);
	send_one(f.p);		/* v */
	send_one(f.p);		/* v2 */
	CHECK(promised(f.p));
	/* Both give their messages back for later, and want no others. */
	client_stop(f.v, true);
	answer_after(f.v, WEIR_OP_RELEASE, msg_get(f.v).token, 10);
	CHECK(promised(f.p));
	publish_some(f.p, 2);
	client_stop(v2, true);
	answer_after(v2, WEIR_OP_RELEASE, msg_get(v2).token, 20);
	/* Nobody holds any: nobody is bound to come. */
	CHECK(!promised(f.p));
	CHECK_EQ(pending(f.p), 0);
	CHECK_EQ(weir_lane_ready(&f.w.e.lane), 2);
	world_exit(&f.w);
}

TEST(what_finds_no_room_is_owed_and_taken_when_there_is_some)
{
	struct weir_config cfg = small();
	struct client *v2;
	struct fixture f;

	cfg.messages = 2;
	setup(&f, &cfg);
	send_many(f.p, 2);		/* with the worker */
	sqe_send(f.p, 1)->defer_ms = 50;
	CHECK_EQ(enter(f.p), 1);
	CHECK(promised(f.p));
	publish_some(f.p, 3);
	client_end(f.v, WEIR_END_DETACH);
	/* Its two came back, so the channel is beyond its limit. */
	CHECK_EQ(f.w.e.c.accepted, 3);
	CHECK_EQ(pending(f.p), 3);
	CHECK(f.p->ring.kflags & WEIR_RING_NEED_ENTER);
	CHECK(f.p->p.promised);
	CHECK(f.p->p.blocked);
	/* It does nothing; others make room. */
	v2 = worker(&f.w);
	CHECK_EQ(v2->p.tags.used, 2);
	CHECK_LE(3, f.w.e.c.accepted);
	ack_next(v2);
	CHECK_EQ(enter_want(v2), 0);
	msg_get(v2);
	CHECK_EQ(enter_want(v2), 0);
	CHECK_LT(3, f.w.e.c.accepted);
	world_lock(&f.w);
	weir_ledger_purge(&f.w.e, WEIR_MESSAGE_STATE_READY, 100);
	world_unlock(&f.w);
	world_tick(&f.w, 50 * MS);
	while (pending(f.p)) {
		u64 before = f.w.e.c.accepted;

		while (v2->p.tags.used) {
			while (unread(v2))
				sqe_answer(v2, WEIR_OP_ACK, msg_get(v2).token);
			enter_want(v2);
			if (!unread(v2))
				break;
		}
		for (u32 i = 0; i < v2->p.tags.nr; i++)
			if (v2->tags[i].msg)
				sqe_answer(v2, WEIR_OP_ACK,
					   v2->tags[i].msg->token);
		enter_want(v2);
		CHECK_LT(before, f.w.e.c.accepted);
	}
	CHECK_EQ(f.w.e.c.accepted, 6);
	world_exit(&f.w);
}

TEST(more_than_one_look_takes_is_taken_by_several)
{
	struct fixture f;
	u64 sweeps;

	setup(&f, NULL);
	send_many(f.p, 2);
	CHECK(promised(f.p));
	sweeps = f.w.e.c.sweeps;
	publish_some(f.p, 200);
	world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
	CHECK_EQ(pending(f.p), 0);
	CHECK_EQ(f.w.e.c.accepted, 202);
	CHECK_LE(sweeps + 4, f.w.e.c.sweeps);
	world_exit(&f.w);
}

TEST(entry_of_several_slots_at_the_end_of_a_look_is_not_forgotten)
{
	struct weir_sqe *s;
	struct fixture f;

	setup(&f, NULL);
	send_many(f.p, 2);
	publish_some(f.p, 62);
	s = sqe_next(f.p, WEIR_OP_REJECT);	/* not its to use */
	s->nr = 3;
	sqe_next(f.p, 0);
	sqe_next(f.p, 0);
	sqe_next(f.p, 0);
	publish_some(f.p, 5);
	world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
	CHECK_EQ(pending(f.p), 0);
	CHECK_EQ(f.w.e.c.accepted, 2 + 62 + 5);
	CHECK_EQ(result_get(f.p), -EPERM);
	world_exit(&f.w);
}

TEST(looks_beyond_the_budget_are_the_timers)
{
	struct fixture f;
	struct weir_wake wake = { 0 };

	setup(&f, NULL);
	send_many(f.p, 2);
	publish_some(f.p, 200);
	weir_engine_lock(&f.w.e, &wake);
	f.w.e.cfg.state = WEIR_CHANNEL_STATE_PAUSED;
	weir_engine_finish(&f.w.e, f.w.now);
	weir_engine_unlock(&f.w.e);
	CHECK(wake.sweep);
	CHECK(weir_promise_sweep(&f.w.e, f.w.now, &wake));
	CHECK_EQ(pending(f.p), 136);
	weir_promise_later(&f.w.e, f.w.now, &wake);
	CHECK_LE(f.w.e.alarm, f.w.now);
	world_wake(&f.w, &wake);
	world_tick_once(&f.w);
	CHECK_EQ(pending(f.p), 0);
	CHECK_EQ(f.w.e.sweep_at, U64_MAX);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	world_exit(&f.w);
}

TEST(sender_that_dies_while_promised_is_forgotten_and_sent)
{
	struct fixture f;

	setup(&f, NULL);
	fill(&f);
	publish_some(f.p, 5);
	client_end(f.p, WEIR_END_DEATH);
	CHECK_EQ(f.w.e.c.accepted, 8);
	CHECK_EQ(f.w.e.nr_promised, 0);
	CHECK(list_empty(&f.w.e.promised));
	CHECK(f.p->ring.kflags & WEIR_RING_NEED_ENTER);
	ack_next(f.v);
	ack_next(f.v);
	CHECK_EQ(f.v->p.tags.used, 2);
	world_exit(&f.w);
}

TEST(impossible_tail_of_a_promised_sender_harms_itself_alone)
{
	struct client *p2;
	struct fixture f;

	setup(&f, NULL);
	p2 = producer(&f.w);
	fill(&f);
	send_one(p2);
	publish_some(p2, 1);
	f.p->ring.usq_tail = f.p->tail + 100000;
	world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
	CHECK_EQ(pending(p2), 0);
	CHECK_EQ(f.w.e.c.ring_errors, 1);
	CHECK(!f.p->p.promised);
	CHECK(f.p->ring.kflags & WEIR_RING_NEED_ENTER);
	world_exit(&f.w);
}

TEST(all_who_were_promised_are_looked_at)
{
	struct client *p[20];
	struct fixture f;
	u32 i;

	setup(&f, NULL);
	for (i = 0; i < 20; i++)
		p[i] = producer(&f.w);
	fill(&f);
	for (i = 0; i < 20; i++) {
		send_one(p[i]);
		CHECK(promised(p[i]));
		publish_some(p[i], i % 3);
	}
	CHECK_EQ(f.w.e.nr_promised, 21);
	world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
	for (i = 0; i < 20; i++) {
		CHECK_EQ(pending(p[i]), 0);
		CHECK(!promised(p[i]));
	}
	CHECK_EQ(f.w.e.nr_promised, 0);
	world_exit(&f.w);
}

TEST(many_who_find_no_room_do_not_keep_a_look_from_ending)
{
	struct weir_config cfg = small();
	struct client *p[10];
	struct fixture f;
	u64 sweeps;
	u32 i;

	cfg.messages = 3;
	setup(&f, &cfg);
	for (i = 0; i < 10; i++)
		p[i] = producer(&f.w);
	send_many(f.p, 2);
	for (i = 0; i < 10; i++) {
		sqe_next(p[i], WEIR_OP_NOP);
		CHECK_EQ(enter(p[i]), 1);
		CHECK(promised(p[i]));
		publish_some(p[i], 2);
	}
	sweeps = f.w.e.c.sweeps;
	world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
	CHECK_EQ(weir_engine_room(&f.w.e), 0);
	CHECK_EQ(f.w.e.c.accepted, 5);
	CHECK_LE(f.w.e.c.sweeps, sweeps + 30);
	/* All that is left is owed. */
	for (i = 0; i < 10; i++)
		CHECK_EQ(pending(p[i]) > 0, p[i]->p.promised);
	cfg.messages = 100;
	cfg.state = WEIR_CHANNEL_STATE_PAUSED;
	world_configure(&f.w, &cfg);
	for (i = 0; i < 10; i++)
		CHECK_EQ(pending(p[i]), 0);
	CHECK_EQ(f.w.e.c.accepted, 22);
	world_exit(&f.w);
}
