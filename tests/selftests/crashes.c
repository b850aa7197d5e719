// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a death means for the messages in the long run, and what is no death:
 * closing, detaching, standing still.
 */
#include <pthread.h>

#include "kselftest_harness.h"

#include "bed.h"

CHANNEL_FIXTURE(crashes, A_U32(WEIR_A_CHANNEL_INFLIGHT, 8),
		A_U32(WEIR_A_CHANNEL_BATCH, 8),
		A_U32(WEIR_A_CHANNEL_MAX_ATTEMPTS, 3),
		A_U32(WEIR_A_CHANNEL_REDELIVER_MAX, 20))

/* Return: 0 once @nr messages are held, and @seen of them read. */
static int hold(struct raw *r, const char *name, unsigned int nr, unsigned int seen)
{
	struct weir_cqe cqe;
	int ret;

	ret = raw_open(r, name, RAW_WORK);
	if (!ret)
		ret = raw_enter(r, WEIR_ENTER_WAIT, 0, nr, RAW_PATIENCE);
	while (!ret && seen--)
		ret = raw_pop(r, &cqe) ? 0 : -EBADMSG;
	return ret;
}

TEST_F(crashes, the_last_close_gives_back_uncounted)
{
	struct weir_cqe cqe;
	struct raw s, r;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 8));
	ASSERT_EQ(0, hold(&r, self->name, 8, 4));
	raw_close(&r);
	EXPECT_EQ(8, STAT(self->name, READY));
	EXPECT_EQ(8, STAT(self->name, TAKEN));
	EXPECT_EQ(0, STAT(self->name, DEATHS));
	EXPECT_EQ(0, STAT(self->name, CRASHED_SEEN));
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_WORK));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, raw_next(&r, &cqe));
		EXPECT_EQ(i, raw_num(&r, &cqe));
		EXPECT_EQ(1, cqe.attempts);
		EXPECT_EQ(WEIR_CQE_REDELIVERED, cqe.flags);
		ASSERT_EQ(1, raw_ack(&r, cqe.token));
	}
	raw_close(&s);
	raw_close(&r);
}

/* A mapping holds the file: only the last of descriptors and mappings counts. */
TEST_F(crashes, a_mapping_keeps_the_client)
{
	struct raw s, r;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 8));
	ASSERT_EQ(0, hold(&r, self->name, 8, 4));
	close(r.fd);
	EXPECT_EQ(8, STAT(self->name, INFLIGHT));
	raw_unmap(&r);
	EXPECT_EQ(8, STAT(self->name, READY));
	EXPECT_EQ(0, STAT(self->name, DEATHS));
	raw_close(&s);
}

TEST_F(crashes, detach_gives_back_uncounted_and_takes_published_answers)
{
	struct weir_cqe cqe;
	struct raw s, r;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 8));
	ASSERT_EQ(0, hold(&r, self->name, 8, 0));
	ASSERT_EQ(0, raw_next(&r, &cqe));
	raw_put_answer(&r, WEIR_OP_ACK, 0, &cqe.token, 1);
	raw_publish(&r);
	ASSERT_EQ(0, raw_detach(&r));
	EXPECT_EQ(1, STAT(self->name, ACKED));
	EXPECT_EQ(7, STAT(self->name, READY));
	EXPECT_EQ(7, STAT(self->name, TAKEN));
	EXPECT_EQ(0, STAT(self->name, DEATHS));
	EXPECT_EQ(SIGBUS, touch_read(r.ro + cqe.addr));
	raw_close(&s);
	raw_close(&r);
}

/* Nobody else waits for a worker that stands still. */
TEST_F(crashes, a_stopped_process_holds_up_only_its_own)
{
	unsigned int got = 0;
	struct weir_cqe cqe;
	struct raw s, r, w;
	struct kid k;
	int ret;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_open(&r, self->name, RAW_WORK));
		kid_say(&k, 'a');
		for (;;) {
			/* Standing still may interrupt a sleep, as any signal. */
			do {
				ret = raw_next_in(&r, 0, &cqe);
			} while (ret == -EINTR);
			EXPECT_EQ(0, ret);
			EXPECT_EQ(1, raw_ack(&r, cqe.token));
		}
	}
	ASSERT_EQ('a', kid_hear(&k));
	ASSERT_TRUE(WAIT_FOR(kid_sleeps(k.pid)));
	ASSERT_EQ(0, kill(k.pid, SIGSTOP));
	ASSERT_TRUE(WAIT_FOR(kid_state(k.pid) == 'T'));
	/* It still counts as idle, so it gets some; not more than its room. */
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 200));
	while (STAT(self->name, READY) || raw_unread(&w) ||
	       client_num(self->name, w.at.client_id, WEIR_A_CLIENT_INFLIGHT)) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
		got++;
	}
	EXPECT_GE(got, 192);
	EXPECT_LE(STAT(self->name, INFLIGHT), 8);
	EXPECT_EQ(0, STAT(self->name, DEATHS));
	ASSERT_EQ(0, kill(k.pid, SIGCONT));
	EXPECT_TRUE(WAIT_FOR(STAT(self->name, ACKED) == 200));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	raw_close(&s);
	raw_close(&w);
}

