// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

static void check_sum(const struct weir_counters *before,
		      const struct weir_counters *added,
		      const struct weir_counters *after)
{
#define X(field, attr, help) CHECK_EQ(before->field + added->field, after->field);
	WEIR_COUNTERS(X)
#undef X
}

TEST(a_tally_is_what_all_changes_have_added)
{
	struct weir_counters before, tally = { 0 };
	struct client *p, *v;
	struct world w;

	world_init(&w, NULL);
	p = producer(&w);
	v = worker(&w);
	send_many(p, 3);	/* not in the tally */
	before = w.e.c;
	w.wake.tally = &tally;
	send_many(p, 20);
	CHECK_EQ(tally.accepted, 20);
	client_end(v, WEIR_END_DEATH);
	CHECK_EQ(tally.deaths, 1);
	CHECK_LT(0, tally.redelivered);
	check_sum(&before, &tally, &w.e.c);
	w.wake.tally = NULL;
	send_many(p, 1);
	CHECK_EQ(tally.accepted, 20);
	world_exit(&w);
}

TEST(who_only_loses_messages_is_visited_while_watched)
{
	struct weir_config cfg = world_config;
	struct client *p, *v;
	struct world w;
	u32 before;

	cfg.delivery = WEIR_DELIVERY_FANOUT;
	cfg.inflight = 1;
	world_init(&w, &cfg);
	p = producer(&w);
	v = worker(&w);
	send_one(p);
	before = v->nr_woken;
	send_one(p);
	CHECK_EQ(v->p.dropped, 1);
	CHECK_EQ(v->nr_woken, before);
	w.wake.watched = true;
	send_one(p);
	CHECK_EQ(v->p.dropped, 2);
	CHECK_EQ(v->nr_woken, before + 1);
	world_exit(&w);
}
