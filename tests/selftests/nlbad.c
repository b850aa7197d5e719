// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that are refused: with which errno, with what words, at which
 * attribute, and that nothing is changed by them.
 */
#include <linux/netlink.h>

#include "kselftest_harness.h"

#include "bed.h"

FIXTURE(nlbad) {
	char name[CHAN_ROOM];
};

FIXTURE_SETUP(nlbad)
{
	ASSERT_EQ(0, chan_new(self->name, NO_ATTRS));
}

FIXTURE_TEARDOWN_PARENT(nlbad)
{
	EXPECT_EQ(0, chan_end(self->name));
}

/* The configuration as shown, for a comparison. */
struct picture {
	uint64_t num[WEIR_A_CHANNEL_STATE + 1];
	char policy[16];
	size_t channels;
};

static void take(struct picture *p, const char *name)
{
	int i;

	memset(p, 0, sizeof(*p));
	chan_num(name, WEIR_A_CHANNEL_ID);
	for (i = 1; i <= WEIR_A_CHANNEL_STATE; i++)
		p->num[i] = nl_num(nl_first(), i);
	snprintf(p->policy, sizeof(p->policy), "%s",
		 nl_str(nl_first(), WEIR_A_CHANNEL_POLICY));
	nl_dump(WEIR_CMD_CHANNEL_GET, NULL);
	p->channels = nl_last.list.nr;
}

static bool same(const struct picture *p, const char *name)
{
	struct picture now;

	take(&now, name);
	return !memcmp(p, &now, sizeof(now));
}

/*
 * A bad value, as U32 or U64, for both creation and change. The words must
 * hold the value, the offset must point at the attribute.
 */
static void refuse(struct __test_metadata *_metadata, const char *name,
		   const struct nl_attr *attrs, int attr, const char *value)
{
	struct picture before;
	char other[CHAN_ROOM];

	take(&before, name);
	EXPECT_EQ(-EINVAL, chan_set(name, attrs)) TH_LOG("set %d %s", attr, value);
	EXPECT_NE(NULL, strstr(nl_last.text, value))
		TH_LOG("set %d: \"%s\" lacks \"%s\"", attr, nl_last.text, value);
	EXPECT_EQ(attr, nl_last.bad_type) TH_LOG("set %s", nl_last.text);
	EXPECT_TRUE(same(&before, name));
	EXPECT_EQ(-EINVAL, chan_new(other, attrs)) TH_LOG("new %d %s", attr, value);
	EXPECT_NE(NULL, strstr(nl_last.text, value))
		TH_LOG("new %d: \"%s\" lacks \"%s\"", attr, nl_last.text, value);
	EXPECT_EQ(attr, nl_last.bad_type) TH_LOG("new %s", nl_last.text);
	EXPECT_TRUE(same(&before, name));
}

