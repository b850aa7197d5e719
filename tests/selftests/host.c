// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host does under running traffic: processors that go and come, the clock
 * that is set, processes that are frozen as for a suspend. Nothing is lost of it,
 * nothing comes twice, and no time that was promised changes.
 */
#include <sys/sysinfo.h>

#include "kselftest_harness.h"

#include "bed.h"

#define SENDERS		2
#define WORKERS		2
#define MOST		100000	/* numbers of a sender */
#define TURNS		10	/* of a processor */
#define DAY		86400

CHANNEL_FIXTURE(host, A_U32(WEIR_A_CHANNEL_INFLIGHT, 64),
		A_U32(WEIR_A_CHANNEL_MESSAGES, 1024))

/* ---- traffic ---- */

/* Shared with the children. seen: how often each number came. */
struct traffic {
	bool stop;
	uint64_t sent[SENDERS], came, errors;
	uint8_t seen[SENDERS][MOST];
};

static struct kid sender[SENDERS], worker[WORKERS];

static void send_till_told(struct traffic *t, const char *name, unsigned int which)
{
	uint64_t n = 0;
	struct raw r;

	if (raw_open(&r, name, RAW_SEND))
		_exit(1);
	while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE) && n < MOST - 8) {
		if (raw_send_nums(&r, (uint64_t)which << 32 | n, 8))
			_exit(2);
		n += 8;
		__atomic_store_n(&t->sent[which], n, __ATOMIC_RELEASE);
		usleep(500);
	}
	_exit(0);
}

static void work_till_killed(struct traffic *t, const char *name)
{
	struct weir_cqe cqe;
	uint64_t num;
	struct raw r;

	if (raw_open(&r, name, RAW_WORK))
		_exit(1);
	while (!raw_next_in(&r, RAW_PATIENCE * 10, &cqe)) {
		num = raw_num(&r, &cqe);
		if (num >> 32 >= SENDERS || (uint32_t)num >= MOST)
			_exit(3);
		__atomic_fetch_add(&t->seen[num >> 32][(uint32_t)num], 1, __ATOMIC_RELAXED);
		if (raw_ack(&r, cqe.token) != 1)
			_exit(4);
		__atomic_fetch_add(&t->came, 1, __ATOMIC_RELEASE);
	}
	_exit(5);
}

static struct traffic *traffic_begin(const char *name)
{
	struct traffic *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int i;

	if (t == MAP_FAILED)
		return NULL;
	for (i = 0; i < SENDERS; i++)
		if (kid_fork(&sender[i]))
			send_till_told(t, name, i);
	for (i = 0; i < WORKERS; i++)
		if (kid_fork(&worker[i]))
			work_till_killed(t, name);
	return t;
}

static uint64_t traffic_sent(const struct traffic *t)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < SENDERS; i++)
		sum += __atomic_load_n(&t->sent[i], __ATOMIC_ACQUIRE);
	return sum;
}

/* It goes on: some more messages arrive. */
static bool traffic_flows(const struct traffic *t)
{
	uint64_t came = __atomic_load_n(&t->came, __ATOMIC_ACQUIRE);

	return WAIT_FOR(__atomic_load_n(&t->came, __ATOMIC_ACQUIRE) >= came + 50);
}

/* Return: how many numbers did not come exactly once; -1: somebody failed. */
static int64_t traffic_end(struct traffic *t)
{
	int64_t wrong = 0;
	unsigned int i, n;
	int ret = 0;

	__atomic_store_n(&t->stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < SENDERS; i++) {
		ret |= kid_end(&sender[i]);
		kid_drop(&sender[i]);
	}
	if (!WAIT_FOR(__atomic_load_n(&t->came, __ATOMIC_ACQUIRE) >= traffic_sent(t)))
		ret = -1;
	for (i = 0; i < WORKERS; i++) {
		ret |= kid_ended(&worker[i]);
		kid_kill(&worker[i]);
		kid_drop(&worker[i]);
	}
	for (i = 0; i < SENDERS; i++)
		for (n = 0; n < t->sent[i]; n++)
			wrong += t->seen[i][n] != 1;
	munmap(t, sizeof(*t));
	return ret ? -1 : wrong;
}

