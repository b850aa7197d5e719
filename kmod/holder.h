/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_HOLDER_H
#define _WEIR_HOLDER_H

#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/spinlock.h>

/**
 * struct weir_holder - a process that holds clients
 * @mn: one per address space; its reference count is ours.
 * @lock: @held.
 * @held: what it holds, &struct weir_held.
 */
struct weir_holder {
	struct mmu_notifier mn;
	spinlock_t lock;
	struct list_head held;
};

/**
 * struct weir_held - what a process can hold
 * @link: in @holder's list, or empty; the holder's lock.
 * @holder: NULL before the first claim. Changed by the owner of this struct.
 * @mm: of the holder, to compare with only; may be read without a lock.
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
	bool dying;
	void (*died)(struct weir_held *held);
	bool (*tryget)(struct weir_held *held);
	void (*put)(struct weir_held *held);
};

int weir_holder_claim(struct weir_held *held);
void weir_holder_drop(struct weir_held *held);
bool weir_holder_lives(struct weir_held *held);
bool weir_holder_is_current(const struct weir_held *held);
void weir_holder_exit(void);

#endif /* _WEIR_HOLDER_H */
