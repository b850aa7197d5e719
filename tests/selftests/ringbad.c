// SPDX-License-Identifier: GPL-2.0-only
/* The rings, used wrong: refused, counted, and of no harm to anybody else. */
#include <pthread.h>

#include "kselftest_harness.h"

#include "bed.h"

CHANNEL_FIXTURE(ringbad, A_U32(WEIR_A_CHANNEL_INFLIGHT, 64),
		A_U32(WEIR_A_CHANNEL_MESSAGE_MAX, 65536),
		A_U32(WEIR_A_CHANNEL_BACKOFF_MIN, 0),
		A_U32(WEIR_A_CHANNEL_MAX_ATTEMPTS, 60000),
		A_U32(WEIR_A_CHANNEL_REDELIVER_MAX, 60000))

/* Submits one entry that must be refused. Return: the RESULT's res, or > 0. */
static int refusal(struct raw *r, const struct weir_sqe *entry)
{
	struct weir_sqe *sqe = raw_sqe(r);
	struct weir_cqe cqe;
	uint32_t index = r->tail - 1;

	if (!sqe)
		return 1;
	*sqe = *entry;
	if (raw_submit(r) != 1)
		return 2;
	/* At once: whoever submits finds the result when ENTER is back. */
	if (!raw_unread(r))
		return 3;
	if (raw_result(r, &cqe) || cqe.op != entry->op || cqe.sqe_index != index)
		return 4;
	if (entry->op == WEIR_OP_SEND &&
	    (cqe.user_data != entry->user_data || cqe.raddr != entry->addr))
		return 5;
	return cqe.res;
}

/* Another client's message still makes its way. */
static int still_works(const char *name)
{
	struct weir_cqe cqe;
	uint64_t num = 0;
	struct raw s, w;
	int ret;

	ret = raw_open(&s, name, RAW_SEND);
	if (!ret)
		ret = raw_open(&w, name, RAW_WORK);
	if (!ret)
		ret = raw_send_nums(&s, 77, 1);
	while (!ret && num != 77) {
		ret = raw_next(&w, &cqe);
		if (ret)
			break;
		/* Before the ack: with it the memory may go. */
		num = raw_num(&w, &cqe);
		if (raw_ack(&w, cqe.token) != 1)
			ret = -EIO;
	}
	raw_close(&s);
	raw_close(&w);
	return ret;
}

TEST_F(ringbad, wild_submission_tail_consumes_nothing)
{
	static const uint32_t ahead[] = { 257, 1000, 0x80000000, 0xffffffff };
	struct raw r;
	size_t i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&r, 0, 3));
	for (i = 0; i < ARRAY_SIZE(ahead); i++) {
		r.ring->usq_tail = r.tail + ahead[i];
		EXPECT_EQ(-EPROTO, raw_enter(&r, 0, 1, 0, 0));
		EXPECT_EQ(3, r.ring->ksq_head);
		EXPECT_EQ(i + 1, STAT(self->name, RING_ERRORS));
	}
	EXPECT_EQ(3, STAT(self->name, ACCEPTED));
	raw_publish(&r);
	EXPECT_EQ(0, raw_send_nums(&r, 3, 1));
	EXPECT_EQ(4, STAT(self->name, ACCEPTED));
	raw_close(&r);
	EXPECT_EQ(0, still_works(self->name));
}

/* A full ring is the most there can be; it is legal, whatever is in it. */
TEST_F(ringbad, a_full_ring_of_garbage_is_refused_entry_by_entry)
{
	struct weir_cqe cqe;
	struct raw r;
	uint32_t i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	memset(r.sqes, 0xee, r.at.sq_entries * sizeof(*r.sqes));
	r.tail += r.at.sq_entries;
	ASSERT_EQ(r.at.sq_entries, raw_submit(&r));
	for (i = 0; i < r.at.sq_entries; i++) {
		ASSERT_EQ(0, raw_result(&r, &cqe));
		ASSERT_EQ(-EINVAL, cqe.res);
		ASSERT_EQ(i, cqe.sqe_index);
	}
	raw_close(&r);
}

