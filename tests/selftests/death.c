// SPDX-License-Identifier: GPL-2.0-only
/*
 * Death of a process: what it held is back before its parent's wait4() returns.
 * So nothing here waits after kid_kill(); the first look has to be right.
 */
#include <liburing.h>
#include <pthread.h>
#include <sys/socket.h>

#include "kselftest_harness.h"

#include "bed.h"

CHANNEL_FIXTURE(death, A_U32(WEIR_A_CHANNEL_INFLIGHT, 8),
		A_U32(WEIR_A_CHANNEL_BATCH, 8),
		A_U32(WEIR_A_CHANNEL_MAX_ATTEMPTS, 5))

/*
 * In a child: comes to hold @nr messages that are ready, reads @seen of them.
 * Return: 0, the completions in @cqe.
 */
static int hold(struct raw *r, const char *name, unsigned int nr,
		unsigned int seen, struct weir_cqe *cqe)
{
	struct weir_attach ask = { .role = WEIR_ROLE_WORK };
	unsigned int i;
	int ret;

	ret = raw_open_as(r, name, ask);
	if (!ret)
		ret = raw_enter(r, WEIR_ENTER_WAIT, 0, nr, RAW_PATIENCE);
	for (i = 0; !ret && i < seen; i++) {
		if (!raw_pop(r, &cqe[i]) || cqe[i].type != WEIR_CQE_MSG)
			ret = -EBADMSG;
	}
	return ret;
}

/* A child that holds and stays so. */
static void spawn_holder(struct __test_metadata *_metadata, struct kid *k,
			 const char *name, unsigned int nr, unsigned int seen)
{
	struct weir_cqe cqe[64];
	struct raw r;

	if (kid_fork(k)) {
		EXPECT_EQ(0, hold(&r, name, nr, seen, cqe));
		kid_say(k, 'h');
		kid_hold(k);
	}
	ASSERT_EQ('h', kid_hear(k));
}

/* What must be true the moment a holder of @nr messages, @seen of them read, is waited for. */
static void expect_back(struct __test_metadata *_metadata, const char *name,
			unsigned int nr, unsigned int seen)
{
	uint64_t inflight = STAT(name, INFLIGHT);
	const struct nl_obj *o = nl_first();

	EXPECT_EQ(0, inflight);
	EXPECT_EQ(nr, nl_num(o, WEIR_A_STATS_READY));
	EXPECT_EQ(seen, nl_num(o, WEIR_A_STATS_CRASHED_SEEN));
	EXPECT_EQ(nr - seen, nl_num(o, WEIR_A_STATS_CRASHED_UNSEEN));
	EXPECT_EQ(nr, nl_num(o, WEIR_A_STATS_REDELIVERED));
	EXPECT_EQ(1, nl_num(o, WEIR_A_STATS_DEATHS));
	EXPECT_EQ(0, CHAN(name, WORKERS));
}

TEST_F(death, seen_and_unseen_are_back_before_wait_returns)
{
	uint64_t got[8], i;
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 8));
	spawn_holder(_metadata, &k, self->name, 8, 3);
	EXPECT_EQ(8, STAT(self->name, INFLIGHT));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	expect_back(_metadata, self->name, 8, 3);

	/* Only what it had seen was an attempt; that comes alone. */
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	memset(got, 0, sizeof(got));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_LT(raw_num(&w, &cqe), 8);
		got[raw_num(&w, &cqe)]++;
		EXPECT_EQ(WEIR_CQE_REDELIVERED, cqe.flags);
		EXPECT_EQ(raw_num(&w, &cqe) < 3 ? 2 : 1, cqe.attempts);
		if (cqe.attempts == 2) {
			EXPECT_EQ(1, STAT(self->name, INFLIGHT));
			EXPECT_EQ(-ETIME, raw_enter(&w, WEIR_ENTER_WAIT, 0, 1, RAW_NEVER));
			EXPECT_EQ(1, STAT(self->name, INFLIGHT));
		}
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	for (i = 0; i < 8; i++)
		EXPECT_EQ(1, got[i]);
	EXPECT_EQ(8, STAT(self->name, ACKED));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(death, another_worker_gets_them_at_once)
{
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 8));
	spawn_holder(_metadata, &k, self->name, 8, 0);
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	EXPECT_EQ(8, client_num(self->name, w.at.client_id, WEIR_A_CLIENT_INFLIGHT));
	for (i = 0; i < 8; i++) {
		ASSERT_TRUE(raw_pop(&w, &cqe));
		EXPECT_EQ(i, raw_num(&w, &cqe));
		EXPECT_EQ(1, cqe.attempts);
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	raw_close(&s);
	raw_close(&w);
}

