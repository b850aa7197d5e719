// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

#define NR	3

struct fixture {
	struct world w;
	struct client *p;
	struct client *v[NR];
};

/* What the policy answers, and what it was asked. */
static struct {
	int init, admit, select, batch;
	u64 takes;	/* ns */
	bool earliest;
	u32 nr_init, nr_exit, nr_admit, nr_select, nr_batch, nr_done, nr_tick;
	u32 nr_resize;
	struct weir_policy_ctx ctx;
} mock;

static struct world *at;

static void note(struct weir_policy_ctx *ctx, u32 *count)
{
	++*count;
	mock.ctx = *ctx;
	port_user_clock += mock.takes;
}

static int on_init(struct weir_policy_ctx *ctx)
{
	note(ctx, &mock.nr_init);
	return mock.init;
}

static void on_exit_of(struct weir_policy_ctx *ctx)
{
	note(ctx, &mock.nr_exit);
}

static int on_admit(struct weir_policy_ctx *ctx)
{
	note(ctx, &mock.nr_admit);
	return mock.admit;
}

static int on_select(struct weir_policy_ctx *ctx)
{
	if (mock.earliest)
		weir_hook_earliest(&at->e);
	note(ctx, &mock.nr_select);
	return mock.select;
}

static int on_batch(struct weir_policy_ctx *ctx)
{
	note(ctx, &mock.nr_batch);
	return mock.batch;
}

static void on_done(struct weir_policy_ctx *ctx)
{
	note(ctx, &mock.nr_done);
}

static void on_tick(struct weir_policy_ctx *ctx)
{
	note(ctx, &mock.nr_tick);
}

static void on_resize(struct weir_policy_ctx *ctx)
{
	note(ctx, &mock.nr_resize);
}

static struct weir_policy_ops all = {
	.name = "mock", .init = on_init, .exit = on_exit_of, .select = on_select,
	.batch = on_batch, .done = on_done, .tick = on_tick, .resize = on_resize,
};

static const struct weir_policy_ops least = {
	.name = "least", .select = on_select,
};

static int attach(struct fixture *f, const struct weir_policy_ops *ops)
{
	int err;

	world_lock(&f->w);
	err = weir_hook_attach(&f->w.e, ops);
	world_unlock(&f->w);
	return err;
}

static void detach(struct fixture *f)
{
	world_lock(&f->w);
	weir_hook_detach(&f->w.e);
	world_unlock(&f->w);
}

static void setup_as(struct fixture *f, const struct weir_policy_ops *ops,
		     u32 batch)
{
	struct weir_config cfg = world_config;
	u32 i;

	memset(&mock, 0, sizeof(mock));
	mock.select = -1;
	port_user_clock = 1000000000;
	cfg.batch = batch;
	cfg.policy_errors = 5;
	cfg.policy_budget = 1000;
	world_init(&f->w, &cfg);
	at = &f->w;
	f->w.e.hook.channel = 33;
	f->p = producer(&f->w);
	for (i = 0; i < NR; i++)
		f->v[i] = worker(&f->w);
	CHECK_EQ(attach(f, ops), 0);
}

static void setup(struct fixture *f)
{
	all.admit = NULL;
	all.flags = 0;
	setup_as(f, &all, 1);
}

static void teardown(struct fixture *f)
{
	if (f->w.e.hook.ops)
		detach(f);
	world_exit(&f->w);
}

static u32 id_of(const struct fixture *f, u32 i)
{
	return f->v[i]->p.worker;
}

TEST(worker_that_is_named_gets_the_message)
{
	struct fixture f;
	u32 i;

	setup(&f);
	for (i = 0; i < 20; i++) {
		mock.select = id_of(&f, i % 2);
		send_one(f.p);
		CHECK_EQ(f.v[i % 2]->p.tags.used, i / 2 + 1);
	}
	CHECK_EQ(f.v[2]->p.tags.used, 0);
	CHECK_EQ(mock.nr_select, 20);
	CHECK_EQ(f.w.e.hook.stats.errors, 0);
	CHECK_EQ(f.w.e.c.policy_errors, 0);
	teardown(&f);
}

TEST(no_opinion_is_least_loaded_and_no_error)
{
	struct fixture f;
	u32 i;

	setup(&f);
	for (i = 0; i < 3 * NR; i++)
		send_one(f.p);
	for (i = 0; i < NR; i++)
		CHECK_EQ(f.v[i]->p.tags.used, 3);
	CHECK_EQ(f.w.e.hook.stats.errors, 0);
	CHECK_EQ(mock.nr_select, 3 * NR);
	teardown(&f);
}

