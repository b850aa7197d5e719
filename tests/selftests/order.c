// SPDX-License-Identifier: GPL-2.0-only
/*
 * In what order messages leave, and which leave unseen: priorities, keys,
 * deferred sends, deadlines, and the limits of a batch.
 */
#include "kselftest_harness.h"

#include "bed.h"

#define NEVER_MS	86400000	/* ms, longer than any test */

#define MESSAGE(name, id, attr)	message_num((name), (id), WEIR_A_MESSAGE_##attr)

/* What comes back is ready at once. */
CHANNEL_FIXTURE(order, A_U32(WEIR_A_CHANNEL_INFLIGHT, 64),
		A_U32(WEIR_A_CHANNEL_PRIORITIES, 4),
		A_U32(WEIR_A_CHANNEL_PRIORITY_BURST, 65535),
		A_U32(WEIR_A_CHANNEL_BACKOFF_MIN, 0))

/* A message that is a number, with the fields that matter here. */
struct order {
	uint64_t num;
	uint64_t key;
	uint64_t deadline;
	uint32_t defer;
	uint32_t cost;
	uint8_t prio;
	uint8_t flags;
};

static int put(struct raw *s, struct order o)
{
	struct weir_sqe *sqe;
	int ret = raw_put_num(s, o.num, &sqe);

	if (ret)
		return ret;
	sqe->key = o.key;
	sqe->deadline_ns = o.deadline;
	sqe->defer_ms = o.defer;
	sqe->cost = o.cost;
	sqe->prio = o.prio;
	sqe->flags = o.flags;
	return 0;
}

static int send_one(struct raw *s, struct order o)
{
	int ret = put(s, o);

	if (ret)
		return ret;
	ret = raw_submit(s);
	return ret == 1 ? 0 : ret ?: -EAGAIN;
}

#define SEND(s, ...)	send_one((s), (struct order){ __VA_ARGS__ })

/* The next message, which has to be this one. Return: its number or ~0. */
static uint64_t take(struct raw *w, struct weir_cqe *cqe)
{
	return raw_next(w, cqe) ? ~0ULL : raw_num(w, cqe);
}

static bool nothing_for(struct raw *w)
{
	struct weir_cqe cqe;

	return raw_next_in(w, RAW_NEVER, &cqe) == -ETIME;
}

/* What RESULT a send gets that has to be refused. */
static int refusal(struct raw *s, struct order o)
{
	struct weir_cqe cqe;
	int ret = send_one(s, o);

	ret = ret ?: raw_result(s, &cqe);
	return ret ?: cqe.res;
}

/* ---- priorities ---- */

TEST_F(order, the_most_urgent_goes_first)
{
	struct weir_cqe cqe;
	struct raw s, w;
	uint64_t i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	for (i = 0; i < 40; i++)
		ASSERT_EQ(0, SEND(&s, .num = i, .prio = 3 - i % 4));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 40; i++) {
		ASSERT_EQ(i % 10 * 4 + 3 - i / 10, take(&w, &cqe));
		EXPECT_EQ(i / 10, cqe.prio);
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	raw_close(&s);
	raw_close(&w);
}

/* One that comes later passes those that wait, whatever the batch. */
TEST_F(order, the_urgent_pass_those_that_wait)
{
	struct weir_attach ask = { .role = WEIR_ROLE_WORK, .inflight = 1 };
	struct weir_cqe cqe;
	struct raw s, w;
	uint64_t i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open_as(&w, self->name, ask));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, SEND(&s, .num = i, .prio = 2));
	ASSERT_EQ(0, take(&w, &cqe));
	ASSERT_EQ(0, SEND(&s, .num = 10, .prio = 1));
	/* Its sender may have been told that it need not call. */
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(10, take(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(1, take(&w, &cqe));
	raw_close(&s);
	raw_close(&w);
}

/* What comes back keeps its priority, and its place there. */
TEST_F(order, a_priority_is_kept_when_it_comes_back)
{
	struct weir_attach ask = { .role = WEIR_ROLE_WORK, .inflight = 1 };
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, SEND(&s, .num = 0, .prio = 1));
	ASSERT_EQ(0, SEND(&s, .num = 1, .prio = 1));
	ASSERT_EQ(0, raw_open_as(&w, self->name, ask));
	ASSERT_EQ(0, take(&w, &cqe));
	ASSERT_EQ(0, SEND(&s, .num = 2, .prio = 0));
	ASSERT_EQ(1, raw_answer(&w, WEIR_OP_FAIL, 0, cqe.token));
	ASSERT_EQ(2, take(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(0, take(&w, &cqe));
	EXPECT_EQ(1, cqe.prio);
	EXPECT_EQ(2, cqe.attempts);
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(1, take(&w, &cqe));
	raw_close(&s);
	raw_close(&w);
}

/*
 * With a burst of 3 a priority that waits goes after 3 more urgent ones. Where
 * two are due together the more urgent of them goes first.
 */
TEST_F(order, the_less_urgent_do_not_starve)
{
	static const char turns[] = "00012000120001000100000000";
	static const unsigned int nr[] = { 20, 4, 2 };
	unsigned int seen[3] = { 0 }, p, i;
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_PRIORITY_BURST, 3))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	for (p = 0; p < 3; p++)
		for (i = 0; i < nr[p]; i++)
			ASSERT_EQ(0, SEND(&s, .num = 100 * p + i, .prio = p));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; turns[i]; i++) {
		p = turns[i] - '0';
		ASSERT_EQ(100 * p + seen[p], take(&w, &cqe))
			TH_LOG("turn %u", i);
		seen[p]++;
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(26, STAT(self->name, ACKED));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(order, a_priority_out_of_range_is_refused)
{
	static const uint8_t bad[] = { 4, 7, 8, 255 };
	struct weir_sqe *sqe;
	struct weir_cqe cqe;
	struct raw s, w;
	size_t i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	for (i = 0; i < sizeof(bad); i++)
		EXPECT_EQ(-EINVAL, refusal(&s, (struct order){ .prio = bad[i] }));
	EXPECT_EQ(sizeof(bad), STAT(self->name, REFUSED_INVALID));
	EXPECT_EQ(0, STAT(self->name, ACCEPTED));
	/* An answer has none. */
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, SEND(&s, .prio = 3));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	sqe = raw_put_answer(&w, WEIR_OP_ACK, 0, &cqe.token, 1);
	sqe->prio = 1;
	ASSERT_EQ(1, raw_submit(&w));
	ASSERT_EQ(0, raw_result(&w, &cqe));
	EXPECT_EQ(-EINVAL, cqe.res);
	EXPECT_EQ(1, STAT(self->name, INFLIGHT));
	raw_close(&s);
	raw_close(&w);
}