TEST_F(ringbad, wild_completion_head_harms_only_its_owner)
{
	struct weir_cqe cqe;
	struct raw s, liar, w;
	uint64_t i, got = 0;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&liar, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 200; i++) {
		liar.ring->ucq_head = i & 1 ? i * 0x01234567 : 0x80000000 - i;
		ASSERT_EQ(0, raw_send_nums(&s, i, 1));
		while (raw_pop(&w, &cqe)) {
			if (cqe.type != WEIR_CQE_MSG)
				continue;
			got++;
			ASSERT_EQ(1, raw_ack(&w, cqe.token));
		}
	}
	/* What the liar was given comes to the other once it has ended. */
	raw_close(&liar);
	while (got < 200) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		got++;
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(200, STAT(self->name, ACKED));
	EXPECT_EQ(0, STAT(self->name, READY));
	raw_close(&s);
	raw_close(&w);
}

/* Never more than the ring can hold, as far as the kernel can know. */
TEST_F(ringbad, a_head_that_never_moves_fills_one_ring)
{
	struct weir_attach ask = {
		.role = WEIR_ROLE_WORK, .cq_entries = 8, .inflight = 8,
	};
	struct raw s, lazy;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open_as(&lazy, self->name, ask));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 100));
	for (i = 0; i < 20; i++) {
		lazy.ring->ucq_head = -5;
		raw_enter(&lazy, WEIR_ENTER_WAIT, 0, 8, RAW_NEVER);
	}
	EXPECT_LE(STAT(self->name, INFLIGHT), 8);
	EXPECT_GE(STAT(self->name, READY), 92);
	raw_close(&lazy);
	raw_close(&s);
	EXPECT_EQ(0, still_works(self->name));
}

TEST_F(ringbad, unknown_ops_flags_and_reserved_fields)
{
	struct weir_sqe e;
	struct raw r;
	uint64_t addr;
	int op;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_buf(&r, 8, &addr));
	for (op = WEIR_OP_REJECT + 1; op < 256; op += 31) {
		e = (struct weir_sqe){ .op = op };
		EXPECT_EQ(-EINVAL, refusal(&r, &e));
	}
	e = (struct weir_sqe){ .op = WEIR_OP_NOP, .flags = 0x80 };
	EXPECT_EQ(-EINVAL, refusal(&r, &e));

	e = (struct weir_sqe){ .op = WEIR_OP_SEND, .addr = addr, .len = 8, .user_data = 99 };
	e.flags = 0x40;
	EXPECT_EQ(-EINVAL, refusal(&r, &e));
	e.flags = 0;
	e.prio = 1;
	EXPECT_EQ(-EINVAL, refusal(&r, &e));
	e.prio = 255;
	EXPECT_EQ(-EINVAL, refusal(&r, &e));
	e.prio = 0;
	e.nr = 1;
	EXPECT_EQ(-EINVAL, refusal(&r, &e));
	e.nr = 0;
	e.reply_client = 1;
	EXPECT_EQ(-EINVAL, refusal(&r, &e));
	e.reply_client = 0;
	e.resv0 = 1;
	EXPECT_EQ(-EINVAL, refusal(&r, &e));
	e.resv0 = 0;
	e.defer_ms = 86400001;
	EXPECT_EQ(-EINVAL, refusal(&r, &e));
	EXPECT_EQ(0, STAT(self->name, ACCEPTED));
	EXPECT_EQ(7, STAT(self->name, REFUSED_INVALID));
	raw_close(&r);
}

