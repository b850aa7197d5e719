// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

#define NR	5
#define KEYS	200

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
	cfg.inflight = 64;
	world_init(&f->w, &cfg);
	f->p = producer(&f->w);
	for (i = 0; i < NR; i++)
		f->v[i] = worker(&f->w);
}

static void send_key(struct fixture *f, u64 key)
{
	sqe_send(f->p, 1)->key = key;
	publish(f->p);
	CHECK_EQ(enter(f->p), 1);
}

static void ack_last(struct client *v)
{
	answer(v, WEIR_OP_ACK, msg_get(v).token);
}

/* Who gets a message with this key now? It is answered at once. */
static u32 whose(struct fixture *f, u64 key)
{
	u32 i;

	send_key(f, key);
	for (i = 0; i < NR; i++)
		if (unread(f->v[i])) {
			ack_last(f->v[i]);
			returns_get(f->p);
			return i;
		}
	CHECK(!"nobody got it");
	return NR;
}

static void ask_all(struct fixture *f, u32 *home)
{
	u64 key;

	for (key = 1; key <= KEYS; key++)
		home[key - 1] = whose(f, key);
}

TEST(key_stays_with_its_worker)
{
	u32 home[KEYS], again[KEYS];
	struct fixture f;

	setup(&f, WEIR_POLICY_KEY_HASH);
	ask_all(&f, home);
	ask_all(&f, again);
	CHECK(!memcmp(home, again, sizeof(home)));
	world_exit(&f.w);
}

TEST(keys_are_spread_over_all_workers)
{
	u32 home[KEYS], nr[NR] = {}, i;
	struct fixture f;

	setup(&f, WEIR_POLICY_KEY_HASH);
	ask_all(&f, home);
	for (i = 0; i < KEYS; i++)
		nr[home[i]]++;
	for (i = 0; i < NR; i++) {
		CHECK_LT(KEYS / NR / 2, nr[i]);
		CHECK_LT(nr[i], KEYS / NR * 2);
	}
	world_exit(&f.w);
}

TEST(only_the_keys_of_who_leaves_move)
{
	u32 home[KEYS], after[KEYS], i, nr[NR] = {};
	struct fixture f;

	setup(&f, WEIR_POLICY_KEY_HASH);
	ask_all(&f, home);
	client_end(f.v[2], WEIR_END_DEATH);
	ask_all(&f, after);
	for (i = 0; i < KEYS; i++) {
		if (home[i] != 2)
			CHECK_EQ(after[i], home[i]);
		else
			nr[after[i]]++;
	}
	/* And to all that are left. */
	for (i = 0; i < NR; i++)
		CHECK(i == 2 ? !nr[i] : nr[i]);
	world_exit(&f.w);
}

TEST(keys_move_to_nobody_but_who_comes)
{
	u32 home[KEYS], after[KEYS], i, moved = 0;
	struct fixture f;

	setup(&f, WEIR_POLICY_KEY_HASH);
	client_end(f.v[4], WEIR_END_DETACH);
	ask_all(&f, home);
	f.v[4] = worker(&f.w);
	ask_all(&f, after);
	for (i = 0; i < KEYS; i++)
		if (after[i] != home[i]) {
			CHECK_EQ(after[i], 4);
			moved++;
		}
	CHECK_LT(KEYS / NR / 2, moved);
	CHECK_LT(moved, KEYS / NR * 2);
	world_exit(&f.w);
}

TEST(table_is_the_same_however_it_came_to_be)
{
	u32 home[KEYS], after[KEYS];
	struct weir_config cfg;
	struct fixture f;

	setup(&f, WEIR_POLICY_KEY_HASH);
	client_end(f.v[0], WEIR_END_DETACH);
	f.v[0] = worker(&f.w);
	ask_all(&f, home);
	cfg = f.w.e.cfg;
	cfg.policy = WEIR_POLICY_ROUND_ROBIN;
	world_configure(&f.w, &cfg);
	client_end(f.v[1], WEIR_END_DEATH);
	f.v[1] = worker(&f.w);
	cfg.policy = WEIR_POLICY_KEY_HASH;
	world_configure(&f.w, &cfg);
	ask_all(&f, after);
	cfg.policy = WEIR_POLICY_LEAST_INFLIGHT;
	world_configure(&f.w, &cfg);
	cfg.policy = WEIR_POLICY_KEY_HASH;
	world_configure(&f.w, &cfg);
	ask_all(&f, home);
	CHECK(!memcmp(home, after, sizeof(home)));
	world_exit(&f.w);
}

