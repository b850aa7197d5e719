// SPDX-License-Identifier: GPL-2.0-only
/* GRANT and GIVEBACK, and what the pool says of them. */
#include <pthread.h>

#include "kselftest_harness.h"

#include "bed.h"
#include "cgroup.h"

#define BLOCK		65536
#define POOL_BYTES	(8 * BLOCK)

/* It grows by what is asked for alone, not by its use on a slow day. */
CHANNEL_FIXTURE(blocks, A_U32(WEIR_A_CHANNEL_MESSAGE_MAX, BLOCK),
		A_U32(WEIR_A_CHANNEL_POOL_HIGH, 1000),
		A_U32(WEIR_A_CHANNEL_POOL_LOW, 0),
		A_U32(WEIR_A_CHANNEL_INFLIGHT, 256),
		A_U64(WEIR_A_CHANNEL_MEMORY_MIN, BLOCK),
		A_U64(WEIR_A_CHANNEL_MEMORY_MAX, POOL_BYTES))

TEST_F(blocks, malformed_grants)
{
	struct weir_grant good = { .size = sizeof(good), .count = 1 }, g;
	struct raw r;
	size_t i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	g = good;
	g.flags = 1U << 31;
	EXPECT_EQ(-EINVAL, raw_ioctl(r.fd, WEIR_IOC_GRANT, &g));
	g = good;
	g.class_idx = r.at.nr_class;
	EXPECT_EQ(-EINVAL, raw_ioctl(r.fd, WEIR_IOC_GRANT, &g));
	g.class_idx = ~0U;
	EXPECT_EQ(-EINVAL, raw_ioctl(r.fd, WEIR_IOC_GRANT, &g));
	g = good;
	g.count = 0;
	EXPECT_EQ(-EINVAL, raw_ioctl(r.fd, WEIR_IOC_GRANT, &g));
	g.count = 9;
	EXPECT_EQ(-EINVAL, raw_ioctl(r.fd, WEIR_IOC_GRANT, &g));
	for (i = 0; i < ARRAY_SIZE(g.resv); i++) {
		g = good;
		g.resv[i] = 1;
		EXPECT_EQ(-EINVAL, raw_ioctl(r.fd, WEIR_IOC_GRANT, &g));
	}
	g = good;
	g.size -= 8;
	EXPECT_EQ(-EINVAL, raw_ioctl(r.fd, WEIR_IOC_GRANT, &g));
	EXPECT_EQ(-EFAULT, raw_ioctl(r.fd, WEIR_IOC_GRANT, NULL));
	EXPECT_EQ(0, POOL(self->name, USED));
	raw_close(&r);
}

TEST_F(blocks, malformed_givebacks)
{
	struct weir_giveback g = { .size = sizeof(g), .flags = 1 };
	uint64_t addr, theirs;
	struct raw r, other;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&other, self->name, RAW_SEND));
	ASSERT_EQ(1, raw_grant(&r, 0, 0, &addr));
	ASSERT_EQ(1, raw_grant(&other, 0, 0, &theirs));
	g.addr = addr;
	EXPECT_EQ(-EINVAL, raw_ioctl(r.fd, WEIR_IOC_GIVEBACK, &g));
	EXPECT_EQ(-EINVAL, raw_giveback(&r, theirs));
	EXPECT_EQ(-EINVAL, raw_giveback(&r, addr + 256));
	EXPECT_EQ(-EINVAL, raw_giveback(&r, addr + 1));
	EXPECT_EQ(-EINVAL, raw_giveback(&r, r.at.len_window));
	EXPECT_EQ(-EINVAL, raw_giveback(&r, ~0ULL));
	EXPECT_EQ(-EFAULT, raw_ioctl(r.fd, WEIR_IOC_GIVEBACK, NULL));
	EXPECT_EQ(0, raw_giveback(&r, addr));
	EXPECT_EQ(-EINVAL, raw_giveback(&r, addr));
	EXPECT_EQ(BLOCK, POOL(self->name, USED));
	raw_close(&r);
	raw_close(&other);
}

