// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring on the client: what the command takes and refuses, in whose name it
 * runs, and what is left when ring, process or client end before each other.
 */
#include <liburing.h>

#include "kselftest_harness.h"

#include "bed.h"

#define CMD	1	/* user_data */
#define POLL	2
#define CANCEL	3

FIXTURE(uring) {
	char name[CHAN_ROOM];
	struct io_uring ring;
	struct raw r;
};

FIXTURE_SETUP(uring)
{
	ASSERT_EQ(0, chan_new(self->name,
			      ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 64),
				    A_U32(WEIR_A_CHANNEL_MESSAGES, 16))))
		TH_LOG("channel-new: %s", nl_last.text);
	ASSERT_EQ(0, io_uring_queue_init(8, &self->ring, 0));
	ASSERT_EQ(0, raw_open(&self->r, self->name, RAW_BOTH));
	/* What it sends is for others, or for later. */
	ASSERT_EQ(0, raw_enter(&self->r, WEIR_ENTER_STOP, 0, 0, 0));
}

FIXTURE_TEARDOWN_PARENT(uring)
{
	EXPECT_EQ(0, chan_end(self->name));
}

/* Submits what was prepared and takes the one result, within the patience. */
static int result_of(struct io_uring *ring, uint64_t data)
{
	struct __kernel_timespec ts = { .tv_sec = RAW_PATIENCE / SECOND };
	struct io_uring_cqe *cqe;
	int ret;

	ret = io_uring_submit(ring);
	if (ret < 0)
		return ret;
	ret = io_uring_wait_cqe_timeout(ring, &cqe, &ts);
	if (ret)
		return ret;
	ret = cqe->user_data == data ? cqe->res : -EBADMSG;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

static struct io_uring_sqe *prep(struct io_uring *ring, int fd, uint32_t nr)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	via_prep_submit(sqe, fd, nr);
	sqe->user_data = CMD;
	return sqe;
}

static int command(struct io_uring *ring, int fd, uint32_t nr)
{
	prep(ring, fd, nr);
	return result_of(ring, CMD);
}

static void prep_poll(struct io_uring *ring, int fd, unsigned int mask)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_poll_add(sqe, fd, mask);
	sqe->user_data = POLL;
}

static bool quiet(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;

	return io_uring_peek_cqe(ring, &cqe) == -EAGAIN;
}

static int put_nums(struct raw *r, uint64_t first, unsigned int nr)
{
	int ret;

	for (; nr; nr--, first++) {
		ret = raw_put(r, &first, sizeof(first), NULL);
		if (ret)
			return ret;
	}
	raw_publish(r);
	return 0;
}

static void set_low(struct raw *r, uint32_t low)
{
	__atomic_store_n(&r->ring->ucq_low, low, __ATOMIC_RELAXED);
}

/* ---- the command -------------------------------------------------------- */

TEST_F(uring, a_command_submits_as_enter_does)
{
	struct raw *r = &self->r;
	struct weir_cqe cqe;
	struct raw w;
	uint64_t i;

	EXPECT_EQ(0, command(&self->ring, r->fd, 0));
	EXPECT_EQ(0, command(&self->ring, r->fd, ~0U));
	ASSERT_EQ(0, put_nums(r, 0, 10));
	EXPECT_EQ(0, command(&self->ring, r->fd, 0));
	EXPECT_EQ(3, command(&self->ring, r->fd, 3));
	EXPECT_EQ(3, STAT(self->name, ACCEPTED));
	EXPECT_EQ(7, command(&self->ring, r->fd, ~0U));
	EXPECT_EQ(0, command(&self->ring, r->fd, 1));
	EXPECT_EQ(10, STAT(self->name, ACCEPTED));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		EXPECT_EQ(i, raw_num(&w, &cqe));
		ASSERT_NE(NULL, raw_put_answer(&w, WEIR_OP_ACK, 0, &cqe.token, 1));
	}
	raw_publish(&w);
	EXPECT_EQ(10, command(&self->ring, w.fd, 10));
	EXPECT_EQ(10, STAT(self->name, ACKED));
	raw_close(&w);
}

