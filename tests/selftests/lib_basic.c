// SPDX-License-Identifier: GPL-2.0-only
/* The library against the real module: every call, every refusal. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/weir.h>
#include <linux/weir_netlink.h>
#include <weir.h>

#include "kselftest_harness.h"

#define MS	1000000ULL
#define PATIENCE_MS 20000

/* ---- helpers ---------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Until the condition holds; false if it never did. */
#define WAIT_FOR(condition) ({						\
	uint64_t end_ = now_ns() + PATIENCE_MS * MS;			\
	bool ok_;							\
	while (!(ok_ = (condition)) && now_ns() < end_)			\
		usleep(1000);						\
	ok_;								\
})

static bool thread_sleeps(pid_t tid)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(f);
	return state == 'S';
}

static struct weir *open_as(const char *name, uint32_t flags)
{
	struct weir_opts o = { .size = sizeof(o), .flags = flags };
	struct weir *w;
	int rc = weir_open(&w, name, &o);

	if (rc)
		fprintf(stderr, "# weir_open %s: %d\n", name, rc);
	return w;
}

static struct weir *sender(const char *name)
{
	return open_as(name, WEIR_OPEN_SEND);
}

static struct weir *worker(const char *name)
{
	return open_as(name, WEIR_OPEN_WORK);
}

static int send_text(struct weir *w, const char *text)
{
	return weir_send(w, text, strlen(text), NULL);
}

static bool is_text(const struct weir_msg *m, const char *text)
{
	return m->len == strlen(text) && !memcmp(m->data, text, m->len);
}

static int new_channel(char *name, struct weir_channel_opts o)
{
	char err[256];
	int rc;

	o.size = sizeof(o);
	snprintf(name, WEIR_NAME_MAX + 1, "lib-%d", getpid());
	rc = weir_channel_add(name, &o, err, sizeof(err));
	if (rc)
		fprintf(stderr, "# channel %s: %d %s\n", name, rc, err);
	return rc;
}

/*
 * A fixture that is one channel. It is deleted by the harness's process, which
 * outlives a test that dies.
 */
#define CHANNEL(fixture, ...)						\
	FIXTURE(fixture) {						\
		char name[WEIR_NAME_MAX + 1];				\
	};								\
	FIXTURE_SETUP(fixture)						\
	{								\
		ASSERT_EQ(0, new_channel(self->name,			\
			(struct weir_channel_opts){ __VA_ARGS__ }));	\
	}								\
	FIXTURE_TEARDOWN_PARENT(fixture)				\
	{								\
		EXPECT_EQ(0, weir_channel_del(self->name, 1, NULL, 0));	\
	}

static void on_signal(int sig)
{
	(void)sig;
}

static void catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &sa, NULL);
}

/* Sends SIGUSR1 to the calling thread once it sleeps. */
struct signaller {
	pthread_t thread, target;
	pid_t tid;
};

static void *signal_sleeper(void *arg)
{
	struct signaller *s = arg;

	if (WAIT_FOR(thread_sleeps(s->tid)))
		pthread_kill(s->target, SIGUSR1);
	return NULL;
}

static void signal_me(struct signaller *s)
{
	catch_signals();
	s->target = pthread_self();
	s->tid = gettid();
	pthread_create(&s->thread, NULL, signal_sleeper, s);
}

/* ---- open ------------------------------------------------------------- */

CHANNEL(plain, .inflight = 64)

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
	char name[WEIR_NAME_MAX + 1];
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

/* ---- one message ------------------------------------------------------ */

TEST_F(plain, message_arrives_as_sent)
{
	struct weir_meta meta = {
		.key = 7, .corr = 8, .deadline_ns = 9, .user_data = 10,
		.cost = 11, .mtype = 12, .encoding = 13,
	};
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct weir_outcome out;
	struct weir_msg m;

	ASSERT_TRUE(s && w);
	ASSERT_EQ(0, weir_send(s, "hello", 5, &meta));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_TRUE(is_text(&m, "hello"));
	EXPECT_EQ(7, m.key);
	EXPECT_EQ(8, m.corr);
	EXPECT_EQ(9, m.deadline_ns);
	EXPECT_EQ(12, m.mtype);
	EXPECT_EQ(13, m.encoding);
	EXPECT_EQ(0, m.prio);
	EXPECT_EQ(1, m.attempts);
	EXPECT_EQ(0, m.flags);
	EXPECT_NE(0, m.src);
	EXPECT_EQ(-ETIME, weir_settle(s, 0, &out));
	EXPECT_EQ(1, out.accepted);
	EXPECT_EQ(1, out.unsettled);
	EXPECT_EQ(0, weir_ack(w, &m));
	EXPECT_EQ(0, weir_recv(w, &m, 0));
	EXPECT_EQ(0, weir_settle(s, PATIENCE_MS, &out));
	EXPECT_EQ(1, out.accepted);
	EXPECT_EQ(1, out.acked);
	EXPECT_EQ(0, out.dead);
	EXPECT_EQ(0, out.unsettled);
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, every_size_arrives_whole)
{
	static const size_t sizes[] = {
		1, 255, 256, 257, 1024, 1025, 8192, 8193, 65536, 65537,
		1 << 20,
	};
	struct weir *s = sender(self->name), *w = worker(self->name);
	unsigned char *data = malloc(1 << 20);
	struct weir_msg m;
	size_t i;

	ASSERT_TRUE(s && w && data);
	for (i = 0; i < 1 << 20; i++)
		data[i] = i * 2654435761U >> 24;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ASSERT_EQ(0, weir_send(s, data, sizes[i], NULL));
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		ASSERT_EQ(sizes[i], m.len);
		ASSERT_EQ(0, memcmp(data, m.data, m.len));
		ASSERT_EQ(0, weir_ack(w, &m));
	}
	EXPECT_EQ(0, weir_submit(w));
	EXPECT_EQ(0, weir_settle(s, PATIENCE_MS, NULL));
	free(data);
	weir_close(w);
	weir_close(s);
}