TEST_F(blocks, several_at_once_and_as_many_as_there_are)
{
	struct weir_grant g = { .size = sizeof(g), .count = 5 };
	struct raw r, other;
	size_t i, j;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&other, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_ioctl(r.fd, WEIR_IOC_GRANT, &g));
	ASSERT_EQ(5, g.count);
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(0, g.addr[i] % BLOCK);
		for (j = 0; j < i; j++)
			EXPECT_NE(g.addr[i], g.addr[j]);
		EXPECT_EQ(0, touch_write(r.rw + g.addr[i], 1));
	}
	EXPECT_EQ(5 * BLOCK, POOL(self->name, USED));
	g = (struct weir_grant){ .size = sizeof(g), .count = 8 };
	ASSERT_EQ(0, raw_ioctl(r.fd, WEIR_IOC_GRANT, &g));
	EXPECT_EQ(3, g.count);
	g = (struct weir_grant){ .size = sizeof(g), .count = 1 };
	EXPECT_EQ(-ENOBUFS, raw_ioctl(r.fd, WEIR_IOC_GRANT, &g));
	EXPECT_EQ(-ENOBUFS, raw_grant(&other, 0, 0, NULL));
	EXPECT_GE(POOL(self->name, REFUSED), 1);
	EXPECT_EQ(POOL_BYTES, POOL(self->name, PEAK));
	EXPECT_EQ(POOL_BYTES, client_num(self->name, r.at.client_id, WEIR_A_CLIENT_MEMORY));
	raw_close(&r);
	raw_close(&other);
	EXPECT_TRUE(WAIT_FOR(POOL(self->name, USED) == 0));
}

TEST_F(blocks, a_client_keeps_to_its_block_max)
{
	struct weir_attach ask = { .role = WEIR_ROLE_SEND, .block_max = 2 * BLOCK };
	struct raw r, other;
	uint64_t addr;

	ASSERT_EQ(0, raw_open_as(&r, self->name, ask));
	ASSERT_EQ(0, raw_open(&other, self->name, RAW_SEND));
	EXPECT_EQ(2 * BLOCK, r.at.block_max);
	ASSERT_EQ(1, raw_grant(&r, 0, 0, &addr));
	ASSERT_EQ(1, raw_grant(&r, 1, 0, NULL));
	EXPECT_EQ(-ENOBUFS, raw_grant(&r, 0, 0, NULL));
	EXPECT_EQ(1, raw_grant(&other, 0, 0, NULL));
	ASSERT_EQ(0, raw_giveback(&r, addr));
	EXPECT_EQ(1, raw_grant(&r, 0, 0, NULL));
	raw_close(&r);
	raw_close(&other);
}

