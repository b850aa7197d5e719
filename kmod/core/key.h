/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ordering keys: of the messages with one key, the first is its leader, and
 * the others wait behind it, in order, until it has left the channel. Only
 * leaders are in the lane or with a worker. Parking and succession are O(1).
 * All under the engine's lock.
 */
#ifndef _WEIR_CORE_KEY_H
#define _WEIR_CORE_KEY_H

#include "msg.h"

#define WEIR_KEY_BITS	12	/* log2 of the table's buckets */

/**
 * struct weir_keys
 * @bucket: leaders, by their keys' hash.
 * @seed: so that a sender cannot choose keys that share a bucket.
 * @nr_parked: messages behind leaders.
 * @cursor: bucket where weir_key_parked() goes on.
 */
struct weir_keys {
	struct hlist_head bucket[1 << WEIR_KEY_BITS];
	u64 seed;
	u64 nr_parked;
	u32 cursor;
};

void weir_keys_init(struct weir_keys *k);
bool weir_key_lead(struct weir_keys *k, struct weir_msg *msg);
void weir_key_unpark(struct weir_keys *k, struct weir_msg *msg);
struct weir_msg *weir_key_leave(struct weir_keys *k, struct weir_msg *msg);
struct weir_msg *weir_key_parked(struct weir_keys *k);

#endif /* _WEIR_CORE_KEY_H */