TEST_F(nlbad, numbers_out_of_range)
{
	static const struct {
		int attr;
		uint64_t value;
	} bad[] = {
		{ WEIR_A_CHANNEL_PERM, 01000 },
		{ WEIR_A_CHANNEL_MESSAGES, 0 },
		{ WEIR_A_CHANNEL_MESSAGES, 16777217 },
		{ WEIR_A_CHANNEL_MESSAGE_MAX, 0 },
		{ WEIR_A_CHANNEL_POLICY_ERRORS, 0 },
		{ WEIR_A_CHANNEL_POLICY_ERRORS, 1000001 },
		{ WEIR_A_CHANNEL_POLICY_BUDGET, 0 },
		{ WEIR_A_CHANNEL_POLICY_BUDGET, 1000000001 },
		{ WEIR_A_CHANNEL_MESSAGE_MAX, 16777217 },
		{ WEIR_A_CHANNEL_OVERFLOW, 4 },
		{ WEIR_A_CHANNEL_OVERFLOW, 0xffffffff },
		{ WEIR_A_CHANNEL_INFLIGHT, 16385 },
		{ WEIR_A_CHANNEL_BATCH, 1025 },
		{ WEIR_A_CHANNEL_BATCH, 0xffffffff },
		{ WEIR_A_CHANNEL_WEIGHT_LOAD, 1001 },
		{ WEIR_A_CHANNEL_WEIGHT_QUEUE, 1001 },
		{ WEIR_A_CHANNEL_LOAD_INTERVAL, 9 },
		{ WEIR_A_CHANNEL_LOAD_INTERVAL, 10001 },
		{ WEIR_A_CHANNEL_MAX_ATTEMPTS, 0 },
		{ WEIR_A_CHANNEL_MAX_ATTEMPTS, 65536 },
		{ WEIR_A_CHANNEL_BACKOFF_MIN, 86400001 },
		{ WEIR_A_CHANNEL_BACKOFF_MAX, 86400001 },
		{ WEIR_A_CHANNEL_DEAD_MAX, 16777217 },
		{ WEIR_A_CHANNEL_REDELIVER_MAX, 0 },
		{ WEIR_A_CHANNEL_REDELIVER_MAX, 65536 },
		{ WEIR_A_CHANNEL_STATE, 3 },
		{ WEIR_A_CHANNEL_BATCH_MIN, 0 },
		{ WEIR_A_CHANNEL_BATCH_MIN, 1025 },
		{ WEIR_A_CHANNEL_BATCH_MAX, 0 },
		{ WEIR_A_CHANNEL_BATCH_MAX, 1025 },
		{ WEIR_A_CHANNEL_PRIORITIES, 0 },
		{ WEIR_A_CHANNEL_PRIORITIES, 9 },
		{ WEIR_A_CHANNEL_PRIORITY_BURST, 0 },
		{ WEIR_A_CHANNEL_PRIORITY_BURST, 65536 },
		{ WEIR_A_CHANNEL_DELIVERY, 2 },
		{ WEIR_A_CHANNEL_DELIVERY, 0xffffffff },
		{ WEIR_A_CHANNEL_ZEROCOPY, 2 },
		{ WEIR_A_CHANNEL_SENDER_MAX, 0 },
		{ WEIR_A_CHANNEL_SENDER_MAX, 101 },
		{ WEIR_A_CHANNEL_SPIN, 1000001 },
		{ WEIR_A_CHANNEL_CLIENTS_MAX, 0 },
		{ WEIR_A_CHANNEL_CLIENTS_MAX, 1025 },
		{ WEIR_A_CHANNEL_POOL_INTERVAL, 9 },
		{ WEIR_A_CHANNEL_POOL_INTERVAL, 60001 },
		{ WEIR_A_CHANNEL_POOL_HIGH, 0 },
		{ WEIR_A_CHANNEL_POOL_HIGH, 1001 },
		{ WEIR_A_CHANNEL_POOL_GROW, 1001 },
		{ WEIR_A_CHANNEL_POOL_LOW, 1000 },
		{ WEIR_A_CHANNEL_POOL_SHRINK, 1001 },
		{ WEIR_A_CHANNEL_FEED, 4097 },
		{ WEIR_A_CHANNEL_FEED_SIZE, 0 },
		{ WEIR_A_CHANNEL_FEED_SIZE, 65537 },
	};
	char value[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(value, sizeof(value),
			 bad[i].attr == WEIR_A_CHANNEL_PERM ? "%#jo" : "%ju",
			 (uintmax_t)bad[i].value);
		refuse(_metadata, self->name, ATTRS(A_U32(bad[i].attr, bad[i].value)),
		       bad[i].attr, value);
	}
}