#define SENDERS	3
#define SENT	300ULL		/* by each */

/* The number says who sent it, with what priority, and as which one. */
static void produce(const char *name, uint64_t who)
{
	struct raw s;
	uint64_t i;
	int ret;

	if (raw_open(&s, name, RAW_SEND))
		_exit(1);
	for (i = 0; i < SENT; i++) {
		ret = put(&s, (struct order){ .num = who << 32 | i, .prio = i % 2 });
		if (ret)
			_exit(2);
		if (i % 7 == 0 && raw_submit(&s) < 0)
			_exit(3);
	}
	if (raw_submit(&s) < 0)
		_exit(4);
	_exit(0);
}

TEST_F(order, each_senders_messages_stay_in_order)
{
	uint64_t last[2][SENDERS][2] = { 0 }, n, got = 0;
	struct kid k[SENDERS];
	struct weir_cqe cqe;
	struct raw w[2];
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, raw_open(&w[i], self->name, RAW_WORK));
	for (i = 0; i < SENDERS; i++)
		if (kid_fork(&k[i]))
			produce(self->name, i);
	for (i = 0; got < SENDERS * SENT; i = !i) {
		if (raw_next_in(&w[i], 10 * MS, &cqe))
			continue;
		n = raw_num(&w[i], &cqe);
		ASSERT_LT(n >> 32, SENDERS);
		ASSERT_EQ(n % 2, cqe.prio);
		/* Counted from 1, so that the first is above none. */
		ASSERT_LT(last[i][n >> 32][n % 2], (uint32_t)n + 1);
		last[i][n >> 32][n % 2] = (uint32_t)n + 1;
		ASSERT_EQ(1, raw_ack(&w[i], cqe.token));
		got++;
	}
	for (i = 0; i < SENDERS; i++)
		EXPECT_EQ(0, kid_end(&k[i]));
	EXPECT_EQ(SENDERS * SENT, STAT(self->name, ACKED));
	for (i = 0; i < 2; i++)
		raw_close(&w[i]);
}

/* ---- keys ---- */

TEST_F(order, a_key_is_with_one_worker_at_a_time)
{
	struct weir_cqe cqe, other;
	struct raw s, w[2];
	unsigned int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w[0], self->name, RAW_WORK));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, SEND(&s, .num = i, .key = 7));
	ASSERT_EQ(0, take(&w[0], &cqe));
	EXPECT_EQ(7, cqe.key);
	/* There is room at both workers, but not for this key. */
	ASSERT_EQ(0, raw_open(&w[1], self->name, RAW_WORK));
	EXPECT_TRUE(nothing_for(&w[0]));
	EXPECT_TRUE(nothing_for(&w[1]));
	EXPECT_EQ(1, STAT(self->name, INFLIGHT));
	EXPECT_EQ(2, STAT(self->name, READY));
	/* Another key, and none at all, pass by. */
	ASSERT_EQ(0, raw_enter(&w[0], WEIR_ENTER_STOP, 0, 0, 0));
	ASSERT_EQ(0, SEND(&s, .num = 10, .key = 8));
	ASSERT_EQ(10, take(&w[1], &other));
	ASSERT_EQ(1, raw_ack(&w[1], other.token));
	ASSERT_EQ(0, SEND(&s, .num = 20));
	ASSERT_EQ(20, take(&w[1], &other));
	ASSERT_EQ(1, raw_ack(&w[1], other.token));
	/* The next of the key may go to another worker. */
	ASSERT_EQ(1, raw_ack(&w[0], cqe.token));
	for (i = 1; i < 3; i++) {
		ASSERT_EQ(i, take(&w[1], &cqe));
		EXPECT_EQ(1, STAT(self->name, INFLIGHT));
		ASSERT_EQ(1, raw_ack(&w[1], cqe.token));
	}
	raw_close(&s);
	raw_close(&w[0]);
	raw_close(&w[1]);
}

