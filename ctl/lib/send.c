// SPDX-License-Identifier: LGPL-2.1 OR MIT
#include <string.h>

#include "answer.h"
#include "ring.h"

/* ---- what the kernel refused ---- */

static int explain(struct weir *w, const struct weir_cqe *cqe)
{
	const char *what = cqe->op == WEIR_OP_SEND ? "message" : "answer";

	switch (cqe->res) {
	case -EMSGSIZE:
		return weir_refuse(w, cqe->res,
				   "message of %u bytes refused: message-max is less now (%u when the handle was opened)",
				   cqe->len, w->message_max);
	case -EAGAIN:
		return weir_refuse(w, cqe->res,
				   "the channel has no room");
	case -ENOBUFS:
		return weir_refuse(w, cqe->res,
				   "message refused: the channel is full, has this sender's share of it, or its policy says no");
	case -ESHUTDOWN:
		return weir_refuse(w, cqe->res,
				   "message refused: the channel is draining");
	case -ESTALE:
		return weir_refuse(w, cqe->res,
				   "%u answers came too late: the message was taken away, or answered before",
				   cqe->nr);
	case -EINVAL:
		return weir_refuse(w, cqe->res,
				   "%s refused: a value is out of range, such as the priority or a delay",
				   what);
	default:
		return weir_refuse(w, cqe->res, "%s refused: errno %d", what,
				   -cqe->res);
	}
}

/* The first refusal since this was last asked. */
static int tell_refused(struct weir *w)
{
	struct weir_cqe cqe = w->refused;

	if (!cqe.res)
		return 0;
	w->refused.res = 0;
	return explain(w, &cqe);
}

/* ---- buffers ---- */

static int check_len(struct weir *w, size_t len)
{
	if (!len)
		return weir_refuse(w, -EINVAL,
				   "a message has at least 1 byte");
	if (len > w->message_max)
		return weir_refuse(w, -EMSGSIZE,
				   "message of %zu bytes: message-max is %u",
				   len, w->message_max);
	return 0;
}

/* The smallest free buffer from @cls on up. */
static void *take_from(struct weir *w, uint32_t cls)
{
	void *p = NULL;

	for (; !p && cls < w->pool.nr_classes; cls++)
		p = weir_pool_take(w, cls);
	return p;
}

/*
 * Sleeps until there may be memory. Our own entries go first: with all memory
 * in messages that the channel has no room for, none would ever come back.
 * And the completion ring must be empty, else the kernel would not sleep.
 */
static int wait_for_memory(struct weir *w, uint32_t cls)
{
	int rc;

	rc = weir_ring_flush(w, w->tail, WEIR_FOREVER);
	if (rc)
		return rc;
	weir_ring_reap(w);
	weir_ring_keep(w);
	if (weir_pool_has(w, cls))
		return 0;
	return weir_pool_grant(w, cls, WEIR_GRANT_WAIT);
}

static int no_host_memory(struct weir *w, uint32_t cls)
{
	return weir_refuse(w, -ENOMEM,
			   "no buffer of %u bytes: the host, or the channel's memory cgroup, has no memory",
			   w->pool.classes[cls].size);
}

/*
 * The host, or the cgroup that the pool is charged to, has no memory. That may
 * last: what is sure to come is our own buffers, if any are out.
 */
static int wait_for_returns(struct weir *w, uint32_t cls)
{
	int rc;

	rc = weir_ring_flush(w, w->tail, WEIR_FOREVER);
	if (rc)
		return rc;
	weir_ring_reap(w);
	weir_ring_keep(w);
	if (weir_pool_has(w, cls))
		return 0;
	if (!w->pool.nr_sent)
		return no_host_memory(w, cls);
	rc = weir_ring_enter(w, WEIR_ENTER_WAIT, 0, 1, 0);
	return rc < 0 ? rc : 0;
}

static int no_memory(struct weir *w, uint32_t cls)
{
	return weir_refuse(w, -EAGAIN,
			   "no buffer of %u bytes: the channel's memory-max or the handle's block_max is reached (the handle owns %llu bytes)",
			   w->pool.classes[cls].size,
			   (unsigned long long)w->pool.bytes);
}

