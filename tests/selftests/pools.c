// SPDX-License-Identifier: GPL-2.0-only
/* How a pool follows its use, who may have how much of it, what it gives up. */
#include <sched.h>

#include <linux/netlink.h>

#include "kselftest_harness.h"

#include "bed.h"
#include "cgroup.h"

#define BLOCK		65536ULL
#define FLOOR		(16 * BLOCK)
#define LIMIT		(128 * BLOCK)

CHANNEL_FIXTURE(pools, A_U32(WEIR_A_CHANNEL_MESSAGE_MAX, BLOCK),
		A_U64(WEIR_A_CHANNEL_MEMORY_MIN, FLOOR),
		A_U64(WEIR_A_CHANNEL_MEMORY_MAX, LIMIT),
		A_U32(WEIR_A_CHANNEL_POOL_INTERVAL, 10))

static int use_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

/* One number of a processor's cache. */
static uint64_t cache_num(const char *name, uint64_t cpu, int attr)
{
	struct nl_obj *o;
	unsigned int i;

	if (nl_do(WEIR_CMD_POOL_GET, ATTRS(A_STR(WEIR_A_POOL_NAME, name))))
		return ~0ULL;
	for (i = 0; (o = nl_nest(nl_first(), WEIR_A_POOL_CACHE, i)); i++)
		if (nl_num(o, WEIR_A_POOL_CACHE_CPU) == cpu)
			return nl_num(o, attr);
	return ~0ULL;
}

#define CACHE(name, cpu, attr)	cache_num((name), (cpu), WEIR_A_POOL_CACHE_##attr)

/* Return: how many came. */
static int grant_many(struct raw *r, int most)
{
	int n = 0;

	while (n < most && raw_grant(r, 0, 0, NULL) == 1)
		n++;
	return n;
}

static int give_all(struct raw *r)
{
	int ret = 0;

	while (!ret && r->nr_blocks)
		ret = raw_giveback(r, r->blocks[0].addr);
	return ret;
}

/* One message through the channel: that is traffic. */
static int one_message(struct raw *s, struct raw *w)
{
	struct weir_cqe cqe;
	int ret;

	ret = raw_send_nums(s, 1, 1);
	ret = ret ?: raw_next(w, &cqe);
	return ret ?: raw_ack(w, cqe.token) != 1;
}

/* ---- growing and shrinking ---- */

TEST_F(pools, grows_ahead_of_demand)
{
	uint64_t all;
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	/* 12 of 16 are 75 %, 13 are more than 80. */
	ASSERT_EQ(12, grant_many(&r, 12));
	EXPECT_EQ(FLOOR, POOL(self->name, POPULATED));
	ASSERT_EQ(1, grant_many(&r, 1));
	ASSERT_TRUE(WAIT_FOR(POOL(self->name, GROWS) == 1));
	/* By a quarter. */
	all = POOL(self->name, POPULATED);
	EXPECT_EQ(FLOOR + FLOOR / 4, all);
	ASSERT_EQ(7, grant_many(&r, 7));
	EXPECT_EQ(0, POOL(self->name, MISSES));
	EXPECT_TRUE(WAIT_FOR(POOL(self->name, POPULATED) > all));
	raw_close(&r);
}

TEST_F(pools, never_above_its_limit)
{
	uint64_t most = 0, all;
	struct raw r;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_POOL_LOW, 0),
						A_U32(WEIR_A_CHANNEL_POOL_HIGH, 1),
						A_U32(WEIR_A_CHANNEL_POOL_GROW, 1000))))
		TH_LOG("%s", nl_last.text);
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	while (grant_many(&r, 1)) {
		all = POOL(self->name, POPULATED);
		most = all > most ? all : most;
		EXPECT_LE(all, LIMIT);
	}
	EXPECT_EQ(LIMIT, most);
	EXPECT_EQ(LIMIT / BLOCK, r.nr_blocks);
	raw_close(&r);
}

