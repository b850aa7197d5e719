// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a pool follows its use: ahead of demand, so that a grant need not wait
 * for memory to be found and zeroed, and back when it is no longer needed.
 *
 * Use is the share of the pool's bytes that somebody has: granted, on their
 * way back, or pinned. A block is its owner's alone whether its buffers hold
 * messages or not, so what others can still get is the rest.
 *
 * The look is set by traffic and by nothing else, not even by itself: with no
 * traffic no timer fires.
 */
#include <linux/mm.h>

#include "channel.h"
#include "trace.h"

/**
 * weir_pool_traffic - there was a message, or a block came or went
 * @pool: pool
 */
void weir_pool_traffic(struct weir_pool *pool)
{
	if (!delayed_work_pending(&pool->look))
		queue_delayed_work(weir_channel_wq, &pool->look,
				   msecs_to_jiffies(READ_ONCE(pool->rules.interval)));
}

/**
 * weir_pool_configure - new attributes
 * @pool: pool
 * @cfg: valid; what is above the limit now is given up as it becomes free
 */
void weir_pool_configure(struct weir_pool *pool, const struct weir_config *cfg)
{
	spin_lock(&pool->lock);
	pool->limit = cfg->memory_max;
	pool->rules = (struct weir_pool_rules) {
		.interval = cfg->pool_interval,
		.high = cfg->pool_high,
		.grow = cfg->pool_grow,
		.low = cfg->pool_low,
		.shrink = cfg->pool_shrink,
	};
	spin_unlock(&pool->lock);
	if (pool->caches)
		weir_pool_collect_all(pool);
	weir_pool_trim(pool, U64_MAX);
	wake_up_interruptible_all(&pool->wait);
}

/* Blocks of one zone. Return: bytes that came; 0 or less than asked at the end. */
static u64 grow_zone(struct weir_pool *pool, u32 zone, u64 bytes)
{
	u64 sum = 0;

	while (sum + weir_zone_bytes(zone) <= bytes &&
	       !weir_pool_add(pool, zone)) {
		sum += weir_zone_bytes(zone);
		cond_resched();
	}
	return sum;
}

/*
 * In the zones that are used, each by its share; what is too little for a
 * large block goes to the smaller ones. At least one block of the smallest
 * that is used.
 */
static u64 grow(struct weir_pool *pool, u64 bytes)
{
	u64 all = weir_pool_used(pool), used, got = 0, left = bytes;
	u32 zone, smallest = 0;
	u64 part;

	for (zone = WEIR_ZONES; zone-- && all;) {
		used = atomic64_read(&pool->used_zone[zone]);
		if (!used)
			continue;
		smallest = zone;
		part = used < all ? mul_u64_u64_div_u64(left, used, all) : left;
		part = grow_zone(pool, zone, part);
		got += part;
		left -= part;
		all -= min(used, all);
	}
	if (got || !bytes)
		return got;
	return grow_zone(pool, smallest, weir_zone_bytes(smallest));
}

static u64 share(u64 all, u32 thousandths)
{
	return div_u64(all * thousandths, 1000);
}

/* By its rules. Return: whether there is more to be had now. */
static bool adapt(struct weir_pool *pool)
{
	u64 used = weir_pool_used(pool), all, floor;
	struct weir_pool_rules rules;
	u64 grown = 0, shrunk = 0;

	spin_lock(&pool->lock);
	rules = pool->rules;
	all = pool->populated;
	floor = pool->floor;
	spin_unlock(&pool->lock);

	if (all < floor) {
		grown = grow_zone(pool, 0, floor - all + weir_zone_bytes(0) - 1);
	} else if (used * 1000 > all * rules.high) {
		grown = grow(pool, share(all, rules.grow));
	} else if (all > floor && used * 1000 < all * rules.low) {
		weir_pool_collect_all(pool);
		shrunk = weir_pool_trim(pool, all - min(all, share(all,
							rules.shrink)));
	}
	spin_lock(&pool->lock);
	pool->grows += !!grown;
	pool->shrinks += !!shrunk;
	spin_unlock(&pool->lock);
	if (trace_weir_resize_enabled() && (grown || shrunk))
		weir_trace_resize(container_of(pool, struct weir_channel, pool),
				  all, all + grown - shrunk);
	return grown;
}

/**
 * weir_pool_look - the work behind it
 * @work: @look of a pool
 */
void weir_pool_look(struct work_struct *work)
{
	struct weir_pool *pool = container_of(to_delayed_work(work),
					      struct weir_pool, look);

	if (adapt(pool))
		wake_up_interruptible_all(&pool->wait);
}