/* Whoever inherited the descriptor, the process is dead. */
TEST_F(death, a_child_with_the_descriptor_changes_nothing)
{
	struct weir_cqe cqe[8];
	struct raw s, r;
	struct kid k;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 8));
	if (kid_fork(&k)) {
		EXPECT_EQ(0, hold(&r, self->name, 8, 4, cqe));
		/* A child that has a child; both live on with it. */
		if (fork() == 0 && fork() == 0)
			kid_say(&k, 'g');
		else
			kid_say(&k, 'h');
		kid_hold(&k);
	}
	ASSERT_NE(0, kid_hear(&k));
	ASSERT_NE(0, kid_hear(&k));
	ASSERT_NE(0, kid_hear(&k));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	expect_back(_metadata, self->name, 8, 4);
	raw_close(&s);
}

/* Passed to another process, which does not claim it. */
TEST_F(death, a_descriptor_sent_away_changes_nothing)
{
	char space[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec iov = { "x", 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = space, .msg_controllen = sizeof(space),
	};
	struct weir_cqe cqe[8];
	struct raw s, r;
	struct kid k;
	int pair[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 8));
	if (kid_fork(&k)) {
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

		EXPECT_EQ(0, hold(&r, self->name, 8, 1, cqe));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &r.fd, sizeof(int));
		EXPECT_EQ(1, sendmsg(pair[1], &msg, 0));
		kid_say(&k, 'h');
		kid_hold(&k);
	}
	/* It stays in flight in the socket: nobody takes it out. */
	ASSERT_EQ('h', kid_hear(&k));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	expect_back(_metadata, self->name, 8, 1);
	raw_close(&s);
}

TEST_F(death, a_descriptor_registered_with_io_uring_changes_nothing)
{
	struct io_uring ring;
	struct weir_cqe cqe[8];
	struct raw s, r;
	struct kid k;
	int ret;

	ret = io_uring_queue_init(4, &ring, 0);
	if (ret < 0)
		SKIP(return, "no io_uring: %s", strerror(-ret));
	io_uring_queue_exit(&ring);
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 8));
	if (kid_fork(&k)) {
		EXPECT_EQ(0, hold(&r, self->name, 8, 2, cqe));
		EXPECT_EQ(0, io_uring_queue_init(4, &ring, 0));
		EXPECT_EQ(0, io_uring_register_files(&ring, &r.fd, 1));
		io_uring_prep_poll_add(io_uring_get_sqe(&ring), r.fd, POLLERR);
		EXPECT_EQ(1, io_uring_submit(&ring));
		kid_say(&k, 'h');
		kid_hold(&k);
	}
	ASSERT_EQ('h', kid_hear(&k));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	expect_back(_metadata, self->name, 8, 2);
	raw_close(&s);
}

TEST_F_TIMEOUT(death, a_large_process_is_no_slower, 300)
{
	const size_t large = 300 << 20, least = 32 << 20, step = 4 << 20;
	struct weir_cqe cqe[8];
	struct raw s, r;
	struct kid k;
	int tries;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 8));
	if (kid_fork(&k)) {
		char *p = mmap(NULL, large, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		uint64_t end = now_ns() + 10 * SECOND;
		size_t at;

		ASSERT_NE(MAP_FAILED, p);
		/* A kernel that checks each page takes its time: as large as it gets. */
		for (at = 0; at < large && (at < least || now_ns() < end); at += step)
			memset(p + at, 1, step);
		EXPECT_EQ(0, hold(&r, self->name, 8, 8, cqe));
		kid_say(&k, 'h');
		kid_hold(&k);
	}
	for (tries = 0; tries < 5 && !WAIT_FOR(kid_ended(&k)); tries++)
		;
	ASSERT_EQ('h', kid_hear(&k));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	expect_back(_metadata, self->name, 8, 8);
	raw_close(&s);
}