/* Many keys that share buckets of a table, or so one may hope. */
TEST_F(order, many_keys_do_not_mix)
{
	const unsigned int keys = 200, each = 5;
	unsigned int seen[200] = { 0 }, i, got;
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	for (i = 0; i < keys * each; i++) {
		if (raw_pending(&s) == s.at.sq_entries)
			ASSERT_LT(0, raw_submit(&s));
		ASSERT_EQ(0, put(&s, (struct order){ .num = i / keys,
						     .key = 1 + i % keys }));
	}
	ASSERT_LT(0, raw_submit(&s));
	EXPECT_EQ(keys * each, STAT(self->name, READY));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (got = 0; got < keys * each; got++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(seen[cqe.key - 1], raw_num(&w, &cqe));
		seen[cqe.key - 1]++;
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	raw_close(&s);
	raw_close(&w);
}

TEST_F(order, a_key_waits_while_its_message_comes_back)
{
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, SEND(&s, .num = 0, .key = 7));
	ASSERT_EQ(0, SEND(&s, .num = 1, .key = 7));
	/* Through a long back-off, and a long delay. */
	ASSERT_EQ(0, take(&w, &cqe));
	ASSERT_EQ(1, raw_answer(&w, WEIR_OP_FAIL, NEVER_MS, cqe.token));
	EXPECT_TRUE(nothing_for(&w));
	EXPECT_EQ(1, STAT(self->name, DELAYED));
	EXPECT_EQ(1, STAT(self->name, READY));
	ASSERT_EQ(1, message_do(WEIR_CMD_MESSAGE_RELEASE, self->name, cqe.seq));
	ASSERT_EQ(0, take(&w, &cqe));
	ASSERT_EQ(1, raw_answer(&w, WEIR_OP_RELEASE, NEVER_MS, cqe.token));
	EXPECT_TRUE(nothing_for(&w));
	ASSERT_EQ(1, message_do(WEIR_CMD_MESSAGE_RELEASE, self->name, cqe.seq));
	ASSERT_EQ(0, take(&w, &cqe));
	/* Taken by hand, it comes back first, too. */
	ASSERT_EQ(1, message_do(WEIR_CMD_MESSAGE_RELEASE, self->name, cqe.seq));
	ASSERT_EQ(0, take(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(1, take(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(order, a_key_goes_on_when_its_message_is_gone)
{
	struct weir_cqe cqe;
	struct raw s, w;
	unsigned int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 6; i++)
		ASSERT_EQ(0, SEND(&s, .num = i, .key = 7));
	ASSERT_EQ(0, take(&w, &cqe));
	ASSERT_EQ(1, raw_reject(&w, cqe.token, "no"));
	ASSERT_EQ(1, take(&w, &cqe));
	/* One that is killed in its place behind is not waited for. */
	ASSERT_EQ(1, message_do(WEIR_CMD_MESSAGE_KILL, self->name, cqe.seq + 1));
	ASSERT_EQ(1, message_do(WEIR_CMD_MESSAGE_KILL, self->name, cqe.seq));
	ASSERT_EQ(3, take(&w, &cqe));
	/* Nor are those that are purged. */
	ASSERT_EQ(0, nl_do(WEIR_CMD_CHANNEL_PURGE,
			   ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->name),
				 A_U32(WEIR_A_CHANNEL_PURGE, WEIR_MESSAGE_STATE_READY))));
	EXPECT_EQ(2, STAT(self->name, PURGED));
	ASSERT_EQ(0, SEND(&s, .num = 6, .key = 7));
	EXPECT_TRUE(nothing_for(&w));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(6, take(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	/* A dead one that is requeued goes behind those that are there. */
	ASSERT_EQ(0, SEND(&s, .num = 7, .key = 7));
	ASSERT_EQ(7, take(&w, &cqe));
	ASSERT_EQ(1, message_do(WEIR_CMD_MESSAGE_REQUEUE, self->name, cqe.seq - 7));
	EXPECT_TRUE(nothing_for(&w));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(0, take(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	raw_close(&s);
	raw_close(&w);
}

/* A child that holds @nr messages, having read @seen of them. */
static void spawn_holder(struct __test_metadata *_metadata, struct kid *k,
			 const char *name, unsigned int nr, unsigned int seen)
{
	struct weir_attach ask = { .role = WEIR_ROLE_WORK, .inflight = nr };
	struct weir_cqe cqe;
	struct raw r;

	if (kid_fork(k)) {
		EXPECT_EQ(0, raw_open_as(&r, name, ask));
		EXPECT_EQ(0, raw_enter(&r, WEIR_ENTER_WAIT, 0, nr, RAW_PATIENCE));
		while (seen--)
			EXPECT_TRUE(raw_pop(&r, &cqe));
		kid_say(k, 'h');
		kid_hold(k);
	}
	ASSERT_EQ('h', kid_hear(k));
}

TEST_F(order, a_key_stays_in_order_when_its_worker_dies)
{
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k;
	unsigned int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, SEND(&s, .num = i, .key = 7));
	spawn_holder(_metadata, &k, self->name, 1, 1);
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	EXPECT_TRUE(nothing_for(&w));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(i, take(&w, &cqe));
		EXPECT_EQ(i ? 1 : 2, cqe.attempts);
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	raw_close(&s);
	raw_close(&w);
}

/* Whichever dies first, what they held comes back in its old order. */
static void two_die(struct __test_metadata *_metadata, const char *name, int first,
		    unsigned int seen)
{
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k[2];
	unsigned int i;

	ASSERT_EQ(0, raw_open(&s, name, RAW_SEND));
	for (i = 0; i < 12; i++)
		ASSERT_EQ(0, SEND(&s, .num = i));
	spawn_holder(_metadata, &k[0], name, 4, seen);
	spawn_holder(_metadata, &k[1], name, 4, seen);
	EXPECT_EQ(8, STAT(name, INFLIGHT));
	EXPECT_EQ(SIGKILL, kid_kill(&k[first]));
	EXPECT_EQ(SIGKILL, kid_kill(&k[!first]));
	EXPECT_EQ(0, STAT(name, INFLIGHT));
	EXPECT_EQ(2 * seen, STAT(name, CRASHED_SEEN));
	ASSERT_EQ(0, raw_open(&w, name, RAW_WORK));
	/* What they had seen goes first, alone. */
	for (i = 0; i < 2 * seen; i++) {
		ASSERT_EQ(i % seen + i / seen * 4, take(&w, &cqe));
		EXPECT_EQ(1, STAT(name, INFLIGHT));
		EXPECT_EQ(2, cqe.attempts);
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	for (i = 0; i < 12; i++) {
		if (i < 8 && i % 4 < seen)
			continue;
		ASSERT_EQ(i, take(&w, &cqe));
		EXPECT_EQ(1, cqe.attempts);
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(12, STAT(name, ACKED));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(order, two_workers_die_the_older_first)
{
	two_die(_metadata, self->name, 0, 0);
}

TEST_F(order, two_workers_die_the_younger_first)
{
	two_die(_metadata, self->name, 1, 0);
}

TEST_F(order, two_workers_die_with_what_they_saw_the_older_first)
{
	two_die(_metadata, self->name, 0, 2);
}

TEST_F(order, two_workers_die_with_what_they_saw_the_younger_first)
{
	two_die(_metadata, self->name, 1, 2);
}

/* Each holds the first of two keys, which others of the key wait behind. */
static void two_die_with_keys(struct __test_metadata *_metadata, const char *name,
			      int first, unsigned int seen)
{
	unsigned int next[4] = { 0 }, i;
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k[2];

	ASSERT_EQ(0, raw_open(&s, name, RAW_SEND));
	for (i = 0; i < 16; i++)
		ASSERT_EQ(0, SEND(&s, .num = i / 4, .key = 1 + i % 4));
	spawn_holder(_metadata, &k[0], name, 2, seen);
	spawn_holder(_metadata, &k[1], name, 2, seen);
	EXPECT_EQ(4, STAT(name, INFLIGHT));
	EXPECT_EQ(12, STAT(name, READY));
	EXPECT_EQ(SIGKILL, kid_kill(&k[first]));
	EXPECT_EQ(SIGKILL, kid_kill(&k[!first]));
	ASSERT_EQ(0, raw_open(&w, name, RAW_WORK));
	for (i = 0; i < 16; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(next[cqe.key - 1], raw_num(&w, &cqe));
		next[cqe.key - 1]++;
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(16, STAT(name, ACKED));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(order, two_workers_with_keys_die_the_older_first)
{
	two_die_with_keys(_metadata, self->name, 0, 0);
}

TEST_F(order, two_workers_with_keys_die_the_younger_first)
{
	two_die_with_keys(_metadata, self->name, 1, 0);
}

TEST_F(order, two_workers_with_keys_seen_die_the_older_first)
{
	two_die_with_keys(_metadata, self->name, 0, 1);
}

TEST_F(order, two_workers_with_keys_seen_die_the_younger_first)
{
	two_die_with_keys(_metadata, self->name, 1, 1);
}

/* ---- deferred sends ---- */

TEST_F(order, a_deferred_message_waits_for_its_time)
{
	static const unsigned int part[] = { 3, 1, 0 };
	uint64_t sent, got[3];
	struct weir_cqe cqe;
	bool good = false;
	struct raw s, w;
	unsigned int ms;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	/* Those found due together go by their age: again, further apart. */
	for (ms = 20; !good && ms < 4000; ms *= 2) {
		sent = now_ns();
		for (i = 0; i < 3; i++)
			ASSERT_EQ(0, put(&s, (struct order){ .num = i,
							     .defer = ms * part[i] }));
		/* One call, one look at the clock. */
		ASSERT_EQ(3, raw_submit(&s));
		for (i = 0; i < 3; i++) {
			got[i] = take(&w, &cqe);
			ASSERT_LT(got[i], 3);
			EXPECT_GE(now_ns(), sent + ms * part[got[i]] * MS);
			EXPECT_EQ(1, cqe.attempts);
			EXPECT_EQ(0, cqe.flags);
			ASSERT_EQ(1, raw_ack(&w, cqe.token));
		}
		EXPECT_EQ(2, got[0]);
		good = got[1] == 1 && got[2] == 0;
	}
	EXPECT_TRUE(good);
	raw_close(&s);
	raw_close(&w);
}

TEST_F(order, a_deferred_message_is_delayed_and_counts)
{
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_MESSAGES, 2))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, SEND(&s, .num = 0, .defer = NEVER_MS, .prio = 2));
	ASSERT_EQ(0, SEND(&s, .num = 1, .defer = NEVER_MS));
	EXPECT_EQ(2, STAT(self->name, DELAYED));
	EXPECT_TRUE(nothing_for(&w));
	/* The channel is full of them. */
	EXPECT_EQ(-EAGAIN, SEND(&s, .num = 2));
	EXPECT_EQ(WEIR_MESSAGE_STATE_DELAYED, MESSAGE(self->name, 1, STATE));
	EXPECT_GT(MESSAGE(self->name, 1, DUE), 86000 * SECOND);
	/* By hand it is ready at once. */
	ASSERT_EQ(1, message_do(WEIR_CMD_MESSAGE_RELEASE, self->name, 1));
	ASSERT_EQ(0, take(&w, &cqe));
	EXPECT_EQ(2, cqe.prio);
	EXPECT_EQ(1, cqe.attempts);
	EXPECT_EQ(1, raw_submit(&s));
	raw_close(&s);
	raw_close(&w);
}

/* It has no place among those of its key before it is ready. */
TEST_F(order, a_deferred_message_holds_up_no_key)
{
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, SEND(&s, .num = 0, .key = 7, .defer = NEVER_MS));
	ASSERT_EQ(0, SEND(&s, .num = 1, .key = 7));
	ASSERT_EQ(0, SEND(&s, .num = 2, .key = 7));
	ASSERT_EQ(1, take(&w, &cqe));
	/* Ready, it comes last. */
	ASSERT_EQ(1, message_do(WEIR_CMD_MESSAGE_RELEASE, self->name, cqe.seq - 1));
	EXPECT_TRUE(nothing_for(&w));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(2, take(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(0, take(&w, &cqe));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(order, too_long_a_deferral_is_refused)
{
	struct raw s;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	EXPECT_EQ(-EINVAL, refusal(&s, (struct order){ .defer = NEVER_MS + 1 }));
	EXPECT_EQ(-EINVAL, refusal(&s, (struct order){ .defer = UINT32_MAX }));
	EXPECT_EQ(2, STAT(self->name, REFUSED_INVALID));
	EXPECT_EQ(0, SEND(&s, .defer = NEVER_MS));
	raw_close(&s);
}

/* What must be 0, and the size of a reply's address, are looked at as well. */
TEST_F(order, reserved_fields_are_refused)
{
	struct weir_sqe *sqe;
	struct weir_cqe cqe;
	struct raw s;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, raw_put_num(&s, i, &sqe));
		switch (i) {
		case 0:
			sqe->nr = 1;
			break;
		case 1:
			sqe->reply_client = 1;
			break;
		case 2:
			sqe->resv0 = 1;
			break;
		case 3:
			sqe->flags = 0x80;
			break;
		}
		ASSERT_EQ(1, raw_submit(&s));
		ASSERT_EQ(0, raw_result(&s, &cqe));
		EXPECT_EQ(-EINVAL, cqe.res);
	}
	EXPECT_EQ(0, STAT(self->name, ACCEPTED));
	raw_close(&s);
}

/* ---- deadlines ---- */

static uint64_t reason_of(const char *name, uint64_t id)
{
	return MESSAGE(name, id, REASON);
}

TEST_F(order, a_message_that_waits_too_long_dies)
{
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	/* One that has passed already. */
	ASSERT_EQ(0, SEND(&s, .num = 0, .deadline = 1));
	EXPECT_EQ(1, STAT(self->name, DEAD));
	EXPECT_EQ(WEIR_DEAD_REASON_EXPIRED, reason_of(self->name, 1));
	/* Nobody calls: the clock does it. */
	ASSERT_EQ(0, SEND(&s, .num = 1, .deadline = now_ns() + 20 * MS));
	ASSERT_EQ(0, SEND(&s, .num = 2, .deadline = ~0ULL));
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, DEAD) == 2));
	EXPECT_EQ(2, STAT(self->name, DIED_EXPIRED));
	EXPECT_EQ(WEIR_DEAD_REASON_EXPIRED, reason_of(self->name, 2));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(2, take(&w, &cqe));
	EXPECT_EQ(~0ULL, cqe.deadline_ns);
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	EXPECT_TRUE(nothing_for(&w));
	/* Requeued, it has all the time. */
	ASSERT_EQ(1, message_do(WEIR_CMD_MESSAGE_REQUEUE, self->name, 2));
	ASSERT_EQ(1, take(&w, &cqe));
	EXPECT_EQ(0, cqe.deadline_ns);
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	raw_close(&s);
	raw_close(&w);
}

/* With a worker it is safe, but not once it comes back. */
TEST_F(order, a_worker_may_take_longer_than_the_deadline)
{
	uint64_t deadline, acked, ms = 300;
	struct weir_cqe cqe[2];
	struct raw s, w;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (;;) {
		deadline = now_ns() + ms * MS;
		for (i = 0; i < 2; i++)
			ASSERT_EQ(0, put(&s, (struct order){ .num = i,
							     .deadline = deadline }));
		ASSERT_EQ(2, raw_submit(&s));
		if (raw_enter(&w, WEIR_ENTER_WAIT, 0, 2, ms * MS) >= 0)
			break;
		/* Where the machine is slow one may die on its way. */
		ASSERT_LE(0, raw_work_off(&w));
		ms *= 2;
		ASSERT_GT(20000, ms);
	}
	acked = STAT(self->name, ACKED);
	ASSERT_EQ(0, take(&w, &cqe[0]));
	ASSERT_EQ(1, take(&w, &cqe[1]));
	EXPECT_EQ(deadline, cqe[0].deadline_ns);
	wait_until(deadline);
	EXPECT_EQ(2, STAT(self->name, INFLIGHT));
	ASSERT_EQ(1, raw_ack(&w, cqe[0].token));
	EXPECT_EQ(acked + 1, STAT(self->name, ACKED));
	ASSERT_EQ(1, raw_answer(&w, WEIR_OP_RELEASE, 0, cqe[1].token));
	EXPECT_EQ(0, STAT(self->name, INFLIGHT));
	EXPECT_EQ(WEIR_DEAD_REASON_EXPIRED, reason_of(self->name, cqe[1].seq));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(order, delayed_and_parked_messages_expire_too)
{
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, SEND(&s, .num = 0, .key = 7));
	ASSERT_EQ(0, take(&w, &cqe));
	ASSERT_EQ(0, SEND(&s, .num = 1, .key = 7, .deadline = now_ns() + 30 * MS));
	ASSERT_EQ(0, SEND(&s, .num = 2, .key = 7));
	ASSERT_EQ(0, SEND(&s, .num = 3, .defer = NEVER_MS,
			  .deadline = now_ns() + 30 * MS));
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, DIED_EXPIRED) == 2));
	EXPECT_EQ(0, STAT(self->name, DELAYED));
	EXPECT_EQ(1, STAT(self->name, READY));
	EXPECT_EQ(WEIR_DEAD_REASON_EXPIRED, reason_of(self->name, 2));
	EXPECT_EQ(WEIR_DEAD_REASON_EXPIRED, reason_of(self->name, 4));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(2, take(&w, &cqe));
	raw_close(&s);
	raw_close(&w);
}

/* One that leads its key expires in its back-off: the next goes on. */
TEST_F(order, a_key_goes_on_when_its_message_expires)
{
	uint64_t deadline;
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	do {
		deadline = now_ns() + 200 * MS;
		ASSERT_EQ(0, SEND(&s, .num = 0, .key = 7, .deadline = deadline));
	} while (raw_next_in(&w, 200 * MS, &cqe));
	ASSERT_EQ(0, raw_num(&w, &cqe));
	ASSERT_EQ(0, SEND(&s, .num = 1, .key = 7));
	ASSERT_EQ(1, raw_answer(&w, WEIR_OP_FAIL, NEVER_MS, cqe.token));
	ASSERT_EQ(1, take(&w, &cqe));
	EXPECT_GE(now_ns(), deadline);
	EXPECT_LE(1, STAT(self->name, DIED_EXPIRED));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(order, ttl_is_the_deadline_of_those_without)
{
	uint64_t before, after;
	struct weir_cqe cqe;
	struct raw s, w;
	int dev;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_TTL, 3600 * SECOND))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	before = now_ns();
	ASSERT_EQ(0, SEND(&s, .num = 0));
	after = now_ns();
	ASSERT_EQ(0, take(&w, &cqe));
	EXPECT_GE(cqe.deadline_ns, before + 3600 * SECOND);
	EXPECT_LE(cqe.deadline_ns, after + 3600 * SECOND);
	ASSERT_EQ(0, SEND(&s, .num = 1, .deadline = ~0ULL - 1));
	ASSERT_EQ(1, take(&w, &cqe));
	EXPECT_EQ(~0ULL - 1, cqe.deadline_ns);
	/* Those of write(2) have none of their own. */
	ASSERT_EQ(0, raw_enter(&w, WEIR_ENTER_STOP, 0, 0, 0));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_TTL, 20 * MS))));
	dev = raw_device(self->name, O_WRONLY);
	ASSERT_GE(dev, 0);
	ASSERT_EQ(1, write(dev, "x", 1));
	ASSERT_EQ(0, SEND(&s, .num = 2));
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, DIED_EXPIRED) == 2));
	EXPECT_EQ(2, STAT(self->name, INFLIGHT));
	close(dev);
	raw_close(&s);
	raw_close(&w);
}