TEST_F(nlbad, wide_numbers_out_of_range)
{
	static const struct {
		int attr;
		uint64_t value;
	} bad[] = {
		{ WEIR_A_CHANNEL_MEMORY_MAX, 0 },
		{ WEIR_A_CHANNEL_MEMORY_MAX, 65535 },
		{ WEIR_A_CHANNEL_MEMORY_MAX, (16ULL << 30) + 1 },
		{ WEIR_A_CHANNEL_MEMORY_MAX, ~0ULL },
		{ WEIR_A_CHANNEL_LINGER, 1000000001 },
		{ WEIR_A_CHANNEL_LINGER, 1ULL << 32 },
		{ WEIR_A_CHANNEL_TTL, 7 * 86400 * SECOND + 1 },
		{ WEIR_A_CHANNEL_TTL, ~0ULL },
		{ WEIR_A_CHANNEL_ACK_TIMEOUT, 7 * 86400 * SECOND + 1 },
		{ WEIR_A_CHANNEL_ACK_TIMEOUT, 1 },
		{ WEIR_A_CHANNEL_CLIENT_MEMORY, (16ULL << 30) + 1 },
		{ WEIR_A_CHANNEL_CLIENT_MEMORY, ~0ULL },
		{ WEIR_A_CHANNEL_UID_MEMORY, (16ULL << 30) + 1 },
		{ WEIR_A_CHANNEL_UID_MEMORY, ~0ULL },
	};
	char value[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(value, sizeof(value), "%ju", (uintmax_t)bad[i].value);
		refuse(_metadata, self->name, ATTRS(A_U64(bad[i].attr, bad[i].value)),
		       bad[i].attr, value);
	}
}

TEST_F(nlbad, unknown_policy)
{
	refuse(_metadata, self->name, ATTRS(A_STR(WEIR_A_CHANNEL_POLICY, "fastest")),
	       WEIR_A_CHANNEL_POLICY, "fastest");
	refuse(_metadata, self->name, ATTRS(A_STR(WEIR_A_CHANNEL_POLICY, "")),
	       WEIR_A_CHANNEL_POLICY, "");
}

TEST_F(nlbad, limits_that_contradict)
{
	char other[CHAN_ROOM];

	EXPECT_EQ(-EINVAL, chan_new(other, ATTRS(A_U64(WEIR_A_CHANNEL_MEMORY_MIN, 2 << 20),
						 A_U64(WEIR_A_CHANNEL_MEMORY_MAX, 1 << 20))));
	EXPECT_NE(NULL, strstr(nl_last.text, "2097152"));
	EXPECT_NE(NULL, strstr(nl_last.text, "1048576"));
	/* A message of 1 MiB in 256 KiB of memory. */
	EXPECT_EQ(-EINVAL, chan_new(other, ATTRS(A_U64(WEIR_A_CHANNEL_MEMORY_MIN, 65536),
						 A_U64(WEIR_A_CHANNEL_MEMORY_MAX, 262144))));
	EXPECT_NE(NULL, strstr(nl_last.text, "262144")) TH_LOG("%s", nl_last.text);
	EXPECT_NE(NULL, strstr(nl_last.text, "1048576")) TH_LOG("%s", nl_last.text);
	EXPECT_EQ(-EINVAL, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_MEMORY_MAX,
							   1 << 19))));
	refuse(_metadata, self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BACKOFF_MIN, 30001)),
	       WEIR_A_CHANNEL_BACKOFF_MIN, "30001");
	EXPECT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BACKOFF_MIN, 30001),
					       A_U32(WEIR_A_CHANNEL_BACKOFF_MAX, 30001))));
}

