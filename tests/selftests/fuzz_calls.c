// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink messages, ioctls, mmap and io_uring's commands that are nearly right:
 * each is built by its grammar, and then some of it is made wrong. Whatever comes
 * of it, a bystander's messages go on and its channel's books are right.
 *
 *   fuzz_calls [--minutes N]
 */
#include <liburing.h>

#include "kselftest_harness.h"

#include "bed.h"

#define CASES	2000	/* at least */
#define AFTERWARDS 30	/* of a round whose channel was deleted */

static uint64_t seed;

/* What was called; written by the children. */
static struct told {
	uint64_t netlink, ioctl, mmap, uring;
} *told;

static uint32_t rnd(uint32_t n)
{
	return chance(&seed) % n;
}

static uint64_t some_number(void)
{
	static const uint64_t odd[] = {
		0, 1, 2, 255, 4095, 4096, 65535, 65536, 0x7fffffff, 0x80000000,
		0xffffffff, 0x100000000, 1ULL << 40, 1ULL << 63, ~0ULL, ~0ULL - 4095,
	};
	uint64_t n = odd[rnd(16)];

	switch (rnd(4)) {
	case 0:
		return chance(&seed);
	case 1:
		return rnd(100);
	case 2:
		return n + rnd(5) - 2;
	}
	return n;
}

/* ---- netlink ---- */

/* Names: the fuzzed channel's, none, one that may not be, and no text at all. */
static const char *some_name(const char *name)
{
	static char wild[64];
	unsigned int i, len = rnd(sizeof(wild) - 1);

	switch (rnd(8)) {
	case 0:
		return "no-such-channel";
	case 1:
		return "../etc/passwd";
	case 2:
		for (i = 0; i < len; i++)
			wild[i] = 1 + rnd(255);
		wild[len] = 0;
		return wild;
	}
	return name;
}

static struct nl_attr some_attr(const char *name, unsigned int max)
{
	static char raw[8][300];
	uint16_t type = rnd(max + 3);
	char *bytes = raw[rnd(8)];
	unsigned int i;

	switch (rnd(6)) {
	case 0:
		return (struct nl_attr)A_U32(type, some_number());
	case 1:
		return (struct nl_attr)A_U64(type, some_number());
	case 2:
		return (struct nl_attr)A_STR(type, some_name(name));
	case 3:
		return (struct nl_attr)A_FLAG(type);
	case 4:
		return (struct nl_attr)A_U32(type, rnd(300));
	}
	for (i = 0; i < 300; i++)
		bytes[i] = chance(&seed);
	/* Sometimes as a nest, or with the flag for the other byte order. */
	return (struct nl_attr)A_RAW(type | (rnd(3) == 0 ? 0x8000 : 0) |
				     (rnd(9) == 0 ? 0x4000 : 0), bytes, rnd(300));
}

static unsigned int attrs_of(int cmd)
{
	switch (cmd) {
	case WEIR_CMD_POOL_GET:
		return WEIR_A_POOL_MAX;
	case WEIR_CMD_CLIENT_GET:
	case WEIR_CMD_CLIENT_KICK:
		return WEIR_A_CLIENT_MAX;
	case WEIR_CMD_MESSAGE_GET ... WEIR_CMD_MESSAGE_KILL:
		return WEIR_A_MESSAGE_MAX;
	case WEIR_CMD_STATS_GET:
		return WEIR_A_STATS_MAX;
	}
	return WEIR_A_CHANNEL_MAX;
}

/* A bystander's processes and channels are named by nobody. */
static bool harmless(int cmd, const struct nl_attr *a)
{
	if (cmd == WEIR_CMD_CLIENT_KICK)
		return false;
	for (; a->kind != NL_END; a++)
		if (cmd == WEIR_CMD_CHANNEL_NEW &&
		    (a->type == WEIR_A_CHANNEL_MEMORY_MIN ||
		     a->type == WEIR_A_CHANNEL_PREFILL) && a->num > 1 << 20)
			return false;	/* it may be had, and take a while */
	return true;
}

