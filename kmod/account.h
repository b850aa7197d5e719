/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_ACCOUNT_H
#define _WEIR_ACCOUNT_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/uidgid.h>

struct weir_pool;

/**
 * struct weir_account - what one user has of a pool
 * @link: in the pool's list; pool's lock.
 * @uid: whose.
 * @refs: one for each client and each block; pool's lock to reach 0.
 * @bytes: of blocks, until they are free again.
 */
struct weir_account {
	struct list_head link;
	kuid_t uid;
	refcount_t refs;
	atomic64_t bytes;
};

struct weir_account *weir_account_get(struct weir_pool *pool, kuid_t uid);
void weir_account_put(struct weir_pool *pool, struct weir_account *a);
bool weir_account_charge(struct weir_account *a, u64 bytes, u64 limit);
bool weir_account_room(const struct weir_account *a, u64 bytes, u64 limit);
void weir_account_uncharge(struct weir_pool *pool, struct weir_account *a,
			   u64 bytes);

#endif /* _WEIR_ACCOUNT_H */
