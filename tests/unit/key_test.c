// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

/* ---- the table alone ---- */

#define NR	16

struct table {
	struct weir_keys keys;
	struct weir_msg msg[NR];
};

static void table_init(struct table *t, u64 seed)
{
	u32 i;

	memset(t, 0, sizeof(*t));
	t->keys.seed = seed;
	weir_keys_init(&t->keys);
	for (i = 0; i < NR; i++) {
		t->msg[i].seq = i + 1;
		t->msg[i].key = 7;
	}
}

TEST(first_of_a_key_leads_and_the_others_succeed_in_order)
{
	struct weir_msg *m;
	struct table t;
	u32 i;

	table_init(&t, 1);
	for (i = 0; i < NR; i++)
		CHECK_EQ(weir_key_lead(&t.keys, &t.msg[i]), i == 0);
	CHECK_EQ(t.keys.nr_parked, NR - 1);
	CHECK(weir_key_lead(&t.keys, &t.msg[0]));	/* as before */
	for (i = 1, m = &t.msg[0]; i < NR; i++) {
		m = weir_key_leave(&t.keys, m);
		CHECK(m == &t.msg[i]);
		CHECK_EQ(m->flags, WEIR_MSG_LEADER);
		CHECK_EQ(t.keys.nr_parked, NR - 1 - i);
	}
	CHECK(!weir_key_leave(&t.keys, m));
	CHECK_EQ(m->flags, 0);
	CHECK(weir_key_lead(&t.keys, &t.msg[3]));
}

TEST(any_of_those_behind_a_leader_can_go)
{
	struct table t;
	u32 i;

	table_init(&t, 1);
	for (i = 0; i < 5; i++)
		weir_key_lead(&t.keys, &t.msg[i]);
	weir_key_unpark(&t.keys, &t.msg[1]);
	weir_key_unpark(&t.keys, &t.msg[3]);
	CHECK_EQ(t.msg[1].flags, 0);
	CHECK_EQ(t.keys.nr_parked, 2);
	CHECK(weir_key_leave(&t.keys, &t.msg[0]) == &t.msg[2]);
	weir_key_unpark(&t.keys, &t.msg[4]);
	CHECK(!weir_key_leave(&t.keys, &t.msg[2]));
	CHECK_EQ(t.keys.nr_parked, 0);
}

TEST(keys_that_share_a_bucket_are_apart)
{
	struct table t;
	u64 first, key;
	u32 i;

	table_init(&t, 0x5eed);
	first = hash_64(7 ^ t.keys.seed, WEIR_KEY_BITS);
	for (i = 1, key = 8; i < 4; key++)
		if (hash_64(key ^ t.keys.seed, WEIR_KEY_BITS) == first)
			t.msg[i++].key = key;
	for (i = 0; i < 4; i++)
		CHECK(weir_key_lead(&t.keys, &t.msg[i]));
	t.msg[4].key = t.msg[2].key;
	CHECK(!weir_key_lead(&t.keys, &t.msg[4]));
	CHECK(!weir_key_leave(&t.keys, &t.msg[1]));
	CHECK(weir_key_leave(&t.keys, &t.msg[2]) == &t.msg[4]);
}

TEST(any_parked_message_is_found_wherever_it_is)
{
	struct weir_msg *m;
	struct table t;
	u32 i, n = 0;

	table_init(&t, 99);
	CHECK(!weir_key_parked(&t.keys));
	for (i = 0; i < NR; i++) {
		t.msg[i].key = 1000 + i / 4;
		weir_key_lead(&t.keys, &t.msg[i]);
	}
	while ((m = weir_key_parked(&t.keys))) {
		CHECK(m->flags & WEIR_MSG_PARKED);
		weir_key_unpark(&t.keys, m);
		CHECK_LE(++n, NR);
	}
	CHECK_EQ(n, NR - NR / 4);
	CHECK_EQ(t.keys.nr_parked, 0);
}

/* ---- in a channel ---- */

struct fixture {
	struct world w;
	struct client *p;
	struct client *v;
};

static void setup(struct fixture *f, const struct weir_config *cfg)
{
	world_init(&f->w, cfg);
	f->p = producer(&f->w);
	f->v = worker(&f->w);
}

static void send_key(struct client *p, u64 key)
{
	sqe_send(p, 10)->key = key;
	CHECK_EQ(enter(p), 1);
}

