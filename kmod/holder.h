/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_HOLDER_H
#define _WEIR_HOLDER_H

#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/spinlock.h>

/* So many of a process's workers count for its rank. */
#define WEIR_HOLDER_WORKERS	8

struct weir_peer;

/**
 * struct weir_holder - a process that holds clients
 * @mn: one per address space; its reference count is ours.
 * @lock: @held, @workers.
 * @held: what it holds, &struct weir_held.
 * @workers: those of them that work, as many as have found a place; read under
 *	RCU.
 * @mm: the address space; constant once @found.
 * @by_mm: in the table of holders; its lock, read under RCU. @found: it is in
 *	there; the address space's lock for writing, or nobody else knows it.
 */
struct weir_holder {
	struct mmu_notifier mn;
	spinlock_t lock;
	struct list_head held;
	struct weir_peer __rcu *workers[WEIR_HOLDER_WORKERS];
	struct mm_struct *mm;
	struct hlist_node by_mm;
	bool found;
	struct rcu_head rcu;
};

/**
 * struct weir_held - what a process can hold
 * @link: in @holder's list, or empty; the holder's lock.
 * @holder: NULL before the first claim. Changed by the owner of this struct.
 * @mm: of the holder, to compare with only; may be read without a lock.
 * @worker: the engine's part of it if it works, else NULL; constant. Its memory
 *	and its channel's stay for a grace period after weir_holder_drop().
 * @dying: between its process's end and the end of @died.
 * @died: called once when the process's address space goes. Context: process,
 *	may sleep; the parent's wait4() has not returned.
 * @tryget: a reference to what this is part of, unless it is on its way out.
 * @put: drops it.
 */
struct weir_held {
	struct list_head link;
	struct weir_holder *holder;
	struct mm_struct *mm;
	struct weir_peer *worker;
	bool dying;
	void (*died)(struct weir_held *held);
	bool (*tryget)(struct weir_held *held);
	void (*put)(struct weir_held *held);
};

int weir_holder_claim(struct weir_held *held);
void weir_holder_drop(struct weir_held *held);
bool weir_holder_lives(struct weir_held *held);
bool weir_holder_is_current(const struct weir_held *held);
u32 weir_holder_rank(const struct mm_struct *mm);
void weir_holder_exit(void);

#endif /* _WEIR_HOLDER_H */