/* More than are looked at in one go, in a channel that hands out nothing. */
TEST_F(order, many_expire_at_once)
{
	const unsigned int nr = 1000;
	uint64_t deadline = now_ns() + 500 * MS;
	struct raw s, w;
	unsigned int i;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_STATE,
						     WEIR_CHANNEL_STATE_PAUSED))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < nr; i++) {
		if (raw_pending(&s) == s.at.sq_entries)
			ASSERT_LT(0, raw_submit(&s));
		ASSERT_EQ(0, put(&s, (struct order){ .num = i, .key = i % 3,
						     .deadline = deadline }));
	}
	ASSERT_LT(0, raw_submit(&s));
	/* Each look is one at the messages, too. */
	wait_until(deadline);
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_STATE,
						     WEIR_CHANNEL_STATE_RUNNING))));
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, DIED_EXPIRED) == nr));
	EXPECT_EQ(0, STAT(self->name, DELIVERED));
	raw_close(&s);
	raw_close(&w);
}

/* A worker that answers about when they expire: each ends once. */
TEST_F(order, answers_against_expiry)
{
	const unsigned int nr = 400;
	uint64_t base = now_ns();
	struct weir_cqe cqe;
	unsigned int i;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < nr; i++) {
		ASSERT_EQ(0, SEND(&s, .num = i, .key = i % 5,
				  .deadline = base + i * MS / 4));
		if (raw_next_in(&w, RAW_NEVER, &cqe))
			continue;
		ASSERT_LT(0, raw_answer(&w, i % 3 ? WEIR_OP_ACK : WEIR_OP_RELEASE, 0,
					cqe.token));
	}
	while (STAT(self->name, ACKED) + STAT(self->name, DEAD) < nr)
		ASSERT_LE(0, raw_work_off(&w));
	EXPECT_EQ(nr, STAT(self->name, ACKED) + STAT(self->name, DIED_EXPIRED));
	EXPECT_EQ(0, STAT(self->name, STALE));
	raw_close(&s);
	raw_close(&w);
}

