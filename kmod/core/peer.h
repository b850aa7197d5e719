/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine's part of a client.
 */
#ifndef _WEIR_CORE_PEER_H
#define _WEIR_CORE_PEER_H

#include "msg.h"
#include "ring.h"
#include "tag.h"

#define WEIR_STAGE_MAX	64	/* submission entries handled at once */

/* In @worker of those without an id: beyond all ids there may ever be. */
#define WEIR_WORKER_NAMED	(1U << 30)

struct weir_engine;

/**
 * struct weir_stage - the private copy of one submission entry
 * @sqe: the copy; of a plain one op, flags, prio, nr, len, addr and user_data.
 * @msg: SEND: the ledger entry, STAGED, or NULL if refused.
 * @copy: where it was copied to, or NULL.
 * @res: 0, or why it is refused.
 * @extra: REJECT: further slots that hold its text.
 * @plain: a good message that is not copied, and nobody wants to be told about.
 * @pos: its place in the ring, free running; set when it is applied.
 */
struct weir_stage {
	struct weir_sqe sqe;
	struct weir_msg *msg;
	struct weir_msg *copy;
	int res;
	u16 extra;
	bool plain;
	u8 pad;
	u32 pos;
};

/**
 * struct weir_peer - one client, or the kernel's own sender or reader
 * @sq_lock: outermost spinlock: submission ring, @stage, @blocks.
 * @rings: see ring.h.
 * @stage: WEIR_STAGE_MAX entries of scratch; sq_lock.
 * @blocked: an entry stays in the ring for want of room; sq_lock.
 * @over: likewise, but for its own share of the room alone; engine's lock.
 * @short_of: class + 1 of which no buffer was there to copy into; sq_lock.
 * @no_memory: and none can be had: refuse; sq_lock.
 * @cut: more than may be copied at once; sq_lock.
 * @swept: somebody else looks at its ring, who cannot wait for memory: what was
 *	published under a promise is not copied; sq_lock.
 * @at_ring: entries are being taken from its ring; sq_lock, a hint without it.
 * @hold: others wait for room before it: its messages wait, too; sq_lock.
 * @blocks: blocks it owns; changed under both locks.
 *
 * Constant: @id, @role, @kernel, @uid (of its process).
 *
 * All else under the engine's lock:
 * @worker: how policies name it, if it works: its @id if it has one.
 * @id_link: in the engine's table of clients by id; those that work, by @worker.
 * @on_cpu: where its process last called from.
 * @link: among the engine's peers. @work_link: among its workers.
 * @gone: it has ended; nothing is delivered or returned to it.
 * @stopped: it asked for no more messages.
 * @late: it has not answered in time, and did not wait for messages; it gets no
 *	more until it calls.
 * @want: it waits for so many unread completions, and takes messages though it
 *	holds some until then; 0: it does not.
 * @alone: it holds a suspect. @reserved: it gets no more until it holds none,
 *	then a suspect.
 * @choice: where policy.c has it: WEIR_CHOICE_*. @score: its place there.
 *	@choice_link: in a list of workers with that place.
 * @stale: in the engine's list of workers whose place may have changed.
 *	@stale_link: in that list.
 * @tags: what it holds. @limit_max: most it may ever hold. @limit: most it may
 *	hold now (`inflight`).
 * @service: ns per message, moving average; 0 before the first answer.
 * @answered: answers that @service does not know of yet.
 * @share_min: messages it gets done in so short a time that they are not shared.
 * @t_mark: ns, last answer, or delivery to it while it held nothing.
 * @t_woke: ns, when it last came back from a sleep. @t_slept: when that began, or
 *	U64_MAX if it waited for more than one completion. Both are written by its own
 *	process, without a lock.
 * @hold_since: @hold_ns: for the share of time it holds a message.
 * @load: thousandths; @cpu: likewise, set from outside.
 * @returns: buffers that wait for room in its ring.
 * @dirty_link: in the engine's list of peers with @returns to post.
 * @wake_next: @waking: in a list of peers to wake.
 * @promised: it need not call, since somebody will look at its ring.
 *	@promise_link: in the engine's list of such senders.
 * @queued: its messages that are ready or delayed.
 * @unsettled: its messages in the channel, dead ones apart.
 * @dropped: messages of a fan-out it had no room for, or gave up.
 */
struct weir_peer {
	spinlock_t sq_lock;
	struct weir_rings rings;
	struct weir_stage *stage;
	bool blocked;
	bool at_ring;
	bool hold;
	bool cut;
	bool swept;
	bool no_memory;
	u32 short_of;
	struct list_head blocks;

	struct weir_engine *eng;
	u32 id;
	u32 worker;
	u32 on_cpu;
	u32 role;
	u32 uid;
	bool kernel;

	bool gone;
	bool stopped;
	bool late;
	bool alone;
	bool reserved;
	bool waking;
	struct hlist_node id_link;
	struct list_head link;
	struct list_head work_link;
	struct list_head returns;
	struct list_head dirty_link;
	struct weir_peer *wake_next;

	u32 choice;
	u32 score;
	bool stale;
	struct list_head choice_link;
	struct list_head stale_link;

	bool promised;
	bool over;
	u32 queued;
	struct list_head promise_link;

	u32 want;
	struct weir_tags tags;
	u32 limit_max;
	u32 limit;
	u64 service;
	u32 answered;
	u32 share_min;
	u64 t_mark;
	u64 t_woke;
	u64 t_slept;
	u64 hold_since;
	u64 hold_ns;
	u32 load;
	u32 cpu;

	u64 delivered;
	u64 acked;
	u64 failed;
	u64 accepted;
	u64 refused;
	u64 settled_acked;
	u64 settled_dead;
	u64 unsettled;
	u64 dropped;
};

static inline bool weir_peer_works(const struct weir_peer *p)
{
	return p->role & WEIR_ROLE_WORK;
}

/* A message counts as seen once the ring's head has passed its entry. */
static inline bool weir_peer_seen(const struct weir_peer *p,
				  const struct weir_tag *tag)
{
	return (s32)(p->rings.cq_head - tag->pos) > 0;
}

static inline bool weir_peer_sends(const struct weir_peer *p)
{
	return p->role & WEIR_ROLE_SEND;
}

#endif /* _WEIR_CORE_PEER_H */