/* Each alone against what the channel has: in so many words, at this attribute. */
TEST_F(nlbad, values_that_contradict_what_there_is)
{
	static const struct {
		struct nl_attr attr;
		const char *text;
	} bad[] = {
		{ A_U32(WEIR_A_CHANNEL_BATCH_MIN, 257),
		  "batch-min 257 contradicts batch-max 256" },
		{ A_U32(WEIR_A_CHANNEL_POOL_LOW, 800),
		  "pool-low 800 contradicts pool-high 800" },
		{ A_U32(WEIR_A_CHANNEL_POOL_HIGH, 250),
		  "pool-low 250 contradicts pool-high 250" },
		{ A_U64(WEIR_A_CHANNEL_CLIENT_MEMORY, 1),
		  "client-memory 1 cannot hold a message of 1048576; it needs 1048576" },
		{ A_U64(WEIR_A_CHANNEL_UID_MEMORY, 1048575),
		  "uid-memory 1048575 cannot hold a message of 1048576; it needs 1048576" },
		{ A_U32(WEIR_A_CHANNEL_SENDER_MAX, 1),
		  "sender-max 1% of memory-max 67108864 cannot hold a message of 1048576" },
		{ A_U64(WEIR_A_CHANNEL_MEMORY_MAX, 1048575),
		  "memory-min 1048576 contradicts memory-max 1048575" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		refuse(_metadata, self->name, ATTRS(bad[i].attr), bad[i].attr.type,
		       bad[i].text);
	/* Both at once, and in whichever order. */
	refuse(_metadata, self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH_MAX, 4),
					   A_U32(WEIR_A_CHANNEL_BATCH_MIN, 5)),
	       WEIR_A_CHANNEL_BATCH_MIN, "batch-min 5 contradicts batch-max 4");
	refuse(_metadata, self->name, ATTRS(A_U32(WEIR_A_CHANNEL_POOL_HIGH, 1),
					   A_U32(WEIR_A_CHANNEL_POOL_LOW, 1)),
	       WEIR_A_CHANNEL_POOL_LOW, "pool-low 1 contradicts pool-high 1");
}

/* What was allowed by one attribute is not taken back by another. */
TEST_F(nlbad, values_that_others_rely_on)
{
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH_MIN, 9),
					       A_U32(WEIR_A_CHANNEL_MESSAGE_MAX, 65536),
					       A_U64(WEIR_A_CHANNEL_CLIENT_MEMORY, 65536),
					       A_U32(WEIR_A_CHANNEL_SENDER_MAX, 1))));
	EXPECT_EQ(-EINVAL, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH_MAX, 8))));
	EXPECT_STREQ("batch-min 9 contradicts batch-max 8", nl_last.text);
	EXPECT_EQ(WEIR_A_CHANNEL_BATCH_MAX, nl_last.bad_type);
	EXPECT_EQ(-EINVAL, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_MESSAGE_MAX,
							   65537))));
	EXPECT_NE(NULL, strstr(nl_last.text, "client-memory 65536 cannot hold a message of 65537"))
		TH_LOG("%s", nl_last.text);
	EXPECT_EQ(WEIR_A_CHANNEL_MESSAGE_MAX, nl_last.bad_type);
	EXPECT_EQ(-EINVAL, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_MEMORY_MAX,
							   2 << 20))));
	EXPECT_STREQ("sender-max 1% of memory-max 2097152 cannot hold a message of 65536",
		     nl_last.text);
	EXPECT_EQ(WEIR_A_CHANNEL_MEMORY_MAX, nl_last.bad_type);
}

TEST_F(nlbad, names)
{
	static const char * const bad[] = {
		"", ".", "..", ".hidden", "-x", "a b", "a/b", "../x", "a!b", "a\n", "\xc3\xa4",
		"a%s", "a*", "a:b",
	};
	static const char * const good[] = {
		"a", "A.b_c-9", "0", "_", "1234567890123456789012345678901",
	};
	struct picture before;
	size_t i;

	take(&before, self->name);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, nl_do(WEIR_CMD_CHANNEL_NEW,
					 ATTRS(A_STR(WEIR_A_CHANNEL_NAME, bad[i]))))
			TH_LOG("\"%s\"", bad[i]);
		EXPECT_EQ(WEIR_A_CHANNEL_NAME, nl_last.bad_type);
		EXPECT_NE(NULL, strstr(nl_last.text, bad[i]))
			TH_LOG("%s", nl_last.text);
	}
	EXPECT_GT(0, nl_do(WEIR_CMD_CHANNEL_NEW,
			   ATTRS(A_STR(WEIR_A_CHANNEL_NAME,
				       "12345678901234567890123456789012"))));
	EXPECT_STRNE("", nl_last.text);
	EXPECT_TRUE(same(&before, self->name));
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, nl_do(WEIR_CMD_CHANNEL_NEW,
				   ATTRS(A_STR(WEIR_A_CHANNEL_NAME, good[i]))));
		EXPECT_EQ(0, chan_del(good[i], false));
	}
}

