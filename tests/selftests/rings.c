// SPDX-License-Identifier: GPL-2.0-only
/* The rings and ENTER, as a well-behaved client uses them. */
#include <pthread.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"

#include "bed.h"

CHANNEL_FIXTURE(rings, A_U32(WEIR_A_CHANNEL_INFLIGHT, 256),
		A_U32(WEIR_A_CHANNEL_MESSAGES, 4096))

TEST_F(rings, one_message_goes_round)
{
	struct weir_cqe cqe;
	struct weir_sqe *sqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_put(&s, "hello", 5, &sqe));
	sqe->key = 11;
	sqe->corr = 12;
	sqe->deadline_ns = ~0ULL;
	sqe->user_data = 14;
	sqe->cost = 15;
	sqe->mtype = 16;
	sqe->encoding = 17;
	ASSERT_EQ(1, raw_submit(&s));

	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(WEIR_CQE_MSG, cqe.type);
	EXPECT_EQ(0, cqe.flags);
	EXPECT_EQ(0, cqe.prio);
	EXPECT_EQ(5, cqe.len);
	EXPECT_EQ(0, memcmp(w.ro + cqe.addr, "hello", 5));
	EXPECT_EQ(11, cqe.key);
	EXPECT_EQ(12, cqe.corr);
	EXPECT_EQ(~0ULL, cqe.deadline_ns);
	EXPECT_EQ(16, cqe.mtype);
	EXPECT_EQ(17, cqe.encoding);
	EXPECT_EQ(1, cqe.attempts);
	EXPECT_EQ(s.at.client_id, cqe.src);
	EXPECT_EQ(1, STAT(self->name, INFLIGHT));

	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(0, raw_wait_returns(&s, 1));
	EXPECT_EQ(1, STAT(self->name, ACKED));
	EXPECT_EQ(5, STAT(self->name, BYTES));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(rings, many_messages_in_order_and_every_buffer_comes_back)
{
	const uint64_t nr = 3000;
	uint32_t tokens[WEIR_VEC_MAX];
	unsigned int held = 0;
	struct weir_cqe cqe;
	uint64_t got, seq = 0;
	struct raw s, w;
	struct kid k;

	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_open(&s, self->name, RAW_SEND));
		EXPECT_EQ(0, raw_send_nums(&s, 0, nr));
		EXPECT_EQ(0, raw_wait_returns(&s, nr));
		_exit(0);
	}
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (got = 0; got < nr; got++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(got, raw_num(&w, &cqe));
		ASSERT_GT(cqe.seq, seq);
		seq = cqe.seq;
		tokens[held++] = cqe.token;
		if (held == WEIR_VEC_MAX || got == nr - 1) {
			ASSERT_NE(NULL, raw_put_answer(&w, WEIR_OP_ACK, 0, tokens, held));
			ASSERT_EQ(1, raw_submit(&w));
			held = 0;
		}
	}
	EXPECT_EQ(0, kid_end(&k));
	EXPECT_EQ(nr, STAT(self->name, ACKED));
	raw_close(&w);
}

TEST_F(rings, every_size_class_carries_its_bytes)
{
	static const uint32_t sizes[] = {
		1, 255, 256, 257, 1024, 1025, 8192, 8193, 65536, 65537, 1048576,
	};
	unsigned char *data = malloc(1048576);
	struct weir_cqe cqe;
	struct raw s, w;
	size_t i, j;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (j = 0; j < sizes[i]; j++)
			data[j] = i + j * 7;
		ASSERT_EQ(0, raw_send(&s, data, sizes[i]));
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(sizes[i], cqe.len);
		EXPECT_EQ(0, memcmp(w.ro + cqe.addr, data, sizes[i]))
			TH_LOG("size %u", sizes[i]);
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	free(data);
	raw_close(&s);
	raw_close(&w);
}

