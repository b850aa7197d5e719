// SPDX-License-Identifier: GPL-2.0-only
/* What the netlink objects show, and that what is set is what is shown. */
#include "kselftest_harness.h"

#include "bed.h"

CHANNEL_FIXTURE(netlink, A_U32(WEIR_A_CHANNEL_INFLIGHT, 64))

/* Of the whole configuration: what there is without asking, and something else. */
static const struct {
	char name[16];
	int attr;
	uint64_t preset, other;
	bool wide;
} config[] = {
	{ "perm", WEIR_A_CHANNEL_PERM, 0660, 0644, false },
	{ "messages", WEIR_A_CHANNEL_MESSAGES, 65536, 7, false },
	{ "memory-max", WEIR_A_CHANNEL_MEMORY_MAX, 64 << 20, 32 << 20, true },
	{ "message-max", WEIR_A_CHANNEL_MESSAGE_MAX, 1 << 20, 1000, false },
	{ "overflow", WEIR_A_CHANNEL_OVERFLOW, WEIR_OVERFLOW_BLOCK,
	  WEIR_OVERFLOW_DROP_OLD, false },
	{ "inflight", WEIR_A_CHANNEL_INFLIGHT, 0, 16384, false },
	{ "batch", WEIR_A_CHANNEL_BATCH, 64, 0, false },
	{ "batch-min", WEIR_A_CHANNEL_BATCH_MIN, 1, 256, false },
	{ "batch-max", WEIR_A_CHANNEL_BATCH_MAX, 256, 1024, false },
	{ "batch-bytes", WEIR_A_CHANNEL_BATCH_BYTES, 0, UINT64_MAX, true },
	{ "batch-cost", WEIR_A_CHANNEL_BATCH_COST, 0, UINT64_MAX, true },
	{ "linger", WEIR_A_CHANNEL_LINGER, 0, 1000000000, true },
	{ "priority-burst", WEIR_A_CHANNEL_PRIORITY_BURST, 64, 65535, false },
	{ "weight-load", WEIR_A_CHANNEL_WEIGHT_LOAD, 700, 0, false },
	{ "weight-queue", WEIR_A_CHANNEL_WEIGHT_QUEUE, 300, 1000, false },
	{ "load-interval", WEIR_A_CHANNEL_LOAD_INTERVAL, 100, 10000, false },
	{ "max-attempts", WEIR_A_CHANNEL_MAX_ATTEMPTS, 5, 65535, false },
	{ "backoff-min", WEIR_A_CHANNEL_BACKOFF_MIN, 100, 0, false },
	{ "backoff-max", WEIR_A_CHANNEL_BACKOFF_MAX, 30000, 86400000, false },
	{ "dead-max", WEIR_A_CHANNEL_DEAD_MAX, 10000, 0, false },
	{ "redeliver-max", WEIR_A_CHANNEL_REDELIVER_MAX, 1000, 1, false },
	{ "zerocopy", WEIR_A_CHANNEL_ZEROCOPY, 1, 0, false },
	{ "sender-max", WEIR_A_CHANNEL_SENDER_MAX, 100, 1, false },
	{ "ttl", WEIR_A_CHANNEL_TTL, 0, 7 * 86400 * SECOND, true },
	{ "ack-timeout", WEIR_A_CHANNEL_ACK_TIMEOUT, 0, 7 * 86400 * SECOND, true },
	{ "spin", WEIR_A_CHANNEL_SPIN, 20000, 1000000, false },
	{ "clients-max", WEIR_A_CHANNEL_CLIENTS_MAX, 1024, 1, false },
	{ "client-memory", WEIR_A_CHANNEL_CLIENT_MEMORY, 0, 16ULL << 30, true },
	{ "uid-memory", WEIR_A_CHANNEL_UID_MEMORY, 0, 65536, true },
	{ "pool-interval", WEIR_A_CHANNEL_POOL_INTERVAL, 100, 60000, false },
	{ "pool-high", WEIR_A_CHANNEL_POOL_HIGH, 800, 1000, false },
	{ "pool-grow", WEIR_A_CHANNEL_POOL_GROW, 250, 0, false },
	{ "pool-low", WEIR_A_CHANNEL_POOL_LOW, 250, 999, false },
	{ "pool-shrink", WEIR_A_CHANNEL_POOL_SHRINK, 125, 1000, false },
	{ "policy-errors", WEIR_A_CHANNEL_POLICY_ERRORS, 64, 1, false },
	{ "policy-budget", WEIR_A_CHANNEL_POLICY_BUDGET, 100000, 1000000000, false },
	{ "feed", WEIR_A_CHANNEL_FEED, 0, 100, false },
	{ "feed-size", WEIR_A_CHANNEL_FEED_SIZE, 256, 900, false },
	{ "state", WEIR_A_CHANNEL_STATE, WEIR_CHANNEL_STATE_RUNNING,
	  WEIR_CHANNEL_STATE_DRAINING, false },
};