TEST_F(nlbad, a_name_is_taken_once)
{
	EXPECT_EQ(-EEXIST, nl_do(WEIR_CMD_CHANNEL_NEW,
				 ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->name))));
	EXPECT_NE(NULL, strstr(nl_last.text, self->name));
	EXPECT_EQ(WEIR_A_CHANNEL_NAME, nl_last.bad_type);
}

TEST_F(nlbad, memory_that_is_not_there)
{
	char name[CHAN_ROOM];

	EXPECT_EQ(-ENOMEM, chan_new(name, ATTRS(A_U64(WEIR_A_CHANNEL_MEMORY_MIN, 16ULL << 30),
						A_U64(WEIR_A_CHANNEL_MEMORY_MAX, 16ULL << 30))));
	EXPECT_NE(NULL, strstr(nl_last.text, "17179869184")) TH_LOG("%s", nl_last.text);
	EXPECT_EQ(-ENODEV, chan_del(name, false));
}

/* All commands that name a channel, and at which attribute. */
static const struct {
	int cmd, attr;
} named[] = {
	{ WEIR_CMD_CHANNEL_GET, WEIR_A_CHANNEL_NAME },
	{ WEIR_CMD_CHANNEL_SET, WEIR_A_CHANNEL_NAME },
	{ WEIR_CMD_CHANNEL_DEL, WEIR_A_CHANNEL_NAME },
	{ WEIR_CMD_CHANNEL_PURGE, WEIR_A_CHANNEL_NAME },
	{ WEIR_CMD_POOL_GET, WEIR_A_POOL_NAME },
	{ WEIR_CMD_CLIENT_GET, WEIR_A_CLIENT_CHANNEL },
	{ WEIR_CMD_CLIENT_KICK, WEIR_A_CLIENT_CHANNEL },
	{ WEIR_CMD_MESSAGE_GET, WEIR_A_MESSAGE_CHANNEL },
	{ WEIR_CMD_MESSAGE_RELEASE, WEIR_A_MESSAGE_CHANNEL },
	{ WEIR_CMD_MESSAGE_REQUEUE, WEIR_A_MESSAGE_CHANNEL },
	{ WEIR_CMD_MESSAGE_KILL, WEIR_A_MESSAGE_CHANNEL },
	{ WEIR_CMD_MESSAGE_SET, WEIR_A_MESSAGE_CHANNEL },
	{ WEIR_CMD_STATS_GET, WEIR_A_STATS_CHANNEL },
};

TEST_F(nlbad, unknown_channels)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(named); i++) {
		EXPECT_EQ(-ENODEV, nl_do(named[i].cmd, ATTRS(A_STR(named[i].attr, "nowhere"))))
			TH_LOG("command %d", named[i].cmd);
		EXPECT_NE(NULL, strstr(nl_last.text, "nowhere"))
			TH_LOG("command %d: \"%s\"", named[i].cmd, nl_last.text);
		EXPECT_EQ(named[i].attr, nl_last.bad_type);
	}
	EXPECT_EQ(-ENODEV, nl_dump(WEIR_CMD_MESSAGE_GET,
				   ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, "nowhere"))));
	EXPECT_EQ(-ENODEV, nl_dump(WEIR_CMD_CLIENT_GET,
				   ATTRS(A_STR(WEIR_A_CLIENT_CHANNEL, "nowhere"))));
}

