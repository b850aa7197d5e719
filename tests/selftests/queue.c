// SPDX-License-Identifier: GPL-2.0-only
/* The life of a message between acceptance and its end. */
#include "kselftest_harness.h"

#include "bed.h"

/* Back-off so long that nothing comes back by itself. */
CHANNEL_FIXTURE(queue, A_U32(WEIR_A_CHANNEL_INFLIGHT, 16),
		A_U32(WEIR_A_CHANNEL_MAX_ATTEMPTS, 3),
		A_U32(WEIR_A_CHANNEL_BACKOFF_MIN, 1000000),
		A_U32(WEIR_A_CHANNEL_BACKOFF_MAX, 3000000))

#define MESSAGE(name, id, attr)	message_num((name), (id), WEIR_A_MESSAGE_##attr)

/* One of the commands on a message. Return: how many it changed, or -errno. */
static int64_t meddle(int cmd, const char *name, uint64_t id)
{
	int ret = nl_do(cmd, ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, name),
				   A_U64(WEIR_A_MESSAGE_ID, id)));

	return ret ?: (int64_t)nl_num(nl_first(), WEIR_A_MESSAGE_COUNT);
}

static int64_t meddle_all(int cmd, const char *name)
{
	int ret = nl_do(cmd, ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, name),
				   A_FLAG(WEIR_A_MESSAGE_ALL)));

	return ret ?: (int64_t)nl_num(nl_first(), WEIR_A_MESSAGE_COUNT);
}

static int64_t purge(const char *name, const struct nl_attr *attrs)
{
	int ret = nl_do(WEIR_CMD_CHANNEL_PURGE, attrs);

	(void)name;
	return ret ?: (int64_t)nl_num(nl_first(), WEIR_A_CHANNEL_COUNT);
}

TEST_F(queue, a_failed_message_backs_off_longer_each_time)
{
	static const uint64_t delay[] = { 1000 * SECOND, 2000 * SECOND };
	struct weir_cqe cqe;
	struct raw r;
	uint64_t due;
	int i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_send_nums(&r, 0, 1));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, raw_next(&r, &cqe));
		EXPECT_EQ(i + 1, cqe.attempts);
		ASSERT_EQ(1, raw_answer(&r, WEIR_OP_FAIL, 0, cqe.token));
		EXPECT_EQ(WEIR_MESSAGE_STATE_DELAYED, MESSAGE(self->name, cqe.seq, STATE));
		due = MESSAGE(self->name, cqe.seq, DUE);
		EXPECT_LE(due, delay[i]);
		EXPECT_GT(due, delay[i] - 500 * SECOND);
		EXPECT_EQ(i + 1, MESSAGE(self->name, cqe.seq, ATTEMPT));
		EXPECT_EQ(1, meddle(WEIR_CMD_MESSAGE_RELEASE, self->name, cqe.seq));
	}
	ASSERT_EQ(0, raw_next(&r, &cqe));
	ASSERT_EQ(1, raw_answer(&r, WEIR_OP_FAIL, 0, cqe.token));
	/* Its attempts are used up. */
	EXPECT_EQ(WEIR_MESSAGE_STATE_DEAD, MESSAGE(self->name, cqe.seq, STATE));
	EXPECT_EQ(WEIR_DEAD_REASON_ATTEMPTS, MESSAGE(self->name, cqe.seq, REASON));
	EXPECT_EQ(3, STAT(self->name, FAILED));
	EXPECT_EQ(1, STAT(self->name, DIED_ATTEMPTS));
	raw_close(&r);
}

TEST_F(queue, back_off_has_a_longest_delay)
{
	struct weir_cqe cqe;
	struct raw r;
	uint64_t due;
	int i;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_MAX_ATTEMPTS, 60000))));
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_send_nums(&r, 0, 1));
	for (i = 0; i < 70; i++) {
		ASSERT_EQ(0, raw_next(&r, &cqe));
		ASSERT_EQ(1, raw_answer(&r, WEIR_OP_FAIL, 0, cqe.token));
		due = MESSAGE(self->name, cqe.seq, DUE);
		ASSERT_LE(due, 3000 * SECOND);
		if (i > 2)
			ASSERT_GT(due, 2500 * SECOND);
		ASSERT_EQ(1, meddle(WEIR_CMD_MESSAGE_RELEASE, self->name, cqe.seq));
	}
	raw_close(&r);
}