TEST_F(netlink, a_new_channel_has_the_documented_defaults)
{
	char name[CHAN_ROOM];
	size_t i;

	ASSERT_EQ(0, chan_new(name, NO_ATTRS));
	for (i = 0; i < ARRAY_SIZE(config); i++)
		EXPECT_EQ(config[i].preset, chan_num(name, config[i].attr))
			TH_LOG("%s", config[i].name);
	EXPECT_EQ(1 << 20, CHAN(name, MEMORY_MIN));
	EXPECT_EQ(1, CHAN(name, PRIORITIES));
	EXPECT_EQ(WEIR_DELIVERY_QUEUE, CHAN(name, DELIVERY));
	EXPECT_EQ(0, CHAN(name, UID));
	EXPECT_EQ(0, CHAN(name, GID));
	EXPECT_STREQ("least-loaded", nl_str(nl_first(), WEIR_A_CHANNEL_POLICY));
	EXPECT_STREQ(name, nl_str(nl_first(), WEIR_A_CHANNEL_NAME));
	EXPECT_GE(CHAN(name, MEMORY_POPULATED), 1 << 20);
	EXPECT_EQ(0, CHAN(name, MEMORY_USED));
	EXPECT_EQ(0, chan_del(name, false));
}

/* Sets one attribute and compares all. Return: how many are not as expected. */
static int set_and_compare(const char *name, size_t which)
{
	struct nl_attr one[2] = {
		{ config[which].wide ? NL_U64 : NL_U32, config[which].attr,
		  config[which].other, NULL },
		A_END,
	};
	int wrong = 0;
	size_t i;

	if (chan_set(name, one))
		return -1;
	for (i = 0; i < ARRAY_SIZE(config); i++)
		wrong += chan_num(name, config[i].attr) !=
			 (i <= which ? config[i].other : config[i].preset);
	return wrong;
}

TEST_F(netlink, each_attribute_can_be_set_alone)
{
	char name[CHAN_ROOM];
	size_t i;

	ASSERT_EQ(0, chan_new(name, NO_ATTRS));
	for (i = 0; i < ARRAY_SIZE(config); i++)
		EXPECT_EQ(0, set_and_compare(name, i))
			TH_LOG("%s: %s", config[i].name, nl_last.text);
	EXPECT_EQ(0, chan_del(name, false));
}

TEST_F(netlink, all_can_be_given_at_creation)
{
	struct nl_attr list[ARRAY_SIZE(config) + 4] = { 0 };
	char name[CHAN_ROOM];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(config); i++) {
		list[i].kind = config[i].wide ? NL_U64 : NL_U32;
		list[i].type = config[i].attr;
		list[i].num = config[i].other;
	}
	list[i++] = (struct nl_attr)A_U32(WEIR_A_CHANNEL_PRIORITIES, 8);
	list[i] = (struct nl_attr)A_U64(WEIR_A_CHANNEL_MEMORY_MIN, 4 << 20);
	ASSERT_EQ(0, chan_new(name, list)) TH_LOG("%s", nl_last.text);
	for (i = 0; i < ARRAY_SIZE(config); i++)
		EXPECT_EQ(config[i].other, chan_num(name, config[i].attr))
			TH_LOG("%s", config[i].name);
	EXPECT_EQ(8, CHAN(name, PRIORITIES));
	EXPECT_EQ(4 << 20, CHAN(name, MEMORY_MIN));
	EXPECT_EQ(4 << 20, CHAN(name, MEMORY_POPULATED));
	EXPECT_EQ(0, chan_del(name, false));
	/* Not with what contradicts them. */
	ASSERT_EQ(0, chan_new(name, ATTRS(A_U32(WEIR_A_CHANNEL_DELIVERY,
						WEIR_DELIVERY_FANOUT))));
	EXPECT_EQ(WEIR_DELIVERY_FANOUT, CHAN(name, DELIVERY));
	EXPECT_EQ(0, chan_del(name, false));
}