CHANNEL(limited, .message_max = 1000, .memory_max = 1 << 20,
	.memory_min = 1 << 16)

TEST_F(limited, bad_lengths_are_refused_by_name)
{
	struct weir *s = sender(self->name);
	char data[1001] = "";
	void *buf;

	ASSERT_TRUE(s);
	EXPECT_EQ(-EINVAL, weir_send(s, data, 0, NULL));
	EXPECT_EQ(-EINVAL, weir_loan(s, 0, &buf));
	EXPECT_EQ(-EMSGSIZE, weir_loan(s, 1001, &buf));
	EXPECT_EQ(NULL, buf);
	EXPECT_EQ(-EMSGSIZE, weir_send(s, data, 1001, NULL));
	EXPECT_STREQ("message of 1001 bytes: message-max is 1000",
		     weir_error(s));
	EXPECT_EQ(0, weir_send(s, data, 1000, NULL));
	weir_close(s);
}

TEST_F(plain, bad_meta_is_refused)
{
	struct weir *s = sender(self->name);
	struct weir_meta meta = { .resv[1] = 1 };
	struct weir_outcome out;

	ASSERT_TRUE(s);
	EXPECT_EQ(-EINVAL, weir_send(s, "x", 1, &meta));
	EXPECT_STREQ("weir_meta.resv must be 0", weir_error(s));
	meta = (struct weir_meta){ .prio = 1 };
	EXPECT_EQ(-EINVAL, weir_send(s, "x", 1, &meta));
	EXPECT_NE(NULL, strstr(weir_error(s), "priority"));
	EXPECT_EQ(0, weir_settle(s, 0, &out));
	EXPECT_EQ(0, out.accepted);
	weir_close(s);
}

/* ---- loans ------------------------------------------------------------ */

TEST_F(plain, loans_go_out_in_order)
{
	enum { NR = 1000, AT_ONCE = 32 };
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct weir_msg msgs[AT_ONCE];
	struct weir_outcome out;
	uint32_t i, got = 0, *buf;
	int j, n;

	ASSERT_TRUE(s && w);
	for (i = 0; i < NR; i++) {
		ASSERT_EQ(0, weir_loan(s, sizeof(*buf), (void **)&buf));
		*buf = i;
		ASSERT_EQ(0, weir_put(s, buf, sizeof(*buf), NULL));
	}
	ASSERT_EQ(0, weir_flush(s, PATIENCE_MS));
	while (got < NR) {
		n = weir_recvmany(w, msgs, AT_ONCE, PATIENCE_MS);
		ASSERT_LT(0, n);
		for (j = 0; j < n; j++) {
			ASSERT_EQ(got++, *(const uint32_t *)msgs[j].data);
			ASSERT_EQ(0, weir_ack(w, &msgs[j]));
		}
	}
	EXPECT_EQ(0, weir_submit(w));
	EXPECT_EQ(0, weir_settle(s, PATIENCE_MS, &out));
	EXPECT_EQ(NR, out.acked);
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, only_loans_can_be_put)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct weir_msg m;
	char *buf, *other;

	ASSERT_TRUE(s && w);
	EXPECT_EQ(-EINVAL, weir_put(s, &m, 1, NULL));
	EXPECT_EQ(-EINVAL, weir_put(s, NULL, 1, NULL));
	EXPECT_EQ(-EINVAL, weir_abort(s, &m));
	ASSERT_EQ(0, weir_loan(s, 100, (void **)&buf));
	ASSERT_EQ(0, weir_loan(s, 100, (void **)&other));
	EXPECT_NE(buf, other);
	EXPECT_EQ(-EINVAL, weir_put(s, buf, 0, NULL));
	EXPECT_EQ(-EINVAL, weir_put(s, buf, 257, NULL));
	EXPECT_EQ(-EINVAL, weir_put(s, buf + 200, 57, NULL));
	EXPECT_STREQ("message of 57 bytes: the loan has 56 from there on",
		     weir_error(s));
	memcpy(buf + 200, "headroom", 8);
	EXPECT_EQ(0, weir_put(s, buf + 200, 8, NULL));
	EXPECT_EQ(-EINVAL, weir_put(s, buf, 8, NULL));
	EXPECT_EQ(-EINVAL, weir_abort(s, buf));
	EXPECT_EQ(0, weir_abort(s, other + 7));
	EXPECT_EQ(-EINVAL, weir_abort(s, other));
	EXPECT_EQ(-EINVAL, weir_put(s, other, 1, NULL));
	EXPECT_EQ(0, weir_submit(s));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_TRUE(is_text(&m, "headroom"));
	weir_close(w);
	weir_close(s);
}

