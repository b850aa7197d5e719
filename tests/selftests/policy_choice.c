// SPDX-License-Identifier: GPL-2.0-only
/* What the policies of the folder bpf decide, with real workers. */
#include "kselftest_harness.h"

#include "object.h"

#define WORKERS	3

/* What a policy decides is looked at, not how fast. */
#define PATIENT	A_U32(WEIR_A_CHANNEL_POLICY_BUDGET, 1000000000)

FIXTURE(choice) {
	char name[CHAN_ROOM];
	struct object o;
};

/* Each message is asked about, and anybody may send. */
FIXTURE_SETUP(choice)
{
	if (object_none())
		SKIP(return, "%s", object_none());
	ASSERT_TRUE(WAIT_FOR(policies_none()));
	ASSERT_EQ(0, chan_new(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 100),
						A_U32(WEIR_A_CHANNEL_BATCH, 1),
						A_U32(WEIR_A_CHANNEL_PERM, 0666), PATIENT)));
}

FIXTURE_TEARDOWN_PARENT(choice)
{
	if (self->name[0])
		EXPECT_EQ(0, chan_end(self->name));
}

static int open_workers(struct raw *w, const char *name)
{
	int i, ret = 0;

	for (i = 0; i < WORKERS && !ret; i++)
		ret = raw_open(&w[i], name, RAW_WORK);
	return ret;
}

static void close_workers(struct raw *w)
{
	int i;

	for (i = 0; i < WORKERS; i++)
		raw_close(&w[i]);
}

static uint64_t held(const char *name, const struct raw *w)
{
	return client_num(name, w->at.client_id, WEIR_A_CLIENT_INFLIGHT);
}

static int send_text(struct raw *s, const char *text)
{
	return raw_send(s, text, strlen(text));
}

/* The next message of a worker is this one; acknowledged. */
static bool takes(struct raw *w, const char *text)
{
	struct weir_cqe cqe;

	return raw_next(w, &cqe) == 0 && cqe.len == strlen(text) &&
	       !memcmp(w->ro + cqe.addr, text, cqe.len) &&
	       raw_ack(w, cqe.token) == 1;
}

/* ---- route ---- */

struct prefix {
	uint32_t bits;
	unsigned char bytes[16];
};

static int route(struct object *o, const char *text, const struct raw *w)
{
	struct prefix p = { .bits = strlen(text) * 8 };

	memcpy(p.bytes, text, strlen(text));
	return object_put(o, "routes", &p, &w->at.client_id);
}

TEST_F(choice, route_goes_by_the_longest_prefix)
{
	struct raw s, w[WORKERS];
	int i;

	ASSERT_EQ(0, object_begin(&self->o, "route"));
	ASSERT_EQ(0, policy_set(self->name, "route"));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, open_workers(w, self->name));
	ASSERT_EQ(0, route(&self->o, "get ", &w[0]));
	ASSERT_EQ(0, route(&self->o, "put ", &w[1]));
	ASSERT_EQ(0, route(&self->o, "get /large", &w[2]));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, send_text(&s, "get /large/one"));
		ASSERT_EQ(0, send_text(&s, "get /"));
		ASSERT_EQ(0, send_text(&s, "put /x"));
		ASSERT_EQ(0, send_text(&s, "put /y"));
	}
	EXPECT_EQ(10, held(self->name, &w[0]));
	EXPECT_EQ(20, held(self->name, &w[1]));
	EXPECT_EQ(10, held(self->name, &w[2]));
	EXPECT_TRUE(takes(&w[0], "get /"));
	EXPECT_TRUE(takes(&w[1], "put /x"));
	EXPECT_TRUE(takes(&w[1], "put /y"));
	EXPECT_TRUE(takes(&w[2], "get /large/one"));
	/* What fits nothing, not even the shortest, goes somewhere. */
	ASSERT_EQ(0, send_text(&s, "ge"));
	ASSERT_EQ(0, send_text(&s, "post"));
	EXPECT_EQ(0, STAT(self->name, READY));
	EXPECT_EQ(0, POLICY("route", ERRORS));
	EXPECT_LE(42, POLICY("route", CALLS));
	close_workers(w);
	raw_close(&s);
	object_close(&self->o);
}

