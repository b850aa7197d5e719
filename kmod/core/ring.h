/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rings, and the one contract of their memory ordering.
 *
 * Submission: the user writes entries, then stores usq_tail with release
 * order. The kernel loads usq_tail with acquire order, reads each field of an
 * entry once into memory of its own and works on that (a first look that does not
 * end in acceptance counts for nothing: the entry is then copied whole), and stores
 * ksq_head with release order when it has done with the slots; the user loads ksq_head with acquire order before it
 * writes to them again.
 *
 * Completion: the kernel writes entries, then stores kcq_tail with release
 * order. The user loads kcq_tail with acquire order, reads, and stores
 * ucq_head with release order; the kernel loads ucq_head with acquire order
 * before it writes to the slots again.
 *
 * Sleeping: the kernel puts the sleeper on its wait queue and then looks at
 * the rings (prepare_to_wait has the full fence); a waker changes the rings
 * and then looks at the wait queue (wq_has_sleeper has it).
 *
 * The masters are sq_head and cq_tail here, in private memory: ksq_head and
 * kcq_tail are only shown to the user and never read back. usq_tail and
 * ucq_head may hold anything at any time.
 */
#ifndef _WEIR_CORE_RING_H
#define _WEIR_CORE_RING_H

#include "port.h"

/**
 * struct weir_rings - the kernel's side of one client's rings
 * @shared: mapped to user space; NULL for a client inside the kernel.
 * @sq_head: entries consumed; sq_lock.
 * @sq_entries: power of two. @cq_entries: likewise.
 * @cq_tail: completions published; engine's lock, as a hint without it.
 * @cq_head: last plausible ucq_head; likewise.
 * @kflags: what @shared->kflags shows; engine's lock.
 */
struct weir_rings {
	struct weir_ring *shared;
	const struct weir_sqe *sqes;
	struct weir_cqe *cqes;
	u32 sq_entries;
	u32 sq_head;
	u32 cq_entries;
	u32 cq_tail;
	u32 cq_head;
	u32 kflags;
};

/**
 * weir_ring_pending - entries published and not consumed
 * @r: rings; the caller holds sq_lock
 *
 * Return: the number, or -EPROTO if the user's tail is impossible.
 */
static inline int weir_ring_pending(const struct weir_rings *r)
{
	/* Pairs with the user's release store after writing the entries. */
	u32 n = smp_load_acquire(&r->shared->usq_tail) - r->sq_head;

	return n > r->sq_entries ? -EPROTO : (int)n;
}

/* The entry @ahead places past the head: the user may be writing to it. */
static inline const struct weir_sqe *weir_ring_entry(const struct weir_rings *r,
						     u32 ahead)
{
	return &r->sqes[(r->sq_head + ahead) & (r->sq_entries - 1)];
}

/* Copies that entry; it is read once. */
static inline void weir_ring_peek(const struct weir_rings *r, u32 ahead,
				  struct weir_sqe *copy)
{
	const u64 *from = (const u64 *)weir_ring_entry(r, ahead);
	u64 *to = (u64 *)copy;

	BUILD_BUG_ON(sizeof(*copy) != 8 * sizeof(u64));
	to[0] = READ_ONCE(from[0]);
	to[1] = READ_ONCE(from[1]);
	to[2] = READ_ONCE(from[2]);
	to[3] = READ_ONCE(from[3]);
	to[4] = READ_ONCE(from[4]);
	to[5] = READ_ONCE(from[5]);
	to[6] = READ_ONCE(from[6]);
	to[7] = READ_ONCE(from[7]);
}

/* Nothing is left of what was there. Said word by word: it is done often. */
static inline void weir_ring_clear(struct weir_cqe *cqe)
{
	u64 *to = (u64 *)cqe;

	BUILD_BUG_ON(sizeof(*cqe) != 8 * sizeof(u64));
	to[0] = 0;
	to[1] = 0;
	to[2] = 0;
	to[3] = 0;
	to[4] = 0;
	to[5] = 0;
	to[6] = 0;
	to[7] = 0;
}

/* Gives @n slots back to the user. */
static inline void weir_ring_consume(struct weir_rings *r, u32 n)
{
	r->sq_head += n;
	/* Pairs with the user's acquire load before it writes to the slots. */
	smp_store_release(&r->shared->ksq_head, r->sq_head);
}

/**
 * weir_ring_unread - completions the user has not read yet
 * @r: rings; the caller holds the engine's lock
 *
 * A head that is not between the last one seen and the tail is a lie; the last
 * plausible one counts, so a liar fills its own ring and nothing else.
 * @lie is set then.
 */
static inline u32 weir_ring_unread(struct weir_rings *r, bool *lie)
{
	/* Pairs with the user's release store after reading the entries. */
	u32 head = smp_load_acquire(&r->shared->ucq_head);

	if (head - r->cq_head <= r->cq_tail - r->cq_head)
		WRITE_ONCE(r->cq_head, head);
	else
		*lie = true;
	return r->cq_tail - r->cq_head;
}

/* The next free completion slot; the caller made sure that there is one. */
static inline struct weir_cqe *weir_ring_slot(struct weir_rings *r, u32 ahead)
{
	return &r->cqes[(r->cq_tail + ahead) & (r->cq_entries - 1)];
}

static inline void weir_ring_publish(struct weir_rings *r, u32 n)
{
	WRITE_ONCE(r->cq_tail, r->cq_tail + n);
	/* Pairs with the user's acquire load before reading the entries. */
	smp_store_release(&r->shared->kcq_tail, r->cq_tail);
}

static inline void weir_ring_flag(struct weir_rings *r, u32 flag, bool on)
{
	u32 flags = on ? r->kflags | flag : r->kflags & ~flag;

	if (!r->shared || flags == r->kflags)
		return;
	r->kflags = flags;
	WRITE_ONCE(r->shared->kflags, flags);
}

#endif /* _WEIR_CORE_RING_H */
