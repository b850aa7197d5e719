// SPDX-License-Identifier: GPL-2.0-only
/* The device file itself: its rights, and write(2) and read(2) on it. */
#include <pthread.h>
#include <sys/uio.h>

#include "kselftest_harness.h"

#include "bed.h"

CHANNEL_FIXTURE(device, A_U32(WEIR_A_CHANNEL_MESSAGES, 4),
		A_U32(WEIR_A_CHANNEL_MESSAGE_MAX, 8192),
		A_U32(WEIR_A_CHANNEL_MAX_ATTEMPTS, 3),
		A_U32(WEIR_A_CHANNEL_REDELIVER_MAX, 5),
		A_U64(WEIR_A_CHANNEL_MEMORY_MAX, 1 << 20))

/* write(2) and read(2), with the errno as a negative result. */
static ssize_t put(int fd, const char *text)
{
	ssize_t n = write(fd, text, strlen(text));

	return n < 0 ? -errno : n;
}

static ssize_t get(int fd, char *buf, size_t len)
{
	ssize_t n;

	memset(buf, 0, len);
	n = read(fd, buf, len);
	return n < 0 ? -errno : n;
}

TEST_F(device, one_write_is_one_message)
{
	char buf[64];
	int fd;

	fd = raw_device(self->name, O_RDWR);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(5, put(fd, "first"));
	EXPECT_EQ(6, put(fd, "second"));
	EXPECT_EQ(2, STAT(self->name, READY));
	EXPECT_EQ(11, STAT(self->name, BYTES));
	EXPECT_EQ(5, get(fd, buf, sizeof(buf)));
	EXPECT_STREQ("first", buf);
	EXPECT_EQ(1, STAT(self->name, INFLIGHT));
	/* The next one acknowledges it. */
	EXPECT_EQ(6, get(fd, buf, sizeof(buf)));
	EXPECT_STREQ("second", buf);
	EXPECT_EQ(1, STAT(self->name, ACKED));
	EXPECT_EQ(1, STAT(self->name, INFLIGHT));
	EXPECT_EQ(0, fsync(fd));
	EXPECT_EQ(2, STAT(self->name, ACKED));
	EXPECT_EQ(0, STAT(self->name, INFLIGHT));
	EXPECT_EQ(0, fsync(fd));
	close(fd);
}

TEST_F(device, a_vector_is_one_message_too)
{
	struct iovec iov[3] = { { "ab", 2 }, { "cde", 3 }, { "f", 1 } };
	char buf[64];
	int fd = raw_device(self->name, O_RDWR);
	ssize_t n = writev(fd, iov, 3);

	/* Or it is refused; it must not be three, or one with a part of it. */
	if (n == 6) {
		EXPECT_EQ(6, get(fd, buf, sizeof(buf)));
		EXPECT_STREQ("abcdef", buf);
		EXPECT_EQ(0, fsync(fd));
		EXPECT_EQ(1, STAT(self->name, ACCEPTED));
	} else {
		EXPECT_EQ(-1, n);
		EXPECT_EQ(0, STAT(self->name, ACCEPTED));
	}
	close(fd);
}

TEST_F(device, workers_get_what_was_written)
{
	struct weir_cqe cqe;
	struct raw w;
	int fd = raw_device(self->name, O_WRONLY);

	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	EXPECT_EQ(4, put(fd, "text"));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(4, cqe.len);
	EXPECT_EQ(0, cqe.src);
	EXPECT_EQ(0, memcmp(w.ro + cqe.addr, "text", 4));
	EXPECT_EQ(1, raw_ack(&w, cqe.token));
	close(fd);
	raw_close(&w);
}

TEST_F(device, readers_get_what_was_sent)
{
	char buf[8192];
	struct raw s;
	int fd = raw_device(self->name, O_RDONLY);

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send(&s, "sent", 4));
	EXPECT_EQ(4, get(fd, buf, sizeof(buf)));
	EXPECT_STREQ("sent", buf);
	EXPECT_EQ(0, fsync(fd));
	ASSERT_EQ(0, raw_wait_returns(&s, 1));
	ASSERT_EQ(0, raw_send(&s, memset(buf, 'z', 8192), 8192));
	EXPECT_EQ(8192, get(fd, buf, sizeof(buf)));
	EXPECT_EQ('z', buf[8191]);
	EXPECT_EQ(0, fsync(fd));
	close(fd);
	raw_close(&s);
}

