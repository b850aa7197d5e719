// SPDX-License-Identifier: GPL-2.0-only
/* Fan-out: each message to every subscriber, in one buffer. */
#include "kselftest_harness.h"

#include "bed.h"

#define SUBSCRIBERS	3

CHANNEL_FIXTURE(fanout, A_U32(WEIR_A_CHANNEL_DELIVERY, WEIR_DELIVERY_FANOUT),
		A_U32(WEIR_A_CHANNEL_PRIORITIES, 2))

static int open_all(struct raw *w, unsigned int nr, const char *name)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++)
		ret = raw_open(&w[i], name, RAW_WORK);
	return ret;
}

static void close_all(struct raw *w, unsigned int nr)
{
	while (nr--)
		raw_close(&w[nr]);
}

static uint64_t dropped(const char *name, const struct raw *w)
{
	return client_num(name, w->at.client_id, WEIR_A_CLIENT_DROPPED);
}

static int set_state(const char *name, uint32_t state)
{
	return chan_set(name, ATTRS(A_U32(WEIR_A_CHANNEL_STATE, state)));
}

TEST_F(fanout, each_gets_every_message_once_in_one_buffer)
{
	const uint64_t nr = 100;
	uint64_t addr[100], seq[100], i;
	struct raw s, w[SUBSCRIBERS];
	struct weir_settle settle;
	struct weir_cqe cqe;
	int n;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, open_all(w, SUBSCRIBERS, self->name));
	ASSERT_EQ(0, raw_send_nums(&s, 0, nr));
	EXPECT_EQ(SUBSCRIBERS * nr, STAT(self->name, INFLIGHT));
	EXPECT_TRUE(chan_balanced(self->name));
	for (n = 0; n < SUBSCRIBERS; n++) {
		for (i = 0; i < nr; i++) {
			ASSERT_EQ(0, raw_next(&w[n], &cqe));
			ASSERT_EQ(i, raw_num(&w[n], &cqe));
			EXPECT_EQ(s.at.client_id, cqe.src);
			EXPECT_EQ(1, cqe.attempts);
			if (!n) {
				addr[i] = cqe.addr;
				seq[i] = cqe.seq;
			}
			ASSERT_EQ(addr[i], cqe.addr);
			ASSERT_EQ(seq[i], cqe.seq);
			/* Nothing comes back before the last has answered. */
			if (n < SUBSCRIBERS - 1)
				ASSERT_EQ(0, raw_unread(&s));
			ASSERT_EQ(1, raw_ack(&w[n], cqe.token));
			if (n == SUBSCRIBERS - 1)
				ASSERT_EQ(0, raw_wait_returns(&s, i + 1));
		}
		EXPECT_EQ(-ETIME, raw_next_in(&w[n], RAW_NEVER, &cqe));
	}
	EXPECT_EQ(SUBSCRIBERS * nr, STAT(self->name, ACCEPTED));
	EXPECT_EQ(SUBSCRIBERS * nr, STAT(self->name, ACKED));
	EXPECT_EQ(SUBSCRIBERS * nr, STAT(self->name, DELIVERED));
	/* To its sender a message is one. */
	ASSERT_EQ(0, raw_settle(&s, RAW_NEVER, &settle));
	EXPECT_EQ(nr, settle.accepted);
	EXPECT_EQ(nr, settle.acked);
	close_all(w, SUBSCRIBERS);
	raw_close(&s);
}

TEST_F(fanout, one_that_never_reads_loses_its_own_and_no_others)
{
	struct weir_attach ask = { .role = WEIR_ROLE_WORK, .inflight = 4 };
	struct raw s, slow, w;
	struct weir_cqe cqe;
	uint64_t i;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_MESSAGES, 2))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open_as(&slow, self->name, ask));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, raw_put_num(&s, i, NULL));
		ASSERT_EQ(1, raw_submit(&s));
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(i, raw_num(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(100, STAT(self->name, ACCEPTED));
	EXPECT_EQ(50, STAT(self->name, ACKED));
	EXPECT_EQ(46, STAT(self->name, DROPPED));
	EXPECT_EQ(46, STAT(self->name, DROPPED_SLOW));
	EXPECT_EQ(46, dropped(self->name, &slow));
	EXPECT_EQ(0, dropped(self->name, &w));
	EXPECT_EQ(4, STAT(self->name, INFLIGHT));
	/* All but what it still has came back. */
	ASSERT_EQ(0, raw_wait_returns(&s, 46));
	/* It has the first ones, and goes on with the next. */
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, raw_next(&slow, &cqe));
		EXPECT_EQ(i, raw_num(&slow, &cqe));
		ASSERT_EQ(1, raw_ack(&slow, cqe.token));
	}
	ASSERT_EQ(0, raw_send_nums(&s, 50, 1));
	ASSERT_EQ(0, raw_next(&slow, &cqe));
	EXPECT_EQ(50, raw_num(&slow, &cqe));
	raw_close(&slow);
	raw_close(&w);
	raw_close(&s);
}

