// SPDX-License-Identifier: GPL-2.0-only
/*
 * Promises: where NEED_ENTER is clear, what is published is delivered without
 * any call of its sender, whatever becomes of the workers, the channel and the
 * sender itself. No sender here calls unless the flag tells it to.
 */
#include <sched.h>

#include "kselftest_harness.h"

#include "bed.h"

CHANNEL_FIXTURE(promise, A_U32(WEIR_A_CHANNEL_INFLIGHT, 8),
		A_U32(WEIR_A_CHANNEL_BATCH, 8))

static bool must_call(const struct raw *s)
{
	return __atomic_load_n(&s->ring->kflags, __ATOMIC_RELAXED) &
	       WEIR_RING_NEED_ENTER;
}

/* Publishes and does no more. Return: 0 or a negative errno. */
static int publish(struct raw *s, uint64_t first, unsigned int nr)
{
	int ret = 0;

	for (; nr-- && !ret; first++)
		ret = raw_put_num(s, first, NULL);
	raw_publish(s);
	return ret;
}

/*
 * A worker in this process and one in a child have to come to hold message 0,
 * and the sender to be told that it need not call: then @s has 1 to @nr
 * published and nothing of it is known.
 */
static void promise(struct __test_metadata *_metadata, struct raw *s,
		    const char *name, unsigned int nr)
{
	ASSERT_TRUE(must_call(s));
	ASSERT_EQ(0, publish(s, 0, 1));
	ASSERT_EQ(1, raw_enter(s, 0, 1, 0, 0));
	ASSERT_EQ(1, STAT(name, INFLIGHT));
	ASSERT_FALSE(must_call(s));
	ASSERT_EQ(0, publish(s, 1, nr));
	ASSERT_EQ(1, STAT(name, ACCEPTED));
	ASSERT_EQ(nr, raw_pending(s));
}

/* A child that holds message 0. */
static void spawn_busy(struct __test_metadata *_metadata, struct kid *k,
		       const char *name)
{
	struct weir_attach ask = { .role = WEIR_ROLE_WORK, .inflight = 1 };
	struct weir_cqe cqe;
	struct raw w;

	if (kid_fork(k)) {
		EXPECT_EQ(0, raw_open_as(&w, name, ask));
		kid_say(k, 'o');
		EXPECT_EQ(0, raw_next(&w, &cqe));
		EXPECT_EQ(0, raw_num(&w, &cqe));
		kid_say(k, 'h');
		EXPECT_EQ('a', kid_hear(k));
		EXPECT_EQ(1, raw_ack(&w, cqe.token));
		kid_hold(k);
	}
	ASSERT_EQ('o', kid_hear(k));
}

/* The next messages of @w are these. */
static void expect_next(struct __test_metadata *_metadata, struct raw *w,
			uint64_t first, unsigned int nr)
{
	struct weir_cqe cqe;

	for (; nr--; first++) {
		ASSERT_EQ(0, raw_next(w, &cqe));
		ASSERT_EQ(first, raw_num(w, &cqe));
		ASSERT_EQ(1, raw_ack(w, cqe.token));
	}
}

