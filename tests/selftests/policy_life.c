// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policy, link, channel: each may go before the others. What a channel was doing
 * goes on with least-loaded.
 */
#include "kselftest_harness.h"

#include "object.h"

FIXTURE(life) {
	char name[CHAN_ROOM];
	struct object o;
	uint64_t exits;		/* so far: records outlive a policy */
};

FIXTURE_SETUP(life)
{
	if (object_none())
		SKIP(return, "%s", object_none());
	ASSERT_TRUE(WAIT_FOR(policies_none()));
	self->exits = POLICY("deadline", EXITS);
	/* None is to go because the machine is slow. */
	ASSERT_EQ(0, chan_new(self->name,
			      ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 4),
				    A_U32(WEIR_A_CHANNEL_BATCH, 1),
				    A_U32(WEIR_A_CHANNEL_POLICY_BUDGET, 1000000000))));
}

FIXTURE_TEARDOWN_PARENT(life)
{
	if (self->name[0])
		EXPECT_EQ(0, chan_end(self->name));
}

static bool is_loaded(const char *policy)
{
	return POLICY(policy, KIND) == WEIR_POLICY_KIND_BPF;
}

/* Messages go. */
static bool works(const char *name)
{
	uint64_t before = STAT(name, ACKED);
	struct raw s, w;
	bool good;

	if (raw_open(&s, name, RAW_SEND) || raw_open(&w, name, RAW_WORK) ||
	    raw_send_nums(&s, 0, 10))
		return false;
	good = WAIT_FOR(raw_work_off(&w) >= 0 && STAT(name, ACKED) == before + 10);
	raw_close(&w);
	raw_close(&s);
	return good;
}

TEST_F(life, the_link_goes_first)
{
	ASSERT_EQ(0, object_begin(&self->o, "deadline"));
	ASSERT_EQ(0, policy_set(self->name, "deadline"));
	ASSERT_TRUE(works(self->name));
	bpf_link__destroy(self->o.link);
	self->o.link = NULL;
	ASSERT_TRUE(WAIT_FOR(!is_loaded("deadline")));
	EXPECT_TRUE(policy_is(self->name, "least-loaded"));
	EXPECT_EQ(WEIR_POLICY_EXIT_UNLOADED, POLICY("deadline", EXIT_REASON));
	EXPECT_EQ(-EINVAL, policy_set(self->name, "deadline"));
	ASSERT_TRUE(works(self->name));
	/* The same map may be linked again. */
	ASSERT_EQ(0, object_link(&self->o));
	ASSERT_EQ(0, policy_set(self->name, "deadline"));
	ASSERT_TRUE(works(self->name));
	EXPECT_EQ(1, POLICY("deadline", CHANNELS));
	object_close(&self->o);
	EXPECT_TRUE(policy_is(self->name, "least-loaded"));
}

TEST_F(life, the_channel_goes_first)
{
	struct raw w;

	ASSERT_EQ(0, object_begin(&self->o, "deadline"));
	ASSERT_EQ(0, policy_set(self->name, "deadline"));
	ASSERT_TRUE(works(self->name));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, chan_del(self->name, true));
	EXPECT_EQ(0, POLICY("deadline", CHANNELS));
	EXPECT_EQ(self->exits, POLICY("deadline", EXITS));
	EXPECT_TRUE(is_loaded("deadline"));
	raw_close(&w);
	object_close(&self->o);
}

/* The link holds the map, and that the programs. */
TEST_F(life, the_object_goes_first)
{
	struct bpf_link *link;

	ASSERT_EQ(0, object_begin(&self->o, "deadline"));
	link = self->o.link;
	self->o.link = NULL;
	object_close(&self->o);
	ASSERT_EQ(0, policy_set(self->name, "deadline"));
	ASSERT_TRUE(works(self->name));
	EXPECT_LT(0, POLICY("deadline", CALLS));
	EXPECT_EQ(0, bpf_link__detach(link));
	EXPECT_TRUE(policy_is(self->name, "least-loaded"));
	bpf_link__destroy(link);
	ASSERT_TRUE(works(self->name));
}

TEST_F(life, the_process_goes_first)
{
	struct kid k;

	if (kid_fork(&k)) {
		if (object_begin(&self->o, "deadline"))
			_exit(1);
		kid_say(&k, 'l');
		kid_hold(&k);
	}
	ASSERT_EQ('l', kid_hear(&k));
	ASSERT_EQ(0, policy_set(self->name, "deadline"));
	ASSERT_TRUE(works(self->name));
	kid_kill(&k);
	EXPECT_TRUE(WAIT_FOR(!is_loaded("deadline")));
	EXPECT_TRUE(policy_is(self->name, "least-loaded"));
	ASSERT_TRUE(works(self->name));
}

