/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the library share: a channel that comes and goes with a
 * test, waiting for a condition, signals. Each program is one file with this.
 */
#ifndef LIB_BED_H
#define LIB_BED_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weir.h>

#include "kselftest_harness.h"

/* Seconds for a case; the debug kernel under emulation is slow. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	150

#define MS		1000000ULL
#define PATIENCE_MS	20000
#define NAME_ROOM	32	/* a channel's name with its NUL */

static inline uint64_t now_ns(void)
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

/* How often a thread went to sleep by itself; -1 unless it sleeps now. */
static inline long thread_asleep(pid_t tid)
{
	static const char count[] = "voluntary_ctxt_switches:";
	char path[64], line[128];
	bool sleeps = false;
	long nr = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "State:\tS", 8))
			sleeps = true;
		if (!strncmp(line, count, strlen(count)))
			nr = strtol(line + strlen(count), NULL, 10);
	}
	fclose(f);
	return sleeps ? nr : -1;
}

/* Not only for a moment, on its way: two looks have to find the same sleep. */
static inline bool thread_sleeps(pid_t tid)
{
	long first = thread_asleep(tid);

	if (first < 0)
		return false;
	usleep(20000);
	return thread_asleep(tid) == first;
}

/* What WEIR_VIA=uring adds to the flags of weir_open(). */
static inline uint32_t via_flags(void)
{
	const char *s = getenv("WEIR_VIA");

	return s && !strcmp(s, "uring") ? WEIR_OPEN_URING : 0;
}

static inline struct weir *open_as(const char *name, uint32_t flags)
{
	struct weir_opts o = { .size = sizeof(o),
			       .flags = flags | via_flags() };
	struct weir *w;
	int rc = weir_open(&w, name, &o);

	if (rc)
		fprintf(stderr, "# weir_open %s: %d\n", name, rc);
	else if (via_flags() && weir_uring(w) != 1)
		abort();	/* it would be the same test twice */
	return w;
}

static inline struct weir *sender(const char *name)
{
	return open_as(name, WEIR_OPEN_SEND);
}

static inline struct weir *worker(const char *name)
{
	return open_as(name, WEIR_OPEN_WORK);
}

static inline int send_text(struct weir *w, const char *text)
{
	return weir_send(w, text, strlen(text), NULL);
}

static inline bool is_text(const struct weir_msg *m, const char *text)
{
	return m->len == strlen(text) && !memcmp(m->data, text, m->len);
}

static inline int new_channel(char *name, struct weir_channel_opts o)
{
	char err[256];
	int rc;

	o.size = sizeof(o);
	snprintf(name, NAME_ROOM, "lib-%d", getpid());
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
		char name[NAME_ROOM];				\
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

static inline void on_signal(int sig)
{
	(void)sig;
}

static inline void catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &sa, NULL);
}

/* Sends SIGUSR1 to the calling thread once it sleeps. */
struct signaller {
	pthread_t thread, target;
	pid_t tid;
};

static inline void *signal_sleeper(void *arg)
{
	struct signaller *s = arg;

	if (WAIT_FOR(thread_sleeps(s->tid)))
		pthread_kill(s->target, SIGUSR1);
	return NULL;
}

static inline void signal_me(struct signaller *s)
{
	catch_signals();
	s->target = pthread_self();
	s->tid = gettid();
	pthread_create(&s->thread, NULL, signal_sleeper, s);
}

/* What most tests need. */
#define PLAIN_CHANNEL	CHANNEL(plain, .inflight = 64)

#endif /* LIB_BED_H */