TEST(wrong_answers_are_counted_and_replaced)
{
	struct fixture f;
	u32 gone;

	setup(&f);
	mock.select = 0;
	send_one(f.p);
	mock.select = 77777;		/* nobody */
	send_one(f.p);
	mock.select = f.p->p.id;	/* no worker */
	send_one(f.p);
	gone = id_of(&f, 1);
	mock.select = -1;
	client_end(f.v[1], WEIR_END_DEATH);
	mock.select = gone;
	send_one(f.p);
	CHECK_EQ(f.w.e.hook.stats.errors, 4);
	CHECK_EQ(f.w.e.c.policy_errors, 4);
	CHECK_EQ(f.w.e.hook.fault, 0);
	CHECK_EQ(weir_lane_ready(&f.w.e.lane), 0);
	teardown(&f);
}

TEST(worker_without_room_is_a_wrong_answer)
{
	struct fixture f;

	setup(&f);
	mock.select = id_of(&f, 0);
	client_stop(f.v[0], true);
	send_one(f.p);
	CHECK_EQ(f.v[0]->p.tags.used, 0);
	CHECK_EQ(f.w.e.hook.stats.errors, 1);
	client_stop(f.v[0], false);
	send_one(f.p);
	CHECK_EQ(f.v[0]->p.tags.used, 1);
	CHECK_EQ(f.w.e.hook.stats.errors, 1);
	teardown(&f);
}

TEST(too_many_errors_in_a_second_are_a_fault)
{
	struct fixture f;
	u32 i, asked;

	setup(&f);
	mock.select = 0;
	for (i = 0; i < 20; i++) {	/* four each second */
		send_one(f.p);
		port_user_clock += 300000000;
	}
	CHECK_EQ(f.w.e.hook.fault, 0);
	port_user_clock += 2000000000;
	f.w.wake.events = false;
	for (i = 0; i < 5; i++) {
		CHECK_EQ(f.w.e.hook.fault, 0);
		send_one(f.p);
	}
	CHECK_EQ(f.w.e.hook.fault, WEIR_POLICY_EXIT_ERRORS);
	CHECK(f.w.wake.events);
	/* It is not asked again, and the messages go on. */
	asked = mock.nr_select;
	for (i = 0; i < 10; i++)
		send_one(f.p);
	CHECK_EQ(mock.nr_select, asked);
	CHECK_EQ(weir_lane_ready(&f.w.e.lane), 0);
	detach(&f);
	CHECK_EQ(mock.nr_exit, 1);
	CHECK_EQ(f.w.e.hook.fault, 0);
	send_one(f.p);
	CHECK_EQ(mock.nr_select, asked);
	teardown(&f);
}

TEST(taking_twice_the_budget_all_the_time_is_a_fault)
{
	struct fixture f;
	u32 i;

	setup_as(&f, &least, 1);
	mock.takes = 2500;		/* each call is charged 2 */
	for (i = 0; i < 31; i++)
		send_one(f.p);
	CHECK_EQ(f.w.e.hook.fault, 0);
	send_one(f.p);
	CHECK_EQ(f.w.e.hook.fault, WEIR_POLICY_EXIT_SLOW);
	CHECK_EQ(f.w.e.hook.stats.calls, 32);
	CHECK_EQ(f.w.e.hook.stats.ns, 32 * 2500);
	CHECK_EQ(f.w.e.hook.stats.max, 2500);
	teardown(&f);
}

TEST(few_long_calls_are_no_fault)
{
	struct fixture f;
	u32 i;

	setup_as(&f, &least, 1);
	/* Three calls in each window are held up for a second. */
	for (i = 0; i < 10 * WEIR_HOOK_WINDOW; i++) {
		mock.takes = i % WEIR_HOOK_WINDOW < 3 ? 1000000000 : 10;
		send_one(f.p);
		answer(f.v[i % NR], WEIR_OP_ACK, msg_get(f.v[i % NR]).token);
		returns_get(f.p);
	}
	CHECK_EQ(f.w.e.hook.fault, 0);
	mock.takes = 1000000000;
	for (i = 0; i < 4; i++) {
		CHECK_EQ(f.w.e.hook.fault, 0);
		send_one(f.p);
	}
	CHECK_EQ(f.w.e.hook.fault, WEIR_POLICY_EXIT_SLOW);
	teardown(&f);
}

