// SPDX-License-Identifier: GPL-2.0-only
/* Who may see and change what over netlink. */
#include <sched.h>

#include "kselftest_harness.h"

#include "bed.h"

/* One that nobody else may open, one that all may read, one that NOBODY owns. */
FIXTURE(rights) {
	char secret[CHAN_ROOM], open[CHAN_ROOM], own[CHAN_ROOM];
};

FIXTURE_SETUP(rights)
{
	ASSERT_EQ(0, chan_new(self->secret, ATTRS(A_U32(WEIR_A_CHANNEL_PERM, 0600))));
	ASSERT_EQ(0, chan_new(self->open, ATTRS(A_U32(WEIR_A_CHANNEL_PERM, 0604))));
	ASSERT_EQ(0, chan_new(self->own, ATTRS(A_U32(WEIR_A_CHANNEL_PERM, 0600),
					      A_U32(WEIR_A_CHANNEL_UID, NOBODY))));
}

FIXTURE_TEARDOWN_PARENT(rights)
{
	EXPECT_EQ(0, chan_end(self->secret));
	EXPECT_EQ(0, chan_end(self->open));
	EXPECT_EQ(0, chan_end(self->own));
}

TEST_F(rights, changing_is_refused)
{
	static const struct {
		int cmd, attr;
	} changes[] = {
		{ WEIR_CMD_CHANNEL_SET, WEIR_A_CHANNEL_NAME },
		{ WEIR_CMD_CHANNEL_DEL, WEIR_A_CHANNEL_NAME },
		{ WEIR_CMD_CHANNEL_PURGE, WEIR_A_CHANNEL_NAME },
		{ WEIR_CMD_MESSAGE_RELEASE, WEIR_A_MESSAGE_CHANNEL },
		{ WEIR_CMD_MESSAGE_REQUEUE, WEIR_A_MESSAGE_CHANNEL },
		{ WEIR_CMD_MESSAGE_KILL, WEIR_A_MESSAGE_CHANNEL },
		{ WEIR_CMD_CLIENT_KICK, WEIR_A_CLIENT_CHANNEL },
	};
	char name[CHAN_ROOM];
	struct kid k;
	size_t i;

	if (kid_fork_nobody(&k)) {
		EXPECT_EQ(-EPERM, chan_new(name, NO_ATTRS));
		EXPECT_STRNE("", nl_last.text);
		for (i = 0; i < ARRAY_SIZE(changes); i++) {
			EXPECT_EQ(-EPERM, nl_do(changes[i].cmd,
						ATTRS(A_STR(changes[i].attr, self->open))))
				TH_LOG("command %d", changes[i].cmd);
			EXPECT_STRNE("", nl_last.text);
			EXPECT_EQ(-EPERM, nl_do(changes[i].cmd,
						ATTRS(A_STR(changes[i].attr, self->secret))))
				TH_LOG("command %d", changes[i].cmd);
		}
		_exit(0);
	}
	EXPECT_EQ(0, kid_end(&k));
	EXPECT_EQ(WEIR_CHANNEL_STATE_RUNNING, CHAN(self->open, STATE));
}

TEST_F(rights, reading_goes_by_the_device_file)
{
	static const struct {
		int cmd, attr;
	} reads[] = {
		{ WEIR_CMD_CHANNEL_GET, WEIR_A_CHANNEL_NAME },
		{ WEIR_CMD_POOL_GET, WEIR_A_POOL_NAME },
		{ WEIR_CMD_STATS_GET, WEIR_A_STATS_CHANNEL },
	};
	struct kid k;
	size_t i;

	if (kid_fork_nobody(&k)) {
		for (i = 0; i < ARRAY_SIZE(reads); i++) {
			EXPECT_EQ(-EACCES, nl_do(reads[i].cmd,
						 ATTRS(A_STR(reads[i].attr, self->secret))))
				TH_LOG("command %d", reads[i].cmd);
			EXPECT_STRNE("", nl_last.text);
			EXPECT_EQ(0, nl_do(reads[i].cmd,
					   ATTRS(A_STR(reads[i].attr, self->open))));
			EXPECT_EQ(0, nl_do(reads[i].cmd,
					   ATTRS(A_STR(reads[i].attr, self->own))));
			EXPECT_EQ(0, nl_dump(reads[i].cmd, NULL));
			EXPECT_EQ(NULL, nl_find(reads[i].attr, self->secret));
			EXPECT_NE(NULL, nl_find(reads[i].attr, self->open));
			EXPECT_NE(NULL, nl_find(reads[i].attr, self->own));
		}
		EXPECT_EQ(-EACCES, nl_dump(WEIR_CMD_MESSAGE_GET,
					   ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->secret))));
		EXPECT_EQ(-EACCES, nl_dump(WEIR_CMD_CLIENT_GET,
					   ATTRS(A_STR(WEIR_A_CLIENT_CHANNEL, self->secret))));
		EXPECT_EQ(-EACCES, nl_do(WEIR_CMD_CLIENT_GET,
					 ATTRS(A_STR(WEIR_A_CLIENT_CHANNEL, self->secret),
					       A_U32(WEIR_A_CLIENT_ID, 1))));
		_exit(0);
	}
	EXPECT_EQ(0, kid_end(&k));
}