TEST_F(netlink, policies_have_names)
{
	static const char * const names[] = {
		"least-inflight", "round-robin", "key-hash", "least-loaded",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		ASSERT_EQ(0, chan_set(self->name,
				      ATTRS(A_STR(WEIR_A_CHANNEL_POLICY, names[i]))));
		CHAN(self->name, ID);
		EXPECT_STREQ(names[i], nl_str(nl_first(), WEIR_A_CHANNEL_POLICY));
	}
}

TEST_F(netlink, a_dry_run_changes_nothing)
{
	char name[CHAN_ROOM];

	ASSERT_EQ(0, chan_new(name, ATTRS(A_FLAG(WEIR_A_CHANNEL_DRY_RUN))));
	EXPECT_EQ(-ENODEV, chan_del(name, false));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_FLAG(WEIR_A_CHANNEL_DRY_RUN),
					       A_U32(WEIR_A_CHANNEL_BATCH, 3),
					       A_U32(WEIR_A_CHANNEL_PERM, 0))));
	EXPECT_EQ(64, CHAN(self->name, BATCH));
	EXPECT_EQ(0660, CHAN(self->name, PERM));
	EXPECT_EQ(-EEXIST, nl_do(WEIR_CMD_CHANNEL_NEW,
				 ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->name),
				       A_FLAG(WEIR_A_CHANNEL_DRY_RUN))));
	EXPECT_EQ(-EINVAL, chan_set(self->name, ATTRS(A_FLAG(WEIR_A_CHANNEL_DRY_RUN),
						     A_U32(WEIR_A_CHANNEL_BATCH, 1025))));
}

struct shape {
	bool has[128];
};

/* Which attributes an object has. Padding of wide numbers is no information. */
static struct shape shape(const struct nl_obj *o, int pad)
{
	struct shape s;
	int i;

	for (i = 0; i < (int)ARRAY_SIZE(s.has); i++)
		s.has[i] = i && i != pad && nl_has(o, i);
	return s;
}

TEST_F(netlink, do_and_dump_show_the_same)
{
	static const struct {
		int cmd, attr, pad;
	} objects[] = {
		{ WEIR_CMD_CHANNEL_GET, WEIR_A_CHANNEL_NAME, WEIR_A_CHANNEL_PAD },
		{ WEIR_CMD_POOL_GET, WEIR_A_POOL_NAME, WEIR_A_POOL_PAD },
		{ WEIR_CMD_STATS_GET, WEIR_A_STATS_CHANNEL, WEIR_A_STATS_PAD },
	};
	struct shape one, other;
	const struct nl_obj *o;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(objects); i++) {
		ASSERT_EQ(0, nl_do(objects[i].cmd, ATTRS(A_STR(objects[i].attr, self->name))));
		ASSERT_EQ(1, nl_last.list.nr);
		one = shape(nl_first(), objects[i].pad);
		ASSERT_EQ(0, nl_dump(objects[i].cmd, NULL));
		o = nl_find(objects[i].attr, self->name);
		ASSERT_NE(NULL, o);
		other = shape(o, objects[i].pad);
		EXPECT_EQ(0, memcmp(&one, &other, sizeof(one)));
	}
}