TEST_F(promise, a_call_is_needed_unless_a_worker_is_busy)
{
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	EXPECT_TRUE(must_call(&s));
	/* Nobody is there. */
	ASSERT_EQ(0, publish(&s, 0, 1));
	ASSERT_EQ(1, raw_submit(&s));
	EXPECT_TRUE(must_call(&s));
	/* Somebody, who is idle. */
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	expect_next(_metadata, &w, 0, 1);
	ASSERT_EQ(0, raw_enter(&s, 0, 0, 0, 0));
	EXPECT_TRUE(must_call(&s));
	/* Busy. */
	ASSERT_EQ(0, publish(&s, 1, 1));
	ASSERT_EQ(1, raw_submit(&s));
	EXPECT_FALSE(must_call(&s));
	EXPECT_EQ(1, STAT(self->name, PROMISES));
	/* With more to do, still busy; then idle again. */
	ASSERT_EQ(0, publish(&s, 2, 1));
	EXPECT_EQ(2, STAT(self->name, ACCEPTED));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	EXPECT_EQ(3, STAT(self->name, ACCEPTED));
	expect_next(_metadata, &w, 2, 1);
	EXPECT_TRUE(must_call(&s));
	EXPECT_LE(1, STAT(self->name, SWEEPS));
	/* One that asks for more while it holds some is not busy. */
	ASSERT_EQ(0, publish(&s, 3, 1));
	ASSERT_EQ(1, raw_submit(&s));
	EXPECT_FALSE(must_call(&s));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(-ETIME, raw_enter(&w, WEIR_ENTER_WAIT, 0, 1, RAW_NEVER));
	EXPECT_TRUE(must_call(&s));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(promise, kept_when_the_worker_comes_back)
{
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	promise(_metadata, &s, self->name, 100);
	expect_next(_metadata, &w, 0, 101);
	EXPECT_TRUE(must_call(&s));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(promise, kept_when_the_worker_polls)
{
	struct pollfd p = { .events = POLLIN };
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	promise(_metadata, &s, self->name, 3);
	ASSERT_EQ(0, raw_next(&w, &cqe));
	p.fd = w.fd;
	EXPECT_EQ(1, poll(&p, 1, RAW_PATIENCE / MS));
	EXPECT_EQ(POLLIN, p.revents);
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	expect_next(_metadata, &w, 1, 3);
	raw_close(&s);
	raw_close(&w);
}

TEST_F(promise, kept_when_another_worker_attaches)
{
	struct raw s, w, other;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 64))));
	promise(_metadata, &s, self->name, 20);
	ASSERT_EQ(0, raw_open(&other, self->name, RAW_WORK));
	EXPECT_EQ(21, STAT(self->name, ACCEPTED));
	expect_next(_metadata, &other, 1, 20);
	raw_close(&s);
	raw_close(&w);
	raw_close(&other);
}

TEST_F(promise, kept_when_another_worker_starts)
{
	struct raw s, w, other;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_open_as(&other, self->name, (struct weir_attach){
			.role = WEIR_ROLE_WORK, .flags = WEIR_ATTACH_STOPPED }));
	promise(_metadata, &s, self->name, 3);
	ASSERT_EQ(0, raw_enter(&other, WEIR_ENTER_START, 0, 0, 0));
	expect_next(_metadata, &other, 1, 3);
	raw_close(&s);
	raw_close(&w);
	raw_close(&other);
}

TEST_F(promise, kept_when_somebody_reads)
{
	struct raw s, w;
	uint64_t n;
	int dev, i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	promise(_metadata, &s, self->name, 3);
	dev = raw_device(self->name, O_RDONLY);
	for (i = 1; i <= 3; i++) {
		ASSERT_EQ(sizeof(n), read(dev, &n, sizeof(n)));
		EXPECT_EQ(i, n);
	}
	close(dev);
	raw_close(&s);
	raw_close(&w);
}

/* The one who is busy is one that reads; it dies, or goes on. */
TEST_F(promise, kept_when_the_worker_is_a_reader)
{
	struct raw s, w;
	struct kid k;
	uint64_t n;
	int dev;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	if (kid_fork(&k)) {
		dev = raw_device(self->name, O_RDONLY);
		kid_say(&k, 'o');
		EXPECT_EQ(sizeof(n), read(dev, &n, sizeof(n)));
		EXPECT_EQ(0, n);
		EXPECT_EQ('m', kid_hear(&k));
		EXPECT_EQ(sizeof(n), read(dev, &n, sizeof(n)));
		EXPECT_EQ(1, n);
		kid_say(&k, 'g');
		kid_hold(&k);
	}
	ASSERT_EQ('o', kid_hear(&k));
	ASSERT_TRUE(WAIT_FOR(CHAN(self->name, WORKERS) == 1 && kid_sleeps(k.pid)));
	promise(_metadata, &s, self->name, 3);
	kid_say(&k, 'm');
	ASSERT_EQ('g', kid_hear(&k));
	EXPECT_EQ(4, STAT(self->name, ACCEPTED));
	ASSERT_EQ(0, publish(&s, 4, 2));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	EXPECT_FALSE(!must_call(&s) && raw_pending(&s));
	if (raw_pending(&s))
		ASSERT_EQ(2, raw_submit(&s));
	EXPECT_EQ(6, STAT(self->name, ACCEPTED));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	/* The one it died with goes first. */
	expect_next(_metadata, &w, 1, 5);
	raw_close(&s);
	raw_close(&w);
}

