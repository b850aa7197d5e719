// SPDX-License-Identifier: GPL-2.0-only
#include "model.h"

#define for_each_msg(m, x) \
	for (x = (m)->msg; x < (m)->msg + (m)->nr; x++)

struct model_msg *model_msg(struct model *m, u64 id)
{
	struct model_msg *x;

	for_each_msg(m, x)
		if (x->id == id && x->state != GONE)
			return x;
	return NULL;
}

u32 model_count(const struct model *m, int state)
{
	const struct model_msg *x;
	u32 n = 0;

	for_each_msg(m, x)
		n += x->state == state;
	return n;
}

u32 model_inflight(const struct model *m)
{
	const struct model_msg *x;
	u32 n = 0;

	for_each_msg(m, x)
		n += x->state == INFLIGHT ? x->nr_hold : 0;
	return n;
}

static bool fanout(const struct model *m)
{
	return m->cfg.delivery == WEIR_DELIVERY_FANOUT;
}

/* ---- keys ---- */

struct model_msg *model_leader(struct model *m, struct model_msg *x)
{
	struct model_msg *y, *first = NULL;

	if (!x->key)
		return x;
	for_each_msg(m, y)
		if (y->state != GONE && y->state != DEAD && y->turn &&
		    y->key == x->key && (!first || y->turn < first->turn))
			first = y;
	return first;
}

bool model_parked(struct model *m, struct model_msg *x)
{
	return x->state == READY && model_leader(m, x) != x;
}

/* It takes its place behind those of its key, unless it has one. */
static void line_up(struct model *m, struct model_msg *x)
{
	if (!x->key || x->turn)
		return;
	x->turn = ++m->turns;
	m->seen.parked += model_leader(m, x) != x;
}

/* ---- who is next ---- */

u32 model_waiting(struct model *m, struct model_msg **line)
{
	struct model_msg *x;
	u32 n = 0;

	for_each_msg(m, x)
		if (x->state == READY && x->way != ALONE && !model_parked(m, x))
			line[n++] = x;
	return n;
}

u32 model_suspects(struct model *m, struct model_msg **line)
{
	struct model_msg *x;
	u32 n = 0;

	for_each_msg(m, x)
		if (x->state == READY && x->way == ALONE)
			line[n++] = x;
	return n;
}

/* Of one priority, the lowest id. */
static struct model_msg *first_of(struct model *m, u32 prio)
{
	struct model_msg *x, *best = NULL;

	for_each_msg(m, x)
		if (x->state == READY && x->way != ALONE && x->prio == prio &&
		    (!best || x->id < best->id) && !model_parked(m, x))
			best = x;
	return best;
}

struct model_msg *model_next(struct model *m)
{
	struct model_msg *best = NULL, *x;
	u32 prio;

	for (prio = 0; prio < MODEL_PRIOS; prio++) {
		x = first_of(m, prio);
		if (!x)
			continue;
		if (!best)
			best = x;
		else if (m->passed[prio] >= m->cfg.priority_burst)
			return x;
	}
	return best;
}

/* A priority of which nothing waits is not passed over. */
static void forget_passed(struct model *m)
{
	u32 prio;

	for (prio = 0; prio < MODEL_PRIOS; prio++)
		if (m->passed[prio] && !first_of(m, prio))
			m->passed[prio] = 0;
}

/* It stops to wait; what becomes of it comes next. */
static void take_out(struct model *m, struct model_msg *x)
{
	x->state = MOVING;
	forget_passed(m);
}

/* It begins to wait. */
static void wait_ready(struct model *m, struct model_msg *x)
{
	x->state = READY;
	x->watched = ++m->watches;
	line_up(m, x);
}

static void wait_delayed(struct model *m, struct model_msg *x, u64 due)
{
	x->state = DELAYED;
	x->watched = ++m->watches;
	x->due = due;
}

/* The one that died first of those that died after @last; 0 for any. */
static struct model_msg *next_dead(struct model *m, u64 last)
{
	struct model_msg *x, *best = NULL;

