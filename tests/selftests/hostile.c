// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client that does what it can to harm: from several threads it writes random
 * words into its own rings while it sends and works, gives blocks back whose pages
 * it has pinned, and looks for others' payload in all memory that it can reach.
 * Beside it, in the same channel, a sender and a worker pass messages full of a
 * marker: each has to arrive once and whole, and the marker is never to be found.
 *
 *   hostile [with WEIR_HOSTILE_MINUTES=N]
 */
#include <pthread.h>
#include <sched.h>
#include <sys/uio.h>

#include "kselftest_harness.h"

#include "bed.h"

#define MARKER		0x6d61726b65723a29ULL	/* in every word of a victim's message */
#define MESSAGES	150			/* of the victim, at least */
#define MUTATIONS	1000000			/* words written into rings, at least */
#define ENOUGH		(60 * SECOND)		/* then it ends all the same */
#define WORDS		8192			/* of the largest message looked for */

#define MEMORY		(4U << 20)	/* of the channel: blocks change hands often */
#define CLIENT_MEMORY	(1U << 20)

/* What the hostile process tells; it dies of SIGKILL. */
struct told {
	uint64_t mutations, calls, sent, pages, pinned, found, reopened;
};

static struct told *told;
static uint64_t seed;

static void tell(uint64_t *count, uint64_t n)
{
	__atomic_fetch_add(count, n, __ATOMIC_RELAXED);
}

/* ---- the hostile client ---- */

/* One attachment, and who may use it: all threads at once. */
struct foe {
	struct raw r;
	const char *name;
	uint32_t role;
	uint32_t head;	/* entries taken: what the ring says of it is scribbled over */
	uint64_t seed;
};

static uint32_t rnd(struct foe *f, uint32_t n)
{
	return chance(&f->seed) % n;
}

static bool has_marker(const uint64_t *words, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (words[i] == MARKER)
			return true;
	return false;
}

/* Writes random words into every part of both rings, heads and tails above all. */
static void *scribble(void *arg)
{
	struct foe *f = arg;
	uint32_t *ring = (uint32_t *)f->r.ring, all = f->r.at.len_rings / 4;
	uint64_t my_seed = f->seed ^ (uintptr_t)&ring;
	unsigned int i;
	uint32_t at, value;

	for (;;) {
		for (i = 0; i < 1000; i++) {
			at = chance(&my_seed) % (i % 2 ? all : 64);
			value = chance(&my_seed);
			if (i % 4 == 0)	/* not far from what is there */
				value = ring[at] + value % 8 - 4;
			__atomic_store_n(&ring[at], value, __ATOMIC_RELAXED);
		}
		tell(&told->mutations, i);
		/* The others are to have something to do harm to. */
		breathe();
	}
	return NULL;
}

/* All of a block through a pipe: what is not mapped is an error and no signal. */
static void look_through(struct foe *f, int pipe[2], uint64_t addr, uint64_t len)
{
	static __thread uint64_t page[512];
	uint64_t off;

	for (off = 0; off < len; off += sizeof(page)) {
		if (write(pipe[1], f->r.rw + addr + off, sizeof(page)) != sizeof(page))
			return;
		if (read(pipe[0], page, sizeof(page)) != sizeof(page))
			return;
		tell(&told->pages, 1);
		if (has_marker(page, 512))
			tell(&told->found, 1);
	}
}

/* Looks where it owns nothing. */
static void *look_around(void *arg)
{
	struct foe *f = arg;
	int pipe_fd[2];
	uint64_t addr;

	if (pipe(pipe_fd))
		return NULL;
	for (;;) {
		addr = chance(&f->seed) % f->r.at.len_window & ~65535ULL;
		look_through(f, pipe_fd, addr, 65536);
		/* The first blocks are those that are in use. */
		addr = (uint64_t)rnd(f, MEMORY / 65536) << 16;
		look_through(f, pipe_fd, addr, 65536);
		mmap(NULL, 65536, PROT_READ, MAP_SHARED, f->r.fd, f->r.at.off_ro);
		breathe();
	}
	return NULL;
}

/* Gives a block back while a pipe holds its pages, and looks at those for a while. */
static void pin_and_give_back(struct foe *f)
{
	static uint64_t page[512];
	struct raw *r = &f->r;
	uint64_t addr = r->blocks[rnd(f, r->nr_blocks)].addr;
	struct iovec iov = { r->rw + addr, 65536 };
	int p[2];
	ssize_t n;

	if (pipe(p))
		return;
	n = vmsplice(p[1], &iov, 1, SPLICE_F_NONBLOCK);
	raw_giveback(r, addr);
	wait_until(now_ns() + rnd(f, 20) * MS);
	for (; n > 0; n -= sizeof(page)) {
		if (read(p[0], page, sizeof(page)) != sizeof(page))
			break;
		tell(&told->pinned, 1);
		if (has_marker(page, 512))
			tell(&told->found, 1);
	}
	close(p[0]);
	close(p[1]);
}

