// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools over netlink.
 */
#include "netlink.h"

#include <linux/percpu.h>

#include "cache.h"

/* Bytes of attributes, more than ever put. */
#define POOL_SIZE	(2048 + nr_cpu_ids * 128)

struct usage {
	u32 blocks[WEIR_NR_CLASSES];
	u64 busy[WEIR_NR_CLASSES];
};

/* Adds up the blocks of the map; without a lock, so each count is a hint. */
static void count_blocks(const struct weir_map *map, struct usage *u)
{
	struct weir_block *b;
	u32 zone, slot;

	memset(u, 0, sizeof(*u));
	for (zone = 0; zone < WEIR_ZONES; zone++) {
		for (slot = 0; slot < weir_zone_slots(zone); slot++) {
			if (!READ_ONCE(map->leaf[zone][slot >> WEIR_LEAF_SHIFT])) {
				slot |= WEIR_LEAF_SIZE - 1;
				cond_resched();
				continue;
			}
			rcu_read_lock();
			b = weir_map_slot(map, zone, slot);
			if (b) {
				u->blocks[b->cls]++;
				u->busy[b->cls] += READ_ONCE(b->busy);
			}
			rcu_read_unlock();
		}
	}
}

static int put_class(struct sk_buff *skb, u32 cls, const struct usage *u)
{
	struct nlattr *nest = nla_nest_start(skb, WEIR_A_POOL_CLASS);
	u64 all = (u64)u->blocks[cls] * weir_block_bufs(cls);

	if (!nest ||
	    nla_put_u32(skb, WEIR_A_POOL_CLASS_SIZE, weir_class_size(cls)) ||
	    nla_put_u32(skb, WEIR_A_POOL_CLASS_BLOCK_SIZE,
			weir_block_size(cls)) ||
	    nla_put_u32(skb, WEIR_A_POOL_CLASS_BLOCKS, u->blocks[cls]) ||
	    nla_put_u64_64bit(skb, WEIR_A_POOL_CLASS_BUFFERS_BUSY,
			      u->busy[cls], WEIR_A_POOL_CLASS_PAD) ||
	    nla_put_u64_64bit(skb, WEIR_A_POOL_CLASS_BUFFERS, all,
			      WEIR_A_POOL_CLASS_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* A look at one cache. */
struct cached {
	u32 blocks;
	u64 bytes;
	u64 hits;
	u64 misses;
};

static void look_at(struct weir_cache *cache, struct cached *c)
{
	u32 i;

	memset(c, 0, sizeof(*c));
	spin_lock(&cache->lock);
	c->blocks = cache->nr;
	for (i = 0; i < cache->nr; i++)
		c->bytes += weir_zone_bytes(cache->block[i]->zone);
	c->hits = cache->hits;
	c->misses = cache->misses;
	spin_unlock(&cache->lock);
}

static int put_u64(struct sk_buff *skb, u16 attr, u64 val)
{
	return nla_put_u64_64bit(skb, attr, val, WEIR_A_POOL_PAD);
}

static int put_cache(struct sk_buff *skb, int cpu, const struct cached *c)
{
	struct nlattr *nest = nla_nest_start(skb, WEIR_A_POOL_CACHE);

	if (!nest ||
	    nla_put_u32(skb, WEIR_A_POOL_CACHE_CPU, cpu) ||
	    nla_put_u32(skb, WEIR_A_POOL_CACHE_BLOCKS, c->blocks) ||
	    nla_put_u64_64bit(skb, WEIR_A_POOL_CACHE_BYTES, c->bytes,
			      WEIR_A_POOL_CACHE_PAD) ||
	    nla_put_u64_64bit(skb, WEIR_A_POOL_CACHE_HITS, c->hits,
			      WEIR_A_POOL_CACHE_PAD) ||
	    nla_put_u64_64bit(skb, WEIR_A_POOL_CACHE_MISSES, c->misses,
			      WEIR_A_POOL_CACHE_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* Those of processors that ever wanted something. Adds them up in @sum. */
static int put_caches(struct sk_buff *skb, struct weir_pool *pool,
		      struct cached *sum)
{
	struct cached c;
	int cpu, err;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		look_at(per_cpu_ptr(pool->caches, cpu), &c);
		sum->bytes += c.bytes;
		sum->hits += c.hits;
		if (!c.blocks && !c.hits && !c.misses)
			continue;
		err = put_cache(skb, cpu, &c);
		if (err)
			return err;
	}
	return 0;
}

/* What the pool's lock protects. */
struct numbers {
	u64 floor, limit, populated, hits, misses, pinned, grows, shrinks;
};

static void take_numbers(struct weir_pool *pool, struct numbers *n)
{
	guard(spinlock)(&pool->lock);
	n->floor = pool->floor;
	n->limit = pool->limit;
	n->populated = pool->populated;
	n->hits = pool->hits;
	n->misses = pool->misses;
	n->pinned = pool->pinned;
	n->grows = pool->grows;
	n->shrinks = pool->shrinks;
}

static int put_bytes(struct sk_buff *skb, struct weir_pool *pool)
{
	struct cached sum;
	struct numbers n;
	int err = put_caches(skb, pool, &sum);
	u64 used;

	take_numbers(pool, &n);
	used = min(weir_pool_used(pool), n.populated);
	return err ?:
	       put_u64(skb, WEIR_A_POOL_FLOOR, n.floor) ?:
	       put_u64(skb, WEIR_A_POOL_LIMIT, n.limit) ?:
	       put_u64(skb, WEIR_A_POOL_POPULATED, n.populated) ?:
	       put_u64(skb, WEIR_A_POOL_USED, used) ?:
	       put_u64(skb, WEIR_A_POOL_FREE, n.populated - used) ?:
	       put_u64(skb, WEIR_A_POOL_FREEING,
		       atomic64_read(&pool->freeing)) ?:
	       put_u64(skb, WEIR_A_POOL_PEAK, atomic64_read(&pool->peak)) ?:
	       put_u64(skb, WEIR_A_POOL_LEDGER, atomic64_read(&pool->ledger)) ?:
	       put_u64(skb, WEIR_A_POOL_HITS, n.hits + sum.hits) ?:
	       put_u64(skb, WEIR_A_POOL_MISSES, n.misses) ?:
	       put_u64(skb, WEIR_A_POOL_REFUSED,
		       atomic64_read(&pool->refused)) ?:
	       put_u64(skb, WEIR_A_POOL_PINNED, n.pinned) ?:
	       put_u64(skb, WEIR_A_POOL_GROWS, n.grows) ?:
	       put_u64(skb, WEIR_A_POOL_SHRINKS, n.shrinks) ?:
	       put_u64(skb, WEIR_A_POOL_RECALLED,
		       atomic64_read(&pool->recalled)) ?:
	       put_u64(skb, WEIR_A_POOL_CACHED, sum.bytes);
}

static int fill_pool(struct sk_buff *skb, void *arg)
{
	struct weir_channel *ch = arg;
	struct usage u;
	u32 i;
	int err;

	count_blocks(&ch->pool.map, &u);
	err = nla_put_string(skb, WEIR_A_POOL_NAME, ch->name) ?:
	      put_bytes(skb, &ch->pool);
	for (i = 0; i < WEIR_NR_CLASSES && !err; i++)
		err = put_class(skb, i, &u);
	return err ? -EMSGSIZE : 0;
}

int weir_nl_pool_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct weir_channel *ch;
	int err;

	ch = weir_netlink_find(info, WEIR_A_POOL_NAME, MAY_READ | MAY_WRITE);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	err = weir_netlink_reply(info, POOL_SIZE, fill_pool, ch);
	weir_channel_put(ch);
	return err;
}

int weir_nl_pool_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return weir_netlink_dump(skb, cb, WEIR_CMD_POOL_GET, fill_pool);
}
