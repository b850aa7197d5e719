// SPDX-License-Identifier: GPL-2.0-only
/* A full channel: who waits, who is refused, and who goes on first. */
#include <pthread.h>

#include "kselftest_harness.h"

#include "bed.h"

CHANNEL_FIXTURE(full, A_U32(WEIR_A_CHANNEL_MESSAGES, 4),
		A_U32(WEIR_A_CHANNEL_INFLIGHT, 1),
		A_U32(WEIR_A_CHANNEL_BATCH, 1))

static int set_overflow(const char *name, uint32_t how)
{
	return chan_set(name, ATTRS(A_U32(WEIR_A_CHANNEL_OVERFLOW, how)));
}

/* Publishes @nr messages and submits without sleep. */
static int push(struct raw *s, uint64_t first, unsigned int nr)
{
	int ret;

	for (; nr--; first++) {
		ret = raw_put(s, &first, sizeof(first), NULL);
		if (ret)
			return ret;
	}
	return raw_submit(s);
}

TEST_F(full, block_leaves_entries_in_the_ring)
{
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	EXPECT_EQ(4, push(&s, 0, 6));
	EXPECT_EQ(4, s.ring->ksq_head);
	EXPECT_EQ(-EAGAIN, raw_enter(&s, 0, 2, 0, 0));
	EXPECT_EQ(4, s.ring->ksq_head);
	EXPECT_GE(STAT(self->name, BLOCKED), 1);
	EXPECT_EQ(0, STAT(self->name, REFUSED));
	EXPECT_EQ(-ETIME, raw_enter(&s, WEIR_ENTER_SQ_WAIT, 2, 0, RAW_NEVER));
	EXPECT_EQ(-ETIME, raw_enter(&s, WEIR_ENTER_SQ_WAIT, 2, 0, 10 * MS));
	/* What a worker holds does not count as waiting. */
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(0, raw_num(&w, &cqe));
	EXPECT_EQ(1, raw_enter(&s, 0, 2, 0, 0));
	EXPECT_EQ(-EAGAIN, raw_enter(&s, 0, 1, 0, 0));
	raw_close(&s);
	raw_close(&w);
}

/* Whatever the ring of the blocked has behind it, it has to wait. */
TEST_F(full, entries_behind_a_blocked_one_wait_too)
{
	struct weir_cqe cqe;
	struct weir_sqe *sqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	EXPECT_EQ(4, push(&s, 0, 5));
	sqe = raw_sqe(&s);
	sqe->flags = WEIR_SQE_RESULT;
	EXPECT_EQ(-EAGAIN, raw_submit(&s));
	EXPECT_EQ(0, raw_unread(&s));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(2, raw_submit(&s));
	ASSERT_EQ(0, raw_result(&s, &cqe));
	EXPECT_EQ(WEIR_OP_NOP, cqe.op);
	raw_close(&s);
	raw_close(&w);
}

TEST_F(full, nowait_is_answered_instead)
{
	struct weir_cqe cqe;
	struct weir_sqe *sqe;
	struct raw s;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	EXPECT_EQ(4, push(&s, 0, 4));
	ASSERT_EQ(0, raw_put(&s, "x", 1, &sqe));
	sqe->flags = WEIR_SQE_NOWAIT;
	sqe->user_data = 8;
	EXPECT_EQ(1, raw_submit(&s));
	ASSERT_EQ(0, raw_result(&s, &cqe));
	EXPECT_EQ(-EAGAIN, cqe.res);
	EXPECT_EQ(8, cqe.user_data);
	EXPECT_EQ(1, STAT(self->name, REFUSED));
	EXPECT_EQ(1, STAT(self->name, REFUSED_FULL));
	raw_close(&s);
}