TEST_F(netlink, dumps_are_complete)
{
	char name[40][CHAN_ROOM];
	size_t i;

	for (i = 0; i < 40; i++)
		ASSERT_EQ(0, chan_new(name[i], ATTRS(A_U64(WEIR_A_CHANNEL_MEMORY_MIN, 65536))));
	ASSERT_EQ(0, nl_dump(WEIR_CMD_CHANNEL_GET, NULL));
	for (i = 0; i < 40; i++)
		EXPECT_NE(NULL, nl_find(WEIR_A_CHANNEL_NAME, name[i]));
	ASSERT_EQ(0, nl_dump(WEIR_CMD_STATS_GET, NULL));
	for (i = 0; i < 40; i++)
		EXPECT_NE(NULL, nl_find(WEIR_A_STATS_CHANNEL, name[i]));
	ASSERT_EQ(0, nl_dump(WEIR_CMD_POOL_GET, NULL));
	for (i = 0; i < 40; i++)
		EXPECT_NE(NULL, nl_find(WEIR_A_POOL_NAME, name[i]));
	for (i = 0; i < 40; i++)
		EXPECT_EQ(0, chan_del(name[i], false));
}

TEST_F(netlink, a_pool_shows_its_classes)
{
	struct nl_obj *class;
	uint64_t blocks = 0, busy = 0;
	unsigned int n;
	struct raw s;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(1, raw_grant(&s, 0, 0, NULL));
	ASSERT_EQ(1, raw_grant(&s, 1, 0, NULL));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 3));
	ASSERT_EQ(0, nl_do(WEIR_CMD_POOL_GET, ATTRS(A_STR(WEIR_A_POOL_NAME, self->name))));
	for (n = 0; (class = nl_nest(nl_first(), WEIR_A_POOL_CLASS, n)); n++) {
		EXPECT_EQ(s.at.class_size[n], nl_num(class, WEIR_A_POOL_CLASS_SIZE));
		EXPECT_EQ(s.at.block_size[n], nl_num(class, WEIR_A_POOL_CLASS_BLOCK_SIZE));
		blocks += nl_num(class, WEIR_A_POOL_CLASS_BLOCKS);
		busy += nl_num(class, WEIR_A_POOL_CLASS_BUFFERS_BUSY);
		free(class);
	}
	EXPECT_EQ(s.at.nr_class, n);
	EXPECT_EQ(2, blocks);
	EXPECT_EQ(3, busy);
	raw_close(&s);
}

TEST_F(netlink, clients_are_shown)
{
	struct weir_cqe cqe;
	const struct nl_obj *o;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 5));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(1, raw_answer(&w, WEIR_OP_FAIL, 86400000, cqe.token));

	ASSERT_EQ(0, nl_do(WEIR_CMD_CLIENT_GET,
			   ATTRS(A_STR(WEIR_A_CLIENT_CHANNEL, self->name),
				 A_U32(WEIR_A_CLIENT_ID, w.at.client_id))));
	o = nl_first();
	EXPECT_STREQ(self->name, nl_str(o, WEIR_A_CLIENT_CHANNEL));
	EXPECT_EQ(getpid(), nl_num(o, WEIR_A_CLIENT_PID));
	EXPECT_STREQ("netlink", nl_str(o, WEIR_A_CLIENT_COMM));
	EXPECT_EQ(0, nl_num(o, WEIR_A_CLIENT_UID));
	EXPECT_EQ(5, nl_num(o, WEIR_A_CLIENT_DELIVERED));
	EXPECT_EQ(1, nl_num(o, WEIR_A_CLIENT_ACKED));
	EXPECT_EQ(1, nl_num(o, WEIR_A_CLIENT_FAILED));
	EXPECT_EQ(3, nl_num(o, WEIR_A_CLIENT_INFLIGHT));
	EXPECT_EQ(64, nl_num(o, WEIR_A_CLIENT_INFLIGHT_LIMIT));
	EXPECT_LE(nl_num(o, WEIR_A_CLIENT_LOAD), 1000);
	EXPECT_EQ(0, nl_num(o, WEIR_A_CLIENT_IDLE));
	EXPECT_EQ(5, client_num(self->name, s.at.client_id, WEIR_A_CLIENT_ACCEPTED));
	EXPECT_EQ(4, client_num(self->name, s.at.client_id, WEIR_A_CLIENT_UNSETTLED));
	EXPECT_EQ(1, client_num(self->name, s.at.client_id, WEIR_A_CLIENT_WAITING));
	EXPECT_EQ(0, client_num(self->name, w.at.client_id, WEIR_A_CLIENT_DROPPED));
	EXPECT_EQ(65536, client_num(self->name, s.at.client_id, WEIR_A_CLIENT_MEMORY));

	ASSERT_EQ(0, nl_dump(WEIR_CMD_CLIENT_GET,
			     ATTRS(A_STR(WEIR_A_CLIENT_CHANNEL, self->name))));
	EXPECT_EQ(2, nl_last.list.nr);
	ASSERT_EQ(0, nl_dump(WEIR_CMD_CLIENT_GET, NULL));
	EXPECT_GE(nl_last.list.nr, 2);
	EXPECT_NE(NULL, nl_find(WEIR_A_CLIENT_CHANNEL, self->name));
	raw_close(&s);
	raw_close(&w);
	ASSERT_EQ(0, nl_dump(WEIR_CMD_CLIENT_GET,
			     ATTRS(A_STR(WEIR_A_CLIENT_CHANNEL, self->name))));
	EXPECT_EQ(0, nl_last.list.nr);
}

