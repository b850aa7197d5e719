// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flow control: what a send meets when there is no room, whose room it is, and
 * who is told. See also full.c.
 */
#include "kselftest_harness.h"

#include "bed.h"

CHANNEL_FIXTURE(flow, A_U32(WEIR_A_CHANNEL_MESSAGES, 4),
		A_U32(WEIR_A_CHANNEL_INFLIGHT, 1),
		A_U32(WEIR_A_CHANNEL_BATCH, 1),
		A_U32(WEIR_A_CHANNEL_PRIORITIES, 2))

static int set_overflow(const char *name, uint32_t how)
{
	return chan_set(name, ATTRS(A_U32(WEIR_A_CHANNEL_OVERFLOW, how)));
}

/* Publishes @nr messages and submits without sleep. */
static int push(struct raw *s, uint64_t first, unsigned int nr)
{
	int ret;

	for (; nr--; first++) {
		ret = raw_put_num(s, first, NULL);
		if (ret)
			return ret;
	}
	return raw_submit(s);
}

/* One message of a priority. */
static int push_prio(struct raw *s, uint64_t num, uint8_t prio, uint32_t defer)
{
	struct weir_sqe *sqe;
	int ret = raw_put_num(s, num, &sqe);

	if (ret)
		return ret;
	sqe->prio = prio;
	sqe->defer_ms = defer;
	return raw_submit(s);
}

static bool full_is_told(int ear, const char *name)
{
	uint64_t end = now_ns() + RAW_PATIENCE;
	struct nl_obj *o;
	bool is;

	while (now_ns() < end && !nl_event(ear, RAW_PATIENCE / MS, &o)) {
		is = o->cmd == WEIR_CMD_CHANNEL_FULL_NTF &&
		     !strcmp(nl_str(o, WEIR_A_CHANNEL_NAME), name);
		free(o);
		if (is)
			return true;
	}
	return false;
}