TEST_F(rings, a_message_may_lie_anywhere_in_its_buffer)
{
	struct weir_cqe cqe;
	struct weir_sqe *sqe;
	struct raw s, w;
	uint64_t addr;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_buf(&s, 1024, &addr));
	memcpy(s.rw + addr + 1021, "end", 3);
	sqe = raw_sqe(&s);
	sqe->op = WEIR_OP_SEND;
	sqe->addr = addr + 1021;
	sqe->len = 3;
	ASSERT_EQ(1, raw_submit(&s));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(3, cqe.len);
	EXPECT_EQ(0, memcmp(w.ro + cqe.addr, "end", 3));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	/* The RETURN names the buffer's first byte, not the message's. */
	ASSERT_EQ(0, raw_enter(&s, WEIR_ENTER_WAIT, 0, 1, RAW_PATIENCE));
	ASSERT_TRUE(raw_pop(&s, &cqe));
	ASSERT_EQ(WEIR_CQE_RETURN, cqe.type);
	EXPECT_EQ(1, cqe.nr);
	EXPECT_EQ(addr / WEIR_BUF_UNIT, cqe.buf[0]);
	raw_close(&s);
	raw_close(&w);
}

TEST_F(rings, results_come_on_request)
{
	struct weir_cqe cqe;
	struct weir_sqe *sqe;
	uint32_t token;
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	sqe = raw_sqe(&r);
	sqe->flags = WEIR_SQE_RESULT;
	ASSERT_EQ(1, raw_submit(&r));
	ASSERT_EQ(0, raw_result(&r, &cqe));
	EXPECT_EQ(WEIR_OP_NOP, cqe.op);
	EXPECT_EQ(0, cqe.res);
	EXPECT_EQ(0, cqe.sqe_index);

	ASSERT_EQ(0, raw_put(&r, "x", 1, &sqe));
	sqe->flags = WEIR_SQE_RESULT;
	sqe->user_data = 0x1122334455667788ULL;
	ASSERT_EQ(1, raw_submit(&r));
	/* Result and message may come in either order. */
	ASSERT_EQ(0, raw_enter(&r, WEIR_ENTER_WAIT, 0, 2, RAW_PATIENCE));
	token = 0;
	while (raw_pop(&r, &cqe)) {
		if (cqe.type == WEIR_CQE_MSG) {
			token = cqe.token;
			continue;
		}
		ASSERT_EQ(WEIR_CQE_RESULT, cqe.type);
		EXPECT_EQ(WEIR_OP_SEND, cqe.op);
		EXPECT_EQ(0, cqe.res);
		EXPECT_EQ(1, cqe.sqe_index);
		EXPECT_EQ(0x1122334455667788ULL, cqe.user_data);
		EXPECT_EQ(sqe->addr, cqe.raddr);
	}

	sqe = raw_put_answer(&r, WEIR_OP_ACK, 0, &token, 1);
	sqe->flags = WEIR_SQE_RESULT;
	ASSERT_EQ(1, raw_submit(&r));
	ASSERT_EQ(0, raw_result(&r, &cqe));
	EXPECT_EQ(WEIR_OP_ACK, cqe.op);
	EXPECT_EQ(0, cqe.res);
	EXPECT_EQ(0, cqe.nr);
	EXPECT_EQ(0, cqe.user_data);
	raw_close(&r);
}

TEST_F(rings, no_result_without_request)
{
	struct weir_cqe cqe;
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_NE(NULL, raw_sqe(&r));
	ASSERT_EQ(1, raw_submit(&r));
	EXPECT_EQ(-ETIME, raw_enter(&r, WEIR_ENTER_WAIT, 0, 1, RAW_NEVER));
	EXPECT_FALSE(raw_pop(&r, &cqe));
	raw_close(&r);
}

TEST_F(rings, enter_consumes_what_is_asked)
{
	struct raw r;
	int i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	EXPECT_EQ(0, raw_enter(&r, 0, 10, 0, 0));
	for (i = 0; i < 10; i++)
		ASSERT_NE(NULL, raw_sqe(&r));
	EXPECT_EQ(0, raw_enter(&r, 0, 10, 0, 0));	/* not published */
	raw_publish(&r);
	EXPECT_EQ(0, raw_enter(&r, 0, 0, 0, 0));
	EXPECT_EQ(3, raw_enter(&r, 0, 3, 0, 0));
	EXPECT_EQ(3, r.ring->ksq_head);
	EXPECT_EQ(7, raw_enter(&r, 0, ~0U, 0, 0));
	EXPECT_EQ(10, r.ring->ksq_head);
	raw_close(&r);
}