TEST_F(rights, clients_of_closed_channels_are_left_out)
{
	struct raw a, b;
	struct kid k;

	ASSERT_EQ(0, raw_open(&a, self->secret, RAW_SEND));
	ASSERT_EQ(0, raw_open(&b, self->open, RAW_SEND));
	if (kid_fork_nobody(&k)) {
		EXPECT_EQ(0, nl_dump(WEIR_CMD_CLIENT_GET, NULL));
		EXPECT_EQ(NULL, nl_find(WEIR_A_CLIENT_CHANNEL, self->secret));
		EXPECT_NE(NULL, nl_find(WEIR_A_CLIENT_CHANNEL, self->open));
		_exit(0);
	}
	EXPECT_EQ(0, kid_end(&k));
	raw_close(&a);
	raw_close(&b);
}

TEST_F(rights, a_payload_needs_the_right_to_read)
{
	struct raw s;
	struct kid k;

	ASSERT_EQ(0, raw_open(&s, self->open, RAW_SEND));
	ASSERT_EQ(0, raw_send(&s, "payload", 7));
	if (kid_fork_nobody(&k)) {
		EXPECT_EQ(7, message_num(self->open, 1, WEIR_A_MESSAGE_LEN));
		EXPECT_TRUE(nl_has(nl_first(), WEIR_A_MESSAGE_PAYLOAD));
		_exit(0);
	}
	EXPECT_EQ(0, kid_end(&k));
	ASSERT_EQ(0, chan_set(self->open, ATTRS(A_U32(WEIR_A_CHANNEL_PERM, 0602))));
	if (kid_fork_nobody(&k)) {
		EXPECT_EQ(7, message_num(self->open, 1, WEIR_A_MESSAGE_LEN));
		EXPECT_FALSE(nl_has(nl_first(), WEIR_A_MESSAGE_PAYLOAD));
		_exit(0);
	}
	EXPECT_EQ(0, kid_end(&k));
	raw_close(&s);
}

TEST_F(rights, an_owner_changes_what_is_within_its_quota)
{
	struct kid k;

	if (kid_fork_nobody(&k)) {
		EXPECT_EQ(0, chan_set(self->own,
				      ATTRS(A_U32(WEIR_A_CHANNEL_STATE,
						  WEIR_CHANNEL_STATE_PAUSED))));
		EXPECT_EQ(0, chan_set(self->own, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 3))));
		EXPECT_EQ(-EPERM, chan_set(self->own,
					   ATTRS(A_U64(WEIR_A_CHANNEL_MEMORY_MAX, 1 << 20))));
		EXPECT_EQ(-EPERM, chan_set(self->own,
					   ATTRS(A_U32(WEIR_A_CHANNEL_MESSAGES, 1))));
		EXPECT_EQ(-EPERM, chan_set(self->own, ATTRS(A_U32(WEIR_A_CHANNEL_PERM, 0666))));
		EXPECT_EQ(-EPERM, chan_set(self->own, ATTRS(A_U32(WEIR_A_CHANNEL_UID, 0))));
		EXPECT_EQ(-EPERM, chan_set(self->own, ATTRS(A_U32(WEIR_A_CHANNEL_GID, 0))));
		/* Together with something it may. */
		EXPECT_EQ(-EPERM, chan_set(self->own,
					   ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 4),
						 A_U32(WEIR_A_CHANNEL_MESSAGES, 1))));
		EXPECT_EQ(0, nl_do(WEIR_CMD_CHANNEL_PURGE,
				   ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->own))));
		EXPECT_EQ(0, nl_do(WEIR_CMD_MESSAGE_REQUEUE,
				   ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->own),
					 A_FLAG(WEIR_A_MESSAGE_ALL))));
		_exit(0);
	}
	EXPECT_EQ(0, kid_end(&k));
	EXPECT_EQ(WEIR_CHANNEL_STATE_PAUSED, CHAN(self->own, STATE));
	EXPECT_EQ(3, CHAN(self->own, BATCH));
	EXPECT_EQ(65536, CHAN(self->own, MESSAGES));
	EXPECT_EQ(0600, CHAN(self->own, PERM));
	EXPECT_EQ(NOBODY, CHAN(self->own, UID));
}

