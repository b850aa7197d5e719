// SPDX-License-Identifier: GPL-2.0-only
/* What a handle does with its memory when the channel has too little of it. */
#include "lib_bed.h"

#define BUFFER	65536U
#define BLOCKS	8

CHANNEL(pool, .memory_min = BUFFER, .memory_max = BLOCKS * BUFFER,
	.message_max = BUFFER)

TEST_F(pool, a_handle_gives_up_what_it_does_not_need_when_asked)
{
	struct weir *rich = sender(self->name), *poor;
	struct weir_opts o = {
		.size = sizeof(o),
		.flags = WEIR_OPEN_SEND | WEIR_OPEN_NONBLOCK,
	};
	void *buf[BLOCKS], *one;
	int i;

	ASSERT_EQ(0, weir_open(&poor, self->name, &o));
	for (i = 0; i < BLOCKS; i++)
		ASSERT_EQ(0, weir_loan(rich, BUFFER, &buf[i]));
	/* All on loan: there is nothing it could give. */
	EXPECT_EQ(-EAGAIN, weir_loan(poor, BUFFER, &one));
	EXPECT_EQ(0, weir_submit(rich));
	EXPECT_EQ(-EAGAIN, weir_loan(poor, BUFFER, &one));
	for (i = 1; i < BLOCKS; i++)
		ASSERT_EQ(0, weir_abort(rich, buf[i]));
	/* The kernel asks, and at its next calls it obeys. */
	ASSERT_TRUE(WAIT_FOR(weir_submit(rich) == 0 &&
			     weir_loan(poor, BUFFER, &one) == 0));
	memset(one, 1, BUFFER);
	/* What was on loan is untouched. */
	memset(buf[0], 2, BUFFER);
	EXPECT_EQ(0, weir_put(rich, buf[0], BUFFER, NULL));
	EXPECT_EQ(0, weir_flush(rich, PATIENCE_MS));
	weir_close(poor);
	weir_close(rich);
}

/* Where it may wait it sleeps until another has given, and then gets it. */
struct asker {
	const char *name;
	pthread_t thread;
	_Atomic pid_t tid;
	int rc;
};

static void *ask(void *arg)
{
	struct weir *w = sender(((struct asker *)arg)->name);
	struct asker *a = arg;
	void *one;

	atomic_store(&a->tid, gettid());
	a->rc = weir_loan(w, BUFFER, &one);
	weir_close(w);
	return NULL;
}

TEST_F(pool, who_waits_gets_what_was_recalled)
{
	struct asker a = { .name = self->name, .rc = -1 };
	struct weir *rich = sender(self->name);
	void *buf[BLOCKS];
	int i;

	for (i = 0; i < BLOCKS; i++)
		ASSERT_EQ(0, weir_loan(rich, BUFFER, &buf[i]));
	ASSERT_EQ(0, weir_abort(rich, buf[0]));
	ASSERT_EQ(0, pthread_create(&a.thread, NULL, ask, &a));
	ASSERT_TRUE(WAIT_FOR(atomic_load(&a.tid) && weir_submit(rich) == 0 &&
			     pthread_tryjoin_np(a.thread, NULL) == 0));
	EXPECT_EQ(0, a.rc);
	weir_close(rich);
}

CHANNEL(large, .memory_min = BUFFER, .memory_max = 32 << 20,
	.message_max = 16 << 20)

TEST_F(large, a_message_of_16_mib_and_not_one_byte_more)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	size_t len = 16 << 20, i;
	struct weir_msg m;
	uint32_t *data;
	void *buf;

	EXPECT_EQ(-EMSGSIZE, weir_loan(s, len + 1, &buf));
	EXPECT_NE(NULL, strstr(weir_error(s), "16777217")) TH_LOG("%s", weir_error(s));
	EXPECT_NE(NULL, strstr(weir_error(s), "16777216")) TH_LOG("%s", weir_error(s));
	ASSERT_EQ(0, weir_loan(s, len, &buf));
	data = buf;
	for (i = 0; i < len / 4; i++)
		data[i] = i * 2654435761U;
	ASSERT_EQ(0, weir_put(s, buf, len, NULL));
	ASSERT_EQ(0, weir_flush(s, PATIENCE_MS));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	ASSERT_EQ(len, m.len);
	data = (uint32_t *)m.data;
	for (i = 0; i < len / 4 && data[i] == (uint32_t)(i * 2654435761U); i++)
		;
	EXPECT_EQ(len / 4, i);
	EXPECT_EQ(0, weir_ack(w, &m));
	EXPECT_EQ(0, weir_submit(w));
	/* And one that is copied. */
	ASSERT_EQ(0, weir_send(s, memset(malloc(len), 7, len), len, NULL));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_EQ(7, ((const char *)m.data)[len - 1]);
	EXPECT_EQ(0, weir_ack(w, &m));
	weir_close(s);
	weir_close(w);
}

TEST_HARNESS_MAIN