TEST_F(uring, a_full_channel_is_eagain_at_once)
{
	struct io_uring_sqe *sqe;
	struct raw *r = &self->r;

	ASSERT_EQ(0, put_nums(r, 0, 18));
	EXPECT_EQ(16, command(&self->ring, r->fd, 18));
	EXPECT_EQ(-EAGAIN, command(&self->ring, r->fd, 2));
	EXPECT_EQ(16, STAT(self->name, ACCEPTED));
	/* From a worker of io_uring, which may sleep, no other. */
	sqe = prep(&self->ring, r->fd, 2);
	io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
	EXPECT_EQ(-EAGAIN, result_of(&self->ring, CMD));
	EXPECT_EQ(2, raw_pending(r));
}

TEST_F(uring, unknown_commands_and_fields_are_refused)
{
	static const uint32_t ops[] = { 0, 2, 0x80000001, ~0U };
	struct weir_uring arg = { .to_submit = 1 };
	struct io_uring_sqe *sqe;
	struct raw *r = &self->r;
	size_t i;

	ASSERT_EQ(0, put_nums(r, 0, 1));
	for (i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		sqe = prep(&self->ring, r->fd, 1);
		sqe->cmd_op = ops[i];
		EXPECT_EQ(-EOPNOTSUPP, result_of(&self->ring, CMD));
	}
	for (i = 0; i < 3; i++) {
		sqe = prep(&self->ring, r->fd, 1);
		arg.resv[i] = 1U << (8 * i);
		memcpy(sqe->cmd, &arg, sizeof(arg));
		arg.resv[i] = 0;
		EXPECT_EQ(-EINVAL, result_of(&self->ring, CMD));
	}
	sqe = prep(&self->ring, r->fd, 1);
	sqe->addr = 1;
	EXPECT_EQ(-EINVAL, result_of(&self->ring, CMD));
	sqe = prep(&self->ring, r->fd, 1);
	sqe->len = 1;
	EXPECT_EQ(-EINVAL, result_of(&self->ring, CMD));
	sqe = prep(&self->ring, r->fd, 1);
	sqe->file_index = 1;
	EXPECT_EQ(-EINVAL, result_of(&self->ring, CMD));
	sqe = prep(&self->ring, r->fd, 1);
	sqe->uring_cmd_flags = 1U << 29;
	EXPECT_EQ(-EINVAL, result_of(&self->ring, CMD));
	EXPECT_EQ(0, STAT(self->name, ACCEPTED));
	EXPECT_EQ(1, command(&self->ring, r->fd, 1));
}

TEST_F(uring, a_fixed_buffer_is_refused)
{
	static char page[4096];
	struct iovec iov = { page, sizeof(page) };
	struct io_uring_sqe *sqe;

	ASSERT_EQ(0, io_uring_register_buffers(&self->ring, &iov, 1));
	sqe = prep(&self->ring, self->r.fd, 0);
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	EXPECT_EQ(-EINVAL, result_of(&self->ring, CMD));
}

TEST_F(uring, the_device_file_takes_no_command)
{
	EXPECT_EQ(-EOPNOTSUPP, command(&self->ring, self->r.dev, 0));
}

TEST_F(uring, a_wild_tail_and_an_ended_client_are_told)
{
	struct raw *r = &self->r;

	__atomic_store_n(&r->ring->usq_tail, r->at.sq_entries + 1,
			 __ATOMIC_RELEASE);
	EXPECT_EQ(-EPROTO, command(&self->ring, r->fd, 1));
	raw_publish(r);
	EXPECT_EQ(0, command(&self->ring, r->fd, 1));
	ASSERT_EQ(0, raw_detach(r));
	EXPECT_EQ(-ESHUTDOWN, command(&self->ring, r->fd, 1));
}

