/* SPDX-License-Identifier: LGPL-2.1 OR MIT */
/*
 * One handle: a client of one channel. Everything here is private memory of
 * one thread; what is shared with the kernel is touched by ring.c only.
 */
#ifndef WEIR_LIB_HANDLE_H
#define WEIR_LIB_HANDLE_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <linux/weir.h>

#include "pool.h"
#include "weir.h"

#define WEIR_ERROR_MAX	256

#pragma GCC visibility push(hidden)

struct weir_uring_ring;

struct weir {
	/* mappings */
	struct weir_ring *ring;
	struct weir_sqe *sqes;
	const struct weir_cqe *cqes;
	char *rw;		/* NULL: no sender */
	const char *ro;		/* NULL: no worker */
	uint64_t len_rings;
	uint64_t len_window;
	const volatile char *own; /* a page of its own, 0 in a forked child */

	/* submission ring: free-running positions, see ring.c */
	uint32_t sq_entries;
	uint32_t tail;		/* published up to here */
	uint32_t khead;		/* last look at ksq_head */

	/* completion ring */
	uint32_t cq_entries;
	uint32_t head;		/* read up to here */
	uint32_t scan;		/* looked at up to here: from head on, only */
	uint32_t unread;	/* ...so many messages are left to read */
	uint32_t more_head;	/* head when CQ_MORE was last answered */
	struct weir_cqe *kept;	/* messages moved out of the ring, a circle */
	uint32_t kept_max;
	uint32_t kept_first;
	uint32_t nr_kept;

	struct weir_pool pool;
	struct weir_sqe answers; /* being gathered; none if nr is 0 */
	uint64_t entered;	/* time of the last submission by recv */

	/* refusals */
	bool sync;		/* weir_send() wants to know about... */
	uint32_t sync_pos;	/* ...this entry */
	int sync_res;
	struct weir_cqe refused; /* first one not told yet, none if res is 0 */

	struct weir_uring_ring *uring;	/* NULL: ioctl is used... */
	int no_uring;		/* ...though io_uring was asked for, if below 0 */

	int fd;
	bool nonblock;
	bool stopped;		/* the next recv starts delivery */
	uint32_t message_max;
	char error[WEIR_ERROR_MAX];
};

#define WEIR_FOREVER	UINT64_MAX

uint64_t weir_now(void);

/* A point in CLOCK_MONOTONIC; 0: passed, WEIR_FOREVER: never comes. */
uint64_t weir_deadline(int timeout_ms);

/* The same as the kernel takes it: relative, 0 no limit, ~0 never sleep. */
uint64_t weir_left(uint64_t deadline);

/* Writes the sentence for weir_error(); returns @rc. */
__attribute__((format(printf, 3, 4)))
int weir_refuse(struct weir *w, int rc, const char *format, ...);

/* A sentence for what may happen to any call into the kernel; returns @rc. */
int weir_explain(struct weir *w, int rc);

/* ioctl that returns -errno, with a sentence for what may happen to any. */
int weir_ioctl(struct weir *w, unsigned long request, void *arg);

/* 0, or -EBUSY in a forked child, where nothing is mapped. */
static inline int weir_check_own(struct weir *w)
{
	if (*w->own)
		return 0;
	return weir_refuse(w, -EBUSY,
			   "the handle belongs to the process that forked this one");
}

static inline int weir_check_sender(struct weir *w)
{
	if (!w->rw)
		return weir_refuse(w, -EPERM,
				   "the handle was not opened for sending");
	return weir_check_own(w);
}

static inline int weir_check_worker(struct weir *w)
{
	if (!w->ro)
		return weir_refuse(w, -EPERM,
				   "the handle was not opened for working");
	return weir_check_own(w);
}

#pragma GCC visibility pop

#endif /* WEIR_LIB_HANDLE_H */
