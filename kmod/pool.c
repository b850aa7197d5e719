// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where blocks come from and go back to.
 *
 * A block changes its owner only through weir_pool_put(): it is made
 * unmappable, unmapped everywhere, found unpinned, zeroed. Who still has it
 * pinned (O_DIRECT, io_uring's registered buffers, vmsplice) keeps it from
 * being used again, at the cost of the pool's limit, until the pin is gone.
 */
#include "pool.h"

#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>

#include "fs.h"
#include "window.h"

static void retry(struct work_struct *work);

static u64 zone_bytes(u32 zone)
{
	return 1ULL << weir_zone_shift(zone);
}

static void destroy(struct weir_pool *pool, struct weir_pool_block *pb)
{
	ida_free(&pool->slots[pb->zone], pb->slot);
	if (pb->folio)
		folio_put(pb->folio);
	kfree_rcu(pb, rcu);
}

static struct folio *alloc_memory(u32 zone)
{
	/*
	 * Charged to the caller's cgroup. Without NORETRY a full cgroup would
	 * have its processes killed; here it is only refused.
	 */
	return folio_alloc(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NORETRY |
			   __GFP_NOWARN, weir_zone_shift(zone) - PAGE_SHIFT);
}

/* The leaf of the map for a place; stays until the pool goes. */
static int make_leaf(struct weir_pool *pool, u32 zone, u32 slot)
{
	struct weir_block ***leaf;
	struct weir_block **mem;

	leaf = &pool->map.leaf[zone][slot >> WEIR_LEAF_SHIFT];
	if (READ_ONCE(*leaf))
		return 0;
	mem = kcalloc(WEIR_LEAF_SIZE, sizeof(*mem), GFP_KERNEL_ACCOUNT);
	if (!mem)
		return -ENOMEM;
	/* Pairs with the address dependency in weir_map_slot(). */
	if (cmpxchg(leaf, NULL, mem))
		kfree(mem);
	return 0;
}

static struct weir_pool_block *create(struct weir_pool *pool, u32 zone)
{
	struct weir_pool_block *pb = kzalloc(sizeof(*pb), GFP_KERNEL_ACCOUNT);
	int slot;

	if (!pb)
		return NULL;
	slot = ida_alloc_max(&pool->slots[zone], weir_zone_slots(zone) - 1,
			     GFP_KERNEL_ACCOUNT);
	if (slot < 0) {
		kfree(pb);
		return NULL;
	}
	pb->zone = zone;
	pb->slot = slot;
	pb->b.addr = weir_slot_addr(zone, slot);
	INIT_LIST_HEAD(&pb->b.link);
	pb->folio = alloc_memory(zone);
	if (!pb->folio || make_leaf(pool, zone, slot)) {
		destroy(pool, pb);
		return NULL;
	}
	return pb;
}

static int populate(struct weir_pool *pool)
{
	struct weir_pool_block *pb;

	while (pool->populated < pool->floor) {
		if (fatal_signal_pending(current))
			return -EINTR;
		pb = create(pool, 0);
		if (!pb)
			return -ENOMEM;
		list_add(&pb->free_link, &pool->free[0]);
		pool->populated += zone_bytes(0);
		cond_resched();
	}
	return 0;
}

/**
 * weir_pool_init - a pool with its first memory
 * @pool: zeroed
 * @floor: bytes to populate now
 * @limit: most bytes, at least @floor
 *
 * Return: 0, -ENOMEM, or -EINTR if the caller is being killed. Context: may
 * sleep. On error everything is undone.
 */
int weir_pool_init(struct weir_pool *pool, u64 floor, u64 limit)
{
	int err;
	u32 i;

	mutex_init(&pool->lock);
	init_waitqueue_head(&pool->wait);
	INIT_LIST_HEAD(&pool->lost);
	INIT_DELAYED_WORK(&pool->retry, retry);
	for (i = 0; i < WEIR_ZONES; i++) {
		ida_init(&pool->slots[i]);
		INIT_LIST_HEAD(&pool->free[i]);
	}
	pool->floor = floor;
	pool->limit = limit;
	pool->inode = weir_fs_inode(WEIR_MAP_SIZE);
	if (IS_ERR(pool->inode))
		return PTR_ERR(pool->inode);
	err = populate(pool);
	if (err)
		weir_pool_exit(pool);
	return err;
}

/* Gives free blocks of a zone back to the system until @bytes would fit. */
static void trim(struct weir_pool *pool, u32 zone, u64 bytes)
{
	struct weir_pool_block *pb;

	while (pool->populated + bytes > pool->limit &&
	       !list_empty(&pool->free[zone])) {
		pb = list_first_entry(&pool->free[zone], struct weir_pool_block,
				      free_link);
		list_del(&pb->free_link);
		pool->populated -= zone_bytes(zone);
		destroy(pool, pb);
	}
}

/**
 * weir_pool_exit - free a pool none of whose blocks has an owner
 * @pool: pool
 */
void weir_pool_exit(struct weir_pool *pool)
{
	struct weir_pool_block *pb, *next;
	u32 i, j;

	cancel_delayed_work_sync(&pool->retry);
	pool->limit = 0;
	list_for_each_entry_safe(pb, next, &pool->lost, free_link) {
		pool->populated -= zone_bytes(pb->zone);
		destroy(pool, pb);
	}
	for (i = 0; i < WEIR_ZONES; i++) {
		trim(pool, i, 0);
		ida_destroy(&pool->slots[i]);
		for (j = 0; j < WEIR_LEAVES; j++)
			kfree(pool->map.leaf[i][j]);
	}
	WARN_ON_ONCE(pool->populated);
	iput(pool->inode);
}

/*
 * Zeroes memory that is nobody's. It is unmapped, so any reference but ours is
 * a pin, or a fault that comes too late and will let go.
 */
static bool scrub(struct weir_pool_block *pb)
{
	if (folio_ref_count(pb->folio) != 1)
		return false;
	folio_zero_range(pb->folio, 0, folio_size(pb->folio));
	return true;
}

static void make_free(struct weir_pool *pool, struct weir_pool_block *pb)
{
	pool->used -= zone_bytes(pb->zone);
	list_add(&pb->free_link, &pool->free[pb->zone]);
}

/*
 * Looks whether pins have gone. Pinned memory counts as used until then.
 * Return: whether any had.
 */
static bool reap(struct weir_pool *pool)
{
	struct weir_pool_block *pb, *next;
	bool any = false;

	list_for_each_entry_safe(pb, next, &pool->lost, free_link) {
		if (scrub(pb)) {
			list_del(&pb->free_link);
			make_free(pool, pb);
			any = true;
		}
	}
	return any;
}

/* Nobody tells when a pin goes. */
static void retry(struct work_struct *work)
{
	struct weir_pool *pool = container_of(to_delayed_work(work),
					      struct weir_pool, retry);
	bool any, more;

	mutex_lock(&pool->lock);
	any = reap(pool);
	more = !list_empty(&pool->lost);
	mutex_unlock(&pool->lock);
	if (any)
		wake_up_interruptible_all(&pool->wait);
	if (more)
		schedule_delayed_work(&pool->retry, HZ / 10);
}

/*
 * A fault that passed its first look before the revocation has a reference
 * until it has had the folio's lock. It gets time to let go, so that what is
 * counted as pinned is.
 */
static bool scrub_patiently(struct weir_pool_block *pb)
{
	u32 tries;

	for (tries = 0; tries < 16; tries++) {
		if (scrub(pb))
			return true;
		folio_lock(pb->folio);
		folio_unlock(pb->folio);
		cond_resched();
	}
	return false;
}

/* A block with memory, or NULL if @pool may not grow, or an ERR_PTR. */
static struct weir_pool_block *take(struct weir_pool *pool, u32 zone)
{
	struct weir_pool_block *pb;
	u32 other;

	if (list_empty(&pool->free[zone]))
		reap(pool);
	pb = list_first_entry_or_null(&pool->free[zone],
				      struct weir_pool_block, free_link);
	if (pb) {
		list_del(&pb->free_link);
		pool->hits++;
		return pb;
	}
	for (other = 0; other < WEIR_ZONES; other++)
		trim(pool, other, zone_bytes(zone));
	if (pool->populated + zone_bytes(zone) > pool->limit)
		return ERR_PTR(-ENOBUFS);
	pb = create(pool, zone);
	if (!pb)
		return ERR_PTR(-ENOMEM);
	pool->populated += zone_bytes(zone);
	pool->misses++;
	return pb;
}

static int cut(struct weir_pool *pool, struct weir_pool_block *pb, u32 cls)
{
	u32 nr = weir_block_bufs(cls), i;
	struct weir_block *b = &pb->b;
	struct weir_msg *msgs;

	msgs = kvcalloc(nr, sizeof(*msgs), GFP_KERNEL_ACCOUNT);
	if (!msgs)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		msgs[i].blk = b;
	b->cls = cls;
	b->busy = 0;
	/* Old entries, gone since weir_pool_put(), do not go with this number. */
	smp_wmb();	/* pairs with weir_block_entries() */
	WRITE_ONCE(b->nr, nr);
	/* Pairs with weir_block_entries(). */
	smp_store_release(&b->msgs, msgs);
	return 0;
}

/**
 * weir_pool_get - a zeroed block, cut into buffers
 * @pool: pool
 * @cls: size class
 *
 * Return: the block, to be published and given an owner, or put; -ENOBUFS the
 * pool is at its limit, -ENOMEM the host or the caller's cgroup has none,
 * -EINTR the caller is being killed. Context: may sleep.
 */
struct weir_pool_block *weir_pool_get(struct weir_pool *pool, u32 cls)
{
	u32 zone = weir_zone_of_class(cls);
	struct weir_pool_block *pb;
	int err;

	if (mutex_lock_killable(&pool->lock))
		return ERR_PTR(-EINTR);
	pb = take(pool, zone);
	if (IS_ERR(pb)) {
		pool->refused++;
		goto out;
	}
	err = cut(pool, pb, cls);
	if (err) {
		list_add(&pb->free_link, &pool->free[zone]);
		pb = ERR_PTR(err);
		goto out;
	}
	pool->used += zone_bytes(zone);
	pool->peak = max(pool->peak, pool->used);
	pool->ledger += pb->b.nr * sizeof(struct weir_msg);
out:
	mutex_unlock(&pool->lock);
	return pb;
}

/* Only weir_pool_get() and weir_pool_put() know of the block meanwhile. */
static void set_map(struct weir_pool *pool, struct weir_pool_block *pb,
		    struct weir_block *b)
{
	struct weir_block **leaf;

	leaf = pool->map.leaf[pb->zone][pb->slot >> WEIR_LEAF_SHIFT];
	/* Pairs with the address dependency in weir_map_slot(). */
	smp_store_release(&leaf[pb->slot & (WEIR_LEAF_SIZE - 1)], b);
}

/**
 * weir_pool_publish - let a block be found and faulted in
 * @pool: pool
 * @pb: from weir_pool_get()
 * @writer: the client that may write to it, or NULL for the kernel alone
 */
void weir_pool_publish(struct weir_pool *pool, struct weir_pool_block *pb,
		       struct weir_client *writer)
{
	folio_lock(pb->folio);
	WRITE_ONCE(pb->writer, writer);
	WRITE_ONCE(pb->live, true);
	folio_unlock(pb->folio);
	set_map(pool, pb, &pb->b);
}

/*
 * Makes a block unreachable. A fault holds the folio's lock from its check of
 * @live until the page table entry is there, so once the flag is down under
 * that lock every such entry exists, and the unmapping finds it.
 */
static void revoke(struct weir_pool *pool, struct weir_pool_block *pb)
{
	folio_lock(pb->folio);
	WRITE_ONCE(pb->live, false);
	WRITE_ONCE(pb->writer, NULL);
	folio_unlock(pb->folio);
	weir_window_unmap(pool->inode, pb->b.addr, zone_bytes(pb->zone));
	set_map(pool, pb, NULL);
}

/**
 * weir_pool_put - a block without an owner goes back
 * @pool: pool
 * @pb: block, published or not, all its entries in state USER
 *
 * If somebody has it pinned it can be used again, and counts as used, only
 * when the pin is gone.
 *
 * Context: may sleep; a worker, or the process that gave it back.
 */
void weir_pool_put(struct weir_pool *pool, struct weir_pool_block *pb)
{
	u64 bytes = zone_bytes(pb->zone);
	struct weir_msg *msgs = pb->b.msgs;
	u64 ledger = pb->b.nr * sizeof(*msgs);
	bool clean;

	mutex_lock(&pool->lock);
	pool->freeing += bytes;
	mutex_unlock(&pool->lock);
	revoke(pool, pb);
	clean = scrub_patiently(pb);
	WRITE_ONCE(pb->b.msgs, NULL);
	kvfree_rcu_mightsleep(msgs);

	mutex_lock(&pool->lock);
	pool->freeing -= bytes;
	pool->ledger -= ledger;
	reap(pool);
	if (clean) {
		make_free(pool, pb);
	} else {
		pool->pinned++;
		list_add(&pb->free_link, &pool->lost);
		schedule_delayed_work(&pool->retry, HZ / 10);
	}
	trim(pool, pb->zone, 0);
	mutex_unlock(&pool->lock);
	wake_up_interruptible_all(&pool->wait);
}

/**
 * weir_pool_resize - a new limit
 * @pool: pool
 * @limit: bytes; what is above it now is given up as it becomes free
 */
void weir_pool_resize(struct weir_pool *pool, u64 limit)
{
	u32 zone;

	mutex_lock(&pool->lock);
	pool->limit = limit;
	for (zone = 0; zone < WEIR_ZONES; zone++)
		trim(pool, zone, 0);
	mutex_unlock(&pool->lock);
	wake_up_interruptible_all(&pool->wait);
}

/**
 * weir_pool_has_room - would weir_pool_get() find memory? A hint.
 * @pool: pool
 * @cls: size class
 */
bool weir_pool_has_room(struct weir_pool *pool, u32 cls)
{
	u32 zone = weir_zone_of_class(cls);

	return !list_empty(&pool->free[zone]) ||
	       READ_ONCE(pool->used) + zone_bytes(zone) <=
	       READ_ONCE(pool->limit);
}

/**
 * weir_pool_data - the payload of a message, for the kernel's own copies
 * @msg: whose block cannot go away before this returns
 * @folio: out: its memory, with a reference for the caller
 *
 * What a sender wrote may change at any time.
 */
void *weir_pool_data(const struct weir_msg *msg, struct folio **folio)
{
	struct weir_pool_block *pb = weir_pool_block(msg->blk);

	*folio = pb->folio;
	folio_get(*folio);
	return folio_address(*folio) +
	       ((u64)weir_msg_index(msg) << weir_class_shift(pb->b.cls)) +
	       msg->off;
}
