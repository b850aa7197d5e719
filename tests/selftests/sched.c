// SPDX-License-Identifier: GPL-2.0-only
/* Who gets a message and when: policies, limits, batches. */
#include "kselftest_harness.h"

#include "bed.h"

CHANNEL_FIXTURE(sched, A_U32(WEIR_A_CHANNEL_INFLIGHT, 100),
		A_U32(WEIR_A_CHANNEL_BATCH, 1))

#define WORKERS	3

static int open_workers(struct raw *w, unsigned int nr, const char *name)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++)
		ret = raw_open(&w[i], name, RAW_WORK);
	return ret;
}

static void close_all(struct raw *r, unsigned int nr)
{
	while (nr--)
		raw_close(&r[nr]);
}

static uint64_t held(const char *name, const struct raw *w)
{
	return client_num(name, w->at.client_id, WEIR_A_CLIENT_INFLIGHT);
}

static int set_policy(const char *name, const char *policy)
{
	return chan_set(name, ATTRS(A_STR(WEIR_A_CHANNEL_POLICY, policy)));
}

TEST_F(sched, round_robin_takes_turns)
{
	struct raw s, w[WORKERS];
	uint64_t i, first[WORKERS];
	struct weir_cqe cqe;

	ASSERT_EQ(0, set_policy(self->name, "round-robin"));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, open_workers(w, WORKERS, self->name));
	for (i = 0; i < 30; i++)
		ASSERT_EQ(0, raw_send_nums(&s, i, 1));
	for (i = 0; i < WORKERS; i++)
		EXPECT_EQ(10, held(self->name, &w[i]));
	/* Each has every third. */
	for (i = 0; i < 30; i++) {
		struct raw *r = &w[i % WORKERS];

		ASSERT_EQ(0, raw_next(r, &cqe));
		if (i < WORKERS)
			first[i] = raw_num(r, &cqe);
		EXPECT_EQ(first[i % WORKERS] + i / WORKERS * WORKERS, raw_num(r, &cqe));
	}
	close_all(w, WORKERS);
	raw_close(&s);
}

TEST_F(sched, least_inflight_evens_out)
{
	struct raw s, w[WORKERS];
	struct weir_cqe cqe;
	uint64_t i, least, most, n;

	ASSERT_EQ(0, set_policy(self->name, "least-inflight"));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w[0], self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 9));
	EXPECT_EQ(9, held(self->name, &w[0]));
	ASSERT_EQ(0, open_workers(w + 1, WORKERS - 1, self->name));
	/* The newcomers first, until all have the same. */
	for (i = 0; i < 18; i++)
		ASSERT_EQ(0, raw_send_nums(&s, 100 + i, 1));
	for (i = 0; i < WORKERS; i++)
		EXPECT_EQ(9, held(self->name, &w[i]));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, raw_send_nums(&s, 200 + i, 1));
		least = ~0ULL;
		most = 0;
		for (n = 0; n < WORKERS; n++) {
			uint64_t h = held(self->name, &w[n]);

			least = h < least ? h : least;
			most = h > most ? h : most;
		}
		EXPECT_LE(most - least, 1);
	}
	/* Who answers gets the next. */
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, raw_next(&w[2], &cqe));
		ASSERT_EQ(1, raw_ack(&w[2], cqe.token));
	}
	n = held(self->name, &w[2]);
	ASSERT_EQ(0, raw_send_nums(&s, 300, 1));
	EXPECT_EQ(n + 1, held(self->name, &w[2]));
	close_all(w, WORKERS);
	raw_close(&s);
}

static uint64_t load_of(const char *name, const struct raw *w)
{
	return client_num(name, w->at.client_id, WEIR_A_CLIENT_LOAD);
}

/* Both workers are this process, which is not to be busy itself. */
static void nap(void)
{
	usleep(50000);
}

