// SPDX-License-Identifier: GPL-2.0-only
/* What the events group is told. */
#include "kselftest_harness.h"

#include "bed.h"

#define PATIENCE_MS	(RAW_PATIENCE / MS)

CHANNEL_FIXTURE(nlevents, A_U32(WEIR_A_CHANNEL_MESSAGES, 4),
		A_U32(WEIR_A_CHANNEL_MAX_ATTEMPTS, 1))

/*
 * The next event of this kind for this channel; others are passed over, as more
 * tests may run. Return: it, to be freed, or NULL if none comes.
 */
static struct nl_obj *expect(int ear, int cmd, int attr, const char *name)
{
	uint64_t end = now_ns() + RAW_PATIENCE;
	struct nl_obj *o;

	while (now_ns() < end) {
		if (nl_event(ear, PATIENCE_MS, &o))
			return NULL;
		if (o->cmd == cmd && !strcmp(nl_str(o, attr), name))
			return o;
		free(o);
	}
	return NULL;
}

TEST_F(nlevents, channels_come_change_and_go)
{
	int ear = nl_listen();
	char name[CHAN_ROOM];
	struct nl_obj *o;

	ASSERT_GE(ear, 0);
	ASSERT_EQ(0, chan_new(name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 9))));
	o = expect(ear, WEIR_CMD_CHANNEL_ADD_NTF, WEIR_A_CHANNEL_NAME, name);
	ASSERT_NE(NULL, o);
	EXPECT_EQ(9, nl_num(o, WEIR_A_CHANNEL_BATCH));
	ASSERT_EQ(0, chan_set(name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 10))));
	o = expect(ear, WEIR_CMD_CHANNEL_SET_NTF, WEIR_A_CHANNEL_NAME, name);
	ASSERT_NE(NULL, o);
	EXPECT_EQ(10, nl_num(o, WEIR_A_CHANNEL_BATCH));
	ASSERT_EQ(0, chan_del(name, false));
	o = expect(ear, WEIR_CMD_CHANNEL_DEL_NTF, WEIR_A_CHANNEL_NAME, name);
	ASSERT_NE(NULL, o);
	close(ear);
}

TEST_F(nlevents, nothing_is_told_of_what_is_refused)
{
	int ear = nl_listen();
	struct nl_obj *o;

	ASSERT_GE(ear, 0);
	EXPECT_EQ(-EINVAL, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 1025))));
	EXPECT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 5),
					       A_FLAG(WEIR_A_CHANNEL_DRY_RUN))));
	EXPECT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 6))));
	o = expect(ear, WEIR_CMD_CHANNEL_SET_NTF, WEIR_A_CHANNEL_NAME, self->name);
	ASSERT_NE(NULL, o);
	EXPECT_EQ(6, nl_num(o, WEIR_A_CHANNEL_BATCH));
	close(ear);
}

TEST_F(nlevents, clients_come_and_go)
{
	int ear = nl_listen();
	struct nl_obj *o;
	struct raw r;
	struct kid k;

	ASSERT_GE(ear, 0);
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_WORK));
	o = expect(ear, WEIR_CMD_CLIENT_ATTACH_NTF, WEIR_A_CLIENT_CHANNEL, self->name);
	ASSERT_NE(NULL, o);
	EXPECT_EQ(r.at.client_id, nl_num(o, WEIR_A_CLIENT_ID));
	EXPECT_EQ(getpid(), nl_num(o, WEIR_A_CLIENT_PID));
	EXPECT_EQ(WEIR_CLIENT_ROLE_WORK, nl_num(o, WEIR_A_CLIENT_ROLE));
	raw_close(&r);
	o = expect(ear, WEIR_CMD_CLIENT_DETACH_NTF, WEIR_A_CLIENT_CHANNEL, self->name);
	ASSERT_NE(NULL, o);
	EXPECT_EQ(0, nl_num(o, WEIR_A_CLIENT_DIED));

	if (kid_fork(&k)) {
		EXPECT_EQ(0, raw_open(&r, self->name, RAW_SEND));
		kid_say(&k, 'o');
		kid_hold(&k);
	}
	ASSERT_EQ('o', kid_hear(&k));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	o = expect(ear, WEIR_CMD_CLIENT_DETACH_NTF, WEIR_A_CLIENT_CHANNEL, self->name);
	ASSERT_NE(NULL, o);
	EXPECT_EQ(1, nl_num(o, WEIR_A_CLIENT_DIED));
	EXPECT_EQ(k.pid, nl_num(o, WEIR_A_CLIENT_PID));
	close(ear);
}

