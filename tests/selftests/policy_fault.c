// SPDX-License-Identifier: GPL-2.0-only
/*
 * A policy that answers wrongly, slowly or erratically: nothing stalls, nothing is
 * lost, and it is out where it goes too far, with a record and a notification.
 */
#include "kselftest_harness.h"

#include "object.h"

#define NR	200	/* messages */
#define WORKERS	2

/* As bpf/fault.bpf.c has them. */
enum { NONE, NOBODY_THERE, GONE, FULL, SLOW, ERRATIC, BATCH, GREEDY, ADMIT, INIT };

FIXTURE(fault) {
	char name[CHAN_ROOM];
	struct object o;
	uint64_t exits;		/* so far: records outlive a policy */
};

FIXTURE_SETUP(fault)
{
	if (object_none())
		SKIP(return, "%s", object_none());
	ASSERT_TRUE(WAIT_FOR(policies_none()));
	self->exits = POLICY("fault", EXITS);
	/* Two each, so that there often is one without room. */
	ASSERT_EQ(0, chan_new(self->name,
			      ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 2),
				    A_U32(WEIR_A_CHANNEL_BATCH, 1),
				    A_U32(WEIR_A_CHANNEL_POLICY_ERRORS, 5))));
}

FIXTURE_TEARDOWN_PARENT(fault)
{
	if (self->name[0])
		EXPECT_EQ(0, chan_end(self->name));
}

static int set_mode(struct object *o, uint32_t mode)
{
	const uint32_t first = 0;

	return object_put(o, "fault_mode", &first, &mode);
}

/* The policy at work in the channel, in a mode. */
static int begin(struct object *o, const char *name, uint32_t mode)
{
	int ret = object_begin(o, "fault");

	ret = ret ?: set_mode(o, mode);
	return ret ?: policy_set(name, "fault");
}

/* NR messages through all workers, by one after the other: all are acknowledged. */
static bool all_through(const char *name, struct raw *w)
{
	uint64_t before = STAT(name, ACKED);
	struct raw s;
	int i, n;

	if (raw_open(&s, name, RAW_SEND))
		return false;
	for (n = 0; n < NR; n += 20) {
		if (raw_send_nums(&s, n, 20))
			return false;
		for (i = 0; i < WORKERS; i++)
			if (raw_work_off(&w[i]) < 0)
				return false;
	}
	n = WAIT_FOR(raw_work_off(&w[0]) >= 0 && raw_work_off(&w[1]) >= 0 &&
		     STAT(name, ACKED) == before + NR);
	raw_close(&s);
	return n && chan_balanced(name);
}

static int open_workers(struct raw *w, const char *name)
{
	return raw_open(&w[0], name, RAW_WORK) ?: raw_open(&w[1], name, RAW_WORK);
}

static void close_workers(struct raw *w)
{
	raw_close(&w[0]);
	raw_close(&w[1]);
}

/* The notification of this channel's ejection; freed by the caller. */
static struct nl_obj *told(int ear, const char *name)
{
	uint64_t end = now_ns() + RAW_PATIENCE;
	struct nl_obj *o;

	while (now_ns() < end && !nl_event(ear, RAW_PATIENCE / MS, &o)) {
		if (o->cmd == WEIR_CMD_POLICY_EJECT_NTF &&
		    !strcmp(nl_str(o, WEIR_A_POLICY_EXIT_CHANNEL), name))
			return o;
		free(o);
	}
	return NULL;
}

/* Out, and everybody can know it. */
static bool is_out(int ear, const char *name, uint32_t reason, uint64_t exits)
{
	struct nl_obj *o = told(ear, name);
	bool good;

	if (!o)
		return false;
	good = !strcmp(nl_str(o, WEIR_A_POLICY_NAME), "fault") &&
	       nl_num(o, WEIR_A_POLICY_EXIT_REASON) == reason;
	free(o);
	return good && policy_is(name, "least-loaded") &&
	       POLICY("fault", EXITS) == exits && POLICY("fault", CHANNELS) == 0 &&
	       POLICY("fault", EXIT_REASON) == reason &&
	       POLICY("fault", EXIT_CALLS) > 0 &&
	       !strcmp(nl_str(nl_first(), WEIR_A_POLICY_EXIT_CHANNEL), name);
}