TEST_F(uring, a_worker_of_io_uring_is_the_process)
{
	struct io_uring_sqe *sqe;
	struct raw *r = &self->r;

	ASSERT_EQ(0, put_nums(r, 0, 4));
	sqe = prep(&self->ring, r->fd, 4);
	io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
	EXPECT_EQ(4, result_of(&self->ring, CMD));
	EXPECT_EQ(4, STAT(self->name, ACCEPTED));
}

TEST_F(uring, the_polling_thread_is_the_process)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SQPOLL,
				     .sq_thread_idle = 100 };
	struct raw *r = &self->r;
	struct io_uring ring;

	ASSERT_EQ(0, io_uring_queue_init_params(8, &ring, &p));
	ASSERT_EQ(0, put_nums(r, 0, 18));
	EXPECT_EQ(4, command(&ring, r->fd, 4));
	ASSERT_EQ(0, io_uring_register_files(&ring, &r->fd, 1));
	io_uring_sqe_set_flags(prep(&ring, 0, 20), IOSQE_FIXED_FILE);
	EXPECT_EQ(12, result_of(&ring, CMD));
	EXPECT_EQ(-EAGAIN, command(&ring, r->fd, 2));
	EXPECT_EQ(16, STAT(self->name, ACCEPTED));
	io_uring_queue_exit(&ring);
}

TEST_F(uring, large_entries_carry_the_same_command)
{
	struct raw *r = &self->r;
	struct io_uring ring;

	ASSERT_EQ(0, io_uring_queue_init(8, &ring, IORING_SETUP_SQE128 |
					 IORING_SETUP_CQE32));
	ASSERT_EQ(0, put_nums(r, 0, 17));
	EXPECT_EQ(16, command(&ring, r->fd, 17));
	EXPECT_EQ(-EAGAIN, command(&ring, r->fd, 1));
	io_uring_queue_exit(&ring);
}

/* By its own ring, and by the one it inherited. */
TEST_F(uring, another_process_is_refused)
{
	struct io_uring ring;
	struct kid k;

	ASSERT_EQ(0, put_nums(&self->r, 0, 1));
	if (kid_fork(&k)) {
		EXPECT_EQ(0, io_uring_queue_init(8, &ring, 0));
		EXPECT_EQ(-EBUSY, command(&ring, self->r.fd, 1));
		io_uring_sqe_set_flags(prep(&ring, self->r.fd, 1), IOSQE_ASYNC);
		EXPECT_EQ(-EBUSY, result_of(&ring, CMD));
		EXPECT_EQ(-EBUSY, command(&self->ring, self->r.fd, 1));
		_exit(_metadata->exit_code);
	}
	EXPECT_EQ(0, kid_end(&k));
	EXPECT_EQ(0, STAT(self->name, ACCEPTED));
}

TEST_F(uring, a_client_that_another_has_claimed_is_refused)
{
	struct kid k;
	int fd = self->r.fd;

	ASSERT_EQ(0, put_nums(&self->r, 0, 1));
	raw_unmap(&self->r);
	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_claim(fd));
		kid_say(&k, 'c');
		kid_hold(&k);
	}
	ASSERT_EQ('c', kid_hear(&k));
	EXPECT_EQ(-EBUSY, command(&self->ring, fd, 1));
	io_uring_sqe_set_flags(prep(&self->ring, fd, 1), IOSQE_ASYNC);
	EXPECT_EQ(-EBUSY, result_of(&self->ring, CMD));
	EXPECT_EQ(0, STAT(self->name, ACCEPTED));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	EXPECT_EQ(-ESHUTDOWN, command(&self->ring, fd, 1));
}

/* ---- poll and its low-water mark ---------------------------------------- */

static short polled(struct raw *r)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 ? p.revents : 0;
}