TEST_F(pools, shrinks_with_traffic_down_to_its_floor)
{
	uint64_t all = LIMIT, least = LIMIT;
	struct raw s, w, many;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_open(&many, self->name, RAW_SEND));
	ASSERT_EQ(0, one_message(&s, &w));
	ASSERT_EQ(LIMIT / BLOCK - 1, grant_many(&many, 1000));
	ASSERT_EQ(0, give_all(&many));
	ASSERT_TRUE(WAIT_FOR(({
		one_message(&s, &w);
		all = POOL(self->name, POPULATED);
		least = all < least ? all : least;
		all == FLOOR;
	})));
	EXPECT_GE(POOL(self->name, SHRINKS), 2);
	EXPECT_EQ(FLOOR, least);
	/* What is left can be had without a new block. */
	all = POOL(self->name, MISSES);
	EXPECT_EQ(FLOOR / BLOCK - 1, grant_many(&many, FLOOR / BLOCK - 1));
	EXPECT_EQ(all, POOL(self->name, MISSES));
	raw_close(&s);
	raw_close(&w);
	raw_close(&many);
}

TEST_F(pools, a_host_in_need_gets_what_is_free_above_the_floor)
{
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	ASSERT_EQ(LIMIT / BLOCK, grant_many(&r, 1000));
	ASSERT_EQ(0, give_all(&r));
	ASSERT_TRUE(WAIT_FOR(POOL(self->name, USED) == 0));
	ASSERT_EQ(8, grant_many(&r, 8));
	ASSERT_TRUE(WAIT_FOR(put_text("/proc/sys/vm", "drop_caches", "2") == 0 &&
			     POOL(self->name, POPULATED) == FLOOR));
	EXPECT_GE(POOL(self->name, SHRINKS), 1);
	EXPECT_EQ(8 * BLOCK, POOL(self->name, USED));
	EXPECT_EQ(0, touch_write(r.rw + r.blocks[0].addr, 1));
	raw_close(&r);
}

/* ---- caches ---- */

/* A pool that shrinks empties them. */
static int keep_size(const char *name)
{
	return chan_set(name, ATTRS(A_U32(WEIR_A_CHANNEL_POOL_LOW, 0)));
}

TEST_F(pools, a_block_comes_back_from_the_processor_that_had_it)
{
	uint64_t addr, again, hits;
	struct raw r;

	ASSERT_EQ(0, use_cpu(0));
	ASSERT_EQ(0, keep_size(self->name));
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	ASSERT_EQ(1, raw_grant(&r, 0, 0, &addr));
	EXPECT_EQ(1, CACHE(self->name, 0, MISSES));
	ASSERT_EQ(0, raw_giveback(&r, addr));
	EXPECT_EQ(1, CACHE(self->name, 0, BLOCKS));
	EXPECT_EQ(BLOCK, CACHE(self->name, 0, BYTES));
	EXPECT_EQ(BLOCK, POOL(self->name, CACHED));
	hits = CACHE(self->name, 0, HITS);
	ASSERT_EQ(1, raw_grant(&r, 0, 0, &again));
	EXPECT_EQ(addr, again);
	EXPECT_EQ(hits + 1, CACHE(self->name, 0, HITS));
	EXPECT_EQ(0, POOL(self->name, CACHED));
	raw_close(&r);
}

TEST_F(pools, caches_are_small_and_strand_nothing)
{
	struct raw r;

	ASSERT_EQ(0, keep_size(self->name));
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	if (use_cpu(1))
		SKIP(return, "only one processor");
	ASSERT_EQ(LIMIT / BLOCK, grant_many(&r, 1000));
	ASSERT_EQ(0, give_all(&r));
	EXPECT_EQ(4, CACHE(self->name, 1, BLOCKS));
	ASSERT_EQ(0, use_cpu(0));
	EXPECT_EQ(LIMIT / BLOCK, grant_many(&r, 1000));
	EXPECT_EQ(0, CACHE(self->name, 1, BLOCKS));
	raw_close(&r);
	EXPECT_TRUE(WAIT_FOR(POOL(self->name, USED) == 0));
	EXPECT_LE(POOL(self->name, POPULATED), LIMIT);
}