TEST_F(ringbad, messages_must_lie_in_one_buffer_of_an_own_block)
{
	struct weir_sqe e = { .op = WEIR_OP_SEND, .len = 8, .user_data = 5 };
	uint64_t own, foreign, size;
	struct raw r, other;
	uint32_t k1;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&other, self->name, RAW_SEND));
	k1 = raw_class(&r, 1024);
	size = r.at.block_size[k1];
	ASSERT_EQ(1, raw_grant(&r, k1, 0, &own));
	ASSERT_EQ(1, raw_grant(&other, k1, 0, &foreign));

	e.addr = foreign;
	EXPECT_EQ(-EFAULT, refusal(&r, &e));
	e.addr = own + 1020;			/* crosses into the next */
	EXPECT_EQ(-EFAULT, refusal(&r, &e));
	e.addr = own + size - 4;		/* leaves the block */
	EXPECT_EQ(-EFAULT, refusal(&r, &e));
	e.addr = r.at.len_window;
	EXPECT_EQ(-EFAULT, refusal(&r, &e));
	e.addr = r.at.len_window - 4;
	EXPECT_EQ(-EFAULT, refusal(&r, &e));
	e.addr = ~0ULL;
	EXPECT_EQ(-EFAULT, refusal(&r, &e));
	e.addr = ~0ULL - 7;
	EXPECT_EQ(-EFAULT, refusal(&r, &e));
	e.addr = 1ULL << 63;
	EXPECT_EQ(-EFAULT, refusal(&r, &e));
	e.addr = own;
	e.len = 1025;
	EXPECT_EQ(-EFAULT, refusal(&r, &e));
	e.len = 0;
	EXPECT_EQ(-EMSGSIZE, refusal(&r, &e));
	e.len = 65537;
	EXPECT_EQ(-EMSGSIZE, refusal(&r, &e));
	e.len = ~0U;
	EXPECT_EQ(-EMSGSIZE, refusal(&r, &e));
	e.len = 8;
	ASSERT_EQ(0, raw_giveback(&r, own));
	EXPECT_EQ(-EFAULT, refusal(&r, &e));
	EXPECT_EQ(13, STAT(self->name, REFUSED_INVALID));
	EXPECT_EQ(13, STAT(self->name, REFUSED));
	EXPECT_EQ(13, client_num(self->name, r.at.client_id, WEIR_A_CLIENT_REFUSED));
	raw_close(&r);
	raw_close(&other);
}

TEST_F(ringbad, a_buffer_is_submitted_once)
{
	struct weir_sqe e = { .op = WEIR_OP_SEND, .len = 8, .user_data = 5 };
	struct weir_cqe cqe;
	struct raw s, w;
	uint64_t addr;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_buf(&s, 8, &addr));
	e.addr = addr;
	/* Twice in one batch, */
	for (i = 0; i < 2; i++)
		*raw_sqe(&s) = e;
	ASSERT_EQ(2, raw_submit(&s));
	ASSERT_EQ(0, raw_result(&s, &cqe));
	EXPECT_EQ(-EBUSY, cqe.res);
	/* another part of it, while it waits or is being worked on, */
	e.addr += 100;
	EXPECT_EQ(-EBUSY, refusal(&s, &e));
	e.addr -= 100;
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(-EBUSY, refusal(&s, &e));
	/* but again after it came back. */
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	ASSERT_EQ(0, raw_wait_returns(&s, 1));
	*raw_sqe(&s) = e;
	ASSERT_EQ(1, raw_submit(&s));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ASSERT_EQ(1, raw_ack(&w, cqe.token));
	EXPECT_EQ(2, STAT(self->name, ACCEPTED));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(ringbad, roles_limit_the_ops)
{
	struct weir_sqe e = { .op = WEIR_OP_SEND, .len = 8 };
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	EXPECT_EQ(-EPERM, refusal(&w, &e));
	e = (struct weir_sqe){ .op = WEIR_OP_ACK, .nr = 1 };
	EXPECT_EQ(-EPERM, refusal(&s, &e));
	e.op = WEIR_OP_REJECT;
	e.nr = 0;
	EXPECT_EQ(-EPERM, refusal(&s, &e));
	EXPECT_EQ(-EPERM, raw_grant(&w, 0, 0, NULL));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(ringbad, malformed_answers)
{
	struct weir_sqe e = { .op = WEIR_OP_ACK };
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_WORK));
	for (e.op = WEIR_OP_ACK; e.op <= WEIR_OP_RELEASE; e.op++) {
		e.nr = 0;
		EXPECT_EQ(-EINVAL, refusal(&r, &e));
		e.nr = WEIR_VEC_MAX + 1;
		EXPECT_EQ(-EINVAL, refusal(&r, &e));
		e.nr = 255;
		EXPECT_EQ(-EINVAL, refusal(&r, &e));
	}
	e.nr = 1;
	for (e.op = WEIR_OP_FAIL; e.op <= WEIR_OP_RELEASE; e.op++) {
		e.delay_ms = 86400001;
		EXPECT_EQ(-EINVAL, refusal(&r, &e));
		e.delay_ms = ~0U;
		EXPECT_EQ(-EINVAL, refusal(&r, &e));
	}
	e = (struct weir_sqe){ .op = WEIR_OP_REJECT };
	e.nr = WEIR_REASON_SLOTS + 1;
	EXPECT_EQ(-EINVAL, refusal(&r, &e));
	e.nr = 255;
	EXPECT_EQ(-EINVAL, refusal(&r, &e));
	e.nr = 1;				/* and no further slot is published */
	EXPECT_EQ(-EINVAL, refusal(&r, &e));
	e.nr = 0;
	e.len = WEIR_REASON_HEAD + 1;
	EXPECT_EQ(-EINVAL, refusal(&r, &e));
	e.len = ~0U;
	EXPECT_EQ(-EINVAL, refusal(&r, &e));
	raw_close(&r);
}

