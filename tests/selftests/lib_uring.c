// SPDX-License-Identifier: GPL-2.0-only
/* A handle through io_uring, and one for which there is none. */
#include "lib_bed.h"

#define DISABLED	"/proc/sys/kernel/io_uring_disabled"

static int disable(const char *value)
{
	int fd = open(DISABLED, O_WRONLY), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

FIXTURE(uring) {
	char name[NAME_ROOM];
};

FIXTURE_SETUP(uring)
{
	ASSERT_EQ(0, new_channel(self->name, (struct weir_channel_opts){
					.inflight = 64 }));
}

FIXTURE_TEARDOWN_PARENT(uring)
{
	EXPECT_EQ(0, disable("0"));
	EXPECT_EQ(0, weir_channel_del(self->name, 1, NULL, 0));
}

TEST_F(uring, a_handle_says_what_it_uses)
{
	struct weir *w;

	w = open_as(self->name, 0);
	ASSERT_TRUE(w);
	EXPECT_EQ(0, weir_uring(w));
	weir_close(w);
	w = open_as(self->name, WEIR_OPEN_URING);
	ASSERT_TRUE(w);
	EXPECT_EQ(1, weir_uring(w));
	EXPECT_STREQ("", weir_error(w));
	weir_close(w);
}

static void go_round(struct __test_metadata *_metadata, const char *name)
{
	struct weir_outcome out;
	struct weir *s, *w;
	struct weir_msg m;
	int i;

	s = open_as(name, WEIR_OPEN_SEND | WEIR_OPEN_URING);
	w = open_as(name, WEIR_OPEN_WORK | WEIR_OPEN_URING);
	ASSERT_TRUE(s && w);
	EXPECT_EQ(0, weir_recv(w, &m, 0));
	EXPECT_EQ(0, weir_recv(w, &m, 5));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, send_text(s, "round"));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_TRUE(is_text(&m, "round"));
		EXPECT_EQ(0, weir_ack(w, &m));
	}
	EXPECT_EQ(0, weir_flush(w, -1));
	EXPECT_EQ(0, weir_settle(s, PATIENCE_MS, &out));
	EXPECT_EQ(100, out.acked);
	weir_close(s);
	weir_close(w);
}

TEST_F(uring, messages_go_round)
{
	go_round(_metadata, self->name);
}

TEST_F(uring, where_it_is_blocked_ioctl_does_it)
{
	struct weir *w;

	if (disable("2") == -ENOENT)
		SKIP(return, "no " DISABLED);
	w = open_as(self->name, WEIR_OPEN_URING);
	ASSERT_TRUE(w);
	EXPECT_EQ(-EPERM, weir_uring(w));
	EXPECT_STREQ("ioctl is used: io_uring is blocked here (errno 1)",
		     weir_error(w));
	weir_close(w);
	go_round(_metadata, self->name);
}

/* A handle may go from thread to thread. */
static void *recv_one(void *arg)
{
	struct weir_msg m;

	return weir_recv(arg, &m, PATIENCE_MS) == 1 && !weir_ack(arg, &m) ?
		arg : NULL;
}

TEST_F(uring, another_thread_may_take_it_over)
{
	pthread_t thread;
	struct weir *s, *w;
	void *ret;
	int i;

	s = open_as(self->name, WEIR_OPEN_SEND | WEIR_OPEN_URING);
	w = open_as(self->name, WEIR_OPEN_WORK | WEIR_OPEN_URING);
	ASSERT_TRUE(s && w);
	for (i = 0; i < 4; i++) {
		if (i & 1)
			ASSERT_EQ(0, send_text(s, "before"));
		ASSERT_EQ(0, pthread_create(&thread, NULL, recv_one, w));
		if (!(i & 1))
			ASSERT_EQ(0, send_text(s, "meanwhile"));
		ASSERT_EQ(0, pthread_join(thread, &ret));
		EXPECT_EQ(w, ret);
	}
	weir_close(s);
	weir_close(w);
}

TEST_F(uring, a_forked_child_may_only_close_it)
{
	struct weir *s;
	int status;
	pid_t pid;

	s = open_as(self->name, WEIR_OPEN_SEND | WEIR_OPEN_URING);
	ASSERT_TRUE(s);
	pid = fork();
	if (!pid) {
		EXPECT_EQ(-EBUSY, send_text(s, "x"));
		weir_close(s);
		_exit(_metadata->exit_code);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, send_text(s, "still here"));
	EXPECT_EQ(0, weir_flush(s, PATIENCE_MS));
	weir_close(s);
}

TEST_HARNESS_MAIN
