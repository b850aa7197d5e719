// SPDX-License-Identifier: LGPL-2.1 OR MIT
/*
 * ENTER by other means: a command submits and never waits, a poll waits, with
 * the ring's low-water mark for how much. Both go to the kernel in one call,
 * which also waits for them.
 *
 * No poll is left under way when a function here returns: so the handle may go
 * from thread to thread, and nothing of it fires in between.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"
#include "uring.h"

#ifdef WEIR_HAVE_URING
#include <liburing.h>

enum { COMMAND = 1, POLL = 2, REMOVE = 3 };

struct weir_uring_ring {
	struct io_uring io;
	int command;		/* results of the requests under way... */
	int poll;		/* ...PENDING until they are there */
	int remove;
};

#define PENDING		INT32_MIN
#define ENTRIES		8	/* requests under way at once, and some */

void weir_uring_init(struct weir *w)
{
	struct weir_uring_ring *u = calloc(1, sizeof(*u));
	int rc;

	rc = u ? io_uring_queue_init(ENTRIES, &u->io, 0) : -ENOMEM;
	if (rc) {
		free(u);
		w->no_uring = rc;
		return;
	}
	w->uring = u;
}

void weir_uring_exit(struct weir *w)
{
	if (!w->uring)
		return;
	io_uring_queue_exit(&w->uring->io);
	free(w->uring);
	w->uring = NULL;
}

static struct io_uring_sqe *add_command(struct weir *w, uint32_t to_submit)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&w->uring->io);
	struct weir_uring arg = { .to_submit = to_submit };

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, w->fd, NULL, 0, 0);
	sqe->cmd_op = WEIR_URING_SUBMIT;
	sqe->user_data = COMMAND;
	memcpy(sqe->cmd, &arg, sizeof(arg));
	w->uring->command = PENDING;
	return sqe;
}

static void add_poll(struct weir *w, unsigned int events)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&w->uring->io);

	io_uring_prep_poll_add(sqe, w->fd, events);
	sqe->user_data = POLL;
	w->uring->poll = PENDING;
}

static void reap(struct weir_uring_ring *u)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&u->io, &cqe)) {
		if (cqe->user_data == COMMAND)
			u->command = cqe->res;
		else if (cqe->user_data == POLL)
			u->poll = cqe->res;
		else
			u->remove = cqe->res;
		io_uring_cqe_seen(&u->io, cqe);
	}
}

/*
 * Submits, and sleeps once until @nr requests are done, a signal comes or the
 * deadline has passed. Which of them, the caller sees.
 */
static int sleep_once(struct weir_uring_ring *u, unsigned int nr,
		      uint64_t deadline)
{
	uint64_t left = weir_left(deadline);
	struct __kernel_timespec ts;
	struct io_uring_cqe *cqe;
	int rc;

	if (!left) {
		rc = io_uring_submit_and_wait(&u->io, nr);
	} else {
		if (left == UINT64_MAX)
			left = 0;
		ts.tv_sec = (long long)(left / 1000000000);
		ts.tv_nsec = (long long)(left % 1000000000);
		rc = io_uring_submit_and_wait_timeout(&u->io, &cqe, nr, &ts,
						      NULL);
	}
	reap(u);
	return rc == -EINTR || rc == -ETIME || rc == -EAGAIN || rc > 0 ? 0 : rc;
}

/* Takes the poll back. It may have come to its end meanwhile. */
static int remove_poll(struct weir_uring_ring *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->io);
	int rc = 0;

	io_uring_prep_poll_remove(sqe, POLL);
	sqe->user_data = REMOVE;
	u->remove = PENDING;
	while ((u->poll == PENDING || u->remove == PENDING) && !rc)
		rc = sleep_once(u, 1, WEIR_FOREVER);
	return rc;
}