/* The channel's messages in the order they come. */
static void expect_messages(struct __test_metadata *_metadata, const char *name,
			    const uint64_t *num, unsigned int nr)
{
	struct weir_cqe cqe;
	struct raw w;
	unsigned int i;

	ASSERT_EQ(0, raw_open(&w, name, RAW_WORK));
	for (i = 0; i < nr; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		EXPECT_EQ(num[i], raw_num(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(-ETIME, raw_next_in(&w, RAW_NEVER, &cqe));
	raw_close(&w);
}

#define NUMS(...)	(const uint64_t[]){ __VA_ARGS__ }

/* ---- each overflow ---- */

TEST_F(flow, block_is_counted_and_told)
{
	int ear = nl_listen();
	struct raw s;

	ASSERT_LE(0, ear);
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	EXPECT_EQ(4, push(&s, 0, 6));
	EXPECT_EQ(1, STAT(self->name, BLOCKED));
	EXPECT_TRUE(full_is_told(ear, self->name));
	expect_messages(_metadata, self->name, NUMS(0, 1, 2, 3), 4);
	EXPECT_EQ(2, raw_submit(&s));
	raw_close(&s);
	close(ear);
}

TEST_F(flow, error_is_counted_and_told)
{
	int ear = nl_listen();
	struct weir_cqe cqe;
	struct raw s;
	int dev, i;

	ASSERT_LE(0, ear);
	ASSERT_EQ(0, set_overflow(self->name, WEIR_OVERFLOW_ERROR));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	EXPECT_EQ(6, push(&s, 0, 6));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, raw_result(&s, &cqe));
		EXPECT_EQ(-ENOBUFS, cqe.res);
	}
	dev = raw_device(self->name, O_WRONLY);
	EXPECT_EQ(-1, write(dev, "x", 1));
	EXPECT_EQ(ENOBUFS, errno);
	EXPECT_EQ(3, STAT(self->name, REFUSED_FULL));
	EXPECT_EQ(0, STAT(self->name, REFUSED_SHARE));
	EXPECT_EQ(4, STAT(self->name, ACCEPTED));
	EXPECT_TRUE(full_is_told(ear, self->name));
	close(dev);
	expect_messages(_metadata, self->name, NUMS(0, 1, 2, 3), 4);
	raw_close(&s);
	close(ear);
}

TEST_F(flow, drop_new_is_counted_and_told)
{
	int ear = nl_listen();
	struct weir_settle settle;
	struct raw s;
	int dev;

	ASSERT_LE(0, ear);
	ASSERT_EQ(0, set_overflow(self->name, WEIR_OVERFLOW_DROP_NEW));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	EXPECT_EQ(6, push(&s, 0, 6));
	/* The sender has no error, and its buffers back. */
	ASSERT_EQ(0, raw_wait_returns(&s, 2));
	dev = raw_device(self->name, O_WRONLY);
	EXPECT_EQ(1, write(dev, "x", 1));
	EXPECT_EQ(7, STAT(self->name, ACCEPTED));
	EXPECT_EQ(3, STAT(self->name, DROPPED));
	EXPECT_EQ(3, STAT(self->name, DROPPED_NEW));
	EXPECT_EQ(0, STAT(self->name, REFUSED));
	EXPECT_TRUE(full_is_told(ear, self->name));
	close(dev);
	expect_messages(_metadata, self->name, NUMS(0, 1, 2, 3), 4);
	ASSERT_EQ(0, raw_settle(&s, RAW_PATIENCE, &settle));
	EXPECT_EQ(6, settle.accepted);
	EXPECT_EQ(4, settle.acked);
	raw_close(&s);
	close(ear);
}

TEST_F(flow, drop_old_is_counted_and_told)
{
	int ear = nl_listen();
	struct raw s;
	int dev;

	ASSERT_LE(0, ear);
	ASSERT_EQ(0, set_overflow(self->name, WEIR_OVERFLOW_DROP_OLD));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	EXPECT_EQ(6, push(&s, 0, 6));
	ASSERT_EQ(0, raw_wait_returns(&s, 2));
	EXPECT_EQ(6, STAT(self->name, ACCEPTED));
	EXPECT_EQ(2, STAT(self->name, DROPPED_OLD));
	EXPECT_EQ(2, STAT(self->name, DROPPED));
	EXPECT_EQ(4, STAT(self->name, READY));
	EXPECT_TRUE(full_is_told(ear, self->name));
	dev = raw_device(self->name, O_WRONLY);
	EXPECT_EQ(8, write(dev, NUMS(9), 8));
	EXPECT_EQ(3, STAT(self->name, DROPPED_OLD));
	close(dev);
	expect_messages(_metadata, self->name, NUMS(3, 4, 5, 9), 4);
	raw_close(&s);
	close(ear);
}

TEST_F(flow, drop_old_begins_with_the_least_urgent)
{
	struct raw s;

	ASSERT_EQ(0, set_overflow(self->name, WEIR_OVERFLOW_DROP_OLD));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	EXPECT_EQ(1, push_prio(&s, 0, 0, 0));
	EXPECT_EQ(1, push_prio(&s, 1, 1, 0));
	EXPECT_EQ(1, push_prio(&s, 2, 1, 0));
	EXPECT_EQ(1, push_prio(&s, 3, 0, 0));
	EXPECT_EQ(1, push_prio(&s, 4, 0, 0));
	EXPECT_EQ(1, push_prio(&s, 5, 1, 0));
	EXPECT_EQ(2, STAT(self->name, DROPPED_OLD));
	expect_messages(_metadata, self->name, NUMS(0, 3, 4, 5), 4);
	raw_close(&s);
}

/* Delayed ones are not given up for a new one. */
TEST_F(flow, drop_old_with_nothing_old_drops_the_new)
{
	struct raw s;

	ASSERT_EQ(0, set_overflow(self->name, WEIR_OVERFLOW_DROP_OLD));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(1, push_prio(&s, i, 0, 86400000));
	EXPECT_EQ(1, push(&s, 4, 1));
	EXPECT_EQ(0, STAT(self->name, DROPPED_OLD));
	EXPECT_EQ(1, STAT(self->name, DROPPED_NEW));
	EXPECT_EQ(4, STAT(self->name, DELAYED));
	ASSERT_EQ(0, raw_wait_returns(&s, 1));
	raw_close(&s);
}

/* The leader of a key is dropped: those behind it go on. */
TEST_F(flow, drop_old_keeps_keys_going)
{
	struct weir_sqe *sqe;
	struct weir_cqe cqe;
	struct raw s, w;
	uint64_t i;

	ASSERT_EQ(0, set_overflow(self->name, WEIR_OVERFLOW_DROP_OLD));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, raw_put_num(&s, i, &sqe));
		sqe->key = 7;
		ASSERT_EQ(1, raw_submit(&s));
	}
	EXPECT_EQ(4, STAT(self->name, DROPPED_OLD));
	/* With the leader at work the parked ones are what there is. */
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(4, raw_num(&w, &cqe));
	for (; i < 10; i++) {
		ASSERT_EQ(0, raw_put_num(&s, i, &sqe));
		sqe->key = 7;
		ASSERT_EQ(1, raw_submit(&s));
	}
	EXPECT_EQ(5, STAT(self->name, DROPPED_OLD));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	for (i = 6; i < 10; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		EXPECT_EQ(i, raw_num(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	raw_close(&s);
	raw_close(&w);
}

/* ---- a sender's share ---- */

/* 10 messages, of which one sender may have 3. */
CHANNEL_FIXTURE(share, A_U32(WEIR_A_CHANNEL_MESSAGES, 10),
		A_U32(WEIR_A_CHANNEL_SENDER_MAX, 30),
		A_U32(WEIR_A_CHANNEL_INFLIGHT, 1),
		A_U32(WEIR_A_CHANNEL_BATCH, 1))

static uint64_t waiting(const char *name, const struct raw *s)
{
	return client_num(name, s->at.client_id, WEIR_A_CLIENT_WAITING);
}

TEST_F(share, others_go_on)
{
	struct raw a, b;

	ASSERT_EQ(0, raw_open(&a, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&b, self->name, RAW_SEND));
	EXPECT_EQ(3, push(&a, 0, 5));
	EXPECT_EQ(-EAGAIN, raw_submit(&a));
	EXPECT_EQ(3, waiting(self->name, &a));
	EXPECT_EQ(3, push(&b, 10, 3));
	EXPECT_EQ(3, waiting(self->name, &b));
	EXPECT_EQ(6, STAT(self->name, READY));
	expect_messages(_metadata, self->name, NUMS(0, 1, 2, 10, 11, 12), 6);
	EXPECT_EQ(0, waiting(self->name, &a));
	EXPECT_EQ(2, raw_submit(&a));
	raw_close(&a);
	raw_close(&b);
}

TEST_F(share, beyond_it_error_is_enobufs)
{
	struct weir_cqe cqe;
	struct raw a, b;

	ASSERT_EQ(0, set_overflow(self->name, WEIR_OVERFLOW_ERROR));
	ASSERT_EQ(0, raw_open(&a, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&b, self->name, RAW_SEND));
	EXPECT_EQ(4, push(&a, 0, 4));
	ASSERT_EQ(0, raw_result(&a, &cqe));
	EXPECT_EQ(-ENOBUFS, cqe.res);
	EXPECT_EQ(1, STAT(self->name, REFUSED));
	EXPECT_EQ(1, STAT(self->name, REFUSED_SHARE));
	EXPECT_EQ(3, push(&b, 10, 3));
	EXPECT_EQ(1, STAT(self->name, REFUSED));
	EXPECT_EQ(6, STAT(self->name, READY));
	raw_close(&a);
	raw_close(&b);
}

TEST_F(share, beyond_it_nowait_is_eagain)
{
	struct weir_sqe *sqe;
	struct weir_cqe cqe;
	struct raw a;

	ASSERT_EQ(0, raw_open(&a, self->name, RAW_SEND));
	EXPECT_EQ(3, push(&a, 0, 3));
	ASSERT_EQ(0, raw_put_num(&a, 3, &sqe));
	sqe->flags = WEIR_SQE_NOWAIT;
	EXPECT_EQ(1, raw_submit(&a));
	ASSERT_EQ(0, raw_result(&a, &cqe));
	EXPECT_EQ(-EAGAIN, cqe.res);
	raw_close(&a);
}

/* Its own excess costs nobody else's message. */
TEST_F(share, beyond_it_nothing_of_others_is_dropped)
{
	struct raw a, b;

	ASSERT_EQ(0, set_overflow(self->name, WEIR_OVERFLOW_DROP_OLD));
	ASSERT_EQ(0, raw_open(&a, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&b, self->name, RAW_SEND));
	EXPECT_EQ(3, push(&b, 10, 3));
	EXPECT_EQ(5, push(&a, 0, 5));
	EXPECT_EQ(0, STAT(self->name, DROPPED_OLD));
	EXPECT_EQ(2, STAT(self->name, DROPPED_NEW));
	expect_messages(_metadata, self->name, NUMS(10, 11, 12, 0, 1, 2), 6);
	raw_close(&a);
	raw_close(&b);
}

/* write(2) has no client, and so no share. */
TEST_F(share, is_not_for_write)
{
	int dev = raw_device(self->name, O_WRONLY | O_NONBLOCK), i;

	ASSERT_LE(0, dev);
	for (i = 0; i < 10; i++)
		EXPECT_EQ(1, write(dev, "x", 1));
	EXPECT_EQ(-1, write(dev, "x", 1));
	EXPECT_EQ(EAGAIN, errno);
	close(dev);
}

/* However small, one message may always wait. */
TEST_F(share, is_never_nothing)
{
	struct raw a;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_SENDER_MAX, 1))));
	ASSERT_EQ(0, raw_open(&a, self->name, RAW_SEND));
	EXPECT_EQ(1, push(&a, 0, 2));
	raw_close(&a);
}