/* A batch is no way past it. */
TEST_F(choice, route_looks_at_each_message_of_a_batch)
{
	struct raw s, w[WORKERS];
	int i;

	ASSERT_EQ(0, object_begin(&self->o, "route"));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 64))));
	ASSERT_EQ(0, policy_set(self->name, "route"));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, open_workers(w, self->name));
	ASSERT_EQ(0, route(&self->o, "a", &w[0]));
	ASSERT_EQ(0, route(&self->o, "b", &w[1]));
	for (i = 0; i < 64; i++)
		ASSERT_EQ(0, raw_put(&s, i % 2 ? "a1" : "b1", 2, NULL));
	ASSERT_EQ(64, raw_submit(&s));
	for (i = 0; i < 32; i++) {
		ASSERT_TRUE(takes(&w[0], "a1"));
		ASSERT_TRUE(takes(&w[1], "b1"));
	}
	EXPECT_EQ(0, raw_unread(&w[2]));
	close_workers(w);
	raw_close(&s);
	object_close(&self->o);
}

TEST_F(choice, route_gets_along_without_its_worker)
{
	struct raw s, w[WORKERS];

	ASSERT_EQ(0, object_begin(&self->o, "route"));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 2))));
	ASSERT_EQ(0, policy_set(self->name, "route"));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, open_workers(w, self->name));
	ASSERT_EQ(0, route(&self->o, "a", &w[0]));
	/* It is full after two. */
	ASSERT_EQ(0, send_text(&s, "a1"));
	ASSERT_EQ(0, send_text(&s, "a2"));
	ASSERT_EQ(0, send_text(&s, "a3"));
	EXPECT_EQ(2, held(self->name, &w[0]));
	EXPECT_EQ(1, held(self->name, &w[1]) + held(self->name, &w[2]));
	/* Then it ends, and what it held goes elsewhere. */
	raw_close(&w[0]);
	EXPECT_TRUE(WAIT_FOR(held(self->name, &w[1]) + held(self->name, &w[2]) == 3));
	ASSERT_EQ(0, send_text(&s, "a4"));
	EXPECT_EQ(4, held(self->name, &w[1]) + held(self->name, &w[2]));
	EXPECT_EQ(0, POLICY("route", ERRORS));
	raw_close(&w[1]);
	raw_close(&w[2]);
	raw_close(&s);
	object_close(&self->o);
}

/* ---- deadline ---- */

static int send_due(struct raw *s, uint64_t num, uint64_t deadline)
{
	struct weir_sqe *sqe;
	int ret = raw_put_num(s, num, &sqe);

	if (ret)
		return ret;
	sqe->deadline_ns = deadline;
	ret = raw_submit(s);
	return ret == 1 ? 0 : ret ?: -EAGAIN;
}

TEST_F(choice, deadline_hands_out_the_earliest_first)
{
	static const uint64_t hours[] = { 5, 0, 3, 9, 0, 1, 7, 3 };
	static const uint64_t order[] = { 5, 2, 7, 0, 6, 3, 1, 4 };
	const uint64_t hour = 3600 * SECOND, now = now_ns();
	struct weir_cqe cqe;
	struct raw s, w;
	int i;

	ASSERT_EQ(0, object_begin(&self->o, "deadline"));
	ASSERT_EQ(0, policy_set(self->name, "deadline"));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 64))));
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	/* None has one of its own: the order of the lane decides among the same. */
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, send_due(&s, i, hours[i] ? now + hours[i] * hour + i : 0));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		EXPECT_EQ(order[i], raw_num(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	/* Also what comes while others wait. */
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 1))));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, send_due(&s, 10 + i, now + (5 - i) * hour));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, raw_next(&w, &cqe));
		/* The first was with the worker before the others came. */
		EXPECT_EQ(i ? 13 - i : 10, raw_num(&w, &cqe));
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
	}
	EXPECT_EQ(0, POLICY("deadline", ERRORS));
	raw_close(&w);
	raw_close(&s);
	object_close(&self->o);
}

/* ---- ratelimit ---- */

struct limit {
	uint64_t rate;
	uint64_t burst;
};

static int limit(struct object *o, uint32_t uid, struct limit l)
{
	return object_put(o, "rates", &uid, &l);
}

#define LIMIT(o, uid, ...)	limit((o), (uid), (struct limit){ __VA_ARGS__ })
#define ANYBODY			0xffffffffU

/* How many of @nr messages are accepted. */
static int send_many(const char *name, int nr)
{
	int fd = raw_device(name, O_WRONLY | O_NONBLOCK), good = 0;

	while (fd >= 0 && nr--)
		good += write(fd, "x", 1) == 1;
	close(fd);
	return good;
}

