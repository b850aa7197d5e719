/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pool arithmetic: size classes, and where a block lies in the window.
 *
 * A window has three zones of WEIR_ZONE_SIZE bytes each: zone 0 is cut into
 * 64 KiB blocks, zone 1 into 1 MiB blocks, zone 2 into 16 MiB blocks. Its size
 * does not depend on the pool's limits, so these can change without a remap.
 */
#ifndef _WEIR_CORE_GEOM_H
#define _WEIR_CORE_GEOM_H

#include "port.h"

#define WEIR_ZONES		3
#define WEIR_ZONE_SHIFT		34
#define WEIR_ZONE_SIZE		(1ULL << WEIR_ZONE_SHIFT)
#define WEIR_WINDOW_SIZE	(WEIR_ZONES * WEIR_ZONE_SIZE)
#define WEIR_MESSAGE_MAX	(1U << 24)	/* the largest class */
#define WEIR_UNIT_SHIFT		16	/* the smallest block */
#define WEIR_LEAF_SHIFT		9	/* blocks in one leaf of the map */
#define WEIR_LEAF_SIZE		(1U << WEIR_LEAF_SHIFT)
#define WEIR_LEAVES		(1U << (WEIR_ZONE_SHIFT - WEIR_UNIT_SHIFT - WEIR_LEAF_SHIFT))

static inline u32 weir_class_shift(u32 cls)
{
	static const u8 shift[WEIR_NR_CLASSES] = {
		8, 10, 13, 16, 20, 22, 24,
	};

	return shift[cls];
}

static inline u32 weir_class_size(u32 cls)
{
	return 1U << weir_class_shift(cls);
}

static inline u32 weir_zone_shift(u32 zone)
{
	return WEIR_UNIT_SHIFT + 4 * zone;
}

/* The zone whose blocks are just large enough. */
static inline u32 weir_zone_of_class(u32 cls)
{
	u32 zone = 0;

	while (weir_zone_shift(zone) < weir_class_shift(cls))
		zone++;
	return zone;
}

static inline u64 weir_zone_bytes(u32 zone)
{
	return 1ULL << weir_zone_shift(zone);
}

/* Blocks that fit into a zone. */
static inline u32 weir_zone_slots(u32 zone)
{
	return WEIR_ZONE_SIZE >> weir_zone_shift(zone);
}

static inline u32 weir_block_shift(u32 cls)
{
	return weir_zone_shift(weir_zone_of_class(cls));
}

static inline u32 weir_block_size(u32 cls)
{
	return 1U << weir_block_shift(cls);
}

static inline u32 weir_block_bufs(u32 cls)
{
	return weir_block_size(cls) >> weir_class_shift(cls);
}

/**
 * weir_class_for - the smallest class that holds a message
 * @len: bytes, 1..WEIR_MESSAGE_MAX
 */
static inline u32 weir_class_for(u32 len)
{
	u32 cls = 0;

	while (weir_class_size(cls) < len)
		cls++;
	return cls;
}

static inline u64 weir_slot_addr(u32 zone, u32 slot)
{
	return zone * WEIR_ZONE_SIZE + ((u64)slot << weir_zone_shift(zone));
}

#endif /* _WEIR_CORE_GEOM_H */
