// SPDX-License-Identifier: GPL-2.0-only
/*
 * What comes from outside and concerns all pools: a processor goes offline,
 * the host is short of memory.
 */
#include "pools.h"

#include <linux/cpuhotplug.h>
#include <linux/mutex.h>
#include <linux/shrinker.h>

#include "pool.h"

static LIST_HEAD(pools);
static DEFINE_MUTEX(pools_lock);	/* the list; nothing is allocated under it */
static struct shrinker *shrinker;
static int cpu_state;

/**
 * weir_pools_add - from here on it is one of them
 * @pool: pool
 */
void weir_pools_add(struct weir_pool *pool)
{
	guard(mutex)(&pools_lock);
	list_add_tail(&pool->link, &pools);
}

/**
 * weir_pools_del - from here on nobody comes to it from here
 * @pool: pool; harmless if it was never added
 */
void weir_pools_del(struct weir_pool *pool)
{
	guard(mutex)(&pools_lock);
	list_del_init(&pool->link);
}

/*
 * What a processor that is gone had at hand. It takes nothing any more: see
 * lock_local() in cache.c.
 */
static int cpu_dead(unsigned int cpu)
{
	struct weir_pool *pool;

	guard(mutex)(&pools_lock);
	list_for_each_entry(pool, &pools, link)
		weir_pool_collect(pool, cpu);
	return 0;
}

/* Bytes that are free and above the floor. Without a lock: a hint. */
static u64 spare(struct weir_pool *pool)
{
	u64 all = READ_ONCE(pool->populated);
	u64 keep = max(READ_ONCE(pool->floor), weir_pool_used(pool));

	return all > keep ? all - keep : 0;
}

static unsigned long shrink_count(struct shrinker *s, struct shrink_control *sc)
{
	struct weir_pool *pool;
	u64 sum = 0;

	if (!mutex_trylock(&pools_lock))
		return SHRINK_EMPTY;
	list_for_each_entry(pool, &pools, link)
		sum += spare(pool);
	mutex_unlock(&pools_lock);
	return sum >> PAGE_SHIFT ?: SHRINK_EMPTY;
}

static u64 shrink_one(struct weir_pool *pool, u64 bytes)
{
	u64 free = spare(pool), freed;

	if (!free)
		return 0;
	weir_pool_collect_all(pool);
	freed = weir_pool_trim(pool, READ_ONCE(pool->populated) -
			       min(free, bytes));
	if (freed) {
		spin_lock(&pool->lock);
		pool->shrinks++;
		spin_unlock(&pool->lock);
	}
	return freed;
}

/*
 * In reclaim, maybe from within an allocation of a pool's own: it holds none
 * of the locks that are taken here.
 */
static unsigned long shrink_scan(struct shrinker *s, struct shrink_control *sc)
{
	u64 want = (u64)sc->nr_to_scan << PAGE_SHIFT, freed = 0;
	struct weir_pool *pool;

	if (!mutex_trylock(&pools_lock))
		return SHRINK_STOP;
	list_for_each_entry(pool, &pools, link) {
		if (freed >= want)
			break;
		freed += shrink_one(pool, want - freed);
	}
	mutex_unlock(&pools_lock);
	sc->nr_scanned = freed >> PAGE_SHIFT;
	return freed >> PAGE_SHIFT ?: SHRINK_STOP;
}

/**
 * weir_pools_init - at module load
 *
 * Return: 0 or a negative errno.
 */
int weir_pools_init(void)
{
	shrinker = shrinker_alloc(0, "weir");
	if (!shrinker)
		return -ENOMEM;
	cpu_state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "weir:pools",
					      NULL, cpu_dead);
	if (cpu_state < 0) {
		shrinker_free(shrinker);
		return cpu_state;
	}
	shrinker->count_objects = shrink_count;
	shrinker->scan_objects = shrink_scan;
	shrinker_register(shrinker);
	return 0;
}

/**
 * weir_pools_exit - at module exit; there is no pool any more
 *
 * Both wait for whoever is in a callback.
 */
void weir_pools_exit(void)
{
	shrinker_free(shrinker);
	cpuhp_remove_state_nocalls(cpu_state);
}