static int send_many_as_nobody(const char *name, int nr)
{
	struct kid k;

	if (kid_fork_nobody(&k))
		_exit(send_many(name, nr));
	return kid_end(&k);
}

TEST_F(choice, ratelimit_limits_each_user)
{
	char other[CHAN_ROOM];

	ASSERT_EQ(0, object_begin(&self->o, "ratelimit"));
	ASSERT_EQ(0, policy_set(self->name, "ratelimit"));
	/* Nobody is limited until told so. */
	EXPECT_EQ(20, send_many(self->name, 20));
	ASSERT_EQ(0, LIMIT(&self->o, 0, .burst = 5));
	ASSERT_EQ(0, LIMIT(&self->o, ANYBODY, .burst = 3));
	EXPECT_EQ(5, send_many(self->name, 20));
	EXPECT_EQ(0, send_many(self->name, 20));
	EXPECT_EQ(3, send_many_as_nobody(self->name, 20));
	EXPECT_EQ(28, STAT(self->name, ACCEPTED));
	EXPECT_EQ(15 + 20 + 17, STAT(self->name, REFUSED_POLICY));
	EXPECT_EQ(STAT(self->name, REFUSED_POLICY), STAT(self->name, REFUSED_FULL));
	/* Other channels, other buckets. */
	ASSERT_EQ(0, chan_new(other, ATTRS(PATIENT)));
	ASSERT_EQ(0, policy_set(other, "ratelimit"));
	EXPECT_EQ(5, send_many(other, 20));
	EXPECT_EQ(2, POLICY("ratelimit", CHANNELS));
	EXPECT_EQ(0, chan_end(other));
	EXPECT_EQ(0, POLICY("ratelimit", ERRORS));
	object_close(&self->o);
}

TEST_F(choice, ratelimit_fills_buckets_again)
{
	int first;

	ASSERT_EQ(0, object_begin(&self->o, "ratelimit"));
	ASSERT_EQ(0, policy_set(self->name, "ratelimit"));
	ASSERT_EQ(0, LIMIT(&self->o, 0, .burst = 4));
	EXPECT_EQ(4, send_many(self->name, 10));
	/* One token an hour: none in this test. */
	ASSERT_EQ(0, LIMIT(&self->o, 0, .rate = 1, .burst = 0));
	EXPECT_EQ(0, send_many(self->name, 10));
	ASSERT_EQ(0, LIMIT(&self->o, 0, .rate = 1000, .burst = 4));
	EXPECT_TRUE(WAIT_FOR(send_many(self->name, 1) == 1));
	/* Never more than the bucket holds. */
	ASSERT_EQ(0, LIMIT(&self->o, 0, .rate = 1000000000, .burst = 4));
	EXPECT_TRUE(WAIT_FOR(send_many(self->name, 1) == 1));
	ASSERT_EQ(0, LIMIT(&self->o, 0, .burst = 4));
	first = send_many(self->name, 10);
	EXPECT_LE(first, 4);
	EXPECT_EQ(0, send_many(self->name, 10));
	object_close(&self->o);
}

/* ---- several ---- */

TEST_F(choice, several_policies_at_once)
{
	static const char *const names[] = { "route", "deadline", "ratelimit" };
	struct object o[3];
	char name[3][CHAN_ROOM];
	struct raw s, w;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, object_begin(&o[i], names[i]));
		ASSERT_EQ(0, chan_new(name[i], ATTRS(A_STR(WEIR_A_CHANNEL_POLICY,
							   names[i]), PATIENT)));
	}
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(policy_is(name[i], names[i]));
		ASSERT_EQ(0, raw_open(&s, name[i], RAW_SEND));
		ASSERT_EQ(0, raw_open(&w, name[i], RAW_WORK));
		ASSERT_EQ(0, raw_send_nums(&s, 0, 50));
		ASSERT_TRUE(WAIT_FOR(raw_work_off(&w) >= 0 &&
				     STAT(name[i], ACKED) == 50));
		EXPECT_EQ(1, policy_num(names[i], WEIR_A_POLICY_CHANNELS));
		EXPECT_LT(0, policy_num(names[i], WEIR_A_POLICY_CALLS));
		EXPECT_LT(0, policy_num(names[i], WEIR_A_POLICY_TIME));
		raw_close(&w);
		raw_close(&s);
	}
	for (i = 0; i < 3; i++)
		object_close(&o[i]);
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(policy_is(name[i], "least-loaded"));
		EXPECT_EQ(0, chan_end(name[i]));
	}
}

TEST_HARNESS_MAIN