/* One that holds a message for the whole interval is busy, and gets no more. */
TEST_F(sched, least_loaded_spares_the_busy)
{
	uint64_t end = now_ns() + 3 * RAW_PATIENCE;
	struct raw s, w[2];
	struct weir_cqe cqe;
	bool measured;
	int i = 0;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_LOAD_INTERVAL, 20))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w[0], self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 1));
	ASSERT_EQ(0, raw_next(&w[0], &cqe));
	/* Loads are looked at while there is traffic. */
	ASSERT_EQ(0, raw_open(&w[1], self->name, RAW_WORK));
	do {
		nap();
		ASSERT_EQ(0, raw_send_nums(&s, ++i, 1));
		if (raw_next_in(&w[1], RAW_NEVER, &cqe) == 0)
			ASSERT_EQ(1, raw_ack(&w[1], cqe.token));
		measured = load_of(self->name, &w[0]) > 900 &&
			   load_of(self->name, &w[1]) < 700;
	} while (!measured && now_ns() < end);
	ASSERT_TRUE(measured);
	for (i = 0; i < 10; i++) {
		nap();
		ASSERT_EQ(0, raw_send_nums(&s, 5000 + i, 1));
		ASSERT_EQ(0, raw_next(&w[1], &cqe));
		EXPECT_EQ(5000 + i, raw_num(&w[1], &cqe));
		ASSERT_EQ(1, raw_ack(&w[1], cqe.token));
	}
	close_all(w, 2);
	raw_close(&s);
}

TEST_F(sched, least_loaded_goes_by_queue_without_load)
{
	struct raw s, w[WORKERS];
	uint64_t i;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_WEIGHT_LOAD, 0),
					       A_U32(WEIR_A_CHANNEL_WEIGHT_QUEUE, 1000))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, open_workers(w, WORKERS, self->name));
	for (i = 0; i < 30; i++)
		ASSERT_EQ(0, raw_send_nums(&s, i, 1));
	for (i = 0; i < WORKERS; i++)
		EXPECT_EQ(10, held(self->name, &w[i]));
	close_all(w, WORKERS);
	raw_close(&s);
}

TEST_F(sched, a_backlog_is_shared_and_not_given_to_the_first)
{
	struct raw s, w[2];

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 64))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, open_workers(w, 2, self->name));
	/* Two idle workers, 20 messages in one batch. */
	ASSERT_EQ(0, raw_send_nums(&s, 0, 20));
	EXPECT_EQ(10, held(self->name, &w[0]));
	EXPECT_EQ(10, held(self->name, &w[1]));
	close_all(w, 2);
	raw_close(&s);
}

TEST_F(sched, inflight_limits_each_worker)
{
	struct weir_attach ask = { .role = WEIR_ROLE_WORK, .inflight = 2 };
	struct weir_cqe cqe;
	struct raw s, w, small;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 3))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_open_as(&small, self->name, ask));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 20));
	EXPECT_EQ(3, held(self->name, &w));
	EXPECT_EQ(2, held(self->name, &small));
	EXPECT_EQ(15, STAT(self->name, READY));
	EXPECT_EQ(3, client_num(self->name, w.at.client_id, WEIR_A_CLIENT_INFLIGHT_LIMIT));
	EXPECT_EQ(2, client_num(self->name, small.at.client_id,
				WEIR_A_CLIENT_INFLIGHT_LIMIT));
	EXPECT_EQ(-ETIME, raw_enter(&w, WEIR_ENTER_WAIT, 0, 4, RAW_NEVER));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	EXPECT_EQ(3, held(self->name, &w));
	/* Larger at once, smaller as they answer. */
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 5))));
	EXPECT_EQ(5, held(self->name, &w));
	EXPECT_EQ(2, held(self->name, &small));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 1))));
	EXPECT_EQ(5, held(self->name, &w));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	EXPECT_EQ(4, held(self->name, &w));
	raw_close(&s);
	raw_close(&w);
	raw_close(&small);
}

