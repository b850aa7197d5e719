// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a client: what it published counts, what it held goes on.
 */
#include "engine.h"

static void take_back(struct weir_engine *e, struct weir_peer *p,
		      struct weir_tag *tag, enum weir_end how, u64 now)
{
	struct weir_msg *msg = tag->msg;
	bool was_seen = weir_peer_seen(p, tag);

	if (weir_fanout(e)) {
		weir_fanout_abandon(e, p, tag, now);
		return;
	}
	weir_ledger_unhold(e, msg, now);
	if (how == WEIR_END_DETACH) {
		e->c.taken++;
	} else {
		msg->flags |= WEIR_MSG_ORPHANED;
		msg->t_deliver = now;
		if (was_seen) {
			msg->flags |= WEIR_MSG_SUSPECT;
			msg->attempts++;
			e->c.crashed_seen++;
		} else {
			e->c.crashed_unseen++;
		}
	}
	weir_ledger_again(e, msg, 0);
}

static void end_worker(struct weir_engine *e, struct weir_peer *p,
		       enum weir_end how, u64 now)
{
	u32 i;

	list_del_init(&p->work_link);
	e->nr_workers--;
	if (!p->kernel)
		weir_engine_unread(e, p);
	for (i = 0; i < p->tags.nr && p->tags.used; i++)
		if (p->tags.tag[i].msg)
			take_back(e, p, &p->tags.tag[i], how, now);
	weir_policy_remove(e, p);
}

static void drop_returns(struct weir_peer *p)
{
	struct weir_msg *msg, *next;

	list_del_init(&p->dirty_link);
	list_for_each_entry_safe(msg, next, &p->returns, link) {
		list_del(&msg->link);
		msg->blk->busy--;
		WRITE_ONCE(msg->state, WEIR_MSG_USER);
	}
}

static void orphan_blocks(struct weir_engine *e, struct weir_peer *p)
{
	struct weir_block *blk, *next;

	list_for_each_entry_safe(blk, next, &p->blocks, link) {
		WRITE_ONCE(blk->owner, NULL);
		list_del_init(&blk->link);
		if (!blk->busy)
			list_add_tail(&blk->link, &e->orphans);
	}
}

/**
 * weir_engine_end - a client ends
 * @e: engine
 * @p: peer; may have ended already
 * @how: by its will or with its process
 * @now: ns
 * @wake: see struct weir_wake
 *
 * First what it had published is taken: messages beyond the depth limit if
 * need be, and answers. Then what it held comes back: with its process dead,
 * a message it had seen is counted as attempted and will go alone; the unseen
 * rest, and everything at a detach, is not counted. Its blocks lose their
 * owner; each goes to the pool with its last message.
 *
 * Return: whether it was this call that ended it.
 * Context: process, no lock held. Work is O(published + held + blocks).
 */
bool weir_engine_end(struct weir_engine *e, struct weir_peer *p,
		     enum weir_end how, u64 now, struct weir_wake *wake)
{
	bool ended = false;

	spin_lock_bh(&p->sq_lock);
	if (p->gone)
		goto out;
	weir_engine_lock(e, wake);
	ended = !list_empty(&p->link);	/* else it never joined */
	p->gone = !ended;
	p->stopped = true;	/* what comes back shall not go to it again */
	if (weir_peer_works(p))
		weir_policy_touch(e, p);
	weir_engine_unlock(e);
	if (!ended)
		goto out;
	if (!p->kernel)
		weir_engine_submit(e, p, U32_MAX, false, true, now, wake);

	weir_engine_lock(e, wake);
	p->gone = true;
	list_del_init(&p->link);
	hlist_del_init(&p->id_link);
	e->nr_peers--;
	e->c.deaths += how == WEIR_END_DEATH;
	if (weir_peer_works(p))
		end_worker(e, p, how, now);
	if (weir_peer_sends(p)) {
		weir_promise_withdraw(e, p);
		e->nr_senders--;
	}
	drop_returns(p);
	orphan_blocks(e, p);
	weir_ring_flag(&p->rings, WEIR_RING_DEAD, true);
	weir_engine_wake_peer(e, p);
	weir_engine_finish(e, now);
	/* Those who sleep for room are to look whether it is they. */
	wake->room = true;
	weir_engine_unlock(e);
out:
	spin_unlock_bh(&p->sq_lock);
	return ended;
}