	for_each_msg(m, x)
		if (x->state == DEAD && x->died > last &&
		    (!best || x->died < best->died))
			best = x;
	return best;
}

u32 model_dead(struct model *m, struct model_msg **line)
{
	struct model_msg *x;
	u64 last = 0;
	u32 n = 0;

	while ((x = next_dead(m, last))) {
		last = x->died;
		line[n++] = x;
	}
	return n;
}

static struct model_hold *hold_of(struct model_msg *x, u32 peer)
{
	u32 i;

	for (i = 0; x->state == INFLIGHT && i < x->nr_hold; i++)
		if (x->hold[i].peer == peer)
			return &x->hold[i];
	return NULL;
}

u32 model_held(const struct model *m, u32 peer)
{
	const struct model_msg *x;
	u32 n = 0;

	for_each_msg(m, x)
		n += !!hold_of((struct model_msg *)x, peer);
	return n;
}

u32 model_queued(const struct model *m, u32 peer)
{
	const struct model_msg *x;
	u32 n = 0;

	for_each_msg(m, x)
		n += (x->state == READY || x->state == DELAYED) &&
		     x->sender == peer;
	return n;
}

void model_sweep(struct model *m)
{
	u32 i, n = 0;

	for (i = 0; i < m->nr; i++)
		if (m->msg[i].state != GONE)
			m->msg[n++] = m->msg[i];
	m->nr = n;
}

/* ---- states ---- */

static void gone(struct model *m, struct model_msg *x)
{
	if (x->sender && x->acked)
		m->peer[x->sender].settled_acked++;
	x->state = GONE;
	x->nr_hold = 0;
}

static void bury(struct model *m, struct model_msg *x, int reason)
{
	x->state = DEAD;
	x->turn = 0;
	x->nr_hold = 0;
	x->acked = false;
	x->reason = reason;
	x->died = ++m->deaths;
	if (x->sender)
		m->peer[x->sender].settled_dead++;
	m->c.died_attempts += reason == WEIR_DEAD_REASON_ATTEMPTS;
	m->c.died_rejected += reason == WEIR_DEAD_REASON_REJECTED;
	m->c.died_killed += reason == WEIR_DEAD_REASON_KILLED;
	m->c.died_redeliveries += reason == WEIR_DEAD_REASON_REDELIVERIES;
	m->c.died_expired += reason == WEIR_DEAD_REASON_EXPIRED;
	while (model_count(m, DEAD) > m->cfg.dead_max) {
		next_dead(m, 0)->state = GONE;
		m->c.dropped++;
	}
}

/* Something that a worker had comes back. */
static void again(struct model *m, struct model_msg *x, u64 delay)
{
	m->c.redelivered++;
	x->nr_hold = 0;
	if (x->way == FRESH)
		x->way = AGAIN;
	if (x->attempts >= m->cfg.max_attempts)
		bury(m, x, WEIR_DEAD_REASON_ATTEMPTS);
	else if (x->deliveries >= m->cfg.redeliver_max)
		bury(m, x, WEIR_DEAD_REASON_REDELIVERIES);
	else if (delay)
		wait_delayed(m, x, m->now + delay);
	else
		wait_ready(m, x);
}

static u64 back_off(const struct model *m, u32 attempts)
{
	u64 ms = m->cfg.backoff_min;

	while (--attempts && ms < m->cfg.backoff_max)
		ms *= 2;
	return (ms < m->cfg.backoff_max ? ms : m->cfg.backoff_max) * 1000000;
}

bool model_kill(struct model *m, u64 id)
{
	struct model_msg *x = model_msg(m, id);
	u32 i, last = 0;

	if (x->state == DEAD)
		return false;
	if (fanout(m) && x->state == INFLIGHT) {
		/* All lose it but one, for which it dies. */
		for (i = 0; i < x->nr_hold; i++)
			if (x->hold[i].peer > last)
				last = x->hold[i].peer;
		for (i = 0; i < x->nr_hold; i++)
			if (x->hold[i].peer != last)
				model_too_slow(m, x->hold[i].peer);
	}
	take_out(m, x);
	bury(m, x, WEIR_DEAD_REASON_KILLED);
	return true;
}