/* Return: is the round's channel gone? */
static bool fuzz_netlink(const char *name)
{
	static const int flags[] = { 4, 4, 4, 0x300, 0x304, 0x104, 0xf04 };
	int cmd = 1 + rnd(WEIR_CMD_MAX + 1);
	struct nl_attr list[10] = { A_STR(1, some_name(name)) };
	unsigned int n = 1 + rnd(8), i;

	for (i = 1; i < n; i++)
		list[i] = some_attr(name, attrs_of(cmd));
	list[n].kind = NL_END;
	if (!harmless(cmd, list))
		return false;
	told->netlink++;
	/* Without one of these flags no answer may come, and that is waited for. */
	i = rnd(sizeof(flags) / sizeof(*flags));
	return !nl_raw(cmd, flags[i], list) && cmd == WEIR_CMD_CHANNEL_DEL;
}

/* ---- ioctl ---- */

static void fuzz_ioctl(int dev, int fd)
{
	static const unsigned long cmds[] = {
		WEIR_IOC_ATTACH, WEIR_IOC_ENTER, WEIR_IOC_GRANT, WEIR_IOC_GIVEBACK,
		WEIR_IOC_SETTLE, WEIR_IOC_CLAIM,
	};
	static const unsigned int sizes[] = {
		sizeof(struct weir_attach), sizeof(struct weir_enter),
		sizeof(struct weir_grant), sizeof(struct weir_giveback),
		sizeof(struct weir_settle), sizeof(struct weir_claim),
	};
	uint32_t arg[2048] = { 0 }, which = rnd(6), i;
	unsigned long cmd = cmds[which];

	arg[0] = rnd(6) ? sizes[which] : some_number() % 9000;
	for (i = rnd(6); i; i--)
		arg[1 + rnd(sizes[which] / 4 - 1)] = some_number();
	if (which == 0 && rnd(2)) {
		memset(arg + 1, 0, sizeof(arg) - 4);
		arg[1] = rnd(5);
		arg[4 + rnd(4)] = some_number();
	}
	/* Never to sleep: WAIT and SQ_WAIT with a time that is over at once. */
	if (which == 1 || which == 2 || which == 4) {
		arg[4] = ~0U;
		arg[5] = ~0U;
	}
	if (which == 4) {
		arg[2] = ~0U;
		arg[3] = ~0U;
	}
	told->ioctl++;
	if (rnd(20) == 0)
		cmd = WEIR_IOC_DETACH + rnd(300) * 7 + 1;
	if (raw_ioctl(which == 0 || rnd(10) == 0 ? dev : fd, cmd,
		      rnd(30) ? (void *)arg : (void *)(uintptr_t)some_number()) == 0 &&
	    which == 0)
		close(((struct weir_attach *)arg)->fd);
}

/* ---- mmap ---- */

static void fuzz_mmap(const struct raw *r)
{
	const uint64_t at[] = { r->at.off_rings, r->at.off_rw, r->at.off_ro };
	uint64_t off = at[rnd(3)], len = 4096ULL << rnd(30);
	char *p;

	if (rnd(3) == 0)
		off = some_number() & ~4095ULL;
	else if (rnd(3) == 0)
		off += (uint64_t)rnd(1 << 20) << 12;
	if (rnd(4) == 0)
		len = some_number();
	told->mmap++;
	p = mmap(NULL, len, rnd(8), rnd(4) ? MAP_SHARED : MAP_PRIVATE, r->fd, off);
	if (p == MAP_FAILED)
		return;
	touch_read(p + (len > 4096 ? chance(&seed) % len : 0));
	mprotect(p, 4096, rnd(8));
	mremap(p, len, len / 2 + 4096, 0);
	munmap(p, len);
}

/* ---- io_uring ---- */

static void fuzz_uring(struct io_uring *ring, int fd)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	unsigned int i;

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	sqe->cmd_op = rnd(3) ? WEIR_URING_SUBMIT : some_number();
	for (i = rnd(4); i; i--)
		sqe->cmd[rnd(16)] = some_number();
	if (rnd(4) == 0)
		sqe->addr = some_number();
	if (rnd(4) == 0)
		sqe->len = some_number();
	if (rnd(4) == 0)
		sqe->uring_cmd_flags = some_number() & ~1U;
	told->uring++;
	if (io_uring_submit(ring) == 1 && !io_uring_wait_cqe(ring, &cqe))
		io_uring_cqe_seen(ring, cqe);
}

