// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a block: folios as large as can be had, up to 2 MiB, each at a
 * multiple of its size. All of them are locked, looked at and zeroed one by
 * one; what makes them one block is that they come and go together.
 */
#include "memory.h"

#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/uio.h>

#define UNIT_ORDER	(WEIR_UNIT_SHIFT - PAGE_SHIFT)
#define LARGEST_ORDER	(21 - PAGE_SHIFT)

static u32 units_of(const struct folio *folio)
{
	return folio_size(folio) >> WEIR_UNIT_SHIFT;
}

/* Each folio of a block once. */
#define for_each_folio(pb, folio, i)					\
	for ((i) = 0; (i) < weir_memory_units((pb)->zone) &&		\
	     ((folio) = (pb)->folio[i]); (i) += units_of(folio))

/**
 * weir_memory_alloc - zeroed memory for a new block
 * @pb: zeroed, with its zone
 * @node: where to look first
 *
 * Return: whether there was enough; if not, weir_memory_free() is still due.
 * Context: may sleep.
 */
bool weir_memory_alloc(struct weir_pool_block *pb, int node)
{
	u32 order = min(weir_zone_shift(pb->zone) - PAGE_SHIFT, LARGEST_ORDER);
	u32 nr = weir_memory_units(pb->zone), i, j;
	struct folio *folio;

	for (i = 0; i < nr; i += units_of(folio)) {
		folio = __folio_alloc_node(WEIR_POOL_GFP | __GFP_ZERO, order,
					   node);
		/* Where a large one cannot be had, the next one cannot either. */
		while (!folio && order > UNIT_ORDER)
			folio = __folio_alloc_node(WEIR_POOL_GFP | __GFP_ZERO,
						   --order, node);
		if (!folio)
			return false;
		/* Left as it was by the last user; a fault compares it. */
		folio->index = 0;
		for (j = 0; j < units_of(folio); j++)
			pb->folio[i + j] = folio;
	}
	return true;
}

/**
 * weir_memory_free - give up a block's memory
 * @pb: block; whoever has pinned a part keeps that part
 */
void weir_memory_free(struct weir_pool_block *pb)
{
	u32 i, next, nr = weir_memory_units(pb->zone);

	for (i = 0; i < nr && pb->folio[i]; i = next) {
		next = i + units_of(pb->folio[i]);
		folio_put(pb->folio[i]);
	}
}

/**
 * weir_memory_settle - wait for every fault under way
 * @pb: block
 *
 * A fault holds its folio's lock from the check of the block until the page
 * table entry is there. Context: may sleep.
 */
void weir_memory_settle(struct weir_pool_block *pb)
{
	struct folio *folio;
	u32 i;

	for_each_folio(pb, folio, i) {
		folio_lock(folio);
		folio_unlock(folio);
	}
}

static bool unused(struct weir_pool_block *pb)
{
	struct folio *folio;
	u32 i;

	/* Pairs with weir_pool_unpin(): what was read there was the old. */
	if (atomic_read_acquire(&pb->users))
		return false;
	for_each_folio(pb, folio, i)
		if (folio_ref_count(folio) != 1)
			return false;
	return true;
}

/**
 * weir_memory_clean - zero memory that is nobody's
 * @pb: block, unmapped
 *
 * Any reference but ours is a pin, or a fault that comes too late and will let
 * go. Return: whether there was none; if not nothing is done. Context: may
 * sleep.
 */
bool weir_memory_clean(struct weir_pool_block *pb)
{
	struct folio *folio;
	u32 i;

	if (!unused(pb))
		return false;
	for_each_folio(pb, folio, i) {
		folio_zero_range(folio, 0, folio_size(folio));
		cond_resched();
	}
	return true;
}

/**
 * weir_pool_part - for the kernel's own copies
 * @pb: block, pinned or otherwise known to stay
 * @off: byte in it
 * @len: in: bytes wanted; out: as many of them as lie side by side
 *
 * Return: its address. What a sender wrote may change at any time.
 */
void *weir_pool_part(const struct weir_pool_block *pb, u32 off, size_t *len)
{
	struct folio *folio = weir_memory_folio(pb, off);
	size_t at = off & (folio_size(folio) - 1);

	*len = min(*len, folio_size(folio) - at);
	return folio_address(folio) + at;
}

/**
 * weir_pool_read - copy a part of a block out
 * @pb: as weir_pool_part()
 * @off: byte in it
 * @len: bytes
 * @to: for them
 *
 * Return: 0, or -EFAULT if not all could be copied.
 */
int weir_pool_read(const struct weir_pool_block *pb, u32 off, size_t len,
		   struct iov_iter *to)
{
	size_t part;
	void *data;

	for (; len; len -= part, off += part) {
		part = len;
		data = weir_pool_part(pb, off, &part);
		if (copy_to_iter(data, part, to) != part)
			return -EFAULT;
		cond_resched();
	}
	return 0;
}

/**
 * weir_pool_write - copy a part of a block in
 * @pb: as weir_pool_part()
 * @off: byte in it
 * @len: bytes
 * @from: where they are
 *
 * Return: 0, or -EFAULT if not all could be copied.
 */
int weir_pool_write(const struct weir_pool_block *pb, u32 off, size_t len,
		    struct iov_iter *from)
{
	size_t part;
	void *data;

	for (; len; len -= part, off += part) {
		part = len;
		data = weir_pool_part(pb, off, &part);
		if (copy_from_iter(data, part, from) != part)
			return -EFAULT;
		cond_resched();
	}
	return 0;
}
