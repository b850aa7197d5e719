// SPDX-License-Identifier: GPL-2.0-only
/* SETTLE: a sender waits until what it sent is done with. */
#include <pthread.h>

#include "kselftest_harness.h"

#include "bed.h"

CHANNEL_FIXTURE(settle, A_U32(WEIR_A_CHANNEL_INFLIGHT, 64),
		A_U32(WEIR_A_CHANNEL_DEAD_MAX, 2))

TEST_F(settle, malformed)
{
	struct weir_settle s = { .size = sizeof(s), .flags = 1 };
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	EXPECT_EQ(-EINVAL, raw_ioctl(r.fd, WEIR_IOC_SETTLE, &s));
	s = (struct weir_settle){ .size = sizeof(s), .resv = { 0, 1 } };
	EXPECT_EQ(-EINVAL, raw_ioctl(r.fd, WEIR_IOC_SETTLE, &s));
	s = (struct weir_settle){ .size = 0 };
	EXPECT_EQ(-EINVAL, raw_ioctl(r.fd, WEIR_IOC_SETTLE, &s));
	EXPECT_EQ(-EFAULT, raw_ioctl(r.fd, WEIR_IOC_SETTLE, NULL));
	raw_close(&r);
}

TEST_F(settle, nothing_sent_is_settled)
{
	struct weir_settle st;
	struct raw s;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	EXPECT_EQ(0, raw_settle(&s, 0, &st));
	EXPECT_EQ(0, st.accepted);
	EXPECT_EQ(0, st.unsettled);
	raw_close(&s);
}

TEST_F(settle, counts_are_filled_in_when_the_time_passes)
{
	struct weir_settle st;
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 4));
	EXPECT_EQ(-ETIME, raw_settle(&s, RAW_NEVER, &st));
	EXPECT_EQ(4, st.accepted);
	EXPECT_EQ(4, st.unsettled);
	EXPECT_EQ(-ETIME, raw_settle(&s, 5 * MS, &st));

	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(1, raw_reject(&w, cqe.token, "no"));
	EXPECT_EQ(-ETIME, raw_settle(&s, RAW_NEVER, &st));
	EXPECT_EQ(4, st.accepted);
	EXPECT_EQ(1, st.acked);
	EXPECT_EQ(1, st.dead);
	EXPECT_EQ(2, st.unsettled);
	raw_close(&s);
	raw_close(&w);
}

TEST_F(settle, waits_for_the_last_answer)
{
	struct weir_settle st;
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k;
	int i;

	if (kid_fork(&k)) {
		ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
		ASSERT_EQ(0, raw_send_nums(&s, 0, 3));
		kid_say(&k, 's');
		EXPECT_EQ(0, raw_settle(&s, 0, &st));
		EXPECT_EQ(3, st.accepted);
		EXPECT_EQ(2, st.acked);
		EXPECT_EQ(1, st.dead);
		EXPECT_EQ(0, st.unsettled);
		_exit(0);
	}
	ASSERT_EQ('s', kid_hear(&k));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(WAIT_FOR(kid_sleeps(k.pid)));
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(1, i == 1 ? raw_reject(&w, cqe.token, "bad") :
				      raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(0, kid_end(&k));
	raw_close(&w);
}

TEST_F(settle, purged_and_dropped_are_settled)
{
	struct weir_settle st;
	struct weir_cqe cqe;
	struct raw s, w;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 10));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(1, raw_reject(&w, cqe.token, ""));
	}
	raw_close(&w);
	EXPECT_EQ(2, STAT(self->name, DEAD));
	EXPECT_EQ(2, STAT(self->name, DROPPED));
	ASSERT_EQ(0, nl_do(WEIR_CMD_CHANNEL_PURGE,
			   ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->name),
				 A_U32(WEIR_A_CHANNEL_PURGE, WEIR_MESSAGE_STATE_READY))));
	EXPECT_EQ(6, nl_num(nl_first(), WEIR_A_CHANNEL_COUNT));
	EXPECT_EQ(0, raw_settle(&s, 0, &st));
	EXPECT_EQ(10, st.accepted);
	EXPECT_EQ(0, st.unsettled);
	raw_close(&s);
}

TEST_F(settle, a_requeued_message_is_unsettled_again)
{
	struct weir_settle st;
	struct weir_cqe cqe;
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_send_nums(&r, 0, 1));
	ASSERT_EQ(0, raw_next(&r, &cqe));
	ASSERT_EQ(1, raw_reject(&r, cqe.token, ""));
	EXPECT_EQ(0, raw_settle(&r, RAW_NEVER, &st));
	EXPECT_EQ(1, st.dead);
	ASSERT_EQ(0, nl_do(WEIR_CMD_MESSAGE_REQUEUE,
			   ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name),
				 A_U64(WEIR_A_MESSAGE_ID, cqe.seq))));
	EXPECT_EQ(-ETIME, raw_settle(&r, RAW_NEVER, &st));
	EXPECT_EQ(0, st.dead);
	EXPECT_EQ(1, st.unsettled);
	ASSERT_EQ(0, raw_next(&r, &cqe));
	ASSERT_EQ(1, raw_ack(&r, cqe.token));
	EXPECT_EQ(0, raw_settle(&r, RAW_NEVER, &st));
	EXPECT_EQ(1, st.acked);
	raw_close(&r);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void *annoy(void *arg)
{
	pthread_t victim = *(pthread_t *)arg;

	for (;;) {
		pthread_kill(victim, SIGUSR1);
		breathe();
	}
	return NULL;
}

TEST_F(settle, a_signal_interrupts_it)
{
	struct sigaction sa = { .sa_handler = on_signal };
	pthread_t me = pthread_self(), t;
	struct weir_settle st;
	struct raw s;

	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 2));
	ASSERT_EQ(0, pthread_create(&t, NULL, annoy, &me));
	EXPECT_EQ(-EINTR, raw_settle(&s, 0, &st));
	EXPECT_EQ(2, st.unsettled);
	pthread_cancel(t);
	pthread_join(t, NULL);
	raw_close(&s);
}

TEST_HARNESS_MAIN
