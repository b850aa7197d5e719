/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_CHANGE_H
#define _WEIR_CHANGE_H

#include "channel.h"

/**
 * struct weir_change - one use of a channel's engine
 *
 * Between weir_channel_begin() and weir_channel_end() the engine may be locked
 * and changed, once or more; the end wakes, arms, reclaims.
 */
struct weir_change {
	struct weir_channel *ch;
	struct weir_wake wake;
};

void weir_channel_begin(struct weir_change *c, struct weir_channel *ch);
void weir_channel_end(struct weir_change *c);
void weir_channel_lock(struct weir_change *c, struct weir_channel *ch);
void weir_channel_unlock(struct weir_change *c);

#endif /* _WEIR_CHANGE_H */
