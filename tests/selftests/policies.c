// SPDX-License-Identifier: GPL-2.0-only
/* The policies that come with the module, by name and by what they do. */
#include "kselftest_harness.h"

#include "bed.h"

CHANNEL_FIXTURE(policies, A_U32(WEIR_A_CHANNEL_INFLIGHT, 100),
		A_U32(WEIR_A_CHANNEL_BATCH, 1))

#define WORKERS	4
#define KEYS	60

static const char * const names[] = {
	"least-loaded", "least-inflight", "round-robin", "key-hash",
};

static int set_policy(const char *name, const char *policy)
{
	return chan_set(name, ATTRS(A_STR(WEIR_A_CHANNEL_POLICY, policy)));
}

static int send_key(struct raw *s, uint64_t key)
{
	struct weir_sqe *sqe;
	int ret = raw_put_num(s, key, &sqe);

	if (ret < 0)
		return ret;
	sqe->key = key;
	/* None is left to submit where somebody has swept the ring meanwhile. */
	ret = raw_submit(s);
	return ret < 0 ? ret : 0;
}

/* Who of these gets a message with this key? It is acknowledged. -1 nobody. */
static int whose(struct raw *s, struct raw *w, const bool *here, uint64_t key)
{
	struct weir_cqe cqe;
	int i;

	if (send_key(s, key))
		return -1;
	for (i = 0; i < WORKERS; i++)
		if (here[i] && raw_pop(&w[i], &cqe))
			return raw_ack(&w[i], cqe.token) == 1 && cqe.key == key ? i : -1;
	return -1;
}

TEST_F(policies, key_hash_keeps_keys_and_few_move)
{
	bool here[WORKERS] = { true, true, true, true };
	int home[KEYS], nr[WORKERS] = { 0 }, now, i;
	struct raw s, w[WORKERS];

	ASSERT_EQ(0, set_policy(self->name, "key-hash"));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	for (i = 0; i < WORKERS; i++)
		ASSERT_EQ(0, raw_open(&w[i], self->name, RAW_WORK));
	for (i = 0; i < KEYS; i++) {
		home[i] = whose(&s, w, here, 1 + i);
		ASSERT_LE(0, home[i]);
		nr[home[i]]++;
	}
	for (i = 0; i < WORKERS; i++)
		EXPECT_LT(0, nr[i]);
	for (i = 0; i < KEYS; i++)
		EXPECT_EQ(home[i], whose(&s, w, here, 1 + i));
	/* One leaves: its keys move, and no other. */
	raw_close(&w[1]);
	here[1] = false;
	for (i = 0; i < KEYS; i++) {
		now = whose(&s, w, here, 1 + i);
		ASSERT_LE(0, now);
		if (home[i] != 1)
			EXPECT_EQ(home[i], now);
		home[i] = now;
	}
	/* One comes: what moves goes there. */
	ASSERT_EQ(0, raw_open(&w[1], self->name, RAW_WORK));
	here[1] = true;
	for (i = 0; i < KEYS; i++) {
		now = whose(&s, w, here, 1 + i);
		if (now != home[i])
			EXPECT_EQ(1, now);
	}
	raw_close(&s);
	for (i = 0; i < WORKERS; i++)
		raw_close(&w[i]);
}

/* Without a key: who holds least, as least-inflight. */
TEST_F(policies, key_hash_without_keys_evens_out)
{
	struct raw s, w[WORKERS];
	int i;

	ASSERT_EQ(0, set_policy(self->name, "key-hash"));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	for (i = 0; i < WORKERS; i++)
		ASSERT_EQ(0, raw_open(&w[i], self->name, RAW_WORK));
	for (i = 0; i < 5 * WORKERS; i++)
		ASSERT_EQ(0, raw_send_nums(&s, i, 1));
	for (i = 0; i < WORKERS; i++)
		EXPECT_EQ(5, client_num(self->name, w[i].at.client_id,
					WEIR_A_CLIENT_INFLIGHT));
	raw_close(&s);
	for (i = 0; i < WORKERS; i++)
		raw_close(&w[i]);
}

