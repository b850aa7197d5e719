// SPDX-License-Identifier: GPL-2.0-only
/*
 * A channel's messages, one after the other, and one by its id.
 *
 * A message is found by walking the ledger entries of all blocks: first
 * without a lock, then once more with the engine's. So a walk meets each
 * message that was there all the time exactly once.
 */
#include "message.h"

#include <linux/sched/signal.h>

/**
 * weir_message_state - a message's state as others are told it
 * @state: of its entry
 *
 * Return: one of enum weir_message_state; 0 if it is not in the channel.
 */
u32 weir_message_state(u8 state)
{
	switch (state) {
	case WEIR_MSG_READY:
		return WEIR_MESSAGE_STATE_READY;
	case WEIR_MSG_DELAYED:
		return WEIR_MESSAGE_STATE_DELAYED;
	case WEIR_MSG_INFLIGHT:
		return WEIR_MESSAGE_STATE_INFLIGHT;
	case WEIR_MSG_DEAD:
		return WEIR_MESSAGE_STATE_DEAD;
	default:
		return 0;
	}
}

/* To the first entry of the next place that may hold a block. */
static void to_next_place(const struct weir_map *map, struct weir_place *at)
{
	at->buf = 0;
	if (!READ_ONCE(map->leaf[at->zone][at->slot >> WEIR_LEAF_SHIFT]))
		at->slot |= WEIR_LEAF_SIZE - 1;
	if (++at->slot < weir_zone_slots(at->zone))
		return;
	at->slot = 0;
	at->zone++;
}

/**
 * weir_place_next - the next entry that is in the channel
 * @map: the channel's blocks
 * @at: where to begin; moved to the entry
 *
 * A look without a lock. Return: the entry; or NULL at the end, or after
 * WEIR_LOOKS_MAX looks, when the caller should leave its RCU read section for a
 * moment. Context: an RCU read section.
 */
struct weir_msg *weir_place_next(const struct weir_map *map,
				 struct weir_place *at)
{
	struct weir_block *b;
	struct weir_msg *msgs;
	u32 nr, looks = 0;

	while (!weir_place_end(at)) {
		b = weir_map_slot(map, at->zone, at->slot);
		msgs = b ? weir_block_entries(b, &nr) : NULL;
		for (; msgs && at->buf < nr; at->buf++) {
			if (weir_message_state(READ_ONCE(msgs[at->buf].state)))
				return &msgs[at->buf];
			if (++looks >= WEIR_LOOKS_MAX)
				return NULL;
		}
		to_next_place(map, at);
		if (++looks >= WEIR_LOOKS_MAX)
			return NULL;
	}
	return NULL;
}

/**
 * weir_message_find - the message with an id
 * @c: begun, and the engine locked, if one is found; see weir_message_unlock()
 * @ch: channel
 * @id: its number
 *
 * Return: it, or NULL and nothing is locked. Context: may sleep; with a message
 * the caller may not, until it has unlocked.
 */
struct weir_msg *weir_message_find(struct weir_change *c,
				   struct weir_channel *ch, u64 id)
{
	struct weir_engine *e = &ch->eng;
	struct weir_place at = {};
	struct weir_msg *msg;
	u32 tries;

	while (!weir_place_end(&at) && !fatal_signal_pending(current)) {
		weir_channel_begin(c, ch);
		for (tries = 0; tries < WEIR_LOOKS_MAX; tries++) {
			msg = weir_place_next(e->map, &at);
			if (!msg)
				break;
			if (READ_ONCE(msg->seq) == id) {
				weir_engine_lock(e, &c->wake);
				if (weir_message_state(msg->state) &&
				    msg->seq == id)
					return msg;
				weir_engine_unlock(e);
			}
			at.buf++;
		}
		weir_channel_end(c);
		cond_resched();
	}
	return NULL;
}

/**
 * weir_message_unlock - after weir_message_find()
 * @c: change
 */
void weir_message_unlock(struct weir_change *c)
{
	weir_engine_unlock(&c->ch->eng);
	weir_channel_end(c);
}