TEST_F(nlbad, missing_attributes)
{
	size_t i;

	EXPECT_EQ(-EINVAL, nl_do(WEIR_CMD_CHANNEL_NEW, NULL));
	EXPECT_STRNE("", nl_last.text);
	for (i = 0; i < ARRAY_SIZE(named); i++) {
		EXPECT_EQ(-EINVAL, nl_do(named[i].cmd, NULL))
			TH_LOG("command %d", named[i].cmd);
		EXPECT_STRNE("", nl_last.text)
			TH_LOG("command %d", named[i].cmd);
	}
	EXPECT_EQ(-EINVAL, nl_dump(WEIR_CMD_MESSAGE_GET, NULL));
	for (i = WEIR_CMD_MESSAGE_GET; i <= WEIR_CMD_MESSAGE_KILL; i++) {
		EXPECT_EQ(-EINVAL, nl_do(i, ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name))));
		EXPECT_STRNE("", nl_last.text);
	}
	EXPECT_EQ(-EINVAL, nl_do(WEIR_CMD_CLIENT_GET,
				 ATTRS(A_STR(WEIR_A_CLIENT_CHANNEL, self->name))));
	EXPECT_STRNE("", nl_last.text);
	EXPECT_EQ(-EINVAL, nl_do(WEIR_CMD_CLIENT_KICK,
				 ATTRS(A_STR(WEIR_A_CLIENT_CHANNEL, self->name))));
	EXPECT_STRNE("", nl_last.text);
}

TEST_F(nlbad, unknown_attributes)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(named); i++) {
		EXPECT_EQ(-EINVAL, nl_do(named[i].cmd,
					 ATTRS(A_STR(named[i].attr, self->name),
					       A_U32(200, 1))))
			TH_LOG("command %d", named[i].cmd);
		EXPECT_STRNE("", nl_last.text);
		EXPECT_EQ(200, nl_last.bad_type);
	}
	/* Ones that are only shown cannot be set. */
	EXPECT_EQ(-EINVAL, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_WORKERS, 1))));
	EXPECT_EQ(-EINVAL, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_READY, 1))));
	EXPECT_GT(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_ID, 1))));
}

TEST_F(nlbad, attributes_of_the_wrong_size)
{
	static const char bytes[64] = "";
	size_t n;

	for (n = 0; n < 9; n++) {
		if (n != 4)
			EXPECT_GT(0, chan_set(self->name,
					      ATTRS(A_RAW(WEIR_A_CHANNEL_BATCH, bytes, n))));
		if (n != 8)
			EXPECT_GT(0, chan_set(self->name,
					      ATTRS(A_RAW(WEIR_A_CHANNEL_LINGER, bytes, n))));
		if (n != 4)
			EXPECT_GT(0, chan_set(self->name,
					      ATTRS(A_RAW(WEIR_A_CHANNEL_SPIN, bytes, n))));
		if (n != 8)
			EXPECT_GT(0, chan_set(self->name,
					      ATTRS(A_RAW(WEIR_A_CHANNEL_TTL, bytes, n))));
	}
	EXPECT_EQ(20000, CHAN(self->name, SPIN));
	/* Names without an end. */
	EXPECT_GT(0, nl_do(WEIR_CMD_CHANNEL_GET, ATTRS(A_RAW(WEIR_A_CHANNEL_NAME, "abc", 3))));
	EXPECT_GT(0, nl_do(WEIR_CMD_CHANNEL_GET, ATTRS(A_RAW(WEIR_A_CHANNEL_NAME, bytes, 0))));
	EXPECT_GT(0, nl_do(WEIR_CMD_CHANNEL_SET,
			   ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->name),
				 A_RAW(WEIR_A_CHANNEL_POLICY, "round-robin", 11))));
	EXPECT_GT(0, chan_set(self->name, ATTRS(A_RAW(WEIR_A_CHANNEL_DRY_RUN, bytes, 4))));
}

