// SPDX-License-Identifier: GPL-2.0-only
/* Open, rights and roles; create and delete channels. */
#include "lib_bed.h"

PLAIN_CHANNEL

TEST_F(plain, names_and_options_are_checked)
{
	struct {
		struct weir_opts o;
		uint64_t later;
	} big = { .o.size = sizeof(big) };
	struct weir_opts o = { 0 };
	struct weir *w = (void *)1;
	int fd;

	EXPECT_EQ(-ENOENT, weir_open(&w, "no-such-channel", NULL));
	EXPECT_EQ(NULL, w);
	EXPECT_EQ(-EINVAL, weir_open(&w, "", NULL));
	EXPECT_EQ(-EINVAL, weir_open(&w, "../null", NULL));
	EXPECT_EQ(-EINVAL, weir_open(&w, ".hidden", NULL));
	EXPECT_EQ(-EINVAL, weir_open(&w,
		"a-name-of-thirty-two-characters-", NULL));

	o.size = 8;
	EXPECT_EQ(-EINVAL, weir_open(&w, self->name, &o));
	o.size = sizeof(o);
	o.flags = 1U << 31;
	EXPECT_EQ(-EINVAL, weir_open(&w, self->name, &o));
	o.flags = 0;
	o.resv[3] = 1;
	EXPECT_EQ(-EINVAL, weir_open(&w, self->name, &o));
	o.resv[3] = 0;
	o.sq_entries = 3;
	EXPECT_EQ(-EINVAL, weir_open(&w, self->name, &o));
	o.sq_entries = 0;
	o.inflight = 513;
	EXPECT_EQ(-EINVAL, weir_open(&w, self->name, &o));
	o.inflight = 0;
	EXPECT_EQ(0, weir_open(&w, self->name, &o));
	weir_close(w);
	o.size = 0;
	EXPECT_EQ(0, weir_open(&w, self->name, &o));
	weir_close(w);
	EXPECT_EQ(0, weir_open(&w, self->name, &big.o));
	weir_close(w);
	big.later = 1;
	EXPECT_EQ(-E2BIG, weir_open(&w, self->name, &big.o));

	fd = open("/dev/null", O_RDWR);
	EXPECT_EQ(-ENOTTY, weir_open_fd(&w, fd, NULL));
	EXPECT_EQ(NULL, w);
	close(fd);
	EXPECT_EQ(-EBADF, weir_open_fd(&w, fd, NULL));

	EXPECT_STREQ("", weir_error(NULL));
	weir_close(NULL);
}

TEST_F(plain, fd_stays_the_callers)
{
	char path[64];
	struct weir *w;
	int fd;

	snprintf(path, sizeof(path), "/dev/weir/%s", self->name);
	fd = open(path, O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, weir_open_fd(&w, fd, NULL));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, send_text(w, "by fd"));
	EXPECT_EQ(FD_CLOEXEC, fcntl(weir_fd(w), F_GETFD));
	weir_close(w);
}

TEST_F(plain, role_follows_the_open_mode)
{
	struct weir_opts o = { .size = sizeof(o), .flags = WEIR_OPEN_WORK };
	struct weir_msg m = { 0 };
	char path[64];
	struct weir *w;
	void *buf;
	int fd;

	snprintf(path, sizeof(path), "/dev/weir/%s", self->name);
	fd = open(path, O_WRONLY);
	EXPECT_EQ(-EACCES, weir_open_fd(&w, fd, &o));
	ASSERT_EQ(0, weir_open_fd(&w, fd, NULL));
	EXPECT_EQ(-EPERM, weir_recv(w, &m, 0));
	EXPECT_EQ(-EPERM, weir_ack(w, &m));
	EXPECT_EQ(-EPERM, weir_drain(w));
	EXPECT_STREQ("the handle was not opened for working", weir_error(w));
	weir_close(w);
	close(fd);

	fd = open(path, O_RDONLY);
	ASSERT_EQ(0, weir_open_fd(&w, fd, NULL));
	EXPECT_EQ(-EPERM, send_text(w, "x"));
	EXPECT_EQ(-EPERM, weir_loan(w, 1, &buf));
	EXPECT_EQ(-EPERM, weir_settle(w, 0, NULL));
	EXPECT_STREQ("the handle was not opened for sending", weir_error(w));
	EXPECT_EQ(0, weir_recv(w, &m, 0));
	weir_close(w);
	close(fd);
}

FIXTURE(perm) {
	char name[NAME_ROOM];
};

