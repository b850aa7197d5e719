// SPDX-License-Identifier: GPL-2.0-only
/* No room and no memory: blocking, not blocking, refused, interrupted. */
#include <poll.h>

#include "lib_bed.h"

CHANNEL(small, .messages = 4, .inflight = 1)

TEST_F(small, nonblocking_send_refuses_and_sends_nothing)
{
	struct weir *s, *w;
	struct weir_msg m;
	int i;

	s = open_as(self->name, WEIR_OPEN_SEND | WEIR_OPEN_NONBLOCK);
	ASSERT_TRUE(s);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, send_text(s, "fits"));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-EAGAIN, send_text(s, "does not"));
		EXPECT_STREQ("the channel has no room", weir_error(s));
	}
	EXPECT_EQ(0, weir_flush(s, 0));
	w = worker(self->name);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_TRUE(is_text(&m, "fits"));
		EXPECT_EQ(0, weir_ack(w, &m));
	}
	EXPECT_EQ(0, weir_recv(w, &m, 0));
	EXPECT_EQ(0, send_text(s, "fits now"));
	EXPECT_EQ(-ETIME, weir_settle(s, 0, NULL));
	weir_close(w);
	weir_close(s);
}

TEST_F(small, nonblocking_put_fills_the_ring)
{
	struct weir_opts o = { .size = sizeof(o), .sq_entries = 8,
		.flags = WEIR_OPEN_SEND | WEIR_OPEN_NONBLOCK | via_flags() };
	struct weir_msg m;
	struct weir *s, *w;
	void *buf;
	int i;

	ASSERT_EQ(0, weir_open(&s, self->name, &o));
	/* 4 in the channel, 8 in the ring. */
	for (i = 0; i < 12; i++) {
		ASSERT_EQ(0, weir_loan(s, 1, &buf));
		memset(buf, 'a' + i, 1);
		ASSERT_EQ(0, weir_put(s, buf, 1, NULL));
	}
	ASSERT_EQ(0, weir_loan(s, 1, &buf));
	EXPECT_EQ(-EAGAIN, weir_put(s, buf, 1, NULL));
	EXPECT_EQ(0, weir_abort(s, buf));
	EXPECT_EQ(-EAGAIN, weir_submit(s));
	EXPECT_EQ(-EAGAIN, send_text(s, "x"));
	EXPECT_EQ(-ETIME, weir_flush(s, 1));
	EXPECT_STREQ("8 entries are still queued", weir_error(s));
	w = worker(self->name);
	for (i = 0; i < 12; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_EQ('a' + i, *(const char *)m.data);
		EXPECT_EQ(0, weir_ack(w, &m));
		EXPECT_EQ(0, weir_submit(w));
		weir_submit(s);
	}
	EXPECT_EQ(0, weir_flush(s, 0));
	EXPECT_EQ(0, weir_settle(s, 0, NULL));
	weir_close(w);
	weir_close(s);
}

struct sending {
	const char *name;
	_Atomic pid_t tid;
	_Atomic int sent;
	int rc;
};

static void *send_five(void *arg)
{
	struct sending *t = arg;
	struct weir *s = sender(t->name);
	int i;

	t->tid = gettid();
	for (i = 0; i < 5 && !t->rc; i++) {
		t->rc = send_text(s, "x");
		t->sent += !t->rc;
	}
	weir_close(s);
	return NULL;
}

TEST_F(small, blocking_send_waits_for_room)
{
	struct sending t = { .name = self->name };
	pthread_t thread;
	struct weir_msg m;
	struct weir *w;
	int i;

	pthread_create(&thread, NULL, send_five, &t);
	ASSERT_TRUE(WAIT_FOR(t.sent == 4 && thread_sleeps(t.tid)));
	w = worker(self->name);
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_EQ(0, weir_ack(w, &m));
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(0, t.rc);
	EXPECT_EQ(5, t.sent);
	EXPECT_EQ(0, weir_recv(w, &m, 0));
	weir_close(w);
}

/* A signal: the message stays in the ring and arrives exactly once. */
TEST_F(small, interrupted_send_is_not_lost_nor_doubled)
{
	struct weir *s = sender(self->name), *w;
	struct signaller sig;
	struct weir_msg m;
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, send_text(s, "x"));
	signal_me(&sig);
	EXPECT_EQ(0, send_text(s, "last"));
	pthread_join(sig.thread, NULL);
	EXPECT_EQ(-ETIME, weir_flush(s, 0));
	signal_me(&sig);
	EXPECT_EQ(-EINTR, weir_flush(s, -1));
	pthread_join(sig.thread, NULL);
	w = worker(self->name);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_EQ(0, weir_ack(w, &m));
	}
	EXPECT_EQ(0, weir_submit(w));
	EXPECT_EQ(0, weir_flush(s, PATIENCE_MS));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_TRUE(is_text(&m, "last"));
	EXPECT_EQ(0, weir_ack(w, &m));
	EXPECT_EQ(0, weir_recv(w, &m, 0));
	EXPECT_EQ(0, weir_settle(s, 0, NULL));
	weir_close(w);
	weir_close(s);
}

