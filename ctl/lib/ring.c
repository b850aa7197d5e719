// SPDX-License-Identifier: LGPL-2.1 OR MIT
/*
 * The two rings. Only this file touches memory that the kernel writes.
 *
 * Words are named after their writer, k for the kernel and u for us, and have
 * one writer each. All are free running; masked, they index the entries.
 *
 * Submission ring
 *	We fill slots behind usq_tail, then store usq_tail with release order:
 *	pairs with the kernel's acquire load of it, so it reads whole entries.
 *	Then a full fence, then we load kflags: pairs with the kernel's fence
 *	between setting NEED_ENTER and its last look at usq_tail. Either it
 *	sees our entries or we see the flag; never neither. The fence is paid
 *	once per submission, in weir_ring_need_enter(), not once per entry.
 *	A slot is ours again once ksq_head has passed it; the acquire load keeps
 *	our next writes to it behind the kernel's reads.
 *
 * Completion ring
 *	kcq_tail is loaded with acquire order: what lies before it is whole and
 *	does not change until ucq_head passes it. ucq_head is stored with
 *	release order, after our reads: pairs with the kernel's acquire load
 *	before it writes those slots again.
 *
 * ksq_head before kcq_tail: the kernel posts the RESULT of a refused entry
 * before the head passes it, so who sees the head (acquire) and then reads
 * completions finds it. weir_send() takes its absence for acceptance.
 *
 * A message is "seen" once ucq_head has passed it, and if this process dies
 * then, the delivery counts as an attempt. So weir_ring_reap() looks ahead
 * (scan) past messages for what else there is, and head moves over a message
 * only when it is handed to the caller. head <= scan <= kcq_tail, and between
 * head and scan only messages mean anything. When we have to sleep for
 * something other than a message, or the ring is full of them, they are moved
 * to private memory (weir_ring_keep()) and count as seen early.
 */
#include "ring.h"
#include "uring.h"

static_assert(sizeof(struct weir_sqe) == 64, "ABI");
static_assert(sizeof(struct weir_cqe) == 64, "ABI");
static_assert(sizeof(struct weir_ring) == 256, "ABI");
static_assert(offsetof(struct weir_sqe, reason) == 12, "ABI");
static_assert(offsetof(struct weir_cqe, seq) == 48, "ABI");
static_assert(offsetof(struct weir_ring, ksq_head) == 64, "ABI");
static_assert(offsetof(struct weir_ring, kcq_tail) == 128, "ABI");
static_assert(offsetof(struct weir_ring, ucq_head) == 192, "ABI");

static uint32_t kflags(const struct weir *w)
{
	return __atomic_load_n(&w->ring->kflags, __ATOMIC_RELAXED);
}

static uint32_t kcq_tail(const struct weir *w)
{
	return __atomic_load_n(&w->ring->kcq_tail, __ATOMIC_ACQUIRE);
}

static void store_ucq_head(struct weir *w)
{
	__atomic_store_n(&w->ring->ucq_head, w->head, __ATOMIC_RELEASE);
}

static void update_khead(struct weir *w)
{
	w->khead = __atomic_load_n(&w->ring->ksq_head, __ATOMIC_ACQUIRE);
}

/* ---- submission ---------------------------------------------------------- */

static uint32_t room(const struct weir *w)
{
	return w->sq_entries - (w->tail - w->khead);
}

/* Entries before @upto that are not consumed. */
static uint32_t pending_upto(struct weir *w, uint32_t upto)
{
	int32_t nr;

	update_khead(w);
	nr = (int32_t)(upto - w->khead);
	return nr > 0 ? (uint32_t)nr : 0;
}

uint32_t weir_ring_pending(struct weir *w)
{
	return pending_upto(w, w->tail);
}

void weir_ring_publish(struct weir *w, uint32_t nr)
{
	w->tail += nr;
	__atomic_store_n(&w->ring->usq_tail, w->tail, __ATOMIC_RELEASE);
}

bool weir_ring_need_enter(const struct weir *w)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return kflags(w) & WEIR_RING_NEED_ENTER;
}

bool weir_ring_dead(const struct weir *w)
{
	return kflags(w) & WEIR_RING_DEAD;
}

bool weir_ring_recalled(const struct weir *w)
{
	return kflags(w) & WEIR_RING_RECALL;
}

bool weir_ring_blocked(struct weir *w)
{
	/* Looked at first: the kernel sets it before it moves the head. */
	bool full = kflags(w) & WEIR_RING_CQ_MORE;

	return weir_ring_pending(w) && !full;
}

void weir_ring_set_low(struct weir *w, uint32_t low)
{
	__atomic_store_n(&w->ring->ucq_low, low, __ATOMIC_RELAXED);
}

int weir_ring_enter(struct weir *w, uint32_t flags, uint32_t to_submit,
		    uint32_t min_complete, uint64_t timeout_ns)
{
	struct weir_enter enter = {
		.size = sizeof(enter),
		.flags = flags,
		.to_submit = to_submit,
		.min_complete = min_complete,
		.timeout_ns = timeout_ns,
	};
	int rc;

	if (w->uring && !(flags & ~(WEIR_ENTER_WAIT | WEIR_ENTER_SQ_WAIT))) {
		rc = weir_uring_enter(w, flags, to_submit, min_complete,
				      timeout_ns);
		return rc < 0 ? weir_explain(w, rc) : rc;
	}
	return weir_ioctl(w, WEIR_IOC_ENTER, &enter);
}