/* Rings of one entry wrap at each step; the indices pass 2^32 somewhere else. */
TEST_F(rings, the_smallest_rings_work)
{
	struct weir_attach ask = {
		.role = WEIR_ROLE_SEND | WEIR_ROLE_WORK,
		.sq_entries = 1, .cq_entries = 1, .inflight = 1,
	};
	struct weir_cqe cqe;
	struct raw r;
	uint64_t i;

	ASSERT_EQ(0, raw_open_as(&r, self->name, ask));
	for (i = 0; i < 300; i++) {
		ASSERT_EQ(0, raw_send_nums(&r, i, 1));
		ASSERT_EQ(0, raw_next(&r, &cqe));
		ASSERT_EQ(i, raw_num(&r, &cqe));
		ASSERT_EQ(1, raw_ack(&r, cqe.token));
	}
	ASSERT_EQ(0, raw_wait_returns(&r, 300));
	raw_close(&r);
}

TEST_F(rings, enter_refuses_what_it_does_not_know)
{
	struct weir_enter e = { .size = sizeof(e), .flags = 1U << 31 };
	struct {
		struct weir_enter e;
		uint64_t more;
	} big = { .e = { .size = sizeof(big) } };
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	EXPECT_EQ(-EINVAL, raw_ioctl(r.fd, WEIR_IOC_ENTER, &e));
	e = (struct weir_enter){ .size = sizeof(e), .resv = { 1 } };
	EXPECT_EQ(-EINVAL, raw_ioctl(r.fd, WEIR_IOC_ENTER, &e));
	e = (struct weir_enter){ .size = sizeof(e), .resv = { 0, 1 } };
	EXPECT_EQ(-EINVAL, raw_ioctl(r.fd, WEIR_IOC_ENTER, &e));
	e = (struct weir_enter){ .size = sizeof(e) - 8 };
	EXPECT_EQ(-EINVAL, raw_ioctl(r.fd, WEIR_IOC_ENTER, &e));
	EXPECT_EQ(-EFAULT, raw_ioctl(r.fd, WEIR_IOC_ENTER, NULL));
	EXPECT_EQ(0, raw_ioctl(r.fd, WEIR_IOC_ENTER, &big));
	big.more = 1;
	EXPECT_EQ(-E2BIG, raw_ioctl(r.fd, WEIR_IOC_ENTER, &big));
	EXPECT_EQ(-EINVAL, raw_enter(&r, WEIR_ENTER_WAIT, 0, 0, 0));
	EXPECT_EQ(-EINVAL, raw_enter(&r, 0, 0, 1, 0));
	EXPECT_EQ(-EINVAL, raw_enter(&r, WEIR_ENTER_STOP | WEIR_ENTER_START, 0, 0, 0));
	EXPECT_EQ(-EINVAL, raw_enter(&r, WEIR_ENTER_WAIT, 0,
				     r.at.cq_entries + 1, 0));
	raw_close(&r);
}

TEST_F(rings, a_wait_ends_with_its_time)
{
	uint64_t begin;
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	EXPECT_EQ(-ETIME, raw_enter(&r, WEIR_ENTER_WAIT, 0, 1, RAW_NEVER));
	begin = now_ns();
	EXPECT_EQ(-ETIME, raw_enter(&r, WEIR_ENTER_WAIT, 0, 1, 30 * MS));
	EXPECT_GE(now_ns() - begin, 30 * MS);
	/* What was consumed is more important than that nothing came. */
	ASSERT_NE(NULL, raw_sqe(&r));
	raw_publish(&r);
	EXPECT_EQ(1, raw_enter(&r, WEIR_ENTER_WAIT, 1, 1, 1 * MS));
	raw_close(&r);
}

TEST_F(rings, a_wait_is_for_so_many_completions)
{
	struct weir_cqe cqe;
	struct weir_sqe *sqe;
	struct raw r;
	int i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	for (i = 0; i < 5; i++) {
		sqe = raw_sqe(&r);
		sqe->flags = WEIR_SQE_RESULT;
	}
	raw_publish(&r);
	EXPECT_EQ(5, raw_enter(&r, WEIR_ENTER_WAIT, 5, 5, RAW_PATIENCE));
	EXPECT_EQ(5, raw_unread(&r));
	EXPECT_EQ(0, raw_enter(&r, WEIR_ENTER_WAIT, 0, 5, RAW_PATIENCE));
	EXPECT_EQ(-ETIME, raw_enter(&r, WEIR_ENTER_WAIT, 0, 6, RAW_NEVER));
	ASSERT_TRUE(raw_pop(&r, &cqe));
	EXPECT_EQ(-ETIME, raw_enter(&r, WEIR_ENTER_WAIT, 0, 5, RAW_NEVER));
	raw_close(&r);
}