/* The completion ring is a limit, too. */
TEST_F(fanout, a_full_ring_is_a_slow_subscriber)
{
	struct weir_attach ask = { .role = WEIR_ROLE_WORK, .cq_entries = 4 };
	struct weir_cqe cqe;
	struct raw s, w;
	int i;

	ask.inflight = 4;
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open_as(&w, self->name, ask));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 10));
	EXPECT_EQ(4, STAT(self->name, INFLIGHT));
	EXPECT_EQ(6, STAT(self->name, DROPPED_SLOW));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		EXPECT_EQ(i, raw_num(&w, &cqe));
	}
	raw_close(&w);
	raw_close(&s);
}

TEST_F(fanout, inflight_limits_each_subscriber)
{
	struct raw s, w[2];

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 3))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, open_all(w, 2, self->name));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 5));
	EXPECT_EQ(6, STAT(self->name, INFLIGHT));
	EXPECT_EQ(4, STAT(self->name, DROPPED_SLOW));
	EXPECT_EQ(2, dropped(self->name, &w[0]));
	close_all(w, 2);
	raw_close(&s);
}

/* A child that subscribes and sleeps for messages, without reading any. */
static void spawn_sleeper(struct __test_metadata *_metadata, struct kid *k,
			  const char *name, uint32_t inflight)
{
	struct weir_attach ask = { .role = WEIR_ROLE_WORK, .inflight = inflight };
	struct raw r;

	if (kid_fork(k)) {
		EXPECT_EQ(0, raw_open_as(&r, name, ask));
		kid_say(k, 'o');
		kid_hold(k);
	}
	ASSERT_EQ('o', kid_hear(k));
}

TEST_F(fanout, a_stopped_subscriber_holds_up_nobody)
{
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k;
	uint64_t i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	spawn_sleeper(_metadata, &k, self->name, 8);
	ASSERT_EQ(0, kill(k.pid, SIGSTOP));
	ASSERT_TRUE(WAIT_FOR(kid_state(k.pid) == 'T'));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, raw_send_nums(&s, i, 1));
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(i, raw_num(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(8, STAT(self->name, INFLIGHT));
	EXPECT_EQ(92, STAT(self->name, DROPPED_SLOW));
	/* Dead, it has nothing any more. */
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	EXPECT_EQ(0, STAT(self->name, INFLIGHT));
	EXPECT_EQ(100, STAT(self->name, DROPPED_SLOW));
	ASSERT_EQ(0, raw_wait_returns(&s, 100));
	raw_close(&w);
	raw_close(&s);
}

/* What it had goes to nobody else: they have it already. */
TEST_F(fanout, a_dead_subscriber_lets_go)
{
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k;
	uint64_t i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	spawn_sleeper(_metadata, &k, self->name, 0);
	ASSERT_EQ(0, raw_send_nums(&s, 0, 5));
	EXPECT_EQ(10, STAT(self->name, INFLIGHT));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(0, raw_unread(&s));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	EXPECT_EQ(2, STAT(self->name, INFLIGHT));
	EXPECT_EQ(5, STAT(self->name, DROPPED_SLOW));
	EXPECT_EQ(0, STAT(self->name, READY));
	ASSERT_EQ(0, raw_wait_returns(&s, 3));
	for (; i < 5; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		EXPECT_EQ(i, raw_num(&w, &cqe));
		EXPECT_EQ(0, cqe.flags);
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	ASSERT_EQ(0, raw_wait_returns(&s, 5));
	raw_close(&w);
	raw_close(&s);
}

TEST_F(fanout, who_leaves_lets_go)
{
	struct raw s, w[2];
	struct weir_cqe cqe;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, open_all(w, 2, self->name));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 5));
	ASSERT_EQ(0, raw_next(&w[0], &cqe));
	ASSERT_EQ(0, raw_detach(&w[0]));
	EXPECT_EQ(5, STAT(self->name, INFLIGHT));
	EXPECT_EQ(5, STAT(self->name, DROPPED));
	EXPECT_EQ(0, raw_unread(&s));
	raw_close(&w[1]);
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, INFLIGHT) == 0));
	EXPECT_EQ(10, STAT(self->name, DROPPED));
	ASSERT_EQ(0, raw_wait_returns(&s, 5));
	raw_close(&w[0]);
	raw_close(&s);
}

