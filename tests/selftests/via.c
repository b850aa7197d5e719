// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "via.h"

#define POLLED		1	/* user_data */
#define REMOVED		2

bool via_uring(void)
{
	static int via = -1;
	const char *s;

	if (via < 0) {
		s = getenv("WEIR_VIA");
		via = s && !strcmp(s, "uring");
	}
	return via;
}

/* One ring for a thread; what a child has inherited is not its own. */
static struct io_uring *own_ring(void)
{
	static __thread struct io_uring ring;
	static __thread pid_t owner;
	int ret;

	if (owner == getpid())
		return &ring;
	if (owner)
		close(ring.ring_fd);
	ret = io_uring_queue_init(8, &ring, 0);
	if (ret) {
		fprintf(stderr, "# io_uring: %s\n", strerror(-ret));
		abort();
	}
	owner = getpid();
	return &ring;
}

/* The result of the next request that is done, waiting for it until @end. */
static int next_result(struct io_uring *ring, uint64_t end_ns, uint64_t *data)
{
	struct __kernel_timespec ts, *tsp = NULL;
	struct io_uring_cqe *cqe;
	struct timespec now;
	int64_t left;
	int ret;

	if (end_ns) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		left = end_ns - (now.tv_sec * 1000000000ULL + now.tv_nsec);
		if (left < 0)
			left = 0;
		ts.tv_sec = left / 1000000000;
		ts.tv_nsec = left % 1000000000;
		tsp = &ts;
	}
	ret = io_uring_wait_cqes(ring, &cqe, 1, tsp, NULL);
	if (ret)
		return ret;
	*data = cqe->user_data;
	ret = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

/**
 * via_prep_submit - what WEIR_IOC_ENTER without a wait is
 */
void via_prep_submit(struct io_uring_sqe *sqe, int fd, uint32_t to_submit)
{
	struct weir_uring arg = { .to_submit = to_submit };

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	sqe->cmd_op = WEIR_URING_SUBMIT;
	memcpy(sqe->cmd, &arg, sizeof(arg));
}

static int submit_one(struct io_uring *ring)
{
	int ret = io_uring_submit(ring);

	if (ret == 1)
		return 0;
	return ret < 0 ? ret : -EIO;
}

static int submit_entries(struct raw *r, uint32_t nr)
{
	struct io_uring *ring = own_ring();
	uint64_t data;
	int ret;

	via_prep_submit(io_uring_get_sqe(ring), r->fd, nr);
	ret = submit_one(ring);
	if (ret)
		return ret;
	/* It is done already: no signal can come between. */
	return next_result(ring, 0, &data);
}

/* What the poll brought after all, or why it did not. */
static int cancel_poll(struct io_uring *ring, int why)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	int left = 2, res, ret = why;
	uint64_t data;

	io_uring_prep_poll_remove(sqe, POLLED);
	sqe->user_data = REMOVED;
	if (submit_one(ring))
		abort();
	while (left) {
		data = 0;
		res = next_result(ring, 0, &data);
		if (!data)
			continue;	/* a signal */
		left--;
		if (data == POLLED && res > 0)
			ret = res;
	}
	return ret;
}

/* Return: events, -ETIME, -EINTR, -ESHUTDOWN. */
static int poll_for(struct raw *r, short events, uint64_t end_ns)
{
	struct io_uring *ring = own_ring();
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	uint64_t data = 0;
	int ret;

	io_uring_prep_poll_add(sqe, r->fd, events);
	sqe->user_data = POLLED;
	ret = submit_one(ring);
	if (ret)
		return ret;
	ret = next_result(ring, end_ns, &data);
	if (!data)
		ret = cancel_poll(ring, ret);
	if (ret > 0 && ret & (POLLERR | POLLHUP))
		return -ESHUTDOWN;
	return ret;
}

/* Does an entry stay in the ring for want of room? */
static bool blocked(struct raw *r)
{
	uint32_t head = __atomic_load_n(&r->ring->ksq_head, __ATOMIC_ACQUIRE);

	return r->ring->usq_tail != head &&
	       !(r->ring->kflags & WEIR_RING_CQ_MORE) &&
	       r->sqes[head & (r->at.sq_entries - 1)].op == WEIR_OP_SEND;
}

static int wait_for_completions(struct raw *r, uint32_t min, uint64_t end_ns)
{
	int ret;

	__atomic_store_n(&r->ring->ucq_low, min, __ATOMIC_RELAXED);
	ret = poll_for(r, POLLIN, end_ns);
	__atomic_store_n(&r->ring->ucq_low, 0, __ATOMIC_RELAXED);
	return ret < 0 ? ret : 0;
}

/*
 * Return: the outcome of the last submission; *done counts the entries, after
 * a wait also those that somebody else took, who swept the ring.
 */
static int submit_all(struct raw *r, uint32_t flags, uint32_t submit,
		      uint64_t end_ns, int *done)
{
	uint32_t head = __atomic_load_n(&r->ring->ksq_head, __ATOMIC_ACQUIRE);
	uint32_t gone;
	int ret;

	for (;;) {
		ret = submit_entries(r, submit - *done);
		if (ret < 0 && ret != -EAGAIN)
			return ret;
		if (ret > 0)
			*done += ret;
		if (!(flags & WEIR_ENTER_SQ_WAIT) || (uint32_t)*done == submit)
			return ret;
		if (!blocked(r)) {
			gone = __atomic_load_n(&r->ring->ksq_head,
					       __ATOMIC_ACQUIRE) - head;
			if (gone > (uint32_t)*done && gone <= submit)
				*done = gone;
			return ret;
		}
		ret = poll_for(r, POLLOUT, end_ns);
		if (ret < 0)
			return ret;
	}
}

/**
 * via_enter - raw_enter() through io_uring
 *
 * What io_uring has no words for, and arguments that ENTER refuses, go to the
 * ioctl all the same.
 */
int via_enter(struct raw *r, uint32_t flags, uint32_t submit, uint32_t min,
	      uint64_t timeout_ns)
{
	uint64_t end_ns = timeout_ns;
	struct timespec now;
	int done = 0, ret;

	if (timeout_ns == RAW_NEVER) {
		end_ns = 1;	/* in the past */
	} else if (timeout_ns) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		end_ns += now.tv_sec * 1000000000ULL + now.tv_nsec;
	}
	ret = submit_all(r, flags, submit, end_ns, &done);
	if (flags & WEIR_ENTER_WAIT && (ret >= 0 || ret == -EAGAIN))
		ret = wait_for_completions(r, min, end_ns);
	if (done)
		return done;
	return ret < 0 ? ret : 0;
}