/* ---- batches ---- */

/* How many are with the workers after the first hand-over to an idle one. */
static uint64_t first_batch(struct raw *w, const char *name)
{
	int ret = raw_open(w, name, RAW_WORK);

	return ret ? ~0ULL : STAT(name, INFLIGHT);
}

static void batch_of_sizes(struct __test_metadata *_metadata, const char *name,
			   const uint32_t *size, const uint32_t *cost,
			   const unsigned int *batch)
{
	static const char text[1000];
	unsigned int i, n;
	struct weir_sqe *sqe;
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, name, RAW_SEND));
	for (i = 0; size[i]; i++) {
		ASSERT_EQ(0, raw_put(&s, text, size[i], &sqe));
		sqe->cost = cost ? cost[i] : 0;
	}
	ASSERT_EQ(i, raw_submit(&s));
	/* It gets more when it has done with all of these. */
	EXPECT_EQ(*batch, first_batch(&w, name));
	for (; *batch; batch++) {
		uint32_t token[WEIR_VEC_MAX];

		for (n = 0; n < *batch; n++) {
			ASSERT_EQ(0, raw_next(&w, &cqe));
			token[n] = cqe.token;
		}
		EXPECT_EQ(*batch, STAT(name, INFLIGHT));
		EXPECT_EQ(0, raw_unread(&w));
		ASSERT_NE(NULL, raw_put_answer(&w, WEIR_OP_ACK, 0, token, n));
		ASSERT_EQ(1, raw_submit(&w));
	}
	EXPECT_EQ(STAT(name, ACCEPTED), STAT(name, ACKED));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(order, a_batch_has_at_most_so_many_messages)
{
	struct raw s, w;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 4))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 11));
	/* Two whole ones; what is left gathers. */
	EXPECT_EQ(8, first_batch(&w, self->name));
	EXPECT_EQ(2, STAT(self->name, BATCHES));
	EXPECT_EQ(3, STAT(self->name, READY));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(order, a_batch_has_at_most_so_many_bytes)
{
	static const uint32_t size[] = { 40, 40, 40, 150, 1, 60, 40, 1, 0 };
	static const unsigned int batch[] = { 2, 1, 1, 2, 2, 0 };

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_BATCH_BYTES, 100))));
	batch_of_sizes(_metadata, self->name, size, NULL, batch);
}