TEST(it_is_told_of_the_first_message)
{
	struct weir_sqe *sqe;
	struct fixture f;

	setup(&f);
	sqe = sqe_send(f.p, 9);
	sqe->key = 5;
	sqe->cost = 6;
	sqe->mtype = 7;
	sqe->encoding = 8;
	sqe->deadline_ns = f.w.now + 1000 * MS;
	publish(f.p);
	f.p->p.uid = 1234;
	CHECK_EQ(enter(f.p), 1);
	CHECK_EQ(mock.nr_select, 1);
	CHECK_EQ(mock.ctx.channel, 33);
	CHECK_EQ(mock.ctx.nr_workers, NR);
	CHECK_EQ(mock.ctx.waiting, 1);
	CHECK_EQ(mock.ctx.key, 5);
	CHECK_EQ(mock.ctx.len, 9);
	CHECK_EQ(mock.ctx.cost, 6);
	CHECK_EQ(mock.ctx.mtype, 7);
	CHECK_EQ(mock.ctx.encoding, 8);
	CHECK_EQ(mock.ctx.deadline, f.w.now + 1000 * MS);
	CHECK_EQ(mock.ctx.sender, f.p->p.id);
	CHECK_EQ(mock.ctx.attempts, 0);
	teardown(&f);
}

/* batch is asked after select, about the same message. */
TEST(batch_says_how_many)
{
	struct fixture f;

	all.admit = NULL;
	all.flags = 0;
	setup_as(&f, &all, 64);
	mock.select = id_of(&f, 1);
	mock.batch = 1;
	send_many(f.p, 9);
	CHECK_EQ(mock.nr_batch, 9);
	CHECK_EQ(mock.nr_select, 9);
	CHECK_EQ(mock.ctx.worker, id_of(&f, 1));
	CHECK_EQ(f.v[1]->p.tags.used, 9);
	client_stop(f.v[1], true);
	mock.batch = 1000;		/* is cut */
	mock.select = id_of(&f, 2);
	send_many(f.p, 20);
	CHECK_EQ(mock.nr_batch, 10);
	CHECK_EQ(f.v[2]->p.tags.used, 20);
	CHECK_EQ(f.w.e.hook.stats.errors, 0);
	mock.batch = -1;
	mock.select = id_of(&f, 0);
	send_one(f.p);
	CHECK_EQ(f.v[0]->p.tags.used, 1);
	CHECK_EQ(f.w.e.hook.stats.errors, 1);
	teardown(&f);
}

TEST(per_message_is_asked_for_each)
{
	struct fixture f;

	all.admit = NULL;
	all.flags = WEIR_POLICY_PER_MESSAGE;
	setup_as(&f, &all, 64);
	mock.select = id_of(&f, 1);
	send_many(f.p, 30);
	CHECK_EQ(mock.nr_select, 30);
	CHECK_EQ(mock.nr_batch, 0);
	CHECK_EQ(f.v[1]->p.tags.used, 30);
	all.flags = 0;
	teardown(&f);
}

TEST(admit_refuses_and_is_asked_once_for_each)
{
	struct fixture f;
	u32 i;

	setup(&f);
	detach(&f);
	all.admit = on_admit;
	CHECK_EQ(attach(&f, &all), 0);
	for (i = 0; i < 3; i++)
		send_one(f.p);
	CHECK_EQ(mock.nr_admit, 3);
	CHECK_EQ(f.w.e.c.accepted, 3);
	mock.admit = -1;
	sqe_send(f.p, 3);
	publish(f.p);
	CHECK_EQ(enter(f.p), 1);
	CHECK_EQ(cqe_get(f.p, WEIR_CQE_RESULT).res, -ENOBUFS);
	CHECK_EQ(f.w.e.c.accepted, 3);
	CHECK_EQ(f.w.e.c.refused, 1);
	CHECK_EQ(f.w.e.c.refused_full, 1);
	CHECK_EQ(f.w.e.c.refused_policy, 1);
	CHECK_EQ(f.w.e.hook.stats.errors, 0);
	mock.admit = 1;
	send_one(f.p);
	CHECK_EQ(f.w.e.c.accepted, 4);
	CHECK_EQ(f.w.e.hook.stats.errors, 1);
	all.admit = NULL;
	teardown(&f);
}