bool model_requeue(struct model *m, u64 id)
{
	struct model_msg *x = model_msg(m, id);

	if (x->state != DEAD)
		return false;
	x->way = AGAIN;
	x->attempts = 0;
	x->deliveries = 0;
	x->deadline = 0;
	if (x->sender)
		m->peer[x->sender].settled_dead--;
	m->c.requeued++;
	wait_ready(m, x);
	return true;
}

bool model_release(struct model *m, u64 id)
{
	struct model_msg *x = model_msg(m, id);

	if (x->state == DELAYED) {
		wait_ready(m, x);
		return true;
	}
	if (x->state != INFLIGHT || fanout(m))
		return false;
	m->c.taken++;
	again(m, x, 0);
	return true;
}

static struct model_msg *first_delayed(struct model *m)
{
	struct model_msg *x, *best = NULL;

	for_each_msg(m, x)
		if (x->state == DELAYED && (!best || x->due < best->due))
			best = x;
	return best;
}

/* What would leave next if nothing else came. */
static struct model_msg *first_waiting(struct model *m)
{
	struct model_msg *line[MODEL_MSGS], *x;

	if (model_suspects(m, line))
		return line[0];
	x = model_next(m);
	if (!x)
		x = first_delayed(m);
	if (!x && model_count(m, READY))
		x = model_msg(m, m->pick_parked());
	return x;
}

u32 model_purge(struct model *m, bool dead, u32 max)
{
	struct model_msg *x;
	u32 n;

	for (n = 0; n < max; n++) {
		x = dead ? next_dead(m, 0) : first_waiting(m);
		if (!x)
			break;
		take_out(m, x);
		gone(m, x);
		m->c.purged++;
	}
	return n;
}

/* In the order of their times, as the keys of two may be the same. */
void model_tick(struct model *m)
{
	struct model_msg *x;

	while ((x = first_delayed(m)) && x->due <= m->now)
		wait_ready(m, x);
}

void model_overdue(struct model *m, const u32 *head, const bool *waits)
{
	struct model_msg *x, *first;
	struct model_hold *h;

	for (;;) {
		first = NULL;
		for_each_msg(m, x)
			if (x->state == INFLIGHT && x->answer_by &&
			    x->answer_by <= m->now &&
			    (!first || x->answer_by < first->answer_by))
				first = x;
		if (!first)
			return;
		h = &first->hold[0];
		if ((s32)(head[h->peer] - h->pos) > 0) {
			first->attempts++;
			first->way = ALONE;
		}
		m->peer[h->peer].late |= !waits[h->peer];
		m->c.overdue++;
		again(m, first, 0);
	}
}

void model_time_anew(struct model *m, u64 before)
{
	u64 limit = m->cfg.ack_timeout, by;
	struct model_msg *x;
	u32 i;

	for_each_msg(m, x) {
		if (x->state != INFLIGHT)
			continue;
		by = limit ? x->delivered + limit : 0;
		if (before && limit > before)
			by = max(by, x->answer_by);
		x->answer_by = by;
	}
	for (i = 0; i < MODEL_PEERS && !limit; i++)
		m->peer[i].late = false;
}

static void extend(struct model *m, struct model_msg *x, u64 delay)
{
	u64 by = m->now + (delay ? delay : m->cfg.ack_timeout);

	if (x->answer_by && by > x->answer_by)
		x->answer_by = by;
}

u32 model_expire(struct model *m)
{
	struct model_msg *x, *first;
	u32 n = 0;

	for (;;) {
		first = NULL;
		for_each_msg(m, x)
			if ((x->state == READY || x->state == DELAYED) &&
			    x->deadline && x->deadline <= m->now &&
			    (!first || x->deadline < first->deadline ||
			     (x->deadline == first->deadline &&
			      x->watched < first->watched)))
				first = x;
		if (!first)
			return n;
		take_out(m, first);
		bury(m, first, WEIR_DEAD_REASON_EXPIRED);
		n++;
	}
}