TEST_F(full, error_is_enobufs_and_the_buffer_stays_with_the_sender)
{
	struct weir_sqe *sqe;
	struct weir_cqe cqe;
	struct raw s, w;
	uint64_t addr;

	ASSERT_EQ(0, set_overflow(self->name, WEIR_OVERFLOW_ERROR));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	EXPECT_EQ(WEIR_OVERFLOW_ERROR, s.at.overflow);
	EXPECT_EQ(4, push(&s, 0, 4));
	ASSERT_EQ(0, raw_put(&s, "late", 4, &sqe));
	addr = sqe->addr;
	EXPECT_EQ(1, raw_submit(&s));
	ASSERT_EQ(0, raw_result(&s, &cqe));
	EXPECT_EQ(-ENOBUFS, cqe.res);
	EXPECT_EQ(addr, cqe.raddr);
	EXPECT_EQ(1, STAT(self->name, REFUSED));
	EXPECT_EQ(1, STAT(self->name, REFUSED_FULL));
	EXPECT_EQ(0, STAT(self->name, REFUSED_INVALID));
	EXPECT_EQ(4, STAT(self->name, ACCEPTED));
	/* It may be submitted again as it is. */
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	sqe = raw_sqe(&s);
	sqe->op = WEIR_OP_SEND;
	sqe->addr = addr;
	sqe->len = 4;
	EXPECT_EQ(1, raw_submit(&s));
	EXPECT_EQ(5, STAT(self->name, ACCEPTED));
	raw_close(&s);
	raw_close(&w);
}

static void wait_with(struct __test_metadata *_metadata, struct kid *k,
		      const char *name, uint64_t number)
{
	struct raw s;

	if (kid_fork(k)) {
		EXPECT_EQ(0, raw_open(&s, name, RAW_SEND));
		EXPECT_EQ(0, raw_put(&s, &number, sizeof(number), NULL));
		raw_publish(&s);
		kid_say(k, 'w');
		EXPECT_EQ(1, raw_enter(&s, WEIR_ENTER_SQ_WAIT, 1, 0, 0));
		kid_say(k, 'd');
		kid_hold(k);
	}
	ASSERT_EQ('w', kid_hear(k));
	ASSERT_TRUE(WAIT_FOR(kid_sleeps(k->pid)));
}

TEST_F(full, those_who_wait_go_on_in_their_order)
{
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k[4];
	uint64_t blocked;
	int i;

	if (via_uring())
		SKIP(return, "those who poll stand in no line");
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(4, push(&s, 0, 4));
	for (i = 0; i < 4; i++) {
		blocked = STAT(self->name, BLOCKED);
		wait_with(_metadata, &k[i], self->name, 4 + i);
		ASSERT_TRUE(WAIT_FOR(STAT(self->name, BLOCKED) > blocked &&
				     kid_sleeps(k[i].pid)));
	}
	/* With each message that leaves one of them goes on. */
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 8; i++) {
		if (i < 4)
			ASSERT_EQ('d', kid_hear(&k[i]));
		ASSERT_EQ(0, raw_next(&w, &cqe));
		EXPECT_EQ(i, raw_num(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(8, STAT(self->name, ACKED));
	raw_close(&s);
	raw_close(&w);
}

/* One that is killed in its sleep is not waited for by the next. */
TEST_F(full, a_dead_waiter_holds_up_nobody)
{
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k[3];
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(4, push(&s, 0, 4));
	for (i = 0; i < 3; i++)
		wait_with(_metadata, &k[i], self->name, 4 + i);
	EXPECT_EQ(SIGKILL, kid_kill(&k[0]));
	/* It had published: that counts, beyond the limit. */
	EXPECT_EQ(5, STAT(self->name, ACCEPTED));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 7; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ('d', kid_hear(&k[1]));
	EXPECT_EQ('d', kid_hear(&k[2]));
	EXPECT_EQ(7, STAT(self->name, ACKED));
	raw_close(&s);
	raw_close(&w);
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

TEST_F(full, a_signal_interrupts_the_wait_for_room)
{
	struct sigaction sa = { .sa_handler = on_signal };
	pthread_t me = pthread_self(), t;
	struct raw s;

	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(4, push(&s, 0, 5));
	ASSERT_EQ(0, pthread_create(&t, NULL, annoy, &me));
	EXPECT_EQ(-EINTR, raw_enter(&s, WEIR_ENTER_SQ_WAIT, 1, 0, 0));
	EXPECT_EQ(1, raw_pending(&s));
	pthread_cancel(t);
	pthread_join(t, NULL);
	raw_close(&s);
}

TEST_F(full, poll_tells_of_room)
{
	struct pollfd p = { .events = POLLOUT };
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k;

	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_open(&s, self->name, RAW_SEND));
		EXPECT_EQ(4, push(&s, 0, 4));
		p.fd = s.fd;
		EXPECT_EQ(0, poll(&p, 1, 0));
		kid_say(&k, 'f');
		EXPECT_EQ(1, poll(&p, 1, RAW_PATIENCE / MS));
		EXPECT_EQ(POLLOUT, p.revents);
		_exit(0);
	}
	ASSERT_EQ('f', kid_hear(&k));
	ASSERT_TRUE(WAIT_FOR(kid_sleeps(k.pid)));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(0, kid_end(&k));
	raw_close(&w);
}

TEST_F(full, a_larger_limit_lets_them_go_on)
{
	struct kid k;
	struct raw s;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(4, push(&s, 0, 4));
	wait_with(_metadata, &k, self->name, 4);
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_MESSAGES, 5))));
	EXPECT_EQ('d', kid_hear(&k));
	EXPECT_EQ(5, STAT(self->name, READY));
	raw_close(&s);
}