/* A child that acknowledges whatever comes until it is killed. */
static void work_on(const char *name, bool burn)
{
	struct weir_cqe cqe;
	struct raw w;

	if (raw_open(&w, name, RAW_WORK))
		_exit(1);
	for (;;) {
		if (raw_next_in(&w, burn ? RAW_NEVER : RAW_PATIENCE, &cqe) == 0 &&
		    raw_ack(&w, cqe.token) != 1)
			_exit(1);
	}
}

TEST_F(policies, nothing_is_lost_while_they_are_changed)
{
	const unsigned int nr = 2000;
	uint64_t end, acked, last = 0;
	struct kid kid[3], sender;
	unsigned int i, changes = 0;
	struct raw s;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 16))));
	for (i = 0; i < ARRAY_SIZE(kid); i++)
		if (kid_fork(&kid[i]))
			work_on(self->name, false);
	ASSERT_TRUE(WAIT_FOR(CHAN(self->name, WORKERS) == ARRAY_SIZE(kid)));
	if (kid_fork(&sender)) {
		if (raw_open(&s, self->name, RAW_SEND))
			_exit(1);
		for (i = 0; i < nr; i++) {
			if (i % (nr / 8) == 0) {
				kid_say(&sender, 'm');
				if (kid_hear(&sender) != 'g')
					_exit(1);
			}
			/* Every other one with a key. */
			if (i & 1 ? send_key(&s, 1 + i % 37) : raw_send_nums(&s, i, 1))
				_exit(1);
		}
		kid_hold(&sender);
	}
	end = now_ns() + 3 * RAW_PATIENCE;
	while ((acked = STAT(self->name, ACKED)) < nr && now_ns() < end) {
		ASSERT_EQ(0, set_policy(self->name, names[changes % ARRAY_SIZE(names)]));
		changes++;
		/* There is a change in each eighth. */
		if (kid_ended(&sender)) {
			if (kid_hear(&sender) != 'm')
				break;
			kid_say(&sender, 'g');
		}
		if (acked > last)
			end = now_ns() + 3 * RAW_PATIENCE;
		last = acked;
		if (STAT(self->name, ACCEPTED) == nr)
			breathe();
	}
	EXPECT_EQ(nr, STAT(self->name, ACCEPTED));
	EXPECT_EQ(nr, STAT(self->name, ACKED));
	EXPECT_EQ(nr, STAT(self->name, DELIVERED));
	EXPECT_EQ(0, STAT(self->name, REFUSED));
	EXPECT_EQ(0, STAT(self->name, REDELIVERED));
	EXPECT_TRUE(chan_balanced(self->name));
	EXPECT_LE(8, changes);
	kid_kill(&sender);
	for (i = 0; i < ARRAY_SIZE(kid); i++)
		kid_kill(&kid[i]);
}

static uint64_t load_of(const char *name, uint32_t id)
{
	return client_num(name, id, WEIR_A_CLIENT_LOAD);
}

static uint64_t done_by(const char *name, uint32_t id)
{
	return client_num(name, id, WEIR_A_CLIENT_DELIVERED);
}

/* The client that attached last. */
static uint32_t last_client(const char *name)
{
	uint32_t last = 0;
	size_t i;

	if (nl_dump(WEIR_CMD_CLIENT_GET, ATTRS(A_STR(WEIR_A_CLIENT_CHANNEL, name))))
		return 0;
	for (i = 0; i < nl_last.list.nr; i++) {
		uint32_t id = nl_num(nl_last.list.obj[i], WEIR_A_CLIENT_ID);

		last = id > last ? id : last;
	}
	return last;
}

/*
 * One worker burns its processor and answers at once, one sits on a message as
 * if it waited for a disk, one is idle: most go to the idle one.
 */