/* All that there is, in one reading; a block is free a moment after it is unused. */
static bool all_free(const char *name)
{
	uint64_t all = POOL(name, POPULATED);

	return all == nl_num(nl_first(), WEIR_A_POOL_FREE);
}

static bool within_limit(const char *name)
{
	uint64_t all = POOL(name, POPULATED);

	return all <= nl_num(nl_first(), WEIR_A_POOL_LIMIT);
}

static int online(int cpu, bool on)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d", cpu);
	return put_text(path, "online", on ? "1" : "0");
}

TEST_F(pools, a_processor_that_goes_leaves_its_blocks)
{
	uint64_t all;
	struct raw r;
	int i;

	ASSERT_EQ(0, keep_size(self->name));
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	if (use_cpu(1))
		SKIP(return, "only one processor");
	ASSERT_EQ(8, grant_many(&r, 8));
	ASSERT_EQ(0, give_all(&r));
	ASSERT_EQ(4, CACHE(self->name, 1, BLOCKS));
	all = POOL(self->name, POPULATED);
	ASSERT_EQ(0, use_cpu(0));
	if (online(1, false))
		SKIP(return, "processors cannot be taken away here");
	EXPECT_EQ(0, CACHE(self->name, 1, BLOCKS));
	EXPECT_EQ(all, POOL(self->name, FREE));
	EXPECT_EQ(8, grant_many(&r, 8));
	EXPECT_EQ(0, POOL(self->name, MISSES));
	ASSERT_EQ(0, online(1, true));
	/* And amid grants, by one whom the kernel has to move away. */
	for (i = 0; i < 6; i++) {
		use_cpu(1);
		ASSERT_EQ(0, give_all(&r));
		ASSERT_EQ(0, online(1, i % 2));
		ASSERT_EQ(8, grant_many(&r, 8));
	}
	ASSERT_EQ(0, online(1, true));
	raw_close(&r);
	EXPECT_TRUE(WAIT_FOR(POOL(self->name, USED) == 0));
	EXPECT_TRUE(WAIT_FOR(all_free(self->name)));
}

/* Grants and gives back at random. A block that is not zero, or a wrong refusal: 1. */
static int churn(const char *name, uint64_t seed)
{
	uint64_t addr, end = now_ns() + 20 * SECOND;
	struct raw r;
	int i, ret;

	if (raw_open(&r, name, RAW_SEND))
		return 1;
	for (i = 0; i < 1500 && now_ns() < end; i++) {
		if (r.nr_blocks && chance(&seed) % 2) {
			if (raw_giveback(&r, r.blocks[chance(&seed) % r.nr_blocks].addr))
				return 1;
			continue;
		}
		ret = raw_grant(&r, chance(&seed) % 5, 0, &addr);
		if (ret == -ENOBUFS || ret == -ENOMEM)
			continue;
		if (ret != 1 || !all_zero(r.rw + addr, BLOCK))
			return 1;
		memset(r.rw + addr, 0x5a, BLOCK);
	}
	raw_close(&r);
	return 0;
}

TEST_F(pools, all_at_once)
{
	uint64_t seed = seed_from_env();
	struct kid k[3];
	int i, left = 3;

	for (i = 0; i < 3; i++) {
		if (kid_fork(&k[i]))
			_exit(churn(self->name, seed + i));
	}
	while (left) {
		EXPECT_EQ(0, put_text("/proc/sys/vm", "drop_caches", "2"));
		EXPECT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_MEMORY_MAX,
							      LIMIT / 2 + chance(&seed) % (LIMIT / 2)))));
		online(1, chance(&seed) % 2);
		for (left = 0, i = 0; i < 3; i++)
			left += !kid_ended(&k[i]);
	}
	online(1, true);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, kid_end(&k[i]));
	ASSERT_TRUE(WAIT_FOR(POOL(self->name, USED) == 0 &&
			     POOL(self->name, FREEING) == 0));
	EXPECT_EQ(0, POOL(self->name, LEDGER));
	/* Its size still follows: each is one reading. */
	EXPECT_TRUE(WAIT_FOR(all_free(self->name)));
	EXPECT_TRUE(WAIT_FOR(within_limit(self->name)));
}

/* ---- prefill ---- */

