// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where blocks come from and go back to.
 *
 * A block changes its owner only through weir_pool_put(): it is made
 * unmappable, unmapped everywhere, found unpinned, zeroed. Who still has it
 * pinned (O_DIRECT, io_uring's registered buffers, vmsplice) keeps it from
 * being used again, at the cost of the pool's limit, until the pin is gone.
 *
 * Free blocks are with the processors (cache.c), before the store here.
 */
#include "pool.h"

#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "account.h"
#include "cache.h"
#include "fs.h"
#include "memory.h"
#include "pools.h"
#include "window.h"

#define BATCH	256	/* blocks taken from the store at once */

static void retry(struct work_struct *work);

/* ---- making and unmaking ---- */

static void destroy(struct weir_pool *pool, struct weir_pool_block *pb)
{
	ida_free(&pool->slots[pb->zone], pb->slot);
	weir_memory_free(pb);
	kfree_rcu(pb, rcu);
}

/* The leaf of the map for a place; stays until the pool goes. */
static int make_leaf(struct weir_pool *pool, u32 zone, u32 slot)
{
	struct weir_block ***leaf;
	struct weir_block **mem;

	leaf = &pool->map.leaf[zone][slot >> WEIR_LEAF_SHIFT];
	if (READ_ONCE(*leaf))
		return 0;
	mem = kcalloc(WEIR_LEAF_SIZE, sizeof(*mem), WEIR_POOL_GFP);
	if (!mem)
		return -ENOMEM;
	/* Pairs with the address dependency in weir_map_slot(). */
	if (cmpxchg(leaf, NULL, mem))
		kfree(mem);
	return 0;
}

static struct weir_pool_block *make(struct weir_pool *pool, u32 zone)
{
	struct weir_pool_block *pb;
	int slot;

	pb = kzalloc(struct_size(pb, folio, weir_memory_units(zone)),
		     WEIR_POOL_GFP);
	if (!pb)
		return NULL;
	slot = ida_alloc_max(&pool->slots[zone], weir_zone_slots(zone) - 1,
			     WEIR_POOL_GFP);
	if (slot < 0) {
		kfree(pb);
		return NULL;
	}
	pb->zone = zone;
	pb->slot = slot;
	pb->b.addr = weir_slot_addr(zone, slot);
	INIT_LIST_HEAD(&pb->b.link);
	if (!weir_memory_alloc(pb, numa_mem_id()) ||
	    make_leaf(pool, zone, slot)) {
		destroy(pool, pb);
		return NULL;
	}
	return pb;
}

/* Whoever asks, the pool's cgroup pays. */
static struct weir_pool_block *create(struct weir_pool *pool, u32 zone)
{
	struct mem_cgroup *old = set_active_memcg(pool->memcg);
	struct weir_pool_block *pb = make(pool, zone);

	set_active_memcg(old);
	return pb;
}

static void destroy_all(struct weir_pool *pool, struct list_head *blocks)
{
	struct weir_pool_block *pb, *next;

	list_for_each_entry_safe(pb, next, blocks, free_link) {
		destroy(pool, pb);
		cond_resched();
	}
}

/* ---- the store; pool's lock ---- */

static struct weir_pool_block *pop(struct weir_pool *pool, u32 zone)
{
	struct weir_pool_block *pb;

	pb = list_first_entry_or_null(&pool->store[zone],
				      struct weir_pool_block, free_link);
	if (pb) {
		list_del(&pb->free_link);
		pool->stored -= weir_zone_bytes(zone);
	}
	return pb;
}

static void push(struct weir_pool *pool, struct weir_pool_block *pb)
{
	list_add(&pb->free_link, &pool->store[pb->zone]);
	pool->stored += weir_zone_bytes(pb->zone);
}

/* Takes a block out of the pool, the smallest there is. */
static bool give_up(struct weir_pool *pool, struct list_head *to)
{
	struct weir_pool_block *pb = NULL;
	u32 zone;

	for (zone = 0; zone < WEIR_ZONES && !pb; zone++)
		pb = pop(pool, zone);
	if (!pb)
		return false;
	pool->populated -= weir_zone_bytes(pb->zone);
	list_add(&pb->free_link, to);
	return true;
}

/* Room for a block to be made; for its sake others may have to go. */
static int reserve(struct weir_pool *pool, u32 zone, bool replace)
{
	u64 bytes = weir_zone_bytes(zone);
	LIST_HEAD(gone);
	int err = 0;

	spin_lock(&pool->lock);
	if (pool->populated + bytes >
	    pool->limit + (replace ? pool->stored : 0)) {
		err = -ENOBUFS;
	} else {
		while (pool->populated + bytes > pool->limit)
			give_up(pool, &gone);
		pool->populated += bytes;
	}
	spin_unlock(&pool->lock);
	destroy_all(pool, &gone);
	return err;
}

static void unreserve(struct weir_pool *pool, u32 zone)
{
	spin_lock(&pool->lock);
	pool->populated -= weir_zone_bytes(zone);
	spin_unlock(&pool->lock);
}

/* One more block, or why not: -ENOBUFS the limit, -ENOMEM no memory. */
static struct weir_pool_block *enlarge(struct weir_pool *pool, u32 zone,
				       bool replace)
{
	struct weir_pool_block *pb;
	int err = reserve(pool, zone, replace);

	if (err)
		return ERR_PTR(err);
	pb = create(pool, zone);
	if (pb)
		return pb;
	unreserve(pool, zone);
	return ERR_PTR(-ENOMEM);
}

/*
 * With no memory to be had, a block's worth of the pool's own goes for it.
 * Return: whether there was as much.
 */
static bool exchange(struct weir_pool *pool, u32 zone)
{
	u64 before, bytes = weir_zone_bytes(zone);
	LIST_HEAD(gone);
	bool enough;

	spin_lock(&pool->lock);
	enough = pool->stored >= bytes;
	before = pool->populated;
	while (enough && before - pool->populated < bytes)
		give_up(pool, &gone);
	spin_unlock(&pool->lock);
	destroy_all(pool, &gone);
	return enough;
}

/**
 * weir_pool_add - a free block more
 * @pool: pool
 * @zone: of this zone
 *
 * Return: 0, -ENOBUFS the limit is reached, -ENOMEM. Context: may sleep.
 */
int weir_pool_add(struct weir_pool *pool, u32 zone)
{
	struct weir_pool_block *pb;

	guard(mutex)(&pool->adding);
	pb = enlarge(pool, zone, false);
	if (IS_ERR(pb))
		return PTR_ERR(pb);
	spin_lock(&pool->lock);
	push(pool, pb);
	spin_unlock(&pool->lock);
	return 0;
}

static bool too_large(const struct weir_pool *pool, u64 target)
{
	u32 zone = 0;

	while (zone < WEIR_ZONES - 1 && list_empty(&pool->store[zone]))
		zone++;
	if (pool->populated > pool->limit)
		return true;
	return pool->populated > target &&
	       pool->populated >= pool->floor + weir_zone_bytes(zone);
}

/**
 * weir_pool_trim - give free memory back to the system
 * @pool: pool
 * @target: bytes to come down to, with the last block maybe below; never below
 *	the floor, and always down to the limit
 *
 * Only what is in the store: see weir_pool_collect_all(). Return: bytes.
 * Context: may sleep; also in reclaim.
 */
u64 weir_pool_trim(struct weir_pool *pool, u64 target)
{
	LIST_HEAD(gone);
	u64 sum = 0, before;
	u32 n;

	do {
		n = 0;
		spin_lock(&pool->lock);
		before = pool->populated;
		while (n < BATCH && too_large(pool, target) &&
		       give_up(pool, &gone))
			n++;
		sum += before - pool->populated;
		spin_unlock(&pool->lock);
		destroy_all(pool, &gone);
		INIT_LIST_HEAD(&gone);
	} while (n == BATCH);
	return sum;
}

/*
 * From a cache to the store in one step for who has the pool's lock: a block
 * that is in neither would be refused to somebody.
 */
static void collect(struct weir_pool *pool, int cpu)
{
	struct weir_pool_block *pb, *next;
	LIST_HEAD(blocks);

	weir_cache_drain(per_cpu_ptr(pool->caches, cpu), &blocks);
	list_for_each_entry_safe(pb, next, &blocks, free_link)
		push(pool, pb);
}

/**
 * weir_pool_collect - bring what one processor has to the store
 * @pool: pool
 * @cpu: processor, maybe a dead one
 */
void weir_pool_collect(struct weir_pool *pool, int cpu)
{
	guard(spinlock)(&pool->lock);
	collect(pool, cpu);
}

/**
 * weir_pool_collect_all - bring what all processors have to the store
 * @pool: pool
 */
void weir_pool_collect_all(struct weir_pool *pool)
{
	int cpu;

	guard(spinlock)(&pool->lock);
	for_each_possible_cpu(cpu)
		collect(pool, cpu);
}

/* ---- accounts ---- */

static void count(struct weir_pool *pool, u32 zone, s64 bytes)
{
	atomic64_add(bytes, &pool->used_zone[zone]);
	atomic64_add(bytes, &pool->used);
}

/* It is clean and nobody's: nobody pays for it any more. */
static void settle_account(struct weir_pool *pool, struct weir_pool_block *pb)
{
	u64 bytes = weir_zone_bytes(pb->zone);

	count(pool, pb->zone, -bytes);
	if (pb->account)
		weir_account_uncharge(pool, pb->account, bytes);
	pb->account = NULL;
}

/* ---- the whole ---- */

static u64 prefill_blocks(const struct weir_config *cfg, u32 cls)
{
	return DIV_ROUND_UP(cfg->prefill[cls], weir_block_bufs(cls));
}

/**
 * weir_pool_prefill - memory for the buffers that are to be had at once
 * @cfg: valid
 *
 * Return: bytes.
 */
u64 weir_pool_prefill(const struct weir_config *cfg)
{
	u64 sum = 0;
	u32 cls;

	for (cls = 0; cls < WEIR_NR_CLASSES; cls++)
		sum += prefill_blocks(cfg, cls) * weir_block_size(cls);
	return sum;
}

static int populate_class(struct weir_pool *pool, u32 cls, u64 nr)
{
	int err = 0;

	while (nr-- && !err) {
		err = weir_pool_add(pool, weir_zone_of_class(cls));
		if (fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	}
	return err;
}

static int populate(struct weir_pool *pool, const struct weir_config *cfg)
{
	int err = 0;
	u32 cls;

	for (cls = 0; cls < WEIR_NR_CLASSES && !err; cls++)
		err = populate_class(pool, cls, prefill_blocks(cfg, cls));
	while (!err && pool->populated < pool->floor)
		err = populate_class(pool, 0, 1);
	/* A floor that is no multiple of a block, close to the limit. */
	return err == -ENOBUFS ? 0 : err;
}

static int init(struct weir_pool *pool, const struct weir_config *cfg,
		const char *cgroup)
{
	if (cgroup) {
		pool->cgroup = kstrdup(cgroup, GFP_KERNEL_ACCOUNT);
		if (!pool->cgroup)
			return -ENOMEM;
	}
	pool->caches = weir_cache_alloc();
	if (!pool->caches)
		return -ENOMEM;
	pool->inode = weir_fs_inode(WEIR_MAP_SIZE);
	if (IS_ERR(pool->inode))
		return PTR_ERR(pool->inode);
	weir_pools_add(pool);
	return populate(pool, cfg);
}

/**
 * weir_pool_init - a pool with its first memory
 * @pool: zeroed
 * @cfg: valid
 * @memcg: all memory is charged to it; the reference becomes the pool's
 * @cgroup: the path by which it was named, or NULL; copied
 *
 * Return: 0, -ENOMEM, or -EINTR if the caller is being killed. Context: may
 * sleep. On error everything is undone.
 */
int weir_pool_init(struct weir_pool *pool, const struct weir_config *cfg,
		   struct mem_cgroup *memcg, const char *cgroup)
{
	int err;
	u32 i;

	spin_lock_init(&pool->lock);
	mutex_init(&pool->adding);
	init_waitqueue_head(&pool->wait);
	INIT_LIST_HEAD(&pool->link);
	INIT_LIST_HEAD(&pool->lost);
	INIT_LIST_HEAD(&pool->accounts);
	INIT_DELAYED_WORK(&pool->retry, retry);
	INIT_DELAYED_WORK(&pool->look, weir_pool_look);
	for (i = 0; i < WEIR_ZONES; i++) {
		ida_init(&pool->slots[i]);
		INIT_LIST_HEAD(&pool->store[i]);
	}
	pool->memcg = memcg;
	pool->floor = max(cfg->memory_min, weir_pool_prefill(cfg));
	weir_pool_configure(pool, cfg);
	err = init(pool, cfg, cgroup);
	if (err)
		weir_pool_exit(pool);
	return err;
}

/**
 * weir_pool_exit - free a pool none of whose blocks has an owner
 * @pool: pool, also one that was not initialized to the end
 *
 * Nobody uses it any more but its own works and those who walk over all pools.
 * With a limit of nothing the former stop growing and are waited for; retry()
 * starts itself anew only while it is not being cancelled. The latter are
 * locked out. What they brought to the store meanwhile, if anything, is there
 * afterwards: so the caches are emptied, then the store.
 */
void weir_pool_exit(struct weir_pool *pool)
{
	struct weir_pool_block *pb, *next;
	u32 i, j;

	spin_lock(&pool->lock);
	pool->limit = 0;
	pool->floor = 0;
	spin_unlock(&pool->lock);
	weir_pools_del(pool);
	cancel_delayed_work_sync(&pool->look);
	cancel_delayed_work_sync(&pool->retry);
	if (pool->caches)
		weir_pool_collect_all(pool);
	list_for_each_entry_safe(pb, next, &pool->lost, free_link) {
		list_del(&pb->free_link);
		settle_account(pool, pb);
		push(pool, pb);
	}
	weir_pool_trim(pool, 0);
	WARN_ON_ONCE(pool->populated || !list_empty(&pool->accounts));
	for (i = 0; i < WEIR_ZONES; i++) {
		ida_destroy(&pool->slots[i]);
		for (j = 0; j < WEIR_LEAVES; j++)
			kfree(pool->map.leaf[i][j]);
	}
	free_percpu(pool->caches);
	kfree(pool->cgroup);
	mem_cgroup_put(pool->memcg);
	if (!IS_ERR_OR_NULL(pool->inode))
		iput(pool->inode);
}

/* ---- coming back ---- */

static void lose(struct weir_pool *pool, struct weir_pool_block *pb)
{
	spin_lock(&pool->lock);
	list_add(&pb->free_link, &pool->lost);
	spin_unlock(&pool->lock);
	schedule_delayed_work(&pool->retry, HZ / 10);
}

/*
 * Looks whether pins have gone. Pinned memory counts as used until then.
 * Return: whether any had.
 */
static bool reap(struct weir_pool *pool)
{
	struct weir_pool_block *pb, *next;
	bool any = false;
	LIST_HEAD(lost);

	if (list_empty(&pool->lost))
		return false;
	spin_lock(&pool->lock);
	list_splice_init(&pool->lost, &lost);
	spin_unlock(&pool->lock);
	list_for_each_entry_safe(pb, next, &lost, free_link) {
		list_del(&pb->free_link);
		if (weir_memory_clean(pb)) {
			settle_account(pool, pb);
			spin_lock(&pool->lock);
			push(pool, pb);
			spin_unlock(&pool->lock);
			any = true;
		} else {
			lose(pool, pb);
		}
		cond_resched();
	}
	if (any)
		wake_up_interruptible_all(&pool->wait);
	return any;
}

/* Nobody tells when a pin goes. */
static void retry(struct work_struct *work)
{
	struct weir_pool *pool = container_of(to_delayed_work(work),
					      struct weir_pool, retry);

	if (reap(pool))
		weir_pool_trim(pool, U64_MAX);
}

/*
 * A fault that passed its first look before the revocation has a reference
 * until it has had the folio's lock. It gets time to let go, so that what is
 * counted as pinned is.
 */
static bool clean_patiently(struct weir_pool_block *pb)
{
	u32 tries;

	for (tries = 0; tries < 16; tries++) {
		if (weir_memory_clean(pb))
			return true;
		weir_memory_settle(pb);
		cond_resched();
	}
	return false;
}

/* A clean block is there for the next one: here, if there is room. */
static void stock(struct weir_pool *pool, struct weir_pool_block *pb)
{
	if (READ_ONCE(pool->populated) <= READ_ONCE(pool->limit) &&
	    weir_cache_push(pool->caches, pb))
		return;
	spin_lock(&pool->lock);
	push(pool, pb);
	spin_unlock(&pool->lock);
	weir_pool_trim(pool, U64_MAX);
}

/* ---- out and in ---- */

static struct weir_pool_block *take_stored(struct weir_pool *pool, u32 zone)
{
	struct weir_pool_block *pb;

	spin_lock(&pool->lock);
	pb = pop(pool, zone);
	if (pb)
		pool->hits++;
	spin_unlock(&pool->lock);
	return pb;
}

/* One that was just being made when there seemed to be none. Or an ERR_PTR. */
static struct weir_pool_block *take_late(struct weir_pool *pool, u32 zone)
{
	struct weir_pool_block *pb;

	if (mutex_lock_killable(&pool->adding))
		return ERR_PTR(-EINTR);
	mutex_unlock(&pool->adding);
	pb = take_stored(pool, zone);
	return pb ?: enlarge(pool, zone, true);
}

/* From wherever a free block is; then a new one. Or an ERR_PTR. */
static struct weir_pool_block *take(struct weir_pool *pool, u32 zone)
{
	struct weir_pool_block *pb;

	pb = weir_cache_pop(pool->caches, zone);
	pb = pb ?: take_stored(pool, zone);
	if (pb)
		return pb;
	weir_pool_collect_all(pool);
	reap(pool);
	pb = take_stored(pool, zone);
	if (pb)
		return pb;
	pb = enlarge(pool, zone, true);
	if (pb == ERR_PTR(-ENOMEM) && exchange(pool, zone))
		pb = enlarge(pool, zone, true);
	if (pb == ERR_PTR(-ENOBUFS))
		pb = take_late(pool, zone);
	if (IS_ERR(pb))
		return pb;
	spin_lock(&pool->lock);
	pool->misses++;
	spin_unlock(&pool->lock);
	return pb;
}

static struct weir_msg *alloc_entries(struct weir_pool *pool, u32 nr)
{
	struct mem_cgroup *old = set_active_memcg(pool->memcg);
	struct weir_msg *msgs = kvcalloc(nr, sizeof(*msgs), WEIR_POOL_GFP);

	set_active_memcg(old);
	return msgs;
}

static int cut(struct weir_pool *pool, struct weir_pool_block *pb, u32 cls)
{
	u32 nr = weir_block_bufs(cls), i;
	struct weir_block *b = &pb->b;
	struct weir_msg *msgs;

	msgs = alloc_entries(pool, nr);
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
	atomic64_add(nr * sizeof(*msgs), &pool->ledger);
	return 0;
}

static void raise_peak(struct weir_pool *pool)
{
	s64 now = atomic64_read(&pool->used), old = atomic64_read(&pool->peak);

	while (old < now && !atomic64_try_cmpxchg(&pool->peak, &old, now))
		;
}

/**
 * weir_pool_get - a zeroed block, cut into buffers
 * @pool: pool
 * @cls: size class
 *
 * Return: the block, to be published and given an owner, or put; -ENOBUFS the
 * pool is at its limit, -ENOMEM the host or the pool's cgroup has none, -EINTR
 * the caller is being killed.
 * Context: may sleep.
 */
struct weir_pool_block *weir_pool_get(struct weir_pool *pool, u32 cls)
{
	u32 zone = weir_zone_of_class(cls);
	struct weir_pool_block *pb = take(pool, zone);
	int err;

	if (IS_ERR(pb)) {
		atomic64_inc(&pool->refused);
		return pb;
	}
	err = cut(pool, pb, cls);
	if (err) {
		stock(pool, pb);
		atomic64_inc(&pool->refused);
		return ERR_PTR(err);
	}
	count(pool, zone, weir_zone_bytes(zone));
	raise_peak(pool);
	weir_pool_traffic(pool);
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
	WRITE_ONCE(pb->writer, writer);
	WRITE_ONCE(pb->live, true);
	set_map(pool, pb, &pb->b);
}

/*
 * Makes a block unreachable. A fault holds its folio's lock from its check of
 * @live until the page table entry is there. So once each lock has been taken
 * after the flag is down, every such entry exists and the unmapping finds it,
 * and whoever takes a lock later sees the flag.
 */
static void revoke(struct weir_pool *pool, struct weir_pool_block *pb)
{
	WRITE_ONCE(pb->live, false);
	WRITE_ONCE(pb->writer, NULL);
	weir_memory_settle(pb);
	weir_window_unmap(pool->inode, pb->b.addr, weir_zone_bytes(pb->zone));
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
	u64 bytes = weir_zone_bytes(pb->zone);
	struct weir_msg *msgs = pb->b.msgs;

	atomic64_add(bytes, &pool->freeing);
	revoke(pool, pb);
	atomic64_sub(pb->b.nr * sizeof(*msgs), &pool->ledger);
	WRITE_ONCE(pb->b.msgs, NULL);
	kvfree_rcu_mightsleep(msgs);
	if (clean_patiently(pb)) {
		settle_account(pool, pb);
		atomic64_sub(bytes, &pool->freeing);
		stock(pool, pb);
	} else {
		spin_lock(&pool->lock);
		pool->pinned++;
		spin_unlock(&pool->lock);
		atomic64_sub(bytes, &pool->freeing);
		lose(pool, pb);
	}
	weir_pool_traffic(pool);
	wake_up_interruptible_all(&pool->wait);
}

/**
 * weir_pool_has_room - would weir_pool_get() find memory? A hint.
 * @pool: pool
 * @cls: size class
 */
bool weir_pool_has_room(struct weir_pool *pool, u32 cls)
{
	return weir_pool_used(pool) +
	       weir_zone_bytes(weir_zone_of_class(cls)) <=
	       READ_ONCE(pool->limit);
}

/**
 * weir_pool_pin - keep a message's memory for the kernel's own copy
 * @msg: whose block cannot go away before this returns
 * @off: out: first byte of the message in the block
 *
 * Like any pin this keeps the memory from being another's, but not the message
 * from ending. Return: its block, to be unpinned soon.
 */
struct weir_pool_block *weir_pool_pin(const struct weir_msg *msg, u32 *off)
{
	struct weir_pool_block *pb = weir_pool_block(msg->blk);

	*off = (weir_msg_index(msg) << weir_class_shift(pb->b.cls)) + msg->off;
	atomic_inc(&pb->users);
	return pb;
}

/**
 * weir_pool_unpin - the copy is made
 * @pb: from weir_pool_pin()
 */
void weir_pool_unpin(struct weir_pool_block *pb)
{
	/* Pairs with the acquire in weir_memory_clean(). */
	atomic_dec_return_release(&pb->users);
}
