// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a client can map: its rings, its writable window, the read-only one.
 *
 * Windows are as large as a pool could ever be; pages come by faults, and only
 * those of blocks the client may touch at that moment.
 */
#include "window.h"

#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/vmalloc.h>

#include "channel.h"
#include "client.h"
#include "memory.h"

static struct weir_client *vma_client(struct vm_area_struct *vma)
{
	return vma->vm_file->private_data;
}

static void vma_open(struct vm_area_struct *vma)
{
	atomic_inc(&vma_client(vma)->nr_vmas);
}

static void vma_close(struct vm_area_struct *vma)
{
	atomic_dec(&vma_client(vma)->nr_vmas);
}

/* May the client touch the block? For good only with the folio locked. */
static bool may_touch(const struct weir_pool_block *pb,
		      const struct weir_client *c, bool write)
{
	return READ_ONCE(pb->live) && !READ_ONCE(c->ep.peer.gone) &&
	       (!write || READ_ONCE(pb->writer) == c);
}

/*
 * The memory behind an address, with a reference, or NULL. Only for one who
 * may touch it: a stranger's reference would look like a pin to its owner.
 * Without a client, for anyone.
 */
static struct folio *find_folio(struct weir_pool *pool, u64 addr,
				const struct weir_client *c, bool write)
{
	struct folio *folio = NULL;
	struct weir_pool_block *pb;
	struct weir_block *b;

	guard(rcu)();
	b = weir_map_find(&pool->map, addr);
	if (!b)
		return NULL;
	pb = weir_pool_block(b);
	if (c && !may_touch(pb, c, write))
		return NULL;
	folio = weir_memory_folio(pb, addr - b->addr);
	if (!folio_try_get(folio))
		return NULL;
	/* It may have been freed, and be another's by now. */
	if (weir_map_find(&pool->map, addr) == b)
		return folio;
	folio_put(folio);
	return NULL;
}

/*
 * With the folio locked: is it still that address's memory, and may the client
 * touch it? If so it stays so until the lock is dropped.
 */
static bool check_locked(struct weir_pool *pool, u64 addr, struct folio *folio,
			 const struct weir_client *c, bool write)
{
	struct weir_pool_block *pb;
	struct weir_block *b;

	guard(rcu)();
	b = weir_map_find(&pool->map, addr);
	if (!b)
		return false;
	pb = weir_pool_block(b);
	return weir_memory_folio(pb, addr - b->addr) == folio &&
	       may_touch(pb, c, write);
}

static vm_fault_t fault(struct vm_fault *vmf, u64 base, bool write)
{
	struct weir_client *c = vma_client(vmf->vma);
	struct weir_pool *pool = &c->ch->pool;
	u64 addr = ((u64)vmf->pgoff << PAGE_SHIFT) - base;
	struct folio *folio = find_folio(pool, addr, c, write);

	if (!folio)
		return VM_FAULT_SIGBUS;
	if (folio_lock_killable(folio)) {
		folio_put(folio);
		return VM_FAULT_SIGBUS;
	}
	if (!check_locked(pool, addr, folio, c, write)) {
		folio_unlock(folio);
		folio_put(folio);
		return VM_FAULT_SIGBUS;
	}
	vmf->page = folio_page(folio,
			       (addr & (folio_size(folio) - 1)) >> PAGE_SHIFT);
	return VM_FAULT_LOCKED;
}

static vm_fault_t fault_rw(struct vm_fault *vmf)
{
	return fault(vmf, WEIR_OFF_RW, true);
}

static vm_fault_t fault_ro(struct vm_fault *vmf)
{
	return fault(vmf, WEIR_OFF_RO, false);
}

static const struct vm_operations_struct rings_ops = {
	.open = vma_open,
	.close = vma_close,
};

static const struct vm_operations_struct rw_ops = {
	.open = vma_open,
	.close = vma_close,
	.fault = fault_rw,
};

static const struct vm_operations_struct ro_ops = {
	.open = vma_open,
	.close = vma_close,
	.fault = fault_ro,
};

static int map_rings(struct weir_client *c, struct vm_area_struct *vma)
{
	unsigned long off;
	int err;

	if (vma->vm_pgoff != WEIR_OFF_RINGS >> PAGE_SHIFT ||
	    vma->vm_end - vma->vm_start > c->rings_len)
		return -EINVAL;
	for (off = 0; off < vma->vm_end - vma->vm_start; off += PAGE_SIZE) {
		err = vm_insert_page(vma, vma->vm_start + off,
				     vmalloc_to_page(c->rings_mem + off));
		if (err)
			return err;
	}
	vma->vm_ops = &rings_ops;
	return 0;
}

