// SPDX-License-Identifier: GPL-2.0-only
/*
 * What workers say about the messages they hold.
 */
#include "engine.h"

/**
 * weir_engine_ack - a message is done
 * @e: engine, locked
 * @p: worker
 * @tag: the delivery
 * @now: ns
 */
void weir_engine_ack(struct weir_engine *e, struct weir_peer *p,
		     struct weir_tag *tag, u64 now)
{
	u32 token = weir_tag_token(&p->tags, tag), none;

	if (weir_fanout(e))
		weir_fanout_answer(e, p, tag, WEIR_OP_ACK, now);
	else
		weir_ledger_ack(e, p, &token, 1, now, &none);
}

static u64 backoff_ns(const struct weir_engine *e, const struct weir_msg *msg)
{
	u32 doublings = min(msg->attempts - 1U, 31U);
	u64 ms = (u64)e->cfg.backoff_min << doublings;

	return min_t(u64, ms, e->cfg.backoff_max) * 1000000;
}

static void fail(struct weir_engine *e, struct weir_msg *msg, u32 delay_ms,
		 u64 now)
{
	u64 delay;

	weir_hist_add(&e->hist[WEIR_HIST_WORKING],
		      weir_elapsed(msg->t_deliver, now));
	msg->holder->failed++;
	msg->attempts++;
	weir_ledger_unhold(e, msg, now);
	e->c.failed++;
	delay = delay_ms ? delay_ms * 1000000ULL : backoff_ns(e, msg);
	weir_ledger_again(e, msg, delay ? now + delay : 0);
}

static void release(struct weir_engine *e, struct weir_msg *msg, u32 delay_ms,
		    u64 now)
{
	weir_ledger_unhold(e, msg, now);
	e->c.released++;
	weir_ledger_again(e, msg, delay_ms ? now + delay_ms * 1000000ULL : 0);
}

/**
 * weir_engine_give_back - a reader inside the kernel gives its message back
 * @e: engine, locked
 * @p: reader
 * @tag: the delivery
 * @counted: its process died with it; else it could not take it
 * @now: ns
 */
void weir_engine_give_back(struct weir_engine *e, struct weir_peer *p,
			   struct weir_tag *tag, bool counted, u64 now)
{
	struct weir_msg *msg = tag->msg;

	if (weir_fanout(e)) {
		weir_fanout_abandon(e, p, tag, now);
		return;
	}
	weir_ledger_unhold(e, msg, now);
	if (counted) {
		msg->attempts++;
		msg->flags |= WEIR_MSG_SUSPECT | WEIR_MSG_ORPHANED;
		msg->t_deliver = now;
		e->c.crashed_seen++;
	} else {
		msg->deliveries--;	/* as if it had not been */
		e->c.taken++;
	}
	weir_ledger_again(e, msg, 0);
}

/* Puts a rejection's words together from its entry and the slots behind it. */
static char *gather_reason(const struct weir_peer *p,
			   const struct weir_stage *st)
{
	const struct weir_rings *r = &p->rings;
	u8 text[WEIR_REASON_MAX];
	u32 len = st->sqe.len;
	u32 i;

	memcpy(text, st->sqe.reason, WEIR_REASON_HEAD);
	for (i = 0; i < st->extra; i++)
		memcpy(text + WEIR_REASON_HEAD + i * sizeof(struct weir_sqe),
		       &r->sqes[(st->pos + 1 + i) & (r->sq_entries - 1)],
		       sizeof(struct weir_sqe));
	for (i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] == 0x7f)
			text[i] = ' ';
	return len ? weir_port_strndup((const char *)text, len) : NULL;
}

static void reject(struct weir_engine *e, struct weir_msg *msg, char *text,
		   u64 now)
{
	weir_hist_add(&e->hist[WEIR_HIST_WORKING],
		      weir_elapsed(msg->t_deliver, now));
	weir_ledger_unhold(e, msg, now);
	e->c.rejected++;
	weir_ledger_bury(e, msg, WEIR_DEAD_REASON_REJECTED, text);
}

