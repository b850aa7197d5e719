// SPDX-License-Identifier: GPL-2.0-only
/*
 * Idle means idle: no timer of the module fires and none of its works runs for
 * a channel on which nothing happens, with clients attached. Seen through the
 * kernel's own events; first that they are seen while something does happen.
 */
#include <sys/mount.h>
#include <sys/sysinfo.h>

#include "kselftest_harness.h"

#include "bed.h"

#define TRACEFS	"/sys/kernel/tracing"
#define HERE	TRACEFS "/instances/weir-idle"

static int set(const char *file, const char *value)
{
	char path[128];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/%s", HERE, file);
	fd = open(path, O_WRONLY | O_TRUNC);
	if (fd < 0)
		return -errno;
	ret = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* Events so far whose function is one of the module's. */
static unsigned int events(void)
{
	char line[512];
	unsigned int n = 0;
	FILE *f = fopen(HERE "/trace", "re");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		n += line[0] != '#' && strstr(line, "[weir]");
	fclose(f);
	return n;
}

CHANNEL_FIXTURE(idle, A_U32(WEIR_A_CHANNEL_INFLIGHT, 8),
		A_U64(WEIR_A_CHANNEL_LINGER, 1 * MS))

/* Emptied first: only this second's events are read. */
static bool quiet_for_a_second(void)
{
	if (set("trace", ""))
		return false;
	sleep(1);
	return events() == 0;
}

static int go_round(struct raw *s, struct raw *w, unsigned int nr)
{
	struct weir_cqe cqe;
	int ret;

	ret = raw_send_nums(s, 0, nr);
	while (!ret && nr--) {
		ret = raw_next(w, &cqe);
		if (!ret)
			ret = raw_ack(w, cqe.token) == 1 ? 0 : -EIO;
	}
	return ret;
}

TEST_F(idle, nothing_fires_where_nothing_happens)
{
	struct raw s, w;
	struct kid k;

	if (mount("tracefs", TRACEFS, "tracefs", 0, NULL) && errno != EBUSY)
		SKIP(return, "no tracefs: %s", strerror(errno));
	rmdir(HERE);
	ASSERT_EQ(0, mkdir(HERE, 0700));
	if (set("events/timer/hrtimer_expire_entry/enable", "1") ||
	    set("events/workqueue/workqueue_execute_start/enable", "1")) {
		rmdir(HERE);
		SKIP(return, "the kernel has no such events");
	}
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	/* One that sleeps all the time. */
	if (kid_fork(&k)) {
		struct weir_cqe cqe;
		struct raw r;

		EXPECT_EQ(0, raw_open_as(&r, self->name, (struct weir_attach){
				.role = RAW_WORK, .flags = WEIR_ATTACH_STOPPED }));
		kid_say(&k, 'a');
		raw_next_in(&r, 0, &cqe);
		_exit(1);
	}
	ASSERT_EQ('a', kid_hear(&k));
	ASSERT_EQ(0, go_round(&s, &w, 3));
	EXPECT_TRUE(WAIT_FOR(events() > 0));
	ASSERT_EQ(0, go_round(&s, &w, 3));
	/* In a row: a work that comes late is none that comes again. */
	EXPECT_TRUE(WAIT_FOR(quiet_for_a_second() && quiet_for_a_second() &&
			     quiet_for_a_second()));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	raw_close(&s);
	raw_close(&w);
	set("events/enable", "0");
	EXPECT_EQ(0, rmdir(HERE));
}

/* ---- spinning before a sleep ---------------------------------------------- */

/* Answers each message as soon as it comes, until it is killed. */
static void echo(const char *name)
{
	struct weir_cqe cqe;
	struct raw w;

	if (raw_open(&w, name, RAW_WORK))
		_exit(1);
	while (!raw_next_in(&w, 0, &cqe) && raw_ack(&w, cqe.token) == 1)
		;
	_exit(1);
}

/* Sends one after the other, each when the one before came back. */
static int rounds(struct raw *s, unsigned int nr)
{
	uint64_t back = s->returned;
	int ret = 0;

	while (!ret && nr--) {
		ret = raw_send_nums(s, nr, 1);
		ret = ret ? ret : raw_wait_returns(s, ++back);
	}
	return ret;
}

TEST_F(idle, what_comes_at_once_saves_a_sleep)
{
	uint64_t end = now_ns() + 100 * SECOND;
	struct raw s;
	struct kid k;

	if (get_nprocs() == 1)
		SKIP(return, "one processor");
	ASSERT_EQ(0, chan_set(self->name,
			      ATTRS(A_U32(WEIR_A_CHANNEL_SPIN, 1000000),
				    A_U64(WEIR_A_CHANNEL_LINGER, 0))))
		TH_LOG("channel-set: %s", nl_last.text);
	if (CHAN(self->name, SPIN) != 1000000)
		SKIP(return, "the module has no such attribute");
	if (kid_fork(&k))
		echo(self->name);
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	do {
		ASSERT_EQ(0, rounds(&s, 50));
	} while (STAT(self->name, SPINS) <= 10 && now_ns() < end);
	EXPECT_LT(10, STAT(self->name, SPINS));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	raw_close(&s);
}

TEST_F(idle, spin_can_be_turned_off)
{
	struct raw s;
	struct kid k;

	ASSERT_EQ(0, chan_set(self->name,
			      ATTRS(A_U32(WEIR_A_CHANNEL_SPIN, 0),
				    A_U64(WEIR_A_CHANNEL_LINGER, 0))))
		TH_LOG("channel-set: %s", nl_last.text);
	if (kid_fork(&k))
		echo(self->name);
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	EXPECT_EQ(0, rounds(&s, 200));
	EXPECT_EQ(0, STAT(self->name, SPINS));
	EXPECT_LT(0, STAT(self->name, WAKEUPS));
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	raw_close(&s);
}

TEST_HARNESS_MAIN
