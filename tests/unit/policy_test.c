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