/* exit(2) without close is a death as well. */
TEST_F(death, exit_is_a_death)
{
	struct weir_cqe cqe[8];
	struct raw s, r;
	struct kid k;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 8));
	if (kid_fork(&k)) {
		EXPECT_EQ(0, hold(&r, self->name, 8, 5, cqe));
		_exit(0);
	}
	EXPECT_EQ(0, kid_end(&k));
	expect_back(_metadata, self->name, 8, 5);
	raw_close(&s);
}

TEST_F(death, execve_ends_the_client)
{
	struct weir_cqe cqe[8];
	struct raw s, r;
	struct kid k;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 8));
	if (kid_fork(&k)) {
		EXPECT_EQ(0, hold(&r, self->name, 8, 4, cqe));
		/* The descriptor itself goes on into the new program. */
		EXPECT_EQ(0, fcntl(r.fd, F_SETFD, 0));
		execl("/bin/sleep", "sleep", "1000", NULL);
		_exit(1);
	}
	ASSERT_TRUE(WAIT_FOR(STAT(self->name, DEATHS) == 1));
	expect_back(_metadata, self->name, 8, 4);
	EXPECT_EQ(0, kill(k.pid, 0));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	raw_close(&s);
}

static void *stay(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

/* A process is its address space: one thread is enough to keep it alive. */
TEST_F(death, the_end_of_the_first_thread_is_no_death)
{
	struct weir_cqe cqe[8];
	struct raw s, r;
	struct kid k;
	pthread_t t;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 8));
	if (kid_fork(&k)) {
		EXPECT_EQ(0, hold(&r, self->name, 8, 4, cqe));
		EXPECT_EQ(0, pthread_create(&t, NULL, stay, NULL));
		pthread_exit(NULL);
	}
	ASSERT_TRUE(WAIT_FOR(STAT(self->name, INFLIGHT) == 8));
	ASSERT_TRUE(WAIT_FOR(kid_state(k.pid) == 'Z'));
	EXPECT_EQ(0, STAT(self->name, DEATHS));
	EXPECT_EQ(8, STAT(self->name, INFLIGHT));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	expect_back(_metadata, self->name, 8, 4);
	raw_close(&s);
}

TEST_F(death, published_answers_count)
{
	uint32_t tokens[8];
	struct weir_cqe cqe[8];
	struct raw s, r;
	struct kid k;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 8));
	if (kid_fork(&k)) {
		EXPECT_EQ(0, hold(&r, self->name, 8, 8, cqe));
		for (i = 0; i < 8; i++)
			tokens[i] = cqe[i].token;
		raw_put_answer(&r, WEIR_OP_ACK, 0, tokens, 5);
		raw_put_answer(&r, WEIR_OP_RELEASE, 0, tokens + 5, 1);
		raw_publish(&r);
		/* Written, but not published: not said. */
		raw_put_answer(&r, WEIR_OP_ACK, 0, tokens + 6, 2);
		kid_say(&k, 'h');
		kid_hold(&k);
	}
	ASSERT_EQ('h', kid_hear(&k));
	EXPECT_EQ(0, STAT(self->name, ACKED));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	EXPECT_EQ(5, STAT(self->name, ACKED));
	EXPECT_EQ(1, STAT(self->name, RELEASED));
	EXPECT_EQ(2, STAT(self->name, CRASHED_SEEN));
	EXPECT_EQ(3, STAT(self->name, READY));
	ASSERT_EQ(0, raw_wait_returns(&s, 5));
	raw_close(&s);
}

/* A tail that cannot be is not believed, at death neither. */
TEST_F(death, a_wild_tail_at_death_is_counted)
{
	struct weir_cqe cqe[8];
	struct raw s, r;
	struct kid k;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 8));
	if (kid_fork(&k)) {
		EXPECT_EQ(0, hold(&r, self->name, 8, 2, cqe));
		r.ring->usq_tail = 0xdeadbeef;
		kid_say(&k, 'h');
		kid_hold(&k);
	}
	ASSERT_EQ('h', kid_hear(&k));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	expect_back(_metadata, self->name, 8, 2);
	EXPECT_EQ(1, STAT(self->name, RING_ERRORS));
	raw_close(&s);
}