TEST_F(promise, kept_when_the_worker_dies)
{
	struct raw s, w;
	struct kid k;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	spawn_busy(_metadata, &k, self->name);
	promise(_metadata, &s, self->name, 20);
	ASSERT_EQ('h', kid_hear(&k));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	EXPECT_EQ(21, STAT(self->name, ACCEPTED));
	EXPECT_EQ(21, STAT(self->name, READY));
	EXPECT_TRUE(must_call(&s));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	expect_next(_metadata, &w, 0, 21);
	raw_close(&s);
	raw_close(&w);
}

TEST_F(promise, kept_when_the_worker_leaves)
{
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	promise(_metadata, &s, self->name, 20);
	ASSERT_EQ(0, raw_detach(&w));
	EXPECT_EQ(21, STAT(self->name, READY));
	EXPECT_TRUE(must_call(&s));
	raw_close(&s);
	raw_close(&w);
}

/* It stands still for ever, so to say; whoever comes gets all. */
TEST_F(promise, kept_when_the_worker_is_stopped)
{
	struct raw s, w;
	struct kid k;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	spawn_busy(_metadata, &k, self->name);
	promise(_metadata, &s, self->name, 20);
	ASSERT_EQ('h', kid_hear(&k));
	ASSERT_EQ(0, kill(k.pid, SIGSTOP));
	ASSERT_TRUE(WAIT_FOR(kid_state(k.pid) == 'T'));
	ASSERT_EQ(0, publish(&s, 21, 5));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	expect_next(_metadata, &w, 1, 25);
	ASSERT_EQ(0, kill(k.pid, SIGCONT));
	kid_say(&k, 'a');
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, ACKED) == 26));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(promise, kept_when_its_message_is_taken_away)
{
	struct raw s, w;
	struct kid k;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	spawn_busy(_metadata, &k, self->name);
	promise(_metadata, &s, self->name, 3);
	ASSERT_EQ('h', kid_hear(&k));
	/* It holds nothing: it gets the next, and is busy again. */
	ASSERT_EQ(1, message_do(WEIR_CMD_MESSAGE_KILL, self->name, 1));
	EXPECT_EQ(4, STAT(self->name, ACCEPTED));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	expect_next(_metadata, &w, 2, 2);
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	expect_next(_metadata, &w, 1, 1);
	raw_close(&s);
	raw_close(&w);
}

TEST_F(promise, kept_when_the_channel_is_paused)
{
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	promise(_metadata, &s, self->name, 20);
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_STATE,
						     WEIR_CHANNEL_STATE_PAUSED))));
	EXPECT_EQ(20, STAT(self->name, READY));
	EXPECT_TRUE(must_call(&s));
	/* In a paused channel nobody is promised anything. */
	ASSERT_EQ(0, publish(&s, 21, 1));
	ASSERT_EQ(1, raw_submit(&s));
	EXPECT_TRUE(must_call(&s));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_STATE,
						     WEIR_CHANNEL_STATE_RUNNING))));
	expect_next(_metadata, &w, 0, 22);
	raw_close(&s);
	raw_close(&w);
}

TEST_F(promise, kept_with_a_refusal_when_the_channel_drains)
{
	struct weir_cqe cqe;
	struct raw s, w;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	promise(_metadata, &s, self->name, 3);
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_STATE,
						     WEIR_CHANNEL_STATE_DRAINING))));
	EXPECT_EQ(0, raw_pending(&s));
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(raw_pop(&s, &cqe));
		ASSERT_EQ(WEIR_CQE_RESULT, cqe.type);
		EXPECT_EQ(-ESHUTDOWN, cqe.res);
	}
	EXPECT_TRUE(must_call(&s));
	EXPECT_EQ(3, STAT(self->name, REFUSED));
	expect_next(_metadata, &w, 0, 1);
	raw_close(&s);
	raw_close(&w);
}

TEST_F(promise, void_when_the_channel_is_deleted_by_force)
{
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	promise(_metadata, &s, self->name, 3);
	ASSERT_EQ(0, chan_del(self->name, true));
	EXPECT_TRUE(__atomic_load_n(&s.ring->kflags, __ATOMIC_RELAXED) &
		    WEIR_RING_DEAD);
	EXPECT_TRUE(must_call(&s));
	EXPECT_EQ(-ESHUTDOWN, raw_submit(&s));
	raw_close(&s);
	raw_close(&w);
}

