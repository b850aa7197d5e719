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

u32 model_line(struct model *m, int way, struct model_msg **line)
{
	struct model_msg *x;
	u32 n = 0;

	for_each_msg(m, x)
		if (x->state == READY && x->way == way)
			line[n++] = x;
	return n;
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

u32 model_held(const struct model *m, u32 peer)
{
	const struct model_msg *x;
	u32 n = 0;

	for_each_msg(m, x)
		n += x->state == INFLIGHT && x->holder == peer;
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

static void bury(struct model *m, struct model_msg *x, int reason)
{
	x->state = DEAD;
	x->reason = reason;
	x->died = ++m->deaths;
	if (x->sender)
		m->peer[x->sender].settled_dead++;
	m->c.died_attempts += reason == WEIR_DEAD_REASON_ATTEMPTS;
	m->c.died_rejected += reason == WEIR_DEAD_REASON_REJECTED;
	m->c.died_killed += reason == WEIR_DEAD_REASON_KILLED;
	m->c.died_redeliveries += reason == WEIR_DEAD_REASON_REDELIVERIES;
	while (model_count(m, DEAD) > m->cfg.dead_max) {
		next_dead(m, 0)->state = GONE;
		m->c.dropped++;
	}
}

/* Something that a worker had comes back. */
static void again(struct model *m, struct model_msg *x, u64 delay)
{
	m->c.redelivered++;
	if (x->way == FRESH)
		x->way = AGAIN;
	if (x->attempts >= m->cfg.max_attempts) {
		bury(m, x, WEIR_DEAD_REASON_ATTEMPTS);
	} else if (x->deliveries >= m->cfg.redeliver_max) {
		bury(m, x, WEIR_DEAD_REASON_REDELIVERIES);
	} else if (delay) {
		x->state = DELAYED;
		x->due = m->now + delay;
	} else {
		x->state = READY;
	}
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

	if (x->state == DEAD)
		return false;
	bury(m, x, WEIR_DEAD_REASON_KILLED);
	return true;
}

bool model_requeue(struct model *m, u64 id)
{
	struct model_msg *x = model_msg(m, id);

	if (x->state != DEAD)
		return false;
	x->state = READY;
	x->way = AGAIN;
	x->attempts = 0;
	x->deliveries = 0;
	if (x->sender)
		m->peer[x->sender].settled_dead--;
	m->c.requeued++;
	return true;
}

bool model_release(struct model *m, u64 id)
{
	struct model_msg *x = model_msg(m, id);

	if (x->state == DELAYED) {
		x->state = READY;
		return true;
	}
	if (x->state != INFLIGHT)
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
	struct model_msg *line[MODEL_MSGS];

	if (model_line(m, ALONE, line) || model_line(m, AGAIN, line) ||
	    model_line(m, FRESH, line))
		return line[0];
	return first_delayed(m);
}

u32 model_purge(struct model *m, bool dead, u32 max)
{
	struct model_msg *x;
	u32 n;

	for (n = 0; n < max; n++) {
		x = dead ? next_dead(m, 0) : first_waiting(m);
		if (!x)
			break;
		x->state = GONE;
		m->c.purged++;
	}
	return n;
}

void model_tick(struct model *m)
{
	struct model_msg *x;

	for_each_msg(m, x)
		if (x->state == DELAYED && x->due <= m->now)
			x->state = READY;
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

static void accept(struct model *m, u32 peer, const struct model_entry *e)
{
	struct model_msg *x = &m->msg[m->nr++];

	CHECK_LT(m->nr, MODEL_MSGS);
	memset(x, 0, sizeof(*x));
	x->id = ++m->last;
	x->state = READY;
	x->way = FRESH;
	x->addr = e->addr;
	x->len = e->len;
	x->sender = peer;
	x->since = m->now;
	m->c.accepted++;
	m->c.bytes += e->len;
	m->peer[peer].accepted++;
}

static int send_one(struct model *m, u32 peer, const struct model_entry *e,
		    bool force)
{
	bool full = model_count(m, READY) + model_count(m, DELAYED) >=
		    m->cfg.messages;

	if (e->bad || buffer_away(m, peer, e->addr))
		return refuse(m, peer, false, true);
	if (m->cfg.state == WEIR_CHANNEL_STATE_DRAINING && !force)
		return refuse(m, peer, false, false);
	if (full && !force) {
		if (m->cfg.overflow == WEIR_OVERFLOW_ERROR ||
		    e->flags & WEIR_SQE_NOWAIT)
			return refuse(m, peer, true, false);
		m->c.blocked++;
		return STAYS;
	}
	accept(m, peer, e);
	return e->flags & WEIR_SQE_RESULT ? TAKEN_AND_TOLD : TAKEN;
}

static void answer_one(struct model *m, struct model_msg *x,
		       const struct model_entry *e)
{
	u64 delay = e->delay_ms * 1000000ULL;

	switch (e->op) {
	case WEIR_OP_ACK:
		x->state = GONE;
		m->c.acked++;
		m->peer[x->holder].acked++;
		if (x->sender)
			m->peer[x->sender].settled_acked++;
		break;
	case WEIR_OP_FAIL:
		x->attempts++;
		m->c.failed++;
		m->peer[x->holder].failed++;
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
	struct model_msg *x;

	for_each_msg(m, x)
		if (x->state == INFLIGHT && x->holder == peer &&
		    x->token == token)
			return x;
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
			answer_one(m, x, e);
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

	for_each_msg(m, x)
		if (x->state == INFLIGHT && x->holder == peer &&
		    (!best || (x->token & 16383) < (best->token & 16383)))
			best = x;
	return best;
}

void model_end(struct model *m, u32 peer, u32 head, bool died)
{
	struct model_msg *x;

	m->peer[peer].here = false;
	m->c.deaths += died;
	while ((x = next_held(m, peer))) {
		if (!died) {
			m->c.taken++;
		} else if ((s32)(head - x->pos) > 0) {
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

void model_deliver(struct model *m, u32 peer, u64 id, u32 token, u32 pos)
{
	struct model_msg *x = model_msg(m, id);

	CHECK(x);
	CHECK_EQ(x->state, READY);
	x->state = INFLIGHT;
	x->deliveries++;
	x->holder = peer;
	x->token = token;
	x->pos = pos;
	m->c.delivered++;
	m->peer[peer].delivered++;
}

bool model_released(struct model *m)
{
	struct model_msg *line[MODEL_MSGS];
	u32 n;

	if (!m->cfg.linger || model_line(m, AGAIN, line))
		return true;
	n = model_line(m, FRESH, line);
	return n >= m->cfg.batch ||
	       (n && line[0]->since + m->cfg.linger <= m->now);
}

bool model_balanced(const struct model *m)
{
	return m->c.accepted == m->c.acked + m->c.dropped + m->c.purged +
	       model_count(m, READY) + model_count(m, DELAYED) +
	       model_count(m, INFLIGHT) + model_count(m, DEAD);
}