struct prefill {
	struct nlattr size_head;
	uint32_t size;
	struct nlattr buffers_head;
	uint64_t buffers;
} __attribute__((packed, aligned(4)));

#define PREFILL(bytes, nr) { { 8, WEIR_A_POOL_CLASS_SIZE }, (bytes),	\
			     { 12, WEIR_A_POOL_CLASS_BUFFERS }, (nr) }
#define A_PREFILL(p)	A_RAW(WEIR_A_CHANNEL_PREFILL | NLA_F_NESTED, \
			      (const char *)&(p), sizeof(p))

TEST(prefill_is_there_at_once)
{
	static const struct prefill p[] = {
		PREFILL(1024, 500), PREFILL(8192, 20), PREFILL(65536, 3),
		PREFILL(1048576, 2),
	};
	char name[CHAN_ROOM];
	struct nl_obj *o;
	struct raw r;
	int i;

	ASSERT_EQ(0, chan_new(name, ATTRS(A_U64(WEIR_A_CHANNEL_MEMORY_MIN, 0),
					  A_PREFILL(p[0]), A_PREFILL(p[1]),
					  A_PREFILL(p[2]), A_PREFILL(p[3]))))
		TH_LOG("%s", nl_last.text);
	EXPECT_EQ((8 + 3 + 3 + 32) * BLOCK, POOL(name, POPULATED));
	EXPECT_EQ(POOL(name, POPULATED), POOL(name, FLOOR));
	ASSERT_EQ(0, raw_open(&r, name, RAW_SEND));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(1, raw_grant(&r, 1, 0, NULL));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(1, raw_grant(&r, 2, 0, NULL));
		EXPECT_EQ(1, raw_grant(&r, 3, 0, NULL));
	}
	EXPECT_EQ(1, raw_grant(&r, 4, 0, NULL));
	EXPECT_EQ(1, raw_grant(&r, 4, 0, NULL));
	EXPECT_EQ(0, POOL(name, MISSES));
	/* It is shown as it was given. */
	ASSERT_EQ(0, nl_do(WEIR_CMD_CHANNEL_GET, ATTRS(A_STR(WEIR_A_CHANNEL_NAME, name))));
	o = nl_nest(nl_first(), WEIR_A_CHANNEL_PREFILL, 0);
	ASSERT_NE(NULL, o);
	EXPECT_EQ(1024, nl_num(o, WEIR_A_POOL_CLASS_SIZE));
	EXPECT_EQ(500, nl_num(o, WEIR_A_POOL_CLASS_BUFFERS));
	EXPECT_EQ(-EBUSY, chan_set(name, ATTRS(A_PREFILL(p[0]))));
	EXPECT_NE(NULL, strstr(nl_last.text, "prefill"));
	raw_close(&r);
	EXPECT_EQ(0, chan_end(name));
}

TEST(prefill_is_checked)
{
	static const struct prefill odd = PREFILL(1000, 1), some = PREFILL(1024, 1);
	static const struct prefill huge = PREFILL(65536, 1025);
	static const struct prefill endless = PREFILL(256, 1ULL << 60);
	char name[CHAN_ROOM];

	EXPECT_EQ(-EINVAL, chan_new(name, ATTRS(A_PREFILL(odd))));
	EXPECT_NE(NULL, strstr(nl_last.text, "1000")) TH_LOG("%s", nl_last.text);
	EXPECT_EQ(WEIR_A_CHANNEL_PREFILL, nl_last.bad_type);
	EXPECT_EQ(-EINVAL, chan_new(name, ATTRS(A_PREFILL(some), A_PREFILL(some))));
	EXPECT_NE(NULL, strstr(nl_last.text, "twice")) TH_LOG("%s", nl_last.text);
	EXPECT_EQ(-EINVAL, chan_new(name, ATTRS(A_PREFILL(endless))));
	EXPECT_NE(NULL, strstr(nl_last.text, "1152921504606846976"))
		TH_LOG("%s", nl_last.text);
	/* 1025 blocks of 64 KiB in 64 MiB. */
	EXPECT_EQ(-EINVAL, chan_new(name, ATTRS(A_PREFILL(huge))));
	EXPECT_NE(NULL, strstr(nl_last.text, "67174400")) TH_LOG("%s", nl_last.text);
	EXPECT_NE(NULL, strstr(nl_last.text, "67108864")) TH_LOG("%s", nl_last.text);
	EXPECT_EQ(-EINVAL, chan_new(name, ATTRS(A_RAW(WEIR_A_CHANNEL_PREFILL | NLA_F_NESTED,
						      (const char *)&some, 8))));
	EXPECT_NE(NULL, strstr(nl_last.text, "buffers")) TH_LOG("%s", nl_last.text);
}

