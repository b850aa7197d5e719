// SPDX-License-Identifier: GPL-2.0-only
/*
 * Death of a process, seen as the end of its address space: by exit, by a
 * fatal signal, by execve. The kernel tears the address space down before it
 * lets the parent know, and before it closes files; an inherited descriptor
 * does not keep it alive.
 */
#include "holder.h"

#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "core/rank.h"

#define LOOKS_MAX	64	/* holders in one bucket that are looked at */

/* Holders by address space. */
static DEFINE_HASHTABLE(holders, 12);
static DEFINE_SPINLOCK(holders_lock);

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

/*
 * The notifier keeps the struct of the address space until it is gone itself:
 * its address names no other one before that.
 */
static void free_holder(struct mmu_notifier *mn)
{
	struct weir_holder *h = mn_holder(mn);

	if (h->found) {
		spin_lock(&holders_lock);
		hash_del_rcu(&h->by_mm);
		spin_unlock(&holders_lock);
	}
	kfree_rcu(h, rcu);
}

static void make_known(struct weir_holder *h, struct mm_struct *mm)
{
	mmap_assert_write_locked(mm);
	if (h->found)
		return;
	h->mm = mm;
	h->found = true;
	guard(spinlock)(&holders_lock);
	hash_add_rcu(holders, &h->by_mm, (unsigned long)mm);
}

static const struct mmu_notifier_ops ops = {
	.release = release,
	.alloc_notifier = alloc_holder,
	.free_notifier = free_holder,
};

/*
 * Puts @new where @old is. A worker that finds no place does not count, which
 * costs it its rank and nothing else.
 */
static void replace_worker(struct weir_holder *h, struct weir_peer *old,
			   struct weir_peer *new)
{
	u32 i;

	lockdep_assert_held(&h->lock);
	for (i = 0; i < WEIR_HOLDER_WORKERS; i++)
		if (rcu_access_pointer(h->workers[i]) == old) {
			rcu_assign_pointer(h->workers[i], new);
			return;
		}
}

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
	if (!IS_ERR(mn))
		make_known(mn_holder(mn), mm);
	mmap_write_unlock(mm);
	if (IS_ERR(mn))
		return PTR_ERR(mn);
	held->holder = mn_holder(mn);
	/* Our reference on the notifier keeps the address space's struct. */
	WRITE_ONCE(held->mm, mm);
	guard(spinlock)(&held->holder->lock);
	list_add_tail(&held->link, &held->holder->held);
	if (held->worker)
		replace_worker(held->holder, NULL, held->worker);
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
	if (held->worker)
		replace_worker(h, held->worker, NULL);
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

/* The highest rank of its workers. */
static u32 rank(const struct weir_holder *h)
{
	const struct weir_peer *p;
	u32 i, best = 0;

	for (i = 0; i < WEIR_HOLDER_WORKERS; i++) {
		p = rcu_dereference(h->workers[i]);
		if (p)
			best = max(best, weir_rank(p));
	}
	return best;
}

/**
 * weir_holder_rank - how urgently does a process have to run?
 * @mm: its address space, to compare with only
 *
 * Return: 0 it neither holds nor could take a message, else the higher the
 * more urgent; see weir_rank(). A hint: without a lock. Context: any, in an RCU
 * read section; wakes nobody.
 */
u32 weir_holder_rank(const struct mm_struct *mm)
{
	const struct weir_holder *h;
	u32 looks = LOOKS_MAX;

	hash_for_each_possible_rcu(holders, h, by_mm, (unsigned long)mm) {
		if (h->mm == mm)
			return rank(h);
		if (!--looks)
			break;
	}
	return 0;
}

/**
 * weir_holder_exit - wait until no notifier is in use; at module exit
 */
void weir_holder_exit(void)
{
	mmu_notifier_synchronize();
}