FIXTURE_VARIANT(fault) {
	uint32_t mode;
	uint32_t reason;	/* 0: it may stay */
};

#define MODE(variant, m, r)	\
	FIXTURE_VARIANT_ADD(fault, variant) { .mode = (m), .reason = (r) }

MODE(none, NONE, 0);
MODE(worker_that_never_was, NOBODY_THERE, WEIR_POLICY_EXIT_ERRORS);
MODE(worker_that_left, GONE, WEIR_POLICY_EXIT_ERRORS);
MODE(worker_without_room, FULL, WEIR_POLICY_EXIT_ERRORS);
MODE(slow, SLOW, WEIR_POLICY_EXIT_SLOW);
MODE(erratic, ERRATIC, WEIR_POLICY_EXIT_ERRORS);
MODE(negative_batch, BATCH, WEIR_POLICY_EXIT_ERRORS);
MODE(greedy_batch, GREEDY, 0);
MODE(wrong_admission, ADMIT, WEIR_POLICY_EXIT_ERRORS);

TEST_F(fault, nothing_stalls_and_nothing_is_lost)
{
	struct raw w[WORKERS];
	int ear = nl_listen();

	ASSERT_GE(ear, 0);
	/* Wrong answers alone are to count, or the time alone. */
	ASSERT_EQ(0, chan_set(self->name,
			      ATTRS(A_U32(WEIR_A_CHANNEL_POLICY_BUDGET,
					  variant->mode == SLOW ? 1 : 1000000000))));
	ASSERT_EQ(0, begin(&self->o, self->name, variant->mode));
	ASSERT_EQ(0, open_workers(w, self->name));
	/* So there is one that left. */
	raw_close(&w[0]);
	ASSERT_EQ(0, raw_open(&w[0], self->name, RAW_WORK));
	ASSERT_TRUE(all_through(self->name, w));
	if (variant->reason) {
		EXPECT_TRUE(is_out(ear, self->name, variant->reason,
				   self->exits + 1));
		EXPECT_TRUE(variant->mode == SLOW ||
			    (POLICY("fault", EXIT_ERRORS) >= 5 &&
			     STAT(self->name, POLICY_ERRORS) >= 5));
	} else {
		EXPECT_TRUE(policy_is(self->name, "fault"));
		EXPECT_EQ(self->exits, POLICY("fault", EXITS));
		EXPECT_LT(0, POLICY("fault", CALLS));
	}
	/* It goes on without. */
	ASSERT_TRUE(all_through(self->name, w));
	EXPECT_EQ(2 * NR, STAT(self->name, ACKED));
	EXPECT_EQ(0, STAT(self->name, REDELIVERED));
	close_workers(w);
	object_close(&self->o);
	close(ear);
}

/* Without variants: one each. */
FIXTURE(faulty) {
	char name[CHAN_ROOM];
	struct object o;
	uint64_t exits;		/* so far: records outlive a policy */
};

FIXTURE_SETUP(faulty)
{
	if (object_none())
		SKIP(return, "%s", object_none());
	ASSERT_TRUE(WAIT_FOR(policies_none()));
	self->exits = POLICY("fault", EXITS);
	ASSERT_EQ(0, chan_new(self->name,
			      ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 2),
				    A_U32(WEIR_A_CHANNEL_BATCH, 1),
				    A_U32(WEIR_A_CHANNEL_POLICY_BUDGET, 1000000000))));
}

FIXTURE_TEARDOWN_PARENT(faulty)
{
	if (self->name[0])
		EXPECT_EQ(0, chan_end(self->name));
}

TEST_F(faulty, it_may_refuse_a_channel)
{
	ASSERT_EQ(0, object_begin(&self->o, "fault"));
	ASSERT_EQ(0, set_mode(&self->o, INIT));
	ASSERT_EQ(0, policy_set(self->name, "round-robin"));
	EXPECT_EQ(-ENOMEM, policy_set(self->name, "fault"));
	EXPECT_STREQ("policy \"fault\" refuses this channel: error 12", nl_last.text);
	EXPECT_TRUE(policy_is(self->name, "round-robin"));
	EXPECT_EQ(0, POLICY("fault", CHANNELS));
	object_close(&self->o);
}