/* ---- limits ---- */

TEST_F(pools, attributes_are_checked)
{
	static const struct {
		int attr;
		uint32_t value;
		const char *name;
	} bad[] = {
		{ WEIR_A_CHANNEL_POOL_INTERVAL, 9, "pool-interval 9 " },
		{ WEIR_A_CHANNEL_POOL_INTERVAL, 60001, "pool-interval 60001 " },
		{ WEIR_A_CHANNEL_POOL_HIGH, 0, "pool-high 0 " },
		{ WEIR_A_CHANNEL_POOL_HIGH, 1001, "pool-high 1001 " },
		{ WEIR_A_CHANNEL_POOL_GROW, 1001, "pool-grow 1001 " },
		{ WEIR_A_CHANNEL_POOL_LOW, 1000, "pool-low 1000 " },
		{ WEIR_A_CHANNEL_POOL_SHRINK, 1001, "pool-shrink 1001 " },
		{ WEIR_A_CHANNEL_SENDER_MAX, 0, "sender-max 0 " },
		{ WEIR_A_CHANNEL_SENDER_MAX, 101, "sender-max 101 " },
		{ WEIR_A_CHANNEL_CLIENTS_MAX, 0, "clients-max 0 " },
		{ WEIR_A_CHANNEL_CLIENTS_MAX, 1025, "clients-max 1025 " },
		/* These two contradict each other. */
		{ WEIR_A_CHANNEL_POOL_LOW, 800, "pool-low 800 " },
		{ WEIR_A_CHANNEL_POOL_HIGH, 250, "pool-high 250" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, chan_set(self->name, ATTRS(A_U32(bad[i].attr, bad[i].value))))
			TH_LOG("%s", bad[i].name);
		EXPECT_NE(NULL, strstr(nl_last.text, bad[i].name))
			TH_LOG("\"%s\" lacks \"%s\"", nl_last.text, bad[i].name);
	}
	EXPECT_EQ(-EINVAL, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_CLIENT_MEMORY, ~0ULL))));
	EXPECT_NE(NULL, strstr(nl_last.text, "client-memory")) TH_LOG("%s", nl_last.text);
	EXPECT_EQ(-EINVAL, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_UID_MEMORY, ~0ULL))));
	EXPECT_NE(NULL, strstr(nl_last.text, "uid-memory")) TH_LOG("%s", nl_last.text);
}

TEST_F(pools, a_client_keeps_to_client_memory_and_to_its_share)
{
	uint64_t refused;
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_CLIENT_MEMORY, 5 * BLOCK))));
	EXPECT_EQ(5, grant_many(&r, 1000));
	refused = POOL(self->name, REFUSED);
	EXPECT_EQ(-ENOBUFS, raw_grant(&r, 0, 0, NULL));
	EXPECT_EQ(refused + 1, POOL(self->name, REFUSED));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_CLIENT_MEMORY, 0),
						A_U32(WEIR_A_CHANNEL_SENDER_MAX, 25))));
	EXPECT_EQ(LIMIT / BLOCK / 4 - 5, grant_many(&r, 1000));
	EXPECT_EQ(-ENOBUFS, raw_grant(&r, 0, 0, NULL));
	raw_close(&r);
}

