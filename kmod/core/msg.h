/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ledger's entry: one per buffer, allocated with its block, never per
 * message; and the block itself.
 */
#ifndef _WEIR_CORE_MSG_H
#define _WEIR_CORE_MSG_H

#include "port.h"
#include "geom.h"

struct weir_peer;
struct weir_block;

/*
 * Who has a buffer. USER and STAGED belong to the sender's sq_lock; all else,
 * and every change from or to the rest, to the engine's lock. The change to
 * USER is a release store: a sender's sq_lock holder that reads USER with
 * acquire order may reuse the entry (pairs: give_back(), post_return() and find_buffer()).
 */
enum weir_msg_state {
	WEIR_MSG_USER = 0,	/* the sender may write to it */
	WEIR_MSG_STAGED,	/* checked, on its way through one ENTER */
	WEIR_MSG_READY,
	WEIR_MSG_DELAYED,
	WEIR_MSG_INFLIGHT,
	WEIR_MSG_DEAD,
	WEIR_MSG_RETURN,	/* waits for a CQE to its owner */
};

#define WEIR_MSG_SUSPECT	(1U << 0) /* a worker that had seen it died */
#define WEIR_MSG_ORPHANED	(1U << 1) /* its holder died; t_deliver is when */
#define WEIR_MSG_FIFO		(1U << 2) /* in the lane's fifo, not in a tree */
#define WEIR_MSG_LEADER		(1U << 3) /* first of its key; others wait for it */
#define WEIR_MSG_PARKED		(1U << 4) /* waits behind its key's leader */
#define WEIR_MSG_ACKED		(1U << 5) /* somebody acknowledged it */
#define WEIR_MSG_COPIED		(1U << 6) /* its sender is @src, not the block's owner */
#define WEIR_MSG_TIMED		(1U << 7) /* INFLIGHT: to be answered by @due */

/**
 * struct weir_msg - one message, or a free buffer
 * @link: in a lane's list, its leader's @chain, the dead list or an owner's
 *	return list.
 * @node: in a lane's tree of redelivered or of delayed messages.
 * @blk: the block its buffer lies in; constant.
 * @seq: id, and order in the lane.
 * @t_submit: ns, when it was accepted.
 * @t_deliver: ns, when it was delivered, or its holder died (ORPHANED).
 * @due: ns, when a delayed one becomes ready, or one that is TIMED is taken back.
 * @len: bytes of payload, at @off in the buffer.
 * @attempts: deliveries that were counted and failed.
 * @deliveries: all deliveries.
 * @holder: the worker, while INFLIGHT; @token names the delivery there. NULL
 *	in a fan-out, where @refs workers have it.
 * @reason: enum weir_dead_reason while DEAD; @text: the worker's words or NULL.
 *
 * The third cache line is for those with a key, a deadline or many holders:
 * @bucket: in the table of keys, while LEADER; @chain: those behind it.
 * @expiry: in the lane's tree of deadlines, while READY or DELAYED; in the
 *	engine's of answers, while TIMED.
 * @uid: of its sender, if it is COPIED (`zerocopy off`) or came by write(2).
 */
struct weir_msg {
	union {
		struct list_head link;
		struct rb_node node;
	};
	struct weir_block *blk;
	u64 seq;
	u64 t_submit;
	u32 len;
	u32 off;
	u8 state;
	u8 flags;
	u8 prio;
	u8 encoding;
	u16 mtype;
	u16 attempts;

	u64 key;
	u64 corr;
	u64 deadline;
	u64 t_deliver;
	struct weir_peer *holder;
	u32 token;
	u32 src;
	u32 cost;
	u16 deliveries;
	u8 reason;
	u8 pad;
	union {
		u64 due;	/* DELAYED, TIMED; while STAGED the time to wait, ns */
		char *text;	/* DEAD */
	};

	struct hlist_node bucket;
	struct list_head chain;
	struct rb_node expiry;
	u32 refs;
	u32 uid;
};