/* Return: 0, or a negative errno. */
static int put_line(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* ---- processors ---- */

TEST_F(host, processors_go_and_come_under_load)
{
	static const char online[] = "/sys/devices/system/cpu/cpu1/online";
	struct traffic *t;
	unsigned int i;

	if (get_nprocs() < 2 || access(online, W_OK))
		SKIP(return, "no processor that may go");
	t = traffic_begin(self->name);
	ASSERT_NE(NULL, t);
	for (i = 0; i < TURNS; i++) {
		EXPECT_TRUE(traffic_flows(t));
		EXPECT_EQ(0, put_line(online, "0"));
		EXPECT_EQ(1, get_nprocs());
		EXPECT_TRUE(traffic_flows(t));
		EXPECT_EQ(0, put_line(online, "1"));
	}
	EXPECT_EQ(0, traffic_end(t));
	EXPECT_TRUE(chan_balanced(self->name));
}

/* ---- the freezer ---- */

/*
 * As far as a suspend goes without its devices: all processes are frozen, also
 * those that wait in a channel, stay so for a while, and go on.
 */
TEST_F(host, frozen_and_thawed)
{
	struct traffic *t;
	unsigned int i;
	int ret;

	if (put_line("/sys/power/pm_test", "freezer"))
		SKIP(return, "the kernel cannot suspend for a test");
	put_line("/sys/module/suspend/parameters/pm_test_delay", "1");
	t = traffic_begin(self->name);
	ASSERT_NE(NULL, t);
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(traffic_flows(t));
		ret = put_line("/sys/power/state", "freeze");
		EXPECT_EQ(0, ret);
	}
	EXPECT_TRUE(traffic_flows(t));
	EXPECT_EQ(0, traffic_end(t));
	put_line("/sys/power/pm_test", "none");
	EXPECT_TRUE(chan_balanced(self->name));
}

/* ---- the clock ---- */

static int set_clock(int64_t by)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += by;
	return clock_settime(CLOCK_REALTIME, &ts) ? -errno : 0;
}

/* Delays, deadlines and ages are of a clock that nobody sets. */
TEST_F(host, the_clock_is_set_forth_and_back)
{
	const uint64_t delay = 3 * SECOND;
	uint64_t sent, id = 0;
	struct weir_sqe *sqe;
	struct weir_cqe cqe;
	struct raw s, w;
	int64_t by;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	for (by = DAY; by >= -DAY; by -= 2 * DAY) {
		/* One to come later, one that is not to expire for an hour. */
		ASSERT_EQ(0, raw_put_num(&s, 1, &sqe));
		sqe->defer_ms = delay / MS;
		ASSERT_EQ(0, raw_put_num(&s, 2, &sqe));
		sqe->deadline_ns = now_ns() + 3600 * SECOND;
		sqe->defer_ms = delay / MS;
		sent = now_ns();
		ASSERT_EQ(2, raw_submit(&s));
		ASSERT_EQ(0, set_clock(by));
		EXPECT_EQ(2, CHAN(self->name, DELAYED));
		EXPECT_LT(CHAN(self->name, AGE), DAY * SECOND / 2);
		ASSERT_EQ(0, raw_next(&w, &cqe));
		EXPECT_GE(now_ns(), sent + delay);
		id += raw_num(&w, &cqe);
		EXPECT_EQ(1, raw_ack(&w, cqe.token));
		ASSERT_EQ(0, raw_next(&w, &cqe));
		id += raw_num(&w, &cqe);
		EXPECT_EQ(1, raw_ack(&w, cqe.token));
		EXPECT_EQ(0, set_clock(-by));
	}
	EXPECT_EQ(2 * 3, id);
	EXPECT_EQ(0, CHAN(self->name, DEAD));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(host, the_clock_is_set_under_load)
{
	struct traffic *t = traffic_begin(self->name);
	unsigned int i;

	ASSERT_NE(NULL, t);
	for (i = 0; i < 20; i++) {
		EXPECT_TRUE(traffic_flows(t));
		EXPECT_EQ(0, set_clock(i % 2 ? -DAY : DAY));
	}
	EXPECT_EQ(0, traffic_end(t));
	EXPECT_TRUE(chan_balanced(self->name));
}

TEST_HARNESS_MAIN