static void send_some(struct foe *f)
{
	struct raw *r = &f->r;
	uint64_t addr = r->blocks[rnd(f, r->nr_blocks)].addr;
	uint32_t mask = r->at.sq_entries - 1, nr = 1 + rnd(f, 8), i;
	struct weir_sqe *sqe;
	int ret;

	for (i = 0; i < nr; i++) {
		sqe = &r->sqes[(f->head + i) & mask];
		memset(sqe, 0, sizeof(*sqe));
		sqe->op = rnd(f, 4) ? WEIR_OP_SEND : rnd(f, 12);
		sqe->addr = addr + (uint64_t)rnd(f, 64) * 1024;
		sqe->len = rnd(f, 4) ? 1 + rnd(f, 65536) : chance(&f->seed);
	}
	__atomic_store_n(&r->ring->usq_tail, f->head + nr, __ATOMIC_RELEASE);
	ret = raw_enter(r, rnd(f, 3) ? 0 : WEIR_ENTER_WAIT, nr, rnd(f, 3) == 0,
			rnd(f, 2) ? RAW_NEVER : MS);
	tell(&told->calls, 1);
	if (ret <= 0)
		return;
	f->head += ret;
	tell(&told->sent, ret);
}

/* Works on what its own channel gives it, in its own way. */
static void answer_some(struct foe *f)
{
	struct raw *r = &f->r;
	uint32_t at = rnd(f, r->at.cq_entries), mask = r->at.sq_entries - 1;
	struct weir_sqe *sqe = &r->sqes[f->head & mask];
	int ret;

	memset(sqe, 0, sizeof(*sqe));
	sqe->op = rnd(f, 12);
	sqe->nr = rnd(f, 3);
	sqe->token[0] = r->cqes[at].token;
	sqe->token[1] = chance(&f->seed);
	__atomic_store_n(&r->ring->usq_tail, f->head + 1, __ATOMIC_RELEASE);
	ret = raw_enter(r, WEIR_ENTER_WAIT, 1, 1, MS);
	tell(&told->calls, 1);
	if (ret > 0)
		f->head += ret;
}

static bool attach(struct foe *f)
{
	return !raw_open(&f->r, f->name, f->role);
}

/* Its threads go on with the rings they know: those stay mapped. */
static void attach_again(struct foe *f)
{
	struct raw fresh;

	if (raw_open(&fresh, f->name, f->role))
		return;
	dup2(fresh.fd, f->r.fd);
	mremap(fresh.ring, fresh.at.len_rings, fresh.at.len_rings,
	       MREMAP_MAYMOVE | MREMAP_FIXED, f->r.ring);
	if (fresh.rw)
		mremap(fresh.rw, fresh.at.len_window, fresh.at.len_window,
		       MREMAP_MAYMOVE | MREMAP_FIXED, f->r.rw);
	close(fresh.fd);
	close(fresh.dev);
	f->r.nr_blocks = 0;
	f->head = 0;
	tell(&told->reopened, 1);
}

static void *be_hostile(void *arg)
{
	struct foe *f = arg;
	int pipe_fd[2], ret;
	uint64_t addr;

	if (pipe(pipe_fd))
		return NULL;
	for (;;) {
		ret = raw_grant_in(&f->r, rnd(f, 4), 0, RAW_NEVER, &addr);
		if (ret == -ESHUTDOWN || ret == -EPIPE || ret == -EBADF)
			attach_again(f);
		if (ret == 1)
			look_through(f, pipe_fd, addr, 65536);
		if (!f->r.nr_blocks)
			continue;
		if (rnd(f, 4))
			send_some(f);
		if (rnd(f, 4) == 0)
			pin_and_give_back(f);
		else if (rnd(f, 2))
			raw_giveback(&f->r, f->r.blocks[rnd(f, f->r.nr_blocks)].addr);
		if (f->role & RAW_WORK)
			answer_some(f);
	}
	return NULL;
}

static void hostile_process(const char *shared, const char *own, uint64_t its_seed)
{
	static struct foe sender, both;
	struct { void *(*run)(void *); struct foe *foe; } job[] = {
		{ scribble, &sender }, { scribble, &both },
		{ look_around, &sender }, { be_hostile, &sender }, { be_hostile, &both },
	};
	pthread_t thread;
	size_t i;

	sender = (struct foe){ .name = shared, .role = RAW_SEND, .seed = its_seed | 1 };
	both = (struct foe){ .name = own, .role = RAW_BOTH, .seed = its_seed << 1 | 1 };
	if (!attach(&sender) || !attach(&both))
		_exit(1);
	for (i = 0; i < 5; i++)
		if (pthread_create(&thread, NULL, job[i].run, job[i].foe))
			_exit(2);
	pthread_join(thread, NULL);
	_exit(3);
}

/* ---- the victims ---- */

struct victims {
	struct raw s, w;
	uint64_t sent, came;
	uint64_t foreign;	/* messages of the hostile one */
	const char *wrong;
};