/* ---- entries ---- */

enum { TAKEN, TAKEN_AND_TOLD, STAYS };

static int refuse(struct model *m, u32 peer, bool full, bool invalid)
{
	m->c.refused++;
	m->c.refused_full += full;
	m->c.refused_invalid += invalid;
	m->peer[peer].refused++;
	return TAKEN_AND_TOLD;
}

static bool buffer_away(const struct model *m, u32 peer, u64 addr)
{
	const struct model_msg *x;

	for_each_msg(m, x)
		if (x->state != GONE && x->sender == peer && x->addr == addr)
			return true;
	return false;
}

static struct model_msg *accept(struct model *m, u32 peer,
				const struct model_entry *e)
{
	struct model_msg *x = &m->msg[m->nr++];

	CHECK_LT(m->nr, MODEL_MSGS);
	memset(x, 0, sizeof(*x));
	x->id = ++m->last;
	x->state = MOVING;
	x->way = FRESH;
	x->addr = e->addr;
	x->len = e->len;
	x->prio = e->prio;
	x->cost = e->cost;
	x->key = fanout(m) ? 0 : e->key;
	x->sender = peer;
	x->since = m->now;
	x->deadline = e->deadline;
	if (!x->deadline && m->cfg.ttl)
		x->deadline = m->now + m->cfg.ttl;
	m->c.accepted++;
	m->c.bytes += e->len;
	m->peer[peer].accepted++;
	return x;
}

static void drop(struct model *m, struct model_msg *x)
{
	gone(m, x);
	m->c.dropped++;
}

bool model_full(const struct model *m)
{
	return model_count(m, READY) + model_count(m, DELAYED) >=
	       m->cfg.messages;
}

bool model_over_share(const struct model *m, u32 peer)
{
	u64 share = (u64)m->cfg.messages * m->cfg.sender_max / 100;

	if (m->cfg.sender_max >= 100)
		return false;
	return model_queued(m, peer) >= (share ? share : 1);
}

/* Gives one up for a new one. Return: whether there was any to give up. */
static bool drop_oldest(struct model *m)
{
	struct model_msg *x = NULL;
	u32 prio;

	for (prio = MODEL_PRIOS; prio-- && !x; )
		x = first_of(m, prio);
	if (!x) {
		for_each_msg(m, x)
			if (model_parked(m, x))
				break;
		if (x == m->msg + m->nr)
			return false;
		x = model_msg(m, m->pick_parked());
		CHECK(x && model_parked(m, x));
		m->seen.dropped_parked++;
	}
	take_out(m, x);
	drop(m, x);
	m->c.dropped_old++;
	return true;
}

/* Return: what becomes of the entry, or -1 if it is to be accepted. */
static int no_room(struct model *m, u32 peer, const struct model_entry *e)
{
	bool share = model_over_share(m, peer);

	m->seen.shares += share;
	if (m->cfg.overflow == WEIR_OVERFLOW_BLOCK &&
	    !(e->flags & WEIR_SQE_NOWAIT)) {
		m->c.blocked++;
		return STAYS;
	}
	if (m->cfg.overflow == WEIR_OVERFLOW_BLOCK)
		return refuse(m, peer, true, false);
	if (m->cfg.overflow == WEIR_OVERFLOW_ERROR) {
		m->c.refused_share += share;
		return refuse(m, peer, true, false);
	}
	if (m->cfg.overflow == WEIR_OVERFLOW_DROP_OLD && !share &&
	    drop_oldest(m))
		return -1;
	drop(m, accept(m, peer, e));
	m->c.dropped_new++;
	return e->flags & WEIR_SQE_RESULT ? TAKEN_AND_TOLD : TAKEN;
}