TEST_F(ringbad, answers_for_what_one_does_not_hold_are_stale)
{
	struct weir_cqe msg, cqe;
	struct weir_sqe e;
	struct raw s, a, b;
	uint64_t seed = seed_from_env();
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&a, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send_nums(&s, 1, 1));
	ASSERT_EQ(0, raw_next(&a, &msg));
	ASSERT_EQ(0, raw_open(&b, self->name, RAW_WORK));

	/* Another worker's, */
	e = (struct weir_sqe){ .op = WEIR_OP_ACK, .nr = 1, .token = { msg.token } };
	EXPECT_EQ(-ESTALE, refusal(&b, &e));
	/* any number, with each verb, */
	for (i = 0; i < 500; i++) {
		e.op = WEIR_OP_ACK + i % 4;
		e.nr = e.op != WEIR_OP_REJECT;
		e.token[0] = i < 100 ? (uint64_t)i : chance(&seed);
		EXPECT_EQ(-ESTALE, refusal(&b, &e));
	}
	EXPECT_EQ(501, STAT(self->name, STALE));
	EXPECT_EQ(1, STAT(self->name, INFLIGHT));
	/* and one's own for the second time. */
	EXPECT_EQ(1, raw_ack(&a, msg.token));
	e = (struct weir_sqe){ .op = WEIR_OP_ACK, .nr = 1, .token = { msg.token } };
	EXPECT_EQ(-ESTALE, refusal(&a, &e));
	EXPECT_EQ(1, STAT(self->name, ACKED));

	/* In a vector the good ones count, the first bad one is named. */
	ASSERT_EQ(0, raw_detach(&b));
	ASSERT_EQ(0, raw_send_nums(&s, 2, 1));
	ASSERT_EQ(0, raw_next(&a, &msg));
	e.nr = 4;
	e.token[0] = msg.token;
	e.token[1] = 0xdeadbeef;
	e.token[2] = msg.token;
	e.token[3] = 0xdeadbeef;
	*raw_sqe(&a) = e;
	ASSERT_EQ(1, raw_submit(&a));
	ASSERT_EQ(0, raw_result(&a, &cqe));
	EXPECT_EQ(-ESTALE, cqe.res);
	EXPECT_EQ(3, cqe.nr);
	EXPECT_EQ(0xdeadbeef, cqe.rtoken);
	EXPECT_EQ(2, STAT(self->name, ACKED));
	raw_close(&s);
	raw_close(&a);
	raw_close(&b);
}

