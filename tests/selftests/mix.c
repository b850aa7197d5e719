// SPDX-License-Identifier: GPL-2.0-only
/*
 * A random mix of everything that orders messages, over processes that are
 * killed: what may never happen is looked for at each delivery, and the books
 * at the end. The seed is printed; WEIR_SEED repeats it.
 */
#include <sched.h>

#include "kselftest_harness.h"

#include "bed.h"

#define SENDERS		3
#define WORKERS		3
#define EACH		400U	/* messages of one sender */
#define TOTAL		(SENDERS * EACH)
#define KEYS		4
#define PRIORITIES	3
#define KILLS		25

/* What every process sees. Ids count from 1. */
struct board {
	uint64_t holds[KEYS + 1];	/* id of the message that a key is at */
	uint64_t first[KEYS + 1][SENDERS]; /* last number first delivered, + 1 */
	uint32_t done[TOTAL + 1];	/* an answer that ends it was applied */
	uint32_t wrong;			/* things that may not happen */
	char what[256];			/* the first of them */
};

/* A message says of itself what is needed to judge its delivery. */
struct body {
	uint32_t sender;
	uint32_t number;
	uint32_t defer;
	uint32_t key;
};

CHANNEL_FIXTURE(mix, A_U32(WEIR_A_CHANNEL_PRIORITIES, PRIORITIES),
		A_U32(WEIR_A_CHANNEL_PRIORITY_BURST, 8),
		A_U32(WEIR_A_CHANNEL_INFLIGHT, 6),
		A_U32(WEIR_A_CHANNEL_BATCH, 3),
		A_U32(WEIR_A_CHANNEL_MESSAGES, 100),
		A_U32(WEIR_A_CHANNEL_BACKOFF_MIN, 1),
		A_U32(WEIR_A_CHANNEL_BACKOFF_MAX, 4),
		A_U32(WEIR_A_CHANNEL_MAX_ATTEMPTS, 4),
		A_U32(WEIR_A_CHANNEL_SENDER_MAX, 60))

static void wrong(struct board *b, const char *what, const struct weir_cqe *cqe,
		  uint64_t other)
{
	char text[256];

	snprintf(text, sizeof(text), "%s: id %llu key %llu prio %u attempt %u, other %llu",
		 what, (unsigned long long)cqe->seq, (unsigned long long)cqe->key,
		 cqe->prio, cqe->attempts, (unsigned long long)other);
	if (!__atomic_fetch_add(&b->wrong, 1, __ATOMIC_SEQ_CST))
		memcpy(b->what, text, sizeof(text));
}

/* ---- senders ---- */

static void produce(const char *name, uint32_t who, uint64_t seed)
{
	struct body body = { .sender = who };
	struct weir_sqe *sqe;
	struct weir_cqe cqe;
	struct raw s;

	if (raw_open(&s, name, RAW_SEND))
		_exit(1);
	while (body.number < EACH) {
		while (raw_pop(&s, &cqe)) {
			if (cqe.type != WEIR_CQE_RETURN)
				_exit(2);
		}
		body.defer = chance(&seed) % 20 ? 0 : 1 + chance(&seed) % 8;
		body.key = chance(&seed) % (KEYS + 1);
		if (raw_put(&s, &body, sizeof(body), &sqe))
			_exit(3);
		/* The priority of a key does not change: else its order would. */
		sqe->prio = body.key ? body.key % PRIORITIES : chance(&seed) % PRIORITIES;
		sqe->key = body.key;
		sqe->defer_ms = body.defer;
		if (chance(&seed) % 12 == 0)
			sqe->deadline_ns = now_ns() + chance(&seed) % (20 * MS);
		body.number++;
		raw_publish(&s);
		if (chance(&seed) % 4 == 0 || raw_pending(&s) > s.at.sq_entries / 2)
			raw_enter(&s, WEIR_ENTER_SQ_WAIT, raw_pending(&s), 0, 20 * MS);
	}
	/* The rest is sent by its end. */
	_exit(0);
}

/* ---- workers ---- */