TEST_F(uring, poll_obeys_the_mark_whatever_it_is)
{
	struct weir_cqe cqe;
	struct raw w;
	int i;

	ASSERT_EQ(0, raw_open_as(&w, self->name, (struct weir_attach){
			.role = RAW_WORK, .cq_entries = 8, .inflight = 8 }));
	set_low(&w, 3);
	EXPECT_EQ(0, polled(&w));
	for (i = 1; i <= 8; i++) {
		ASSERT_EQ(0, put_nums(&self->r, i, 1));
		ASSERT_EQ(1, command(&self->ring, self->r.fd, 1));
		set_low(&w, 3);
		EXPECT_EQ(i < 3 ? 0 : POLLIN, polled(&w));
		set_low(&w, 0);
		EXPECT_EQ(POLLIN, polled(&w));
		set_low(&w, 1);
		EXPECT_EQ(POLLIN, polled(&w));
		/* More than the ring has means all of it. */
		set_low(&w, ~0U);
		EXPECT_EQ(i < 8 ? 0 : POLLIN, polled(&w));
		set_low(&w, 8);
		EXPECT_EQ(i < 8 ? 0 : POLLIN, polled(&w));
	}
	set_low(&w, 0);
	while (raw_pop(&w, &cqe))
		EXPECT_EQ(WEIR_CQE_MSG, cqe.type);
	EXPECT_EQ(0, polled(&w));
	set_low(&w, ~0U);
	ASSERT_EQ(0, raw_detach(&w));
	EXPECT_EQ(POLLERR | POLLHUP, polled(&w));
	raw_close(&w);
}

/* One at a time: each is a delivery, and a wake-up that would be too early. */
TEST_F(uring, poll_add_ends_at_the_mark_and_not_before)
{
	struct io_uring ring;
	struct raw w;
	int i;

	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, io_uring_queue_init(8, &ring, 0));
	set_low(&w, 5);
	prep_poll(&ring, w.fd, POLLIN);
	ASSERT_EQ(1, io_uring_submit(&ring));
	for (i = 1; i <= 4; i++) {
		ASSERT_EQ(0, put_nums(&self->r, i, 1));
		ASSERT_EQ(1, command(&self->ring, self->r.fd, 1));
		EXPECT_EQ(i, raw_unread(&w));
		EXPECT_TRUE(quiet(&ring));
	}
	ASSERT_EQ(0, put_nums(&self->r, i, 1));
	ASSERT_EQ(1, command(&self->ring, self->r.fd, 1));
	EXPECT_EQ(POLLIN, result_of(&ring, POLL));
	EXPECT_EQ(5, raw_unread(&w));
	io_uring_queue_exit(&ring);
	raw_close(&w);
}

TEST_F(uring, multishot_poll_ends_at_each_mark)
{
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	struct weir_cqe cqe;
	struct raw w;
	uint64_t n = 0;
	int i, round;

	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, io_uring_queue_init(8, &ring, 0));
	set_low(&w, 3);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_poll_multishot(sqe, w.fd, POLLIN);
	sqe->user_data = POLL;
	ASSERT_EQ(1, io_uring_submit(&ring));
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 3; i++) {
			EXPECT_TRUE(quiet(&ring));
			ASSERT_EQ(0, put_nums(&self->r, n + i, 1));
			ASSERT_EQ(1, command(&self->ring, self->r.fd, 1));
		}
		EXPECT_EQ(POLLIN, result_of(&ring, POLL));
		for (i = 0; i < 3; i++) {
			ASSERT_TRUE(raw_pop(&w, &cqe));
			ASSERT_EQ(n++, raw_num(&w, &cqe));
			ASSERT_NE(NULL, raw_put_answer(&w, WEIR_OP_ACK, 0,
						       &cqe.token, 1));
		}
		raw_publish(&w);
		ASSERT_EQ(3, command(&self->ring, w.fd, 3));
	}
	EXPECT_EQ(60, STAT(self->name, ACKED));
	io_uring_queue_exit(&ring);
	raw_close(&w);
}