TEST_F(queue, fail_takes_a_delay_of_its_own)
{
	struct weir_cqe cqe;
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_send_nums(&r, 0, 1));
	ASSERT_EQ(0, raw_next(&r, &cqe));
	ASSERT_EQ(1, raw_answer(&r, WEIR_OP_FAIL, 20, cqe.token));
	ASSERT_EQ(0, raw_next(&r, &cqe));
	EXPECT_EQ(2, cqe.attempts);
	ASSERT_EQ(1, raw_ack(&r, cqe.token));
	raw_close(&r);
}

/* What was delivered before returns to its place among the older ones. */
TEST_F(queue, a_message_that_comes_back_goes_before_younger_ones)
{
	struct weir_attach ask = { .role = WEIR_ROLE_WORK, .inflight = 1 };
	struct weir_cqe cqe;
	struct raw s, w;
	int i, fails = 0;
	uint32_t ms;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_MAX_ATTEMPTS, 60000))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open_as(&w, self->name, ask));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 5));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(0, raw_num(&w, &cqe));
	/* On a slow machine it is back before the next has gone: again, for longer. */
	for (ms = 1; raw_num(&w, &cqe) == 0 && ms < 5000; ms *= 4) {
		ASSERT_EQ(1, raw_answer(&w, WEIR_OP_FAIL, ms, cqe.token));
		fails++;
		ASSERT_EQ(0, raw_next(&w, &cqe));
	}
	EXPECT_EQ(1, raw_num(&w, &cqe));
	ASSERT_TRUE(WAIT_FOR(STAT(self->name, DELAYED) == 0));
	ASSERT_EQ(1, raw_answer(&w, WEIR_OP_RELEASE, 0, cqe.token));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		EXPECT_EQ(i, raw_num(&w, &cqe));
		EXPECT_EQ(i == 0 ? 1 + fails : 1, cqe.attempts);
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	raw_close(&s);
	raw_close(&w);
}

TEST_F(queue, delayed_messages_come_in_the_order_of_their_time)
{
	static const uint32_t part[] = { 3, 1, 2 };
	uint32_t token[3], ms;
	struct weir_cqe cqe;
	bool good = false;
	uint64_t n, sent;
	struct raw r;
	int i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	/* Those found due together go by their age: again, further apart. */
	for (ms = 20; !good && ms < 4000; ms *= 2) {
		ASSERT_EQ(0, raw_send_nums(&r, 0, 3));
		for (i = 0; i < 3; i++) {
			ASSERT_EQ(0, raw_next(&r, &cqe));
			ASSERT_EQ(i, raw_num(&r, &cqe));
			token[i] = cqe.token;
		}
		for (i = 0; i < 3; i++)
			raw_put_answer(&r, WEIR_OP_RELEASE, ms * part[i], &token[i], 1);
		sent = now_ns();
		ASSERT_EQ(3, raw_submit(&r));
		for (i = 0, good = true; i < 3; i++) {
			ASSERT_EQ(0, raw_next(&r, &cqe));
			n = raw_num(&r, &cqe);
			ASSERT_LT(n, 3);
			EXPECT_GE(now_ns(), sent + ms * part[n] * MS);
			good = good && n == (i + 1U) % 3;
			ASSERT_EQ(1, raw_ack(&r, cqe.token));
		}
	}
	EXPECT_TRUE(good);
	raw_close(&r);
}

TEST_F(queue, release_is_not_counted)
{
	struct weir_cqe cqe;
	struct raw r;
	int i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_send_nums(&r, 0, 1));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, raw_next(&r, &cqe));
		ASSERT_EQ(1, cqe.attempts);
		ASSERT_EQ(1, raw_answer(&r, WEIR_OP_RELEASE, i % 2, cqe.token));
	}
	ASSERT_EQ(0, raw_next(&r, &cqe));
	EXPECT_EQ(21, MESSAGE(self->name, cqe.seq, DELIVERIES));
	EXPECT_EQ(20, STAT(self->name, RELEASED));
	EXPECT_EQ(20, STAT(self->name, REDELIVERED));
	ASSERT_EQ(1, raw_ack(&r, cqe.token));
	raw_close(&r);
}

