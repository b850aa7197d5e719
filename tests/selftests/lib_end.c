// SPDX-License-Identifier: GPL-2.0-only
/* Waiting, draining, death, fork, deletion; handles of both roles. */
#include <poll.h>

#include "lib_bed.h"

PLAIN_CHANNEL

TEST_F(plain, recv_waits_as_long_as_told)
{
	struct weir *w = worker(self->name);
	struct weir_msg m;
	uint64_t start;

	EXPECT_EQ(0, weir_recv(w, &m, 0));
	EXPECT_EQ(0, weir_recvmany(w, &m, 0, -1));
	start = now_ns();
	EXPECT_EQ(0, weir_recv(w, &m, 50));
	EXPECT_LE(50 * MS, now_ns() - start);
	weir_close(w);
}

TEST_F(plain, interrupted_recv_says_so)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct signaller sig;
	struct weir_msg m;

	signal_me(&sig);
	EXPECT_EQ(-EINTR, weir_recv(w, &m, -1));
	pthread_join(sig.thread, NULL);
	/* Also where the call had an answer to hand over. */
	ASSERT_EQ(0, send_text(s, "x"));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	ASSERT_EQ(0, weir_ack(w, &m));
	signal_me(&sig);
	EXPECT_EQ(-EINTR, weir_recv(w, &m, -1));
	pthread_join(sig.thread, NULL);
	EXPECT_EQ(0, weir_settle(s, 0, NULL));
	signal_me(&sig);
	ASSERT_EQ(0, send_text(s, "x"));
	EXPECT_EQ(-EINTR, weir_settle(s, -1, NULL));
	pthread_join(sig.thread, NULL);
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, poll_tells_of_messages_and_room)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct pollfd in = { .fd = weir_fd(w), .events = POLLIN };
	struct pollfd out = { .fd = weir_fd(s), .events = POLLOUT };
	struct weir_msg m;

	EXPECT_EQ(0, poll(&in, 1, 0));
	EXPECT_EQ(1, poll(&out, 1, 0));
	ASSERT_EQ(0, send_text(s, "x"));
	EXPECT_EQ(1, poll(&in, 1, PATIENCE_MS));
	EXPECT_EQ(POLLIN, in.revents);
	EXPECT_EQ(1, weir_recv(w, &m, 0));
	EXPECT_EQ(0, poll(&in, 1, 0));
	/* A returned buffer is news for the sender, until it has looked. */
	out.events = POLLIN;
	EXPECT_EQ(0, weir_ack(w, &m));
	EXPECT_EQ(0, weir_submit(w));
	EXPECT_EQ(1, poll(&out, 1, PATIENCE_MS));
	EXPECT_EQ(0, weir_submit(s));
	EXPECT_EQ(0, poll(&out, 1, 0));
	weir_close(w);
	weir_close(s);
}

/* ---- drain, death, fork ----------------------------------------------- */

TEST_F(plain, drain_gives_back_what_was_not_looked_at)
{
	struct weir *s = sender(self->name), *w, *other;
	struct weir_msg m, first;
	uint32_t i;

	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, weir_send(s, &i, sizeof(i), NULL));
	w = worker(self->name);
	ASSERT_EQ(1, weir_recv(w, &first, PATIENCE_MS));
	EXPECT_LT(0, weir_drain(w));
	EXPECT_EQ(0, weir_drain(w));
	other = worker(self->name);
	for (i = 1; i < 10; i++) {
		ASSERT_EQ(1, weir_recv(other, &m, PATIENCE_MS));
		EXPECT_EQ(i, *(const uint32_t *)m.data);
		EXPECT_EQ(1, m.attempts);
		EXPECT_EQ(0, weir_ack(other, &m));
	}
	EXPECT_EQ(0, weir_recv(other, &m, 0));
	EXPECT_EQ(0, weir_release(w, &first, 0));
	EXPECT_EQ(0, weir_flush(w, 0));
	/* It does not come back here, until recv is called again. */
	ASSERT_EQ(1, weir_recv(other, &m, PATIENCE_MS));
	EXPECT_EQ(0, weir_release(other, &m, 0));
	weir_close(other);
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_EQ(0, *(const uint32_t *)m.data);
	EXPECT_EQ(0, weir_ack(w, &m));
	EXPECT_EQ(0, weir_flush(w, 0));
	EXPECT_EQ(0, weir_settle(s, 0, NULL));
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, only_what_recv_returned_counts_at_death)
{
	struct weir *s = sender(self->name), *w;
	struct weir_msg m;
	int status;
	uint32_t i;
	pid_t pid;

	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, weir_send(s, &i, sizeof(i), NULL));
	pid = fork();
	if (!pid) {
		w = worker(self->name);
		/* The first is acked by the second recv, the second is seen. */
		if (weir_recv(w, &m, -1) != 1 || weir_ack(w, &m) ||
		    weir_recv(w, &m, -1) != 1)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	w = worker(self->name);
	for (i = 1; i < 10; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_EQ(i, *(const uint32_t *)m.data);
		EXPECT_EQ(i == 1 ? 2 : 1, m.attempts);
		EXPECT_EQ(0, weir_ack(w, &m));
	}
	EXPECT_EQ(0, weir_recv(w, &m, 0));
	EXPECT_EQ(0, weir_settle(s, 0, NULL));
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, child_cannot_use_the_handle)
{
	struct weir *w;
	struct weir_msg m;
	int status;
	void *buf;
	pid_t pid;

	ASSERT_EQ(0, weir_open(&w, self->name, NULL));
	ASSERT_EQ(0, weir_loan(w, 1, &buf));
	pid = fork();
	if (!pid) {
		bool ok = send_text(w, "x") == -EBUSY &&
			  weir_loan(w, 1, &buf) == -EBUSY &&
			  weir_submit(w) == -EBUSY &&
			  weir_flush(w, 0) == -EBUSY &&
			  weir_settle(w, 0, NULL) == -EBUSY &&
			  weir_recv(w, &m, 0) == -EBUSY &&
			  weir_drain(w) == -EBUSY && *weir_error(w);

		weir_close(w);
		/* A handle of its own is fine. */
		ok = ok && !weir_open(&w, self->name, NULL) &&
		     !send_text(w, "child");
		weir_close(w);
		_exit(ok ? 0 : 1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, weir_put(w, buf, 1, NULL));
	EXPECT_EQ(0, weir_flush(w, 0));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_TRUE(is_text(&m, "child"));
	weir_close(w);
}

static void *delete_when_asleep(void *arg)
{
	struct signaller *s = arg;
	static char name[NAME_ROOM];
	int rc;

	snprintf(name, sizeof(name), "lib-%d", getpid());
	rc = WAIT_FOR(thread_sleeps(s->tid)) ?
		weir_channel_del(name, 1, NULL, 0) : -ETIME;
	return (void *)(long)rc;
}

TEST_F(plain, deleted_channel_ends_the_handle)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct signaller sleeper = { .tid = gettid() };
	struct weir_msg m;
	pthread_t thread;
	void *rc;

	pthread_create(&thread, NULL, delete_when_asleep, &sleeper);
	EXPECT_EQ(-ESHUTDOWN, weir_recv(w, &m, -1));
	EXPECT_NE(0, *weir_error(w));
	pthread_join(thread, &rc);
	ASSERT_EQ(0, (long)rc);
	EXPECT_EQ(-ESHUTDOWN, weir_recv(w, &m, 0));
	EXPECT_EQ(-ESHUTDOWN, send_text(s, "x"));
	EXPECT_EQ(-ESHUTDOWN, weir_settle(s, 0, NULL));
	weir_close(w);
	weir_close(s);
	/* For the teardown. */
	ASSERT_EQ(0, weir_channel_add(self->name, NULL, NULL, 0));
}

