// SPDX-License-Identifier: GPL-2.0-only
/* `zerocopy off`: what a worker gets cannot be changed by its sender any more. */
#include <string.h>

#include "kselftest_harness.h"

#include "bed.h"

CHANNEL_FIXTURE(copies, A_U32(WEIR_A_CHANNEL_ZEROCOPY, 0),
		A_U32(WEIR_A_CHANNEL_INFLIGHT, 64))

/* Sends a number with a RESULT. Return: where it lies in the sender's window. */
static uint64_t send_told(struct __test_metadata *_metadata, struct raw *s, uint64_t n,
			  struct weir_cqe *result)
{
	struct weir_sqe *sqe;
	uint64_t addr;

	ASSERT_EQ(0, raw_put(s, &n, sizeof(n), &sqe));
	sqe->flags = WEIR_SQE_RESULT;
	addr = sqe->addr;
	raw_publish(s);
	ASSERT_EQ(1, raw_submit(s));
	ASSERT_EQ(0, raw_result(s, result));
	return addr;
}

TEST_F(copies, the_sender_cannot_change_it_and_has_its_buffer_back)
{
	uint64_t n = 4711, other = 815, addr;
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	addr = send_told(_metadata, &s, n, &cqe);
	EXPECT_EQ(0, cqe.res);
	/* Nobody has it yet, and the buffer is the sender's again. */
	EXPECT_EQ(0, raw_wait_returns(&s, 1));
	memcpy(s.rw + addr, &other, sizeof(other));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(n, raw_num(&w, &cqe));
	EXPECT_EQ(s.at.client_id, cqe.src);
	EXPECT_NE(addr, cqe.addr);
	memcpy(s.rw + addr, &n, sizeof(n));
	EXPECT_EQ(n, raw_num(&w, &cqe));
	/* What the kernel copied to is nobody's to write. */
	EXPECT_NE(0, touch_write(s.rw + cqe.addr, 1));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	EXPECT_TRUE(chan_balanced(self->name));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(copies, fields_and_settlement_are_the_senders)
{
	struct weir_settle st;
	struct weir_cqe cqe;
	struct weir_sqe *sqe;
	struct raw s, w;
	uint64_t n = 1;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_put(&s, &n, sizeof(n), &sqe));
	sqe->key = 7;
	sqe->corr = 8;
	sqe->mtype = 9;
	sqe->encoding = 10;
	raw_publish(&s);
	ASSERT_EQ(1, raw_submit(&s));
	EXPECT_EQ(-ETIME, raw_settle(&s, RAW_NEVER, &st));
	EXPECT_EQ(1, st.accepted);
	EXPECT_EQ(1, st.unsettled);
	EXPECT_EQ(1, client_num(self->name, s.at.client_id, WEIR_A_CLIENT_WAITING));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(0, client_num(self->name, s.at.client_id, WEIR_A_CLIENT_WAITING));
	EXPECT_EQ(7, cqe.key);
	EXPECT_EQ(8, cqe.corr);
	EXPECT_EQ(9, cqe.mtype);
	EXPECT_EQ(10, cqe.encoding);
	EXPECT_EQ(getuid(), message_num(self->name, cqe.seq, WEIR_A_MESSAGE_SENDER_UID));
	ASSERT_EQ(1, raw_reject(&w, cqe.token, "no"));
	EXPECT_EQ(0, raw_settle(&s, RAW_NEVER, &st));
	EXPECT_EQ(1, st.dead);
	EXPECT_EQ(0, nl_do(WEIR_CMD_MESSAGE_REQUEUE,
			   ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name),
				 A_U64(WEIR_A_MESSAGE_ID, cqe.seq))));
	EXPECT_EQ(-ETIME, raw_settle(&s, RAW_NEVER, &st));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	EXPECT_EQ(0, raw_settle(&s, RAW_NEVER, &st));
	EXPECT_EQ(1, st.acked);
	raw_close(&s);
	raw_close(&w);
}

