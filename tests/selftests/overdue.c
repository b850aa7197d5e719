// SPDX-License-Identifier: GPL-2.0-only
/* `ack-timeout`: workers that are stopped, that ask for more time, that come too late. */
#include "kselftest_harness.h"

#include "bed.h"

#define LIMIT	(300 * MS)

CHANNEL_FIXTURE(overdue, A_U32(WEIR_A_CHANNEL_INFLIGHT, 64),
		A_U32(WEIR_A_CHANNEL_BACKOFF_MIN, 0),
		A_U64(WEIR_A_CHANNEL_ACK_TIMEOUT, LIMIT))

static int extend(struct raw *r, uint32_t token, uint32_t ms)
{
	return raw_answer(r, WEIR_OP_EXTEND, ms, token);
}

TEST_F(overdue, a_stopped_workers_messages_go_to_another)
{
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_open(&w, self->name, RAW_WORK));
		kid_say(&k, 'o');
		/* The first of them is seen, the others wait in its ring. */
		EXPECT_EQ(0, raw_next(&w, &cqe));
		kid_say(&k, 'h');
		kid_hear(&k);
		/* It was stopped meanwhile: what it has to say comes too late. */
		EXPECT_EQ(1, raw_ack(&w, cqe.token));
		while (raw_pop(&w, &cqe) && cqe.type == WEIR_CQE_MSG)
			;
		EXPECT_EQ(WEIR_CQE_RESULT, cqe.type);
		EXPECT_EQ(-ESTALE, cqe.res);
		kid_say(&k, 's');
		_exit(0);
	}
	ASSERT_EQ('o', kid_hear(&k));
	ASSERT_EQ(0, raw_send_nums(&s, 1, 5));
	ASSERT_EQ('h', kid_hear(&k));
	ASSERT_EQ(0, kill(k.pid, SIGSTOP));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 1; i <= 5; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		EXPECT_EQ(i, raw_num(&w, &cqe));
		EXPECT_EQ(i == 1 ? 2 : 1, cqe.attempts);
		EXPECT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(5, STAT(self->name, OVERDUE));
	EXPECT_EQ(5, STAT(self->name, REDELIVERED));
	ASSERT_EQ(0, kill(k.pid, SIGCONT));
	kid_say(&k, 'g');
	EXPECT_EQ('s', kid_hear(&k));
	EXPECT_EQ(1, STAT(self->name, STALE));
	EXPECT_EQ(5, STAT(self->name, ACKED));
	EXPECT_EQ(0, kid_end(&k));
	raw_close(&w);
	raw_close(&s);
}

/* There is nobody else: it waits, without an attempt being used up. */
TEST_F(overdue, a_single_worker_gets_it_again_when_it_calls)
{
	struct weir_cqe cqe;
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_send_nums(&r, 7, 1));
	ASSERT_EQ(0, raw_next(&r, &cqe));
	ASSERT_TRUE(WAIT_FOR(STAT(self->name, OVERDUE) == 1));
	wait_until(now_ns() + 3 * LIMIT);
	EXPECT_EQ(1, STAT(self->name, OVERDUE));
	EXPECT_EQ(1, STAT(self->name, READY));
	ASSERT_EQ(0, raw_next(&r, &cqe));
	EXPECT_EQ(7, raw_num(&r, &cqe));
	EXPECT_EQ(2, cqe.attempts);
	/* Slower than the limit once more is no harm, if it says so. */
	do {
		EXPECT_EQ(1, raw_ack(&r, cqe.token));
	} while (STAT(self->name, ACKED) == 0 && !raw_next(&r, &cqe));
	EXPECT_EQ(1, STAT(self->name, ACKED));
	raw_close(&r);
}

/* The first messages are overdue before there are enough; it still gets the others. */
TEST_F(overdue, who_waits_for_a_batch_is_no_late_worker)
{
	struct raw s, w;
	struct kid k;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_open(&w, self->name, RAW_WORK));
		kid_say(&k, 'o');
		EXPECT_EQ(0, raw_enter(&w, WEIR_ENTER_WAIT, 0, 20, 10 * RAW_PATIENCE));
		EXPECT_LE(20, raw_unread(&w));
		kid_say(&k, 'd');
		_exit(0);
	}
	ASSERT_EQ('o', kid_hear(&k));
	ASSERT_EQ(0, raw_send_nums(&s, 1, 3));
	ASSERT_TRUE(WAIT_FOR(STAT(self->name, OVERDUE) >= 3));
	ASSERT_EQ(0, raw_send_nums(&s, 4, 17));
	EXPECT_EQ('d', kid_hear(&k));
	EXPECT_EQ(0, kid_end(&k));
	raw_close(&s);
}

TEST_F(overdue, who_asks_for_more_time_has_it)
{
	struct weir_cqe cqe;
	struct raw s, w, other;
	uint64_t due;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_ACK_TIMEOUT,
						      60 * SECOND))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 1, 1));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	due = message_num(self->name, cqe.seq, WEIR_A_MESSAGE_DUE);
	EXPECT_LE(due, 60 * SECOND);
	EXPECT_LT(30 * SECOND, due);
	EXPECT_EQ(1, extend(&w, cqe.token, 3600000));
	EXPECT_LT(3000 * SECOND, message_num(self->name, cqe.seq, WEIR_A_MESSAGE_DUE));
	/* It is never taken away. */
	EXPECT_EQ(1, extend(&w, cqe.token, 1));
	EXPECT_LT(3000 * SECOND, message_num(self->name, cqe.seq, WEIR_A_MESSAGE_DUE));
	/* Unless the administrator does so. */
	ASSERT_EQ(0, raw_open(&other, self->name, RAW_WORK));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_ACK_TIMEOUT, 1 * MS))));
	ASSERT_EQ(0, raw_next(&other, &cqe));
	EXPECT_EQ(1, raw_num(&other, &cqe));
	EXPECT_LE(1, STAT(self->name, OVERDUE));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_ACK_TIMEOUT, 0))));
	raw_close(&other);
	raw_close(&w);
	raw_close(&s);
}