static int send_one(struct model *m, u32 peer, const struct model_entry *e,
		    bool force)
{
	struct model_msg *x;
	int what;

	if (e->bad || (fanout(m) && e->defer_ms) ||
	    e->prio >= m->cfg.priorities || buffer_away(m, peer, e->addr))
		return refuse(m, peer, false, true);
	if (m->cfg.state == WEIR_CHANNEL_STATE_DRAINING && !force)
		return refuse(m, peer, false, false);
	if (!force && (model_full(m) || model_over_share(m, peer))) {
		what = no_room(m, peer, e);
		if (what >= 0)
			return what;
	}
	x = accept(m, peer, e);
	if (e->defer_ms) {
		wait_delayed(m, x, m->now + e->defer_ms * 1000000ULL);
		m->seen.deferred++;
	} else {
		wait_ready(m, x);
	}
	return e->flags & WEIR_SQE_RESULT ? TAKEN_AND_TOLD : TAKEN;
}

/* Fan-out: one of those that had it has it no longer. */
static void put(struct model *m, struct model_msg *x, u32 peer)
{
	struct model_hold *h = hold_of(x, peer);

	*h = x->hold[--x->nr_hold];
	if (!x->nr_hold)
		gone(m, x);
}

static void answer_fanout(struct model *m, struct model_msg *x, u32 peer, u8 op)
{
	if (op == WEIR_OP_ACK) {
		m->c.acked++;
		m->peer[peer].acked++;
		x->acked = true;
	} else {
		m->peer[peer].failed++;
		model_too_slow(m, peer);
	}
	put(m, x, peer);
}

static void answer_one(struct model *m, struct model_msg *x, u32 peer,
		       const struct model_entry *e)
{
	u64 delay = e->delay_ms * 1000000ULL;

	if (e->op == WEIR_OP_EXTEND) {
		extend(m, x, delay);
		return;
	}
	if (fanout(m)) {
		answer_fanout(m, x, peer, e->op);
		return;
	}
	switch (e->op) {
	case WEIR_OP_ACK:
		m->c.acked++;
		m->peer[peer].acked++;
		x->acked = true;
		gone(m, x);
		break;
	case WEIR_OP_FAIL:
		x->attempts++;
		m->c.failed++;
		m->peer[peer].failed++;
		again(m, x, delay ? delay : back_off(m, x->attempts));
		break;
	case WEIR_OP_RELEASE:
		m->c.released++;
		again(m, x, delay);
		break;
	case WEIR_OP_REJECT:
		m->c.rejected++;
		bury(m, x, WEIR_DEAD_REASON_REJECTED);
		break;
	}
}

static struct model_msg *held(struct model *m, u32 peer, u32 token)
{
	struct model_hold *h;
	struct model_msg *x;

	for_each_msg(m, x) {
		h = hold_of(x, peer);
		if (h && h->token == token)
			return x;
	}
	return NULL;
}

static int answer(struct model *m, u32 peer, const struct model_entry *e)
{
	struct model_msg *x;
	bool stale = false;
	u32 i;

	if (e->bad)
		return TAKEN_AND_TOLD;
	for (i = 0; i < e->nr; i++) {
		x = held(m, peer, e->token[i]);
		if (x)
			answer_one(m, x, peer, e);
		m->c.stale += !x;
		stale |= !x;
	}
	return stale || e->flags & WEIR_SQE_RESULT ? TAKEN_AND_TOLD : TAKEN;
}

u32 model_enter(struct model *m, u32 peer, u32 room, bool force)
{
	struct model_peer *p = &m->peer[peer];
	u32 told = 0, i;
	int what;

	for (i = 0; i < p->nr_pending; i++) {
		if (told >= room && !force)
			break;
		if (p->pending[i].op == WEIR_OP_SEND)
			what = send_one(m, peer, &p->pending[i], force);
		else
			what = answer(m, peer, &p->pending[i]);
		if (what == STAYS)
			break;
		told += what == TAKEN_AND_TOLD;
	}
	p->nr_pending -= i;
	memmove(p->pending, p->pending + i,
		p->nr_pending * sizeof(*p->pending));
	return i;
}

