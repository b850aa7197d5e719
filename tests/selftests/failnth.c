// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each operation with its first allocation or copy failing, then with its second,
 * and so on until it has no more: a clean error each time, and nothing is lost or
 * left. Needs a kernel with fault injection; leaks are the leak checker's to find.
 */
#include <linux/netlink.h>

#include "kselftest_harness.h"

#include "bed.h"

#define MOST	2000	/* failures of one operation; far more than any has */

static const char *const injectors[] = { "failslab", "fail_page_alloc", "fail_usercopy" };

static int put_debug(const char *dir, const char *file, const char *text)
{
	char path[128];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* Quiet, and for all allocations, those that may sleep as well. */
static void set_injectors(void)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		put_debug(injectors[i], "verbose", "0");
		put_debug(injectors[i], "ignore-gfp-wait", "N");
		put_debug(injectors[i], "ignore-gfp-highmem", "N");
		put_debug(injectors[i], "min-order", "0");
	}
}

static int nth_fd = -1;

static bool arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	return pwrite(nth_fd, text, len, 0) == len;
}

/* Return: whether the failure came; and none comes any more. */
static bool disarm(void)
{
	char text[16] = "";
	bool came;

	if (pread(nth_fd, text, sizeof(text) - 1, 0) <= 0)
		return false;
	came = !strtoul(text, NULL, 10);
	arm(0);
	return came;
}

static bool clean(int err)
{
	switch (-err) {
	case ENOMEM:
	case ENOBUFS:
	case EFAULT:
	case EAGAIN:
	case EINTR:
		return true;
	}
	return err >= 0;
}

FIXTURE(failnth) {
	char name[CHAN_ROOM];
	struct raw s, w;
	uint64_t sent;
	unsigned int failures;
	int dev, wfd, rfd;
};

FIXTURE_SETUP(failnth)
{
	memset(self, 0, sizeof(*self));
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0)
		SKIP(return, "the kernel has no fault injection (fail-nth)");
	set_injectors();
	ASSERT_EQ(0, chan_new(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_INFLIGHT, 8),
						A_U32(WEIR_A_CHANNEL_DEAD_MAX, 1000))));
	self->dev = raw_device(self->name, O_RDWR);
	self->wfd = raw_device(self->name, O_WRONLY | O_NONBLOCK);
	self->rfd = raw_device(self->name, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, raw_open(&self->s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&self->w, self->name, RAW_WORK));
}

FIXTURE_TEARDOWN(failnth)
{
	if (nth_fd < 0)
		return;
	raw_close(&self->s);
	raw_close(&self->w);
	close(self->dev);
	close(self->wfd);
	close(self->rfd);
	EXPECT_EQ(0, chan_end(self->name));
	close(nth_fd);
}

/*
 * Does @op until nothing in it fails any more; @after looks, without failures, at
 * what it left, and undoes it.
 */
#define EACH(op, after) do {						\
	unsigned int n_;						\
	int ret_ = 0;							\
	for (n_ = 1; n_ < MOST; n_++) {					\
		ASSERT_TRUE(arm(n_));					\
		ret_ = (op);						\
		if (!disarm())						\
			break;						\
		EXPECT_TRUE(clean(ret_)) {				\
			TH_LOG("%s, failure %u: %s (%s)", #op, n_,	\
			       strerror(-ret_), nl_last.text);		\
		}							\
		after(ret_);						\
	}								\
	EXPECT_LE(0, ret_) { TH_LOG("%s: %s", #op, strerror(-ret_)); }	\
	after(ret_);							\
	EXPECT_LT(n_, MOST);						\
	EXPECT_LT(1, n_);						\
	TH_LOG("%s: %u failures", #op, n_ - 1);				\
	EXPECT_TRUE(chan_balanced(self->name));				\
} while (0)

#define NOTHING(ret)	((void)(ret))

TEST_F(failnth, channels_are_made_changed_and_deleted)
{
	const char *other = "fail-nth-other";

	/* The request may be done, and only its answer be lost. */
#define GONE(ret) do {							\
	(void)(ret);							\
	int del_ = chan_del(other, true);				\
	EXPECT_TRUE(del_ == 0 || del_ == -ENODEV);			\
} while (0)
	EACH(nl_do(WEIR_CMD_CHANNEL_NEW, ATTRS(A_STR(WEIR_A_CHANNEL_NAME, other))), GONE);
#undef GONE
	EACH(chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_BATCH, 7),
					A_STR(WEIR_A_CHANNEL_POLICY, "round-robin"))),
	     NOTHING);
	EXPECT_EQ(7, CHAN(self->name, BATCH));
