// SPDX-License-Identifier: GPL-2.0-only
/*
 * Death of a process, seen as the end of its address space: by exit, by a
 * fatal signal, by execve. The kernel tears the address space down before it
 * lets the parent know, and before it closes files; an inherited descriptor
 * does not keep it alive.
 */
#include "holder.h"

#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

static struct weir_holder *mn_holder(struct mmu_notifier *mn)
{
	return container_of(mn, struct weir_holder, mn);
}

static struct weir_held *pop(struct weir_holder *h)
{
	struct weir_held *held;

	guard(spinlock)(&h->lock);
	while ((held = list_first_entry_or_null(&h->held, struct weir_held,
						link))) {
		list_del_init(&held->link);
		if (held->tryget(held)) {
			held->dying = true;
			return held;
		}
	}
	return NULL;
}

/*
 * The last thread has left the address space: nothing can be added any more.
 * Nothing here may unregister the notifier.
 */
static void release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct weir_holder *h = mn_holder(mn);
	struct weir_held *held;

	while ((held = pop(h))) {
		held->died(held);
		/* Pairs with weir_holder_lives(). */
		smp_store_release(&held->dying, false);
		held->put(held);
	}
}

static struct mmu_notifier *alloc_holder(struct mm_struct *mm)
{
	struct weir_holder *h = kzalloc(sizeof(*h), GFP_KERNEL_ACCOUNT);

	if (!h)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&h->lock);
	INIT_LIST_HEAD(&h->held);
	return &h->mn;
}

static void free_holder(struct mmu_notifier *mn)
{
	kfree(mn_holder(mn));
}

static const struct mmu_notifier_ops ops = {
	.release = release,
	.alloc_notifier = alloc_holder,
	.free_notifier = free_holder,
};

/**
 * weir_holder_claim - the calling process becomes the holder
 * @held: not held by anyone
 *
 * Return: 0, -EINTR the caller is being killed, -ENOMEM, -ESRCH the caller has
 * no address space. Context: may sleep.
 */
int weir_holder_claim(struct weir_held *held)
{
	struct mm_struct *mm = current->mm;
	struct mmu_notifier *mn;

	if (!mm)
		return -ESRCH;
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	mn = mmu_notifier_get_locked(&ops, mm);
	mmap_write_unlock(mm);
	if (IS_ERR(mn))
		return PTR_ERR(mn);
	held->holder = mn_holder(mn);
	/* Our reference on the notifier keeps the address space's struct. */
	WRITE_ONCE(held->mm, mm);
	guard(spinlock)(&held->holder->lock);
	list_add_tail(&held->link, &held->holder->held);
	return 0;
}

/**
 * weir_holder_drop - nobody holds it any more
 * @held: anything; harmless if nobody does
 *
 * Context: may not be called from @died.
 */
void weir_holder_drop(struct weir_held *held)
{
	struct weir_holder *h = held->holder;

	if (!h)
		return;
	spin_lock(&h->lock);
	list_del_init(&held->link);
	spin_unlock(&h->lock);
	held->holder = NULL;
	WRITE_ONCE(held->mm, NULL);
	mmu_notifier_put(&h->mn);
}

/**
 * weir_holder_lives - is there a holder, or one whose end is not done with?
 * @held: anything; nobody claims or drops it meanwhile
 */
bool weir_holder_lives(struct weir_held *held)
{
	struct weir_holder *h = held->holder;

	if (!h)
		return false;
	guard(spinlock)(&h->lock);
	/* Pairs with release(): what @died did is visible. */
	return !list_empty(&held->link) || smp_load_acquire(&held->dying);
}

/**
 * weir_holder_is_current - is the calling process the holder?
 * @held: anything
 */
bool weir_holder_is_current(const struct weir_held *held)
{
	return current->mm && READ_ONCE(held->mm) == current->mm;
}

/**
 * weir_holder_exit - wait until no notifier is in use; at module exit
 */
void weir_holder_exit(void)
{
	mmu_notifier_synchronize();
}