static struct weir_cqe next(struct client *v)
{
	if (!unread(v))
		CHECK_EQ(enter_want(v), 0);
	return msg_get(v);
}

TEST(one_of_a_key_is_out_at_a_time_and_others_are_not_held_up)
{
	struct weir_cqe a, b;
	struct client *v2;
	struct fixture f;

	setup(&f, NULL);
	v2 = worker(&f.w);
	client_stop(f.v, true);
	client_stop(v2, true);
	send_key(f.p, 1);	/* 1 */
	send_key(f.p, 1);	/* 2 */
	send_key(f.p, 2);	/* 3 */
	send_key(f.p, 0);	/* 4 */
	send_key(f.p, 0);	/* 5 */
	CHECK_EQ(f.w.e.lane.keys.nr_parked, 1);
	CHECK_EQ(weir_lane_ready(&f.w.e.lane), 5);
	client_stop(f.v, false);
	a = msg_get(f.v);
	CHECK_EQ(a.seq, 1);
	CHECK_EQ(a.key, 1);
	b = msg_get(f.v);
	CHECK_EQ(b.seq, 3);
	CHECK_EQ(msg_get(f.v).seq, 4);
	CHECK_EQ(msg_get(f.v).seq, 5);
	/* An idle worker gets none of a key that is out. */
	client_stop(v2, false);
	cqe_none(v2);
	answer(f.v, WEIR_OP_ACK, b.token);
	cqe_none(v2);
	answer(f.v, WEIR_OP_ACK, a.token);
	CHECK_EQ(msg_get(v2).seq, 2);
	world_exit(&f.w);
}

TEST(key_goes_on_after_each_way_its_leader_can_go)
{
	struct weir_config cfg = world_config;
	struct fixture f;
	u32 way;

	cfg.max_attempts = 1;
	for (way = 0; way < 6; way++) {
		setup(&f, &cfg);
		send_key(f.p, 5);
		sqe_send(f.p, 10)->key = 5;
		CHECK_EQ(enter(f.p), 1);
		switch (way) {
		case 0:
			answer(f.v, WEIR_OP_ACK, msg_get(f.v).token);
			break;
		case 1:
			answer(f.v, WEIR_OP_REJECT, msg_get(f.v).token);
			break;
		case 2:	/* its last attempt */
			answer(f.v, WEIR_OP_FAIL, msg_get(f.v).token);
			break;
		case 3:	/* by hand, while it is out */
			msg_get(f.v);
			world_lock(&f.w);
			weir_ledger_kill(&f.w.e, world_msg(&f.w, 1), f.w.now);
			world_unlock(&f.w);
			break;
		case 4:	/* with its worker, which had seen it */
			msg_get(f.v);
			client_end(f.v, WEIR_END_DEATH);
			f.v = worker(&f.w);
			break;
		case 5:	/* while it waits */
			answer_after(f.v, WEIR_OP_RELEASE,
				     msg_get(f.v).token, 10);
			world_lock(&f.w);
			weir_ledger_purge(&f.w.e, WEIR_MESSAGE_STATE_READY, 1);
			world_unlock(&f.w);
			break;
		}
		CHECK_EQ(next(f.v).seq, 2);
		CHECK_EQ(f.w.e.lane.keys.nr_parked, 0);
		world_exit(&f.w);
	}
}

TEST(key_waits_while_its_leader_backs_off)
{
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f, NULL);
	send_key(f.p, 5);
	send_key(f.p, 5);
	send_key(f.p, 6);
	cqe = msg_get(f.v);
	answer_after(f.v, WEIR_OP_FAIL, cqe.token, 10);
	CHECK_EQ(next(f.v).seq, 3);
	CHECK_EQ(enter_want(f.v), 0);
	cqe_none(f.v);
	world_tick(&f.w, 10 * MS);
	cqe = next(f.v);
	CHECK_EQ(cqe.seq, 1);
	CHECK_EQ(enter_want(f.v), 0);
	cqe_none(f.v);
	answer(f.v, WEIR_OP_ACK, cqe.token);
	CHECK_EQ(next(f.v).seq, 2);
	world_exit(&f.w);
}

