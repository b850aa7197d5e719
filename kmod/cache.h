/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_CACHE_H
#define _WEIR_CACHE_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define WEIR_CACHE_BLOCKS	4	/* of any zone but the largest */

struct weir_pool;
struct weir_pool_block;

/**
 * struct weir_cache - free blocks one processor has at hand
 * @lock: all below; innermost. Others than its processor come only to take
 *	everything, or to count.
 * @block: the first @nr are zeroed and free, the last one the warmest.
 * @hits: grants served from here. @misses: those that were not.
 */
struct weir_cache {
	spinlock_t lock;
	u32 nr;
	struct weir_pool_block *block[WEIR_CACHE_BLOCKS];
	u64 hits;
	u64 misses;
};

struct weir_cache __percpu *weir_cache_alloc(void);
struct weir_pool_block *weir_cache_pop(struct weir_cache __percpu *caches,
				       u32 zone);
bool weir_cache_push(struct weir_cache __percpu *caches,
		     struct weir_pool_block *pb);
void weir_cache_drain(struct weir_cache *cache, struct list_head *to);

#endif /* _WEIR_CACHE_H */