TEST_F(netlink, a_channel_shows_who_holds_what_longest)
{
	struct weir_cqe first, cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 1));
	EXPECT_LT(CHAN(self->name, OLDEST_READY), 60 * SECOND);
	EXPECT_EQ(~0ULL, CHAN(self->name, OLDEST_ID));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &first));
	ASSERT_EQ(0, raw_send_nums(&s, 1, 1));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(first.seq, CHAN(self->name, OLDEST_ID));
	EXPECT_EQ(getpid(), CHAN(self->name, OLDEST_PID));
	EXPECT_EQ(1, CHAN(self->name, OLDEST_ATTEMPT));
	EXPECT_STREQ("netlink", nl_str(nl_first(), WEIR_A_CHANNEL_OLDEST_COMM));
	EXPECT_LT(CHAN(self->name, OLDEST_INFLIGHT), 60 * SECOND);
	EXPECT_EQ(1, CHAN(self->name, WORKERS_BUSY));
	EXPECT_EQ(2, CHAN(self->name, INFLIGHT_NOW));
	EXPECT_EQ(0, CHAN(self->name, READY));
	ASSERT_EQ(1, raw_ack(&w, first.token));
	EXPECT_EQ(cqe.seq, CHAN(self->name, OLDEST_ID));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(netlink, a_message_is_shown_with_its_payload)
{
	unsigned char *big = malloc(20000);
	const unsigned char *payload;
	const struct nl_obj *o;
	struct weir_sqe *sqe;
	struct raw s;
	size_t len, i;

	for (i = 0; i < 20000; i++)
		big[i] = i * 31;
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_put(&s, big, 20000, &sqe));
	sqe->key = 77;
	sqe->corr = 1ULL << 40;
	sqe->mtype = 1234;
	sqe->encoding = 56;
	sqe->cost = 789;
	sqe->deadline_ns = now_ns() + 3600 * SECOND;
	ASSERT_EQ(1, raw_submit(&s));
	ASSERT_EQ(0, raw_put(&s, "short", 5, NULL));
	ASSERT_EQ(1, raw_submit(&s));
	ASSERT_EQ(0, nl_dump(WEIR_CMD_MESSAGE_GET,
			     ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name))));
	ASSERT_EQ(2, nl_last.list.nr);
	EXPECT_FALSE(nl_has(nl_first(), WEIR_A_MESSAGE_PAYLOAD));

	ASSERT_EQ(0, nl_do(WEIR_CMD_MESSAGE_GET,
			   ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name),
				 A_U64(WEIR_A_MESSAGE_ID, 1))));
	o = nl_first();
	EXPECT_STREQ(self->name, nl_str(o, WEIR_A_MESSAGE_CHANNEL));
	EXPECT_EQ(WEIR_MESSAGE_STATE_READY, nl_num(o, WEIR_A_MESSAGE_STATE));
	EXPECT_EQ(20000, nl_num(o, WEIR_A_MESSAGE_LEN));
	EXPECT_EQ(77, nl_num(o, WEIR_A_MESSAGE_KEY));
	EXPECT_EQ(0, nl_num(o, WEIR_A_MESSAGE_PRIO));
	EXPECT_EQ(0, nl_num(o, WEIR_A_MESSAGE_ATTEMPT));
	EXPECT_EQ(0, nl_num(o, WEIR_A_MESSAGE_DELIVERIES));
	EXPECT_EQ(s.at.client_id, nl_num(o, WEIR_A_MESSAGE_SENDER));
	EXPECT_EQ(0, nl_num(o, WEIR_A_MESSAGE_SENDER_UID));
	EXPECT_LT(nl_num(o, WEIR_A_MESSAGE_AGE), 60 * SECOND);
	EXPECT_FALSE(nl_has(o, WEIR_A_MESSAGE_HOLDER));
	EXPECT_FALSE(nl_has(o, WEIR_A_MESSAGE_DUE));
	EXPECT_FALSE(nl_has(o, WEIR_A_MESSAGE_REASON));
	EXPECT_EQ(1ULL << 40, nl_num(o, WEIR_A_MESSAGE_CORR));
	EXPECT_EQ(1234, nl_num(o, WEIR_A_MESSAGE_MTYPE));
	EXPECT_EQ(56, nl_num(o, WEIR_A_MESSAGE_ENCODING));
	EXPECT_EQ(789, nl_num(o, WEIR_A_MESSAGE_COST));
	EXPECT_LT(3000 * SECOND, nl_num(o, WEIR_A_MESSAGE_DEADLINE));
	EXPECT_GE(3600 * SECOND, nl_num(o, WEIR_A_MESSAGE_DEADLINE));
	payload = nl_data(o, WEIR_A_MESSAGE_PAYLOAD, &len);
	ASSERT_EQ(16384, len);
	EXPECT_EQ(0, memcmp(payload, big, len));
	ASSERT_EQ(0, nl_do(WEIR_CMD_MESSAGE_GET,
			   ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name),
				 A_U64(WEIR_A_MESSAGE_ID, 1),
				 A_U32(WEIR_A_MESSAGE_OFFSET, 16384))));
	payload = nl_data(nl_first(), WEIR_A_MESSAGE_PAYLOAD, &len);
	ASSERT_EQ(20000 - 16384, len);
	EXPECT_EQ(0, memcmp(payload, big + 16384, len));

	ASSERT_EQ(0, nl_do(WEIR_CMD_MESSAGE_GET,
			   ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name),
				 A_U64(WEIR_A_MESSAGE_ID, 2))));
	EXPECT_FALSE(nl_has(nl_first(), WEIR_A_MESSAGE_DEADLINE));
	payload = nl_data(nl_first(), WEIR_A_MESSAGE_PAYLOAD, &len);
	ASSERT_EQ(5, len);
	EXPECT_EQ(0, memcmp(payload, "short", 5));

	ASSERT_EQ(0, nl_dump(WEIR_CMD_MESSAGE_GET,
			     ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name),
				   A_U32(WEIR_A_MESSAGE_PAYLOAD_MAX, 16384))));
	ASSERT_EQ(2, nl_last.list.nr);
	for (i = 0; i < 2; i++) {
		o = nl_last.list.obj[i];
		payload = nl_data(o, WEIR_A_MESSAGE_PAYLOAD, &len);
		if (nl_num(o, WEIR_A_MESSAGE_ID) == 1) {
			ASSERT_EQ(16384, len);
			EXPECT_EQ(0, memcmp(payload, big, len));
		} else {
			ASSERT_EQ(5, len);
			EXPECT_EQ(0, memcmp(payload, "short", 5));
		}
	}
	free(big);
	raw_close(&s);
}