/* What comes back counts as its sender's, and is not refused. */
TEST_F(share, what_comes_back_counts)
{
	struct weir_cqe cqe;
	struct raw a, w;

	ASSERT_EQ(0, raw_open(&a, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	EXPECT_EQ(1, push(&a, 0, 1));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(0, waiting(self->name, &a));
	EXPECT_EQ(3, push(&a, 1, 3));
	ASSERT_EQ(0, raw_enter(&w, WEIR_ENTER_STOP, 0, 0, 0));
	ASSERT_EQ(1, raw_answer(&w, WEIR_OP_RELEASE, 0, cqe.token));
	EXPECT_EQ(4, waiting(self->name, &a));
	EXPECT_EQ(-EAGAIN, push(&a, 4, 1));
	raw_close(&a);
	expect_messages(_metadata, self->name, NUMS(0, 1, 2, 3, 4), 5);
	raw_close(&w);
}

/* A child whose share is used up sleeps for one more message of its own. */
static void spawn_greedy(struct __test_metadata *_metadata, struct kid *k,
			 const char *name, uint64_t first)
{
	uint64_t blocked = STAT(name, BLOCKED);
	struct raw s;

	if (kid_fork(k)) {
		EXPECT_EQ(0, raw_open(&s, name, RAW_SEND));
		EXPECT_EQ(3, push(&s, first, 4));
		kid_say(k, 'w');
		EXPECT_LE(0, raw_enter(&s, WEIR_ENTER_SQ_WAIT, 1, 0, 0));
		EXPECT_EQ(0, raw_pending(&s));
		kid_say(k, 'd');
		kid_hold(k);
	}
	ASSERT_EQ('w', kid_hear(k));
	ASSERT_TRUE(WAIT_FOR(STAT(name, BLOCKED) >= blocked + 2 &&
			     kid_sleeps(k->pid)));
}

TEST_F(share, who_waits_for_it_goes_on_with_its_own)
{
	struct weir_cqe cqe;
	struct raw b, w;
	struct kid k;

	ASSERT_EQ(0, raw_open(&b, self->name, RAW_SEND));
	EXPECT_EQ(2, push(&b, 10, 2));
	spawn_greedy(_metadata, &k, self->name, 0);
	/* Another's message makes no room for it. */
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(10, raw_num(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(11, raw_num(&w, &cqe));
	EXPECT_EQ(3, STAT(self->name, READY));
	EXPECT_FALSE(kid_ended(&k));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	EXPECT_EQ('d', kid_hear(&k));
	EXPECT_EQ(6, STAT(self->name, ACCEPTED));
	raw_close(&b);
	raw_close(&w);
}

/* It waits beside the line of those who wait for room, not in it. */
TEST_F(share, who_waits_for_it_keeps_the_line_from_nobody)
{
	struct weir_cqe cqe;
	struct raw s[3], w;
	struct kid greedy;
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, raw_open(&s[i], self->name, RAW_SEND));
	EXPECT_EQ(3, push(&s[0], 10, 3));
	spawn_greedy(_metadata, &greedy, self->name, 0);
	EXPECT_EQ(3, push(&s[1], 20, 3));
	/* The last place, and one that waits for room. */
	EXPECT_EQ(1, push(&s[2], 30, 2));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(10, raw_num(&w, &cqe));
	EXPECT_EQ(1, raw_submit(&s[2]));
	EXPECT_FALSE(kid_ended(&greedy));
	for (i = 0; i < 3; i++)
		raw_close(&s[i]);
	raw_close(&w);
}

TEST_F(share, a_larger_share_wakes)
{
	struct kid k;

	spawn_greedy(_metadata, &k, self->name, 0);
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_SENDER_MAX, 40))));
	EXPECT_EQ('d', kid_hear(&k));
	EXPECT_EQ(4, STAT(self->name, READY));
}

