// SPDX-License-Identifier: LGPL-2.1 OR MIT
#include "answer.h"
#include "ring.h"

/*
 * While messages are at hand, answers are submitted no more often than this:
 * short jobs share a system call, after a long one it does not matter.
 */
#define SUBMIT_NS	50000

static void fill(const struct weir *w, struct weir_msg *msg,
		 const struct weir_cqe *cqe)
{
	*msg = (struct weir_msg) {
		.data = w->ro + cqe->addr,
		.len = cqe->len,
		.seq = cqe->seq,
		.key = cqe->key,
		.corr = cqe->corr,
		.deadline_ns = cqe->deadline_ns,
		.token = cqe->token,
		.src = cqe->src,
		.attempts = cqe->attempts,
		.mtype = cqe->mtype,
		.encoding = cqe->encoding,
		.prio = cqe->prio,
		.flags = cqe->flags & WEIR_CQE_REDELIVERED ?
			 WEIR_MSG_REDELIVERED : 0,
	};
}

static int take(struct weir *w, struct weir_msg *msgs, unsigned int n)
{
	struct weir_cqe cqe;
	unsigned int i;

	for (i = 0; i < n && weir_ring_take(w, &cqe); i++)
		fill(w, &msgs[i], &cqe);
	weir_ring_taken(w);
	return (int)i;
}

/* Submits answers, though no system call is needed to get a message. */
static int submit_if_due(struct weir *w)
{
	uint64_t now;

	if (!weir_ring_pending(w))
		return 0;
	now = weir_now();
	if (now - w->entered < SUBMIT_NS || !weir_ring_need_enter(w))
		return 0;
	w->entered = now;
	return weir_ring_submit(w);
}

/* Publishes answers; if the ring is full they stay where they are. */
static int push_answers(struct weir *w)
{
	int rc = weir_answers_push(w, false);

	return rc == -EAGAIN ? 0 : rc;
}

/*
 * One ENTER that submits, starts delivery if need be, and sleeps. It is made
 * with time-out 0 too: a worker that holds messages gets more, before there is
 * a whole batch of them, only if it asks.
 *
 * Return: 1 completions came, or it is worth calling again; 0 time is up;
 * -EINTR and the others.
 */
static int wait_once(struct weir *w, uint64_t deadline, bool *submit)
{
	uint32_t flags = WEIR_ENTER_WAIT, scan = w->scan;
	uint64_t left = weir_left(deadline);
	uint32_t nr = *submit ? weir_ring_pending(w) : 0;
	int rc;

	if (w->stopped)
		flags |= WEIR_ENTER_START;
	rc = weir_ring_enter(w, flags, nr, 1, left);
	if (rc >= 0 || rc == -EAGAIN || rc == -ETIME || rc == -EINTR)
		w->stopped = false;
	if (nr)
		w->entered = weir_now();
	weir_ring_reap(w);
	if (w->scan != scan)
		return 1;
	/* Sends that the channel has no room for: sleep without them. */
	if (rc == -EAGAIN && *submit) {
		*submit = false;
		return 1;
	}
	if (rc == -ETIME)
		return 0;
	if (rc < 0)
		return rc;
	/* Answers were taken and nothing came: time is up, or a signal came. */
	if (weir_left(deadline) == UINT64_MAX)
		return 0;
	return weir_refuse(w, -EINTR, "a signal ended the wait");
}

static int wait_for_message(struct weir *w, uint64_t deadline)
{
	bool submit = true;
	int rc = 1;

	while (!w->unread && !w->nr_kept && rc > 0)
		rc = wait_once(w, deadline, &submit);
	return rc;
}

int weir_recvmany(struct weir *w, struct weir_msg *msgs, unsigned int n,
		  int timeout_ms)
{
	int rc;

	rc = weir_check_worker(w);
	if (!rc)
		rc = push_answers(w);
	if (rc || !n)
		return rc;
	weir_ring_reap(w);
	if (!w->unread && !w->nr_kept) {
		rc = wait_for_message(w, weir_deadline(timeout_ms));
		if (rc <= 0)
			return rc;
	}
	if (weir_ring_dead(w))
		return weir_refuse(w, -ESHUTDOWN,
				   "the handle has ended: its channel was deleted or it was kicked");
	rc = submit_if_due(w);
	if (rc < 0 && rc != -EAGAIN)
		return rc;
	return take(w, msgs, n);
}

int weir_recv(struct weir *w, struct weir_msg *msg, int timeout_ms)
{
	return weir_recvmany(w, msg, 1, timeout_ms);
}

/* Gives back what nobody has looked at. */
static int release_unread(struct weir *w, int *nr)
{
	struct weir_cqe cqe;
	int rc = 0;

	while (w->unread || w->nr_kept) {
		rc = weir_answers_open(w, WEIR_OP_RELEASE, 0);
		if (rc)
			break;
		weir_ring_take(w, &cqe);
		weir_answers_add(w, cqe.token);
		++*nr;
	}
	weir_ring_taken(w);
	return rc;
}

int weir_drain(struct weir *w)
{
	int rc, nr = 0;

	rc = weir_check_worker(w);
	if (rc)
		return rc;
	rc = weir_ring_enter(w, WEIR_ENTER_STOP, 0, 0, 0);
	if (rc < 0)
		return rc;
	w->stopped = true;
	weir_ring_reap(w);
	rc = release_unread(w, &nr);
	if (!rc)
		rc = weir_answers_push(w, !w->nonblock);
	if (!rc)
		rc = weir_ring_submit(w);
	return rc < 0 ? rc : nr;
}
