/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_CHANGE_H
#define _WEIR_CHANGE_H

#include "channel.h"

/**
 * struct weir_change - one use of a channel's engine
 * @ch: channel.
 * @wake: see there.
 * @peer: who makes it: the kernel's own sender unless the caller puts a client
 *	there, which stays to the end.
 * @tally: what it has added to the counters, while hops are traced.
 *
 * Between weir_channel_begin() and weir_channel_end() the engine may be locked
 * and changed, once or more; the end wakes, arms, reclaims.
 */
struct weir_change {
	struct weir_channel *ch;
	struct weir_wake wake;
	const struct weir_peer *peer;
	struct weir_counters tally;
};

void weir_channel_begin(struct weir_change *c, struct weir_channel *ch);
void weir_channel_end(struct weir_change *c);
void weir_channel_lock(struct weir_change *c, struct weir_channel *ch);
void weir_channel_unlock(struct weir_change *c);

#endif /* _WEIR_CHANGE_H */