TEST_F(share, more_room_for_all_wakes)
{
	struct kid k;

	spawn_greedy(_metadata, &k, self->name, 0);
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_MESSAGES, 20))));
	EXPECT_EQ('d', kid_hear(&k));
	EXPECT_EQ(4, STAT(self->name, READY));
}

TEST_F(share, another_overflow_wakes)
{
	struct kid k;

	spawn_greedy(_metadata, &k, self->name, 0);
	ASSERT_EQ(0, set_overflow(self->name, WEIR_OVERFLOW_ERROR));
	EXPECT_EQ('d', kid_hear(&k));
	EXPECT_EQ(1, STAT(self->name, REFUSED_SHARE));
}

TEST_F(share, draining_wakes)
{
	struct kid k;

	spawn_greedy(_metadata, &k, self->name, 0);
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_STATE,
						     WEIR_CHANNEL_STATE_DRAINING))));
	EXPECT_EQ('d', kid_hear(&k));
	EXPECT_EQ(1, STAT(self->name, REFUSED));
}

TEST_F(share, deletion_by_force_wakes)
{
	struct raw s;
	struct kid k;

	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_open(&s, self->name, RAW_SEND));
		EXPECT_EQ(3, push(&s, 0, 4));
		kid_say(&k, 'w');
		EXPECT_EQ(-ESHUTDOWN, raw_enter(&s, WEIR_ENTER_SQ_WAIT, 1, 0, 0));
		_exit(0);
	}
	ASSERT_EQ('w', kid_hear(&k));
	ASSERT_TRUE(WAIT_FOR(STAT(self->name, BLOCKED) == 2 && kid_sleeps(k.pid)));
	ASSERT_EQ(0, chan_del(self->name, true));
	EXPECT_EQ(0, kid_end(&k));
}