/* What the kernel promises to look at is looked at, whoever stands still. */
TEST_F(crashes, the_ring_needs_no_enter_where_the_kernel_says_so)
{
	struct raw s, w;
	struct kid k;
	uint64_t i;

	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_open(&w, self->name, RAW_WORK));
		kid_say(&k, 'o');
		EXPECT_EQ(-EINTR, raw_enter(&w, WEIR_ENTER_WAIT, 0, 8, 0));
		_exit(0);
	}
	ASSERT_EQ('o', kid_hear(&k));
	ASSERT_TRUE(WAIT_FOR(kid_sleeps(k.pid)));
	ASSERT_EQ(0, kill(k.pid, SIGSTOP));
	ASSERT_TRUE(WAIT_FOR(kid_state(k.pid) == 'T'));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, raw_put(&s, &i, sizeof(i), NULL));
		raw_publish(&s);
		if (__atomic_load_n(&s.ring->kflags, __ATOMIC_RELAXED) &
		    WEIR_RING_NEED_ENTER)
			ASSERT_EQ(1, raw_enter(&s, 0, 1, 0, 0));
	}
	/* Some may be left in the ring until this worker comes for more. */
	ASSERT_TRUE(WAIT_FOR(raw_work_off(&w) >= 0 && STAT(self->name, ACCEPTED) == 50 &&
			     !STAT(self->name, READY)));
	EXPECT_GE(STAT(self->name, ACKED), 42);
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(crashes, a_poison_message_dies_alone)
{
	unsigned int deaths = 0;
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k;
	uint64_t id = 0;
	int word;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 20));
	/* Number 5 kills whoever looks at it. */
	while (STAT(self->name, ACKED) < 19 && deaths < 20) {
		if (kid_fork(&k)) {
			EXPECT_EQ(0, raw_open(&w, self->name, RAW_WORK));
			while (raw_next_in(&w, RAW_NEVER, &cqe) == 0) {
				if (raw_num(&w, &cqe) == 5)
					abort();
				EXPECT_EQ(1, raw_ack(&w, cqe.token));
			}
			_exit(0);
		}
		word = kid_end(&k);
		deaths += word != 0;
	}
	EXPECT_EQ(3, deaths);
	EXPECT_EQ(19, STAT(self->name, ACKED));
	EXPECT_EQ(1, STAT(self->name, DEAD));
	EXPECT_EQ(1, STAT(self->name, DIED_ATTEMPTS));
	/* The first time its neighbours were held as well, but not read. */
	EXPECT_EQ(3, STAT(self->name, CRASHED_SEEN));

	ASSERT_EQ(0, nl_dump(WEIR_CMD_MESSAGE_GET,
			     ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name),
				   A_U32(WEIR_A_MESSAGE_STATE, WEIR_MESSAGE_STATE_DEAD))));
	ASSERT_EQ(1, nl_last.list.nr);
	id = nl_num(nl_first(), WEIR_A_MESSAGE_ID);
	EXPECT_EQ(WEIR_DEAD_REASON_ATTEMPTS, nl_num(nl_first(), WEIR_A_MESSAGE_REASON));
	EXPECT_EQ(3, message_num(self->name, id, WEIR_A_MESSAGE_ATTEMPT));
	EXPECT_EQ(3, message_num(self->name, id, WEIR_A_MESSAGE_DELIVERIES));
	raw_close(&s);
}

/* A worker that never shows what it has read is stopped by another limit. */
TEST_F(crashes, redeliveries_have_an_end_of_their_own)
{
	struct raw s, r;
	struct kid k;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 1));
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(1, STAT(self->name, READY));
		if (kid_fork(&k)) {
			EXPECT_EQ(0, hold(&r, self->name, 1, 0));
			_exit(0);
		}
		ASSERT_EQ(0, kid_end(&k));
	}
	EXPECT_EQ(0, STAT(self->name, READY));
	EXPECT_EQ(1, STAT(self->name, DEAD));
	EXPECT_EQ(1, STAT(self->name, DIED_REDELIVERIES));
	EXPECT_EQ(20, STAT(self->name, CRASHED_UNSEEN));
	raw_close(&s);
}

