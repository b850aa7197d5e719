/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_MEMORY_H
#define _WEIR_MEMORY_H

#include "pool.h"

/*
 * For whatever a pool allocates. Without NORETRY a full cgroup would have its
 * processes killed; here it is only refused.
 */
#define WEIR_POOL_GFP	(GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN)

bool weir_memory_alloc(struct weir_pool_block *pb, int node);
void weir_memory_free(struct weir_pool_block *pb);
void weir_memory_settle(struct weir_pool_block *pb);
bool weir_memory_clean(struct weir_pool_block *pb);

static inline u32 weir_memory_units(u32 zone)
{
	return 1U << (weir_zone_shift(zone) - WEIR_UNIT_SHIFT);
}

/* The folio behind a byte of a block. */
static inline struct folio *weir_memory_folio(const struct weir_pool_block *pb,
					      u64 off)
{
	return pb->folio[off >> WEIR_UNIT_SHIFT];
}

#endif /* _WEIR_MEMORY_H */