TEST_F(order, a_batch_has_at_most_so_much_cost)
{
	static const uint32_t size[] = { 1, 1, 1, 1, 1, 1, 1, 0 };
	static const uint32_t cost[] = { 4, 4, 4, 20, 0, 9, 1 };
	static const unsigned int batch[] = { 2, 1, 1, 3, 0 };

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_BATCH_COST, 10))));
	batch_of_sizes(_metadata, self->name, size, cost, batch);
}

/* Acknowledges all that it holds in one call. Return: how many. */
static int answer_all(struct raw *w)
{
	uint32_t token[WEIR_VEC_MAX];
	unsigned int n = 0, all = 0;
	struct weir_cqe cqe;
	int ret;

	while (raw_pop(w, &cqe)) {
		token[n++] = cqe.token;
		all++;
		if (n == WEIR_VEC_MAX || !raw_unread(w)) {
			raw_put_answer(w, WEIR_OP_ACK, 0, token, n);
			n = 0;
		}
	}
	ret = raw_submit(w);
	return ret < 0 ? ret : (int)all;
}

/* The worker holds one message; @nr more are sent. Return: how many go to it at once. */
static uint64_t go_to_the_busy(struct raw *s, struct raw *w, const char *name,
			       unsigned int nr)
{
	struct weir_cqe cqe;
	uint64_t n;

	if (raw_send_nums(s, 0, 1) || raw_next(w, &cqe) || raw_send_nums(s, 1, nr))
		return ~0ULL;
	/* A sender may have been told not to call; here it calls. */
	raw_enter(s, 0, raw_pending(s), 0, 0);
	n = STAT(name, INFLIGHT) - 1;
	if (raw_ack(w, cqe.token) != 1 || raw_work_off(w) < 0)
		return ~0ULL;
	return n;
}