TEST_F(fanout, a_late_subscriber_gets_what_comes_later)
{
	struct raw s, w[2];
	struct weir_cqe cqe;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w[0], self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 3));
	ASSERT_EQ(0, raw_open(&w[1], self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 3, 2));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, raw_next(&w[0], &cqe));
		EXPECT_EQ(i, raw_num(&w[0], &cqe));
	}
	for (i = 3; i < 5; i++) {
		ASSERT_EQ(0, raw_next(&w[1], &cqe));
		EXPECT_EQ(i, raw_num(&w[1], &cqe));
	}
	EXPECT_EQ(-ETIME, raw_next_in(&w[1], RAW_NEVER, &cqe));
	EXPECT_EQ(7, STAT(self->name, ACCEPTED));
	close_all(w, 2);
	raw_close(&s);
}

TEST_F(fanout, without_subscribers_messages_are_dropped)
{
	struct raw s, w;
	int dev;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 10));
	EXPECT_EQ(10, STAT(self->name, ACCEPTED));
	EXPECT_EQ(10, STAT(self->name, DROPPED));
	EXPECT_EQ(10, STAT(self->name, DROPPED_NOBODY));
	ASSERT_EQ(0, raw_wait_returns(&s, 10));
	dev = raw_device(self->name, O_WRONLY);
	ASSERT_GE(dev, 0);
	EXPECT_EQ(1, write(dev, "x", 1));
	EXPECT_EQ(11, STAT(self->name, DROPPED_NOBODY));
	/* One that wants none is none. */
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_enter(&w, WEIR_ENTER_STOP, 0, 0, 0));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 1));
	EXPECT_EQ(12, STAT(self->name, DROPPED_NOBODY));
	EXPECT_EQ(0, dropped(self->name, &w));
	ASSERT_EQ(0, raw_enter(&w, WEIR_ENTER_START, 0, 0, 0));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 1));
	EXPECT_EQ(1, STAT(self->name, INFLIGHT));
	close(dev);
	raw_close(&w);
	raw_close(&s);
}

TEST_F(fanout, read_is_a_subscriber)
{
	struct weir_cqe cqe;
	struct raw s, w;
	char text[16];
	struct kid k;
	int dev;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	if (kid_fork(&k)) {
		dev = raw_device(self->name, O_RDONLY);
		EXPECT_LE(0, dev);
		kid_say(&k, 'r');
		EXPECT_EQ(5, read(dev, text, sizeof(text)));
		EXPECT_EQ(0, memcmp(text, "hello", 5));
		kid_say(&k, 'g');
		EXPECT_EQ('a', kid_hear(&k));
		EXPECT_EQ(0, fsync(dev));
		kid_say(&k, 'a');
		EXPECT_EQ(5, read(dev, text, sizeof(text)));
		EXPECT_EQ(0, memcmp(text, "again", 5));
		kid_say(&k, 'g');
		kid_hold(&k);
	}
	ASSERT_EQ('r', kid_hear(&k));
	ASSERT_TRUE(WAIT_FOR(CHAN(self->name, WORKERS) == 2 && kid_sleeps(k.pid)));
	ASSERT_EQ(0, raw_send(&s, "hello", 5));
	ASSERT_EQ('g', kid_hear(&k));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	EXPECT_EQ(1, STAT(self->name, INFLIGHT));
	EXPECT_EQ(0, raw_unread(&s));
	kid_say(&k, 'a');
	ASSERT_EQ('a', kid_hear(&k));
	EXPECT_EQ(2, STAT(self->name, ACKED));
	ASSERT_EQ(0, raw_wait_returns(&s, 1));
	/* What it has when it dies is its loss. */
	ASSERT_TRUE(WAIT_FOR(kid_sleeps(k.pid)));
	ASSERT_EQ(0, raw_send(&s, "again", 5));
	ASSERT_EQ('g', kid_hear(&k));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	EXPECT_EQ(1, STAT(self->name, INFLIGHT));
	EXPECT_EQ(1, STAT(self->name, DROPPED_SLOW));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(0, raw_wait_returns(&s, 2));
	raw_close(&w);
	raw_close(&s);
}

