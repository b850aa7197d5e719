/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_POOL_H
#define _WEIR_POOL_H

#include <linux/idr.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "core/config.h"
#include "core/msg.h"

struct iov_iter;
struct mem_cgroup;
struct weir_account;
struct weir_cache;
struct weir_client;

/**
 * struct weir_pool_block - a block and its memory
 * @b: the engine's part.
 * @writer: the client that may fault it in for writing, or NULL. @live: it may
 *	be faulted in at all. Set before the block is in the map, taken away
 *	again in revoke(), against which a fault holds its folio's lock.
 * @account: of the user that is charged for it, or NULL.
 * @users: copies by the kernel that outlive the engine's lock.
 * @free_link: in the pool's store or among its lost; pool's lock. Or in the
 *	list of whoever has just taken it from there.
 * @folio: its memory in units of 64 KiB, a larger folio once for each of its
 *	units; constant.
 */
struct weir_pool_block {
	struct weir_block b;
	struct weir_client *writer;
	struct weir_account *account;
	atomic_t users;
	bool live;
	u32 zone;
	u32 slot;
	struct list_head free_link;
	struct rcu_head rcu;
	struct folio *folio[];
};

/**
 * struct weir_pool_rules - when a pool changes its size by itself
 * @interval: ms. All others in thousandths.
 */
struct weir_pool_rules {
	u32 interval;
	u32 high;
	u32 grow;
	u32 low;
	u32 shrink;
};

/**
 * struct weir_pool - message memory
 * @map: blocks with an owner, by their place.
 * @inode: whose address space all mappings of the pool's memory hang on.
 * @memcg: all memory is charged to it; a reference. @cgroup: its path if it
 *	was named, or NULL.
 * @caches: per processor, before @store.
 * @link: among all pools; see pools.c.
 * @slots: places in use, by zone.
 * @used: bytes of blocks with an owner, on their way back or pinned.
 *	@used_zone: the same, by zone. @freeing: those on their way back.
 *	@ledger: bytes of ledger entries. @peak: of @used.
 * @refused: @recalled: counted without a lock.
 *
 * @adding: held while a free block is being made, which counts already but
 *	cannot be had yet; not in reclaim.
 *
 * @lock: all below; the caches' locks are inside it. Nothing is allocated
 *	under it, since the shrinker takes it.
 * @store: zeroed blocks, by zone. @lost: without an owner, but pinned.
 * @floor: @limit: bytes, never to be passed by the pool's own doing. @rules:
 *	see there.
 * @populated: bytes of blocks that exist or are just being made. @stored: of
 *	those in @store.
 * @hits: from @store; the caches count their own.
 * @accounts: of users.
 *
 * @wait: for memory. @retry: looks at @lost again, while there is any.
 * @look: grows and shrinks.
 */
struct weir_pool {
	struct weir_map map;
	struct inode *inode;
	struct mem_cgroup *memcg;
	char *cgroup;
	struct weir_cache __percpu *caches;
	struct list_head link;
	struct ida slots[WEIR_ZONES];
	atomic64_t used;
	atomic64_t used_zone[WEIR_ZONES];
	atomic64_t freeing;
	atomic64_t ledger;
	atomic64_t peak;
	atomic64_t refused;
	atomic64_t recalled;
	struct mutex adding;

	spinlock_t lock;
	struct list_head store[WEIR_ZONES];
	struct list_head lost;
	struct weir_pool_rules rules;
	u64 floor;
	u64 limit;
	u64 populated;
	u64 stored;
	u64 hits;
	u64 misses;
	u64 pinned;
	u64 grows;
	u64 shrinks;
	struct list_head accounts;

	wait_queue_head_t wait;
	struct delayed_work retry;
	struct delayed_work look;
};

static inline struct weir_pool_block *weir_pool_block(struct weir_block *b)
{
	return container_of(b, struct weir_pool_block, b);
}

static inline u64 weir_pool_used(const struct weir_pool *pool)
{
	return atomic64_read(&pool->used);
}

/* pool.c */
int weir_pool_init(struct weir_pool *pool, const struct weir_config *cfg,
		   struct mem_cgroup *memcg, const char *cgroup);
void weir_pool_exit(struct weir_pool *pool);
struct weir_pool_block *weir_pool_get(struct weir_pool *pool, u32 cls);
void weir_pool_publish(struct weir_pool *pool, struct weir_pool_block *pb,
		       struct weir_client *writer);
void weir_pool_put(struct weir_pool *pool, struct weir_pool_block *pb);
bool weir_pool_has_room(struct weir_pool *pool, u32 cls);
struct weir_pool_block *weir_pool_pin(const struct weir_msg *msg, u32 *off);
void weir_pool_unpin(struct weir_pool_block *pb);
u64 weir_pool_prefill(const struct weir_config *cfg);

/* pool.c, for resize.c and pools.c */
int weir_pool_add(struct weir_pool *pool, u32 zone);
u64 weir_pool_trim(struct weir_pool *pool, u64 target);
void weir_pool_collect(struct weir_pool *pool, int cpu);
void weir_pool_collect_all(struct weir_pool *pool);

/* resize.c */
void weir_pool_configure(struct weir_pool *pool, const struct weir_config *cfg);
void weir_pool_look(struct work_struct *work);
void weir_pool_traffic(struct weir_pool *pool);

/* memory.c */
void *weir_pool_part(const struct weir_pool_block *pb, u32 off, size_t *len);
int weir_pool_read(const struct weir_pool_block *pb, u32 off, size_t len,
		   struct iov_iter *to);
int weir_pool_write(const struct weir_pool_block *pb, u32 off, size_t len,
		    struct iov_iter *from);

#endif /* _WEIR_POOL_H */