TEST_F(rights, an_owner_kicks_its_clients_and_no_others)
{
	struct raw a, b;
	struct kid k;

	ASSERT_EQ(0, raw_open(&a, self->own, RAW_SEND));
	ASSERT_EQ(0, raw_open(&b, self->open, RAW_SEND));
	if (kid_fork_nobody(&k)) {
		EXPECT_EQ(0, nl_do(WEIR_CMD_CLIENT_KICK,
				   ATTRS(A_U32(WEIR_A_CLIENT_PID, getppid()))));
		EXPECT_GT(0, nl_do(WEIR_CMD_CLIENT_KICK,
				   ATTRS(A_U32(WEIR_A_CLIENT_PID, getppid()))));
		_exit(0);
	}
	EXPECT_EQ(0, kid_end(&k));
	EXPECT_EQ(-ESHUTDOWN, raw_enter(&a, 0, 0, 0, 0));
	EXPECT_EQ(0, raw_enter(&b, 0, 0, 0, 0));
	raw_close(&a);
	raw_close(&b);
}

/* Root of a namespace of one's own is not root. */
TEST_F(rights, root_in_a_user_namespace_is_nobody)
{
	char name[CHAN_ROOM];
	struct kid k;
	int ret;

	if (kid_fork_nobody(&k)) {
		if (unshare(CLONE_NEWUSER))
			_exit(KSFT_SKIP);
		EXPECT_EQ(-EPERM, chan_new(name, NO_ATTRS));
		EXPECT_EQ(-EPERM, chan_set(self->open, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 1))));
		EXPECT_EQ(-EPERM, chan_del(self->open, true));
		EXPECT_EQ(-EACCES, nl_do(WEIR_CMD_CHANNEL_GET,
					 ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->secret))));
		_exit(0);
	}
	ret = kid_end(&k);
	if (ret == KSFT_SKIP)
		SKIP(return, "unshare(CLONE_NEWUSER)");
	EXPECT_EQ(0, ret);
	EXPECT_EQ(64, CHAN(self->open, BATCH));
}

/* In a network namespace of its own, a container sees what it may open. */
TEST_F(rights, other_network_namespaces_see_the_same)
{
	struct kid k, in;
	int ret;

	if (kid_fork(&k)) {
		if (unshare(CLONE_NEWNET))
			_exit(KSFT_SKIP);
		EXPECT_EQ(64, CHAN(self->secret, BATCH));
		if (kid_fork_nobody(&in)) {
			EXPECT_EQ(64, CHAN(self->open, BATCH));
			EXPECT_EQ(~0ULL, CHAN(self->secret, BATCH));
			_exit(0);
		}
		_exit(kid_end(&in));
	}
	ret = kid_end(&k);
	if (ret == KSFT_SKIP)
		SKIP(return, "unshare(CLONE_NEWNET)");
	EXPECT_EQ(0, ret);
}

/* Numbers of processes are the reader's. */
TEST_F(rights, other_process_namespaces_see_no_foreign_pids)
{
	struct kid k, in;
	struct raw s;
	int ret;

	ASSERT_EQ(0, raw_open(&s, self->open, RAW_SEND));
	if (kid_fork(&k)) {
		if (unshare(CLONE_NEWPID))
			_exit(KSFT_SKIP);
		if (kid_fork(&in)) {
			EXPECT_EQ(0, client_num(self->open, s.at.client_id,
						WEIR_A_CLIENT_PID));
			_exit(0);
		}
		_exit(kid_end(&in));
	}
	ret = kid_end(&k);
	if (ret == KSFT_SKIP)
		SKIP(return, "unshare(CLONE_NEWPID)");
	EXPECT_EQ(0, ret);
	EXPECT_EQ(getpid(), client_num(self->open, s.at.client_id, WEIR_A_CLIENT_PID));
	raw_close(&s);
}

TEST_HARNESS_MAIN
