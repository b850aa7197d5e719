// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

#define NR	4

struct fixture {
	struct world w;
	struct client *p;
	struct client *v[NR];
};

static void setup(struct fixture *f, u32 policy)
{
	struct weir_config cfg = world_config;
	u32 i;

	cfg.policy = policy;
	cfg.batch = 1;	/* busy workers take single messages */
	cfg.inflight = 10;
	world_init(&f->w, &cfg);
	f->p = producer(&f->w);
	for (i = 0; i < NR; i++)
		f->v[i] = worker(&f->w);
}

/* Who gets the next message? */
static u32 next(struct fixture *f)
{
	u32 before[NR], i, who = NR;

	for (i = 0; i < NR; i++)
		before[i] = f->v[i]->p.tags.used;
	send_one(f->p);
	for (i = 0; i < NR; i++)
		if (f->v[i]->p.tags.used != before[i]) {
			CHECK_EQ(f->v[i]->p.tags.used, before[i] + 1);
			CHECK_EQ(who, NR);
			who = i;
		}
	return who;
}

static void ack_some(struct fixture *f, u32 who, u32 n)
{
	while (n--)
		answer(f->v[who], WEIR_OP_ACK, msg_get(f->v[who]).token);
}

/* As who changes what a worker's place depends on. */
static void touch(struct fixture *f, u32 who)
{
	world_lock(&f->w);
	weir_policy_touch(&f->w.e, &f->v[who]->p);
	weir_engine_unlock(&f->w.e);
}

static void set_load(struct fixture *f, u32 who, u32 load)
{
	f->v[who]->p.load = load;
	touch(f, who);
}

TEST(round_robin_takes_turns)
{
	struct fixture f;
	u32 i;

	setup(&f, WEIR_POLICY_ROUND_ROBIN);
	for (i = 0; i < 3 * NR; i++)
		CHECK_EQ(next(&f), i % NR);
	ack_some(&f, 1, 2);	/* how much they hold does not count */
	for (i = 0; i < NR; i++)
		CHECK_EQ(next(&f), i);
	/* One that holds nothing goes before those that hold some. */
	ack_some(&f, 2, 4);
	CHECK_EQ(next(&f), 2);
	CHECK_EQ(next(&f), 0);
	world_exit(&f.w);
}

TEST(round_robin_passes_over_those_without_room)
{
	struct fixture f;

	setup(&f, WEIR_POLICY_ROUND_ROBIN);
	CHECK_EQ(next(&f), 0);
	client_stop(f.v[1], true);
	f.v[2]->p.limit = 0;
	touch(&f, 2);
	CHECK_EQ(next(&f), 3);
	CHECK_EQ(next(&f), 0);
	CHECK_EQ(next(&f), 3);
	client_stop(f.v[1], false);
	CHECK_EQ(next(&f), 1);
	world_exit(&f.w);
}

TEST(least_inflight_fills_evenly)
{
	struct fixture f;
	u32 i, k;

	setup(&f, WEIR_POLICY_LEAST_INFLIGHT);
	for (i = 1; i <= 5; i++) {
		for (k = 0; k < NR; k++)
			CHECK_LT(next(&f), NR);
		for (k = 0; k < NR; k++)
			CHECK_EQ(f.v[k]->p.tags.used, i);
	}
	ack_some(&f, 2, 3);
	for (i = 0; i < 3; i++)
		CHECK_EQ(next(&f), 2);
	ack_some(&f, 1, 1);
	CHECK_EQ(next(&f), 1);
	world_exit(&f.w);
}

TEST(equals_take_turns)
{
	bool seen[NR] = { false };
	struct fixture f;
	u32 policy, i, who;

	for (policy = 0; policy < WEIR_NR_POLICIES; policy++) {
		memset(seen, 0, sizeof(seen));
		setup(&f, policy);
		for (i = 0; i < NR; i++) {
			who = next(&f);
			CHECK_LT(who, NR);
			CHECK(!seen[who]);
			seen[who] = true;
			ack_some(&f, who, 1);
		}
		world_exit(&f.w);
	}
}

