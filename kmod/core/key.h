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
void weir_key_unpark(struct weir_keys *k, struct weir_msg *msg);
struct weir_msg *weir_key_succeed(struct weir_keys *k, struct weir_msg *msg);
struct weir_msg *weir_key_parked(struct weir_keys *k);

static inline struct hlist_head *weir_key_bucket(struct weir_keys *k, u64 key)
{
	return &k->bucket[hash_64(key ^ k->seed, WEIR_KEY_BITS)];
}

/**
 * weir_key_lead - may a message with a key go into the lane?
 * @k: table
 * @msg: with a key, in no list
 *
 * Return: true if it leads its key, as before or from now on; else it is
 * parked behind the one that does.
 */
static inline bool weir_key_lead(struct weir_keys *k, struct weir_msg *msg)
{
	struct hlist_head *bucket = weir_key_bucket(k, msg->key);
	struct weir_msg *leader;

	if (msg->flags & WEIR_MSG_LEADER)
		return true;
	hlist_for_each_entry(leader, bucket, bucket) {
		if (leader->key != msg->key)
			continue;
		msg->flags |= WEIR_MSG_PARKED;
		list_add_tail(&msg->link, &leader->chain);
		k->nr_parked++;
		return false;
	}
	INIT_LIST_HEAD(&msg->chain);
	msg->flags |= WEIR_MSG_LEADER;
	hlist_add_head(&msg->bucket, bucket);
	return true;
}

/**
 * weir_key_leave - a leader has left the channel
 * @k: table
 * @msg: LEADER
 *
 * Return: the next one, which leads from now on and belongs into the lane; or
 * NULL.
 */
static inline struct weir_msg *weir_key_leave(struct weir_keys *k,
					      struct weir_msg *msg)
{
	msg->flags &= ~WEIR_MSG_LEADER;
	hlist_del(&msg->bucket);
	return list_empty(&msg->chain) ? NULL : weir_key_succeed(k, msg);
}

#endif /* _WEIR_CORE_KEY_H */
