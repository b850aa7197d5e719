// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free blocks of each processor, before the pool's store: who gets a block
 * gets one that was last used, and zeroed, where it runs, and takes no lock
 * that another processor wants.
 *
 * A cache holds few blocks, and whoever finds nothing in the store takes
 * those of all caches before the pool grows or refuses: what is free anywhere
 * can be had everywhere.
 */
#include "cache.h"

#include <linux/percpu.h>

#include "pool.h"

#define CACHED_ZONES	2	/* one 16 MiB block a processor is too much */

/**
 * weir_cache_alloc - empty caches, one for each processor there may be
 *
 * Return: to be freed with free_percpu(), or NULL.
 */
struct weir_cache __percpu *weir_cache_alloc(void)
{
	struct weir_cache __percpu *caches;
	int cpu;

	caches = alloc_percpu_gfp(struct weir_cache, GFP_KERNEL_ACCOUNT);
	if (!caches)
		return NULL;
	for_each_possible_cpu(cpu)
		spin_lock_init(&per_cpu_ptr(caches, cpu)->lock);
	return caches;
}

/*
 * The calling processor's, locked. It may be another's a moment later, which
 * costs no more than a cold block. But it does not go away meanwhile: a
 * processor waits for who cannot migrate, so that nothing comes into its
 * cache once weir_pools' callback has emptied it.
 */
static struct weir_cache *lock_local(struct weir_cache __percpu *caches)
{
	struct weir_cache *cache;

	migrate_disable();
	cache = this_cpu_ptr(caches);
	spin_lock(&cache->lock);
	return cache;
}

static void unlock_local(struct weir_cache *cache)
{
	spin_unlock(&cache->lock);
	migrate_enable();
}

/**
 * weir_cache_pop - take a free block from the local processor
 * @caches: of a pool
 * @zone: of this zone
 *
 * Return: the block or NULL.
 */
struct weir_pool_block *weir_cache_pop(struct weir_cache __percpu *caches,
				       u32 zone)
{
	struct weir_pool_block *pb = NULL;
	struct weir_cache *cache;
	u32 i;

	if (zone >= CACHED_ZONES)
		return NULL;
	cache = lock_local(caches);
	for (i = cache->nr; i && !pb; i--)
		if (cache->block[i - 1]->zone == zone)
			pb = cache->block[i - 1];
	if (pb) {
		cache->nr--;
		for (; i < cache->nr; i++)
			cache->block[i] = cache->block[i + 1];
		cache->hits++;
	} else {
		cache->misses++;
	}
	unlock_local(cache);
	return pb;
}

/**
 * weir_cache_push - leave a free block with the local processor
 * @caches: of a pool
 * @pb: zeroed
 *
 * Return: whether there was room.
 */
bool weir_cache_push(struct weir_cache __percpu *caches,
		     struct weir_pool_block *pb)
{
	struct weir_cache *cache;
	bool room;

	if (pb->zone >= CACHED_ZONES)
		return false;
	cache = lock_local(caches);
	room = cache->nr < WEIR_CACHE_BLOCKS;
	if (room)
		cache->block[cache->nr++] = pb;
	unlock_local(cache);
	return room;
}

/**
 * weir_cache_drain - take all blocks of one cache
 * @cache: of any processor
 * @to: appended there by @free_link
 */
void weir_cache_drain(struct weir_cache *cache, struct list_head *to)
{
	u32 i;

	spin_lock(&cache->lock);
	for (i = 0; i < cache->nr; i++)
		list_add_tail(&cache->block[i]->free_link, to);
	cache->nr = 0;
	spin_unlock(&cache->lock);
}