TEST_F(device, close_gives_back_uncounted)
{
	struct weir_cqe cqe;
	char buf[64];
	struct raw w;
	int fd = raw_device(self->name, O_RDWR);

	EXPECT_EQ(1, put(fd, "a"));
	EXPECT_EQ(1, get(fd, buf, sizeof(buf)));
	close(fd);
	EXPECT_EQ(1, STAT(self->name, READY));
	EXPECT_EQ(0, STAT(self->name, DEATHS));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(1, cqe.attempts);
	EXPECT_EQ(WEIR_CQE_REDELIVERED, cqe.flags);
	EXPECT_EQ(1, raw_ack(&w, cqe.token));
	raw_close(&w);
}

TEST_F(device, death_gives_back_counted_whoever_has_the_file)
{
	struct weir_cqe cqe;
	char buf[64];
	struct raw w;
	struct kid k;
	int fd = raw_device(self->name, O_RDWR);

	EXPECT_EQ(1, put(fd, "a"));
	if (kid_fork(&k)) {
		EXPECT_EQ(1, get(fd, buf, sizeof(buf)));
		kid_say(&k, 'r');
		kid_hold(&k);
	}
	ASSERT_EQ('r', kid_hear(&k));
	EXPECT_EQ(1, STAT(self->name, INFLIGHT));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	EXPECT_EQ(0, STAT(self->name, INFLIGHT));
	EXPECT_EQ(1, STAT(self->name, READY));
	EXPECT_EQ(1, STAT(self->name, CRASHED_SEEN));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(2, cqe.attempts);
	EXPECT_EQ(1, raw_ack(&w, cqe.token));
	/* The file is still good for others. */
	EXPECT_EQ(1, put(fd, "b"));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(1, raw_ack(&w, cqe.token));
	close(fd);
	raw_close(&w);
}

TEST_F(device, a_short_buffer_takes_nothing)
{
	struct weir_cqe cqe;
	char buf[64];
	struct raw w;
	int i, fd = raw_device(self->name, O_RDWR | O_NONBLOCK);

	EXPECT_EQ(10, put(fd, "0123456789"));
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(-EMSGSIZE, get(fd, buf, i % 10));
		EXPECT_EQ(1, STAT(self->name, READY));
		EXPECT_EQ(0, STAT(self->name, INFLIGHT));
	}
	EXPECT_EQ(0, STAT(self->name, DEAD));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(1, cqe.attempts);
	EXPECT_EQ(1, raw_ack(&w, cqe.token));
	close(fd);
	raw_close(&w);
}

TEST_F(device, sizes_are_checked)
{
	char *big = malloc(8193), buf[64];
	int fd = raw_device(self->name, O_RDWR | O_NONBLOCK);

	memset(big, 'x', 8193);
	EXPECT_EQ(-1, write(fd, big, 8193));
	EXPECT_EQ(EMSGSIZE, errno);
	EXPECT_EQ(-1, write(fd, big, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(8192, write(fd, big, 8192));
	EXPECT_EQ(-EMSGSIZE, get(fd, buf, sizeof(buf)));
	EXPECT_EQ(1, STAT(self->name, ACCEPTED));
	close(fd);
}

TEST_F(device, bad_pointers_are_faults_and_lose_nothing)
{
	char *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = raw_device(self->name, O_RDWR | O_NONBLOCK);
	char buf[64];

	EXPECT_EQ(-1, write(fd, nowhere, 10));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, STAT(self->name, ACCEPTED));
	EXPECT_EQ(2, put(fd, "ok"));
	EXPECT_EQ(-1, read(fd, nowhere, 10));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(2, get(fd, buf, sizeof(buf)));
	EXPECT_EQ(0, fsync(fd));
	close(fd);
}

TEST_F(device, nonblock)
{
	char buf[64];
	int i, fd = raw_device(self->name, O_RDWR | O_NONBLOCK);

	EXPECT_EQ(-EAGAIN, get(fd, buf, sizeof(buf)));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(1, put(fd, "x"));
	EXPECT_EQ(-EAGAIN, put(fd, "x"));
	EXPECT_EQ(4, STAT(self->name, ACCEPTED));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_OVERFLOW,
						     WEIR_OVERFLOW_ERROR))));
	EXPECT_EQ(-ENOBUFS, put(fd, "x"));
	/* An attempt to read that finds nothing has acknowledged all the same. */
	for (i = 0; i < 4; i++)
		EXPECT_EQ(1, get(fd, buf, sizeof(buf)));
	EXPECT_EQ(-EAGAIN, get(fd, buf, sizeof(buf)));
	EXPECT_EQ(4, STAT(self->name, ACKED));
	close(fd);
}