TEST_F(netlink, a_message_is_given_its_past)
{
	struct nl_attr any[] = { A_STR(WEIR_A_MESSAGE_CHANNEL, self->name), A_END };
	const struct nl_obj *o;
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 1, 3));
	ASSERT_EQ(0, nl_do(WEIR_CMD_MESSAGE_SET,
			   ATTRS(any[0], A_U64(WEIR_A_MESSAGE_ID, 1),
				 A_U32(WEIR_A_MESSAGE_ATTEMPT, 2),
				 A_U32(WEIR_A_MESSAGE_DELIVERIES, 4))));
	ASSERT_EQ(0, nl_do(WEIR_CMD_MESSAGE_SET,
			   ATTRS(any[0], A_U64(WEIR_A_MESSAGE_ID, 2),
				 A_U32(WEIR_A_MESSAGE_ATTEMPT, 9),
				 A_U32(WEIR_A_MESSAGE_DELIVERIES, 9),
				 A_U32(WEIR_A_MESSAGE_REASON, WEIR_DEAD_REASON_REJECTED),
				 A_STR(WEIR_A_MESSAGE_REASON_TEXT, "not\tmine"))));
	EXPECT_EQ(2, STAT(self->name, READY));
	EXPECT_EQ(1, STAT(self->name, DEAD));
	EXPECT_EQ(1, STAT(self->name, DIED_REJECTED));
	ASSERT_EQ(0, nl_do(WEIR_CMD_MESSAGE_GET,
			   ATTRS(any[0], A_U64(WEIR_A_MESSAGE_ID, 2))));
	o = nl_first();
	EXPECT_EQ(WEIR_MESSAGE_STATE_DEAD, nl_num(o, WEIR_A_MESSAGE_STATE));
	EXPECT_EQ(9, nl_num(o, WEIR_A_MESSAGE_ATTEMPT));
	EXPECT_EQ(WEIR_DEAD_REASON_REJECTED, nl_num(o, WEIR_A_MESSAGE_REASON));
	EXPECT_STREQ("not mine", nl_str(o, WEIR_A_MESSAGE_REASON_TEXT));

	/* The past counts: this is its third attempt, of five. */
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(1, cqe.seq);
	EXPECT_EQ(3, cqe.attempts);
	EXPECT_TRUE(cqe.flags & WEIR_CQE_REDELIVERED);
	EXPECT_EQ(-EINVAL, nl_do(WEIR_CMD_MESSAGE_SET,
				 ATTRS(any[0], A_U64(WEIR_A_MESSAGE_ID, 1))));
	EXPECT_NE(NULL, strstr(nl_last.text, "message 1 is inflight"));
	EXPECT_EQ(-EINVAL, nl_do(WEIR_CMD_MESSAGE_SET,
				 ATTRS(any[0], A_U64(WEIR_A_MESSAGE_ID, 2))));
	EXPECT_NE(NULL, strstr(nl_last.text, "message 2 is dead"));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(netlink, message_dumps_can_be_narrowed)
{
	struct nl_attr any[] = { A_STR(WEIR_A_MESSAGE_CHANNEL, self->name), A_END };
	char seen[1001] = "";
	struct weir_cqe cqe;
	struct raw s, w;
	uint64_t id;
	size_t i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 1000));
	ASSERT_EQ(0, nl_dump(WEIR_CMD_MESSAGE_GET, any));
	ASSERT_EQ(1000, nl_last.list.nr);
	for (i = 0; i < 1000; i++) {
		id = nl_num(nl_last.list.obj[i], WEIR_A_MESSAGE_ID);
		ASSERT_LE(id, 1000);
		EXPECT_EQ(0, seen[id]++);
	}
	ASSERT_EQ(0, nl_dump(WEIR_CMD_MESSAGE_GET,
			     ATTRS(any[0], A_U32(WEIR_A_MESSAGE_LIMIT, 17))));
	EXPECT_EQ(17, nl_last.list.nr);
	ASSERT_EQ(0, nl_dump(WEIR_CMD_MESSAGE_GET,
			     ATTRS(any[0], A_U64(WEIR_A_MESSAGE_OLDER, 3600 * SECOND))));
	EXPECT_EQ(0, nl_last.list.nr);
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_LT(0, i == 0 ? raw_reject(&w, cqe.token, "x") :
			     i == 1 ? raw_answer(&w, WEIR_OP_FAIL, 86400000, cqe.token) : 1);
	}
	ASSERT_EQ(0, nl_dump(WEIR_CMD_MESSAGE_GET,
			     ATTRS(any[0], A_U32(WEIR_A_MESSAGE_STATE, WEIR_MESSAGE_STATE_DEAD))));
	EXPECT_EQ(1, nl_last.list.nr);
	ASSERT_EQ(0, nl_dump(WEIR_CMD_MESSAGE_GET,
			     ATTRS(any[0], A_U32(WEIR_A_MESSAGE_STATE,
						 WEIR_MESSAGE_STATE_DELAYED))));
	EXPECT_EQ(1, nl_last.list.nr);
	ASSERT_EQ(0, nl_dump(WEIR_CMD_MESSAGE_GET,
			     ATTRS(any[0], A_U32(WEIR_A_MESSAGE_STATE,
						 WEIR_MESSAGE_STATE_INFLIGHT))));
	id = nl_last.list.nr;
	EXPECT_EQ(STAT(self->name, INFLIGHT), id);
	ASSERT_EQ(0, nl_dump(WEIR_CMD_MESSAGE_GET,
			     ATTRS(any[0], A_U32(WEIR_A_MESSAGE_STATE,
						 WEIR_MESSAGE_STATE_READY))));
	EXPECT_EQ(1000 - 2 - id, nl_last.list.nr);
	raw_close(&s);
	raw_close(&w);
}