TEST(least_loaded_prefers_the_lower_load)
{
	struct fixture f;
	u32 i;

	setup(&f, WEIR_POLICY_LEAST_LOADED);
	for (i = 0; i < NR; i++)
		set_load(&f, i, 900);
	set_load(&f, 2, 100);
	/* 0.7 * 800 is worth more than 0.3 * a whole queue. */
	for (i = 0; i < 10; i++)
		CHECK_EQ(next(&f), 2);
	CHECK(next(&f) != 2);	/* it has no room any more */
	world_exit(&f.w);
}

TEST(least_loaded_weighs_load_and_queue)
{
	struct weir_config cfg;
	struct fixture f;
	u32 i;

	setup(&f, WEIR_POLICY_LEAST_LOADED);
	client_stop(f.v[2], true);
	client_stop(f.v[3], true);
	/* 0.7 * 150 = 105 < 0.3 * 400 = 120, but > 0.3 * 300 = 90 */
	set_load(&f, 1, 150);
	for (i = 0; i < 4; i++)
		CHECK_EQ(next(&f), 0);
	CHECK_EQ(next(&f), 1);
	CHECK_EQ(next(&f), 0);
	cfg = f.w.e.cfg;
	cfg.weight_load = 0;
	world_configure(&f.w, &cfg);
	for (i = 0; i < 4; i++)
		CHECK_EQ(next(&f), 1);
	world_exit(&f.w);
}

TEST(all_weights_0_is_round_robin)
{
	struct weir_config cfg;
	struct fixture f;
	u32 i;

	setup(&f, WEIR_POLICY_LEAST_LOADED);
	cfg = f.w.e.cfg;
	cfg.weight_load = 0;
	cfg.weight_queue = 0;
	world_configure(&f.w, &cfg);
	set_load(&f, 0, 1000);
	for (i = 0; i < 3 * NR; i++)
		CHECK_EQ(next(&f), i % NR);
	world_exit(&f.w);
}

TEST(no_load_is_beyond_the_last_score)
{
	struct weir_config cfg;
	struct fixture f;
	u32 i;

	setup(&f, WEIR_POLICY_LEAST_LOADED);
	cfg = f.w.e.cfg;
	cfg.weight_load = 1000;
	cfg.weight_queue = 1000;
	world_configure(&f.w, &cfg);
	for (i = 0; i < NR; i++)
		set_load(&f, i, 64000);	/* 64 processors */
	set_load(&f, 1, U32_MAX);
	set_load(&f, 3, 900);
	CHECK_EQ(next(&f), 3);
	for (i = 0; i < 4 * 10 - 1; i++)
		CHECK_LT(next(&f), NR);
	world_exit(&f.w);
}

TEST(load_is_the_share_of_time_a_message_was_held)
{
	struct fixture f;

	setup(&f, WEIR_POLICY_ROUND_ROBIN);
	CHECK_EQ(next(&f), 0);
	CHECK_EQ(next(&f), 1);
	f.w.now += 25 * MS;
	ack_some(&f, 0, 1);
	f.w.now += 75 * MS;
	f.v[2]->p.cpu = 400;
	f.v[0]->p.cpu = 100;
	CHECK(f.w.e.traffic);
	world_lock(&f.w);
	weir_engine_loads(&f.w.e, 100 * MS, f.w.now);
	world_unlock(&f.w);
	CHECK(!f.w.e.traffic);
	CHECK_EQ(f.v[0]->p.load, 250);	/* the larger one counts */
	CHECK_EQ(f.v[1]->p.load, 1000);
	CHECK_EQ(f.v[2]->p.load, 400);
	CHECK_EQ(f.v[3]->p.load, 0);
	/* The next span starts from here, also for what is still held. */
	f.w.now += 50 * MS;
	ack_some(&f, 1, 1);
	f.w.now += 50 * MS;
	world_lock(&f.w);
	weir_engine_loads(&f.w.e, 100 * MS, f.w.now);
	world_unlock(&f.w);
	CHECK_EQ(f.v[1]->p.load, 500);
	CHECK_EQ(f.v[0]->p.load, 100);	/* it held nothing since */
	world_exit(&f.w);
}

