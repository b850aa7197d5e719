// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who pays: bytes of a pool's blocks, by the user whose client was granted
 * them. A block stays on its user's account until it is free again, so that
 * neither death nor a pin is a way to have more.
 */
#include "account.h"

#include <linux/slab.h>

#include "pool.h"

static struct weir_account *find(struct weir_pool *pool, kuid_t uid)
{
	struct weir_account *a;

	list_for_each_entry(a, &pool->accounts, link)
		if (uid_eq(a->uid, uid))
			return a;
	return NULL;
}

/**
 * weir_account_get - a user's account, for a new client
 * @pool: pool
 * @uid: user
 *
 * Return: the account with a reference, or NULL. Context: may sleep.
 */
struct weir_account *weir_account_get(struct weir_pool *pool, kuid_t uid)
{
	struct weir_account *a, *fresh;

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return NULL;
	fresh->uid = uid;
	refcount_set(&fresh->refs, 1);
	spin_lock(&pool->lock);
	a = find(pool, uid);
	if (a) {
		refcount_inc(&a->refs);
	} else {
		list_add(&fresh->link, &pool->accounts);
		swap(a, fresh);
	}
	spin_unlock(&pool->lock);
	kfree(fresh);
	return a;
}

/**
 * weir_account_put - drop a reference
 * @pool: pool
 * @a: account
 */
void weir_account_put(struct weir_pool *pool, struct weir_account *a)
{
	if (!refcount_dec_and_lock(&a->refs, &pool->lock))
		return;
	list_del(&a->link);
	spin_unlock(&pool->lock);
	kfree(a);
}

/**
 * weir_account_charge - a block more
 * @a: account; the caller has a reference
 * @bytes: of the block
 * @limit: bytes the user may have, or 0 for any number
 *
 * Return: whether it may have it; then the block has a reference.
 */
bool weir_account_charge(struct weir_account *a, u64 bytes, u64 limit)
{
	u64 sum = atomic64_add_return(bytes, &a->bytes);

	if (limit && sum > limit) {
		atomic64_sub(bytes, &a->bytes);
		return false;
	}
	refcount_inc(&a->refs);
	return true;
}

/**
 * weir_account_room - would weir_account_charge() allow it? A hint.
 * @a: account
 * @bytes: of the block
 * @limit: as there
 */
bool weir_account_room(const struct weir_account *a, u64 bytes, u64 limit)
{
	return !limit || atomic64_read(&a->bytes) + bytes <= limit;
}

/**
 * weir_account_uncharge - a block is free again
 * @pool: pool
 * @a: account, of which the block had a reference
 * @bytes: of the block
 */
void weir_account_uncharge(struct weir_pool *pool, struct weir_account *a,
			   u64 bytes)
{
	atomic64_sub(bytes, &a->bytes);
	weir_account_put(pool, a);
}