/* A histogram's own rules. Return: values counted, or -1 if it breaks one. */
static int64_t check_hist(const struct nl_obj *stats, int attr)
{
	struct nl_obj *h = nl_nest(stats, attr, 0);
	uint64_t sum = 0, n, last = 0, low, count, pair[2];
	const char *buckets;
	size_t len, i;

	if (!h)
		return -1;
	n = nl_num(h, WEIR_A_HIST_COUNT);
	buckets = nl_data(h, WEIR_A_HIST_BUCKETS, &len);
	if (len % sizeof(pair))
		return -1;
	for (i = 0; i < len; i += sizeof(pair)) {
		memcpy(pair, buckets + i, sizeof(pair));
		low = pair[0];
		count = pair[1];
		/* Ascending, not empty, and a bound there is: 4 leading bits at most. */
		if ((i && low <= last) || !count ||
		    (low >= 16 && low & ((1ULL << (63 - __builtin_clzll(low) - 3)) - 1)))
			return -1;
		sum += count;
		last = low;
	}
	if (sum != n || last > nl_num(h, WEIR_A_HIST_HIGHEST) ||
	    (n && nl_num(h, WEIR_A_HIST_SUM) < nl_num(h, WEIR_A_HIST_HIGHEST)) ||
	    nl_num(h, WEIR_A_HIST_SUM) > n * nl_num(h, WEIR_A_HIST_HIGHEST))
		return -1;
	free(h);
	return n;
}