TEST_F(nlbad, unknown_commands)
{
	EXPECT_EQ(-EOPNOTSUPP, nl_do(0, NULL));
	EXPECT_EQ(-EOPNOTSUPP, nl_do(255, NULL));
	EXPECT_EQ(-EOPNOTSUPP, nl_do(WEIR_CMD_MAX + 1, NULL));
	EXPECT_EQ(-EOPNOTSUPP, nl_do(WEIR_CMD_CHANNEL_ADD_NTF, NULL));
	EXPECT_EQ(-EOPNOTSUPP, nl_do(WEIR_CMD_MESSAGE_DEAD_NTF, NULL));
	EXPECT_EQ(-EOPNOTSUPP, nl_dump(WEIR_CMD_CHANNEL_NEW, NULL));
}

TEST_F(nlbad, what_cannot_be_changed_later)
{
	EXPECT_EQ(-EBUSY, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_MEMORY_MIN, 65536))));
	EXPECT_NE(NULL, strstr(nl_last.text, "65536"));
	EXPECT_EQ(WEIR_A_CHANNEL_MEMORY_MIN, nl_last.bad_type);
	EXPECT_EQ(-EBUSY, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 3),
						    A_U32(WEIR_A_CHANNEL_PRIORITIES, 2))));
	EXPECT_STREQ("priorities 2 cannot be changed", nl_last.text);
	EXPECT_EQ(WEIR_A_CHANNEL_PRIORITIES, nl_last.bad_type);
	EXPECT_EQ(64, CHAN(self->name, BATCH));
	EXPECT_EQ(-EBUSY, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_DELIVERY,
							  WEIR_DELIVERY_FANOUT))));
	EXPECT_STREQ("delivery 1 cannot be changed", nl_last.text);
	EXPECT_EQ(WEIR_A_CHANNEL_DELIVERY, nl_last.bad_type);
	EXPECT_EQ(-EBUSY, chan_set(self->name, ATTRS(A_FLAG(WEIR_A_CHANNEL_DRY_RUN),
						    A_U32(WEIR_A_CHANNEL_PRIORITIES, 8))));
	/* The values it has are no change. */
	EXPECT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_MEMORY_MIN, 1 << 20),
					       A_U32(WEIR_A_CHANNEL_PRIORITIES, 1),
					       A_U32(WEIR_A_CHANNEL_DELIVERY, 0))));
}

TEST_F(nlbad, users_and_groups)
{
	refuse(_metadata, self->name, ATTRS(A_U32(WEIR_A_CHANNEL_UID, ~0U)),
	       WEIR_A_CHANNEL_UID, "4294967295");
	refuse(_metadata, self->name, ATTRS(A_U32(WEIR_A_CHANNEL_GID, ~0U)),
	       WEIR_A_CHANNEL_GID, "4294967295");
}

/* One bad value among good ones: none of them is applied. */
TEST_F(nlbad, all_or_nothing)
{
	refuse(_metadata, self->name,
	       ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 7), A_U32(WEIR_A_CHANNEL_UID, 5),
		     A_U32(WEIR_A_CHANNEL_STATE, WEIR_CHANNEL_STATE_PAUSED),
		     A_U32(WEIR_A_CHANNEL_DEAD_MAX, 16777218)),
	       WEIR_A_CHANNEL_DEAD_MAX, "16777218");
}