/* ---- polling for room ---- */

/* A child with nothing left that polls; it sleeps until there is room. */
static void spawn_poller(struct __test_metadata *_metadata, struct kid *k,
			 const char *name, unsigned int nr)
{
	struct pollfd p = { .events = POLLOUT };
	struct raw s;

	if (kid_fork(k)) {
		EXPECT_EQ(0, raw_open(&s, name, RAW_SEND));
		EXPECT_LE(0, push(&s, 0, nr));
		p.fd = s.fd;
		EXPECT_EQ(0, poll(&p, 1, 0));
		kid_say(k, 'f');
		EXPECT_EQ(1, poll(&p, 1, -1));
		EXPECT_EQ(POLLOUT, p.revents);
		kid_say(k, 'r');
		kid_hold(k);
	}
	ASSERT_EQ('f', kid_hear(k));
	/* It does not run all the while. */
	ASSERT_TRUE(WAIT_FOR(kid_sleeps(k->pid)));
}

TEST_F(share, poll_tells_when_it_is_free)
{
	struct weir_cqe cqe;
	struct raw b, w;
	struct kid k;

	ASSERT_EQ(0, raw_open(&b, self->name, RAW_SEND));
	EXPECT_EQ(1, push(&b, 10, 1));
	spawn_poller(_metadata, &k, self->name, 3);
	/* What others do is nothing to it. */
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(10, raw_num(&w, &cqe));
	EXPECT_EQ(1, push(&b, 11, 1));
	ASSERT_TRUE(WAIT_FOR(kid_sleeps(k.pid)));
	EXPECT_FALSE(kid_ended(&k));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	EXPECT_EQ('r', kid_hear(&k));
	raw_close(&b);
	raw_close(&w);
}

TEST_F(share, poll_tells_of_a_larger_one)
{
	struct kid k;

	spawn_poller(_metadata, &k, self->name, 3);
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_SENDER_MAX, 40))));
	EXPECT_EQ('r', kid_hear(&k));
}

TEST_F(flow, who_was_refused_polls_for_room)
{
	static const uint32_t how[] = { WEIR_OVERFLOW_BLOCK, WEIR_OVERFLOW_ERROR,
					WEIR_OVERFLOW_DROP_NEW };
	struct weir_cqe cqe;
	struct raw w;
	struct kid k;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(how); i++) {
		ASSERT_EQ(0, set_overflow(self->name, how[i]));
		spawn_poller(_metadata, &k, self->name, 5);
		ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
		/* What a blocked sender had left takes the first place. */
		while (!kid_ended(&k)) {
			if (!raw_next_in(&w, RAW_NEVER, &cqe))
				ASSERT_EQ(1, raw_ack(&w, cqe.token));
			breathe();
		}
		EXPECT_EQ('r', kid_hear(&k));
		EXPECT_EQ(SIGKILL, kid_kill(&k));
		raw_close(&w);
		ASSERT_EQ(0, nl_do(WEIR_CMD_CHANNEL_PURGE,
				   ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->name))));
	}
}