/* Gets a buffer of a class whose free list is empty. */
static int refill(struct weir *w, uint32_t cls, void **buf)
{
	int rc;

	for (;;) {
		weir_ring_reap(w);
		*buf = weir_pool_take(w, cls);
		if (*buf)
			return 0;
		rc = weir_pool_grant(w, cls, 0);
		if (rc == -ENOBUFS || rc == -ENOMEM) {
			*buf = take_from(w, cls);
			if (*buf)
				return 0;
			if (weir_pool_giveback(w, cls))
				continue;
			if (w->nonblock)
				return rc == -ENOMEM && !w->pool.nr_sent ?
				       no_host_memory(w, cls) :
				       no_memory(w, cls);
			rc = rc == -ENOMEM ? wait_for_returns(w, cls) :
					     wait_for_memory(w, cls);
		}
		if (rc < 0)
			return rc;
	}
}

static int get_buffer(struct weir *w, size_t len, void **buf)
{
	uint32_t cls;
	int rc;

	rc = check_len(w, len);
	if (rc)
		return rc;
	cls = weir_pool_class(w, len);
	if (cls == w->pool.nr_classes)
		return weir_refuse(w, -EMSGSIZE,
				   "message of %zu bytes: the largest buffer has %u",
				   len, w->pool.classes[cls - 1].size);
	*buf = weir_pool_take(w, cls);
	return *buf ? 0 : refill(w, cls, buf);
}

int weir_loan(struct weir *w, size_t len, void **buf)
{
	int rc = weir_check_sender(w);

	*buf = NULL;
	return rc ? rc : get_buffer(w, len, buf);
}

int weir_abort(struct weir *w, void *buf)
{
	struct weir_loaned loan;
	int rc;

	rc = weir_check_sender(w);
	if (rc)
		return rc;
	rc = weir_pool_find(w, buf, &loan);
	if (rc)
		return rc;
	weir_pool_unsent(w, &loan);
	return 0;
}

/* ---- messages ---- */

static void fill(struct weir_sqe *sqe, uint8_t flags, uint64_t addr,
		 size_t len, const struct weir_meta *meta)
{
	static const struct weir_meta none;

	if (!meta)
		meta = &none;
	*sqe = (struct weir_sqe) {
		.op = WEIR_OP_SEND,
		.flags = flags,
		.prio = meta->prio,
		.len = (uint32_t)len,
		.addr = addr,
		.key = meta->key,
		.corr = meta->corr,
		.deadline_ns = meta->deadline_ns,
		.user_data = meta->user_data,
		.cost = meta->cost,
		.mtype = meta->mtype,
		.encoding = meta->encoding,
		.defer_ms = meta->defer_ms,
	};
}

static int check_meta(struct weir *w, const struct weir_meta *meta)
{
	if (meta && (meta->resv0 | meta->resv[0] | meta->resv[1]))
		return weir_refuse(w, -EINVAL,
				   "weir_meta.resv must be 0");
	return 0;
}

static int put(struct weir *w, uint8_t flags, const struct weir_loaned *loan,
	       size_t len, const struct weir_meta *meta)
{
	int rc;

	rc = weir_ring_reserve(w, 1, !w->nonblock);
	if (rc)
		return rc;
	fill(weir_ring_slot(w, 0), flags, loan->addr, len, meta);
	weir_pool_sent(w, loan);
	weir_ring_publish(w, 1);
	return 0;
}

int weir_put(struct weir *w, void *buf, size_t len,
	     const struct weir_meta *meta)
{
	struct weir_loaned loan;
	int rc;

	rc = weir_check_sender(w);
	if (!rc)
		rc = check_meta(w, meta);
	if (!rc)
		rc = weir_pool_find(w, buf, &loan);
	if (!rc)
		rc = check_len(w, len);
	if (rc)
		return rc;
	if (len > loan.room)
		return weir_refuse(w, -EINVAL,
				   "message of %zu bytes: the loan has %llu from there on",
				   len, (unsigned long long)loan.room);
	return put(w, 0, &loan, len, meta);
}

