// SPDX-License-Identifier: GPL-2.0-only
/*
 * `zerocopy off`: a message is copied into a buffer of the kernel's own sender
 * when it is submitted, so that its sender cannot change it afterwards.
 *
 * The free buffers come from the outside, since memory is had only by sleeping:
 * a submission that finds none stops there and says of which class one is
 * wanted (@short_of of the peer).
 */
#include "engine.h"

#define BYTES_MAX	(256U << 10)	/* copied at once, but always one message */

static struct weir_msg *idle_buffer(struct weir_engine *e, u32 cls,
				    struct weir_wake *wake)
{
	struct weir_msg *msg;

	weir_engine_lock(e, wake);
	msg = weir_engine_pop_idle(e, cls);
	weir_engine_unlock(e);
	return msg;
}

static void copy_message(struct weir_msg *to, const struct weir_msg *from,
			 u32 uid)
{
	weir_msg_reset(to, from->len, 0);
	to->flags = WEIR_MSG_COPIED;
	to->prio = from->prio;
	to->encoding = from->encoding;
	to->mtype = from->mtype;
	to->key = from->key;
	to->corr = from->corr;
	to->deadline = from->deadline;
	to->src = from->src;
	to->cost = from->cost;
	to->due = from->due;
	to->uid = uid;
	weir_port_copy(to, from);
}

/**
 * weir_bounce_stage - copy the messages of staged entries
 * @e: engine
 * @p: sender, its sq_lock held
 * @nr: entries staged
 * @wake: see struct weir_wake
 *
 * Return: entries that may be applied now; those behind them are unstaged.
 */
u32 weir_bounce_stage(struct weir_engine *e, struct weir_peer *p, u32 nr,
		      struct weir_wake *wake)
{
	struct weir_stage *st;
	u32 bytes = 0, cls, i;

	for (i = 0; i < nr; i++) {
		st = &p->stage[i];
		if (!st->msg || st->res)
			continue;
		st->plain = false;
		bytes += st->msg->len;
		if (i && bytes > BYTES_MAX)
			break;
		cls = weir_class_for(st->msg->len);
		st->copy = idle_buffer(e, cls, wake);
		if (!st->copy && p->no_memory) {
			st->res = -ENOBUFS;
			continue;
		}
		if (!st->copy) {
			p->short_of = cls + 1;
			break;
		}
		copy_message(st->copy, st->msg, p->uid);
	}
	return i;
}

/**
 * weir_bounce_undo - a copy was not needed after all
 * @e: engine, locked
 * @st: staged entry
 */
void weir_bounce_undo(struct weir_engine *e, struct weir_stage *st)
{
	struct weir_msg *msg = st->copy;

	if (!msg)
		return;
	st->copy = NULL;
	WRITE_ONCE(msg->state, WEIR_MSG_USER);
	msg->blk->busy--;
	weir_engine_push_idle(e, msg);
	/* Another may have found none meanwhile. */
	e->idle_returns++;
	weir_engine_wake_peer(e, msg->blk->owner);
}

/**
 * weir_bounce_take - the copy goes on, the sender gets its buffer back
 * @e: engine, locked
 * @st: staged entry that was copied
 *
 * Return: the message to accept.
 */
struct weir_msg *weir_bounce_take(struct weir_engine *e, struct weir_stage *st)
{
	struct weir_msg *msg = st->copy;

	st->copy = NULL;
	msg->blk->busy--;	/* the ledger counts it itself */
	st->msg->blk->busy++;
	weir_ledger_return(e, st->msg);
	st->msg = msg;
	return msg;
}