/* ---- the bystander ---- */

struct bystander {
	char name[CHAN_ROOM];
	struct raw s, w;
	uint64_t num;
};

static int pass_one(struct bystander *b)
{
	struct weir_cqe cqe;
	int ret;

	b->num++;
	ret = raw_send(&b->s, &b->num, sizeof(b->num)) ?: raw_next(&b->w, &cqe);
	if (ret)
		return ret;
	if (raw_num(&b->w, &cqe) != b->num)
		return -EBADMSG;
	ret = raw_ack(&b->w, cqe.token);
	if (ret < 0)
		return ret;
	return raw_wait_returns(&b->s, b->num);
}

/* In a child, which may die of what it does. Short rounds find young clients, long ones old. */
static void fuzz_round(const char *name, uint64_t its_seed)
{
	struct io_uring ring;
	bool uring = !io_uring_queue_init(4, &ring, 0);
	struct raw r;
	unsigned int left;

	seed = its_seed;
	if (raw_open(&r, name, RAW_BOTH))
		_exit(1);
	raw_grant(&r, 0, 0, NULL);
	for (left = 40 << rnd(8); left; left--) {
		switch (rnd(16)) {
		case 0 ... 4:
			if (fuzz_netlink(name) && left > AFTERWARDS)
				left = AFTERWARDS;
			break;
		case 5 ... 13:
			fuzz_ioctl(r.dev, r.fd);
			break;
		case 14:
			fuzz_mmap(&r);
			break;
		case 15:
			if (uring)
				fuzz_uring(&ring, r.fd);
			break;
		}
	}
	_exit(0);
}

FIXTURE(fuzz_calls) {
};

FIXTURE_SETUP(fuzz_calls)
{
}

FIXTURE_TEARDOWN(fuzz_calls)
{
}

TEST_F_TIMEOUT(fuzz_calls, nearly_right, 86400)
{
	const char *text = getenv("WEIR_FUZZ_MINUTES");
	uint64_t end = now_ns() + (text ? strtoull(text, NULL, 0) : 0) * 60 * SECOND;
	char name[CHAN_ROOM];
	struct bystander b = {};
	unsigned int rounds = 0, tries;
	uint64_t its_seed;
	bool ended;
	struct kid k;

	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, told);
	seed = seed_from_env();
	ASSERT_EQ(0, chan_new(b.name, NO_ATTRS));
	ASSERT_EQ(0, raw_open(&b.s, b.name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&b.w, b.name, RAW_WORK));
	do {
		ASSERT_EQ(0, chan_new(name, NO_ATTRS));
		/* Drawn here, or each round would be the same. */
		its_seed = chance(&seed) | 1;
		if (kid_fork(&k))
			fuzz_round(name, its_seed);
		/* It may have been a signal; it must not have stuck. */
		ended = false;
		for (tries = 0; tries < 6 && !ended; tries++)
			ended = WAIT_FOR(kid_ended(&k));
		ASSERT_TRUE(ended);
		kid_end(&k);
		kid_drop(&k);
		/* Deleted by its own client, or with sound books. */
		EXPECT_EQ(0, chan_end(name));
		ASSERT_EQ(0, pass_one(&b));
		rounds++;
	} while (told->netlink + told->ioctl < CASES || now_ns() < end);
	TH_LOG("%u rounds, %llu cases of netlink, %llu of ioctl, %llu of mmap, %llu of io_uring",
	       rounds, (unsigned long long)told->netlink, (unsigned long long)told->ioctl,
	       (unsigned long long)told->mmap, (unsigned long long)told->uring);
	raw_close(&b.s);
	raw_close(&b.w);
	EXPECT_EQ(0, chan_end(b.name));
	/* What was made under some other name. */
	if (!nl_dump(WEIR_CMD_CHANNEL_GET, NULL)) {
		struct nl_list left = nl_last.list;
		size_t i;

		memset(&nl_last.list, 0, sizeof(nl_last.list));
		for (i = 0; i < left.nr; i++)
			chan_del(nl_str(left.obj[i], WEIR_A_CHANNEL_NAME), true);
	}
}

TEST_HARNESS_MAIN