TEST_F(queue, a_long_delay_is_kept)
{
	struct weir_cqe cqe;
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_send_nums(&r, 0, 1));
	ASSERT_EQ(0, raw_next(&r, &cqe));
	ASSERT_EQ(1, raw_answer(&r, WEIR_OP_RELEASE, 86400000, cqe.token));
	EXPECT_LE(MESSAGE(self->name, cqe.seq, DUE), 86400 * SECOND);
	EXPECT_GT(MESSAGE(self->name, cqe.seq, DUE), 86000 * SECOND);
	EXPECT_EQ(-ETIME, raw_enter(&r, WEIR_ENTER_WAIT, 0, 1, RAW_NEVER));
	raw_close(&r);
}

TEST_F(queue, a_rejected_message_keeps_the_reason)
{
	char text[WEIR_REASON_MAX + 1];
	struct weir_cqe cqe;
	static const size_t lens[] = { 0, 1, WEIR_REASON_HEAD, WEIR_REASON_HEAD + 1,
				       WEIR_REASON_HEAD + 64, WEIR_REASON_MAX };
	struct raw r;
	size_t i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		memset(text, 0, sizeof(text));
		memset(text, 'a' + i, lens[i]);
		ASSERT_EQ(0, raw_send_nums(&r, i, 1));
		ASSERT_EQ(0, raw_next(&r, &cqe));
		ASSERT_EQ(1 + (lens[i] > WEIR_REASON_HEAD ?
			       (lens[i] - WEIR_REASON_HEAD + 63) / 64 : 0),
			  raw_reject(&r, cqe.token, text));
		EXPECT_EQ(WEIR_DEAD_REASON_REJECTED, MESSAGE(self->name, cqe.seq, REASON));
		EXPECT_STREQ(text, nl_str(nl_first(), WEIR_A_MESSAGE_REASON_TEXT));
	}
	EXPECT_EQ(ARRAY_SIZE(lens), STAT(self->name, REJECTED));
	EXPECT_EQ(ARRAY_SIZE(lens), STAT(self->name, DEAD));
	raw_close(&r);
}

TEST_F(queue, a_requeued_message_begins_anew)
{
	struct weir_cqe cqe, again;
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_send_nums(&r, 9, 1));
	ASSERT_EQ(0, raw_next(&r, &cqe));
	EXPECT_EQ(-EINVAL, meddle(WEIR_CMD_MESSAGE_REQUEUE, self->name, cqe.seq));
	ASSERT_EQ(1, raw_reject(&r, cqe.token, "no"));
	EXPECT_EQ(1, meddle(WEIR_CMD_MESSAGE_REQUEUE, self->name, cqe.seq));
	ASSERT_EQ(0, raw_next(&r, &again));
	EXPECT_EQ(cqe.seq, again.seq);
	EXPECT_EQ(9, raw_num(&r, &again));
	EXPECT_EQ(1, again.attempts);
	EXPECT_FALSE(nl_has(nl_first(), WEIR_A_MESSAGE_REASON));
	ASSERT_EQ(1, raw_ack(&r, again.token));
	EXPECT_EQ(1, STAT(self->name, REQUEUED));
	EXPECT_EQ(0, STAT(self->name, DEAD));
	EXPECT_EQ(1, STAT(self->name, ACKED));
	raw_close(&r);
}