TEST_F(copies, many_of_all_sizes_in_order)
{
	static unsigned char data[1 << 20];
	static const uint32_t sizes[] = { 1, 256, 257, 5000, 60000, 70000, 1 << 20 };
	struct weir_cqe cqe;
	struct raw s, w;
	size_t i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 50; i++) {
		uint32_t len = sizes[i % ARRAY_SIZE(sizes)];

		memset(data, i + 1, len);
		ASSERT_EQ(0, raw_send(&s, data, len)) TH_LOG("message %zu", i);
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(len, cqe.len);
		ASSERT_EQ(i + 1, w.ro[cqe.addr]);
		ASSERT_EQ(i + 1, w.ro[cqe.addr + len - 1]);
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_TRUE(chan_balanced(self->name));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(copies, no_promise_is_given)
{
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 4));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(0, raw_send_nums(&s, 4, 4));
	EXPECT_EQ(WEIR_RING_NEED_ENTER, s.ring->kflags & WEIR_RING_NEED_ENTER);
	EXPECT_EQ(0, STAT(self->name, PROMISES));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(copies, a_dead_senders_messages_arrive)
{
	struct weir_cqe cqe;
	struct kid k;
	struct raw w;
	int i;

	if (kid_fork(&k)) {
		struct weir_sqe *sqe;
		struct raw s;
		uint64_t n;

		if (raw_open(&s, self->name, RAW_SEND) || raw_send_nums(&s, 0, 2))
			_exit(1);
		/* Published, and never submitted. */
		for (n = 2; n < 4; n++)
			if (raw_put(&s, &n, sizeof(n), &sqe))
				_exit(1);
		raw_publish(&s);
		kid_say(&k, 'y');
		kid_hold(&k);
	}
	ASSERT_EQ('y', kid_hear(&k));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		EXPECT_EQ(i, raw_num(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_TRUE(chan_balanced(self->name));
	raw_close(&w);
}

TEST_F(copies, turned_on_and_off_while_messages_flow)
{
	struct weir_cqe cqe;
	struct raw s, w;
	uint64_t i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 40; i++) {
		if (i % 8 == 0)
			ASSERT_EQ(0, chan_set(self->name,
					      ATTRS(A_U32(WEIR_A_CHANNEL_ZEROCOPY, i / 8 % 2))));
		ASSERT_EQ(0, raw_send_nums(&s, i, 1));
		ASSERT_EQ(0, raw_next(&w, &cqe));
		EXPECT_EQ(i, raw_num(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(0, raw_wait_returns(&s, 40));
	EXPECT_TRUE(chan_balanced(self->name));
	raw_close(&s);
	raw_close(&w);
}

/* One block of 64 KiB for the sender, and none left to copy to. */
CHANNEL_FIXTURE(tight, A_U32(WEIR_A_CHANNEL_ZEROCOPY, 0),
		A_U64(WEIR_A_CHANNEL_MEMORY_MIN, 0),
		A_U64(WEIR_A_CHANNEL_MEMORY_MAX, 65536),
		A_U32(WEIR_A_CHANNEL_MESSAGE_MAX, 256))

TEST_F(tight, without_memory_it_waits_or_is_refused)
{
	struct weir_cqe cqe;
	struct raw s;

	if (via_uring())
		SKIP(return, "a poll for room knows nothing of memory");
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_put(&s, "x", 1, NULL));
	raw_publish(&s);
	EXPECT_EQ(-EAGAIN, raw_enter(&s, 0, 1, 0, RAW_NEVER));
	EXPECT_EQ(1, raw_pending(&s));
	EXPECT_EQ(-ETIME, raw_enter(&s, WEIR_ENTER_SQ_WAIT, 1, 0, 5 * MS));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_OVERFLOW,
						      WEIR_OVERFLOW_ERROR))));
	EXPECT_EQ(1, raw_enter(&s, 0, 1, 0, RAW_NEVER));
	ASSERT_EQ(0, raw_result(&s, &cqe));
	EXPECT_EQ(-ENOBUFS, cqe.res);
	/* More memory: the next one goes. */
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_MEMORY_MAX, 131072))));
	EXPECT_EQ(0, raw_send(&s, "y", 1));
	EXPECT_EQ(1, STAT(self->name, ACCEPTED));
	EXPECT_TRUE(chan_balanced(self->name));
	raw_close(&s);
}

TEST_HARNESS_MAIN