static bool inside(struct vm_area_struct *vma, u64 base)
{
	u64 from = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 len = vma->vm_end - vma->vm_start;

	return from >= base && from - base <= WEIR_WINDOW_SIZE &&
	       len <= WEIR_WINDOW_SIZE - (from - base);
}

static int map_window(struct weir_client *c, struct vm_area_struct *vma)
{
	if (inside(vma, WEIR_OFF_RW)) {
		if (!weir_peer_sends(&c->ep.peer))
			return -EACCES;
		vma->vm_ops = &rw_ops;
		return 0;
	}
	if (!inside(vma, WEIR_OFF_RO))
		return -EINVAL;
	if (!weir_peer_works(&c->ep.peer) || (vma->vm_flags & VM_WRITE))
		return -EACCES;
	vm_flags_clear(vma, VM_MAYWRITE);
	vma->vm_ops = &ro_ops;
	return 0;
}

static int map(struct weir_client *c, struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	vm_flags_clear(vma, VM_MAYEXEC);
	return vma->vm_pgoff < WEIR_OFF_RW >> PAGE_SHIFT ?
	       map_rings(c, vma) : map_window(c, vma);
}

/**
 * weir_window_mmap - mmap of a client
 * @file: client
 * @vma: new mapping
 *
 * Return: 0; -EINVAL private or not inside one region, -EACCES not of the
 * client's role or writable where it must not be, -EBUSY by a process that is
 * not the holder, -ESHUTDOWN the client has ended.
 */
int weir_window_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct weir_client *c = file->private_data;
	int err;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EACCES;
	/* First: a claim by another process looks at it, after the check. */
	vma_open(vma);
	err = weir_client_check(c);
	if (!err)
		err = map(c, vma);
	if (err)
		vma_close(vma);
	return err;
}

/**
 * weir_window_unmap - take a range of the window from all processes
 * @inode: of the pool
 * @addr: offset in the window
 * @len: bytes
 *
 * Context: may sleep.
 */
void weir_window_unmap(struct inode *inode, u64 addr, u64 len)
{
	unmap_mapping_range(inode->i_mapping, WEIR_OFF_RW + addr, len, 1);
	unmap_mapping_range(inode->i_mapping, WEIR_OFF_RO + addr, len, 1);
}

/*
 * Waits for faults on the folio at an address that may have passed their check
 * before. Return: bytes to the next one.
 */
static u64 wait_for_fault(struct weir_pool *pool, u64 addr)
{
	struct folio *folio = find_folio(pool, addr, NULL, false);
	u64 len;

	if (!folio)
		return 1 << WEIR_UNIT_SHIFT;
	folio_lock(folio);
	folio_unlock(folio);
	len = folio_size(folio);
	folio_put(folio);
	return len;
}

static void wait_for_faults(struct weir_pool *pool, u32 zone, u32 slot)
{
	u64 addr = weir_slot_addr(zone, slot), end = addr + weir_zone_bytes(zone);

	if (!weir_map_slot(&pool->map, zone, slot))
		return;
	while (addr < end)
		addr += wait_for_fault(pool, addr);
}

/**
 * weir_window_cut - take away what clients that have ended still have mapped
 * @ch: channel; the clients' end is visible to faults
 *
 * A fault that saw its client living holds the folio's lock until its page
 * table entry is there, so after one look at each lock all such entries exist
 * and the unmapping finds them. Living clients fault again.
 *
 * Context: may sleep.
 */
void weir_window_cut(struct weir_channel *ch)
{
	const struct weir_map *map = &ch->pool.map;
	u32 zone, slot;

	for (zone = 0; zone < WEIR_ZONES; zone++) {
		for (slot = 0; slot < weir_zone_slots(zone); slot++) {
			if (!READ_ONCE(map->leaf[zone][slot >> WEIR_LEAF_SHIFT])) {
				slot |= WEIR_LEAF_SIZE - 1;
				continue;
			}
			wait_for_faults(&ch->pool, zone, slot);
			cond_resched();
		}
	}
	weir_window_unmap(ch->pool.inode, 0, WEIR_WINDOW_SIZE);
}