TEST(order_of_a_key_survives_two_workers_dying_in_either_order)
{
	struct client *v[2];
	struct weir_cqe cqe;
	struct fixture f;
	u32 first, i, seen;

	for (first = 0; first < 2; first++)
		for (seen = 0; seen < 2; seen++) {
			setup(&f, NULL);
			client_end(f.v, WEIR_END_DETACH);
			v[0] = worker(&f.w);
			v[1] = worker(&f.w);
			for (i = 0; i < 3; i++) {
				send_key(f.p, 1);
				send_key(f.p, 2);
			}
			CHECK_EQ(unread(v[0]) + unread(v[1]), 2);
			if (seen) {
				cqe_pop(v[0], &cqe);
				cqe_pop(v[1], &cqe);
			}
			client_end(v[first], WEIR_END_DEATH);
			client_end(v[!first], WEIR_END_DEATH);
			f.v = worker(&f.w);
			for (i = 1; i <= 6; i++) {
				cqe = next(f.v);
				CHECK_EQ(cqe.seq, i);
				CHECK_EQ(cqe.key, i % 2 ? 1 : 2);
				answer(f.v, WEIR_OP_ACK, cqe.token);
			}
			CHECK(weir_engine_empty(&f.w.e));
			world_exit(&f.w);
		}
}

TEST(deferred_message_takes_its_place_when_its_time_has_come)
{
	struct weir_sqe *s;
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f, NULL);
	s = sqe_send(f.p, 10);
	s->key = 5;
	s->defer_ms = 10;
	CHECK_EQ(enter(f.p), 1);
	send_key(f.p, 5);
	cqe = msg_get(f.v);
	CHECK_EQ(cqe.seq, 2);
	send_key(f.p, 5);
	world_tick(&f.w, 10 * MS);
	answer(f.v, WEIR_OP_ACK, cqe.token);
	cqe = next(f.v);
	CHECK_EQ(cqe.seq, 3);
	answer(f.v, WEIR_OP_ACK, cqe.token);
	cqe = next(f.v);
	CHECK_EQ(cqe.seq, 1);
	CHECK_EQ(cqe.flags, 0);	/* it was never delivered before */
	world_exit(&f.w);
}

TEST(requeued_message_goes_behind_those_of_its_key)
{
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f, NULL);
	send_key(f.p, 5);
	send_key(f.p, 5);
	send_key(f.p, 5);
	answer(f.v, WEIR_OP_REJECT, msg_get(f.v).token);
	cqe = next(f.v);
	CHECK_EQ(cqe.seq, 2);
	world_lock(&f.w);
	CHECK(weir_ledger_requeue(&f.w.e, world_msg(&f.w, 1)));
	world_unlock(&f.w);
	CHECK_EQ(f.w.e.lane.keys.nr_parked, 2);
	answer(f.v, WEIR_OP_ACK, cqe.token);
	cqe = next(f.v);
	CHECK_EQ(cqe.seq, 3);
	answer(f.v, WEIR_OP_ACK, cqe.token);
	CHECK_EQ(next(f.v).seq, 1);
	world_exit(&f.w);
}

TEST(parked_messages_can_be_killed_and_purged)
{
	struct fixture f;
	u32 i;

	setup(&f, NULL);
	for (i = 0; i < 4; i++)
		send_key(f.p, 5);
	world_lock(&f.w);
	CHECK(weir_ledger_kill(&f.w.e, world_msg(&f.w, 3), f.w.now));
	world_unlock(&f.w);
	CHECK_EQ(f.w.e.lane.keys.nr_parked, 2);
	world_lock(&f.w);
	CHECK_EQ(weir_ledger_purge(&f.w.e, WEIR_MESSAGE_STATE_READY, 100), 2);
	world_unlock(&f.w);
	CHECK_EQ(f.w.e.lane.keys.nr_parked, 0);
	answer(f.v, WEIR_OP_ACK, msg_get(f.v).token);
	cqe_none(f.v);
	CHECK_EQ(f.w.e.nr_dead, 1);
	world_exit(&f.w);
}

TEST(suspect_that_leads_its_key_goes_alone_and_the_next_follows)
{
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f, NULL);
	send_key(f.p, 5);
	send_key(f.p, 5);
	send_key(f.p, 0);
	msg_get(f.v);
	client_end(f.v, WEIR_END_DEATH);
	f.v = worker(&f.w);
	cqe = msg_get(f.v);
	CHECK_EQ(cqe.seq, 1);
	CHECK_EQ(enter_want(f.v), 0);
	cqe_none(f.v);
	answer(f.v, WEIR_OP_ACK, cqe.token);
	CHECK_EQ(next(f.v).seq, 2);
	CHECK_EQ(next(f.v).seq, 3);
	world_exit(&f.w);
}