/*
 * It grows with a backlog and shrinks without one. A busy worker is given a
 * whole batch and no less, so it shows how large one is.
 */
TEST_F(order, an_automatic_batch_follows_the_load)
{
	struct weir_cqe cqe;
	struct raw s, w;
	uint64_t batches, went;
	unsigned int i;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 0),
					       A_U32(WEIR_A_CHANNEL_BATCH_MIN, 1),
					       A_U32(WEIR_A_CHANNEL_BATCH_MAX, 32))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 2000));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	while (STAT(self->name, ACKED) < 2000)
		ASSERT_LT(0, answer_all(&w));
	/* Most of them in batches of 32; one by one it would be 2000. */
	batches = STAT(self->name, BATCHES);
	EXPECT_LT(batches, 1000);
	/* A trickle makes it small again. */
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, raw_send_nums(&s, i, 1));
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(batches + 20, STAT(self->name, BATCHES));
	went = go_to_the_busy(&s, &w, self->name, 3);
	EXPECT_LE(2, went);
	EXPECT_GE(3, went);
	raw_close(&s);
	raw_close(&w);
}

TEST_F(order, an_automatic_batch_stays_within_its_bounds)
{
	struct raw s, w;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 0),
					       A_U32(WEIR_A_CHANNEL_BATCH_MIN, 8),
					       A_U32(WEIR_A_CHANNEL_BATCH_MAX, 8))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	EXPECT_EQ(0, go_to_the_busy(&s, &w, self->name, 7));
	EXPECT_EQ(8, go_to_the_busy(&s, &w, self->name, 15));
	raw_close(&s);
	raw_close(&w);
}