TEST_F(death, what_a_dead_producer_published_is_delivered)
{
	struct weir_cqe cqe;
	struct raw r, w;
	struct kid k;
	uint64_t i;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_MESSAGES, 4))));
	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_open(&r, self->name, RAW_SEND));
		for (i = 0; i < 30; i++)
			EXPECT_EQ(0, raw_put(&r, &i, sizeof(i), NULL));
		raw_publish(&r);
		EXPECT_EQ(0, raw_put(&r, &i, sizeof(i), NULL));	/* unpublished */
		kid_say(&k, 'p');
		kid_hold(&k);
	}
	ASSERT_EQ('p', kid_hear(&k));
	EXPECT_EQ(0, STAT(self->name, ACCEPTED));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	EXPECT_EQ(30, STAT(self->name, ACCEPTED));
	EXPECT_EQ(30, STAT(self->name, READY));
	EXPECT_EQ(1, STAT(self->name, DEATHS));
	EXPECT_GT(POOL(self->name, USED), 0);

	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 30; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		EXPECT_EQ(i, raw_num(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	/* Its memory goes with the last of them. */
	EXPECT_TRUE(WAIT_FOR(POOL(self->name, USED) == 0));
	raw_close(&w);
}

TEST_F(death, a_dead_producers_bytes_stay_as_they_were)
{
	unsigned char *big = malloc(65536);
	struct weir_cqe cqe;
	struct raw r, w;
	struct kid k;
	int i, j, bad = 0;

	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_open(&r, self->name, RAW_SEND));
		for (i = 0; i < 6; i++)
			EXPECT_EQ(0, raw_send(&r, memset(big, 'a' + i, 65536), 65536));
		kid_say(&k, 's');
		kid_hold(&k);
	}
	ASSERT_EQ('s', kid_hear(&k));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	for (i = 0; i < 6; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(65536, cqe.len);
		for (j = 0; j < 65536; j++)
			bad += w.ro[cqe.addr + j] != 'a' + i;
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(0, bad);
	EXPECT_TRUE(WAIT_FOR(POOL(self->name, USED) == 0));
	raw_close(&w);
}

/* Two workers hold 4 each; they die in either order, before or after a look. */
static void both_die(struct __test_metadata *_metadata, const char *name,
		     bool younger_first, unsigned int seen)
{
	struct weir_cqe cqe;
	struct kid k[2];
	struct raw s, w;
	int i;

	ASSERT_EQ(0, chan_set(name, ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 4))));
	ASSERT_EQ(0, raw_open(&s, name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 8));
	spawn_holder(_metadata, &k[0], name, 4, seen);
	spawn_holder(_metadata, &k[1], name, 4, seen);
	ASSERT_EQ(0, raw_send_nums(&s, 8, 4));
	EXPECT_EQ(SIGKILL, kid_kill(&k[younger_first]));
	EXPECT_EQ(SIGKILL, kid_kill(&k[!younger_first]));
	EXPECT_EQ(12, STAT(name, READY));
	EXPECT_EQ(2, STAT(name, DEATHS));
	ASSERT_EQ(0, raw_open(&w, name, RAW_WORK));
	for (i = 0; i < 12; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		EXPECT_EQ(i, raw_num(&w, &cqe));
		EXPECT_EQ(i < 8 && seen ? 2 : 1, cqe.attempts);
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	raw_close(&s);
	raw_close(&w);
}

TEST_F(death, two_die_unseen_older_first)
{
	both_die(_metadata, self->name, false, 0);
}

TEST_F(death, two_die_unseen_younger_first)
{
	both_die(_metadata, self->name, true, 0);
}

TEST_F(death, two_die_seen_older_first)
{
	both_die(_metadata, self->name, false, 4);
}

TEST_F(death, two_die_seen_younger_first)
{
	both_die(_metadata, self->name, true, 4);
}

TEST_HARNESS_MAIN