/* A reader that does not read gets nothing, so that it keeps nothing from others. */
TEST_F(device, an_open_file_is_no_worker)
{
	struct weir_cqe cqe;
	struct raw w;
	int fd = raw_device(self->name, O_RDWR | O_NONBLOCK);

	EXPECT_EQ(1, put(fd, "x"));
	EXPECT_EQ(1, STAT(self->name, READY));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(1, raw_ack(&w, cqe.token));
	close(fd);
	raw_close(&w);
}

TEST_F(device, poll_tells_of_messages_and_room)
{
	struct pollfd p = { .events = POLLIN | POLLOUT };
	char buf[64];
	int i, fd = raw_device(self->name, O_RDWR);

	p.fd = fd;
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLOUT, p.revents);
	EXPECT_EQ(1, put(fd, "x"));
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLIN | POLLOUT, p.revents);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(1, put(fd, "x"));
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLIN, p.revents);
	EXPECT_EQ(1, get(fd, buf, sizeof(buf)));
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLIN | POLLOUT, p.revents);
	close(fd);
}

TEST_F(device, poll_wakes_a_reader)
{
	struct pollfd p = { .events = POLLIN };
	struct kid k;
	char buf[8];
	int fd;

	if (kid_fork(&k)) {
		p.fd = raw_device(self->name, O_RDONLY);
		kid_say(&k, 'p');
		EXPECT_EQ(1, poll(&p, 1, RAW_PATIENCE / MS));
		EXPECT_EQ(POLLIN, p.revents);
		EXPECT_EQ(1, get(p.fd, buf, sizeof(buf)));
		EXPECT_EQ(0, fsync(p.fd));
		_exit(0);
	}
	ASSERT_EQ('p', kid_hear(&k));
	ASSERT_TRUE(WAIT_FOR(kid_sleeps(k.pid)));
	fd = raw_device(self->name, O_WRONLY);
	EXPECT_EQ(1, put(fd, "x"));
	EXPECT_EQ(0, kid_end(&k));
	close(fd);
}

TEST_F(device, a_read_waits_for_a_message)
{
	struct kid k;
	char buf[8];
	int fd;

	if (kid_fork(&k)) {
		fd = raw_device(self->name, O_RDONLY);
		kid_say(&k, 'r');
		EXPECT_EQ(1, get(fd, buf, sizeof(buf)));
		EXPECT_EQ(0, fsync(fd));
		_exit(0);
	}
	ASSERT_EQ('r', kid_hear(&k));
	ASSERT_TRUE(WAIT_FOR(kid_sleeps(k.pid)));
	fd = raw_device(self->name, O_WRONLY);
	EXPECT_EQ(1, put(fd, "x"));
	EXPECT_EQ(0, kid_end(&k));
	close(fd);
}

TEST_F(device, a_write_waits_for_room)
{
	struct kid k;
	char buf[8];
	int i, fd;

	fd = raw_device(self->name, O_RDWR);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(1, put(fd, "x"));
	if (kid_fork(&k)) {
		kid_say(&k, 'w');
		EXPECT_EQ(4, put(fd, "last"));
		_exit(0);
	}
	ASSERT_EQ('w', kid_hear(&k));
	ASSERT_TRUE(WAIT_FOR(STAT(self->name, BLOCKED) >= 1 && kid_sleeps(k.pid)));
	EXPECT_EQ(1, get(fd, buf, sizeof(buf)));
	EXPECT_EQ(0, kid_end(&k));
	EXPECT_EQ(5, STAT(self->name, ACCEPTED));
	close(fd);
}

/* Memory is a limit as well: 1 MiB holds 128 messages of 8 KiB. */
TEST_F(device, a_write_waits_for_memory)
{
	char *big = memset(malloc(8192), 'm', 8192), *buf = malloc(8192);
	int i, fd = raw_device(self->name, O_RDWR | O_NONBLOCK);
	struct kid k;

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_MESSAGES, 10000))));
	for (i = 0; write(fd, big, 8192) == 8192; i++)
		;
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(128, i);
	if (kid_fork(&k)) {
		int own = raw_device(self->name, O_WRONLY);

		kid_say(&k, 'w');
		EXPECT_EQ(8192, write(own, big, 8192));
		_exit(0);
	}
	ASSERT_EQ('w', kid_hear(&k));
	ASSERT_TRUE(WAIT_FOR(kid_sleeps(k.pid)));
	EXPECT_EQ(8192, get(fd, buf, 8192));
	EXPECT_EQ(0, fsync(fd));
	EXPECT_EQ(0, kid_end(&k));
	close(fd);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void *annoy(void *arg)
{
	pthread_t victim = *(pthread_t *)arg;

	for (;;) {
		pthread_kill(victim, SIGUSR1);
		breathe();
	}
	return NULL;
}