TEST_F(queue, all_the_dead_can_be_requeued)
{
	struct weir_cqe cqe;
	struct raw s, w;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 10));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(1, raw_reject(&w, cqe.token, ""));
	}
	EXPECT_EQ(10, meddle_all(WEIR_CMD_MESSAGE_REQUEUE, self->name));
	EXPECT_EQ(0, meddle_all(WEIR_CMD_MESSAGE_REQUEUE, self->name));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		EXPECT_EQ(i, raw_num(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	raw_close(&s);
	raw_close(&w);
}

TEST_F(queue, kill_works_on_every_living_state)
{
	struct weir_cqe ready, delayed, inflight, cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 3));
	ASSERT_EQ(0, raw_next(&w, &ready));
	ASSERT_EQ(0, raw_next(&w, &delayed));
	ASSERT_EQ(0, raw_next(&w, &inflight));
	ASSERT_EQ(0, raw_enter(&w, WEIR_ENTER_STOP, 0, 0, 0));
	ASSERT_EQ(1, raw_answer(&w, WEIR_OP_RELEASE, 0, ready.token));
	ASSERT_EQ(1, raw_answer(&w, WEIR_OP_RELEASE, 86400000, delayed.token));
	EXPECT_EQ(WEIR_MESSAGE_STATE_READY, MESSAGE(self->name, ready.seq, STATE));
	EXPECT_EQ(WEIR_MESSAGE_STATE_DELAYED, MESSAGE(self->name, delayed.seq, STATE));
	EXPECT_EQ(WEIR_MESSAGE_STATE_INFLIGHT, MESSAGE(self->name, inflight.seq, STATE));
	EXPECT_EQ(w.at.client_id, MESSAGE(self->name, inflight.seq, HOLDER));
	EXPECT_EQ(getpid(), MESSAGE(self->name, inflight.seq, HOLDER_PID));

	EXPECT_EQ(1, meddle(WEIR_CMD_MESSAGE_KILL, self->name, ready.seq));
	EXPECT_EQ(1, meddle(WEIR_CMD_MESSAGE_KILL, self->name, delayed.seq));
	EXPECT_EQ(1, meddle(WEIR_CMD_MESSAGE_KILL, self->name, inflight.seq));
	EXPECT_EQ(-EINVAL, meddle(WEIR_CMD_MESSAGE_KILL, self->name, inflight.seq));
	EXPECT_EQ(-ENOENT, meddle(WEIR_CMD_MESSAGE_KILL, self->name, 1ULL << 60));
	EXPECT_EQ(3, STAT(self->name, DEAD));
	EXPECT_EQ(3, STAT(self->name, DIED_KILLED));
	EXPECT_EQ(WEIR_DEAD_REASON_KILLED, MESSAGE(self->name, inflight.seq, REASON));
	/* Its worker hears of it when it answers. */
	ASSERT_EQ(1, raw_ack(&w, inflight.token));
	ASSERT_EQ(0, raw_result(&w, &cqe));
	EXPECT_EQ(-ESTALE, cqe.res);
	EXPECT_EQ(inflight.token, cqe.rtoken);
	EXPECT_EQ(1, STAT(self->name, STALE));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(queue, a_message_taken_from_its_worker_goes_to_another)
{
	struct weir_cqe first, second;
	struct raw s, a, b;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&a, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 3, 1));
	ASSERT_EQ(0, raw_next(&a, &first));
	ASSERT_EQ(0, raw_enter(&a, WEIR_ENTER_STOP, 0, 0, 0));
	ASSERT_EQ(0, raw_open(&b, self->name, RAW_WORK));
	EXPECT_EQ(1, meddle(WEIR_CMD_MESSAGE_RELEASE, self->name, first.seq));
	ASSERT_EQ(0, raw_next(&b, &second));
	EXPECT_EQ(first.seq, second.seq);
	EXPECT_EQ(1, second.attempts);
	EXPECT_EQ(1, STAT(self->name, TAKEN));
	ASSERT_EQ(1, raw_ack(&a, first.token));
	ASSERT_EQ(0, raw_result(&a, &first));
	EXPECT_EQ(-ESTALE, first.res);
	ASSERT_EQ(1, raw_ack(&b, second.token));
	EXPECT_EQ(1, STAT(self->name, ACKED));
	raw_close(&s);
	raw_close(&a);
	raw_close(&b);
}