/* client-kick is what a death is, to the messages; the process lives. */
TEST_F(crashes, a_kicked_client_has_died)
{
	struct raw s, r;
	struct kid k;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 8));
	if (kid_fork(&k)) {
		EXPECT_EQ(0, hold(&r, self->name, 8, 3));
		kid_say(&k, 'h');
		EXPECT_EQ('k', kid_hear(&k));
		EXPECT_EQ(-ESHUTDOWN, raw_enter(&r, 0, 0, 0, 0));
		EXPECT_NE(0, r.ring->kflags & WEIR_RING_DEAD);
		_exit(0);
	}
	ASSERT_EQ('h', kid_hear(&k));
	ASSERT_EQ(0, nl_do(WEIR_CMD_CLIENT_KICK, ATTRS(A_U32(WEIR_A_CLIENT_PID, k.pid))));
	EXPECT_EQ(8, STAT(self->name, READY));
	EXPECT_EQ(3, STAT(self->name, CRASHED_SEEN));
	EXPECT_EQ(5, STAT(self->name, CRASHED_UNSEEN));
	kid_say(&k, 'k');
	EXPECT_EQ(0, kid_end(&k));
	/* Ended once. */
	EXPECT_EQ(1, STAT(self->name, DEATHS));
	raw_close(&s);
}

TEST_F(crashes, a_sleeper_is_woken_by_the_end_of_its_client)
{
	struct raw r;
	struct kid k;

	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_open(&r, self->name, RAW_WORK));
		kid_say(&k, 'o');
		EXPECT_EQ(-ESHUTDOWN, raw_enter(&r, WEIR_ENTER_WAIT, 0, 1, 0));
		_exit(0);
	}
	ASSERT_EQ('o', kid_hear(&k));
	ASSERT_TRUE(WAIT_FOR(kid_sleeps(k.pid)));
	ASSERT_EQ(0, nl_do(WEIR_CMD_CLIENT_KICK, ATTRS(A_U32(WEIR_A_CLIENT_PID, k.pid))));
	EXPECT_EQ(0, kid_end(&k));
}

/* A worker of the storm: takes, dawdles, acks, some alone and some in vectors. */
static void storm_worker(const char *name, uint64_t seed)
{
	struct weir_cqe cqe;
	struct raw r;

	if (raw_open(&r, name, RAW_WORK))
		_exit(1);
	for (;;) {
		if (raw_next_in(&r, 0, &cqe))
			_exit(1);
		if (chance(&seed) % 8 == 0)
			breathe();
		if (!raw_put_answer(&r, WEIR_OP_ACK, 0, &cqe.token, 1))
			_exit(1);
		raw_publish(&r);
		if (chance(&seed) % 2 || !raw_unread(&r) || raw_pending(&r) > 100)
			raw_enter(&r, 0, ~0U, 0, 0);
	}
}

static void storm_sender(const char *name, uint64_t first, unsigned int nr)
{
	struct raw r;
	int ret;

	ret = raw_open(&r, name, RAW_SEND);
	_exit(ret || raw_send_nums(&r, first, nr));
}

TEST_F(crashes, random_kills_lose_nothing)
{
	uint64_t seed = seed_from_env(), its_seed, end, sent;
	unsigned int victim, kills = 0;
	struct kid w[3], s;
	int i;

	ASSERT_EQ(0, chan_set(self->name,
			      ATTRS(A_U32(WEIR_A_CHANNEL_MAX_ATTEMPTS, 60000),
				    A_U32(WEIR_A_CHANNEL_REDELIVER_MAX, 60000))));
	for (i = 0; i < 3; i++) {
		its_seed = chance(&seed);
		if (kid_fork(&w[i]))
			storm_worker(self->name, its_seed);
	}
	for (end = now_ns() + 6 * SECOND; now_ns() < end; kills++) {
		if (kid_fork(&s))
			storm_sender(self->name, kills * 1000, 300);
		victim = chance(&seed) % 3;
		for (i = chance(&seed) % 20; i; i--)
			breathe();
		ASSERT_EQ(SIGKILL, kid_kill(&w[victim]));
		kid_drop(&w[victim]);
		ASSERT_TRUE(chan_balanced(self->name));
		its_seed = chance(&seed);
		if (kid_fork(&w[victim]))
			storm_worker(self->name, its_seed);
		if (chance(&seed) % 3 == 0)
			kid_kill(&s);
		else
			EXPECT_EQ(0, kid_end(&s));
		kid_drop(&s);
		ASSERT_TRUE(chan_balanced(self->name));
	}
	sent = STAT(self->name, ACCEPTED);
	EXPECT_TRUE(all_acked(self->name, sent));
	EXPECT_EQ(0, STAT(self->name, DEAD));
	EXPECT_EQ(0, STAT(self->name, STALE));
	TH_LOG("%u kills, %ju messages, %ju redelivered", kills, (uintmax_t)sent,
	       (uintmax_t)STAT(self->name, REDELIVERED));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(SIGKILL, kid_kill(&w[i]));
	EXPECT_TRUE(WAIT_FOR(POOL(self->name, USED) == 0));
}

TEST_HARNESS_MAIN