TEST_F(small, queued_messages_survive_close)
{
	struct weir *s = sender(self->name), *w;
	struct weir_msg m;
	void *buf;
	int i;

	/* Two more than the channel has room for. */
	for (i = 0; i < 6; i++) {
		ASSERT_EQ(0, weir_loan(s, 1, &buf));
		ASSERT_EQ(0, weir_put(s, buf, 1, NULL));
	}
	weir_close(s);
	w = worker(self->name);
	for (i = 0; i < 6; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_EQ(0, weir_ack(w, &m));
	}
	EXPECT_EQ(0, weir_recv(w, &m, 0));
	weir_close(w);
}

CHANNEL(error, .messages = 4, .flags = WEIR_CHANNEL_OVERFLOW_ERROR)

TEST_F(error, full_channel_refuses)
{
	struct weir *s = sender(self->name);
	struct weir_outcome out;
	void *buf;
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, send_text(s, "x"));
	EXPECT_EQ(-ENOBUFS, send_text(s, "x"));
	EXPECT_STREQ("message refused: the channel is full, has this sender's share of it, or its policy says no",
		     weir_error(s));
	EXPECT_EQ(0, weir_flush(s, 0));
	for (i = 0; i < 1000; i++) {
		ASSERT_EQ(0, weir_loan(s, 1, &buf));
		ASSERT_EQ(0, weir_put(s, buf, 1, NULL));
	}
	EXPECT_EQ(-ENOBUFS, weir_flush(s, 0));
	EXPECT_EQ(0, weir_flush(s, 0));
	EXPECT_EQ(-ETIME, weir_settle(s, 0, &out));
	EXPECT_EQ(4, out.accepted);
	weir_close(s);
}

/* Who was refused polls, and hears of room once there is some. */
static void *recv_one_later(void *arg)
{
	struct sending *t = arg;
	struct weir *w;
	struct weir_msg m;

	if (!WAIT_FOR(thread_sleeps(t->tid)))
		return NULL;
	w = worker(t->name);
	t->rc = weir_recv(w, &m, PATIENCE_MS);
	weir_ack(w, &m);
	weir_close(w);
	return NULL;
}

static int poll_for_room(struct weir *s, const char *name)
{
	struct pollfd p = { .fd = weir_fd(s), .events = POLLOUT };
	struct sending t = { .name = name, .tid = gettid() };
	pthread_t thread;
	int rc;

	if (poll(&p, 1, 0))
		return -1;
	pthread_create(&thread, NULL, recv_one_later, &t);
	rc = poll(&p, 1, PATIENCE_MS);
	pthread_join(thread, NULL);
	return rc == 1 && t.rc == 1 ? p.revents : -1;
}

TEST_F(error, refused_sender_polls_for_room)
{
	struct weir *s = sender(self->name);
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, send_text(s, "x"));
	ASSERT_EQ(-ENOBUFS, send_text(s, "x"));
	EXPECT_EQ(POLLOUT, poll_for_room(s, self->name));
	EXPECT_EQ(0, send_text(s, "x"));
	weir_close(s);
}

TEST_F(small, nonblocking_sender_polls_for_room)
{
	struct weir *s;
	int i;

	s = open_as(self->name, WEIR_OPEN_SEND | WEIR_OPEN_NONBLOCK);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, send_text(s, "x"));
	ASSERT_EQ(-EAGAIN, send_text(s, "x"));
	EXPECT_EQ(POLLOUT, poll_for_room(s, self->name));
	EXPECT_EQ(0, send_text(s, "x"));
	weir_close(s);
}

CHANNEL(shared, .messages = 8, .flags = WEIR_CHANNEL_OVERFLOW_ERROR,
	.sender_max = 50)

TEST_F(shared, one_sender_has_no_more_than_its_share)
{
	struct weir *s = sender(self->name), *other = sender(self->name);
	struct pollfd p = { .fd = weir_fd(s), .events = POLLOUT };
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, send_text(s, "x"));
	EXPECT_EQ(-ENOBUFS, send_text(s, "x"));
	EXPECT_EQ(0, poll(&p, 1, 0));
	p.fd = weir_fd(other);
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(0, send_text(other, "x"));
	EXPECT_EQ(POLLOUT, poll_for_room(s, self->name));
	EXPECT_EQ(0, send_text(s, "x"));
	weir_close(other);
	weir_close(s);
}

/* ---- memory ----------------------------------------------------------- */

/* 256 KiB in blocks of 64 KiB. */
CHANNEL(tight, .memory_min = 1 << 16, .memory_max = 1 << 18,
	.message_max = 1 << 16)

TEST_F(tight, nonblocking_loan_says_what_is_short)
{
	struct weir *s;
	void *buf[5];
	int i;

	s = open_as(self->name, WEIR_OPEN_SEND | WEIR_OPEN_NONBLOCK);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, weir_loan(s, 1 << 16, &buf[i]));
	EXPECT_EQ(-EAGAIN, weir_loan(s, 1 << 16, &buf[4]));
	EXPECT_EQ(-EAGAIN, weir_loan(s, 1, &buf[4]));
	EXPECT_EQ(NULL, buf[4]);
	EXPECT_NE(NULL, strstr(weir_error(s), "memory-max"));
	EXPECT_NE(NULL, strstr(weir_error(s), "262144 bytes"));
	EXPECT_EQ(0, weir_abort(s, buf[0]));
	/* A free block of another class is given back for it. */
	EXPECT_EQ(0, weir_loan(s, 1, &buf[0]));
	weir_close(s);
}