TEST_F(flow, who_writes_polls_for_room)
{
	struct pollfd p = { .events = POLLOUT };
	struct raw w;
	struct kid k;
	int i;

	ASSERT_EQ(0, set_overflow(self->name, WEIR_OVERFLOW_ERROR));
	if (kid_fork(&k)) {
		p.fd = raw_device(self->name, O_WRONLY);
		for (i = 0; i < 4; i++)
			EXPECT_EQ(1, write(p.fd, "x", 1));
		EXPECT_EQ(-1, write(p.fd, "x", 1));
		EXPECT_EQ(0, poll(&p, 1, 0));
		kid_say(&k, 'f');
		EXPECT_EQ(1, poll(&p, 1, -1));
		EXPECT_EQ(POLLOUT, p.revents);
		EXPECT_EQ(1, write(p.fd, "x", 1));
		_exit(0);
	}
	ASSERT_EQ('f', kid_hear(&k));
	ASSERT_TRUE(WAIT_FOR(kid_sleeps(k.pid)));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	EXPECT_EQ(0, kid_end(&k));
	EXPECT_EQ(5, STAT(self->name, ACCEPTED));
	raw_close(&w);
}

/* ---- nobody holds up the others ---- */

static void others_go_on(struct __test_metadata *_metadata, const char *name,
			 uint64_t nr)
{
	uint64_t acked = STAT(name, ACKED), i;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, name, RAW_WORK));
	for (i = 0; i < nr; i++) {
		ASSERT_EQ(0, raw_put_num(&s, i, NULL));
		raw_publish(&s);
		while (raw_pending(&s)) {
			raw_enter(&s, 0, raw_pending(&s), 0, 0);
			ASSERT_LE(0, raw_work_off(&w));
		}
	}
	EXPECT_TRUE(WAIT_FOR(raw_work_off(&w) >= 0 &&
			     STAT(name, ACKED) >= acked + nr));
	raw_close(&s);
	raw_close(&w);
}

/* A child with one message that it has read, and that does not answer. */
static void spawn_slow(struct __test_metadata *_metadata, struct kid *k,
		       const char *name)
{
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, name, RAW_SEND));
	ASSERT_EQ(1, push(&s, 0, 1));
	if (kid_fork(k)) {
		EXPECT_EQ(0, raw_open(&w, name, RAW_WORK));
		EXPECT_EQ(0, raw_next(&w, &cqe));
		kid_say(k, 'h');
		kid_hold(k);
	}
	ASSERT_EQ('h', kid_hear(k));
	raw_close(&s);
}

TEST_F(flow, a_slow_worker_holds_up_nobody)
{
	struct kid k;

	spawn_slow(_metadata, &k, self->name);
	others_go_on(_metadata, self->name, 100);
	EXPECT_EQ(1, STAT(self->name, INFLIGHT));
}

TEST_F(flow, a_stopped_worker_holds_up_nobody)
{
	struct kid k;

	spawn_slow(_metadata, &k, self->name);
	ASSERT_EQ(0, kill(k.pid, SIGSTOP));
	ASSERT_TRUE(WAIT_FOR(kid_state(k.pid) == 'T'));
	others_go_on(_metadata, self->name, 100);
	EXPECT_EQ(1, STAT(self->name, INFLIGHT));
}

TEST_F(flow, a_dead_worker_holds_up_nobody)
{
	struct kid k;

	spawn_slow(_metadata, &k, self->name);
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	/* Its message, too. */
	others_go_on(_metadata, self->name, 100);
	EXPECT_EQ(101, STAT(self->name, ACKED));
}

/* A full channel has room for what comes back, and hands it out first. */
TEST_F(flow, what_comes_back_needs_no_room)
{
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k;
	int i;

	spawn_slow(_metadata, &k, self->name);
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	EXPECT_EQ(4, push(&s, 1, 5));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	EXPECT_EQ(5, STAT(self->name, READY));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 6; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		EXPECT_EQ(i, raw_num(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
		raw_submit(&s);
	}
	EXPECT_EQ(6, STAT(self->name, ACKED));
	raw_close(&s);
	raw_close(&w);
}

TEST_HARNESS_MAIN