/* Deaths of one moment are in the order of the tags. */
static struct model_msg *next_held(struct model *m, u32 peer)
{
	struct model_msg *x, *best = NULL;
	u32 tag, least = 0;

	for_each_msg(m, x) {
		if (!hold_of(x, peer))
			continue;
		tag = hold_of(x, peer)->token & 16383;
		if (best && tag > least)
			continue;
		best = x;
		least = tag;
	}
	return best;
}

void model_end(struct model *m, u32 peer, u32 head, bool died)
{
	struct model_msg *x;

	m->peer[peer].here = false;
	m->c.deaths += died;
	while ((x = next_held(m, peer))) {
		if (fanout(m)) {
			model_too_slow(m, peer);
			put(m, x, peer);
			continue;
		}
		if (!died) {
			m->c.taken++;
		} else if ((s32)(head - x->hold[0].pos) > 0) {
			x->attempts++;
			x->way = ALONE;
			m->c.crashed_seen++;
		} else {
			m->c.crashed_unseen++;
		}
		again(m, x, 0);
	}
	for_each_msg(m, x)
		if (x->sender == peer)
			x->sender = 0;
}

/* ---- delivery ---- */

void model_take(struct model *m, struct model_msg *x)
{
	u32 prio;

	CHECK_EQ(x->state, READY);
	if (x->way != ALONE) {
		if (x->prio && m->passed[x->prio] >= m->cfg.priority_burst)
			for (prio = 0; prio < x->prio; prio++)
				if (first_of(m, prio)) {
					m->seen.starved++;
					break;
				}
		m->passed[x->prio] = 0;
		for (prio = x->prio + 1; prio < MODEL_PRIOS; prio++)
			if (first_of(m, prio))
				m->passed[prio]++;
	}
	take_out(m, x);
	x->state = INFLIGHT;
	x->deliveries = fanout(m) ? 1 : x->deliveries + 1;
	x->nr_hold = 0;
}

void model_deliver(struct model *m, struct model_msg *x, u32 peer, u32 token,
		   u32 pos)
{
	CHECK_EQ(x->state, INFLIGHT);
	CHECK_LT(x->nr_hold, fanout(m) ? MODEL_HOLDERS : 1);
	x->hold[x->nr_hold++] = (struct model_hold){ peer, token, pos };
	x->delivered = m->now;
	x->answer_by = m->cfg.ack_timeout ? m->now + m->cfg.ack_timeout : 0;
	m->c.delivered++;
	m->peer[peer].delivered++;
}

void model_too_slow(struct model *m, u32 peer)
{
	m->peer[peer].dropped++;
	m->c.dropped++;
	m->c.dropped_slow++;
}

void model_handed(struct model *m, struct model_msg *x, u32 subscribers)
{
	if (subscribers)
		m->c.accepted += subscribers - 1;
	else
		m->c.dropped++;
	m->c.dropped_nobody += !subscribers;
	if (!x->nr_hold)
		gone(m, x);
}

bool model_released(struct model *m, u32 batch)
{
	struct model_msg *line[MODEL_MSGS], *oldest;
	u32 n = model_waiting(m, line), i;
	u64 bytes = 0, cost = 0;

	if (!m->cfg.linger || !n)
		return true;
	oldest = line[0];
	for (i = 0; i < n; i++) {
		bytes += line[i]->len;
		cost += line[i]->cost;
		if (line[i]->id < oldest->id)
			oldest = line[i];
	}
	if (n >= batch || (m->cfg.batch_bytes && bytes >= m->cfg.batch_bytes) ||
	    (m->cfg.batch_cost && cost >= m->cfg.batch_cost))
		return true;
	return oldest->deliveries || oldest->since + m->cfg.linger <= m->now;
}

bool model_balanced(const struct model *m)
{
	return m->c.accepted == m->c.acked + m->c.dropped + m->c.purged +
	       model_count(m, READY) + model_count(m, DELAYED) +
	       model_inflight(m) + model_count(m, DEAD);
}