/* What makes a batch whole ends the waiting, whatever the limit is. */
TEST_F(order, a_lingering_batch_goes_when_it_is_full)
{
	static const char text[60];
	uint64_t end = now_ns() + 3 * RAW_PATIENCE, began, one, two;
	struct weir_sqe *sqe;
	struct raw s, w;
	bool late;
	int i;

	for (i = 0; i < 3; i += !late) {
		ASSERT_EQ(0, chan_set(self->name,
				      ATTRS(A_U64(WEIR_A_CHANNEL_LINGER, SECOND),
					    A_U32(WEIR_A_CHANNEL_BATCH, i == 0 ? 2 : 64),
					    A_U64(WEIR_A_CHANNEL_BATCH_BYTES, i == 1 ? 120 : 0),
					    A_U64(WEIR_A_CHANNEL_BATCH_COST, i == 2 ? 9 : 0))));
		ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
		ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
		began = now_ns();
		ASSERT_EQ(0, raw_put(&s, text, sizeof(text), &sqe));
		sqe->cost = 4;
		ASSERT_EQ(1, raw_submit(&s));
		one = STAT(self->name, INFLIGHT);
		ASSERT_EQ(0, raw_put(&s, text, sizeof(text), &sqe));
		sqe->cost = 5;
		ASSERT_EQ(1, raw_submit(&s));
		two = STAT(self->name, INFLIGHT);
		/* A machine so slow has shown nothing: once more. */
		late = now_ns() >= began + SECOND;
		ASSERT_TRUE(!late || now_ns() < end);
		if (!late) {
			EXPECT_EQ(0, one);
			EXPECT_EQ(2, two);
		}
		raw_close(&w);
		raw_close(&s);
		ASSERT_EQ(0, nl_do(WEIR_CMD_CHANNEL_PURGE,
				   ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->name))));
	}
}

/* With a worker or on the way to one, in one reading. */
static uint64_t living(const char *name)
{
	uint64_t inflight = STAT(name, INFLIGHT);

	return inflight + nl_num(nl_first(), WEIR_A_STATS_READY);
}

TEST_F(order, the_presets_hold_back_and_let_go)
{
	static const struct {
		uint32_t batch;
		uint64_t linger;
	} preset[] = { { 50, 10 * MS }, { 10, 50 * MS }, { 256, 5 * MS } };
	uint64_t began, batches;
	struct raw s, w;
	unsigned int i, n;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 256))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, chan_set(self->name,
				      ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, preset[i].batch),
					    A_U64(WEIR_A_CHANNEL_LINGER, preset[i].linger))));
		batches = STAT(self->name, BATCHES);
		for (n = 0; n < preset[i].batch; n++)
			ASSERT_EQ(0, raw_put_num(&s, n, NULL));
		began = now_ns();
		ASSERT_EQ(preset[i].batch, raw_submit(&s));
		EXPECT_EQ(preset[i].batch, living(self->name));
		/* Unless the time passed while it was submitted. */
		if (STAT(self->name, BATCHES) != batches + 1)
			EXPECT_GE(now_ns(), began + preset[i].linger);
		/* Fewer go when the time has come. */
		while (living(self->name))
			ASSERT_LE(0, raw_work_off(&w));
		began = now_ns();
		ASSERT_EQ(0, raw_send_nums(&s, 0, 3));
		ASSERT_EQ(0, raw_enter(&w, WEIR_ENTER_WAIT, 0, 3, RAW_PATIENCE));
		EXPECT_GE(now_ns(), began + preset[i].linger);
		ASSERT_LE(3, raw_work_off(&w));
	}
	raw_close(&s);
	raw_close(&w);
}

TEST_HARNESS_MAIN