/* Words: number, length in words, then markers. */
static int send_one(struct victims *v)
{
	static uint64_t words[WORDS];
	uint32_t nr = 2 + chance(&seed) % (WORDS - 2), i;

	words[0] = ++v->sent;
	words[1] = nr;
	for (i = 2; i < nr; i++)
		words[i] = MARKER;
	return raw_send(&v->s, words, nr * 8);
}

static bool is_whole(const uint64_t *words, uint32_t len)
{
	uint32_t i;

	if (len != words[1] * 8)
		return false;
	for (i = 2; i < words[1]; i++)
		if (words[i] != MARKER)
			return false;
	return true;
}

static void take_one(struct victims *v, const struct weir_cqe *cqe)
{
	const uint64_t *words = (const void *)(v->w.ro + cqe->addr);

	if (cqe->src != v->s.at.client_id) {
		v->foreign++;
		return;
	}
	v->came++;
	if (words[0] != v->came)
		v->wrong = "a message is missing, or came twice";
	else if (!is_whole(words, cqe->len))
		v->wrong = "a message is not what was sent";
}

/* Until as many have come as were sent. Return: 0, or a negative errno. */
static int take_all(struct victims *v)
{
	struct weir_cqe cqe;
	int ret;

	while (v->came < v->sent) {
		ret = raw_next(&v->w, &cqe);
		if (ret)
			return ret;
		take_one(v, &cqe);
		ret = raw_ack(&v->w, cqe.token);
		if (ret < 0)
			return ret;
	}
	return 0;
}

FIXTURE(hostile) {
	char shared[CHAN_ROOM], own[CHAN_ROOM];
	struct victims v;
	struct kid k;
};

FIXTURE_SETUP(hostile)
{
	const struct nl_attr *attrs = ATTRS(
		A_U32(WEIR_A_CHANNEL_MESSAGE_MAX, 65536),
		A_U64(WEIR_A_CHANNEL_MEMORY_MIN, 0),
		A_U64(WEIR_A_CHANNEL_MEMORY_MAX, MEMORY),
		A_U64(WEIR_A_CHANNEL_CLIENT_MEMORY, CLIENT_MEMORY),
		A_U32(WEIR_A_CHANNEL_SENDER_MAX, 25),
		A_U32(WEIR_A_CHANNEL_BACKOFF_MIN, 0));

	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, told);
	seed = seed_from_env();
	ASSERT_EQ(0, chan_new(self->shared, attrs));
	ASSERT_EQ(0, chan_new(self->own, attrs));
	ASSERT_EQ(0, raw_open(&self->v.s, self->shared, RAW_SEND));
	ASSERT_EQ(0, raw_open(&self->v.w, self->shared, RAW_WORK));
	if (kid_fork(&self->k))
		hostile_process(self->shared, self->own, chance(&seed));
}

FIXTURE_TEARDOWN(hostile)
{
	kid_kill(&self->k);
	kid_drop(&self->k);
	raw_close(&self->v.s);
	raw_close(&self->v.w);
	EXPECT_EQ(0, chan_end(self->own));
	EXPECT_EQ(0, chan_end(self->shared));
}

TEST_F_TIMEOUT(hostile, harms_nobody_and_finds_nothing, 86400)
{
	const char *text = getenv("WEIR_HOSTILE_MINUTES");
	uint64_t begun = now_ns(), limit = text ? strtoull(text, NULL, 0) * 60 * SECOND : 0;
	struct victims *v = &self->v;
	struct weir_cqe cqe;

	while (v->sent < MESSAGES || told->mutations < MUTATIONS ||
	       now_ns() - begun < limit) {
		ASSERT_EQ(0, send_one(v));
		ASSERT_EQ(0, take_all(v));
		ASSERT_EQ(NULL, v->wrong) TH_LOG("%s", v->wrong);
		while (raw_pop(&v->s, &cqe))
			;
		/* Blocks that held the marker go to whoever asks next. */
		if (v->s.nr_blocks)
			raw_giveback(&v->s, v->s.blocks[0].addr);
		ASSERT_FALSE(kid_ended(&self->k));
		if (v->sent >= MESSAGES && now_ns() - begun > ENOUGH + limit)
			break;
	}
	EXPECT_EQ(0, told->found);
	EXPECT_EQ(v->sent, v->came);
	EXPECT_GT(told->mutations, 10000);
	EXPECT_GT(told->pages, 100);
	EXPECT_GT(told->pinned, 10);
	EXPECT_GT(told->sent, 10);
	TH_LOG("%llu messages whole, %llu foreign; %llu ring mutations, %llu calls, %llu entries taken, %llu pages looked at, %llu pinned ones, %llu times attached again",
	       (unsigned long long)v->came, (unsigned long long)v->foreign,
	       (unsigned long long)told->mutations, (unsigned long long)told->calls,
	       (unsigned long long)told->sent, (unsigned long long)told->pages,
	       (unsigned long long)told->pinned, (unsigned long long)told->reopened);
}

TEST_HARNESS_MAIN