TEST_F(blocks, a_block_with_a_message_is_busy)
{
	struct weir_cqe cqe;
	struct raw s, w;
	uint64_t addr;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(1, raw_grant(&s, 0, 0, &addr));
	ASSERT_EQ(0, raw_send_nums(&s, 1, 1));
	EXPECT_EQ(-EBUSY, raw_giveback(&s, addr));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(-EBUSY, raw_giveback(&s, addr));
	EXPECT_EQ(1, raw_num(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(0, raw_wait_returns(&s, 1));
	EXPECT_EQ(0, raw_giveback(&s, addr));
	EXPECT_EQ(SIGBUS, touch_read(w.ro + cqe.addr));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(blocks, a_grant_that_waits_gets_what_another_gives_back)
{
	uint64_t addr[POOL_BYTES / BLOCK];
	struct raw r, other;
	struct kid k;
	size_t i;

	if (kid_fork(&k)) {
		ASSERT_EQ(0, raw_open(&other, self->name, RAW_SEND));
		ASSERT_EQ('g', kid_hear(&k));
		EXPECT_EQ(1, raw_grant_in(&other, 0, WEIR_GRANT_WAIT, 0, NULL));
		_exit(0);
	}
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		ASSERT_EQ(1, raw_grant(&r, 0, 0, &addr[i]));
	kid_say(&k, 'g');
	ASSERT_TRUE(WAIT_FOR(POOL(self->name, REFUSED) >= 1 && kid_sleeps(k.pid)));
	ASSERT_EQ(0, raw_giveback(&r, addr[3]));
	EXPECT_EQ(0, kid_end(&k));
	raw_close(&r);
}

TEST_F(blocks, a_grant_that_waits_ends_with_a_completion_or_its_time)
{
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	while (raw_grant(&s, 3, 0, NULL) == 1)
		;
	EXPECT_EQ(-ETIME, raw_grant_in(&s, 3, WEIR_GRANT_WAIT, 10 * MS, NULL));
	ASSERT_EQ(0, raw_send(&s, memset(malloc(BLOCK), 1, BLOCK), BLOCK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	/* A buffer came back: that is worth more than a block. */
	EXPECT_EQ(0, raw_grant_in(&s, 3, WEIR_GRANT_WAIT, 0, NULL));
	ASSERT_EQ(0, raw_wait_returns(&s, 1));
	raw_close(&s);
	raw_close(&w);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void *annoy(void *arg)
{
	pthread_t victim = *(pthread_t *)arg;

	for (;;) {
		pthread_kill(victim, SIGUSR1);
		breathe();
	}
	return NULL;
}

TEST_F(blocks, a_signal_interrupts_a_grant)
{
	struct sigaction sa = { .sa_handler = on_signal };
	pthread_t me = pthread_self(), t;
	struct raw r;

	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	while (raw_grant(&r, 0, 0, NULL) == 1)
		;
	ASSERT_EQ(0, pthread_create(&t, NULL, annoy, &me));
	EXPECT_EQ(-EINTR, raw_grant_in(&r, 0, WEIR_GRANT_WAIT, 0, NULL));
	pthread_cancel(t);
	pthread_join(t, NULL);
	raw_close(&r);
}

TEST_F(blocks, the_pool_adds_up)
{
	uint64_t addr;
	struct raw r;

	EXPECT_EQ(BLOCK, POOL(self->name, FLOOR));
	EXPECT_EQ(POOL_BYTES, POOL(self->name, LIMIT));
	EXPECT_EQ(BLOCK, POOL(self->name, POPULATED));
	EXPECT_EQ(BLOCK, POOL(self->name, FREE));
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	ASSERT_EQ(1, raw_grant(&r, 0, 0, &addr));
	EXPECT_EQ(1, POOL(self->name, HITS));
	EXPECT_EQ(0, POOL(self->name, MISSES));
	ASSERT_EQ(1, raw_grant(&r, 0, 0, NULL));
	EXPECT_EQ(1, POOL(self->name, HITS));
	EXPECT_EQ(1, POOL(self->name, MISSES));
	EXPECT_EQ(2 * BLOCK, POOL(self->name, POPULATED));
	EXPECT_EQ(2 * BLOCK, CHAN(self->name, MEMORY_USED));
	EXPECT_EQ(2 * BLOCK, CHAN(self->name, MEMORY_POPULATED));
	EXPECT_GT(POOL(self->name, LEDGER), 0);
	ASSERT_EQ(0, raw_giveback(&r, addr));
	EXPECT_TRUE(WAIT_FOR(POOL(self->name, FREEING) == 0));
	EXPECT_EQ(BLOCK, POOL(self->name, USED));
	EXPECT_EQ(2 * BLOCK, CHAN(self->name, MEMORY_PEAK));
	raw_close(&r);
	EXPECT_TRUE(WAIT_FOR(POOL(self->name, USED) == 0));
	EXPECT_EQ(0, POOL(self->name, PINNED));
}

/* A pool cut into one class can be cut into another. */
TEST_F(blocks, classes_share_the_memory)
{
	struct raw r;
	uint32_t cls;
	int i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	for (i = 0; i < 12; i++) {
		cls = i % 4;
		while (raw_grant(&r, cls, 0, NULL) == 1)
			;
		ASSERT_EQ(POOL_BYTES / BLOCK, r.nr_blocks);
		while (r.nr_blocks)
			ASSERT_EQ(0, raw_giveback(&r, r.blocks[0].addr));
		ASSERT_TRUE(WAIT_FOR(POOL(self->name, USED) == 0));
	}
	raw_close(&r);
}

/* Grows until it is refused. Return: why. */
static int grow_to_the_end(struct raw *r)
{
	int ret;

	do {
		ret = raw_grant(r, raw_class(r, 1 << 20), 0, NULL);
	} while (ret == 1);
	return ret;
}

TEST_F(blocks, growth_at_a_cgroup_limit_kills_nobody)
{
	char name[CHAN_ROOM], path[64];
	struct raw r;
	struct kid k;

	if (cgroup_make(path, "48M"))
		SKIP(return, "no cgroup with a memory limit: %s", path);
	if (kid_fork(&k)) {
		ASSERT_EQ(0, cgroup_join(path));
		ASSERT_EQ(0, chan_new(name, ATTRS(A_U64(WEIR_A_CHANNEL_MEMORY_MAX, 1 << 30),
						  A_U32(WEIR_A_CHANNEL_POOL_HIGH, 1000),
						  A_U32(WEIR_A_CHANNEL_POOL_LOW, 0))));
		ASSERT_EQ(0, raw_open(&r, name, RAW_SEND));
		/* What it goes on with, mapped: at the limit it need not be had. */
		ASSERT_EQ(0, raw_send_nums(&r, 0, 1));
		EXPECT_EQ(-ENOMEM, grow_to_the_end(&r));
		EXPECT_GT(r.nr_blocks, 8);
		EXPECT_LE(r.nr_blocks, 48);	/* one of them is small */
		/* What is refused hurts nobody: the rest still works. */
		EXPECT_EQ(0, raw_send_nums(&r, 1, 10));
		raw_close(&r);
		EXPECT_EQ(0, chan_del(name, true));
		_exit(0);
	}
	EXPECT_EQ(0, kid_end(&k));
	EXPECT_EQ(0, get_key(path, "memory.events", "oom_kill"));
	EXPECT_TRUE(cgroup_end(path));
}

TEST_HARNESS_MAIN