TEST_F(uring, poll_add_tells_of_room)
{
	struct raw *r = &self->r;
	struct weir_cqe cqe;
	struct io_uring ring;
	struct raw w;

	ASSERT_EQ(0, io_uring_queue_init(8, &ring, 0));
	ASSERT_EQ(0, put_nums(r, 0, 17));
	ASSERT_EQ(16, command(&self->ring, r->fd, 17));
	prep_poll(&ring, r->fd, POLLOUT);
	ASSERT_EQ(1, io_uring_submit(&ring));
	EXPECT_EQ(-EAGAIN, command(&self->ring, r->fd, 1));
	EXPECT_TRUE(quiet(&ring));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(POLLOUT, result_of(&ring, POLL));
	EXPECT_EQ(1, command(&self->ring, r->fd, 1));
	io_uring_queue_exit(&ring);
	raw_close(&w);
}

/* Who stands in line for room comes first: who polls is told when it is gone. */
TEST_F(uring, poll_for_room_waits_behind_those_in_line)
{
	struct raw *r = &self->r;
	struct io_uring ring;
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k;

	ASSERT_EQ(0, io_uring_queue_init(8, &ring, 0));
	ASSERT_EQ(0, put_nums(r, 0, 17));
	ASSERT_EQ(16, command(&self->ring, r->fd, 17));
	if (kid_fork(&k)) {
		struct weir_enter e = { .size = sizeof(e), .to_submit = 1,
					.flags = WEIR_ENTER_SQ_WAIT };

		EXPECT_EQ(0, raw_open(&s, self->name, RAW_SEND));
		EXPECT_EQ(0, put_nums(&s, 99, 1));
		kid_say(&k, 'w');
		EXPECT_EQ(1, raw_ioctl(s.fd, WEIR_IOC_ENTER, &e));
		kid_say(&k, 'd');
		kid_hold(&k);
	}
	ASSERT_EQ('w', kid_hear(&k));
	ASSERT_TRUE(WAIT_FOR(STAT(self->name, BLOCKED) >= 2 &&
			     kid_sleeps(k.pid)));
	prep_poll(&ring, r->fd, POLLOUT);
	ASSERT_EQ(1, io_uring_submit(&ring));
	/* Only one place: the one in line takes it. */
	ASSERT_EQ(0, raw_open_as(&w, self->name, (struct weir_attach){
				.role = RAW_WORK, .inflight = 1 }));
	ASSERT_EQ('d', kid_hear(&k));
	EXPECT_TRUE(quiet(&ring));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	EXPECT_EQ(POLLOUT, result_of(&ring, POLL));
	EXPECT_EQ(1, command(&self->ring, r->fd, 1));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	io_uring_queue_exit(&ring);
	raw_close(&w);
}

/* ---- ends --------------------------------------------------------------- */

TEST_F(uring, a_poll_can_be_cancelled)
{
	struct io_uring_cqe *cqe;
	struct raw *r = &self->r;
	int i;

	prep_poll(&self->ring, r->fd, POLLIN);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_TRUE(quiet(&self->ring));
	io_uring_prep_cancel64(io_uring_get_sqe(&self->ring), POLL, 0);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, io_uring_wait_cqe(&self->ring, &cqe));
		EXPECT_EQ(cqe->user_data == POLL ? -ECANCELED : 0, cqe->res);
		io_uring_cqe_seen(&self->ring, cqe);
	}
	ASSERT_EQ(0, put_nums(r, 0, 1));
	EXPECT_EQ(1, command(&self->ring, r->fd, 1));
}

TEST_F(uring, a_ring_closed_half_way_leaves_the_client)
{
	struct raw *r = &self->r;
	struct io_uring ring;

	ASSERT_EQ(0, io_uring_queue_init(8, &ring, 0));
	ASSERT_EQ(0, put_nums(r, 0, 4));
	prep_poll(&ring, r->fd, POLLIN);
	ASSERT_EQ(1, io_uring_submit(&ring));
	io_uring_sqe_set_flags(prep(&ring, r->fd, 4), IOSQE_ASYNC);
	ASSERT_EQ(1, io_uring_submit(&ring));
	io_uring_queue_exit(&ring);
	/* The command was done, or not begun. */
	EXPECT_LE(0, command(&self->ring, r->fd, 4));
	EXPECT_EQ(4, STAT(self->name, ACCEPTED));
	EXPECT_EQ(1, CHAN(self->name, WORKERS));
}