/* A stale token of an earlier delivery of the same message. */
TEST_F(ringbad, a_redelivered_message_has_another_token)
{
	struct weir_cqe first, second;
	struct weir_sqe e;
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_send_nums(&r, 1, 1));
	ASSERT_EQ(0, raw_next(&r, &first));
	ASSERT_EQ(1, raw_answer(&r, WEIR_OP_RELEASE, 0, first.token));
	ASSERT_EQ(0, raw_next(&r, &second));
	EXPECT_EQ(first.seq, second.seq);
	EXPECT_NE(first.token, second.token);
	EXPECT_EQ(WEIR_CQE_REDELIVERED, second.flags);
	e = (struct weir_sqe){ .op = WEIR_OP_ACK, .nr = 1, .token = { first.token } };
	EXPECT_EQ(-ESTALE, refusal(&r, &e));
	EXPECT_EQ(1, raw_ack(&r, second.token));
	raw_close(&r);
}

struct scribble {
	struct raw *r;
	volatile unsigned char *payload;
	volatile bool stop;
};

/* Writes over entries and payload while the kernel reads them. */
static void *scribbler(void *arg)
{
	struct scribble *s = arg;
	volatile unsigned char *entries = (void *)s->r->sqes;
	size_t size = s->r->at.sq_entries * sizeof(struct weir_sqe);
	uint64_t seed = 0x9e3779b97f4a7c15ULL;

	while (!s->stop) {
		entries[chance(&seed) % size] = chance(&seed);
		s->payload[chance(&seed) % 65536] = 1;
	}
	return NULL;
}

TEST_F(ringbad, entries_changed_while_they_are_read)
{
	struct scribble sc = { 0 };
	uint64_t end, accepted, delivered = 0, addr;
	struct weir_cqe cqe;
	struct raw s, w;
	pthread_t t;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(1, raw_grant(&s, 0, 0, &addr));
	sc.r = &s;
	sc.payload = s.rw + addr;
	ASSERT_EQ(0, pthread_create(&t, NULL, scribbler, &sc));
	for (end = now_ns() + 3 * SECOND; now_ns() < end;) {
		for (i = 0; i < 16 && !raw_put(&s, &end, sizeof(end), NULL); i++)
			;
		ASSERT_GE(raw_submit(&s), 0);
		while (raw_pop(&s, &cqe))
			;
		while (raw_pop(&w, &cqe)) {
			if (cqe.type != WEIR_CQE_MSG)
				continue;
			/* Whatever it says, it is inside what one may read. */
			ASSERT_LE(cqe.len, 65536);
			ASSERT_EQ(0, touch_read(w.ro + cqe.addr));
			ASSERT_EQ(0, touch_read(w.ro + cqe.addr + cqe.len - 1));
			delivered++;
			raw_ack(&w, cqe.token);
		}
	}
	sc.stop = true;
	pthread_join(t, NULL);
	accepted = STAT(self->name, ACCEPTED);
	EXPECT_LE(delivered, accepted);
	EXPECT_GT(accepted, 0);
	raw_close(&s);
	raw_close(&w);
	EXPECT_EQ(0, still_works(self->name));
}

/* Mostly garbage, sometimes almost right: own addresses, tokens once seen. */
static void fuzz_entry(struct weir_sqe *e, uint64_t *seed, struct raw *r, uint32_t token)
{
	uint64_t words[8];
	unsigned int i;

	for (i = 0; i < 8; i++)
		words[i] = chance(seed);
	memcpy(e, words, sizeof(*e));
	if (chance(seed) % 8)
		e->op %= 7;
	if (chance(seed) % 8)
		e->flags &= 3;
	if (chance(seed) % 4)
		e->prio = 0;
	if (chance(seed) % 4)
		e->nr %= 16;
	if (chance(seed) % 2)
		e->len %= 512;
	if (e->op == WEIR_OP_SEND && chance(seed) % 4) {
		if (r->nr_blocks)
			e->addr = r->blocks[chance(seed) % r->nr_blocks].addr +
				  chance(seed) % 65536;
		e->nr = 0;
		e->reply_client = 0;
		e->resv0 = 0;
		e->defer_ms = 0;
	} else if (e->op > WEIR_OP_SEND && chance(seed) % 2) {
		for (i = 0; i < WEIR_VEC_MAX; i++)
			e->token[i] = token;
	}
}