TEST_F(tight, own_limit_holds)
{
	struct weir_opts o = { .size = sizeof(o), .block_max = 1 << 16,
		.flags = WEIR_OPEN_SEND | WEIR_OPEN_NONBLOCK | via_flags() };
	void *buf, *more;
	struct weir *s;

	ASSERT_EQ(0, weir_open(&s, self->name, &o));
	ASSERT_EQ(0, weir_loan(s, 1 << 16, &buf));
	EXPECT_EQ(-EAGAIN, weir_loan(s, 1 << 16, &more));
	EXPECT_EQ(0, weir_abort(s, buf));
	EXPECT_EQ(0, weir_loan(s, 1 << 16, &more));
	weir_close(s);
}

/* The channel has memory, but not for this handle: it sleeps all the same. */
TEST_F(tight, own_limit_is_waited_for)
{
	struct weir_opts o = { .size = sizeof(o), .block_max = 1 << 16,
		.flags = WEIR_OPEN_SEND | via_flags() };
	struct signaller sig;
	struct weir *s;
	void *buf;

	ASSERT_EQ(0, weir_open(&s, self->name, &o));
	ASSERT_EQ(0, weir_loan(s, 1 << 16, &buf));
	signal_me(&sig);
	EXPECT_EQ(-EINTR, weir_send(s, "x", 1, NULL));
	pthread_join(sig.thread, NULL);
	weir_close(s);
}

/* All memory is in big buffers, one of which is free. */
TEST_F(tight, small_message_takes_a_large_buffer)
{
	struct weir *s;
	void *buf[32], *one;
	int i;

	s = open_as(self->name, WEIR_OPEN_SEND | WEIR_OPEN_NONBLOCK);
	for (i = 0; i < 32; i++)
		ASSERT_EQ(0, weir_loan(s, 8192, &buf[i]));
	EXPECT_EQ(-EAGAIN, weir_loan(s, 1, &one));
	EXPECT_EQ(0, weir_abort(s, buf[5]));
	EXPECT_EQ(0, weir_loan(s, 1, &one));
	EXPECT_EQ(buf[5], one);
	weir_close(s);
}

static void *send_many_big(void *arg)
{
	struct sending *t = arg;
	struct weir *s = sender(t->name);
	static char data[1 << 16];
	int i;

	t->tid = gettid();
	for (i = 0; i < 20 && !t->rc; i++) {
		t->rc = weir_send(s, data, sizeof(data), NULL);
		t->sent += !t->rc;
	}
	if (!t->rc)
		t->rc = weir_settle(s, -1, NULL);
	weir_close(s);
	return NULL;
}

TEST_F(tight, blocking_send_waits_for_memory)
{
	struct sending t = { .name = self->name };
	pthread_t thread;
	struct weir_msg m;
	struct weir *w;
	int i;

	pthread_create(&thread, NULL, send_many_big, &t);
	ASSERT_TRUE(WAIT_FOR(t.sent == 4 && thread_sleeps(t.tid)));
	w = worker(self->name);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_EQ(1 << 16, m.len);
		EXPECT_EQ(0, weir_ack(w, &m));
	}
	EXPECT_EQ(0, weir_submit(w));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, t.rc);
	EXPECT_EQ(20, t.sent);
	weir_close(w);
}

TEST_F(tight, interrupted_wait_for_memory_sends_nothing)
{
	struct weir *s = sender(self->name);
	struct signaller sig;
	void *buf[4];
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, weir_loan(s, 1 << 16, &buf[i]));
	signal_me(&sig);
	EXPECT_EQ(-EINTR, send_text(s, "x"));
	pthread_join(sig.thread, NULL);
	EXPECT_EQ(0, weir_abort(s, buf[2]));
	EXPECT_EQ(0, send_text(s, "x"));
	weir_close(s);
}

/* What is settled leaves its memory to others, but for a block of a class. */
TEST_F(tight, settled_sender_keeps_little)
{
	struct weir *s = sender(self->name), *other, *w = worker(self->name);
	static char data[1 << 16];
	struct weir_msg m;
	void *buf;
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, weir_send(s, data, sizeof(data), NULL));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		ASSERT_EQ(0, weir_ack(w, &m));
	}
	ASSERT_EQ(0, weir_submit(w));
	ASSERT_EQ(0, weir_settle(s, PATIENCE_MS, NULL));
	other = open_as(self->name, WEIR_OPEN_SEND | WEIR_OPEN_NONBLOCK);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, weir_loan(other, 1 << 16, &buf));
	EXPECT_EQ(-EAGAIN, weir_loan(other, 1 << 16, &buf));
	weir_close(other);
	weir_close(w);
	weir_close(s);
}

TEST_HARNESS_MAIN