/* A pin keeps it. */
TEST_F(life, a_pinned_link_outlives_its_process)
{
	static const char pin[] = "/sys/fs/bpf/weir-test-pin";
	struct kid k;

	unlink(pin);
	if (kid_fork(&k))
		_exit(object_begin(&self->o, "deadline") ||
		      bpf_link__pin(self->o.link, pin));
	ASSERT_EQ(0, kid_end(&k));
	EXPECT_TRUE(is_loaded("deadline"));
	ASSERT_EQ(0, policy_set(self->name, "deadline"));
	ASSERT_TRUE(works(self->name));
	ASSERT_EQ(0, unlink(pin));
	EXPECT_TRUE(WAIT_FOR(!is_loaded("deadline")));
	EXPECT_TRUE(policy_is(self->name, "least-loaded"));
	ASSERT_TRUE(works(self->name));
}

TEST_F(life, a_name_is_taken_once)
{
	struct object twin;

	ASSERT_EQ(0, object_begin(&self->o, "deadline"));
	ASSERT_EQ(0, object_open(&twin, "deadline"));
	ASSERT_EQ(0, object_load(&twin));
	EXPECT_EQ(-EEXIST, object_link(&twin));
	EXPECT_TRUE(is_loaded("deadline"));
	object_unlink(&self->o);
	EXPECT_EQ(0, object_link(&twin));
	EXPECT_EQ(-EEXIST, object_link(&self->o));
	object_close(&self->o);
	EXPECT_TRUE(is_loaded("deadline"));
	object_close(&twin);
	EXPECT_FALSE(is_loaded("deadline"));
}

TEST_F(life, several_channels_lose_it_together)
{
	char name[4][CHAN_ROOM];
	int i;

	ASSERT_EQ(0, object_begin(&self->o, "deadline"));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, chan_new(name[i], ATTRS(A_STR(WEIR_A_CHANNEL_POLICY,
							   "deadline"))));
	EXPECT_EQ(4, POLICY("deadline", CHANNELS));
	ASSERT_EQ(0, policy_set(name[0], "round-robin"));
	EXPECT_EQ(3, POLICY("deadline", CHANNELS));
	object_close(&self->o);
	EXPECT_EQ(self->exits + 3, POLICY("deadline", EXITS));
	for (i = 0; i < 4; i++) {
		EXPECT_TRUE(policy_is(name[i], i ? "least-loaded" : "round-robin"));
		EXPECT_TRUE(works(name[i]));
		EXPECT_EQ(0, chan_end(name[i]));
	}
}

/* Under load, again and again: nothing is lost. */
TEST_F(life, it_comes_and_goes_while_messages_flow)
{
	struct raw w[2];
	uint64_t sent = 0;
	struct kid k;
	int i;

	if (kid_fork(&k)) {
		struct raw s;

		if (raw_open(&s, self->name, RAW_SEND))
			_exit(1);
		do {
			if (raw_send_nums(&s, 0, 20))
				_exit(2);
			kid_say(&k, 's');
		} while (kid_hear(&k) == 'm');
		_exit(0);
	}
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, raw_open(&w[i], self->name, RAW_WORK));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, object_begin(&self->o, i % 2 ? "route" : "fault"));
		ASSERT_EQ(0, policy_set(self->name, i % 2 ? "route" : "fault"));
		ASSERT_EQ('s', kid_hear(&k));
		sent += 20;
		if (i < 9)
			kid_say(&k, 'm');
		ASSERT_LE(0, raw_work_off(&w[0]));
		/* In the middle of it. */
		object_close(&self->o);
		ASSERT_LE(0, raw_work_off(&w[1]));
	}
	kid_say(&k, 'e');
	EXPECT_EQ(0, kid_end(&k));
	EXPECT_TRUE(WAIT_FOR(raw_work_off(&w[0]) >= 0 && raw_work_off(&w[1]) >= 0 &&
			     STAT(self->name, ACKED) == sent));
	EXPECT_EQ(0, STAT(self->name, DEAD));
	for (i = 0; i < 2; i++)
		raw_close(&w[i]);
}

TEST_HARNESS_MAIN