TEST_F(pools, a_user_keeps_to_uid_memory_over_all_its_clients)
{
	struct raw a, b, other;
	struct weir_cqe cqe;
	struct kid k;
	int n = 0;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U64(WEIR_A_CHANNEL_UID_MEMORY, 4 * BLOCK),
						A_U32(WEIR_A_CHANNEL_PERM, 0666))));
	ASSERT_EQ(0, raw_open(&a, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&b, self->name, RAW_SEND));
	EXPECT_EQ(3, grant_many(&a, 3));
	EXPECT_EQ(1, grant_many(&b, 1000));
	if (kid_fork_nobody(&k)) {
		ASSERT_EQ(0, raw_open(&other, self->name, RAW_SEND));
		EXPECT_EQ(4, grant_many(&other, 1000));
		raw_close(&other);
		_exit(0);
	}
	EXPECT_EQ(0, kid_end(&k));
	/* What a client leaves behind is its user's until it is free. */
	ASSERT_EQ(0, raw_send_nums(&a, 7, 1));
	raw_close(&a);
	EXPECT_TRUE(WAIT_FOR((n += grant_many(&b, 1000)) >= 2));
	EXPECT_EQ(2, n);
	EXPECT_TRUE(WAIT_FOR(POOL(self->name, USED) == 4 * BLOCK));
	ASSERT_EQ(0, raw_open(&a, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&a, &cqe));
	EXPECT_EQ(1, raw_ack(&a, cqe.token));
	EXPECT_TRUE(WAIT_FOR(grant_many(&b, 1) == 1));
	EXPECT_EQ(-ENOBUFS, raw_grant(&b, 0, 0, NULL));
	raw_close(&a);
	raw_close(&b);
}

TEST_F(pools, as_many_clients_as_clients_max)
{
	struct raw r[3];

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_CLIENTS_MAX, 2))));
	ASSERT_EQ(0, raw_open(&r[0], self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&r[1], self->name, RAW_WORK));
	EXPECT_EQ(-ENOSPC, raw_open(&r[2], self->name, RAW_SEND));
	raw_close(&r[0]);
	EXPECT_EQ(0, raw_open(&r[2], self->name, RAW_SEND));
	raw_close(&r[1]);
	raw_close(&r[2]);
}

/* ---- recall ---- */

static bool asked(const struct raw *r)
{
	return __atomic_load_n(&r->ring->kflags, __ATOMIC_RELAXED) & WEIR_RING_RECALL;
}

TEST_F(pools, who_has_empty_blocks_is_asked_when_others_want_memory)
{
	struct raw rich, poor, busy;

	ASSERT_EQ(0, raw_open(&rich, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&poor, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&busy, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&busy, 1, 1));
	ASSERT_EQ(LIMIT / BLOCK - 1, grant_many(&rich, LIMIT / BLOCK - 1));
	EXPECT_FALSE(asked(&rich));
	ASSERT_EQ(-ENOBUFS, raw_grant(&poor, 0, 0, NULL));
	ASSERT_TRUE(WAIT_FOR(asked(&rich)));
	EXPECT_FALSE(asked(&busy));
	EXPECT_FALSE(asked(&poor));
	/* Nothing is taken: it may be writing. */
	EXPECT_EQ(0, touch_write(rich.rw + rich.blocks[0].addr, 1));
	ASSERT_EQ(0, raw_giveback(&rich, rich.blocks[0].addr));
	EXPECT_FALSE(asked(&rich));
	EXPECT_EQ(1, POOL(self->name, RECALLED));
	EXPECT_EQ(1, grant_many(&poor, 1));
	raw_close(&rich);
	raw_close(&poor);
	raw_close(&busy);
	EXPECT_EQ(0, chan_del(self->name, true));
}

TEST_F(pools, the_channels_own_sender_is_relieved)
{
	int fd = raw_device(self->name, O_RDWR);
	char buf[16];
	struct raw r;

	ASSERT_EQ(2, write(fd, "ab", 2));
	ASSERT_EQ(2, read(fd, buf, sizeof(buf)));
	ASSERT_EQ(0, fsync(fd));
	EXPECT_EQ(BLOCK, POOL(self->name, USED));
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	ASSERT_GE(grant_many(&r, 1000), LIMIT / BLOCK - 1);
	EXPECT_TRUE(WAIT_FOR(grant_many(&r, 1) == 1 || r.nr_blocks == LIMIT / BLOCK));
	EXPECT_EQ(LIMIT / BLOCK, r.nr_blocks);
	/* Counted when it is done. */
	EXPECT_TRUE(WAIT_FOR(POOL(self->name, RECALLED) == 1));
	raw_close(&r);
	close(fd);
}