/* ---- answers ---------------------------------------------------------- */

TEST_F(plain, failed_message_comes_again_and_counts)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct weir_msg m;

	ASSERT_TRUE(s && w);
	ASSERT_EQ(0, send_text(s, "x"));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_EQ(-EINVAL, weir_fail(w, &m, 86400001));
	EXPECT_NE(NULL, strstr(weir_error(w), "86400001"));
	EXPECT_EQ(0, weir_fail(w, &m, 1));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_EQ(2, m.attempts);
	EXPECT_EQ(WEIR_MSG_REDELIVERED, m.flags);
	EXPECT_TRUE(is_text(&m, "x"));
	EXPECT_EQ(0, weir_ack(w, &m));
	EXPECT_EQ(0, weir_flush(w, 0));
	EXPECT_EQ(0, weir_settle(s, 0, NULL));
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, released_message_comes_again_uncounted)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct weir_msg m;

	ASSERT_TRUE(s && w);
	ASSERT_EQ(0, send_text(s, "x"));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_EQ(-EINVAL, weir_release(w, &m, 86400001));
	EXPECT_EQ(0, weir_release(w, &m, 0));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_EQ(1, m.attempts);
	EXPECT_EQ(WEIR_MSG_REDELIVERED, m.flags);
	EXPECT_EQ(0, weir_ack(w, &m));
	EXPECT_EQ(0, weir_flush(w, 0));
	EXPECT_EQ(0, weir_settle(s, 0, NULL));
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, late_answer_is_told_once)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct weir_msg m;

	ASSERT_TRUE(s && w);
	ASSERT_EQ(0, send_text(s, "x"));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_EQ(0, weir_ack(w, &m));
	EXPECT_EQ(0, weir_flush(w, 0));
	EXPECT_EQ(0, weir_ack(w, &m));
	EXPECT_EQ(-ESTALE, weir_flush(w, 0));
	EXPECT_NE(NULL, strstr(weir_error(w), "1 answers came too late"));
	EXPECT_EQ(0, weir_flush(w, 0));
	weir_close(w);
	weir_close(s);
}

CHANNEL(twice, .max_attempts = 2, .flags = WEIR_CHANNEL_BACKOFF)

TEST_F(twice, attempts_used_up_is_dead)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct weir_outcome out;
	struct weir_msg m;
	int i;

	ASSERT_TRUE(s && w);
	ASSERT_EQ(0, send_text(s, "x"));
	for (i = 1; i <= 2; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_EQ(i, m.attempts);
		EXPECT_EQ(0, weir_fail(w, &m, 0));
	}
	EXPECT_EQ(0, weir_recv(w, &m, 0));
	EXPECT_EQ(0, weir_settle(s, 0, &out));
	EXPECT_EQ(1, out.dead);
	weir_close(w);
	weir_close(s);
}

/* The reason text of a dead message, by netlink; "" if there is none. */
static int reason_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == WEIR_A_MESSAGE_REASON_TEXT)
			strcpy(data, mnl_attr_get_str(attr));
	return MNL_CB_OK;
}

static int family_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			*(uint16_t *)data = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static struct nlmsghdr *request(char *buf, uint16_t type, uint8_t cmd)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = 1;
	return nlh;
}

static int transact(struct mnl_socket *nl, struct nlmsghdr *nlh, char *buf,
		    size_t len, mnl_cb_t cb, void *data)
{
	ssize_t n;
	int rc;

	mnl_socket_sendto(nl, nlh, nlh->nlmsg_len);
	do {
		n = mnl_socket_recvfrom(nl, buf, len);
		rc = mnl_cb_run(buf, n < 0 ? 0 : n, 0, 0, cb, data);
	} while (rc > MNL_CB_STOP);
	return rc < 0 ? -errno : 0;
}

static int reason_of(const char *name, uint64_t id, char *text)
{
	static char buf[16384];
	struct mnl_socket *nl = mnl_socket_open(NETLINK_GENERIC);
	uint16_t family = 0;
	struct nlmsghdr *nlh;
	int rc;

	text[0] = 0;
	mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID);
	nlh = request(buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, WEIR_FAMILY_NAME);
	transact(nl, nlh, buf, sizeof(buf), family_cb, &family);
	nlh = request(buf, family, WEIR_CMD_MESSAGE_GET);
	mnl_attr_put_strz(nlh, WEIR_A_MESSAGE_CHANNEL, name);
	mnl_attr_put_u64(nlh, WEIR_A_MESSAGE_ID, id);
	rc = transact(nl, nlh, buf, sizeof(buf), reason_cb, text);
	mnl_socket_close(nl);
	return rc;
}

/* What must be left of @why: whole characters in at most @max bytes. */
static void expected_reason(char *to, const char *why, size_t max)
{
	size_t len = strlen(why);

	if (len > max)
		for (len = max; (why[len] & 0xc0) == 0x80; len--)
			;
	memcpy(to, why, len);
	to[len] = 0;
}