/* Published is sent, also by one that relied on a promise. */
TEST_F(promise, kept_when_the_sender_dies)
{
	struct raw s, w;
	struct kid k;

	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_open(&s, self->name, RAW_SEND));
		promise(_metadata, &s, self->name, 20);
		kid_say(&k, 'p');
		kid_hold(&k);
	}
	ASSERT_EQ('p', kid_hear(&k));
	EXPECT_EQ(1, STAT(self->name, ACCEPTED));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	EXPECT_EQ(21, STAT(self->name, ACCEPTED));
	expect_next(_metadata, &w, 0, 21);
	raw_close(&w);
}

TEST_F(promise, kept_when_the_sender_leaves)
{
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	promise(_metadata, &s, self->name, 20);
	ASSERT_EQ(0, raw_detach(&s));
	EXPECT_EQ(21, STAT(self->name, ACCEPTED));
	expect_next(_metadata, &w, 0, 21);
	raw_close(&s);
	raw_close(&w);
}

/* What finds no room is still owed, and taken as room comes. */
TEST_F(promise, kept_when_the_channel_is_full)
{
	struct raw s, t, w;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_MESSAGES, 2))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&t, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	promise(_metadata, &s, self->name, 200);
	ASSERT_EQ(0, publish(&t, 1000, 1));
	ASSERT_EQ(1, raw_enter(&t, 0, 1, 0, 0));
	ASSERT_EQ(0, publish(&t, 1001, 199));
	EXPECT_TRUE(WAIT_FOR(raw_work_off(&w) >= 0 && STAT(self->name, ACKED) == 401));
	EXPECT_EQ(0, raw_pending(&s));
	EXPECT_EQ(0, raw_pending(&t));
	EXPECT_EQ(0, STAT(self->name, REFUSED));
	raw_close(&s);
	raw_close(&t);
	raw_close(&w);
}

/* Refusals come without a call, too. */
TEST_F(promise, kept_with_a_refusal_when_the_channel_is_full)
{
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, chan_set(self->name,
			      ATTRS(A_U32(WEIR_A_CHANNEL_MESSAGES, 2),
				    A_U32(WEIR_A_CHANNEL_OVERFLOW, WEIR_OVERFLOW_ERROR))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	promise(_metadata, &s, self->name, 100);
	expect_next(_metadata, &w, 0, 1);
	EXPECT_TRUE(WAIT_FOR(raw_work_off(&w) >= 0 && !raw_pending(&s) &&
			     !STAT(self->name, READY)));
	EXPECT_LT(0, STAT(self->name, REFUSED_FULL));
	EXPECT_EQ(101, STAT(self->name, ACKED) + STAT(self->name, REFUSED_FULL));
	while (raw_pop(&s, &cqe) && cqe.type == WEIR_CQE_RETURN)
		;
	EXPECT_EQ(WEIR_CQE_RESULT, cqe.type);
	EXPECT_EQ(-ENOBUFS, cqe.res);
	raw_close(&s);
	raw_close(&w);
}

/* Its answers would never be seen. */
TEST_F(promise, none_for_who_works_as_well)
{
	struct raw both, w;

	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_open_as(&both, self->name, (struct weir_attach){
			.role = WEIR_ROLE_SEND | WEIR_ROLE_WORK,
			.flags = WEIR_ATTACH_STOPPED }));
	ASSERT_EQ(0, publish(&both, 0, 2));
	ASSERT_EQ(2, raw_submit(&both));
	EXPECT_EQ(2, STAT(self->name, INFLIGHT));
	EXPECT_TRUE(must_call(&both));
	EXPECT_EQ(0, STAT(self->name, PROMISES));
	raw_close(&both);
	raw_close(&w);
}

TEST_F(promise, none_in_a_fan_out)
{
	char name[CHAN_ROOM];
	struct raw s, w;

	ASSERT_EQ(0, chan_new(name, ATTRS(A_U32(WEIR_A_CHANNEL_DELIVERY,
					       WEIR_DELIVERY_FANOUT))));
	ASSERT_EQ(0, raw_open(&s, name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, name, RAW_WORK));
	ASSERT_EQ(0, publish(&s, 0, 2));
	ASSERT_EQ(2, raw_submit(&s));
	EXPECT_EQ(2, STAT(name, INFLIGHT));
	EXPECT_TRUE(must_call(&s));
	raw_close(&s);
	raw_close(&w);
	EXPECT_EQ(0, chan_end(name));
}

/* ---- under load ---- */