/* Submits what was added and waits for all of it. */
static int run(struct weir *w, unsigned int nr, uint64_t deadline)
{
	struct weir_uring_ring *u = w->uring;
	int rc, why;

	rc = sleep_once(u, nr, deadline);
	if (rc)
		return rc;
	/* The command does not sleep: only a worker of io_uring can be late. */
	while (u->command == PENDING && !rc)
		rc = sleep_once(u, 1, WEIR_FOREVER);
	if (u->poll != PENDING || rc)
		return rc;
	why = weir_left(deadline) == UINT64_MAX ? -ETIME : -EINTR;
	rc = remove_poll(u);
	if (!rc && u->poll == -ECANCELED)
		u->poll = why;
	return rc;
}

static int submit(struct weir *w, uint32_t nr)
{
	int rc;

	w->uring->poll = 0;
	add_command(w, nr);
	rc = run(w, 1, WEIR_FOREVER);
	return rc ? rc : w->uring->command;
}

/* 0, or why it ended otherwise. */
static int polled(const struct weir_uring_ring *u)
{
	if (u->poll < 0)
		return u->poll;
	return u->poll & (POLLERR | POLLHUP) ? -ESHUTDOWN : 0;
}

/* The poll is not begun where the command fails: nobody would end it. */
static int submit_and_wait(struct weir *w, uint32_t nr, uint64_t deadline,
			   unsigned int events)
{
	struct weir_uring_ring *u = w->uring;
	int rc;

	io_uring_sqe_set_flags(add_command(w, nr), IOSQE_IO_LINK);
	add_poll(w, events);
	rc = run(w, 2, deadline);
	if (!rc && u->command == -EAGAIN) {
		add_poll(w, events);
		rc = run(w, 1, deadline);
	}
	if (rc)
		return rc;
	if (u->command > 0)
		return u->command;
	return u->command < 0 && u->command != -EAGAIN ? u->command : polled(u);
}

static int wait_for_some(struct weir *w, uint32_t to_submit, uint32_t min,
			 uint64_t deadline)
{
	int rc;

	/* Also where it may not sleep: to poll is to ask for more. */
	weir_ring_set_low(w, min);
	rc = submit_and_wait(w, to_submit, deadline, POLLIN);
	weir_ring_set_low(w, 0);
	return rc;
}

static int wait_for_room(struct weir *w, uint32_t to_submit, uint64_t deadline)
{
	uint32_t done = 0;
	int rc;

	for (;;) {
		rc = submit(w, to_submit - done);
		if (rc < 0 && rc != -EAGAIN)
			break;
		done += rc > 0 ? (uint32_t)rc : 0;
		if (done == to_submit || !weir_ring_blocked(w))
			break;
		rc = -ETIME;
		if (!deadline)
			break;
		add_poll(w, POLLOUT);
		rc = run(w, 1, deadline);
		rc = rc ? rc : polled(w->uring);
		if (rc)
			break;
	}
	return done ? (int)done : rc;
}

int weir_uring_enter(struct weir *w, uint32_t flags, uint32_t to_submit,
		     uint32_t min_complete, uint64_t timeout_ns)
{
	uint64_t deadline = WEIR_FOREVER;

	if (timeout_ns == UINT64_MAX)
		deadline = 0;
	else if (timeout_ns)
		deadline = weir_now() + timeout_ns;
	if (flags & WEIR_ENTER_WAIT)
		return wait_for_some(w, to_submit, min_complete, deadline);
	if (flags & WEIR_ENTER_SQ_WAIT)
		return wait_for_room(w, to_submit, deadline);
	return submit(w, to_submit);
}

#else

void weir_uring_init(struct weir *w)
{
	w->no_uring = -EOPNOTSUPP;
}

void weir_uring_exit(struct weir *w)
{
	(void)w;
}

int weir_uring_enter(struct weir *w, uint32_t flags, uint32_t to_submit,
		     uint32_t min_complete, uint64_t timeout_ns)
{
	(void)w, (void)flags, (void)to_submit, (void)min_complete;
	(void)timeout_ns;
	return -EOPNOTSUPP;
}
#endif

int weir_uring(const struct weir *w)
{
	return w->uring ? 1 : w->no_uring;
}