/* What waits for room is asked about when there is some, and not before. */
TEST(admit_is_asked_only_where_there_is_room)
{
	struct weir_config cfg;
	struct fixture f;
	u32 i;

	setup(&f);
	detach(&f);
	all.admit = on_admit;
	CHECK_EQ(attach(&f, &all), 0);
	for (i = 0; i < NR; i++)
		client_stop(f.v[i], true);
	cfg = f.w.e.cfg;
	cfg.messages = 2;
	world_configure(&f.w, &cfg);
	for (i = 0; i < 3; i++)
		sqe_send(f.p, 1);
	publish(f.p);
	CHECK_EQ(enter(f.p), 2);
	CHECK_EQ(mock.nr_admit, 2);
	CHECK_EQ(enter(f.p), 0);
	CHECK_EQ(mock.nr_admit, 2);
	client_stop(f.v[0], false);
	CHECK_EQ(enter(f.p), 1);
	CHECK_EQ(mock.nr_admit, 3);
	all.admit = NULL;
	teardown(&f);
}

/* Published is sent. */
TEST(dead_senders_messages_are_not_asked_about)
{
	struct fixture f;

	setup(&f);
	detach(&f);
	all.admit = on_admit;
	CHECK_EQ(attach(&f, &all), 0);
	mock.admit = -1;
	sqe_send(f.p, 1);
	publish(f.p);
	client_end(f.p, WEIR_END_DEATH);
	CHECK_EQ(mock.nr_admit, 0);
	CHECK_EQ(f.w.e.c.accepted, 1);
	all.admit = NULL;
	teardown(&f);
}

TEST(it_is_told_of_answers_ticks_and_workers)
{
	struct client *late;
	struct fixture f;

	setup(&f);
	mock.select = id_of(&f, 0);
	send_one(f.p);
	f.w.now += MS;
	answer(f.v[0], WEIR_OP_ACK, msg_get(f.v[0]).token);
	CHECK_EQ(mock.nr_done, 1);
	CHECK_EQ(mock.ctx.worker, id_of(&f, 0));
	CHECK_EQ(mock.ctx.nr, 1);
	world_lock(&f.w);
	weir_engine_loads(&f.w.e, 100 * MS, f.w.now);
	world_unlock(&f.w);
	CHECK_EQ(mock.nr_tick, 1);
	late = worker(&f.w);
	CHECK_EQ(mock.nr_resize, 1);
	CHECK_EQ(mock.ctx.worker, late->p.worker);
	CHECK_EQ(mock.ctx.nr, 1);
	CHECK_EQ(mock.ctx.nr_workers, NR + 1);
	client_end(late, WEIR_END_DETACH);
	CHECK_EQ(mock.nr_resize, 2);
	CHECK_EQ(mock.ctx.worker, late->p.worker);
	CHECK_EQ(mock.ctx.nr, 0);
	CHECK_EQ(mock.ctx.nr_workers, NR);
	teardown(&f);
}

TEST(policy_that_refuses_a_channel_changes_nothing)
{
	struct fixture f;

	setup_as(&f, &least, 1);
	mock.init = -EPERM;
	CHECK_EQ(attach(&f, &all), -EPERM);
	CHECK(f.w.e.hook.ops == &least);
	mock.init = 3;
	CHECK_EQ(attach(&f, &all), -EINVAL);
	mock.init = 0;
	CHECK_EQ(attach(&f, &all), 0);
	CHECK_EQ(mock.nr_exit, 0);
	CHECK_EQ(attach(&f, &least), 0);
	CHECK_EQ(mock.nr_exit, 1);
	teardown(&f);
}

TEST(earliest_deadline_goes_first_if_it_wants_that)
{
	u64 deadline[] = { 0, 900, 300, 0, 600 };
	u32 order[] = { 2, 4, 1, 0, 3 }, i;
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f);
	mock.earliest = true;
	for (i = 0; i < NR; i++)
		client_stop(f.v[i], true);
	for (i = 0; i < ARRAY_SIZE(deadline); i++) {
		struct weir_sqe *sqe = sqe_send(f.p, 10 + i);

		if (deadline[i])
			sqe->deadline_ns = f.w.now + deadline[i] * MS;
	}
	publish(f.p);
	CHECK_EQ(enter(f.p), ARRAY_SIZE(deadline));
	client_stop(f.v[0], false);
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		cqe = msg_get(f.v[0]);
		CHECK_EQ(cqe.len, 10 + order[i]);
	}
	CHECK_EQ(mock.nr_select, 5);
	teardown(&f);
}

TEST(earliest_is_for_select_alone)
{
	struct fixture f;

	setup(&f);
	world_lock(&f.w);
	CHECK_EQ(weir_hook_earliest(&f.w.e), -EINVAL);
	world_unlock(&f.w);
	teardown(&f);
}
