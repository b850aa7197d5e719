// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

#include "rank.h"

struct fixture {
	struct world w;
	struct client *p;
	struct client *v;
};

static void setup(struct fixture *f)
{
	struct weir_config cfg = world_config;

	cfg.priorities = 3;
	cfg.inflight = 1;
	world_init(&f->w, &cfg);
	f->p = producer(&f->w);
	f->v = worker(&f->w);
}

static void send_prio(struct fixture *f, u8 prio)
{
	sqe_send(f->p, 64)->prio = prio;
	publish(f->p);
	CHECK_EQ(enter(f->p), 1);
}

static u32 rank(struct fixture *f)
{
	return weir_rank(&f->v->p);
}

/* The ranks of a priority. */
static u32 lowest(u32 prio)
{
	return (WEIR_PRIORITIES_MAX - 1 - prio) * WEIR_RANK_STEP + 1;
}

TEST(who_holds_nothing_and_could_take_nothing_has_no_rank)
{
	struct fixture f;

	setup(&f);
	CHECK_EQ(rank(&f), 0);
	send_prio(&f, 0);
	CHECK_EQ(rank(&f), lowest(0));	/* it holds it */
	answer(f.v, WEIR_OP_ACK, msg_get(f.v).token);
	CHECK_EQ(rank(&f), 0);
	world_exit(&f.w);
}

TEST(a_rank_grows_each_time_that_what_waits_doubles)
{
	struct fixture f;
	u32 i;

	setup(&f);
	send_prio(&f, 0);	/* it gets this one */
	for (i = 1; i <= 64; i++) {
		send_prio(&f, 0);
		CHECK_EQ(rank(&f), lowest(0) + fls(i));
	}
	world_exit(&f.w);
}

TEST(priority_comes_before_number)
{
	struct fixture f;
	u32 i;

	setup(&f);
	send_prio(&f, 2);
	for (i = 0; i < 64; i++)
		send_prio(&f, 2);
	CHECK_EQ(rank(&f), lowest(2) + fls(64));
	send_prio(&f, 1);
	CHECK_EQ(rank(&f), lowest(1) + fls(65));
	CHECK_LT(lowest(1) + fls(WEIR_WAITING_MAX), lowest(0));
	world_exit(&f.w);
}

TEST(who_takes_no_more_counts_for_what_it_holds)
{
	struct fixture f;

	setup(&f);
	send_prio(&f, 0);
	send_prio(&f, 0);
	client_stop(f.v, true);
	CHECK_EQ(rank(&f), lowest(0));
	answer(f.v, WEIR_OP_ACK, msg_get(f.v).token);
	CHECK_EQ(rank(&f), 0);
	client_stop(f.v, false);
	CHECK_EQ(rank(&f), lowest(0));
	world_exit(&f.w);
}

TEST(what_is_paused_cannot_be_taken)
{
	struct fixture f;

	setup(&f);
	world_state(&f.w, WEIR_CHANNEL_STATE_PAUSED);
	send_prio(&f, 0);
	CHECK_EQ(rank(&f), 0);
	world_state(&f.w, WEIR_CHANNEL_STATE_RUNNING);
	CHECK_EQ(rank(&f), lowest(0));
	world_exit(&f.w);
}

TEST(who_has_ended_has_no_rank)
{
	struct fixture f;

	setup(&f);
	send_prio(&f, 0);
	client_end(f.v, WEIR_END_DEATH);
	CHECK_EQ(rank(&f), 0);
	world_exit(&f.w);
}