TEST_F(plain, reject_keeps_the_reason)
{
	struct weir_opts o = { .size = sizeof(o), .flags = WEIR_OPEN_WORK };
	static const uint32_t rings[] = { 1, 2, 4, 8, 256 };
	static const size_t lens[] = {
		0, 1, 51, 52, 53, 115, 116, 117, 179, 180, 181, 243, 244, 245,
		246, 247, 500,
	};
	struct weir *s = sender(self->name), *w;
	char why[512], text[512], expect[512];
	size_t i, j, k, max;
	struct weir_msg m;

	ASSERT_TRUE(s);
	for (i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		o.sq_entries = rings[i];
		ASSERT_EQ(0, weir_open(&w, self->name, &o));
		max = 52 + 64 * (rings[i] < 4 ? rings[i] - 1 : 3);
		for (j = 0; j < sizeof(lens) / sizeof(lens[0]); j++) {
			/* Two-byte characters, at even or odd places. */
			memset(why, 0, sizeof(why));
			for (k = lens[j] & 1; k + 1 < lens[j]; k += 2)
				memcpy(why + k, k % 10 ? "ä" : "é", 2);
			if (lens[j] & 1)
				why[0] = 'x';
			ASSERT_EQ(0, send_text(s, "x"));
			ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
			ASSERT_EQ(0, weir_reject(w, &m, why));
			ASSERT_EQ(0, weir_flush(w, PATIENCE_MS));
			ASSERT_EQ(0, reason_of(self->name, m.seq, text));
			expected_reason(expect, why, max);
			EXPECT_STREQ(expect, text) {
				TH_LOG("ring %u, %zu bytes", rings[i], lens[j]);
			}
		}
		weir_close(w);
	}
	w = worker(self->name);
	ASSERT_EQ(0, send_text(s, "x"));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_EQ(0, weir_reject(w, &m, NULL));
	EXPECT_EQ(0, weir_flush(w, PATIENCE_MS));
	ASSERT_EQ(0, reason_of(self->name, m.seq, text));
	EXPECT_STREQ("", text);
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, answers_of_all_kinds_mix)
{
	enum { NR = 120 };
	struct weir *s = sender(self->name), *w = worker(self->name);
	int again[NR] = { 0 }, rc;
	struct weir_outcome out;
	struct weir_msg m;
	uint32_t i;

	ASSERT_TRUE(s && w);
	for (i = 0; i < NR; i++)
		ASSERT_EQ(0, weir_send(s, &i, sizeof(i), NULL));
	/* Each message: 0 acked, 1 failed once, 2 released once, 3 rejected. */
	while (weir_settle(s, 0, &out) == -ETIME) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		i = *(const uint32_t *)m.data;
		if (i % 4 == 3)
			rc = weir_reject(w, &m, "odd");
		else if (i % 4 == 2 && !again[i]++)
			rc = weir_release(w, &m, i % 8);
		else if (i % 4 == 1 && !again[i]++)
			rc = weir_fail(w, &m, 1 + i % 8);
		else
			rc = weir_ack(w, &m);
		ASSERT_EQ(0, rc);
		ASSERT_EQ(0, weir_submit(w));
	}
	EXPECT_EQ(NR, out.accepted);
	EXPECT_EQ(NR / 4, out.dead);
	EXPECT_EQ(NR - NR / 4, out.acked);
	EXPECT_EQ(0, weir_flush(w, 0));
	weir_close(w);
	weir_close(s);
}

/* ---- full channels ---------------------------------------------------- */

CHANNEL(small, .messages = 4, .inflight = 1)

TEST_F(small, nonblocking_send_refuses_and_sends_nothing)
{
	struct weir *s, *w;
	struct weir_msg m;
	int i;

	s = open_as(self->name, WEIR_OPEN_SEND | WEIR_OPEN_NONBLOCK);
	ASSERT_TRUE(s);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, send_text(s, "fits"));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-EAGAIN, send_text(s, "does not"));
		EXPECT_STREQ("the channel has no room", weir_error(s));
	}
	EXPECT_EQ(0, weir_flush(s, 0));
	w = worker(self->name);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_TRUE(is_text(&m, "fits"));
		EXPECT_EQ(0, weir_ack(w, &m));
	}
	EXPECT_EQ(0, weir_recv(w, &m, 0));
	EXPECT_EQ(0, send_text(s, "fits now"));
	EXPECT_EQ(-ETIME, weir_settle(s, 0, NULL));
	weir_close(w);
	weir_close(s);
}

TEST_F(small, nonblocking_put_fills_the_ring)
{
	struct weir_opts o = { .size = sizeof(o), .sq_entries = 8,
		.flags = WEIR_OPEN_SEND | WEIR_OPEN_NONBLOCK };
	struct weir_msg m;
	struct weir *s, *w;
	void *buf;
	int i;

	ASSERT_EQ(0, weir_open(&s, self->name, &o));
	/* 4 in the channel, 8 in the ring. */
	for (i = 0; i < 12; i++) {
		ASSERT_EQ(0, weir_loan(s, 1, &buf));
		memset(buf, 'a' + i, 1);
		ASSERT_EQ(0, weir_put(s, buf, 1, NULL));
	}
	ASSERT_EQ(0, weir_loan(s, 1, &buf));
	EXPECT_EQ(-EAGAIN, weir_put(s, buf, 1, NULL));
	EXPECT_EQ(0, weir_abort(s, buf));
	EXPECT_EQ(-EAGAIN, weir_submit(s));
	EXPECT_EQ(-EAGAIN, send_text(s, "x"));
	EXPECT_EQ(-ETIME, weir_flush(s, 1));
	EXPECT_STREQ("8 entries are still queued", weir_error(s));
	w = worker(self->name);
	for (i = 0; i < 12; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_EQ('a' + i, *(const char *)m.data);
		EXPECT_EQ(0, weir_ack(w, &m));
		EXPECT_EQ(0, weir_submit(w));
		weir_submit(s);
	}
	EXPECT_EQ(0, weir_flush(s, 0));
	EXPECT_EQ(0, weir_settle(s, 0, NULL));
	weir_close(w);
	weir_close(s);
}

