// SPDX-License-Identifier: GPL-2.0-only
/* Many handles in threads: each message arrives once. */
#include "lib_bed.h"

enum { THREADS = 2, EACH_MAX = 10000 };

static uint32_t each;

struct crew {
	const char *name;
	uint32_t first;
	uint32_t sq_entries, cq_entries;
	_Atomic uint32_t *left;
	_Atomic unsigned char *seen;
	int rc;
};

static void *produce(void *arg)
{
	struct crew *c = arg;
	struct weir_opts o = { .size = sizeof(o), .flags = WEIR_OPEN_SEND | via_flags(),
		.sq_entries = c->sq_entries, .cq_entries = c->cq_entries };
	struct weir_outcome out = { 0 };
	struct weir *s;
	uint32_t i, len, *buf;

	c->rc = weir_open(&s, c->name, &o);
	for (i = 0; i < each && !c->rc; i++) {
		len = 4 + i * 7919 % 2000;
		c->rc = weir_loan(s, len, (void **)&buf);
		if (c->rc)
			break;
		*buf = c->first + i;
		c->rc = weir_put(s, buf, len, NULL);
		if (!c->rc && i % 64 == 63)
			c->rc = weir_flush(s, PATIENCE_MS);
	}
	if (!c->rc)
		c->rc = weir_settle(s, PATIENCE_MS, &out);
	if (c->rc)
		fprintf(stderr, "# producer: %d %s\n", c->rc, weir_error(s));
	if (!c->rc && (out.accepted != each || out.acked != each))
		c->rc = -EBADMSG;
	weir_close(s);
	return NULL;
}

static void *consume(void *arg)
{
	struct crew *c = arg;
	struct weir_opts o = { .size = sizeof(o), .flags = WEIR_OPEN_WORK | via_flags(),
		.sq_entries = c->sq_entries, .cq_entries = c->cq_entries };
	struct weir_msg m[16];
	struct weir *w;
	int i, n;

	c->rc = weir_open(&w, c->name, &o);
	while (!c->rc && *c->left) {
		n = weir_recvmany(w, m, 1 + c->first % 16, 10);
		if (n < 0)
			c->rc = n;
		for (i = 0; i < n && !c->rc; i++) {
			c->seen[*(const uint32_t *)m[i].data]++;
			--*c->left;
			c->rc = weir_ack(w, &m[i]);
		}
	}
	if (!c->rc)
		c->rc = weir_flush(w, PATIENCE_MS);
	if (c->rc)
		fprintf(stderr, "# worker: %d %s\n", c->rc, weir_error(w));
	weir_close(w);
	return NULL;
}

FIXTURE(crowd) {
	char name[NAME_ROOM];
};

FIXTURE_VARIANT(crowd) {
	uint32_t sq_entries, cq_entries;
	struct weir_channel_opts o;
};

FIXTURE_VARIANT_ADD(crowd, roomy) { 0, 0, { 0 } };
FIXTURE_VARIANT_ADD(crowd, tiny_rings) { 2, 2, { 0 } };
FIXTURE_VARIANT_ADD(crowd, shallow) { 64, 64, { .messages = 10 } };
FIXTURE_VARIANT_ADD(crowd, little_memory) { 0, 0, {
	.memory_min = 1 << 16, .memory_max = 1 << 19, .message_max = 8192 } };

FIXTURE_SETUP(crowd)
{
	ASSERT_EQ(0, new_channel(self->name, variant->o));
}

FIXTURE_TEARDOWN_PARENT(crowd)
{
	EXPECT_EQ(0, weir_channel_del(self->name, 1, NULL, 0));
}

/* Handles in threads: every message once, none twice. */
TEST_F_TIMEOUT(crowd, each_message_arrives_once, 100)
{
	static _Atomic unsigned char seen[THREADS * EACH_MAX];
	const char *kernel = getenv("WEIR_KERNEL");
	struct crew crew[2 * THREADS];
	pthread_t thread[2 * THREADS];
	_Atomic uint32_t left;
	uint32_t i;

	each = kernel && !strcmp(kernel, "debug") ? EACH_MAX / 10 : EACH_MAX;
	left = THREADS * each;
	for (i = 0; i < 2 * THREADS; i++) {
		crew[i] = (struct crew){
			.name = self->name,
			.first = i % THREADS * each + (i < THREADS ? 0 : i * 7),
			.sq_entries = variant->sq_entries,
			.cq_entries = variant->cq_entries,
			.left = &left,
			.seen = seen,
		};
		pthread_create(&thread[i], NULL,
			       i < THREADS ? produce : consume, &crew[i]);
	}
	for (i = 0; i < 2 * THREADS; i++) {
		pthread_join(thread[i], NULL);
		EXPECT_EQ(0, crew[i].rc);
	}
	EXPECT_EQ(0, left);
	for (i = 0; i < THREADS * each; i++)
		if (seen[i] != 1)
			break;
	EXPECT_EQ(THREADS * each, i);
	EXPECT_EQ(0, weir_channel_del(self->name, 0, NULL, 0));
	ASSERT_EQ(0, weir_channel_add(self->name, NULL, NULL, 0));
}

TEST_HARNESS_MAIN