TEST_F(overdue, extensions_are_checked)
{
	struct weir_cqe cqe;
	struct weir_sqe *sqe;
	struct raw s, w;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_ACK_TIMEOUT, 0))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 1, 1));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	/* Nothing is limited: nothing to do. */
	EXPECT_EQ(1, extend(&w, cqe.token, 1000));
	EXPECT_EQ(0, raw_unread(&w));
	EXPECT_EQ(1, raw_ack(&w, cqe.token));
	EXPECT_EQ(1, extend(&w, cqe.token, 1000));
	EXPECT_EQ(-ESTALE, raw_result(&w, &cqe) ?: cqe.res);
	EXPECT_EQ(1, extend(&w, cqe.token, 86400001));
	EXPECT_EQ(-EINVAL, raw_result(&w, &cqe) ?: cqe.res);
	sqe = raw_sqe(&s);
	sqe->op = WEIR_OP_EXTEND;
	sqe->nr = 1;
	EXPECT_EQ(1, raw_submit(&s));
	EXPECT_EQ(-EPERM, raw_result(&s, &cqe) ?: cqe.res);
	raw_close(&w);
	raw_close(&s);
}

TEST_F(overdue, what_hangs_every_worker_is_dead_in_the_end)
{
	struct weir_cqe cqe;
	struct raw s, w;
	int i;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_ACK_TIMEOUT, 20 * MS),
						A_U32(WEIR_A_CHANNEL_MAX_ATTEMPTS, 3))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 1, 1));
	/* Each time it is read, and never answered. */
	for (i = 0; i < 100 && !STAT(self->name, DEAD); i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_TRUE(WAIT_FOR(STAT(self->name, INFLIGHT) == 0));
	}
	EXPECT_EQ(1, STAT(self->name, DIED_ATTEMPTS));
	EXPECT_EQ(WEIR_DEAD_REASON_ATTEMPTS,
		  message_num(self->name, cqe.seq, WEIR_A_MESSAGE_REASON));
	raw_close(&w);
	raw_close(&s);
}

/* Redelivery needs no new room, and loses nothing however often it comes. */
TEST_F(overdue, a_full_channel_of_slow_workers)
{
	uint64_t sent = 0, seen[256] = { 0 }, num, patience = 5 * MS;
	struct weir_cqe cqe;
	struct raw s, w[3];
	uint32_t token[64];
	unsigned int nr;
	int i, ret;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_ACK_TIMEOUT, patience),
						A_U32(WEIR_A_CHANNEL_MESSAGES, 50),
						A_U32(WEIR_A_CHANNEL_REDELIVER_MAX, 60000),
						A_U32(WEIR_A_CHANNEL_MAX_ATTEMPTS, 60000))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, raw_open(&w[i], self->name, RAW_WORK));
	/* Most of what comes is not answered, until enough was taken back. */
	for (i = 0; STAT(self->name, ACKED) < 256; i++) {
		struct raw *r = &w[i % 3];

		if (patience && STAT(self->name, OVERDUE) >= 200) {
			patience = 0;
			ASSERT_EQ(0, chan_set(self->name,
					      ATTRS(A_U64(WEIR_A_CHANNEL_ACK_TIMEOUT, SECOND))));
		}
		while (sent < 256 && raw_pending(&s) < 8 && !raw_put_num(&s, sent, NULL))
			sent++;
		raw_submit(&s);
		if (raw_next_in(r, MS, &cqe))
			continue;
		nr = 0;
		do {
			/* A RESULT: an answer that came too late. */
			if (cqe.type != WEIR_CQE_MSG)
				continue;
			num = raw_num(r, &cqe);
			ASSERT_LT(num, 256);
			seen[num]++;
			token[nr++] = cqe.token;
		} while (nr < ARRAY_SIZE(token) && raw_pop(r, &cqe));
		if (patience && i % 4)
			continue;
		/* Where a ring is full of what was late, the next answer takes this one along. */
		while (nr) {
			ret = raw_ack(r, token[--nr]);
			ASSERT_TRUE(ret > 0 || ret == -EAGAIN) TH_LOG("%d", ret);
		}
	}
	EXPECT_LE(200, STAT(self->name, OVERDUE));
	for (i = 0; i < 256; i++)
		EXPECT_LE(1, seen[i]);
	EXPECT_TRUE(chan_balanced(self->name));
	for (i = 0; i < 3; i++)
		raw_close(&w[i]);
	raw_close(&s);
}

TEST_F(overdue, the_attribute_is_checked)
{
	char name[CHAN_ROOM];

	EXPECT_EQ(LIMIT, CHAN(self->name, ACK_TIMEOUT));
	EXPECT_EQ(-EINVAL, chan_set(self->name,
				    ATTRS(A_U64(WEIR_A_CHANNEL_ACK_TIMEOUT, MS - 1))));
	EXPECT_STREQ("ack-timeout 999999 is neither 0 nor at least 1000000", nl_last.text);
	EXPECT_EQ(-EINVAL, chan_new(name, ATTRS(A_U64(WEIR_A_CHANNEL_ACK_TIMEOUT, SECOND),
						A_U32(WEIR_A_CHANNEL_DELIVERY,
						      WEIR_DELIVERY_FANOUT))));
	EXPECT_STREQ("ack-timeout contradicts delivery fanout", nl_last.text);
	EXPECT_EQ(LIMIT, CHAN(self->name, ACK_TIMEOUT));
}

TEST_HARNESS_MAIN
