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
 * weir_key_succeed - the first message behind a leader takes its place
 * @k: table
 * @msg: it led, and is out of the table; others wait behind it
 *
 * Return: the one that leads now.
 */
struct weir_msg *weir_key_succeed(struct weir_keys *k, struct weir_msg *msg)
{
	struct weir_msg *next = list_first_entry(&msg->chain, struct weir_msg,
						 link);

	weir_key_unpark(k, next);
	INIT_LIST_HEAD(&next->chain);
	list_splice(&msg->chain, &next->chain);
	next->flags |= WEIR_MSG_LEADER;
	hlist_add_head(&next->bucket, weir_key_bucket(k, next->key));
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