struct sending {
	const char *name;
	_Atomic pid_t tid;
	_Atomic int sent;
	int rc;
};

static void *send_five(void *arg)
{
	struct sending *t = arg;
	struct weir *s = sender(t->name);
	int i;

	t->tid = gettid();
	for (i = 0; i < 5 && !t->rc; i++) {
		t->rc = send_text(s, "x");
		t->sent += !t->rc;
	}
	weir_close(s);
	return NULL;
}

TEST_F(small, blocking_send_waits_for_room)
{
	struct sending t = { .name = self->name };
	pthread_t thread;
	struct weir_msg m;
	struct weir *w;
	int i;

	pthread_create(&thread, NULL, send_five, &t);
	ASSERT_TRUE(WAIT_FOR(t.sent == 4 && thread_sleeps(t.tid)));
	w = worker(self->name);
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_EQ(0, weir_ack(w, &m));
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(0, t.rc);
	EXPECT_EQ(5, t.sent);
	EXPECT_EQ(0, weir_recv(w, &m, 0));
	weir_close(w);
}

/* A signal: the message stays in the ring and arrives exactly once. */
TEST_F(small, interrupted_send_is_not_lost_nor_doubled)
{
	struct weir *s = sender(self->name), *w;
	struct signaller sig;
	struct weir_msg m;
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, send_text(s, "x"));
	signal_me(&sig);
	EXPECT_EQ(0, send_text(s, "last"));
	pthread_join(sig.thread, NULL);
	EXPECT_EQ(-ETIME, weir_flush(s, 0));
	signal_me(&sig);
	EXPECT_EQ(-EINTR, weir_flush(s, -1));
	pthread_join(sig.thread, NULL);
	w = worker(self->name);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_EQ(0, weir_ack(w, &m));
	}
	EXPECT_EQ(0, weir_submit(w));
	EXPECT_EQ(0, weir_flush(s, PATIENCE_MS));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_TRUE(is_text(&m, "last"));
	EXPECT_EQ(0, weir_ack(w, &m));
	EXPECT_EQ(0, weir_recv(w, &m, 0));
	EXPECT_EQ(0, weir_settle(s, 0, NULL));
	weir_close(w);
	weir_close(s);
}

TEST_F(small, queued_messages_survive_close)
{
	struct weir *s = sender(self->name), *w;
	struct weir_msg m;
	void *buf;
	int i;

	/* Two more than the channel has room for. */
	for (i = 0; i < 6; i++) {
		ASSERT_EQ(0, weir_loan(s, 1, &buf));
		ASSERT_EQ(0, weir_put(s, buf, 1, NULL));
	}
	weir_close(s);
	w = worker(self->name);
	for (i = 0; i < 6; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_EQ(0, weir_ack(w, &m));
	}
	EXPECT_EQ(0, weir_recv(w, &m, 0));
	weir_close(w);
}

CHANNEL(error, .messages = 4, .flags = WEIR_CHANNEL_OVERFLOW_ERROR)

TEST_F(error, full_channel_refuses)
{
	struct weir *s = sender(self->name);
	struct weir_outcome out;
	void *buf;
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, send_text(s, "x"));
	EXPECT_EQ(-ENOBUFS, send_text(s, "x"));
	EXPECT_STREQ("message refused: the channel is full", weir_error(s));
	EXPECT_EQ(0, weir_flush(s, 0));
	for (i = 0; i < 1000; i++) {
		ASSERT_EQ(0, weir_loan(s, 1, &buf));
		ASSERT_EQ(0, weir_put(s, buf, 1, NULL));
	}
	EXPECT_EQ(-ENOBUFS, weir_flush(s, 0));
	EXPECT_EQ(0, weir_flush(s, 0));
	EXPECT_EQ(-ETIME, weir_settle(s, 0, &out));
	EXPECT_EQ(4, out.accepted);
	weir_close(s);
}

/* ---- memory ----------------------------------------------------------- */

/* 256 KiB in blocks of 64 KiB. */
CHANNEL(tight, .memory_min = 1 << 16, .memory_max = 1 << 18,
	.message_max = 1 << 16)

TEST_F(tight, nonblocking_loan_says_what_is_short)
{
	struct weir *s;
	void *buf[5];
	int i;

	s = open_as(self->name, WEIR_OPEN_SEND | WEIR_OPEN_NONBLOCK);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, weir_loan(s, 1 << 16, &buf[i]));
	EXPECT_EQ(-EAGAIN, weir_loan(s, 1 << 16, &buf[4]));
	EXPECT_EQ(-EAGAIN, weir_loan(s, 1, &buf[4]));
	EXPECT_EQ(NULL, buf[4]);
	EXPECT_NE(NULL, strstr(weir_error(s), "memory-max"));
	EXPECT_NE(NULL, strstr(weir_error(s), "262144 bytes"));
	EXPECT_EQ(0, weir_abort(s, buf[0]));
	/* A free block of another class is given back for it. */
	EXPECT_EQ(0, weir_loan(s, 1, &buf[0]));
	weir_close(s);
}

