/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_POOL_H
#define _WEIR_POOL_H

#include <linux/idr.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "core/msg.h"

struct weir_client;

/**
 * struct weir_pool_block - a block and its memory
 * @b: the engine's part.
 * @folio: its memory; changed only while the block is in no map.
 * @live: it may be faulted in. @writer: by whom for writing. Both under the
 *	folio's lock, which a fault holds from its check until the page table
 *	entry is there: see weir_pool_revoke().
 * @free_link: in the pool's free list; pool's lock.
 */
struct weir_pool_block {
	struct weir_block b;
	struct folio *folio;
	struct weir_client *writer;
	bool live;
	u32 zone;
	u32 slot;
	struct list_head free_link;
	struct rcu_head rcu;
};

/**
 * struct weir_pool - message memory
 * @map: blocks with an owner, by their place.
 * @inode: whose address space all mappings of the pool's memory hang on.
 * @lock: all below.
 * @slots: places in use, by zone. @free: zeroed blocks, by zone.
 *	@lost: without an owner, but pinned by somebody.
 * @floor: @limit: bytes, `memory`. @populated: bytes of blocks that exist.
 * @used: bytes of those with an owner or on their way back. @freeing: the
 *	latter. @ledger: bytes of ledger entries. @peak: of @used.
 * @wait: for memory. @retry: looks at @lost again, while there is any.
 */
struct weir_pool {
	struct weir_map map;
	struct inode *inode;
	struct mutex lock;
	struct ida slots[WEIR_ZONES];
	struct list_head free[WEIR_ZONES];
	struct list_head lost;
	u64 floor;
	u64 limit;
	u64 populated;
	u64 used;
	u64 freeing;
	u64 ledger;
	u64 peak;
	u64 hits;
	u64 misses;
	u64 refused;
	u64 pinned;
	wait_queue_head_t wait;
	struct delayed_work retry;
};

static inline struct weir_pool_block *weir_pool_block(struct weir_block *b)
{
	return container_of(b, struct weir_pool_block, b);
}

int weir_pool_init(struct weir_pool *pool, u64 floor, u64 limit);
void weir_pool_exit(struct weir_pool *pool);
struct weir_pool_block *weir_pool_get(struct weir_pool *pool, u32 cls);
void weir_pool_publish(struct weir_pool *pool, struct weir_pool_block *pb,
		       struct weir_client *writer);
void weir_pool_put(struct weir_pool *pool, struct weir_pool_block *pb);
void weir_pool_resize(struct weir_pool *pool, u64 limit);
bool weir_pool_has_room(struct weir_pool *pool, u32 cls);
void *weir_pool_data(const struct weir_msg *msg, struct folio **folio);

#endif /* _WEIR_POOL_H */