/* ---- a handle of both roles ------------------------------------------- */

TEST_F(plain, default_handle_gets_messages_from_its_first_recv_on)
{
	struct weir *both, *w = worker(self->name);
	struct weir_msg m;
	int i;

	ASSERT_EQ(0, weir_open(&both, self->name, NULL));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, send_text(both, "x"));
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		ASSERT_EQ(0, weir_ack(w, &m));
		ASSERT_EQ(0, weir_submit(w));
	}
	EXPECT_EQ(0, weir_settle(both, 0, NULL));
	weir_close(w);
	ASSERT_EQ(0, send_text(both, "to myself"));
	ASSERT_EQ(1, weir_recv(both, &m, PATIENCE_MS));
	EXPECT_TRUE(is_text(&m, "to myself"));
	EXPECT_EQ(0, weir_ack(both, &m));
	EXPECT_EQ(0, weir_flush(both, 0));
	EXPECT_EQ(0, weir_settle(both, 0, NULL));
	weir_close(both);
}

/* 256 KiB in blocks of 64 KiB. */
CHANNEL(tight, .memory_min = 1 << 16, .memory_max = 1 << 18,
	.message_max = 1 << 16)

/*
 * Messages lie unread in a small ring, and buffers come back behind them: the
 * sends in between must find these, and no message may be lost.
 */
TEST_F(tight, sends_between_unread_messages)
{
	struct weir_opts o = { .size = sizeof(o), .cq_entries = 8,
		.inflight = 8, .sq_entries = 8,
		.flags = WEIR_OPEN_SEND | WEIR_OPEN_WORK | via_flags() };
	struct weir *both, *other;
	uint32_t seen[200] = { 0 }, i, n = 0;
	static char data[1 << 16];
	struct weir_msg m;

	ASSERT_EQ(0, weir_open(&both, self->name, &o));
	other = worker(self->name);
	for (i = 0; i < 200; i++) {
		memcpy(data, &i, sizeof(i));
		/* Now and then a message stays with the first worker. */
		ASSERT_EQ(0, weir_send(both, data, i % 7 ? 100 : 8192, NULL));
		while (weir_recv(i % 3 ? other : both, &m, 0) == 1) {
			seen[*(const uint32_t *)m.data]++;
			n++;
			ASSERT_EQ(0, weir_ack(i % 3 ? other : both, &m));
		}
	}
	while (n < 200) {
		if (weir_recv(both, &m, 1) == 1) {
			seen[*(const uint32_t *)m.data]++;
			n++;
			ASSERT_EQ(0, weir_ack(both, &m));
		}
		if (weir_recv(other, &m, 1) == 1) {
			seen[*(const uint32_t *)m.data]++;
			n++;
			ASSERT_EQ(0, weir_ack(other, &m));
		}
	}
	EXPECT_EQ(0, weir_flush(other, 0));
	EXPECT_EQ(0, weir_flush(both, 0));
	EXPECT_EQ(0, weir_settle(both, PATIENCE_MS, NULL));
	for (i = 0; i < 200; i++)
		EXPECT_EQ(1, seen[i]);
	weir_close(other);
	weir_close(both);
}

TEST_HARNESS_MAIN