/* Whatever else one says of a message, for it alone the message is gone. */
TEST_F(fanout, what_is_not_acknowledged_is_dropped_for_one)
{
	static const uint8_t op[] = { WEIR_OP_FAIL, WEIR_OP_RELEASE };
	struct raw s, w[2];
	struct weir_cqe cqe;
	unsigned int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, open_all(w, 2, self->name));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 3));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, raw_next(&w[0], &cqe));
		ASSERT_EQ(1, i < 2 ? raw_answer(&w[0], op[i], 0, cqe.token) :
				     raw_reject(&w[0], cqe.token, "no"));
	}
	EXPECT_EQ(3, STAT(self->name, DROPPED_SLOW));
	EXPECT_EQ(3, dropped(self->name, &w[0]));
	EXPECT_EQ(0, STAT(self->name, DEAD));
	EXPECT_EQ(-ETIME, raw_next_in(&w[0], RAW_NEVER, &cqe));
	EXPECT_EQ(3, STAT(self->name, INFLIGHT));
	EXPECT_EQ(3, raw_work_off(&w[1]));
	ASSERT_EQ(0, raw_wait_returns(&s, 3));
	/* A second answer is stale. */
	ASSERT_EQ(1, raw_ack(&w[0], cqe.token));
	ASSERT_EQ(0, raw_result(&w[0], &cqe));
	EXPECT_EQ(-ESTALE, cqe.res);
	close_all(w, 2);
	raw_close(&s);
}

TEST_F(fanout, a_message_can_be_killed_and_requeued)
{
	struct raw s, w[SUBSCRIBERS];
	struct weir_cqe cqe;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, open_all(w, SUBSCRIBERS, self->name));
	ASSERT_EQ(0, raw_send_nums(&s, 5, 1));
	ASSERT_EQ(0, raw_next(&w[0], &cqe));
	/* It is with many: it cannot be taken from one. */
	EXPECT_EQ(-EINVAL, message_do(WEIR_CMD_MESSAGE_RELEASE, self->name, cqe.seq));
	EXPECT_EQ(1, message_do(WEIR_CMD_MESSAGE_KILL, self->name, cqe.seq));
	EXPECT_EQ(0, STAT(self->name, INFLIGHT));
	EXPECT_EQ(1, STAT(self->name, DEAD));
	EXPECT_EQ(SUBSCRIBERS - 1, STAT(self->name, DROPPED));
	EXPECT_TRUE(chan_balanced(self->name));
	ASSERT_EQ(1, raw_ack(&w[0], cqe.token));
	ASSERT_EQ(0, raw_result(&w[0], &cqe));
	EXPECT_EQ(-ESTALE, cqe.res);
	EXPECT_EQ(1, message_do(WEIR_CMD_MESSAGE_REQUEUE, self->name, 1));
	EXPECT_EQ(SUBSCRIBERS, STAT(self->name, INFLIGHT));
	for (i = 0; i < SUBSCRIBERS; i++) {
		/* What they have not read before is still in their rings. */
		do {
			ASSERT_EQ(0, raw_next(&w[i], &cqe));
			EXPECT_EQ(5, raw_num(&w[i], &cqe));
			ASSERT_EQ(1, raw_ack(&w[i], cqe.token));
		} while (raw_unread(&w[i]) &&
			 client_num(self->name, w[i].at.client_id, WEIR_A_CLIENT_INFLIGHT));
	}
	EXPECT_EQ(SUBSCRIBERS, STAT(self->name, ACKED));
	ASSERT_EQ(0, raw_wait_returns(&s, 1));
	close_all(w, SUBSCRIBERS);
	raw_close(&s);
}