TEST_F(nlevents, deaths_of_messages)
{
	int ear = nl_listen();
	struct weir_cqe cqe;
	struct nl_obj *o;
	struct raw r;

	ASSERT_GE(ear, 0);
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_send_nums(&r, 0, 1));
	ASSERT_EQ(0, raw_next(&r, &cqe));
	ASSERT_EQ(1, raw_reject(&r, cqe.token, "no"));
	o = expect(ear, WEIR_CMD_MESSAGE_DEAD_NTF, WEIR_A_MESSAGE_CHANNEL, self->name);
	ASSERT_NE(NULL, o);
	EXPECT_EQ(cqe.seq, nl_num(o, WEIR_A_MESSAGE_ID));
	EXPECT_EQ(WEIR_DEAD_REASON_REJECTED, nl_num(o, WEIR_A_MESSAGE_REASON));
	EXPECT_EQ(8, nl_num(o, WEIR_A_MESSAGE_LEN));
	EXPECT_EQ(r.at.client_id, nl_num(o, WEIR_A_MESSAGE_SENDER));

	ASSERT_EQ(0, raw_send_nums(&r, 0, 1));
	ASSERT_EQ(0, raw_next(&r, &cqe));
	ASSERT_EQ(1, raw_answer(&r, WEIR_OP_FAIL, 0, cqe.token));
	o = expect(ear, WEIR_CMD_MESSAGE_DEAD_NTF, WEIR_A_MESSAGE_CHANNEL, self->name);
	ASSERT_NE(NULL, o);
	EXPECT_EQ(cqe.seq, nl_num(o, WEIR_A_MESSAGE_ID));
	EXPECT_EQ(WEIR_DEAD_REASON_ATTEMPTS, nl_num(o, WEIR_A_MESSAGE_REASON));
	raw_close(&r);
	close(ear);
}

TEST_F(nlevents, a_channel_becomes_full)
{
	int ear = nl_listen();
	struct nl_obj *o;
	struct raw s;
	uint64_t i;

	ASSERT_GE(ear, 0);
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, raw_put(&s, &i, sizeof(i), NULL));
	ASSERT_EQ(4, raw_submit(&s));
	o = expect(ear, WEIR_CMD_CHANNEL_FULL_NTF, WEIR_A_CHANNEL_NAME, self->name);
	ASSERT_NE(NULL, o);
	EXPECT_EQ(4, nl_num(o, WEIR_A_CHANNEL_READY));
	raw_close(&s);
	close(ear);
}

TEST_F(nlevents, a_draining_channel_becomes_empty)
{
	int ear = nl_listen();
	struct weir_cqe cqe;
	struct nl_obj *o;
	struct raw r;

	ASSERT_GE(ear, 0);
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_send_nums(&r, 0, 1));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_STATE,
						     WEIR_CHANNEL_STATE_DRAINING))));
	ASSERT_EQ(0, raw_next(&r, &cqe));
	ASSERT_EQ(1, raw_ack(&r, cqe.token));
	o = expect(ear, WEIR_CMD_CHANNEL_EMPTY_NTF, WEIR_A_CHANNEL_NAME, self->name);
	ASSERT_NE(NULL, o);
	EXPECT_EQ(0, nl_num(o, WEIR_A_CHANNEL_READY));
	EXPECT_EQ(0, nl_num(o, WEIR_A_CHANNEL_INFLIGHT_NOW));
	raw_close(&r);
	close(ear);
}

/* One that was empty before is told of, too: whoever drains waits for it. */
TEST_F(nlevents, an_empty_channel_that_drains_says_so)
{
	int ear = nl_listen();

	ASSERT_GE(ear, 0);
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_STATE,
						     WEIR_CHANNEL_STATE_DRAINING))));
	EXPECT_NE(NULL, expect(ear, WEIR_CMD_CHANNEL_EMPTY_NTF, WEIR_A_CHANNEL_NAME,
			       self->name));
	close(ear);
}

TEST_HARNESS_MAIN