TEST(home_gets_it_though_it_holds_some_and_others_are_idle)
{
	struct fixture f;
	u32 who, i;

	setup(&f, WEIR_POLICY_KEY_HASH);
	who = whose(&f, 7);
	for (i = 0; i < KEYS; i++) {
		send_key(&f, 7 + (u64)i * 1000);
		/* None of those is answered. */
	}
	CHECK_LT(0, f.v[who]->p.tags.used);
	/* One of a key at a time: the next follows the answer. */
	i = f.v[who]->p.tags.used;
	send_key(&f, 7);
	CHECK_EQ(f.v[who]->p.tags.used, i);
	world_exit(&f.w);
}

TEST(key_goes_elsewhere_while_its_home_is_full_and_to_the_same)
{
	u32 home, other, i;
	struct fixture f;

	setup(&f, WEIR_POLICY_KEY_HASH);
	home = whose(&f, 99);
	client_stop(f.v[home], true);
	other = whose(&f, 99);
	CHECK(other != home);
	for (i = 0; i < 3; i++)
		CHECK_EQ(whose(&f, 99), other);
	client_stop(f.v[home], false);
	CHECK_EQ(whose(&f, 99), home);
	/* The second one is who would be the first without it. */
	client_end(f.v[home], WEIR_END_DETACH);
	CHECK_EQ(whose(&f, 99), other);
	world_exit(&f.w);
}

TEST(without_a_key_the_one_that_holds_least_gets_it)
{
	struct fixture f;
	u32 i, k;

	setup(&f, WEIR_POLICY_KEY_HASH);
	for (i = 1; i <= 3; i++) {
		for (k = 0; k < NR; k++)
			send_one(f.p);
		for (k = 0; k < NR; k++) {
			CHECK_LE(f.v[k]->p.tags.used, i);
			enter_want_n(f.v[k], 64);
		}
	}
	CHECK_EQ(weir_lane_ready(&f.w.e.lane), 0);
	for (k = 0; k < NR; k++)
		CHECK_EQ(f.v[k]->p.tags.used, 3);
	world_exit(&f.w);
}

/* A batch in one go: each message is with its home, and in order. */
TEST(batch_is_divided_by_homes)
{
	u32 home[KEYS], i, n = 0;
	struct weir_cqe cqe;
	struct fixture f;
	u64 last;

	setup(&f, WEIR_POLICY_KEY_HASH);
	ask_all(&f, home);
	for (i = 0; i < 60; i++)
		sqe_send(f.p, 1)->key = 1 + i;
	publish(f.p);
	CHECK_EQ(enter(f.p), 60);
	for (i = 0; i < NR; i++)
		for (last = 0; unread(f.v[i]); n++) {
			cqe = msg_get(f.v[i]);
			CHECK_EQ(home[cqe.key - 1], i);
			CHECK_LT(last, cqe.seq);
			last = cqe.seq;
		}
	CHECK_EQ(n, 60);
	world_exit(&f.w);
}

TEST(everybody_may_leave)
{
	struct fixture f;
	u32 i;

	setup(&f, WEIR_POLICY_KEY_HASH);
	for (i = 0; i < NR; i++)
		client_end(f.v[i], WEIR_END_DEATH);
	send_key(&f, 5);
	CHECK_EQ(weir_lane_ready(&f.w.e.lane), 1);
	for (i = 0; i < WEIR_HOMES; i++)
		CHECK(!f.w.e.home[i]);
	f.v[0] = worker(&f.w);
	CHECK_EQ(unread(f.v[0]), 1);
	world_exit(&f.w);
}