TEST_F(nlbad, a_past_that_cannot_be)
{
	char text[300];
	const struct {
		struct nl_attr attr[3];
		int bad;
		const char *words;
	} cases[] = {
		{ { A_U32(WEIR_A_MESSAGE_DELIVERIES, 65536) },
		  WEIR_A_MESSAGE_DELIVERIES, "65536" },
		{ { A_U32(WEIR_A_MESSAGE_ATTEMPT, 3), A_U32(WEIR_A_MESSAGE_DELIVERIES, 2) },
		  WEIR_A_MESSAGE_ATTEMPT, "attempt 3 is above deliveries" },
		{ { A_U32(WEIR_A_MESSAGE_REASON, 6) },
		  WEIR_A_MESSAGE_REASON, "reason 6 is unknown" },
		{ { A_STR(WEIR_A_MESSAGE_REASON_TEXT, "so") },
		  WEIR_A_MESSAGE_REASON_TEXT, "without a reason" },
		{ { A_U32(WEIR_A_MESSAGE_REASON, 2),
		    A_STR(WEIR_A_MESSAGE_REASON_TEXT, text) },
		  WEIR_A_MESSAGE_REASON_TEXT, "more than 244 bytes" },
	};
	struct raw s;
	size_t i;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 1, 1));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(-EINVAL, nl_do(WEIR_CMD_MESSAGE_SET,
					 ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name),
					       A_U64(WEIR_A_MESSAGE_ID, 1),
					       cases[i].attr[0], cases[i].attr[1])));
		EXPECT_NE(NULL, strstr(nl_last.text, cases[i].words))
			TH_LOG("%zu: \"%s\"", i, nl_last.text);
		EXPECT_EQ(cases[i].bad, nl_last.bad_type);
	}
	EXPECT_EQ(1, STAT(self->name, READY));
	EXPECT_EQ(-EINVAL, nl_do(WEIR_CMD_MESSAGE_GET,
				 ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name),
				       A_U64(WEIR_A_MESSAGE_ID, 1),
				       A_U32(WEIR_A_MESSAGE_OFFSET, 8))));
	EXPECT_NE(NULL, strstr(nl_last.text, "offset 8 is beyond"));
	EXPECT_EQ(-EINVAL, nl_dump(WEIR_CMD_MESSAGE_GET,
				   ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name),
					 A_U32(WEIR_A_MESSAGE_PAYLOAD_MAX, 16385))));
	EXPECT_NE(NULL, strstr(nl_last.text, "16385"));
	raw_close(&s);
}

TEST_F(nlbad, messages_and_clients_that_are_not_there)
{
	static const int cmds[] = {
		WEIR_CMD_MESSAGE_GET, WEIR_CMD_MESSAGE_RELEASE,
		WEIR_CMD_MESSAGE_REQUEUE, WEIR_CMD_MESSAGE_KILL,
		WEIR_CMD_MESSAGE_SET,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		EXPECT_EQ(-ENOENT, nl_do(cmds[i],
					 ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name),
					       A_U64(WEIR_A_MESSAGE_ID, 123456))));
		EXPECT_NE(NULL, strstr(nl_last.text, "123456"));
		EXPECT_EQ(WEIR_A_MESSAGE_ID, nl_last.bad_type);
		EXPECT_EQ(-ENOENT, nl_do(cmds[i],
					 ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name),
					       A_U64(WEIR_A_MESSAGE_ID, 0))));
	}
	EXPECT_EQ(-ENOENT, nl_do(WEIR_CMD_CLIENT_GET,
				 ATTRS(A_STR(WEIR_A_CLIENT_CHANNEL, self->name),
				       A_U32(WEIR_A_CLIENT_ID, 9876))));
	EXPECT_NE(NULL, strstr(nl_last.text, "9876"));
	EXPECT_EQ(-ENOENT, nl_do(WEIR_CMD_CLIENT_KICK,
				 ATTRS(A_STR(WEIR_A_CLIENT_CHANNEL, self->name),
				       A_U32(WEIR_A_CLIENT_ID, 9876))));
	EXPECT_EQ(-ENOENT, nl_do(WEIR_CMD_CLIENT_KICK, ATTRS(A_U32(WEIR_A_CLIENT_PID, 1))));
	EXPECT_NE(NULL, strstr(nl_last.text, "1"));
	EXPECT_GT(0, nl_dump(WEIR_CMD_MESSAGE_GET,
			     ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name),
				   A_U32(WEIR_A_MESSAGE_STATE, 5))));
	EXPECT_GT(0, nl_do(WEIR_CMD_CHANNEL_PURGE,
			   ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->name),
				 A_U32(WEIR_A_CHANNEL_PURGE, WEIR_MESSAGE_STATE_INFLIGHT))));
	EXPECT_STRNE("", nl_last.text);
}

TEST_HARNESS_MAIN