static u64 state;

static u32 rnd(u32 below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

/* Whatever the loads and the numbers: who is chosen had room. */
TEST(nobody_without_room_is_ever_chosen)
{
	u32 policy, i, k, n, rounds = unit_rounds(4000);
	struct weir_config cfg;
	struct client *c;
	struct fixture f;
	u32 room[NR];

	state = unit_seed() ?: 42;
	for (policy = 0; policy < WEIR_NR_POLICIES; policy++) {
		setup(&f, policy);
		for (i = 0; i < rounds; i++) {
			c = f.v[rnd(NR)];
			set_load(&f, rnd(NR), rnd(1001));
			if (!rnd(10))
				client_stop(c, rnd(2));
			cfg = f.w.e.cfg;
			cfg.batch = 1 + rnd(20);
			cfg.inflight = 1 + rnd(40);
			world_configure(&f.w, &cfg);
			while (unread(c))
				answer(c, WEIR_OP_ACK, msg_get(c).token);
			for (k = 0; k < NR; k++) {
				world_lock(&f.w);
				room[k] = weir_policy_room(&f.w.e,
							   &f.v[k]->p);
				world_unlock(&f.w);
				room[k] += f.v[k]->p.tags.used;
			}
			returns_get(f.p);
			for (n = rnd(20); n--; )
				send_one(f.p);
			for (k = 0; k < NR; k++)
				CHECK(f.v[k]->p.tags.used <= room[k] ||
				      !room[k]);
		}
		world_exit(&f.w);
	}
}

/* ---- places ---- */

TEST(who_has_been_there_longest_goes_first_among_equals)
{
	struct fixture f;
	u32 i;

	setup(&f, WEIR_POLICY_LEAST_INFLIGHT);
	for (i = 0; i < NR; i++)
		CHECK_EQ(next(&f), i);
	ack_some(&f, 2, 1);
	ack_some(&f, 0, 1);
	ack_some(&f, 3, 1);
	CHECK_EQ(next(&f), 2);
	CHECK_EQ(next(&f), 0);
	CHECK_EQ(next(&f), 3);
	world_exit(&f.w);
}

TEST(better_score_goes_before_holding_nothing_when_a_batch_waits)
{
	struct fixture f;
	u32 i;

	setup(&f, WEIR_POLICY_LEAST_LOADED);
	for (i = 1; i < NR; i++)
		client_stop(f.v[i], true);
	CHECK_EQ(next(&f), 0);
	client_stop(f.v[1], false);
	set_load(&f, 1, 900);
	/* A batch is one message here, so the busy one may have it as well. */
	CHECK_EQ(next(&f), 0);
	set_load(&f, 0, 950);
	CHECK_EQ(next(&f), 1);
	world_exit(&f.w);
}

TEST(worker_with_a_full_ring_is_passed_over_until_it_enters)
{
	struct weir_config cfg = world_config;
	struct client *p, *a, *b;
	struct world w;
	u32 token[2];

	cfg.policy = WEIR_POLICY_ROUND_ROBIN;
	cfg.batch = 1;
	world_init(&w, &cfg);
	p = producer(&w);
	a = client_new(&w, WEIR_ROLE_WORK, 8, 2, 64);
	b = client_new(&w, WEIR_ROLE_WORK, 8, 64, 1);
	send_one(p);
	send_one(p);
	send_one(p);			/* a, b, a */
	CHECK_EQ(a->p.tags.used, 2);
	CHECK_EQ(b->p.tags.used, 1);
	send_one(p);
	CHECK_EQ(weir_lane_ready(&w.e.lane), 1);
	CHECK(a->ring.kflags & WEIR_RING_CQ_MORE);
	CHECK_EQ(a->p.choice, WEIR_CHOICE_NONE);
	token[0] = msg_get(a).token;
	token[1] = msg_get(a).token;
	send_one(p);
	CHECK_EQ(weir_lane_ready(&w.e.lane), 2);
	CHECK(a->ring.kflags & WEIR_RING_CQ_MORE);
	CHECK_EQ(enter_want(a), 0);
	CHECK_EQ(unread(a), 2);
	CHECK_EQ(weir_lane_ready(&w.e.lane), 0);
	msg_get(a);
	answer(a, WEIR_OP_ACK, token[0]);
	answer(a, WEIR_OP_ACK, token[1]);
	world_exit(&w);
}

/* It works, too, and the returns that waited come in by another's doing. */
TEST(flag_stays_for_who_was_passed_over_when_its_returns_come)
{
	struct weir_config cfg = world_config;
	struct client *c, *v, *p;
	struct world w;
	u32 i;

	cfg.batch = 1;
	cfg.policy = WEIR_POLICY_ROUND_ROBIN;
	world_init(&w, &cfg);
	p = producer(&w);
	v = client_new(&w, WEIR_ROLE_WORK, 64, 64, 64);
	c = client_new(&w, WEIR_ROLE_SEND | WEIR_ROLE_WORK, 64, 2, 64);
	client_grant(c, 0);
	client_stop(c, true);
	for (i = 0; i < 50; i++) {
		sqe_send(c, 1);
		CHECK_EQ(enter(c), 1);
	}
	for (i = 0; i < 15; i++)
		sqe_answer(v, WEIR_OP_ACK, msg_get(v).token);
	CHECK_EQ(enter(v), 15);
	CHECK_EQ(unread(c), 2);		/* full of returns */
	answer(v, WEIR_OP_ACK, msg_get(v).token);
	CHECK(!list_empty(&c->p.returns));
	client_stop(c, false);
	client_stop(v, true);
	send_one(p);			/* may go to nobody but @c */
	CHECK_EQ(weir_lane_ready(&w.e.lane), 1);
	CHECK_EQ(c->p.choice, WEIR_CHOICE_NONE);
	while (unread(c))
		cqe_get(c, WEIR_CQE_RETURN);
	answer(v, WEIR_OP_ACK, msg_get(v).token);
	CHECK(list_empty(&c->p.returns));
	/* The message waits for it, and it is told. */
	CHECK_EQ(weir_lane_ready(&w.e.lane), 1);
	CHECK(c->ring.kflags & WEIR_RING_CQ_MORE);
	while (unread(c))
		cqe_get(c, WEIR_CQE_RETURN);
	CHECK_EQ(enter(c), 0);
	CHECK(!(c->ring.kflags & WEIR_RING_CQ_MORE));
	CHECK_EQ(weir_lane_ready(&w.e.lane), 0);
	msg_get(c);
	world_exit(&w);
}

TEST(ended_worker_leaves_no_trace_wherever_it_was)
{
	struct weir_config cfg;
	struct fixture f;
	u32 i;

	setup(&f, WEIR_POLICY_LEAST_INFLIGHT);
	cfg = f.w.e.cfg;
	cfg.batch = 64;
	world_configure(&f.w, &cfg);
	CHECK_LT(next(&f), NR);		/* one gathers, the others are idle */
	client_stop(f.v[3], true);	/* stale, and in no list */
	touch(&f, 1);			/* stale, and in one */
	for (i = 0; i < NR; i++)
		client_end(f.v[i], WEIR_END_DEATH);
	for (i = 0; i < WEIR_NR_CHOICES; i++) {
		CHECK_EQ(f.w.e.open[i].used, 0);
		CHECK_EQ(f.w.e.open[i].nr, 0);
	}
	CHECK(list_empty(&f.w.e.stale));
	world_exit(&f.w);
}
