/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of this folder share: channels that come and go with a test,
 * waiting for a condition, children, and touching memory that may not be there.
 * Include this and nothing else of the folder.
 */
#ifndef BED_H
#define BED_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "nlraw.h"
#include "raw.h"
#include "via.h"

/* Seconds for a case; the debug kernel under emulation is slow. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	150

/* ---- channels ---- */

#define CHAN_ROOM	(WEIR_NAME_MAX + 1)

int chan_new(char *name, const struct nl_attr *attrs);
int chan_set(const char *name, const struct nl_attr *attrs);
int chan_del(const char *name, bool force);
int chan_end(const char *name);
uint64_t chan_num(const char *name, int attr);
uint64_t stat_of(const char *name, int attr);
uint64_t pool_num(const char *name, int attr);
uint64_t client_num(const char *name, uint32_t id, int attr);
uint64_t message_num(const char *name, uint64_t id, int attr);
bool chan_balanced(const char *name);
bool all_acked(const char *name, uint64_t nr);
int64_t message_do(int cmd, const char *name, uint64_t id);

#define STAT(name, attr)	stat_of((name), WEIR_A_STATS_##attr)
#define CHAN(name, attr)	chan_num((name), WEIR_A_CHANNEL_##attr)
#define POOL(name, attr)	pool_num((name), WEIR_A_POOL_##attr)

/* A fixture that is one channel, with the attributes given; balanced at its end. */
#define CHANNEL_FIXTURE(fixture, ...)					\
	FIXTURE(fixture) {						\
		char name[CHAN_ROOM];					\
	};								\
	FIXTURE_SETUP(fixture)						\
	{								\
		ASSERT_EQ(0, chan_new(self->name, ATTRS(__VA_ARGS__)))	\
			TH_LOG("channel-new: %s", nl_last.text);	\
	}								\
	FIXTURE_TEARDOWN_PARENT(fixture)				\
	{								\
		EXPECT_EQ(0, chan_end(self->name));			\
	}

/* ---- time ---- */

#define MS		1000000ULL
#define SECOND		1000000000ULL

uint64_t now_ns(void);
void wait_until(uint64_t ns);
void breathe(void);

/* Until the condition holds; false if it never did. */
#define WAIT_FOR(condition) ({						\
	uint64_t end_ = now_ns() + RAW_PATIENCE;			\
	bool ok_;							\
	while (!(ok_ = (condition)) && now_ns() < end_)		\
		breathe();						\
	ok_;								\
})

/* ---- children ---- */

#define NOBODY	65534	/* user and group without rights */

/**
 * struct kid - a child process and a pipe each way
 * @pid: 0 in the child itself.
 */
struct kid {
	pid_t pid;
	int in, out;
};

bool kid_fork(struct kid *k);
bool kid_fork_nobody(struct kid *k);
void kid_say(struct kid *k, char word);
int kid_hear(struct kid *k);
void kid_hold(struct kid *k) __attribute__((noreturn));
int kid_kill(struct kid *k);
int kid_end(struct kid *k);
void kid_drop(struct kid *k);
bool kid_ended(struct kid *k);
bool kid_sleeps(pid_t pid);
char kid_state(pid_t pid);

/* ---- memory ---- */

int touch_read(const volatile void *p);
int touch_write(volatile void *p, unsigned char value);
bool all_zero(const void *p, size_t len);

/* ---- chance, with the seed shown ---- */

uint64_t seed_from_env(void);
uint64_t chance(uint64_t *seed);

#endif /* BED_H */