int weir_ring_submit(struct weir *w)
{
	uint32_t nr = weir_ring_pending(w);
	int rc;

	if (!nr || !weir_ring_need_enter(w))
		return 0;
	rc = weir_ring_enter(w, 0, nr, 0, 0);
	if (rc < 0 && rc != -EAGAIN)
		return rc;
	weir_ring_reap(w);
	nr = weir_ring_pending(w);
	if (nr)
		return weir_refuse(w, -EAGAIN,
				   "%u entries stay queued: the channel has no room",
				   nr);
	return 0;
}

static bool cq_full(struct weir *w)
{
	return kcq_tail(w) - w->head >= w->cq_entries ||
	       kflags(w) & WEIR_RING_CQ_MORE;
}

int weir_ring_flush(struct weir *w, uint32_t upto, uint64_t deadline)
{
	uint32_t nr, head;
	bool full;
	int rc;

	while ((nr = pending_upto(w, upto))) {
		head = w->head;
		rc = weir_ring_enter(w, WEIR_ENTER_SQ_WAIT, nr, 0,
				     weir_left(deadline));
		/*
		 * An entry that may have a result is not consumed while the
		 * completion ring is full: then it is our turn.
		 */
		full = cq_full(w);
		weir_ring_reap(w);
		if (full)
			weir_ring_keep(w);
		if (rc < 0 && rc != -EAGAIN && rc != -ETIME)
			return rc;
		nr = pending_upto(w, upto);
		if (!nr)
			break;
		if (full && w->head != head)
			continue;
		if (weir_left(deadline) == UINT64_MAX)
			return weir_refuse(w, -ETIME,
					   "%u entries are still queued", nr);
		if (rc < 0)
			return rc;
		/* Fewer than asked, yet neither full nor late: a signal. */
		return weir_refuse(w, -EINTR,
				   "a signal came while %u entries were queued",
				   nr);
	}
	return 0;
}

int weir_ring_reserve(struct weir *w, uint32_t nr, bool wait)
{
	uint32_t some;
	int rc;

	if (room(w) >= nr)
		return 0;
	update_khead(w);
	if (room(w) >= nr)
		return 0;
	rc = weir_ring_enter(w, 0, w->tail - w->khead, 0, 0);
	if (rc < 0 && rc != -EAGAIN)
		return rc;
	weir_ring_reap(w);
	update_khead(w);
	if (room(w) >= nr)
		return 0;
	if (!wait)
		return weir_refuse(w, -EAGAIN,
				   "all %u entries of the ring wait for room in the channel",
				   w->sq_entries);
	/*
	 * A few at once, or a full channel costs a wake-up per message; but all
	 * where it could cut a rejection with its text in two.
	 */
	some = w->ro ? w->tail - w->khead : w->sq_entries / 4;
	if (some < nr - room(w))
		some = nr - room(w);
	rc = weir_ring_flush(w, w->khead + some, WEIR_FOREVER);
	return room(w) >= nr ? 0 : rc;
}

/* ---- completion ---------------------------------------------------------- */

static void take_result(struct weir *w, const struct weir_cqe *cqe)
{
	if (cqe->res >= 0)
		return;
	if (cqe->op == WEIR_OP_SEND)
		weir_pool_return(w, cqe->raddr);
	if (w->sync && cqe->sqe_index == w->sync_pos)
		w->sync_res = cqe->res;
	else if (!w->refused.res)
		w->refused = *cqe;
}

static void take_return(struct weir *w, const struct weir_cqe *cqe)
{
	unsigned int i, nr = cqe->nr < WEIR_VEC_MAX ? cqe->nr : WEIR_VEC_MAX;

	for (i = 0; i < nr; i++)
		weir_pool_return(w, (uint64_t)cqe->buf[i] * WEIR_BUF_UNIT);
}

static void look(struct weir *w)
{
	uint32_t tail = kcq_tail(w);
	const struct weir_cqe *cqe;

	for (; w->scan != tail; w->scan++) {
		cqe = weir_ring_cqe(w, w->scan);
		switch (cqe->type) {
		case WEIR_CQE_MSG:
			w->unread++;
			break;
		case WEIR_CQE_RETURN:
			take_return(w, cqe);
			break;
		case WEIR_CQE_RESULT:
			take_result(w, cqe);
			break;
		}
	}
}

/* Moves head up to the next message. */
static void skip(struct weir *w)
{
	if (!w->unread)
		w->head = w->scan;
	while (w->head != w->scan &&
	       weir_ring_cqe(w, w->head)->type != WEIR_CQE_MSG)
		w->head++;
}

void weir_ring_reap(struct weir *w)
{
	uint32_t head;

	for (;;) {
		head = w->head;
		look(w);
		skip(w);
		if (w->head != head)
			store_ucq_head(w);
		/* No use in asking for more before there is new room. */
		if (!(kflags(w) & WEIR_RING_CQ_MORE) || w->head == w->more_head)
			break;
		w->more_head = w->head;
		if (weir_ring_enter(w, 0, 0, 0, 0) < 0)
			break;
	}
	weir_pool_trim(w, false);
}

void weir_ring_keep(struct weir *w)
{
	uint32_t i;

	while (w->unread && w->nr_kept < w->kept_max) {
		skip(w);
		i = (w->kept_first + w->nr_kept++) % w->kept_max;
		w->kept[i] = *weir_ring_cqe(w, w->head++);
		w->unread--;
	}
	skip(w);
	store_ucq_head(w);
}

bool weir_ring_take(struct weir *w, struct weir_cqe *cqe)
{
	if (w->nr_kept) {
		*cqe = w->kept[w->kept_first];
		w->kept_first = (w->kept_first + 1) % w->kept_max;
		w->nr_kept--;
		return true;
	}
	if (!w->unread)
		return false;
	skip(w);
	*cqe = *weir_ring_cqe(w, w->head++);
	w->unread--;
	return true;
}

void weir_ring_taken(struct weir *w)
{
	skip(w);
	store_ucq_head(w);
}