FIXTURE_VARIANT(perm) {
	uint32_t perm;
	int send, recv;
};

FIXTURE_VARIANT_ADD(perm, write_only) { 0602, 0, -EPERM };
FIXTURE_VARIANT_ADD(perm, read_only) { 0604, -EPERM, 0 };
FIXTURE_VARIANT_ADD(perm, both) { 0606, 0, 1 };

FIXTURE_SETUP(perm)
{
	ASSERT_EQ(0, new_channel(self->name,
		(struct weir_channel_opts){ .perm = variant->perm }));
}

FIXTURE_TEARDOWN_PARENT(perm)
{
	EXPECT_EQ(0, weir_channel_del(self->name, 1, NULL, 0));
}

TEST_F(perm, default_role_is_what_the_file_allows)
{
	struct weir_msg m;
	struct weir *w;

	ASSERT_EQ(0, setgid(65534));
	ASSERT_EQ(0, setuid(65534));
	ASSERT_EQ(0, weir_open(&w, self->name, NULL));
	EXPECT_EQ(variant->send, send_text(w, "x"));
	EXPECT_EQ(variant->recv, weir_recv(w, &m, 0));
	weir_close(w);
}

/* ---- channels --------------------------------------------------------- */

TEST_F(plain, channel_refusals_have_a_sentence)
{
	struct weir_channel_opts o = { .size = sizeof(o), .batch = 4096 };
	char err[256], few[4];

	EXPECT_EQ(-EEXIST, weir_channel_add(self->name, NULL, err, sizeof(err)));
	EXPECT_LT(8, strlen(err));
	EXPECT_EQ(-EEXIST, weir_channel_add(self->name, NULL, few, sizeof(few)));
	EXPECT_EQ(3, strlen(few));
	EXPECT_EQ(-EEXIST, weir_channel_add(self->name, NULL, NULL, 0));
	EXPECT_GT(0, weir_channel_add("lib-out-of-range", &o, err, sizeof(err)));
	EXPECT_LT(8, strlen(err));
	EXPECT_EQ(-EINVAL, weir_channel_add("", NULL, err, sizeof(err)));
	EXPECT_EQ(-EINVAL, weir_channel_add("a-name-of-thirty-two-characters-",
					    NULL, err, sizeof(err)));
	EXPECT_GT(0, weir_channel_add("-x", NULL, err, sizeof(err)));
	o = (struct weir_channel_opts){ .size = sizeof(o), .flags = 1U << 31 };
	EXPECT_EQ(-EINVAL, weir_channel_add("lib-x", &o, err, sizeof(err)));
	o.flags = WEIR_CHANNEL_DROP_NEW | WEIR_CHANNEL_DROP_OLD;
	EXPECT_EQ(-EINVAL, weir_channel_add("lib-x", &o, err, sizeof(err)));
	o.flags = WEIR_CHANNEL_BATCH_AUTO;
	o.batch = 1;
	EXPECT_EQ(-EINVAL, weir_channel_add("lib-x", &o, err, sizeof(err)));
	o = (struct weir_channel_opts){ .size = sizeof(o), .priorities = 9 };
	EXPECT_EQ(-EINVAL, weir_channel_add("lib-x", &o, err, sizeof(err)));
	EXPECT_STREQ("priorities 9 is out of range 1..8", err);
	o = (struct weir_channel_opts){ .size = sizeof(o), .sender_max = 101 };
	EXPECT_EQ(-EINVAL, weir_channel_add("lib-x", &o, err, sizeof(err)));
	EXPECT_STREQ("sender-max 101 is out of range 1..100", err);
	EXPECT_EQ(-ENODEV, weir_channel_del("lib-x", 0, err, sizeof(err)));
	EXPECT_LT(8, strlen(err));
	EXPECT_EQ(0, weir_channel_add("lib-x", NULL, err, sizeof(err)));
	EXPECT_STREQ("", err);
	EXPECT_EQ(0, weir_channel_del("lib-x", 0, err, sizeof(err)));
}

TEST_F(plain, held_channel_is_deleted_by_force_only)
{
	struct weir *s = sender(self->name);
	char err[256];

	ASSERT_EQ(0, send_text(s, "x"));
	EXPECT_EQ(-EBUSY, weir_channel_del(self->name, 0, err, sizeof(err)));
	EXPECT_LT(8, strlen(err));
	weir_close(s);
}

TEST_HARNESS_MAIN