TEST_F(device, signals_interrupt)
{
	struct sigaction sa = { .sa_handler = on_signal };
	pthread_t me = pthread_self(), t;
	char buf[8];
	int i, fd = raw_device(self->name, O_RDWR);

	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	ASSERT_EQ(0, pthread_create(&t, NULL, annoy, &me));
	EXPECT_EQ(-EINTR, get(fd, buf, sizeof(buf)));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(1, put(fd, "x"));
	EXPECT_EQ(-EINTR, put(fd, "x"));
	EXPECT_EQ(4, STAT(self->name, ACCEPTED));
	pthread_cancel(t);
	pthread_join(t, NULL);
	close(fd);
}

TEST_F(device, a_draining_channel_refuses_writes)
{
	char buf[8];
	int fd = raw_device(self->name, O_RDWR);

	EXPECT_EQ(1, put(fd, "x"));
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_STATE,
						     WEIR_CHANNEL_STATE_DRAINING))));
	EXPECT_EQ(-ESHUTDOWN, put(fd, "x"));
	EXPECT_EQ(1, get(fd, buf, sizeof(buf)));
	EXPECT_EQ(0, fsync(fd));
	close(fd);
}

TEST_F(device, open_modes_limit_both)
{
	char buf[8];
	int r = raw_device(self->name, O_RDONLY), w = raw_device(self->name, O_WRONLY);

	EXPECT_EQ(-EBADF, put(r, "x"));
	EXPECT_EQ(-EBADF, get(w, buf, sizeof(buf)));
	close(r);
	close(w);
}

/* What an unprivileged user can open. Return: bits, 1 reading and 2 writing. */
static int openable(const char *name)
{
	int r = raw_device(name, O_RDONLY), w = raw_device(name, O_WRONLY);

	if ((r < 0 && r != -EACCES) || (w < 0 && w != -EACCES))
		return -1;
	return (r >= 0) | (w >= 0) << 1;
}

TEST_F(device, the_mode_decides_who_may_open)
{
	static const struct {
		uint32_t perm;
		int bits;
	} cases[] = { { 0660, 0 }, { 0662, 2 }, { 0664, 1 }, { 0666, 3 }, { 0400, 0 } };
	char path[64];
	struct stat st;
	struct kid k;
	size_t i;

	snprintf(path, sizeof(path), "/dev/weir/%s", self->name);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_PERM,
							     cases[i].perm))));
		ASSERT_EQ(0, stat(path, &st));
		EXPECT_EQ(S_IFCHR | cases[i].perm, st.st_mode);
		if (kid_fork_nobody(&k)) {
			EXPECT_EQ(cases[i].bits, openable(self->name));
			_exit(0);
		}
		EXPECT_EQ(0, kid_end(&k));
	}
}

TEST_F(device, owner_and_group_are_as_set)
{
	char path[64];
	struct stat st;
	struct kid k;

	snprintf(path, sizeof(path), "/dev/weir/%s", self->name);
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_EQ(S_IFCHR | 0660, st.st_mode);
	EXPECT_EQ(0, st.st_uid);
	EXPECT_EQ(0, st.st_gid);
	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_UID, NOBODY),
					       A_U32(WEIR_A_CHANNEL_GID, 1234),
					       A_U32(WEIR_A_CHANNEL_PERM, 0600))));
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_EQ(S_IFCHR | 0600, st.st_mode);
	EXPECT_EQ(NOBODY, st.st_uid);
	EXPECT_EQ(1234, st.st_gid);
	EXPECT_EQ(NOBODY, CHAN(self->name, UID));
	EXPECT_EQ(1234, CHAN(self->name, GID));
	EXPECT_EQ(0600, CHAN(self->name, PERM));
	if (kid_fork_nobody(&k)) {
		EXPECT_EQ(3, openable(self->name));
		_exit(0);
	}
	EXPECT_EQ(0, kid_end(&k));
}

/* A file that is open stays open when the rights change. */
TEST_F(device, new_rights_leave_open_files_alone)
{
	char buf[8];
	int fd = raw_device(self->name, O_RDWR);

	ASSERT_EQ(0, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_PERM, 0))));
	EXPECT_EQ(1, put(fd, "x"));
	EXPECT_EQ(1, get(fd, buf, sizeof(buf)));
	EXPECT_EQ(0, fsync(fd));
	close(fd);
}

TEST_HARNESS_MAIN