static void on_signal(int sig)
{
	(void)sig;
}

struct nuisance {
	pthread_t victim;
	volatile bool stop;
};

/* Until it has been heard: the first may come before the sleep. */
static void *annoy(void *arg)
{
	struct nuisance *n = arg;

	while (!n->stop) {
		pthread_kill(n->victim, SIGUSR1);
		breathe();
	}
	return NULL;
}

TEST_F(rings, a_signal_interrupts_a_wait)
{
	struct nuisance n = { .victim = pthread_self() };
	struct sigaction sa = { .sa_handler = on_signal };
	pthread_t t;
	struct raw r;

	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, pthread_create(&t, NULL, annoy, &n));
	EXPECT_EQ(-EINTR, raw_enter(&r, WEIR_ENTER_WAIT, 0, 1, 0));
	ASSERT_NE(NULL, raw_sqe(&r));
	raw_publish(&r);
	EXPECT_EQ(1, raw_enter(&r, WEIR_ENTER_WAIT, 1, 1, 0));
	n.stop = true;
	pthread_join(t, NULL);
	raw_close(&r);
}

TEST_F(rings, a_message_wakes_a_sleeping_worker)
{
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k;

	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_open(&w, self->name, RAW_WORK));
		EXPECT_EQ(0, raw_next_in(&w, 0, &cqe));
		EXPECT_EQ(42, raw_num(&w, &cqe));
		EXPECT_EQ(1, raw_ack(&w, cqe.token));
		_exit(0);
	}
	ASSERT_TRUE(WAIT_FOR(CHAN(self->name, WORKERS) == 1 && kid_sleeps(k.pid)));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 42, 1));
	EXPECT_EQ(0, kid_end(&k));
	raw_close(&s);
}

TEST_F(rings, poll_tells_of_completions_and_room)
{
	struct weir_cqe cqe;
	struct pollfd p;
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	p = (struct pollfd){ .fd = r.fd, .events = POLLIN | POLLOUT };
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLOUT, p.revents);
	ASSERT_EQ(0, raw_send_nums(&r, 1, 1));
	p.events = POLLIN;
	EXPECT_EQ(1, poll(&p, 1, RAW_PATIENCE / MS));
	EXPECT_EQ(POLLIN, p.revents);
	ASSERT_EQ(0, raw_next(&r, &cqe));
	EXPECT_EQ(0, poll(&p, 1, 0));
	EXPECT_EQ(1, raw_ack(&r, cqe.token));
	/* The RETURN is a completion too. */
	EXPECT_EQ(1, poll(&p, 1, RAW_PATIENCE / MS));
	raw_close(&r);
}

TEST_F(rings, poll_wakes_for_a_message)
{
	struct raw s, w;
	struct kid k;

	if (kid_fork(&k)) {
		struct pollfd p = { .events = POLLIN };

		EXPECT_EQ(0, raw_open(&w, self->name, RAW_WORK));
		p.fd = w.fd;
		EXPECT_EQ(1, poll(&p, 1, RAW_PATIENCE / MS));
		EXPECT_EQ(POLLIN, p.revents);
		_exit(0);
	}
	ASSERT_TRUE(WAIT_FOR(CHAN(self->name, WORKERS) == 1 && kid_sleeps(k.pid)));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 42, 1));
	EXPECT_EQ(0, kid_end(&k));
	raw_close(&s);
}

struct pusher {
	struct raw *r;
	int failed;
};

static void *push(void *arg)
{
	struct pusher *p = arg;
	int i, ret;

	for (i = 0; i < 2000; i++) {
		ret = raw_enter(p->r, i & 1 ? WEIR_ENTER_WAIT : 0, 3, i & 1,
				RAW_NEVER);
		if (ret < 0 && ret != -ETIME && ret != -EAGAIN)
			p->failed = ret;
	}
	return NULL;
}