/* Is a message that was a key's last one still to be worked on? */
static bool alive(const char *name, uint64_t id)
{
	uint64_t state = message_num(name, id, WEIR_A_MESSAGE_STATE);

	return state == WEIR_MESSAGE_STATE_READY ||
	       state == WEIR_MESSAGE_STATE_DELAYED ||
	       state == WEIR_MESSAGE_STATE_INFLIGHT;
}

/* Of one worker: the last first delivery of a sender with a priority, no key. */
typedef uint32_t seen_t[SENDERS][PRIORITIES];

static void judge(struct board *b, const char *name, const struct raw *w,
		  const struct weir_cqe *cqe, seen_t seen)
{
	uint64_t other;
	struct body body;
	bool first = !(cqe->flags & WEIR_CQE_REDELIVERED);

	memcpy(&body, w->ro + cqe->addr, sizeof(body));
	if (cqe->type != WEIR_CQE_MSG || cqe->len != sizeof(body) ||
	    body.sender >= SENDERS || body.number >= EACH || body.key != cqe->key ||
	    cqe->seq > TOTAL) {
		wrong(b, "not what was sent", cqe, 0);
		return;
	}
	if (__atomic_load_n(&b->done[cqe->seq], __ATOMIC_SEQ_CST))
		wrong(b, "delivered after its end", cqe, 0);
	if (!body.key) {
		if (!first || body.defer)
			return;
		if (body.number + 1 <= seen[body.sender][cqe->prio])
			wrong(b, "out of its sender's order", cqe,
			      seen[body.sender][cqe->prio]);
		seen[body.sender][cqe->prio] = body.number + 1;
		return;
	}
	other = __atomic_exchange_n(&b->holds[body.key], cqe->seq, __ATOMIC_SEQ_CST);
	if (other && other != cqe->seq && alive(name, other))
		wrong(b, "its key is in use", cqe, other);
	if (!first || body.defer)
		return;
	/* Only one at a time has the key, so nobody else writes here. */
	other = b->first[body.key][body.sender];
	if (body.number + 1 <= other)
		wrong(b, "out of its key's order", cqe, other);
	b->first[body.key][body.sender] = body.number + 1;
}