static void fuzz(struct raw *r, uint64_t *seed, uint64_t until)
{
	struct weir_cqe cqe;
	uint32_t token = 0, flags;
	int i, n;

	while (now_ns() < until) {
		n = chance(seed) % r->at.sq_entries;
		for (i = 0; i < n; i++) {
			struct weir_sqe *sqe = raw_sqe(r);

			if (!sqe)
				break;
			fuzz_entry(sqe, seed, r, token);
		}
		raw_publish(r);
		if (chance(seed) % 16 == 0)
			r->ring->usq_tail = chance(seed);
		flags = chance(seed) % 4;
		raw_enter(r, flags, chance(seed) % 512, flags & WEIR_ENTER_WAIT,
			  RAW_NEVER);
		raw_publish(r);
		while (raw_pop(r, &cqe)) {
			if (cqe.type == WEIR_CQE_MSG)
				token = cqe.token;
		}
		if (chance(seed) % 64 == 0)
			r->ring->ucq_head = chance(seed);
		if (chance(seed) % 32 == 0)
			raw_grant(r, chance(seed) % 4, 0, NULL);
		if (r->nr_blocks && chance(seed) % 32 == 0)
			raw_giveback(r, r->blocks[chance(seed) % r->nr_blocks].addr);
	}
}

static void fuzz_in_child(const char *name, uint32_t role, uint64_t seed)
{
	struct raw r;

	if (raw_open(&r, name, role))
		_exit(1);
	if (role & RAW_SEND)
		raw_grant(&r, 0, 0, NULL);
	fuzz(&r, &seed, now_ns() + 5 * SECOND);
	raw_close(&r);
	_exit(0);
}

TEST_F(ringbad, a_fuzzing_sender_disturbs_nobody)
{
	uint64_t seed = seed_from_env(), expect = 1000000, sent = 0, got = 0;
	struct weir_cqe cqe;
	struct raw s, w;
	struct kid k;

	if (kid_fork(&k))
		fuzz_in_child(self->name, RAW_SEND, seed);
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	while (!kid_ended(&k)) {
		ASSERT_EQ(0, raw_send_nums(&s, expect + sent++, 1));
		while (got < sent) {
			ASSERT_EQ(0, raw_next(&w, &cqe));
			ASSERT_EQ(WEIR_CQE_MSG, cqe.type);
			ASSERT_EQ(1, raw_ack(&w, cqe.token));
			if (cqe.src != s.at.client_id)
				continue;
			ASSERT_EQ(expect + got, raw_num(&w, &cqe));
			got++;
		}
	}
	EXPECT_EQ(0, kid_end(&k));
	EXPECT_EQ(sent, got);
	EXPECT_GT(sent, 0);
	raw_close(&s);
	raw_close(&w);
	EXPECT_EQ(0, still_works(self->name));
}

TEST_F(ringbad, a_fuzzing_worker_takes_nothing_from_another)
{
	uint64_t seed = seed_from_env(), i;
	struct weir_cqe cqe[32];
	struct raw s, w;
	struct kid k;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 0, 32));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 32; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe[i]));
		ASSERT_EQ(i, raw_num(&w, &cqe[i]));
	}
	if (kid_fork(&k))
		fuzz_in_child(self->name, RAW_BOTH, seed);
	EXPECT_EQ(0, kid_end(&k));
	for (i = 0; i < 32; i++)
		ASSERT_EQ(1, raw_ack(&w, cqe[i].token));
	EXPECT_GE(STAT(self->name, ACKED), 32);
	EXPECT_EQ(32, client_num(self->name, w.at.client_id, WEIR_A_CLIENT_ACKED));
	raw_close(&s);
	raw_close(&w);
}

TEST_HARNESS_MAIN