TEST_F(full, a_purge_lets_them_go_on)
{
	struct kid k;
	struct raw s;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(4, push(&s, 0, 4));
	wait_with(_metadata, &k, self->name, 4);
	ASSERT_EQ(0, nl_do(WEIR_CMD_CHANNEL_PURGE,
			   ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->name))));
	EXPECT_EQ('d', kid_hear(&k));
	EXPECT_EQ(1, STAT(self->name, READY));
	EXPECT_EQ(4, STAT(self->name, PURGED));
	raw_close(&s);
}

TEST_F(full, draining_refuses_those_who_wait)
{
	struct kid k;
	struct raw s;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(4, push(&s, 0, 4));
	wait_with(_metadata, &k, self->name, 4);
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_STATE,
						     WEIR_CHANNEL_STATE_DRAINING))));
	EXPECT_EQ('d', kid_hear(&k));
	EXPECT_EQ(1, STAT(self->name, REFUSED));
	EXPECT_EQ(4, STAT(self->name, ACCEPTED));
	raw_close(&s);
}

TEST_F(full, another_overflow_lets_them_go_on)
{
	struct kid k;
	struct raw s;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(4, push(&s, 0, 4));
	wait_with(_metadata, &k, self->name, 4);
	ASSERT_EQ(0, set_overflow(self->name, WEIR_OVERFLOW_ERROR));
	/* Consumed, and refused: its RESULT says so. */
	EXPECT_EQ('d', kid_hear(&k));
	EXPECT_EQ(1, STAT(self->name, REFUSED_FULL));
	raw_close(&s);
}

/* Delayed messages count as waiting, redelivered ones ignore the limit. */
TEST_F(full, what_comes_back_ignores_the_limit)
{
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(4, push(&s, 0, 4));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(1, push(&s, 4, 1));
	EXPECT_EQ(4, STAT(self->name, READY));
	ASSERT_EQ(0, raw_enter(&w, WEIR_ENTER_STOP, 0, 0, 0));
	ASSERT_EQ(1, raw_answer(&w, WEIR_OP_RELEASE, 86400000, cqe.token));
	EXPECT_EQ(4, STAT(self->name, READY));
	EXPECT_EQ(1, STAT(self->name, DELAYED));
	EXPECT_EQ(-EAGAIN, push(&s, 5, 1));
	raw_close(&s);
	raw_close(&w);
}

TEST_HARNESS_MAIN