TEST_F(fanout, the_urgent_go_first)
{
	struct raw s, w[2];
	struct weir_sqe *sqe;
	struct weir_cqe cqe;
	int i, n;

	ASSERT_EQ(0, set_state(self->name, WEIR_CHANNEL_STATE_PAUSED));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, open_all(w, 2, self->name));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, raw_put_num(&s, i, &sqe));
		sqe->prio = !(i % 2);
		/* A key says nothing here. */
		sqe->key = 7;
	}
	ASSERT_EQ(10, raw_submit(&s));
	EXPECT_EQ(10, STAT(self->name, READY));
	ASSERT_EQ(0, set_state(self->name, WEIR_CHANNEL_STATE_RUNNING));
	EXPECT_EQ(20, STAT(self->name, INFLIGHT));
	for (n = 0; n < 2; n++)
		for (i = 0; i < 10; i++) {
			ASSERT_EQ(0, raw_next(&w[n], &cqe));
			EXPECT_EQ(i < 5 ? 2 * i + 1 : 2 * (i - 5), raw_num(&w[n], &cqe));
			EXPECT_EQ(i >= 5, cqe.prio);
		}
	close_all(w, 2);
	raw_close(&s);
}

TEST_F(fanout, a_deferred_send_is_refused)
{
	struct weir_sqe *sqe;
	struct weir_cqe cqe;
	struct raw s;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_put_num(&s, 0, &sqe));
	sqe->defer_ms = 1;
	ASSERT_EQ(1, raw_submit(&s));
	ASSERT_EQ(0, raw_result(&s, &cqe));
	EXPECT_EQ(-EINVAL, cqe.res);
	EXPECT_EQ(1, STAT(self->name, REFUSED_INVALID));
	raw_close(&s);
}

TEST_F(fanout, what_waits_too_long_dies_once)
{
	struct raw s, w[2];

	ASSERT_EQ(0, set_state(self->name, WEIR_CHANNEL_STATE_PAUSED));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_TTL, 20 * MS))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, open_all(w, 2, self->name));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 3));
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, DEAD) == 3));
	EXPECT_EQ(3, STAT(self->name, DIED_EXPIRED));
	EXPECT_EQ(3, STAT(self->name, ACCEPTED));
	close_all(w, 2);
	raw_close(&s);
}

TEST_F(fanout, deletion_by_force_ends_all)
{
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_open(&w, self->name, RAW_WORK));
		kid_say(&k, 'o');
		EXPECT_EQ(-ESHUTDOWN, raw_enter(&w, WEIR_ENTER_WAIT, 0, 9, 0));
		_exit(0);
	}
	ASSERT_EQ('o', kid_hear(&k));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 5));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(-EBUSY, chan_del(self->name, false));
	ASSERT_EQ(0, chan_del(self->name, true));
	EXPECT_EQ(0, kid_end(&k));
	EXPECT_EQ(-ESHUTDOWN, raw_ack(&w, cqe.token));
	raw_close(&w);
	raw_close(&s);
}

#define MANY	2000ULL

/* Subscribers that come, read and die, and the identity at the end. */
TEST_F(fanout, subscribers_come_and_go_while_it_flows)
{
	struct raw s, w;
	struct kid k[2];
	uint64_t sent = 0, next = 0, n;
	struct weir_cqe cqe;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	while (sent < MANY) {
		for (i = 0; i < 2; i++) {
			if (kid_fork(&k[i])) {
				if (raw_open(&w, self->name, RAW_WORK))
					_exit(1);
				kid_say(&k[i], 'o');
				while (raw_enter(&w, WEIR_ENTER_WAIT, 0, 1, 0) >= 0 &&
				       raw_work_off(&w) >= 0)
					;
				_exit(0);
			}
			ASSERT_EQ('o', kid_hear(&k[i]));
		}
		for (i = 0; i < 4; i++) {
			ASSERT_EQ(0, raw_send_nums(&s, sent, 50));
			sent += 50;
			if (i == 2)
				EXPECT_EQ(SIGKILL, kid_kill(&k[0]));
			/* This one keeps up, and so it gets all. */
			while (next < sent) {
				ASSERT_EQ(0, raw_next(&w, &cqe));
				n = raw_num(&w, &cqe);
				ASSERT_EQ(next, n);
				next++;
				ASSERT_EQ(1, raw_ack(&w, cqe.token));
			}
		}
		EXPECT_EQ(SIGKILL, kid_kill(&k[1]));
		kid_drop(&k[0]);
		kid_drop(&k[1]);
	}
	EXPECT_EQ(0, STAT(self->name, INFLIGHT));
	EXPECT_TRUE(chan_balanced(self->name));
	EXPECT_LE(MANY, STAT(self->name, ACKED));
	ASSERT_EQ(0, raw_wait_returns(&s, MANY));
	raw_close(&w);
	raw_close(&s);
}

TEST_HARNESS_MAIN