/*
 * The time of a wake-up, told by a worker that held nothing when it was given what
 * it answers now, and had begun to sleep before: neither an answer, nor a look at
 * loads, nor another sleep has come between. It begins when the clock was read for
 * the change that brought the delivery.
 */
static void measure_wake(struct weir_engine *e, const struct weir_peer *p,
			 u64 woke)
{
	u64 ns;

	if (woke <= p->t_mark || p->t_mark != p->hold_since ||
	    READ_ONCE(p->t_slept) > p->t_mark)
		return;
	ns = min(woke - p->t_mark, WEIR_AUTO_SPAN);
	e->wake_ns = (7ULL * e->wake_ns + ns) / 8;
}

/**
 * weir_engine_measure - learn from a worker's last answers how long one takes
 * @e: engine, locked
 * @p: peer; its @answered are those since the last call
 * @now: ns
 */
void weir_engine_measure(struct weir_engine *e, struct weir_peer *p, u64 now)
{
	/* What it takes to wake up is no part of the work. */
	u64 woke = READ_ONCE(p->t_woke);
	u64 span = weir_elapsed(max(p->t_mark, woke), now);
	u64 each;

	/* What else came with them in one ENTER counts with the next ones. */
	if (!p->answered || !span)
		return;
	measure_wake(e, p, woke);
	each = div_u64(span, p->answered);
	weir_hook_done(e, p, p->answered);
	p->answered = 0;
	p->t_mark = now;
	p->service = p->service ? (7 * p->service + each) / 8 : max(each, 1ULL);
	weir_dispatch_limit(e, p);
}

static void answer_one(struct weir_engine *e, struct weir_peer *p,
		       struct weir_tag *tag, const struct weir_stage *st,
		       u64 now)
{
	struct weir_msg *msg = tag->msg;

	if (weir_fanout(e) && st->sqe.op != WEIR_OP_EXTEND) {
		weir_fanout_answer(e, p, tag, st->sqe.op, now);
		return;
	}
	switch (st->sqe.op) {
	case WEIR_OP_FAIL:
		fail(e, msg, st->sqe.delay_ms, now);
		break;
	case WEIR_OP_RELEASE:
		release(e, msg, st->sqe.delay_ms, now);
		break;
	case WEIR_OP_REJECT:
		reject(e, msg, gather_reason(p, st), now);
		break;
	case WEIR_OP_EXTEND:
		weir_overdue_extend(e, msg, st->sqe.delay_ms * 1000000ULL, now);
		break;
	}
}

/* Return: how many tokens named nothing; *first is set to the first of them. */
static u32 answer_each(struct weir_engine *e, struct weir_peer *p,
		       const struct weir_stage *st, u32 nr, u64 now, u32 *first)
{
	struct weir_tag *tag;
	u32 i, stale = 0;

	for (i = 0; i < nr; i++) {
		tag = weir_tag_find(&p->tags, st->sqe.token[i]);
		if (tag)
			answer_one(e, p, tag, st, now);
		else if (!stale++)
			*first = st->sqe.token[i];
	}
	return stale;
}

/**
 * weir_engine_answer - apply one entry of answers
 * @e: engine, locked
 * @p: worker
 * @st: staged and found well formed
 * @now: ns
 * @result: gets the number of tokens that named nothing, and the first
 *
 * Return: true if there was any such token.
 */
bool weir_engine_answer(struct weir_engine *e, struct weir_peer *p,
			const struct weir_stage *st, u64 now,
			struct weir_cqe *result)
{
	u32 nr = st->sqe.op == WEIR_OP_REJECT ? 1 : st->sqe.nr;
	u32 stale;

	if (st->sqe.op == WEIR_OP_ACK && !weir_fanout(e))
		stale = weir_ledger_ack(e, p, st->sqe.token, nr, now,
					&result->rtoken);
	else
		stale = answer_each(e, p, st, nr, now, &result->rtoken);
	if (st->sqe.op != WEIR_OP_EXTEND)
		p->answered += nr - stale;
	e->c.stale += stale;
	result->nr = stale;
	return stale;
}
