// SPDX-License-Identifier: GPL-2.0-only
/* A message on its way: send, loan, put, receive. */
#include "lib_bed.h"

PLAIN_CHANNEL

TEST_F(plain, message_arrives_as_sent)
{
	struct weir_meta meta = {
		.key = 7, .corr = 8, .deadline_ns = UINT64_MAX, .user_data = 10,
		.cost = 11, .mtype = 12, .encoding = 13,
	};
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct weir_outcome out;
	struct weir_msg m;

	ASSERT_TRUE(s && w);
	ASSERT_EQ(0, weir_send(s, "hello", 5, &meta));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_TRUE(is_text(&m, "hello"));
	EXPECT_EQ(7, m.key);
	EXPECT_EQ(8, m.corr);
	EXPECT_EQ(UINT64_MAX, m.deadline_ns);
	EXPECT_EQ(12, m.mtype);
	EXPECT_EQ(13, m.encoding);
	EXPECT_EQ(0, m.prio);
	EXPECT_EQ(1, m.attempts);
	EXPECT_EQ(0, m.flags);
	EXPECT_NE(0, m.src);
	EXPECT_EQ(-ETIME, weir_settle(s, 0, &out));
	EXPECT_EQ(1, out.accepted);
	EXPECT_EQ(1, out.unsettled);
	EXPECT_EQ(0, weir_ack(w, &m));
	EXPECT_EQ(0, weir_recv(w, &m, 0));
	EXPECT_EQ(0, weir_settle(s, PATIENCE_MS, &out));
	EXPECT_EQ(1, out.accepted);
	EXPECT_EQ(1, out.acked);
	EXPECT_EQ(0, out.dead);
	EXPECT_EQ(0, out.unsettled);
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, every_size_arrives_whole)
{
	static const size_t sizes[] = {
		1, 255, 256, 257, 1024, 1025, 8192, 8193, 65536, 65537,
		1 << 20,
	};
	struct weir *s = sender(self->name), *w = worker(self->name);
	unsigned char *data = malloc(1 << 20);
	struct weir_msg m;
	size_t i;

	ASSERT_TRUE(s && w && data);
	for (i = 0; i < 1 << 20; i++)
		data[i] = i * 2654435761U >> 24;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ASSERT_EQ(0, weir_send(s, data, sizes[i], NULL));
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		ASSERT_EQ(sizes[i], m.len);
		ASSERT_EQ(0, memcmp(data, m.data, m.len));
		ASSERT_EQ(0, weir_ack(w, &m));
	}
	EXPECT_EQ(0, weir_submit(w));
	EXPECT_EQ(0, weir_settle(s, PATIENCE_MS, NULL));
	free(data);
	weir_close(w);
	weir_close(s);
}

CHANNEL(limited, .message_max = 1000, .memory_max = 1 << 20,
	.memory_min = 1 << 16)

TEST_F(limited, bad_lengths_are_refused_by_name)
{
	struct weir *s = sender(self->name);
	char data[1001] = "";
	void *buf;

	ASSERT_TRUE(s);
	EXPECT_EQ(-EINVAL, weir_send(s, data, 0, NULL));
	EXPECT_EQ(-EINVAL, weir_loan(s, 0, &buf));
	EXPECT_EQ(-EMSGSIZE, weir_loan(s, 1001, &buf));
	EXPECT_EQ(NULL, buf);
	EXPECT_EQ(-EMSGSIZE, weir_send(s, data, 1001, NULL));
	EXPECT_STREQ("message of 1001 bytes: message-max is 1000",
		     weir_error(s));
	EXPECT_EQ(0, weir_send(s, data, 1000, NULL));
	weir_close(s);
}

TEST_F(plain, bad_meta_is_refused)
{
	struct weir *s = sender(self->name);
	static const struct weir_meta bad[] = {
		{ .prio = 1 }, { .prio = 255 }, { .defer_ms = 86400001 },
	};
	struct weir_meta meta = { .resv[1] = 1 };
	struct weir_outcome out;
	size_t i;

	ASSERT_TRUE(s);
	EXPECT_EQ(-EINVAL, weir_send(s, "x", 1, &meta));
	EXPECT_STREQ("weir_meta.resv must be 0", weir_error(s));
	meta = (struct weir_meta){ .resv0 = 1 };
	EXPECT_EQ(-EINVAL, weir_send(s, "x", 1, &meta));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(-EINVAL, weir_send(s, "x", 1, &bad[i]));
		EXPECT_STREQ("message refused: a value is out of range, such as the priority or a delay",
			     weir_error(s));
	}
	EXPECT_EQ(0, weir_settle(s, 0, &out));
	EXPECT_EQ(0, out.accepted);
	weir_close(s);
}

CHANNEL(urgent, .priorities = 8, .inflight = 1)

