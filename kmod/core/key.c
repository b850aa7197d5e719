// SPDX-License-Identifier: GPL-2.0-only
#include "key.h"

/**
 * weir_keys_init - no key is in use
 * @k: table; its @seed is the caller's to set
 */
void weir_keys_init(struct weir_keys *k)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(k->bucket); i++)
		INIT_HLIST_HEAD(&k->bucket[i]);
	k->nr_parked = 0;
	k->cursor = 0;
}

static struct hlist_head *bucket_of(struct weir_keys *k, u64 key)
{
	return &k->bucket[hash_64(key ^ k->seed, WEIR_KEY_BITS)];
}

static struct weir_msg *leader_of(struct weir_keys *k, u64 key)
{
	struct weir_msg *msg;

	hlist_for_each_entry(msg, bucket_of(k, key), bucket)
		if (msg->key == key)
			return msg;
	return NULL;
}

static void lead(struct weir_keys *k, struct weir_msg *msg)
{
	msg->flags |= WEIR_MSG_LEADER;
	hlist_add_head(&msg->bucket, bucket_of(k, msg->key));
}

/**
 * weir_key_lead - may a message with a key go into the lane?
 * @k: table
 * @msg: with a key, in no list
 *
 * Return: true if it leads its key, as before or from now on; else it is
 * parked behind the one that does.
 */
bool weir_key_lead(struct weir_keys *k, struct weir_msg *msg)
{
	struct weir_msg *leader;

	if (msg->flags & WEIR_MSG_LEADER)
		return true;
	leader = leader_of(k, msg->key);
	if (leader) {
		msg->flags |= WEIR_MSG_PARKED;
		list_add_tail(&msg->link, &leader->chain);
		k->nr_parked++;
		return false;
	}
	INIT_LIST_HEAD(&msg->chain);
	lead(k, msg);
	return true;
}

/**
 * weir_key_unpark - take a message out of its place behind a leader
 * @k: table
 * @msg: PARKED
 */
void weir_key_unpark(struct weir_keys *k, struct weir_msg *msg)
{
	msg->flags &= ~WEIR_MSG_PARKED;
	list_del(&msg->link);
	k->nr_parked--;
}

/**
 * weir_key_leave - a leader has left the channel
 * @k: table
 * @msg: LEADER
 *
 * Return: the next one, which leads from now on and belongs into the lane; or
 * NULL.
 */
struct weir_msg *weir_key_leave(struct weir_keys *k, struct weir_msg *msg)
{
	struct weir_msg *next;

	msg->flags &= ~WEIR_MSG_LEADER;
	hlist_del(&msg->bucket);
	next = list_first_entry_or_null(&msg->chain, struct weir_msg, link);
	if (!next)
		return NULL;
	weir_key_unpark(k, next);
	INIT_LIST_HEAD(&next->chain);
	list_splice(&msg->chain, &next->chain);
	lead(k, next);
	return next;
}

/**
 * weir_key_parked - any message that waits behind a leader, or NULL
 * @k: table
 */
struct weir_msg *weir_key_parked(struct weir_keys *k)
{
	struct weir_msg *leader;
	u32 n;

	if (!k->nr_parked)
		return NULL;
	for (n = 0; n < ARRAY_SIZE(k->bucket); n++) {
		hlist_for_each_entry(leader, &k->bucket[k->cursor], bucket)
			if (!list_empty(&leader->chain))
				return list_first_entry(&leader->chain,
							struct weir_msg, link);
		k->cursor = (k->cursor + 1) % ARRAY_SIZE(k->bucket);
	}
	return NULL;
}
