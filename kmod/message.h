/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_MESSAGE_H
#define _WEIR_MESSAGE_H

#include "change.h"

#define WEIR_LOOKS_MAX	4096	/* entries or places looked at in one go */

/**
 * struct weir_place - a place in a channel's window
 * @zone: zone; WEIR_ZONES: the end.
 * @slot: slot of the zone, which may hold a block.
 * @buf: entry of that block.
 */
struct weir_place {
	u32 zone;
	u32 slot;
	u32 buf;
};

static inline bool weir_place_end(const struct weir_place *at)
{
	return at->zone == WEIR_ZONES;
}

u32 weir_message_state(u8 state);
struct weir_msg *weir_place_next(const struct weir_map *map,
				 struct weir_place *at);
struct weir_msg *weir_message_find(struct weir_change *c,
				   struct weir_channel *ch, u64 id);
void weir_message_unlock(struct weir_change *c);

#endif /* _WEIR_MESSAGE_H */