/* ---- who pays ---- */

TEST(the_named_cgroup_pays_and_its_limit_is_back_pressure)
{
	char name[CHAN_ROOM], path[64];
	struct raw r;

	if (cgroup_make(path, "24M"))
		SKIP(return, "no cgroup with a memory limit");
	ASSERT_EQ(0, chan_new(name, ATTRS(A_U64(WEIR_A_CHANNEL_MEMORY_MAX, 1 << 30),
					  A_U64(WEIR_A_CHANNEL_MEMORY_MIN, 2 << 20),
					  A_U32(WEIR_A_CHANNEL_POOL_GROW, 0),
					  A_STR(WEIR_A_CHANNEL_MEMORY_CGROUP,
						path + strlen(CGROUP)))))
		TH_LOG("%s", nl_last.text);
	EXPECT_GE(get_key(path, "memory.current", NULL), 2 << 20);
	ASSERT_EQ(0, raw_open(&r, name, RAW_SEND));
	/* We ask, it pays. */
	EXPECT_EQ(128, grant_many(&r, 128));
	EXPECT_GE(get_key(path, "memory.current", NULL), 8 << 20);
	grant_many(&r, 1000);
	/* What processors have at hand of the charge goes late. */
	ASSERT_TRUE(WAIT_FOR(raw_grant(&r, 0, 0, NULL) == -ENOMEM &&
			     (breathe(), raw_grant(&r, 0, 0, NULL) == -ENOMEM)));
	EXPECT_LT(r.nr_blocks, 256);
	EXPECT_EQ(0, raw_send_nums(&r, 1, 10));
	EXPECT_EQ(0, get_key(path, "memory.events", "oom_kill"));
	ASSERT_EQ(0, nl_do(WEIR_CMD_CHANNEL_GET, ATTRS(A_STR(WEIR_A_CHANNEL_NAME, name))));
	EXPECT_STREQ(path + strlen(CGROUP), nl_str(nl_first(), WEIR_A_CHANNEL_MEMORY_CGROUP));
	EXPECT_EQ(-EBUSY, chan_set(name, ATTRS(A_STR(WEIR_A_CHANNEL_MEMORY_CGROUP, "/"))));
	raw_close(&r);
	EXPECT_EQ(0, chan_del(name, true));
	EXPECT_TRUE(cgroup_end(path));
}

/* What is free in one size goes for another when the cgroup has no more. */
TEST(free_memory_of_the_wrong_size_is_exchanged_at_a_cgroup_limit)
{
	char name[CHAN_ROOM], path[64];
	struct raw r;
	size_t i;

	if (cgroup_make(path, "24M"))
		SKIP(return, "no cgroup with a memory limit");
	ASSERT_EQ(0, chan_new(name, ATTRS(A_U64(WEIR_A_CHANNEL_MEMORY_MAX, 1 << 30),
					  A_U32(WEIR_A_CHANNEL_POOL_LOW, 0),
					  A_U32(WEIR_A_CHANNEL_POOL_GROW, 0),
					  A_STR(WEIR_A_CHANNEL_MEMORY_CGROUP,
						path + strlen(CGROUP)))));
	ASSERT_EQ(0, raw_open(&r, name, RAW_SEND));
	EXPECT_GT(grant_many(&r, 1000), 128);
	/* What processors have at hand of the charge goes late. */
	ASSERT_TRUE(WAIT_FOR(raw_grant(&r, 0, 0, NULL) == -ENOMEM &&
			     raw_grant(&r, 4, 0, NULL) == -ENOMEM));
	EXPECT_LT(r.nr_blocks, (24 << 20) / BLOCK);
	/* Small ones alone. */
	for (i = 0; r.nr_blocks > 64; ) {
		if (r.blocks[i].cls)
			i++;
		else
			ASSERT_EQ(0, raw_giveback(&r, r.blocks[i].addr));
	}
	EXPECT_TRUE(WAIT_FOR(raw_grant(&r, 4, 0, NULL) == 1));
	EXPECT_TRUE(WAIT_FOR(raw_grant(&r, 4, 0, NULL) == 1));
	EXPECT_EQ(0, get_key(path, "memory.events", "oom_kill"));
	raw_close(&r);
	EXPECT_EQ(0, chan_del(name, true));
	EXPECT_TRUE(cgroup_end(path));
}