/* A new message in a buffer: nothing of the last one is left. */
static inline void weir_msg_reset(struct weir_msg *msg, u32 len, u32 off)
{
	msg->len = len;
	msg->off = off;
	msg->flags = 0;
	msg->prio = 0;
	msg->encoding = 0;
	msg->mtype = 0;
	msg->attempts = 0;
	msg->deliveries = 0;
	msg->reason = 0;
	msg->key = 0;
	msg->corr = 0;
	msg->deadline = 0;
	msg->holder = NULL;
	msg->src = 0;
	msg->cost = 0;
	msg->due = 0;
	msg->refs = 0;
}

/**
 * struct weir_block - memory of one owner, cut into buffers of one class
 * @link: in its owner's list of blocks (owner's sq_lock and the engine's lock
 *	to change), or in the engine's list of orphans (engine's lock).
 * @owner: who may submit from it; NULL once its owner has ended. Both locks to
 *	change, either to read.
 * @addr: offset in the window; constant while it has an owner.
 * @cls: size class; @nr: buffers. @uid: of its last owner.
 * @busy: buffers that are not USER or STAGED; engine's lock.
 * @msgs: @nr ledger entries.
 */
struct weir_block {
	struct list_head link;
	struct weir_peer *owner;
	u64 addr;
	u32 cls;
	u32 nr;
	u32 uid;
	u32 busy;
	struct weir_msg *msgs;
};

/**
 * weir_block_entries - the ledger entries of a block that may be changing hands
 * @b: found in a map
 * @nr: out: their number
 *
 * Return: the entries, valid to the end of the RCU read section; or NULL.
 */
static inline struct weir_msg *weir_block_entries(const struct weir_block *b,
						  u32 *nr)
{
	/* Both pair with the stores of whoever cuts the block. */
	struct weir_msg *msgs = smp_load_acquire(&b->msgs);

	*nr = READ_ONCE(b->nr);
	smp_rmb();	/* pairs with smp_wmb() there */
	return READ_ONCE(b->msgs) == msgs ? msgs : NULL;
}

/**
 * struct weir_map - finds a block by its place in the window
 * @leaf: for each zone, tables of WEIR_LEAF_SIZE blocks. Written by the pool
 *	under its mutex, read under RCU or any spinlock.
 */
struct weir_map {
	struct weir_block **leaf[WEIR_ZONES][WEIR_LEAVES];
};

static inline struct weir_block *weir_map_slot(const struct weir_map *map,
					       u32 zone, u32 slot)
{
	struct weir_block **leaf;

	leaf = READ_ONCE(map->leaf[zone][slot >> WEIR_LEAF_SHIFT]);
	return leaf ? READ_ONCE(leaf[slot & (WEIR_LEAF_SIZE - 1)]) : NULL;
}

/**
 * weir_map_find - the block that holds a byte of the window
 * @map: of the pool
 * @addr: offset in the window; any value, it may come from user space
 *
 * Return: the block or NULL. Context: RCU read side or a spinlock.
 */
static inline struct weir_block *weir_map_find(const struct weir_map *map,
					       u64 addr)
{
	u32 zone, slot;

	if (addr >= WEIR_WINDOW_SIZE)
		return NULL;
	zone = array_index_nospec(addr >> WEIR_ZONE_SHIFT, WEIR_ZONES);
	slot = (addr & (WEIR_ZONE_SIZE - 1)) >> weir_zone_shift(zone);
	slot = array_index_nospec(slot, weir_zone_slots(zone));
	return weir_map_slot(map, zone, slot);
}

/*
 * ns from @then to @now. Callers read the clock before they wait for the
 * lock, so another may have stamped a message with a later time: that is 0.
 */
static inline u64 weir_elapsed(u64 then, u64 now)
{
	return now > then ? now - then : 0;
}

/* The user who sent it. */
static inline u32 weir_msg_uid(const struct weir_msg *msg)
{
	return msg->flags & WEIR_MSG_COPIED || !msg->src ? msg->uid :
							   msg->blk->uid;
}

static inline u32 weir_msg_index(const struct weir_msg *msg)
{
	return msg - msg->blk->msgs;
}

/* Offset of the buffer's first byte in the window. */
static inline u64 weir_msg_buf(const struct weir_msg *msg)
{
	return msg->blk->addr +
	       ((u64)weir_msg_index(msg) << weir_class_shift(msg->blk->cls));
}

#endif /* _WEIR_CORE_MSG_H */