TEST_F(tight, own_limit_holds)
{
	struct weir_opts o = { .size = sizeof(o), .block_max = 1 << 16,
		.flags = WEIR_OPEN_SEND | WEIR_OPEN_NONBLOCK };
	void *buf, *more;
	struct weir *s;

	ASSERT_EQ(0, weir_open(&s, self->name, &o));
	ASSERT_EQ(0, weir_loan(s, 1 << 16, &buf));
	EXPECT_EQ(-EAGAIN, weir_loan(s, 1 << 16, &more));
	EXPECT_EQ(0, weir_abort(s, buf));
	EXPECT_EQ(0, weir_loan(s, 1 << 16, &more));
	weir_close(s);
}

/* The channel has memory, but not for this handle: it sleeps all the same. */
TEST_F(tight, own_limit_is_waited_for)
{
	struct weir_opts o = { .size = sizeof(o), .block_max = 1 << 16,
		.flags = WEIR_OPEN_SEND };
	struct signaller sig;
	struct weir *s;
	void *buf;

	ASSERT_EQ(0, weir_open(&s, self->name, &o));
	ASSERT_EQ(0, weir_loan(s, 1 << 16, &buf));
	signal_me(&sig);
	EXPECT_EQ(-EINTR, weir_send(s, "x", 1, NULL));
	pthread_join(sig.thread, NULL);
	weir_close(s);
}

/* All memory is in big buffers, one of which is free. */
TEST_F(tight, small_message_takes_a_large_buffer)
{
	struct weir *s;
	void *buf[32], *one;
	int i;

	s = open_as(self->name, WEIR_OPEN_SEND | WEIR_OPEN_NONBLOCK);
	for (i = 0; i < 32; i++)
		ASSERT_EQ(0, weir_loan(s, 8192, &buf[i]));
	EXPECT_EQ(-EAGAIN, weir_loan(s, 1, &one));
	EXPECT_EQ(0, weir_abort(s, buf[5]));
	EXPECT_EQ(0, weir_loan(s, 1, &one));
	EXPECT_EQ(buf[5], one);
	weir_close(s);
}

static void *send_many_big(void *arg)
{
	struct sending *t = arg;
	struct weir *s = sender(t->name);
	static char data[1 << 16];
	int i;

	t->tid = gettid();
	for (i = 0; i < 20 && !t->rc; i++) {
		t->rc = weir_send(s, data, sizeof(data), NULL);
		t->sent += !t->rc;
	}
	if (!t->rc)
		t->rc = weir_settle(s, -1, NULL);
	weir_close(s);
	return NULL;
}

TEST_F(tight, blocking_send_waits_for_memory)
{
	struct sending t = { .name = self->name };
	pthread_t thread;
	struct weir_msg m;
	struct weir *w;
	int i;

	pthread_create(&thread, NULL, send_many_big, &t);
	ASSERT_TRUE(WAIT_FOR(t.sent == 4 && thread_sleeps(t.tid)));
	w = worker(self->name);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_EQ(1 << 16, m.len);
		EXPECT_EQ(0, weir_ack(w, &m));
	}
	EXPECT_EQ(0, weir_submit(w));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, t.rc);
	EXPECT_EQ(20, t.sent);
	weir_close(w);
}

TEST_F(tight, interrupted_wait_for_memory_sends_nothing)
{
	struct weir *s = sender(self->name);
	struct signaller sig;
	void *buf[4];
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, weir_loan(s, 1 << 16, &buf[i]));
	signal_me(&sig);
	EXPECT_EQ(-EINTR, send_text(s, "x"));
	pthread_join(sig.thread, NULL);
	EXPECT_EQ(0, weir_abort(s, buf[2]));
	EXPECT_EQ(0, send_text(s, "x"));
	weir_close(s);
}

/* What is settled leaves its memory to others, but for a block of a class. */
TEST_F(tight, settled_sender_keeps_little)
{
	struct weir *s = sender(self->name), *other, *w = worker(self->name);
	static char data[1 << 16];
	struct weir_msg m;
	void *buf;
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, weir_send(s, data, sizeof(data), NULL));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		ASSERT_EQ(0, weir_ack(w, &m));
	}
	ASSERT_EQ(0, weir_submit(w));
	ASSERT_EQ(0, weir_settle(s, PATIENCE_MS, NULL));
	other = open_as(self->name, WEIR_OPEN_SEND | WEIR_OPEN_NONBLOCK);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, weir_loan(other, 1 << 16, &buf));
	EXPECT_EQ(-EAGAIN, weir_loan(other, 1 << 16, &buf));
	weir_close(other);
	weir_close(w);
	weir_close(s);
}

/* ---- waiting ---------------------------------------------------------- */

TEST_F(plain, recv_waits_as_long_as_told)
{
	struct weir *w = worker(self->name);
	struct weir_msg m;
	uint64_t start;

	EXPECT_EQ(0, weir_recv(w, &m, 0));
	EXPECT_EQ(0, weir_recvmany(w, &m, 0, -1));
	start = now_ns();
	EXPECT_EQ(0, weir_recv(w, &m, 50));
	EXPECT_LE(50 * MS, now_ns() - start);
	weir_close(w);
}