static void answer(struct board *b, struct raw *w, const struct weir_cqe *cqe,
		   uint64_t *seed)
{
	uint64_t dice = chance(seed) % 100;
	struct weir_cqe result;
	int ret;

	if (dice >= 70 && dice < 80) {
		ret = raw_answer(w, WEIR_OP_FAIL, dice % 3, cqe->token);
	} else if (dice >= 80 && dice < 95) {
		ret = raw_answer(w, WEIR_OP_RELEASE, dice % 3, cqe->token);
	} else {
		/* Before it is out of our hands; a kill now may leave it so. */
		if (cqe->key)
			__atomic_compare_exchange_n(&b->holds[cqe->key],
						    &(uint64_t){ cqe->seq }, 0, false,
						    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		ret = dice < 95 ? raw_ack(w, cqe->token) :
				  raw_reject(w, cqe->token, "so be it");
		if (ret > 0)
			__atomic_fetch_add(&b->done[cqe->seq], 1, __ATOMIC_SEQ_CST);
	}
	if (ret < 1)
		wrong(b, "no answer taken", cqe, -ret);
	/* Nobody takes anything away here, so no answer is stale. */
	if (raw_unread(w) &&
	    w->cqes[w->head & (w->at.cq_entries - 1)].type == WEIR_CQE_RESULT) {
		raw_pop(w, &result);
		wrong(b, "an answer was refused", cqe, -result.res);
	}
}

static void work(struct board *b, const char *name, uint64_t seed)
{
	struct weir_cqe cqe[6];
	seen_t seen = { 0 };
	unsigned int nr, i;
	struct raw w;

	if (raw_open(&w, name, RAW_WORK))
		_exit(1);
	for (;;) {
		nr = 0;
		while (nr < 1 + chance(&seed) % 6 && raw_pop(&w, &cqe[nr])) {
			judge(b, name, &w, &cqe[nr], seen);
			nr++;
		}
		for (i = 0; i < nr; i++)
			answer(b, &w, &cqe[i], &seed);
		if (!nr && raw_enter(&w, WEIR_ENTER_WAIT, 0, 1, 0) < 0)
			_exit(2);
	}
}

static void spawn_worker(struct kid *k, struct board *b, const char *name,
			 uint64_t seed)
{
	if (kid_fork(k))
		work(b, name, seed | 1);
}

/* ---- the test ---- */

static uint64_t ended(const char *name)
{
	uint64_t acked = STAT(name, ACKED);

	return acked + nl_num(nl_first(), WEIR_A_STATS_DEAD);
}

TEST_F_TIMEOUT(mix, everything_at_once, 400)
{
	uint64_t seed = seed_from_env(), dead = 0, i;
	struct kid s[SENDERS], w[WORKERS];
	struct board *b;
	unsigned int n;

	b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		 -1, 0);
	ASSERT_NE(MAP_FAILED, b);
	for (i = 0; i < WORKERS; i++)
		spawn_worker(&w[i], b, self->name, chance(&seed));
	for (i = 0; i < SENDERS; i++)
		if (kid_fork(&s[i]))
			produce(self->name, i, chance(&seed) | 1);
		else
			chance(&seed);
	/* Spread over the messages, not over time. */
	for (n = 1; n <= KILLS; n++) {
		uint64_t mark = n * (TOTAL / (KILLS + 1));

		ASSERT_TRUE(WAIT_FOR(ended(self->name) >= mark || b->wrong))
			TH_LOG("%llu of %u have ended", (unsigned long long)
			       ended(self->name), TOTAL);
		i = chance(&seed) % WORKERS;
		EXPECT_EQ(SIGKILL, kid_kill(&w[i]));
		kid_drop(&w[i]);
		spawn_worker(&w[i], b, self->name, chance(&seed));
	}
	for (i = 0; i < SENDERS; i++)
		EXPECT_EQ(0, kid_end(&s[i]));
	EXPECT_TRUE(WAIT_FOR(ended(self->name) == TOTAL))
		TH_LOG("%llu of %u have ended", (unsigned long long)
		       ended(self->name), TOTAL);
	for (i = 0; i < WORKERS; i++)
		EXPECT_EQ(SIGKILL, kid_kill(&w[i]));
	EXPECT_EQ(0, b->wrong)
		TH_LOG("%s", b->what);
	EXPECT_EQ(TOTAL, STAT(self->name, ACCEPTED));
	EXPECT_EQ(0, STAT(self->name, DROPPED));
	EXPECT_EQ(0, STAT(self->name, STALE));
	EXPECT_EQ(STAT(self->name, DEAD),
		  STAT(self->name, DIED_ATTEMPTS) + STAT(self->name, DIED_REJECTED) +
		  STAT(self->name, DIED_EXPIRED));
	/* Each is dead, or gone by one answer. */
	for (i = 1; i <= TOTAL; i++) {
		bool is_dead = message_num(self->name, i, WEIR_A_MESSAGE_STATE) ==
			       WEIR_MESSAGE_STATE_DEAD;

		dead += is_dead;
		EXPECT_GE(1, b->done[i]);
		/* A worker may have been killed before it could say so. */
		if (!is_dead && !b->done[i])
			n++;
	}
	EXPECT_EQ(STAT(self->name, DEAD), dead);
	EXPECT_GE(2 * KILLS + 1, n);
	TH_LOG("%llu acked, %llu dead: %llu expired, %llu rejected; %llu redelivered, %llu crashed",
	       (unsigned long long)STAT(self->name, ACKED), (unsigned long long)dead,
	       (unsigned long long)STAT(self->name, DIED_EXPIRED),
	       (unsigned long long)STAT(self->name, DIED_REJECTED),
	       (unsigned long long)STAT(self->name, REDELIVERED),
	       (unsigned long long)STAT(self->name, CRASHED_SEEN));
}

TEST_HARNESS_MAIN
