// SPDX-License-Identifier: GPL-2.0-only
/*
 * `ack-timeout`: what is not answered in time goes to another worker.
 *
 * The time runs from the delivery, for each message of a batch alike. Whoever
 * lets it pass, and does not wait for messages, gets no more before it calls
 * again: it may hang, and what it was given would only be late as well.
 */
#include "engine.h"

#define timed_msg(n) rb_entry(n, struct weir_msg, expiry)

static bool due_less(struct rb_node *a, const struct rb_node *b)
{
	const struct weir_msg *x = timed_msg(a), *y = timed_msg(b);

	return x->due != y->due ? x->due < y->due : x->seq < y->seq;
}

/**
 * weir_overdue_set - a message is to be answered in time
 * @e: engine, locked
 * @msg: INFLIGHT, not yet TIMED
 * @due: ns, by when
 */
void weir_overdue_set(struct weir_engine *e, struct weir_msg *msg, u64 due)
{
	msg->flags |= WEIR_MSG_TIMED;
	msg->due = due;
	rb_add_cached(&msg->expiry, &e->timed, due_less);
}

/**
 * weir_overdue_unset - it need not be any more
 * @e: engine, locked
 * @msg: TIMED
 */
void weir_overdue_unset(struct weir_engine *e, struct weir_msg *msg)
{
	msg->flags &= ~WEIR_MSG_TIMED;
	rb_erase_cached(&msg->expiry, &e->timed);
}

/*
 * What its holder had seen counts as an attempt, and goes alone from now on: one
 * that makes workers hang shall not use up the attempts of those beside it.
 */
static void take_back(struct weir_engine *e, struct weir_msg *msg, u64 now)
{
	struct weir_peer *p = msg->holder;

	weir_engine_unread(e, p);	/* what it has read by now */
	if (weir_peer_seen(p, weir_tag_find(&p->tags, msg->token))) {
		msg->attempts++;
		msg->flags |= WEIR_MSG_SUSPECT;
	}
	if (!p->want)
		p->late = true;
	weir_ledger_unhold(e, msg, now);
	e->c.overdue++;
	weir_ledger_again(e, msg, 0);
}

/**
 * weir_overdue_take - take back what was not answered in time
 * @e: engine, locked
 * @max: most messages to take back
 * @now: ns
 *
 * If there are more the alarm is in the past then.
 */
void weir_overdue_take(struct weir_engine *e, u32 max, u64 now)
{
	struct rb_node *n;

	while (max-- && (n = rb_first_cached(&e->timed)) &&
	       timed_msg(n)->due <= now)
		take_back(e, timed_msg(n), now);
}

/**
 * weir_overdue_alarm - when there is something to take back
 * @e: engine, locked
 *
 * Return: ns, or U64_MAX for never.
 */
u64 weir_overdue_alarm(const struct weir_engine *e)
{
	struct rb_node *n = rb_first_cached(&e->timed);

	return n ? timed_msg(n)->due : U64_MAX;
}

/**
 * weir_overdue_extend - a worker asks for more time
 * @e: engine, locked
 * @msg: INFLIGHT
 * @ns: from now on; 0: `ack-timeout` once more
 * @now: ns
 *
 * Time is never taken away. Without a limit there is nothing to extend.
 */
void weir_overdue_extend(struct weir_engine *e, struct weir_msg *msg, u64 ns,
			 u64 now)
{
	u64 due = now + (ns ?: e->cfg.ack_timeout);

	if (!(msg->flags & WEIR_MSG_TIMED) || due <= msg->due)
		return;
	weir_overdue_unset(e, msg);
	weir_overdue_set(e, msg, due);
}

static void time_anew(struct weir_engine *e, struct weir_msg *msg, bool longer)
{
	u64 due = msg->t_deliver + e->cfg.ack_timeout;

	/* More time for all takes no extension away. */
	if (longer && msg->flags & WEIR_MSG_TIMED)
		due = max(due, msg->due);
	weir_overdue_drop(e, msg);
	if (e->cfg.ack_timeout)
		weir_overdue_set(e, msg, due);
}

static void anew(struct weir_engine *e, struct weir_peer *p, bool longer)
{
	u32 i, left = p->tags.used;

	for (i = 0; i < p->tags.nr && left; i++)
		if (p->tags.tag[i].msg) {
			time_anew(e, p->tags.tag[i].msg, longer);
			left--;
		}
}

/**
 * weir_overdue_anew - `ack-timeout` is another
 * @e: engine, locked; not a fan-out
 * @before: what it was
 *
 * What is inflight gets the time it would have had. Work is O(what workers
 * hold).
 */
void weir_overdue_anew(struct weir_engine *e, u64 before)
{
	struct weir_peer *p;

	list_for_each_entry(p, &e->workers, work_link) {
		if (!e->cfg.ack_timeout)
			p->late = false;
		if (!p->kernel)
			anew(e, p, before && e->cfg.ack_timeout > before);
	}
}
