// SPDX-License-Identifier: GPL-2.0-only
/*
 * When somebody was refused memory: who has blocks that nobody needs?
 *
 * A client may write into a block it owns at any time, without a word to the
 * kernel. To take one away is to kill a sender that is just filling a buffer,
 * so clients are asked, by a flag in their rings, and the library obeys at its
 * next call. Taken without asking are only blocks of which it is known that
 * nobody writes to them: those of the channel's own sender, and those of the
 * dead, which are on their way back anyway.
 */
#include "recall.h"

#include "client.h"
#include "copy.h"

#define LOOKS_MAX	1024	/* blocks of one client, under the engine's lock */

/* Engine's lock. */
static bool has_empty_block(const struct weir_peer *p)
{
	struct weir_block *b;
	u32 looks = 0;

	list_for_each_entry(b, &p->blocks, link) {
		if (!b->busy)
			return true;
		if (++looks == LOOKS_MAX)
			break;
	}
	return false;
}

static void ask(struct weir_client *c)
{
	struct weir_peer *p = &c->ep.peer;

	guard(spinlock_bh)(&c->ch->eng.lock);
	if (p->gone || !has_empty_block(p))
		return;
	c->recalled = true;
	weir_ring_flag(&p->rings, WEIR_RING_RECALL, true);
}

static void ask_all(struct weir_channel *ch)
{
	struct weir_client *c;

	guard(mutex)(&ch->clients_lock);
	list_for_each_entry(c, &ch->clients, link)
		ask(c);
}

/**
 * weir_recall_work - asks the clients, relieves the channel's own sender
 * @work: @recall of a channel
 */
void weir_recall_work(struct work_struct *work)
{
	struct weir_channel *ch = container_of(work, struct weir_channel,
					       recall);

	ask_all(ch);
	atomic64_add(weir_copy_relieve(ch), &ch->pool.recalled);
}

/**
 * weir_recall - somebody was refused memory
 * @ch: channel; the caller has a reference
 */
void weir_recall(struct weir_channel *ch)
{
	if (!READ_ONCE(ch->eng.closed))
		queue_work(weir_channel_wq, &ch->recall);
}

/**
 * weir_recall_answered - a client has given a block back
 * @c: client; engine's lock
 */
void weir_recall_answered(struct weir_client *c)
{
	if (c->recalled)
		atomic64_inc(&c->ch->pool.recalled);
	weir_ring_flag(&c->ep.peer.rings, WEIR_RING_RECALL, false);
}

/**
 * weir_recall_end - a client was granted a block: it has use for them
 * @c: client; engine's lock
 */
void weir_recall_end(struct weir_client *c)
{
	c->recalled = false;
	weir_ring_flag(&c->ep.peer.rings, WEIR_RING_RECALL, false);
}