/* Calls only where it is told to. Return: how often, or a negative errno. */
static int64_t send_by_the_flag(struct raw *s, uint64_t first, uint64_t nr)
{
	uint64_t end = now_ns() + 6 * RAW_PATIENCE, left = nr + raw_pending(s);
	struct weir_cqe cqe;
	int64_t calls = 0;
	int ret;

	while (nr || raw_pending(s)) {
		while (raw_pop(s, &cqe)) {
			if (cqe.type != WEIR_CQE_RETURN)
				return -EBADMSG;
		}
		while (nr && raw_pending(s) < s->at.sq_entries) {
			ret = raw_put_num(s, first, NULL);
			if (ret)
				return ret;
			raw_publish(s);
			first++;
			nr--;
			if (first % 8 == 0)
				break;
		}
		if (must_call(s) && raw_pending(s)) {
			ret = raw_enter(s, 0, raw_pending(s), 0, 0);
			if (ret < 0 && ret != -EAGAIN)
				return ret;
			calls++;
		} else if (raw_pending(s) == s->at.sq_entries || !nr) {
			sched_yield();
		}
		/* It may take its time, but it goes on. */
		if (nr + raw_pending(s) < left) {
			left = nr + raw_pending(s);
			end = now_ns() + 6 * RAW_PATIENCE;
		}
		if (now_ns() > end)
			return -ETIME;
	}
	return calls;
}

/* Takes all there is, answers in batches, sleeps; until it is killed. */
static void work_asleep(const char *name, unsigned int nap)
{
	uint32_t token[WEIR_VEC_MAX];
	struct weir_cqe cqe = { 0 };
	unsigned int nr = 0;
	struct raw w;

	if (raw_open(&w, name, RAW_WORK))
		_exit(1);
	for (;;) {
		if (raw_enter(&w, WEIR_ENTER_WAIT, raw_pending(&w), 1, 0) < 0)
			_exit(2);
		while (nr < WEIR_VEC_MAX && raw_pop(&w, &cqe)) {
			if (cqe.type == WEIR_CQE_MSG)
				token[nr++] = cqe.token;
		}
		if (nap && cqe.seq % nap == 0)
			breathe();
		if (nr) {
			raw_put_answer(&w, WEIR_OP_ACK, 0, token, nr);
			raw_publish(&w);
			nr = 0;
		}
	}
}

static void spawn_worker(struct kid *k, const char *name, unsigned int nap)
{
	if (kid_fork(k))
		work_asleep(name, nap);
}

/*
 * Another sender calls for each of its messages, so that the worker never lacks
 * any: what was published in silence is not left behind for it.
 */
TEST_F(promise, kept_beside_one_that_calls)
{
	struct weir_cqe cqe;
	struct raw s, t, w;
	uint64_t n = 0;
	int i;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 1))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&t, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	promise(_metadata, &s, self->name, 3);
	for (i = 0; i < 100 && n != 3; i++) {
		ASSERT_EQ(0, publish(&t, 1000 + i, 1));
		ASSERT_EQ(1, raw_enter(&t, 0, 1, 0, 0));
		ASSERT_EQ(0, raw_next(&w, &cqe));
		n = raw_num(&w, &cqe);
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(3, n);
	EXPECT_LT(i, 20);
	raw_close(&s);
	raw_close(&t);
	raw_close(&w);
}

/* Nor do those who wait in line for room starve beside one that is promised. */
TEST_F(promise, shared_with_those_who_wait_for_room)
{
	uint64_t n, waiter = 0, silent = 0;
	struct weir_cqe cqe;
	struct raw s, t, w;
	struct kid k;

	if (via_uring())
		SKIP(return, "those who poll stand in no line");
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_MESSAGES, 2),
					       A_U32(WEIR_A_CHANNEL_INFLIGHT, 1))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	promise(_metadata, &s, self->name, 250);
	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_open(&t, self->name, RAW_SEND));
		for (n = 0; n < 1000000; n++) {
			/* With a full completion ring nothing is taken. */
			while (raw_pop(&t, &cqe))
				;
			ASSERT_EQ(0, raw_send(&t, &(uint64_t){ 1000 }, 8))
				TH_LOG("message %llu", (unsigned long long)n);
		}
		_exit(0);
	}
	while ((waiter < 40 || silent < 40) && waiter + silent < 100000) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		n = raw_num(&w, &cqe);
		waiter += n == 1000;
		silent += n < 1000;
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
		/* Full is full: the other has gone to sleep or has sent. */
		while (STAT(self->name, READY) < 2 && raw_pending(&s))
			sched_yield();
	}
	EXPECT_LE(40, waiter);
	EXPECT_LE(40, silent);
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	raw_close(&s);
	raw_close(&w);
}