/* Waits until the entry at @pos is accepted or refused. */
static int accepted(struct weir *w, uint32_t pos, size_t len)
{
	int rc;

	w->sync = true;
	w->sync_pos = pos;
	w->sync_res = 0;
	rc = weir_ring_flush(w, pos + 1, w->nonblock ? 0 : WEIR_FOREVER);
	w->sync = false;
	if (w->sync_res)
		return explain(w, &(struct weir_cqe) {
			.op = WEIR_OP_SEND,
			.res = w->sync_res,
			.len = (uint32_t)len });
	/* It is in the ring for good: to try again would send it twice. */
	if (rc == -EINTR || rc == -ETIME || rc == -EAGAIN)
		return 0;
	return rc;
}

int weir_send(struct weir *w, const void *data, size_t len,
	      const struct weir_meta *meta)
{
	struct weir_loaned loan;
	uint8_t flags = 0;
	uint32_t pos;
	void *buf;
	int rc;

	rc = weir_check_sender(w);
	if (!rc)
		rc = check_meta(w, meta);
	if (!rc && w->nonblock) {
		/* What waits for room in front of it would make it wait too. */
		rc = weir_ring_submit(w);
		flags = WEIR_SQE_NOWAIT;
	}
	if (!rc)
		rc = get_buffer(w, len, &buf);
	if (rc)
		return rc;
	memcpy(buf, data, len);
	weir_pool_find(w, buf, &loan);
	pos = w->tail;
	rc = put(w, flags, &loan, len, meta);
	if (rc) {
		weir_pool_unsent(w, &loan);
		return rc;
	}
	return accepted(w, pos, len);
}

/* ---- hand over ---- */

int weir_submit(struct weir *w)
{
	int rc;

	rc = weir_check_own(w);
	if (rc)
		return rc;
	weir_ring_reap(w);
	rc = weir_answers_push(w, false);
	return rc ? rc : weir_ring_submit(w);
}

static int flush(struct weir *w, uint64_t deadline)
{
	int rc;

	rc = weir_answers_push(w, false);
	if (rc == -EAGAIN) {
		rc = weir_ring_flush(w, w->tail, deadline);
		if (!rc)
			rc = weir_answers_push(w, false);
	}
	if (!rc)
		rc = weir_ring_flush(w, w->tail, deadline);
	weir_ring_reap(w);
	return rc;
}

int weir_flush(struct weir *w, int timeout_ms)
{
	int rc;

	rc = weir_check_own(w);
	if (!rc)
		rc = flush(w, weir_deadline(timeout_ms));
	return rc ? rc : tell_refused(w);
}

int weir_settle(struct weir *w, int timeout_ms, struct weir_outcome *outcome)
{
	struct weir_settle settle = { .size = sizeof(settle) };
	uint64_t deadline;
	int rc, flushed;

	if (outcome)
		memset(outcome, 0, sizeof(*outcome));
	rc = weir_check_sender(w);
	if (rc)
		return rc;
	deadline = weir_deadline(timeout_ms);
	flushed = flush(w, deadline);
	settle.timeout_ns = weir_left(flushed ? 0 : deadline);
	rc = weir_ioctl(w, WEIR_IOC_SETTLE, &settle);
	if (outcome) {
		outcome->accepted = settle.accepted;
		outcome->acked = settle.acked;
		outcome->dead = settle.dead;
		outcome->unsettled = settle.unsettled;
	}
	weir_ring_reap(w);
	if (!rc)
		weir_pool_trim(w, true);
	if (flushed)
		rc = flushed;
	if (rc == -ETIME || rc == -EINTR)
		return weir_refuse(w, rc, "%u entries are queued, %llu messages not settled",
				   weir_ring_pending(w),
				   (unsigned long long)settle.unsettled);
	return rc ? rc : tell_refused(w);
}