TEST_F(policies, least_loaded_prefers_the_idle_to_the_burdened)
{
	uint32_t burning, idle, holding;
	struct kid burner, idler;
	struct weir_cqe cqe;
	uint64_t before, end;
	bool measured;
	struct raw s, w;
	int i = 0;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_LOAD_INTERVAL, 20))));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	holding = w.at.client_id;
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 1));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	if (kid_fork(&burner))
		work_on(self->name, true);
	ASSERT_TRUE(WAIT_FOR(CHAN(self->name, WORKERS) == 2));
	burning = last_client(self->name);
	if (kid_fork(&idler))
		work_on(self->name, false);
	ASSERT_TRUE(WAIT_FOR(CHAN(self->name, WORKERS) == 3));
	idle = last_client(self->name);
	/* Loads are measured while there is traffic. */
	end = now_ns() + 3 * RAW_PATIENCE;
	do {
		breathe();
		ASSERT_EQ(0, raw_send_nums(&s, ++i, 1));
		measured = load_of(self->name, burning) > 700 &&
			   load_of(self->name, holding) > 900 &&
			   load_of(self->name, idle) < 400;
	} while (!measured && now_ns() < end);
	ASSERT_TRUE(measured);
	before = done_by(self->name, idle);
	for (i = 0; i < 40; i++) {
		ASSERT_EQ(0, raw_send_nums(&s, 5000 + i, 1));
		ASSERT_TRUE(WAIT_FOR(STAT(self->name, READY) == 0));
		/* So that it is idle again. */
		ASSERT_TRUE(WAIT_FOR(client_num(self->name, idle,
						WEIR_A_CLIENT_INFLIGHT) == 0));
	}
	EXPECT_LE(24, done_by(self->name, idle) - before);
	kid_kill(&burner);
	kid_kill(&idler);
	raw_close(&w);
	raw_close(&s);
}

TEST_F(policies, the_list_has_those_of_the_module)
{
	const struct nl_obj *o;
	size_t i;

	ASSERT_EQ(0, set_policy(self->name, "key-hash"));
	ASSERT_EQ(0, nl_dump(WEIR_CMD_POLICY_GET, NO_ATTRS));
	ASSERT_LE(ARRAY_SIZE(names), nl_last.list.nr);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		o = nl_find(WEIR_A_POLICY_NAME, names[i]);
		ASSERT_NE(NULL, o) TH_LOG("%s", names[i]);
		EXPECT_EQ(WEIR_POLICY_KIND_BUILTIN, nl_num(o, WEIR_A_POLICY_KIND));
		EXPECT_FALSE(nl_has(o, WEIR_A_POLICY_CALLS));
		EXPECT_FALSE(nl_has(o, WEIR_A_POLICY_EXIT_REASON));
	}
	o = nl_find(WEIR_A_POLICY_NAME, "key-hash");
	EXPECT_LE(1, nl_num(o, WEIR_A_POLICY_CHANNELS));
	EXPECT_STREQ(self->name, nl_str(o, WEIR_A_POLICY_CHANNEL));
	ASSERT_EQ(0, nl_do(WEIR_CMD_POLICY_GET,
			   ATTRS(A_STR(WEIR_A_POLICY_NAME, "round-robin"))));
	EXPECT_STREQ("round-robin", nl_str(nl_first(), WEIR_A_POLICY_NAME));
	EXPECT_FALSE(nl_has(nl_first(), WEIR_A_POLICY_CHANNEL));
}

TEST_F(policies, one_that_is_not_there_is_named)
{
	EXPECT_EQ(-ENOENT, nl_do(WEIR_CMD_POLICY_GET,
				 ATTRS(A_STR(WEIR_A_POLICY_NAME, "fastest"))));
	EXPECT_NE(NULL, strstr(nl_last.text, "fastest"));
	EXPECT_EQ(WEIR_A_POLICY_NAME, nl_last.bad_type);
	EXPECT_EQ(-EINVAL, nl_do(WEIR_CMD_POLICY_GET, NO_ATTRS));
	EXPECT_NE('\0', nl_last.text[0]);
}

TEST_HARNESS_MAIN