TEST_F(plain, interrupted_recv_says_so)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct signaller sig;
	struct weir_msg m;

	signal_me(&sig);
	EXPECT_EQ(-EINTR, weir_recv(w, &m, -1));
	pthread_join(sig.thread, NULL);
	/* Also where the call had an answer to hand over. */
	ASSERT_EQ(0, send_text(s, "x"));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	ASSERT_EQ(0, weir_ack(w, &m));
	signal_me(&sig);
	EXPECT_EQ(-EINTR, weir_recv(w, &m, -1));
	pthread_join(sig.thread, NULL);
	EXPECT_EQ(0, weir_settle(s, 0, NULL));
	signal_me(&sig);
	ASSERT_EQ(0, send_text(s, "x"));
	EXPECT_EQ(-EINTR, weir_settle(s, -1, NULL));
	pthread_join(sig.thread, NULL);
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, poll_tells_of_messages_and_room)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct pollfd in = { .fd = weir_fd(w), .events = POLLIN };
	struct pollfd out = { .fd = weir_fd(s), .events = POLLOUT };
	struct weir_msg m;

	EXPECT_EQ(0, poll(&in, 1, 0));
	EXPECT_EQ(1, poll(&out, 1, 0));
	ASSERT_EQ(0, send_text(s, "x"));
	EXPECT_EQ(1, poll(&in, 1, PATIENCE_MS));
	EXPECT_EQ(POLLIN, in.revents);
	EXPECT_EQ(1, weir_recv(w, &m, 0));
	EXPECT_EQ(0, poll(&in, 1, 0));
	/* A returned buffer is news for the sender, until it has looked. */
	out.events = POLLIN;
	EXPECT_EQ(0, weir_ack(w, &m));
	EXPECT_EQ(0, weir_submit(w));
	EXPECT_EQ(1, poll(&out, 1, PATIENCE_MS));
	EXPECT_EQ(0, weir_submit(s));
	EXPECT_EQ(0, poll(&out, 1, 0));
	weir_close(w);
	weir_close(s);
}

/* ---- drain, death, fork ----------------------------------------------- */

TEST_F(plain, drain_gives_back_what_was_not_looked_at)
{
	struct weir *s = sender(self->name), *w, *other;
	struct weir_msg m, first;
	uint32_t i;

	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, weir_send(s, &i, sizeof(i), NULL));
	w = worker(self->name);
	ASSERT_EQ(1, weir_recv(w, &first, PATIENCE_MS));
	EXPECT_LT(0, weir_drain(w));
	EXPECT_EQ(0, weir_drain(w));
	other = worker(self->name);
	for (i = 1; i < 10; i++) {
		ASSERT_EQ(1, weir_recv(other, &m, PATIENCE_MS));
		EXPECT_EQ(i, *(const uint32_t *)m.data);
		EXPECT_EQ(1, m.attempts);
		EXPECT_EQ(0, weir_ack(other, &m));
	}
	EXPECT_EQ(0, weir_recv(other, &m, 0));
	EXPECT_EQ(0, weir_release(w, &first, 0));
	EXPECT_EQ(0, weir_flush(w, 0));
	/* It does not come back here, until recv is called again. */
	ASSERT_EQ(1, weir_recv(other, &m, PATIENCE_MS));
	EXPECT_EQ(0, weir_release(other, &m, 0));
	weir_close(other);
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_EQ(0, *(const uint32_t *)m.data);
	EXPECT_EQ(0, weir_ack(w, &m));
	EXPECT_EQ(0, weir_flush(w, 0));
	EXPECT_EQ(0, weir_settle(s, 0, NULL));
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, only_what_recv_returned_counts_at_death)
{
	struct weir *s = sender(self->name), *w;
	struct weir_msg m;
	int status;
	uint32_t i;
	pid_t pid;

	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, weir_send(s, &i, sizeof(i), NULL));
	pid = fork();
	if (!pid) {
		w = worker(self->name);
		/* The first is acked by the second recv, the second is seen. */
		if (weir_recv(w, &m, -1) != 1 || weir_ack(w, &m) ||
		    weir_recv(w, &m, -1) != 1)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	w = worker(self->name);
	for (i = 1; i < 10; i++) {
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		EXPECT_EQ(i, *(const uint32_t *)m.data);
		EXPECT_EQ(i == 1 ? 2 : 1, m.attempts);
		EXPECT_EQ(0, weir_ack(w, &m));
	}
	EXPECT_EQ(0, weir_recv(w, &m, 0));
	EXPECT_EQ(0, weir_settle(s, 0, NULL));
	weir_close(w);
	weir_close(s);
}