TEST_F(netlink, histograms_add_up)
{
	const struct nl_obj *o;
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k;
	int i;

	STAT(self->name, ACCEPTED);
	EXPECT_EQ(0, check_hist(nl_first(), WEIR_A_STATS_HIST_TOTAL));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 50));
	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_open(&w, self->name, RAW_WORK));
		EXPECT_EQ(0, raw_enter(&w, WEIR_ENTER_WAIT, 0, 50, RAW_PATIENCE));
		_exit(0);
	}
	EXPECT_EQ(0, kid_end(&k));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(1, i < 40 ? raw_ack(&w, cqe.token) : raw_reject(&w, cqe.token, ""));
	}
	STAT(self->name, ACCEPTED);
	o = nl_first();
	EXPECT_EQ(50, check_hist(o, WEIR_A_STATS_HIST_WAITING));
	EXPECT_EQ(50, check_hist(o, WEIR_A_STATS_HIST_WORKING));
	EXPECT_EQ(40, check_hist(o, WEIR_A_STATS_HIST_TOTAL));
	EXPECT_EQ(50, check_hist(o, WEIR_A_STATS_HIST_REDELIVERY));
	EXPECT_EQ(100, nl_num(o, WEIR_A_STATS_DELIVERED));
	EXPECT_GT(nl_num(o, WEIR_A_STATS_ENTERS), 50);
	EXPECT_EQ(0, nl_num(o, WEIR_A_STATS_JOINED));
	EXPECT_EQ(0, nl_num(o, WEIR_A_STATS_FORWARDED));
	raw_close(&s);
	raw_close(&w);
}

TEST_HARNESS_MAIN
