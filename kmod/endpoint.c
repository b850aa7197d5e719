// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whom a peer's wake-up reaches: who sleeps in a call, and who polls.
 */
#include "endpoint.h"

#include "trace.h"

/**
 * weir_endpoint_init - nobody waits
 * @ep: zeroed
 */
void weir_endpoint_init(struct weir_endpoint *ep)
{
	init_waitqueue_head(&ep->wait);
	init_waitqueue_head(&ep->poll);
}

/**
 * weir_endpoint_unread - completions the user has not read
 * @ep: of a peer with rings
 *
 * Without a lock, so a hint; and the user's head may be a lie.
 */
u32 weir_endpoint_unread(const struct weir_endpoint *ep)
{
	const struct weir_rings *r = &ep->peer.rings;
	/* Pairs with the engine's store before it wakes. */
	u32 tail = READ_ONCE(r->cq_tail);

	return min(tail - READ_ONCE(r->shared->ucq_head), r->cq_entries);
}

/**
 * weir_endpoint_low - so many completions must be unread for POLLIN
 * @ep: of a peer with rings
 *
 * The word is the user's, and may change between two looks.
 */
u32 weir_endpoint_low(const struct weir_endpoint *ep)
{
	const struct weir_rings *r = &ep->peer.rings;

	return clamp(READ_ONCE(r->shared->ucq_low), 1U, r->cq_entries);
}

/*
 * What there is for who polls. io_uring takes the waker's word for it and does
 * not look again, so it has to be true.
 */
static __poll_t events(const struct weir_endpoint *ep)
{
	__poll_t mask = 0;

	if (READ_ONCE(ep->peer.gone))
		return EPOLLERR | EPOLLHUP;
	if (!ep->peer.rings.shared)
		return 0;
	if (weir_endpoint_unread(ep) >= weir_endpoint_low(ep))
		mask = EPOLLIN | EPOLLRDNORM;
	/* Its share may be free again. */
	if (weir_peer_sends(&ep->peer) &&
	    weir_engine_clear(ep->peer.eng, &ep->peer))
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}

/**
 * weir_endpoint_wake - something of the peer has changed
 * @ch: its channel
 * @ep: whose @waking has just been cleared
 *
 * Who polls is left alone while less is unread than was asked for. Nothing is
 * lost by that: the fence is between the store to @waking and all looks here,
 * so whoever makes the next change, and does not see @waking set, comes here
 * after it; and who begins to poll joins the queue first and then looks under
 * the engine's lock, so either it sees the change, or it is seen here.
 */
void weir_endpoint_wake(struct weir_channel *ch, struct weir_endpoint *ep)
{
	bool asleep = wq_has_sleeper(&ep->wait);
	__poll_t mask = 0;

	/* The fence is the one of wq_has_sleeper(). */
	if (waitqueue_active(&ep->poll))
		mask = events(ep);
	if (asleep || mask & ~(EPOLLOUT | EPOLLWRNORM))
		atomic64_inc(&ch->wakeups);
	/* After the fence: what others have changed of it is seen. */
	if (trace_weir_client_enabled())
		weir_trace_client(ch, &ep->peer);
	if (asleep)
		wake_up_interruptible(&ep->wait);
	if (mask)
		wake_up_interruptible_poll(&ep->poll, mask);
}