/* Long jobs are not reserved behind a busy worker. */
TEST_F(sched, auto_inflight_is_one_for_a_slow_worker)
{
	struct weir_cqe cqe;
	struct raw s, w;
	uint64_t end;
	int i;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 0),
					       A_U32(WEIR_A_CHANNEL_BATCH, 64))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 200));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		/* The job takes its time. */
		for (end = now_ns() + 10 * MS; now_ns() < end;)
			;
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(1, client_num(self->name, w.at.client_id, WEIR_A_CLIENT_INFLIGHT_LIMIT));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(1, held(self->name, &w));
	EXPECT_EQ(-ETIME, raw_enter(&w, WEIR_ENTER_WAIT, 0, 1, RAW_NEVER));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(sched, while_all_are_busy_messages_gather)
{
	struct weir_cqe first, cqe;
	struct raw s, w;
	int i;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 64))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 1));
	ASSERT_EQ(0, raw_next(&w, &first));
	EXPECT_EQ(1, STAT(self->name, BATCHES));
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, raw_send_nums(&s, i, 1));
	EXPECT_EQ(1, STAT(self->name, BATCHES));
	EXPECT_EQ(20, STAT(self->name, READY));
	ASSERT_EQ(1, raw_ack(&w, first.token));
	/* All in one. */
	EXPECT_EQ(2, STAT(self->name, BATCHES));
	EXPECT_EQ(20, held(self->name, &w));
	for (i = 0; i < 20; i++) {
		ASSERT_TRUE(raw_pop(&w, &cqe));
		EXPECT_EQ(i, raw_num(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	raw_close(&s);
	raw_close(&w);
}

TEST_F(sched, a_batch_has_a_largest_size)
{
	struct weir_cqe cqe;
	struct raw s, w;
	int i;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 7))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 28));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 28; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		EXPECT_EQ(i, raw_num(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_GE(STAT(self->name, BATCHES), 4);
	raw_close(&s);
	raw_close(&w);
}

TEST_F(sched, a_full_batch_does_not_linger)
{
	struct raw s, w;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 10),
					       A_U64(WEIR_A_CHANNEL_LINGER, 1 * SECOND))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 10));
	EXPECT_EQ(10, held(self->name, &w));
	EXPECT_EQ(1, STAT(self->name, BATCHES));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(sched, an_incomplete_batch_lingers_and_goes_together)
{
	const uint64_t linger = 300 * MS;
	uint64_t begin;
	struct raw s, w;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 10),
					       A_U64(WEIR_A_CHANNEL_LINGER, linger))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	begin = now_ns();
	ASSERT_EQ(0, raw_send_nums(&s, 0, 3));
	ASSERT_EQ(0, raw_enter(&w, WEIR_ENTER_WAIT, 0, 3, RAW_PATIENCE));
	EXPECT_GE(now_ns() - begin, linger);
	EXPECT_EQ(3, held(self->name, &w));
	EXPECT_EQ(1, STAT(self->name, BATCHES));
	raw_close(&s);
	raw_close(&w);
}

/* Lingering ends when the channel is told so. */
TEST_F(sched, linger_can_be_switched_off)
{
	struct raw s, w;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 10),
					       A_U64(WEIR_A_CHANNEL_LINGER, 1 * SECOND))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 2));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_LINGER, 0))));
	EXPECT_EQ(2, held(self->name, &w));
	raw_close(&s);
	raw_close(&w);
}

/* An idle worker asleep, many messages: one wake-up each batch at most. */
TEST_F(sched, a_batch_is_one_wake_up)
{
	struct weir_cqe cqe;
	struct raw s, w;
	uint64_t before;
	struct kid k;
	int i;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 64))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_open(&w, self->name, RAW_WORK));
		for (i = 0; i < 50; i++) {
			EXPECT_EQ(0, raw_next(&w, &cqe));
			EXPECT_NE(NULL, raw_put_answer(&w, WEIR_OP_ACK, 0, &cqe.token, 1));
		}
		EXPECT_EQ(50, raw_submit(&w));
		_exit(0);
	}
	ASSERT_TRUE(WAIT_FOR(CHAN(self->name, WORKERS) == 1 && kid_sleeps(k.pid)));
	before = STAT(self->name, WAKEUPS);
	ASSERT_EQ(0, raw_send_nums(&s, 0, 50));
	EXPECT_EQ(0, kid_end(&k));
	EXPECT_EQ(1, STAT(self->name, BATCHES));
	EXPECT_LE(STAT(self->name, WAKEUPS) - before, 2);
	raw_close(&s);
}

TEST_HARNESS_MAIN