#define ANEW(ret) do {							\
	int new_ = nl_do(WEIR_CMD_CHANNEL_NEW,				\
			 ATTRS(A_STR(WEIR_A_CHANNEL_NAME, other)));	\
	(void)(ret);							\
	EXPECT_TRUE(new_ == 0 || new_ == -EEXIST);			\
} while (0)
	ANEW(0);
	EACH(chan_del(other, false), ANEW);
#undef ANEW
	EXPECT_EQ(0, chan_del(other, false));
}

TEST_F(failnth, what_is_shown)
{
	static const struct {
		int cmd;
		int name;
	} tab[] = {
		{ WEIR_CMD_CHANNEL_GET, WEIR_A_CHANNEL_NAME },
		{ WEIR_CMD_POOL_GET, WEIR_A_POOL_NAME },
		{ WEIR_CMD_CLIENT_GET, WEIR_A_CLIENT_CHANNEL },
		{ WEIR_CMD_MESSAGE_GET, WEIR_A_MESSAGE_CHANNEL },
		{ WEIR_CMD_STATS_GET, WEIR_A_STATS_CHANNEL },
	};
	unsigned int i;

	/* A dump that failed is not over before its socket is closed. */
#define OVER(ret)	do { (void)(ret); nl_end(); } while (0)
	ASSERT_EQ(0, raw_send_nums(&self->s, 0, 20));
	for (i = 0; i < 5; i++) {
		EACH(nl_raw(tab[i].cmd, NLM_F_DUMP,
			    ATTRS(A_STR(tab[i].name, self->name))), OVER);
		EXPECT_LT(0, nl_last.list.nr);
	}
	EACH(nl_raw(WEIR_CMD_MESSAGE_GET, NLM_F_DUMP,
		    ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name),
			  A_U32(WEIR_A_MESSAGE_PAYLOAD_MAX, 16384))), OVER);
#undef OVER
	EACH(nl_do(WEIR_CMD_STATS_GET, ATTRS(A_STR(WEIR_A_STATS_CHANNEL, self->name))),
	     NOTHING);
	EXPECT_EQ(20, STAT(self->name, ACCEPTED));
}

static int attach_once(int dev, struct raw *r)
{
	int ret;

	memset(r, 0, sizeof(*r));
	r->dev = -1;
	r->fd = -1;
	r->at.size = sizeof(r->at);
	r->at.role = RAW_BOTH;
	ret = raw_attach(dev, &r->at);
	if (!ret)
		r->fd = r->at.fd;
	return ret;
}

TEST_F(failnth, attach_and_map)
{
	uint64_t clients = CHAN(self->name, PRODUCERS);
	struct raw r;

#define CLOSED(ret) do {						\
	(void)(ret);							\
	raw_close(&r);							\
	EXPECT_EQ(clients, CHAN(self->name, PRODUCERS));		\
} while (0)
	EACH(attach_once(self->dev, &r), CLOSED);
#undef CLOSED
	ASSERT_EQ(0, attach_once(self->dev, &r));
#define UNMAPPED(ret)	do { (void)(ret); raw_unmap(&r); } while (0)
	EACH(raw_map(&r), UNMAPPED);
#undef UNMAPPED
	ASSERT_EQ(0, raw_map(&r));
	EXPECT_EQ(1, raw_grant(&r, 0, 0, NULL));
	raw_close(&r);
	EXPECT_TRUE(WAIT_FOR(!POOL(self->name, USED)));
}

TEST_F(failnth, blocks_are_granted_and_given_back)
{
	uint64_t addr = 0;

#define GIVEN(ret) do {							\
	if ((ret) == 1)							\
		EXPECT_EQ(0, raw_giveback(&self->s, addr));		\
} while (0)
	EACH(raw_grant(&self->s, 2, 0, &addr), GIVEN);
#undef GIVEN
	ASSERT_EQ(1, raw_grant(&self->s, 0, 0, &addr));
#define GRANTED(ret) do {						\
	if (!(ret))							\
		EXPECT_EQ(1, raw_grant(&self->s, 0, 0, &addr));		\
} while (0)
	EACH(raw_giveback(&self->s, addr), GRANTED);
#undef GRANTED
}

TEST_F(failnth, messages_through_rings)
{
	uint64_t accepted = 0;
	struct weir_settle st;
	struct weir_cqe cqe;

	/* What was published is taken by a later call, if not by this one. */
#define TAKEN(ret) do {							\
	(void)(ret);							\
	while (raw_pending(&self->s))					\
		ASSERT_LE(0, raw_submit(&self->s));			\
	accepted++;							\
	EXPECT_EQ(accepted, STAT(self->name, ACCEPTED));		\
	ASSERT_EQ(0, raw_next(&self->w, &cqe));				\
	EXPECT_EQ(accepted, raw_num(&self->w, &cqe));			\
	ASSERT_EQ(1, raw_ack(&self->w, cqe.token));			\
	ASSERT_EQ(0, raw_put_num(&self->s, accepted + 1, NULL));	\
} while (0)
	ASSERT_EQ(0, raw_put_num(&self->s, 1, NULL));
	EACH(raw_submit(&self->s), TAKEN);