TEST_F(uring, deletion_ends_a_poll)
{
	set_low(&self->r, 100);
	prep_poll(&self->ring, self->r.fd, POLLIN);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_TRUE(quiet(&self->ring));
	ASSERT_EQ(0, chan_del(self->name, true));
	EXPECT_EQ(POLLERR | POLLHUP, result_of(&self->ring, POLL) & ~POLLIN);
	EXPECT_EQ(-ESHUTDOWN, command(&self->ring, self->r.fd, 0));
}

/*
 * A child that holds @nr messages, one of them read, with a poll that is under
 * way and a stream of commands.
 */
static void busy_holder(struct __test_metadata *_metadata, struct kid *k,
			const char *name, unsigned int nr, unsigned int flags,
			bool registered)
{
	struct io_uring ring;
	struct io_uring_sqe *sqe;
	struct weir_cqe cqe;
	struct raw w;

	EXPECT_EQ(0, io_uring_queue_init(8, &ring, flags));
	EXPECT_EQ(0, raw_open(&w, name, RAW_WORK));
	set_low(&w, nr);
	if (registered)
		EXPECT_EQ(0, io_uring_register_files(&ring, &w.fd, 1));
	prep_poll(&ring, w.fd, POLLIN);
	EXPECT_EQ((int)POLLIN, result_of(&ring, POLL));
	EXPECT_TRUE(raw_pop(&w, &cqe));
	set_low(&w, w.at.cq_entries);
	prep_poll(&ring, w.fd, POLLIN);
	io_uring_submit(&ring);
	kid_say(k, 'h');
	for (;;) {
		sqe = prep(&ring, registered ? 0 : w.fd, 1);
		io_uring_sqe_set_flags(sqe, IOSQE_ASYNC |
				       (registered ? IOSQE_FIXED_FILE : 0));
		if (result_of(&ring, CMD) != 0)
			_exit(1);
	}
}

FIXTURE(kill) {
	char name[CHAN_ROOM];
};

FIXTURE_VARIANT(kill) {
	unsigned int flags;
	bool registered;
};

FIXTURE_VARIANT_ADD(kill, plain) { 0, false };
FIXTURE_VARIANT_ADD(kill, registered) { 0, true };
FIXTURE_VARIANT_ADD(kill, sqpoll) { IORING_SETUP_SQPOLL, true };

FIXTURE_SETUP(kill)
{
	ASSERT_EQ(0, chan_new(self->name,
			      ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 8),
				    A_U32(WEIR_A_CHANNEL_BATCH, 8))));
}

FIXTURE_TEARDOWN_PARENT(kill)
{
	EXPECT_EQ(0, chan_end(self->name));
}

/* Whatever io_uring still has of the file: all is back before wait4() returns. */
TEST_F(kill, all_is_back_before_wait_returns)
{
	const struct nl_obj *o;
	struct raw s;
	struct kid k;
	int round;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 8));
	for (round = 1; round <= 3; round++) {
		if (kid_fork(&k))
			busy_holder(_metadata, &k, self->name,
				    round == 1 ? 8 : 1, variant->flags,
				    variant->registered);
		ASSERT_EQ('h', kid_hear(&k));
		EXPECT_LT(0, STAT(self->name, INFLIGHT));
		EXPECT_EQ(SIGKILL, kid_kill(&k));
		EXPECT_EQ(0, STAT(self->name, INFLIGHT));
		o = nl_first();
		EXPECT_EQ(8, nl_num(o, WEIR_A_STATS_READY));
		EXPECT_EQ(round, nl_num(o, WEIR_A_STATS_DEATHS));
		EXPECT_EQ(round, nl_num(o, WEIR_A_STATS_CRASHED_SEEN));
	}
	raw_close(&s);
}

TEST_HARNESS_MAIN
