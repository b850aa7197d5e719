/* SPDX-License-Identifier: LGPL-2.1 OR MIT */
/* The two rings shared with the kernel: see ring.c for who may do what. */
#ifndef WEIR_LIB_RING_H
#define WEIR_LIB_RING_H

#include "handle.h"

#pragma GCC visibility push(hidden)

/* The i-th slot that weir_ring_reserve() made sure of. */
static inline struct weir_sqe *weir_ring_slot(struct weir *w, uint32_t i)
{
	return &w->sqes[(w->tail + i) & (w->sq_entries - 1)];
}

static inline const struct weir_cqe *weir_ring_cqe(struct weir *w, uint32_t pos)
{
	return &w->cqes[pos & (w->cq_entries - 1)];
}

/**
 * weir_ring_reserve() - make sure of free slots behind the tail
 * @w: the handle
 * @nr: how many, at most sq_entries
 * @wait: sleep for them if need be
 *
 * Return: 0, -EAGAIN, -EINTR, -ESHUTDOWN.
 */
int weir_ring_reserve(struct weir *w, uint32_t nr, bool wait);

/* Publishes @nr slots, filled after weir_ring_reserve(). */
void weir_ring_publish(struct weir *w, uint32_t nr);

/* Entries published and not consumed. */
uint32_t weir_ring_pending(struct weir *w);

/* True if nobody but an ENTER will look at what was published. */
bool weir_ring_need_enter(const struct weir *w);

bool weir_ring_dead(const struct weir *w);

/* Blocks that are not needed should be given back: others want memory. */
bool weir_ring_recalled(const struct weir *w);

/* Does an entry stay in the ring for want of room in the channel? */
bool weir_ring_blocked(struct weir *w);

/* How many completions make a poll ready. */
void weir_ring_set_low(struct weir *w, uint32_t low);

/* WEIR_IOC_ENTER, or the same through io_uring; returns what it returns. */
int weir_ring_enter(struct weir *w, uint32_t flags, uint32_t to_submit,
		    uint32_t min_complete, uint64_t timeout_ns);

/**
 * weir_ring_submit() - have the kernel look at what is pending, without sleeping
 * @w: the handle
 *
 * Return: 0 all is or will be looked at, -EAGAIN some stays for want of room,
 * -ESHUTDOWN.
 */
int weir_ring_submit(struct weir *w);

/**
 * weir_ring_flush() - wait until entries are consumed
 * @w: the handle
 * @upto: position before which all must be
 * @deadline: of weir_deadline()
 *
 * Return: 0, -ETIME, -EINTR, -ESHUTDOWN.
 */
int weir_ring_flush(struct weir *w, uint32_t upto, uint64_t deadline);

/* Reads completions: returned buffers, results. Messages stay where they are. */
void weir_ring_reap(struct weir *w);

/*
 * Moves unread messages out of the ring, so that it can be waited on for
 * something else. They count as seen from then on.
 */
void weir_ring_keep(struct weir *w);

/* Takes the next unread message out; false if there is none. */
bool weir_ring_take(struct weir *w, struct weir_cqe *cqe);

/* Tells the kernel how far weir_ring_take() came. */
void weir_ring_taken(struct weir *w);

#pragma GCC visibility pop

#endif /* WEIR_LIB_RING_H */