#undef TAKEN
	EXPECT_EQ(accepted, STAT(self->name, ACKED));
	EACH(raw_settle(&self->s, RAW_NEVER, &st), NOTHING);
	EXPECT_EQ(accepted, st.accepted);
	EXPECT_EQ(0, st.unsettled);
}

static int write_one(int fd)
{
	return write(fd, "message", 7) == 7 ? 0 : -errno;
}

static int read_one(int fd)
{
	char text[64];
	ssize_t n = read(fd, text, sizeof(text));

	if (n == 7)
		return memcmp(text, "message", 7) ? -EBADMSG : 0;
	return n < 0 ? -errno : -EBADMSG;
}

TEST_F(failnth, messages_by_write_and_read)
{
	uint64_t accepted = 0, before;

	/* Whoever holds it gets it all, or another does: nothing goes by half. */
	raw_close(&self->w);
#define WRITTEN(ret) do {						\
	accepted += !(ret);						\
	EXPECT_EQ(accepted, STAT(self->name, ACCEPTED));		\
} while (0)
	EACH(write_one(self->wfd), WRITTEN);
#undef WRITTEN
	while (accepted < 60) {
		ASSERT_EQ(0, write_one(self->wfd));
		accepted++;
	}
	before = 0;
#define READ(ret) do {							\
	before += !(ret);						\
	EXPECT_EQ(accepted, STAT(self->name, READY) +			\
		  STAT(self->name, INFLIGHT) + STAT(self->name, ACKED));\
	EXPECT_LE(STAT(self->name, ACKED), before);			\
} while (0)
	EACH(read_one(self->rfd), READ);
#undef READ
	EXPECT_EQ(0, STAT(self->name, DEAD));
	while (STAT(self->name, READY))
		ASSERT_EQ(0, read_one(self->rfd));
	EXPECT_EQ(0, fsync(self->rfd));
	EXPECT_EQ(accepted, STAT(self->name, ACKED));
}

TEST_F(failnth, messages_are_moved_by_hand)
{
	struct weir_cqe cqe;

	ASSERT_EQ(0, raw_send_nums(&self->s, 0, 1));
	ASSERT_EQ(0, raw_next(&self->w, &cqe));
	ASSERT_LE(1, raw_reject(&self->w, cqe.token, "no"));
	ASSERT_EQ(1, STAT(self->name, DEAD));
	EACH(nl_do(WEIR_CMD_MESSAGE_GET, ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name),
					       A_U64(WEIR_A_MESSAGE_ID, cqe.seq))), NOTHING);
#define DEAD_AGAIN(ret) do {						\
	(void)(ret);							\
	while (!STAT(self->name, DEAD)) {				\
		ASSERT_EQ(0, raw_next(&self->w, &cqe));			\
		ASSERT_LE(1, raw_reject(&self->w, cqe.token, "no"));	\
	}								\
} while (0)
	EACH(nl_do(WEIR_CMD_MESSAGE_REQUEUE, ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name),
						   A_FLAG(WEIR_A_MESSAGE_ALL))), DEAD_AGAIN);
#undef DEAD_AGAIN
	EXPECT_EQ(1, STAT(self->name, DEAD));
	ASSERT_EQ(0, raw_send_nums(&self->s, 1, 1));
	raw_close(&self->w);
	ASSERT_TRUE(WAIT_FOR(STAT(self->name, READY) == 1));
#define ALIVE(ret) do {							\
	(void)(ret);							\
	if (STAT(self->name, DEAD) == 2)				\
		EXPECT_EQ(0, nl_do(WEIR_CMD_MESSAGE_REQUEUE,		\
				   ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name), \
					 A_U64(WEIR_A_MESSAGE_ID, cqe.seq + 1)))); \
} while (0)
	EACH(nl_do(WEIR_CMD_MESSAGE_SET,
		   ATTRS(A_STR(WEIR_A_MESSAGE_CHANNEL, self->name),
			 A_U64(WEIR_A_MESSAGE_ID, cqe.seq + 1),
			 A_U32(WEIR_A_MESSAGE_REASON, WEIR_DEAD_REASON_REJECTED),
			 A_STR(WEIR_A_MESSAGE_REASON_TEXT, "no"))), ALIVE);
#undef ALIVE
	EACH(nl_do(WEIR_CMD_CHANNEL_PURGE, ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->name))),
	     NOTHING);
	EXPECT_EQ(0, STAT(self->name, DEAD));
	EXPECT_EQ(2, STAT(self->name, PURGED));
}

TEST_HARNESS_MAIN