TEST_F(plain, child_cannot_use_the_handle)
{
	struct weir *w;
	struct weir_msg m;
	int status;
	void *buf;
	pid_t pid;

	ASSERT_EQ(0, weir_open(&w, self->name, NULL));
	ASSERT_EQ(0, weir_loan(w, 1, &buf));
	pid = fork();
	if (!pid) {
		bool ok = send_text(w, "x") == -EBUSY &&
			  weir_loan(w, 1, &buf) == -EBUSY &&
			  weir_submit(w) == -EBUSY &&
			  weir_flush(w, 0) == -EBUSY &&
			  weir_settle(w, 0, NULL) == -EBUSY &&
			  weir_recv(w, &m, 0) == -EBUSY &&
			  weir_drain(w) == -EBUSY && *weir_error(w);

		weir_close(w);
		/* A handle of its own is fine. */
		ok = ok && !weir_open(&w, self->name, NULL) &&
		     !send_text(w, "child");
		weir_close(w);
		_exit(ok ? 0 : 1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, weir_put(w, buf, 1, NULL));
	EXPECT_EQ(0, weir_flush(w, 0));
	ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
	EXPECT_TRUE(is_text(&m, "child"));
	weir_close(w);
}

static void *delete_when_asleep(void *arg)
{
	struct signaller *s = arg;
	static char name[WEIR_NAME_MAX + 1];
	int rc;

	snprintf(name, sizeof(name), "lib-%d", getpid());
	rc = WAIT_FOR(thread_sleeps(s->tid)) ?
		weir_channel_del(name, 1, NULL, 0) : -ETIME;
	return (void *)(long)rc;
}

TEST_F(plain, deleted_channel_ends_the_handle)
{
	struct weir *s = sender(self->name), *w = worker(self->name);
	struct signaller sleeper = { .tid = gettid() };
	struct weir_msg m;
	pthread_t thread;
	void *rc;

	pthread_create(&thread, NULL, delete_when_asleep, &sleeper);
	EXPECT_EQ(-ESHUTDOWN, weir_recv(w, &m, -1));
	EXPECT_NE(0, *weir_error(w));
	pthread_join(thread, &rc);
	ASSERT_EQ(0, (long)rc);
	EXPECT_EQ(-ESHUTDOWN, weir_recv(w, &m, 0));
	EXPECT_EQ(-ESHUTDOWN, send_text(s, "x"));
	EXPECT_EQ(-ESHUTDOWN, weir_settle(s, 0, NULL));
	weir_close(w);
	weir_close(s);
	/* For the teardown. */
	ASSERT_EQ(0, weir_channel_add(self->name, NULL, NULL, 0));
}

/* ---- a handle of both roles ------------------------------------------- */

TEST_F(plain, default_handle_gets_messages_from_its_first_recv_on)
{
	struct weir *both, *w = worker(self->name);
	struct weir_msg m;
	int i;

	ASSERT_EQ(0, weir_open(&both, self->name, NULL));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, send_text(both, "x"));
		ASSERT_EQ(1, weir_recv(w, &m, PATIENCE_MS));
		ASSERT_EQ(0, weir_ack(w, &m));
		ASSERT_EQ(0, weir_submit(w));
	}
	EXPECT_EQ(0, weir_settle(both, 0, NULL));
	weir_close(w);
	ASSERT_EQ(0, send_text(both, "to myself"));
	ASSERT_EQ(1, weir_recv(both, &m, PATIENCE_MS));
	EXPECT_TRUE(is_text(&m, "to myself"));
	EXPECT_EQ(0, weir_ack(both, &m));
	EXPECT_EQ(0, weir_flush(both, 0));
	EXPECT_EQ(0, weir_settle(both, 0, NULL));
	weir_close(both);
}

/*
 * Messages lie unread in a small ring, and buffers come back behind them: the
 * sends in between must find these, and no message may be lost.
 */
TEST_F(tight, sends_between_unread_messages)
{
	struct weir_opts o = { .size = sizeof(o), .cq_entries = 8,
		.inflight = 8, .sq_entries = 8,
		.flags = WEIR_OPEN_SEND | WEIR_OPEN_WORK };
	struct weir *both, *other;
	uint32_t seen[200] = { 0 }, i, n = 0;
	static char data[1 << 16];
	struct weir_msg m;

	ASSERT_EQ(0, weir_open(&both, self->name, &o));
	other = worker(self->name);
	for (i = 0; i < 200; i++) {
		memcpy(data, &i, sizeof(i));
		/* Now and then a message stays with the first worker. */
		ASSERT_EQ(0, weir_send(both, data, i % 7 ? 100 : 8192, NULL));
		while (weir_recv(i % 3 ? other : both, &m, 0) == 1) {
			seen[*(const uint32_t *)m.data]++;
			n++;
			ASSERT_EQ(0, weir_ack(i % 3 ? other : both, &m));
		}
	}
	while (n < 200) {
		if (weir_recv(both, &m, 1) == 1) {
			seen[*(const uint32_t *)m.data]++;
			n++;
			ASSERT_EQ(0, weir_ack(both, &m));
		}
		if (weir_recv(other, &m, 1) == 1) {
			seen[*(const uint32_t *)m.data]++;
			n++;
			ASSERT_EQ(0, weir_ack(other, &m));
		}
	}
	EXPECT_EQ(0, weir_flush(other, 0));
	EXPECT_EQ(0, weir_flush(both, 0));
	EXPECT_EQ(0, weir_settle(both, PATIENCE_MS, NULL));
	for (i = 0; i < 200; i++)
		EXPECT_EQ(1, seen[i]);
	weir_close(other);
	weir_close(both);
}

/* ---- many ------------------------------------------------------------- */

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
	struct weir_opts o = { .size = sizeof(o), .flags = WEIR_OPEN_SEND,
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
	struct weir_opts o = { .size = sizeof(o), .flags = WEIR_OPEN_WORK,
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
	char name[WEIR_NAME_MAX + 1];
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