/* Who consumes which entry is open, that each is consumed once is not. */
TEST_F(rings, two_threads_enter_at_once)
{
	struct pusher p = { 0 };
	struct weir_cqe cqe;
	uint64_t nr = 0, got;
	pthread_t t[2];
	struct raw r;
	int i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	p.r = &r;
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, push, &p));
	for (got = 0; got < 1000;) {
		while (nr < 1000 && nr - got < 64 && !raw_put(&r, &nr, sizeof(nr), NULL))
			nr++;
		raw_publish(&r);
		ASSERT_GE(raw_enter(&r, 0, raw_pending(&r), 0, 0), 0);
		while (raw_pop(&r, &cqe)) {
			if (cqe.type != WEIR_CQE_MSG)
				continue;
			ASSERT_EQ(got, raw_num(&r, &cqe));
			got++;
			ASSERT_NE(NULL, raw_put_answer(&r, WEIR_OP_ACK, 0, &cqe.token, 1));
		}
	}
	raw_submit(&r);
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	EXPECT_EQ(0, p.failed);
	EXPECT_TRUE(WAIT_FOR(raw_pending(&r) == 0));
	EXPECT_EQ(1000, STAT(self->name, ACCEPTED));
	EXPECT_EQ(1000, STAT(self->name, ACKED));
	EXPECT_EQ(0, STAT(self->name, STALE));
	raw_close(&r);
}

/*
 * A full completion ring holds back, it loses nothing: as the client reads, the
 * rest comes.
 */
TEST_F(rings, a_full_completion_ring_loses_nothing)
{
	struct weir_attach ask = {
		.role = WEIR_ROLE_SEND, .sq_entries = 64, .cq_entries = 2,
	};
	struct weir_cqe cqe;
	struct raw s, w;
	uint64_t i;

	ASSERT_EQ(0, raw_open_as(&s, self->name, ask));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 60));
	/* 60 returns, one each: more than the ring holds. */
	for (i = 0; i < 60; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(i, raw_num(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(2, raw_unread(&s));
	EXPECT_NE(0, s.ring->kflags & WEIR_RING_CQ_MORE);
	/* There would be no room for its result. */
	ASSERT_EQ(0, raw_put(&s, "x", 1, NULL));
	EXPECT_EQ(-EAGAIN, raw_submit(&s));
	EXPECT_EQ(0, raw_wait_returns(&s, 60));
	EXPECT_EQ(0, s.ring->kflags & WEIR_RING_CQ_MORE);
	EXPECT_EQ(1, raw_submit(&s));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(rings, a_worker_that_stops_gets_no_more)
{
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_enter(&w, WEIR_ENTER_STOP, 0, 0, 0));
	ASSERT_EQ(0, raw_send_nums(&s, 1, 2));
	EXPECT_EQ(-ETIME, raw_enter(&w, WEIR_ENTER_WAIT, 0, 1, RAW_NEVER));
	EXPECT_EQ(2, STAT(self->name, READY));
	ASSERT_EQ(0, raw_enter(&w, WEIR_ENTER_START, 0, 0, 0));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(1, raw_num(&w, &cqe));
	EXPECT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(2, raw_num(&w, &cqe));
	EXPECT_EQ(1, raw_ack(&w, cqe.token));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(rings, mixed_answers_and_sends_in_one_batch)
{
	uint32_t token[3];
	struct weir_cqe cqe;
	struct raw r;
	int i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_enter(&r, WEIR_ENTER_STOP, 0, 0, 0));
	ASSERT_EQ(0, raw_send_nums(&r, 0, 3));
	ASSERT_EQ(0, raw_enter(&r, WEIR_ENTER_START, 0, 0, 0));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, raw_next(&r, &cqe));
		ASSERT_EQ(i, raw_num(&r, &cqe));
		token[i] = cqe.token;
	}
	raw_put_answer(&r, WEIR_OP_ACK, 0, &token[0], 1);
	raw_put(&r, "12345678", 8, NULL);
	raw_put_answer(&r, WEIR_OP_RELEASE, 0, &token[1], 1);
	raw_sqe(&r);
	raw_put_answer(&r, WEIR_OP_FAIL, 86400000, &token[2], 1);
	ASSERT_EQ(5, raw_submit(&r));
	EXPECT_EQ(1, STAT(self->name, ACKED));
	EXPECT_EQ(1, STAT(self->name, DELAYED));
	EXPECT_EQ(4, STAT(self->name, ACCEPTED));
	EXPECT_EQ(1, STAT(self->name, RELEASED));
	EXPECT_EQ(1, STAT(self->name, FAILED));
	raw_close(&r);
}

TEST_HARNESS_MAIN