/* For who wants to know where it hangs. */
static void show(const char *name)
{
	printf("# accepted %llu acked %llu ready %llu inflight %llu delivered %llu batches %llu promises %llu sweeps %llu blocked %llu enters %llu\n",
	       (unsigned long long)STAT(name, ACCEPTED),
	       (unsigned long long)STAT(name, ACKED),
	       (unsigned long long)STAT(name, READY),
	       (unsigned long long)STAT(name, INFLIGHT),
	       (unsigned long long)STAT(name, DELIVERED),
	       (unsigned long long)STAT(name, BATCHES),
	       (unsigned long long)STAT(name, PROMISES),
	       (unsigned long long)STAT(name, SWEEPS),
	       (unsigned long long)STAT(name, BLOCKED),
	       (unsigned long long)STAT(name, ENTERS));
}

TEST_F_TIMEOUT(promise, few_calls_under_load, 400)
{
	const uint64_t nr = 10000;
	int64_t calls;
	struct raw s;
	struct kid k;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 128),
					       A_U32(WEIR_A_CHANNEL_BATCH, 64))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	spawn_worker(&k, self->name, 0);
	ASSERT_TRUE(WAIT_FOR(CHAN(self->name, WORKERS) == 1 && kid_sleeps(k.pid)));
	calls = send_by_the_flag(&s, 0, nr);
	if (calls < 0)
		show(self->name);
	ASSERT_LE(0, calls);
	EXPECT_TRUE(all_acked(self->name, nr));
	show(self->name);
	/* A batch of the worker's is at most 14 answers here; the rest is few. */
	EXPECT_LT(calls, nr / 4);
	EXPECT_LT(STAT(self->name, ENTERS), nr / 2);
	/* Only the worker sleeps here: once for a batch at most. */
	EXPECT_LE(STAT(self->name, WAKEUPS), STAT(self->name, BATCHES));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	raw_close(&s);
}

#define SENDERS	3
#define WORKERS	2
#define EACH	4000ULL

/* Not one is lost, whoever sleeps when. */
static void stress(struct __test_metadata *_metadata, const char *name)
{
	struct kid s[SENDERS], w[WORKERS];
	struct raw r;
	int i;

	for (i = 0; i < WORKERS; i++)
		spawn_worker(&w[i], name, 40 + 20 * i);
	for (i = 0; i < SENDERS; i++) {
		if (kid_fork(&s[i])) {
			if (raw_open(&r, name, RAW_SEND))
				_exit(1);
			_exit(send_by_the_flag(&r, i * EACH, EACH) < 0 ? 2 : 0);
		}
	}
	for (i = 0; i < SENDERS; i++) {
		int status = kid_end(&s[i]);

		if (status)
			show(name);
		EXPECT_EQ(0, status);
	}
	EXPECT_TRUE(all_acked(name, SENDERS * EACH));
	show(name);
	EXPECT_EQ(SENDERS * EACH, STAT(name, ACCEPTED));
	for (i = 0; i < WORKERS; i++)
		EXPECT_EQ(SIGKILL, kid_kill(&w[i]));
}

TEST_F_TIMEOUT(promise, nothing_is_lost_under_load, 600)
{
	stress(_metadata, self->name);
}

TEST_F_TIMEOUT(promise, nothing_is_lost_under_load_in_a_small_channel, 600)
{
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_MESSAGES, 3))));
	stress(_metadata, self->name);
}

TEST_F_TIMEOUT(promise, nothing_is_lost_under_load_with_shares, 600)
{
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_MESSAGES, 30),
					       A_U32(WEIR_A_CHANNEL_SENDER_MAX, 20))));
	stress(_metadata, self->name);
}

/* One message at a time, each met by a worker that is about to sleep. */
TEST_F_TIMEOUT(promise, nothing_is_lost_one_by_one, 400)
{
	uint64_t i, nr = 3000;
	int64_t calls = 0, n = 0;
	struct raw s;
	struct kid k;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	spawn_worker(&k, self->name, 0);
	for (i = 0; i < nr && n >= 0; i++) {
		n = send_by_the_flag(&s, i, 1);
		calls += n;
	}
	if (n < 0)
		show(self->name);
	EXPECT_LE(0, n);
	EXPECT_TRUE(all_acked(self->name, nr));
	EXPECT_LE(calls, nr);
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	raw_close(&s);
}

TEST_HARNESS_MAIN
