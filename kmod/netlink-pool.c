// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools over netlink.
 */
#include "netlink.h"

#define POOL_SIZE	1024	/* bytes of attributes, more than ever put */

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

	if (!nest ||
	    nla_put_u32(skb, WEIR_A_POOL_CLASS_SIZE, weir_class_size(cls)) ||
	    nla_put_u32(skb, WEIR_A_POOL_CLASS_BLOCK_SIZE,
			weir_block_size(cls)) ||
	    nla_put_u32(skb, WEIR_A_POOL_CLASS_BLOCKS, u->blocks[cls]) ||
	    nla_put_u64_64bit(skb, WEIR_A_POOL_CLASS_BUFFERS_BUSY,
			      u->busy[cls], WEIR_A_POOL_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_u64(struct sk_buff *skb, u16 attr, u64 val)
{
	return nla_put_u64_64bit(skb, attr, val, WEIR_A_POOL_PAD);
}

static int put_bytes(struct sk_buff *skb, struct weir_pool *pool)
{
	int err;

	mutex_lock(&pool->lock);
	err = put_u64(skb, WEIR_A_POOL_FLOOR, pool->floor) ?:
	      put_u64(skb, WEIR_A_POOL_LIMIT, pool->limit) ?:
	      put_u64(skb, WEIR_A_POOL_POPULATED, pool->populated) ?:
	      put_u64(skb, WEIR_A_POOL_USED, pool->used) ?:
	      put_u64(skb, WEIR_A_POOL_FREE, pool->populated - pool->used) ?:
	      put_u64(skb, WEIR_A_POOL_FREEING, pool->freeing) ?:
	      put_u64(skb, WEIR_A_POOL_PEAK, pool->peak) ?:
	      put_u64(skb, WEIR_A_POOL_LEDGER, pool->ledger) ?:
	      put_u64(skb, WEIR_A_POOL_HITS, pool->hits) ?:
	      put_u64(skb, WEIR_A_POOL_MISSES, pool->misses) ?:
	      put_u64(skb, WEIR_A_POOL_REFUSED, pool->refused) ?:
	      put_u64(skb, WEIR_A_POOL_PINNED, pool->pinned);
	mutex_unlock(&pool->lock);
	return err;
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