TEST_F(queue, purge_takes_what_it_is_told)
{
	struct weir_cqe cqe;
	struct raw r;
	int i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_send_nums(&r, 0, 12));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, raw_next(&r, &cqe));
		ASSERT_LT(0, i < 2 ? raw_reject(&r, cqe.token, "") :
				     raw_answer(&r, WEIR_OP_RELEASE, 86400000, cqe.token));
	}
	/* 2 dead, 2 delayed, the rest with the worker. */
	ASSERT_EQ(0, raw_enter(&r, WEIR_ENTER_STOP, 0, 0, 0));
	ASSERT_EQ(0, raw_send_nums(&r, 100, 5));
	EXPECT_EQ(2, purge(self->name,
			   ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->name),
				 A_U32(WEIR_A_CHANNEL_PURGE, WEIR_MESSAGE_STATE_DEAD))));
	EXPECT_EQ(0, STAT(self->name, DEAD));
	EXPECT_EQ(2, STAT(self->name, DELAYED));
	EXPECT_EQ(7, purge(self->name,
			   ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->name),
				 A_U32(WEIR_A_CHANNEL_PURGE, WEIR_MESSAGE_STATE_READY))));
	EXPECT_EQ(0, STAT(self->name, READY));
	EXPECT_EQ(0, STAT(self->name, DELAYED));
	EXPECT_EQ(9, STAT(self->name, PURGED));
	/* What a worker has, it keeps. */
	EXPECT_EQ(8, STAT(self->name, INFLIGHT));
	ASSERT_EQ(0, raw_next(&r, &cqe));
	ASSERT_LT(0, raw_reject(&r, cqe.token, ""));
	ASSERT_EQ(0, raw_send_nums(&r, 200, 3));
	EXPECT_EQ(4, purge(self->name, ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->name))));
	raw_close(&r);
}

TEST_F(queue, the_oldest_dead_is_dropped_beyond_the_limit)
{
	uint64_t first = 0;
	struct weir_cqe cqe;
	struct raw r;
	int i;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_DEAD_MAX, 2))));
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, raw_send_nums(&r, i, 1));
		ASSERT_EQ(0, raw_next(&r, &cqe));
		ASSERT_EQ(1, raw_reject(&r, cqe.token, ""));
		first = first ?: cqe.seq;
	}
	EXPECT_EQ(2, STAT(self->name, DEAD));
	EXPECT_EQ(1, STAT(self->name, DROPPED));
	EXPECT_EQ(3, STAT(self->name, DIED_REJECTED));
	EXPECT_EQ(~0ULL, MESSAGE(self->name, first, STATE));
	ASSERT_EQ(0, raw_wait_returns(&r, 1));
	/* None kept at all. */
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_DEAD_MAX, 0))));
	ASSERT_EQ(0, raw_send_nums(&r, 9, 1));
	ASSERT_EQ(0, raw_next(&r, &cqe));
	ASSERT_EQ(1, raw_reject(&r, cqe.token, ""));
	EXPECT_EQ(0, STAT(self->name, DEAD));
	EXPECT_EQ(4, STAT(self->name, DROPPED));
	raw_close(&r);
}

TEST_F(queue, a_paused_channel_takes_and_hands_out_nothing)
{
	struct weir_cqe cqe;
	struct raw r;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_STATE,
						     WEIR_CHANNEL_STATE_PAUSED))));
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_send_nums(&r, 0, 2));
	EXPECT_EQ(-ETIME, raw_enter(&r, WEIR_ENTER_WAIT, 0, 1, RAW_NEVER));
	EXPECT_EQ(2, STAT(self->name, READY));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_STATE,
						     WEIR_CHANNEL_STATE_RUNNING))));
	ASSERT_EQ(0, raw_next(&r, &cqe));
	EXPECT_EQ(0, raw_num(&r, &cqe));
	ASSERT_EQ(1, raw_ack(&r, cqe.token));
	raw_close(&r);
}

TEST_F(queue, a_draining_channel_refuses_and_hands_out)
{
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 2));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_STATE,
						     WEIR_CHANNEL_STATE_DRAINING))));
	ASSERT_EQ(0, raw_send(&s, "no", 2));
	ASSERT_EQ(0, raw_result(&s, &cqe));
	EXPECT_EQ(-ESHUTDOWN, cqe.res);
	EXPECT_EQ(1, STAT(self->name, REFUSED));
	EXPECT_EQ(2, STAT(self->name, ACCEPTED));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	EXPECT_EQ(2, STAT(self->name, ACKED));
	raw_close(&s);
	raw_close(&w);
}

TEST_HARNESS_MAIN