TEST(the_creator_pays_for_what_others_ask_for)
{
	char name[CHAN_ROOM], path[64];
	long before;
	struct raw r;
	struct kid k;

	if (cgroup_make(path, "64M"))
		SKIP(return, "no cgroup with a memory limit");
	/* The name is made up by a counter that the child has a copy of. */
	if (kid_fork(&k)) {
		ASSERT_EQ(0, cgroup_join(path));
		ASSERT_EQ(0, nl_do(WEIR_CMD_CHANNEL_NEW,
				   ATTRS(A_STR(WEIR_A_CHANNEL_NAME, "creator-pays"))));
		kid_say(&k, 'c');
		kid_hold(&k);
	}
	strcpy(name, "creator-pays");
	ASSERT_EQ('c', kid_hear(&k));
	before = get_key(path, "memory.current", NULL);
	ASSERT_EQ(0, raw_open(&r, name, RAW_SEND));
	EXPECT_EQ(256, grant_many(&r, 256));
	EXPECT_GE(get_key(path, "memory.current", NULL), before + (14 << 20));
	raw_close(&r);
	EXPECT_EQ(0, chan_del(name, true));
	kid_kill(&k);
	EXPECT_TRUE(cgroup_end(path));
}

TEST(a_cgroup_that_is_not_there)
{
	char name[CHAN_ROOM];

	EXPECT_EQ(-ENOENT, chan_new(name, ATTRS(A_STR(WEIR_A_CHANNEL_MEMORY_CGROUP, "/no/such"))));
	EXPECT_NE(NULL, strstr(nl_last.text, "/no/such")) TH_LOG("%s", nl_last.text);
	EXPECT_EQ(WEIR_A_CHANNEL_MEMORY_CGROUP, nl_last.bad_type);
	EXPECT_EQ(-ENOENT, chan_new(name, ATTRS(A_STR(WEIR_A_CHANNEL_MEMORY_CGROUP, "/no/such"),
						A_FLAG(WEIR_A_CHANNEL_DRY_RUN))));
}

#define CROWD	100

TEST(a_hundred_idle_clients_are_cheap)
{
	char name[CHAN_ROOM], path[64];
	long before, cost;
	struct raw *r;
	struct kid k;
	int i;

	if (cgroup_make(path, "max"))
		SKIP(return, "no cgroup with a memory controller");
	if (kid_fork(&k)) {
		r = calloc(CROWD, sizeof(*r));
		ASSERT_EQ(0, cgroup_join(path));
		before = get_key(path, "memory.current", NULL);
		ASSERT_EQ(0, chan_new(name, ATTRS(A_U64(WEIR_A_CHANNEL_MEMORY_MIN, 0))));
		for (i = 0; i < CROWD; i++) {
			ASSERT_EQ(0, raw_open(&r[i], name, RAW_BOTH));
			ASSERT_EQ(0, raw_send_nums(&r[i], i, 1));
		}
		cost = get_key(path, "memory.current", NULL) - before;
		TH_LOG("%ld KiB, of which blocks %ju", cost >> 10,
		       (uintmax_t)POOL(name, POPULATED) >> 10);
		EXPECT_GT(cost, 0);
		EXPECT_LE(cost, 35 << 20);
		for (i = 0; i < CROWD; i++)
			raw_close(&r[i]);
		EXPECT_EQ(0, chan_del(name, true));
		_exit(0);
	}
	EXPECT_EQ(0, kid_end(&k));
	EXPECT_TRUE(cgroup_end(path));
}

TEST_HARNESS_MAIN