TEST_F(urgent, most_urgent_comes_first)
{
	struct weir *s = sender(self->name), *w;
	struct weir_meta meta = { 0 };
	struct weir_msg m;
	int i;

	for (i = 7; i >= 0; i--) {
		meta.prio = i;
		ASSERT_EQ(0, weir_send(s, "x", 1, &meta));
	}
	meta.prio = 8;
	EXPECT_EQ(-EINVAL, weir_send(s, "x", 1, &meta));
	w = worker(self->name);
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_EQ(i, m.prio);
		EXPECT_EQ(0, weir_ack(w, &m));
	}
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, deferred_message_comes_when_it_is_due)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct weir_meta meta = { .defer_ms = 50 };
	bool good = false, late;
	int i, rounds = 0, nr_late = 0;
	struct weir_msg m;
	uint64_t start;

	ASSERT_TRUE(s && w);
	/* The other may be sent late as well: again, later. */
	for (; !good && meta.defer_ms < 8000; meta.defer_ms *= 2) {
		start = now_ns();
		ASSERT_EQ(0, weir_send(s, "late", 4, &meta));
		ASSERT_EQ(0, send_text(s, "at once"));
		for (i = 0; i < 2; i++) {
			ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
			late = is_text(&m, "late");
			nr_late += late;
			good = i == 0 ? !late : good;
			EXPECT_TRUE(late || is_text(&m, "at once"));
			EXPECT_TRUE(!late || now_ns() - start >= meta.defer_ms * MS);
			EXPECT_EQ(0, weir_ack(w, &m));
		}
		EXPECT_EQ(0, weir_submit(w));
		EXPECT_EQ(++rounds, nr_late);
	}
	EXPECT_TRUE(good);
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, expired_message_dies)
{
	struct weir_meta meta = { .deadline_ns = 1 };
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct weir_outcome out;
	struct weir_msg m;

	ASSERT_EQ(0, weir_send(s, "late", 4, &meta));
	EXPECT_EQ(0, weir_settle(s, PATIENCE_MS, &out));
	EXPECT_EQ(1, out.dead);
	EXPECT_EQ(0, weir_recv(w, &m, 0));
	weir_close(w);
	weir_close(s);
}

CHANNEL(fanout, .flags = WEIR_CHANNEL_FANOUT)

TEST_F(fanout, everybody_gets_it_once)
{
	struct weir_meta late = { .defer_ms = 1 }, keyed = { .key = 5 };
	struct weir *s = sender(self->name), *w[3];
	struct weir_msg m;
	int i;

	for (i = 0; i < 3; i++)
		w[i] = worker(self->name);
	EXPECT_EQ(-EINVAL, weir_send(s, "x", 1, &late));
	ASSERT_EQ(0, weir_send(s, "news", 4, &keyed));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(1, weir_recv(w[i], &m, PATIENCE_MS));
		EXPECT_TRUE(is_text(&m, "news"));
		EXPECT_EQ(0, m.key);
		EXPECT_EQ(0, weir_ack(w[i], &m));
		EXPECT_EQ(0, weir_recv(w[i], &m, 0));
	}
	EXPECT_EQ(0, weir_settle(s, PATIENCE_MS, NULL));
	for (i = 0; i < 3; i++)
		weir_close(w[i]);
	weir_close(s);
}

/* ---- loans ------------------------------------------------------------ */

TEST_F(plain, loans_go_out_in_order)
{
	enum { NR = 1000, AT_ONCE = 32 };
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct weir_msg msgs[AT_ONCE];
	struct weir_outcome out;
	uint32_t i, got = 0, *buf;
	int j, n;

	ASSERT_TRUE(s && w);
	for (i = 0; i < NR; i++) {
		ASSERT_EQ(0, weir_loan(s, sizeof(*buf), (void **)&buf));
		*buf = i;
		ASSERT_EQ(0, weir_put(s, buf, sizeof(*buf), NULL));
	}
	ASSERT_EQ(0, weir_flush(s, PATIENCE_MS));
	while (got < NR) {
		n = weir_recvmany(w, msgs, AT_ONCE, PATIENCE_MS);
		ASSERT_LT(0, n);
		for (j = 0; j < n; j++) {
			ASSERT_EQ(got++, *(const uint32_t *)msgs[j].data);
			ASSERT_EQ(0, weir_ack(w, &msgs[j]));
		}
	}
	EXPECT_EQ(0, weir_submit(w));
	EXPECT_EQ(0, weir_settle(s, PATIENCE_MS, &out));
	EXPECT_EQ(NR, out.acked);
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, only_loans_can_be_put)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct weir_msg m;
	char *buf, *other;

	ASSERT_TRUE(s && w);
	EXPECT_EQ(-EINVAL, weir_put(s, &m, 1, NULL));
	EXPECT_EQ(-EINVAL, weir_put(s, NULL, 1, NULL));
	EXPECT_EQ(-EINVAL, weir_abort(s, &m));
	ASSERT_EQ(0, weir_loan(s, 100, (void **)&buf));
	ASSERT_EQ(0, weir_loan(s, 100, (void **)&other));
	EXPECT_NE(buf, other);
	EXPECT_EQ(-EINVAL, weir_put(s, buf, 0, NULL));
	EXPECT_EQ(-EINVAL, weir_put(s, buf, 257, NULL));
	EXPECT_EQ(-EINVAL, weir_put(s, buf + 200, 57, NULL));
	EXPECT_STREQ("message of 57 bytes: the loan has 56 from there on",
		     weir_error(s));
	memcpy(buf + 200, "headroom", 8);
	EXPECT_EQ(0, weir_put(s, buf + 200, 8, NULL));
	EXPECT_EQ(-EINVAL, weir_put(s, buf, 8, NULL));
	EXPECT_EQ(-EINVAL, weir_abort(s, buf));
	EXPECT_EQ(0, weir_abort(s, other + 7));
	EXPECT_EQ(-EINVAL, weir_abort(s, other));
	EXPECT_EQ(-EINVAL, weir_put(s, other, 1, NULL));
	EXPECT_EQ(0, weir_submit(s));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_TRUE(is_text(&m, "headroom"));
	weir_close(w);
	weir_close(s);
}

TEST_HARNESS_MAIN