/* Fewer wrong answers than allowed are followed up by right ones, and forgiven. */
TEST_F(faulty, some_errors_are_only_counted)
{
	uint64_t before = POLICY("fault", ERRORS);
	struct raw w[WORKERS];

	ASSERT_EQ(0, chan_set(self->name,
			      ATTRS(A_U32(WEIR_A_CHANNEL_POLICY_ERRORS, 1000000))));
	ASSERT_EQ(0, begin(&self->o, self->name, NOBODY_THERE));
	ASSERT_EQ(0, open_workers(w, self->name));
	ASSERT_TRUE(all_through(self->name, w));
	EXPECT_TRUE(policy_is(self->name, "fault"));
	EXPECT_EQ(self->exits, POLICY("fault", EXITS));
	EXPECT_EQ(NR, STAT(self->name, POLICY_ERRORS));
	EXPECT_EQ(before + NR, POLICY("fault", ERRORS));
	close_workers(w);
	object_close(&self->o);
}

/* A fault in one channel is no fault in another. */
TEST_F(faulty, only_the_channel_at_fault_loses_it)
{
	char other[CHAN_ROOM];
	struct raw w[WORKERS];
	int ear = nl_listen();

	ASSERT_GE(ear, 0);
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_POLICY_ERRORS, 5))));
	ASSERT_EQ(0, begin(&self->o, self->name, NOBODY_THERE));
	ASSERT_EQ(0, chan_new(other, ATTRS(A_STR(WEIR_A_CHANNEL_POLICY, "fault"))));
	EXPECT_EQ(2, POLICY("fault", CHANNELS));
	ASSERT_EQ(0, open_workers(w, self->name));
	ASSERT_TRUE(all_through(self->name, w));
	free(told(ear, self->name));
	EXPECT_TRUE(policy_is(self->name, "least-loaded"));
	EXPECT_TRUE(policy_is(other, "fault"));
	EXPECT_EQ(1, POLICY("fault", CHANNELS));
	EXPECT_EQ(self->exits + 1, POLICY("fault", EXITS));
	/* It may be given another chance. */
	ASSERT_EQ(0, set_mode(&self->o, NONE));
	ASSERT_EQ(0, policy_set(self->name, "fault"));
	ASSERT_TRUE(all_through(self->name, w));
	EXPECT_TRUE(policy_is(self->name, "fault"));
	EXPECT_EQ(0, chan_end(other));
	close_workers(w);
	object_close(&self->o);
	close(ear);
}

/* Modes change under way, also while workers die. */
TEST_F(faulty, all_modes_in_turn_with_dying_workers)
{
	struct raw s, w;
	uint64_t sent = 0;
	struct kid k;
	int mode;

	ASSERT_EQ(0, object_begin(&self->o, "fault"));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	for (mode = NONE; mode <= ADMIT; mode++) {
		ASSERT_EQ(0, set_mode(&self->o, mode));
		ASSERT_EQ(0, policy_set(self->name, "fault"));
		if (kid_fork(&k)) {
			struct raw mine;

			if (raw_open(&mine, self->name, RAW_WORK))
				_exit(1);
			kid_say(&k, 'w');
			kid_hold(&k);
		}
		ASSERT_EQ('w', kid_hear(&k));
		ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
		ASSERT_EQ(0, raw_send_nums(&s, sent, 30));
		sent += 30;
		ASSERT_LE(0, raw_work_off(&w));
		kid_kill(&k);
		ASSERT_TRUE(WAIT_FOR(raw_work_off(&w) >= 0 &&
				     STAT(self->name, ACKED) == sent));
		raw_close(&w);
	}
	EXPECT_TRUE(chan_balanced(self->name));
	EXPECT_EQ(0, STAT(self->name, DEAD));
	raw_close(&s);
	object_close(&self->o);
}

TEST_HARNESS_MAIN
