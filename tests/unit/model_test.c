// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine against the model, under random use. Before each hand-out of
 * messages, and after each step, both must agree on every message, counter and
 * order; and each hand-out must be one that the model allows, and complete.
 *
 * A failure names its seed: "make check TESTS=model SEED=n" does it again.
 */
#include "model.h"
#include "world.h"

#define CLIENTS	8	/* at most, at once */
#define STEPS	1000
#define BUFFERS	2	/* class: few to a block, so that they run out */

/* What the driver knows of a client. */
struct user {
	struct client *c;
	u32 token[512];
	u32 nr_tokens;
	bool relies;	/* it published, and was told that it need not enter */
};

/* A look at a submission ring; the model does it before the hand-out. */
struct look {
	bool open;
	u32 peer;
	u32 room;
	u32 want;
	bool force;
	u32 taken;
};

/* How things were when a hand-out began. */
struct before {
	u64 alone[MODEL_MSGS];
	u32 nr_alone;
	u32 nr_line;
	bool released;
	u64 batches;
	u32 tail[MODEL_PEERS];
	u32 held[MODEL_PEERS];
	u32 room[MODEL_PEERS];
	bool single[MODEL_PEERS];
	bool reserved[MODEL_PEERS];
};

static struct world w;
static struct model *m;
static struct before *b;
static struct user user[CLIENTS];
static struct look look;
static void (*at_end)(void);
static u64 picked[MODEL_MSGS];	/* of those behind leaders, by the engine */
static u32 nr_picked;
static u64 reliances;
static u64 state;

#ifndef MODEL_CHANCE	/* the fuzzer brings its own */
static u32 rnd(u32 below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % below;
}
#endif

static bool chance(u32 percent)
{
	return rnd(100) < percent;
}

/* ---- comparison ---- */

static struct weir_msg *engine_msg(const struct model_msg *x)
{
	struct weir_block *blk = weir_map_find(&w.map, x->addr);

	CHECK(blk);
	return &blk->msgs[(x->addr - blk->addr) >> weir_class_shift(blk->cls)];
}

static struct client *client_of(u32 id)
{
	struct client *c = w.clients;

	while (c && c->p.id != id)
		c = c->next;
	CHECK(c);
	return c;
}

static void compare_holders(const struct model_msg *x, struct weir_msg *msg)
{
	struct weir_tag *tag;
	u32 i;

	if (w.e.cfg.delivery == WEIR_DELIVERY_FANOUT)
		CHECK_EQ(msg->refs, x->nr_hold);
	else
		CHECK_EQ(msg->token, x->hold[0].token);
	for (i = 0; i < x->nr_hold; i++) {
		tag = weir_tag_find(&client_of(x->hold[i].peer)->p.tags,
				    x->hold[i].token);
		CHECK(tag && tag->msg == msg);
	}
}

static void compare_key(struct model_msg *x, const struct weir_msg *msg)
{
	struct model_msg *y;
	struct weir_msg *next;
	u64 last = x->turn;

	CHECK_EQ(msg->key, x->key);
	CHECK_EQ(!!(msg->flags & WEIR_MSG_PARKED), model_parked(m, x));
	CHECK_EQ(!!(msg->flags & WEIR_MSG_LEADER),
		 x->turn && model_leader(m, x) == x);
	if (!(msg->flags & WEIR_MSG_LEADER))
		return;
	list_for_each_entry(next, &msg->chain, link) {
		y = model_msg(m, next->seq);
		CHECK(y && last < y->turn);
		last = y->turn;
	}
}

static void compare_msg(struct model_msg *x)
{
	static const u8 state_of[] = {
		[READY] = WEIR_MSG_READY, [DELAYED] = WEIR_MSG_DELAYED,
		[INFLIGHT] = WEIR_MSG_INFLIGHT, [DEAD] = WEIR_MSG_DEAD,
	};
	struct weir_msg *msg = engine_msg(x);

	CHECK_EQ(msg->seq, x->id);
	CHECK_EQ(msg->state, state_of[x->state]);
	CHECK_EQ(msg->len, x->len);
	CHECK_EQ(msg->prio, x->prio);
	CHECK_EQ(msg->attempts, x->attempts);
	CHECK_EQ(msg->deliveries, x->deliveries);
	CHECK_EQ(msg->deadline, x->deadline);
	CHECK_EQ(msg->t_submit, x->since);
	CHECK_EQ(msg->blk->owner ? msg->blk->owner->id : 0, x->sender);
	if (x->state == READY)
		CHECK_EQ(!!(msg->flags & WEIR_MSG_SUSPECT), x->way == ALONE);
	CHECK_EQ(!!(msg->flags & WEIR_MSG_TIMED),
		 x->state == INFLIGHT && x->answer_by);
	if (msg->flags & WEIR_MSG_TIMED)
		CHECK_EQ(msg->due, x->answer_by);
	if (x->state == INFLIGHT)
		compare_holders(x, msg);
	else if (x->state == DELAYED)
		CHECK_EQ(msg->due, x->due);
	else if (x->state == DEAD)
		CHECK_EQ(msg->reason, x->reason);
	if (x->state != DEAD)
		compare_key(x, msg);
}

static void compare_suspects(void)
{
	struct rb_root_cached *tree = &w.e.lane.suspect;
	struct model_msg *line[MODEL_MSGS];
	u32 i = 0, n = model_suspects(m, line);
	struct rb_node *node;

	for (node = rb_first_cached(tree); node; node = rb_next(node)) {
		CHECK_LT(i, n);
		CHECK_EQ(rb_entry(node, struct weir_msg, node)->seq,
			 line[i]->id);
		i++;
	}
	CHECK_EQ(i, n);
}

/* What may go with others, and what goes first. */
static void compare_lane(void)
{
	const struct weir_msg *first = weir_lane_first(&w.e.lane);
	const struct model_msg *next = model_next(m);
	struct model_msg *line[MODEL_MSGS];
	u32 i;

	CHECK_EQ(w.e.lane.nr_waiting, model_waiting(m, line));
	CHECK_EQ(first ? first->seq : 0, next ? next->id : 0);
	for (i = 0; i < MODEL_PRIOS; i++)
		CHECK_EQ(w.e.lane.prio[i].passed, m->passed[i]);
}

static void compare_list(struct list_head *list, struct model_msg **line,
			 u32 n)
{
	const struct weir_msg *msg;
	u32 i = 0;

	list_for_each_entry(msg, list, link) {
		CHECK_LT(i, n);
		CHECK_EQ(msg->seq, line[i]->id);
		i++;
	}
	CHECK_EQ(i, n);
}

static void compare_counters(void)
{
	/* In how many batches it went is for the engine to choose. */
	m->c.batches = w.e.c.batches;
	/* So is whether a sender need not call, see check_promises(). */
	m->c.promises = w.e.c.promises;
	m->c.sweeps = w.e.c.sweeps;
	CHECK_LE(w.e.c.batches, w.e.c.delivered);
#define X(field, attr, help) CHECK_EQ(w.e.c.field, m->c.field);
	WEIR_COUNTERS(X)
#undef X
}

static void compare_peers(void)
{
	const struct model_peer *p;
	const struct client *c;

	for (c = w.clients; c; c = c->next) {
		p = &m->peer[c->p.id];
		CHECK_EQ(c->p.accepted, p->accepted);
		CHECK_EQ(c->p.refused, p->refused);
		CHECK_EQ(c->p.delivered, p->delivered);
		CHECK_EQ(c->p.acked, p->acked);
		CHECK_EQ(c->p.failed, p->failed);
		CHECK_EQ(c->p.dropped, p->dropped);
		if (!p->here)
			continue;
		CHECK_EQ(c->p.queued, model_queued(m, c->p.id));
		CHECK_EQ(c->p.settled_acked, p->settled_acked);
		CHECK_EQ(c->p.settled_dead, p->settled_dead);
		if (p->works)
			CHECK_EQ(c->p.tags.used, model_held(m, c->p.id));
	}
}

static void compare(void)
{
	struct model_msg *line[MODEL_MSGS];
	u32 i, n;

	for (i = 0; i < m->nr; i++)
		if (m->msg[i].state != GONE)
			compare_msg(&m->msg[i]);
	CHECK_EQ(weir_lane_ready(&w.e.lane), model_count(m, READY));
	CHECK_EQ(w.e.lane.nr_delayed, model_count(m, DELAYED));
	CHECK_EQ(w.e.nr_inflight, model_inflight(m));
	CHECK_EQ(w.e.nr_dead, model_count(m, DEAD));
	compare_suspects();
	compare_lane();
	n = model_dead(m, line);
	compare_list(&w.e.dead, line, n);
	compare_counters();
	compare_peers();
	CHECK(weir_engine_balanced(&w.e));
	CHECK(model_balanced(m));
}

/* ---- looks at submission rings ---- */

static void before_submit(struct weir_peer *p, u32 want, bool force)
{
	struct client *c = container_of(p, struct client, p);

	CHECK(!look.open);
	look = (struct look){
		.open = true,
		.peer = p->id,
		.room = force ? 0 : p->rings.cq_entries - unread(c),
		.want = want,
		.force = force,
	};
}

/* By then the engine has taken the entries, and hands nothing out yet. */
static void do_look(void)
{
	struct client *c = client_of(look.peer);

	look.open = false;
	look.taken = model_enter(m, look.peer, look.room, look.force);
	m->peer[look.peer].late = false;
	if (m->peer[look.peer].works && unread(c) < look.want)
		m->peer[look.peer].want = true;
}

static void after_submit(struct weir_peer *p, int n)
{
	CHECK(!look.open);
	CHECK_EQ(p->id, look.peer);
	CHECK_EQ(n, look.taken);
}

static void note_parked(const struct weir_msg *msg)
{
	CHECK_LT(nr_picked, MODEL_MSGS);
	picked[nr_picked++] = msg->seq;
}

static u64 pick_parked(void)
{
	u64 id = picked[0];

	CHECK(nr_picked);
	memmove(picked, picked + 1, --nr_picked * sizeof(*picked));
	return id;
}

/* ---- hand-outs ---- */

static bool is_fanout(void)
{
	return m->cfg.delivery == WEIR_DELIVERY_FANOUT;
}

static bool holds(const struct model_msg *x, u32 id)
{
	u32 i;

	for (i = 0; x->state == INFLIGHT && i < x->nr_hold; i++)
		if (x->hold[i].peer == id)
			return true;
	return false;
}

static bool holds_suspect(u32 id)
{
	u32 i;

	for (i = 0; i < m->nr; i++)
		if (m->msg[i].way == ALONE && holds(&m->msg[i], id))
			return true;
	return false;
}

static u32 limit(u32 id)
{
	return m->cfg.inflight ? min(m->peer[id].limit, m->cfg.inflight) :
				 m->peer[id].limit;
}

static u32 room_of(const struct client *c)
{
	u32 id = c->p.id, held = model_held(m, id);
	const struct model_peer *p = &m->peer[id];

	if (!p->here || !p->works || p->stopped || p->late || held >= limit(id) ||
	    holds_suspect(id))
		return 0;
	return min(limit(id) - held,
		   c->p.rings.cq_entries - unread((struct client *)c));
}

static void before_dispatch(struct weir_engine *e)
{
	struct model_msg *line[MODEL_MSGS];
	u32 i, id, head[MODEL_PEERS];
	bool waits[MODEL_PEERS];
	struct client *c;

	if (look.open) {
		do_look();
	} else if (at_end) {
		at_end();
		at_end = NULL;
	}
	compare();
	for (c = w.clients; c; c = c->next) {
		head[c->p.id] = c->ring.ucq_head;
		waits[c->p.id] = c->p.want;
	}
	model_overdue(m, head, waits);
	model_expire(m);
	b->nr_alone = model_suspects(m, line);
	for (i = 0; i < b->nr_alone; i++)
		b->alone[i] = line[i]->id;
	b->nr_line = model_waiting(m, line);
	b->released = model_released(m, e->batch);
	b->batches = e->c.batches;
	for (c = w.clients; c; c = c->next) {
		id = c->p.id;
		b->tail[id] = c->ring.kcq_tail;
		b->held[id] = model_held(m, id);
		b->room[id] = room_of(c);
		b->single[id] = holds_suspect(id);
		b->reserved[id] = c->p.reserved;
	}
}

static void check_cqe(const struct weir_cqe *cqe, const struct model_msg *x)
{
	CHECK_EQ(cqe->type, WEIR_CQE_MSG);
	CHECK_EQ(cqe->addr, x->addr);
	CHECK_EQ(cqe->len, x->len);
	CHECK_EQ(cqe->prio, x->prio);
	CHECK_EQ(cqe->key, x->key);
	CHECK_EQ(cqe->deadline_ns, x->deadline);
	CHECK_EQ(cqe->attempts, x->attempts + 1);
	CHECK_EQ(!!(cqe->flags & WEIR_CQE_REDELIVERED),
		 !is_fanout() && x->deliveries > 0);
}

static const struct weir_cqe *cqe_at(const struct client *c, u32 i)
{
	u32 pos = b->tail[c->p.id] + i;

	return &c->cqes[pos & (c->p.rings.cq_entries - 1)];
}

static u32 given(const struct client *c)
{
	return c->ring.kcq_tail - b->tail[c->p.id];
}

static struct model_msg *msg_at(const struct client *c, u32 i)
{
	struct model_msg *x = model_msg(m, cqe_at(c, i)->seq);

	CHECK(x);
	return x;
}

/* May this worker have been given anything, and these? */
static void check_worker(const struct client *c)
{
	u32 id = c->p.id, n = given(c), i;
	const struct model_peer *p = &m->peer[id];
	u32 whole = m->cfg.batch ? m->cfg.batch : m->cfg.batch_min;

	CHECK(p->here && p->works && !p->stopped && !p->late);
	CHECK(m->cfg.state != WEIR_CHANNEL_STATE_PAUSED);
	CHECK(!b->single[id]);
	CHECK_LE(n, b->room[id]);
	CHECK(!b->held[id] || !b->reserved[id]);
	for (i = 0; i < n; i++) {
		check_cqe(cqe_at(c, i), msg_at(c, i));
		if (msg_at(c, i)->way == ALONE) {
			CHECK_EQ(b->held[id] + n, 1);
			continue;
		}
		CHECK(b->released);
		/* A key's home takes it whenever others could be given any. */
		CHECK(!b->held[id] || p->want || b->nr_line >= whole ||
		      m->cfg.policy == WEIR_POLICY_KEY_HASH);
	}
}

/* The suspects that were given are the first ones. Return: how many. */
static u32 take_suspects(void)
{
	u32 nr = 0, i, n;
	struct client *c;

	for (c = w.clients; c; c = c->next)
		for (i = 0, n = given(c); i < n; i++)
			nr += msg_at(c, i)->way == ALONE;
	CHECK_LE(nr, b->nr_alone);
	for (i = 0; i < nr; i++)
		model_take(m, model_msg(m, b->alone[i]));
	return nr;
}

static u32 rank_of(const u64 *seq, u32 n, u64 id)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (seq[i] == id)
			return i;
	unit_fail(__FILE__, __LINE__, "message %llu was not next",
		  (unsigned long long)id);
}

/* The fewest batches in which these can have been handed out in a row. */
static u32 fewest(const struct client *c, u32 from, u32 to)
{
	u32 most = m->cfg.batch ? m->cfg.batch : m->cfg.batch_max;
	u32 batches = 0, nr = 0;
	u64 bytes = 0, cost = 0;
	struct model_msg *x;

	for (; from < to; from++) {
		x = msg_at(c, from);
		bytes += x->len;
		cost += x->cost;
		if (!nr++ || nr > most ||
		    (m->cfg.batch_bytes && bytes > m->cfg.batch_bytes) ||
		    (m->cfg.batch_cost && cost > m->cfg.batch_cost)) {
			batches++;
			nr = 1;
			bytes = x->len;
			cost = x->cost;
		}
	}
	return batches;
}

/* What a worker got is in order; @seq is what left the lane, in order. */
static u32 check_order(const struct client *c, const u64 *seq, u32 nr)
{
	u32 n = given(c), start = 0, batches = 0, rank, last = 0, i;

	for (i = 0; i < n; i++) {
		rank = rank_of(seq, nr, cqe_at(c, i)->seq);
		if (i) {
			CHECK_LT(last, rank);
			if (rank != last + 1) {
				batches += fewest(c, start, i);
				start = i;
			}
		}
		last = rank;
	}
	return batches + fewest(c, start, n);
}

static void deliver_all(struct client *c)
{
	u32 id = c->p.id, n = given(c), i;

	for (i = 0; i < n; i++)
		model_deliver(m, msg_at(c, i), id, cqe_at(c, i)->token,
			      b->tail[id] + i);
	if (n)
		m->peer[id].want = false;
}

/* Nothing may be left for which there is a worker. */
static void check_complete(const struct weir_engine *e)
{
	struct model_msg *line[MODEL_MSGS];
	u32 alone_left = model_suspects(m, line);
	u32 left = model_waiting(m, line);
	bool released = model_released(m, e->batch);
	struct client *c;
	bool idle;

	if (m->cfg.state == WEIR_CHANNEL_STATE_PAUSED)
		return;
	for (c = w.clients; c; c = c->next) {
		/* One that has been passed over has to enter first. */
		if (!room_of(c) || c->ring.kflags & WEIR_RING_CQ_MORE)
			continue;
		idle = !model_held(m, c->p.id);
		if (alone_left)
			CHECK(!idle);
		if (!left || !released)
			continue;
		CHECK(!idle);
		if (c->p.reserved)
			continue;
		CHECK(!m->peer[c->p.id].want);
		CHECK_LT(left, e->batch);
	}
}

static void after_queue(struct weir_engine *e)
{
	u32 nr = 0, batches, i;
	u64 seq[MODEL_MSGS];
	struct model_msg *x;
	struct client *c;

	for (c = w.clients; c; c = c->next) {
		nr += given(c);
		if (given(c))
			check_worker(c);
	}
	batches = take_suspects();
	nr -= batches;
	for (i = 0; i < nr; i++) {
		x = model_next(m);
		CHECK(x);
		seq[i] = x->id;
		model_take(m, x);
	}
	for (c = w.clients; c; c = c->next) {
		if (given(c) && msg_at(c, 0)->way != ALONE)
			batches += check_order(c, seq, nr);
		deliver_all(c);
	}
	CHECK_LE(batches, e->c.batches - b->batches);
	CHECK_LE(e->c.batches - b->batches, b->nr_alone + nr);
	check_complete(e);
}

/* Everybody gets the first ones that it has room for, and loses the rest. */
static void after_fanout(void)
{
	u32 subscribers = 0, nr = 0, i, id, n;
	u64 seq[MODEL_MSGS];
	struct model_msg *x;
	struct client *c;

	if (b->released && m->cfg.state != WEIR_CHANNEL_STATE_PAUSED)
		while ((x = model_next(m))) {
			seq[nr++] = x->id;
			model_take(m, x);
		}
	for (c = w.clients; c; c = c->next) {
		id = c->p.id;
		n = given(c);
		CHECK_EQ(n, min(nr, b->room[id]));
		for (i = 0; i < n; i++) {
			CHECK_EQ(cqe_at(c, i)->seq, seq[i]);
			check_cqe(cqe_at(c, i), msg_at(c, i));
		}
		deliver_all(c);
		if (!m->peer[id].here || !m->peer[id].works ||
		    m->peer[id].stopped)
			continue;
		subscribers++;
		for (i = n; i < nr; i++)
			model_too_slow(m, id);
	}
	for (i = 0; i < nr; i++)
		model_handed(m, model_msg(m, seq[i]), subscribers);
}

static void after_dispatch(struct weir_engine *e)
{
	if (is_fanout())
		after_fanout();
	else
		after_queue(e);
}

/* ---- what users do ---- */

static struct user *any_user(bool sends, bool works)
{
	u32 i, at = rnd(CLIENTS);
	struct user *u;

	for (i = 0; i < CLIENTS; i++) {
		u = &user[(at + i) % CLIENTS];
		if (!u->c)
			continue;
		if ((!sends || weir_peer_sends(&u->c->p)) &&
		    (!works || weir_peer_works(&u->c->p)))
			return u;
	}
	return NULL;
}

static struct model_entry *pend(struct user *u, u8 op)
{
	struct model_peer *p = &m->peer[u->c->p.id];
	struct model_entry *e;

	if (p->nr_pending >= MODEL_PENDING)
		return NULL;
	e = &p->pending[p->nr_pending++];
	memset(e, 0, sizeof(*e));
	e->op = op;
	if (chance(10))
		e->flags |= WEIR_SQE_RESULT;
	return e;
}

static void spoil_send(struct model_entry *e, struct weir_sqe *s)
{
	e->bad = true;
	switch (rnd(7)) {
	case 0:
		s->addr = WEIR_WINDOW_SIZE + rnd(1000);
		break;
	case 1:
		s->len = 0;
		break;
	case 2:
		s->len = 8193;
		break;
	case 3:
		s->defer_ms = 86400001;
		break;
	case 4:
		s->flags |= 1 << 6;
		break;
	case 5:
		s->prio = m->cfg.priorities + rnd(256 - m->cfg.priorities);
		break;
	case 6:
		s->resv0 = 1;
		break;
	}
}

/* What makes messages differ. */
static void adorn(struct model_entry *e, struct weir_sqe *s)
{
	e->prio = rnd(m->cfg.priorities);
	e->key = chance(40) ? 1 + rnd(4) : 0;
	e->cost = rnd(10);
	if (chance(12))
		e->deadline = w.now + rnd(30 * MS);
	if (chance(is_fanout() ? 2 : 10))
		e->defer_ms = 1 + rnd(15);
	s->prio = e->prio;
	s->key = e->key;
	s->cost = e->cost;
	s->deadline_ns = e->deadline;
	s->defer_ms = e->defer_ms;
}

static void do_send(void)
{
	struct user *u = any_user(true, false);
	u32 n = 1 + rnd(6);
	struct model_entry *e;
	struct weir_sqe *s;

	while (u && n-- && u->c->nr_free) {
		e = pend(u, WEIR_OP_SEND);
		if (!e)
			break;
		if (chance(20))
			e->flags |= WEIR_SQE_NOWAIT;
		e->len = 1 + rnd(300);
		s = sqe_send(u->c, e->len);
		e->addr = s->addr;
		s->flags = e->flags;
		adorn(e, s);
		if (chance(5))
			spoil_send(e, s);
		if (s->addr != e->addr)	/* the buffer is not on its way */
			u->c->free[u->c->nr_free++] = e->addr;
	}
	if (!u)
		return;
	publish(u->c);
	smp_mb();
	if (!(READ_ONCE(u->c->ring.kflags) & WEIR_RING_NEED_ENTER))
		u->relies = m->peer[u->c->p.id].nr_pending;
}

static u32 take_token(struct user *u)
{
	u32 i, token;

	if (!u->nr_tokens || chance(3))
		return rnd(1 << 20);	/* it names something, or not */
	i = rnd(u->nr_tokens);
	token = u->token[i];
	u->token[i] = u->token[--u->nr_tokens];
	return token;
}

static void do_answer(void)
{
	static const u8 ops[] = {
		WEIR_OP_ACK, WEIR_OP_ACK, WEIR_OP_ACK, WEIR_OP_FAIL,
		WEIR_OP_RELEASE, WEIR_OP_REJECT, WEIR_OP_EXTEND,
	};
	struct user *u = any_user(false, true);
	struct model_entry *e;
	struct weir_sqe *s;
	u32 i;

	e = u ? pend(u, ops[rnd(ARRAY_SIZE(ops))]) : NULL;
	if (!e)
		return;
	s = sqe_next(u->c, e->op);
	e->nr = e->op == WEIR_OP_REJECT ? 1 : 1 + rnd(5);
	for (i = 0; i < e->nr; i++) {
		e->token[i] = take_token(u);
		s->token[i] = e->token[i];
	}
	/* Those are still to be answered. */
	for (i = 0; e->op == WEIR_OP_EXTEND && i < e->nr; i++)
		if (u->nr_tokens < ARRAY_SIZE(u->token))
			u->token[u->nr_tokens++] = e->token[i];
	if (e->op == WEIR_OP_FAIL || e->op == WEIR_OP_RELEASE ||
	    e->op == WEIR_OP_EXTEND)
		e->delay_ms = chance(50) ? rnd(20) : 0;
	s->flags = e->flags;
	s->nr = e->op == WEIR_OP_REJECT ? 0 : e->nr;
	if (e->op != WEIR_OP_REJECT)
		s->delay_ms = e->delay_ms;
	if (chance(3)) {
		s->prio = 1;
		e->bad = true;
	}
	publish(u->c);
}

static void read_some(struct user *u, u32 n)
{
	struct weir_cqe cqe;

	while (n-- && cqe_pop(u->c, &cqe)) {
		if (cqe.type == WEIR_CQE_MSG &&
		    u->nr_tokens < ARRAY_SIZE(u->token))
			u->token[u->nr_tokens++] = cqe.token;
		if (cqe.type == WEIR_CQE_RESULT && cqe.res < 0 &&
		    cqe.op == WEIR_OP_SEND && cqe.raddr < WEIR_WINDOW_SIZE)
			u->c->free[u->c->nr_free++] = cqe.raddr;
	}
}

static void do_read(void)
{
	struct user *u = any_user(false, false);

	if (u)
		read_some(u, 1 + rnd(20));
}

static void enter_user(struct user *u, bool want)
{
	if (want)
		enter_want(u->c);
	else
		enter(u->c);
	u->relies = m->peer[u->c->p.id].nr_pending &&
		    !(u->c->ring.kflags & WEIR_RING_NEED_ENTER);
}

/* No worker has use for another message, and one of them works on some. */
static bool somebody_comes(void)
{
	bool busy = false;
	struct client *c;
	u32 id;

	if (m->cfg.state != WEIR_CHANNEL_STATE_RUNNING || is_fanout())
		return false;
	for (c = w.clients; c; c = c->next) {
		id = c->p.id;
		busy |= model_held(m, id) > 0;
		if (!room_of(c) || c->ring.kflags & WEIR_RING_CQ_MORE)
			continue;
		if (!model_held(m, id) ||
		    (m->peer[id].want && !c->p.reserved))
			return false;
	}
	return busy;
}

/*
 * What somebody published who was told not to enter lies there only as long as
 * no worker has use for it, or as there is no room.
 */
static void check_relying(void)
{
	struct model_peer *p;
	struct client *c;
	struct user *u;

	for (u = user; u < user + CLIENTS; u++) {
		if (!u->c || !u->relies)
			continue;
		c = u->c;
		p = &m->peer[c->p.id];
		u->relies = p->nr_pending;
		if (!p->nr_pending ||
		    unread(c) == c->p.rings.cq_entries ||
		    c->ring.kflags & WEIR_RING_CQ_MORE)
			continue;
		CHECK(c->p.promised);
		reliances++;
		CHECK(w.e.alarm <= w.now || model_full(m) ||
		      model_over_share(m, c->p.id) || somebody_comes());
	}
}

static void do_enter(void)
{
	struct user *u = any_user(false, false);

	if (u)
		enter_user(u, chance(50));
}

/* ---- what else happens ---- */

static void do_join(void)
{
	u32 i, id = w.next_id + 1, role = 1 + rnd(3);
	struct model_peer *p = &m->peer[id];

	for (i = 0; i < CLIENTS && user[i].c; i++)
		;
	if (i == CLIENTS || id >= MODEL_PEERS)
		return;
	p->here = true;
	p->sends = role & WEIR_ROLE_SEND;
	p->works = role & WEIR_ROLE_WORK;
	p->limit = 1 + rnd(20);
	user[i].nr_tokens = 0;
	user[i].relies = false;
	user[i].c = client_new(&w, role, MODEL_PENDING, 8 << rnd(4), p->limit);
	if (p->sends)
		for (id = 1 + rnd(3); id--; )
			client_grant(user[i].c, BUFFERS);
}

static struct client *ending;
static bool ending_dies;

static void model_ends(void)
{
	model_end(m, ending->p.id, ending->ring.ucq_head, ending_dies);
}

static void do_end(void)
{
	struct user *u = any_user(false, false);

	if (!u)
		return;
	ending = u->c;
	ending_dies = chance(70);
	/* First what it published, then its end: two hand-outs. */
	m->peer[ending->p.id].stopped = true;
	at_end = model_ends;
	client_end(ending, ending_dies ? WEIR_END_DEATH : WEIR_END_DETACH);
	CHECK(!at_end);
	u->c = NULL;
}

static void do_stop(void)
{
	struct user *u = any_user(false, true);

	if (!u)
		return;
	m->peer[u->c->p.id].stopped = chance(40);
	client_stop(u->c, m->peer[u->c->p.id].stopped);
}

static void do_by_hand(void)
{
	u32 what = rnd(3);
	struct weir_msg *msg;
	bool did;
	u64 id;

	if (!m->nr)
		return;
	id = m->msg[rnd(m->nr)].id;
	msg = engine_msg(model_msg(m, id));
	world_lock(&w);
	switch (what) {
	case 0:
		did = weir_ledger_kill(&w.e, msg, w.now);
		CHECK_EQ(did, model_kill(m, id));
		break;
	case 1:
		did = weir_ledger_requeue(&w.e, msg);
		CHECK_EQ(did, model_requeue(m, id));
		break;
	case 2:
		did = weir_ledger_release(&w.e, msg, w.now);
		CHECK_EQ(did, model_release(m, id));
		break;
	}
	world_unlock(&w);
}

static void do_purge(void)
{
	bool dead = chance(50);
	u32 max = 1 + rnd(chance(20) ? 100 : 3), n;

	world_lock(&w);
	n = weir_ledger_purge(&w.e, dead ? WEIR_MESSAGE_STATE_DEAD :
			      WEIR_MESSAGE_STATE_READY, max);
	CHECK_EQ(n, model_purge(m, dead, max));
	world_unlock(&w);
}

static void do_time(void)
{
	u64 ns = rnd(15 * MS);

	m->now += ns;
	model_tick(m);
	world_tick(&w, ns);
}

static void random_config(struct weir_config *cfg)
{
	static const u64 lingers[] = { 0, 0, 1, 3 * MS, 10 * MS };

	cfg->messages = 1 + rnd(60);
	cfg->overflow = rnd(4);
	cfg->sender_max = chance(50) ? 100 : 1 + rnd(100);
	cfg->inflight = 1 + rnd(20);
	if (cfg->delivery == WEIR_DELIVERY_FANOUT && chance(30))
		cfg->inflight = 0;
	cfg->batch = chance(75) ? 1 + rnd(16) : 0;
	cfg->batch_min = 1 + rnd(4);
	cfg->batch_max = cfg->batch_min + rnd(12);
	cfg->batch_bytes = chance(70) ? 0 : 50 + rnd(1000);
	cfg->batch_cost = chance(70) ? 0 : 5 + rnd(40);
	cfg->priority_burst = 1 + rnd(6);
	cfg->ttl = chance(70) ? 0 : rnd(40 * MS);
	cfg->ack_timeout = chance(70) ? 0 : 1 + rnd(30 * MS);
	if (cfg->delivery == WEIR_DELIVERY_FANOUT)
		cfg->ack_timeout = 0;
	cfg->linger = lingers[rnd(ARRAY_SIZE(lingers))];
	cfg->policy = rnd(WEIR_NR_POLICIES);
	cfg->max_attempts = 1 + rnd(6);
	cfg->redeliver_max = 1 + rnd(20);
	cfg->backoff_min = rnd(10);
	cfg->backoff_max = cfg->backoff_min + rnd(30);
	cfg->dead_max = rnd(30);
	cfg->state = WEIR_CHANNEL_STATE_RUNNING;
	if (chance(25))
		cfg->state = 1 + rnd(2);
}

static void configure(const struct weir_config *cfg)
{
	u64 before = m->cfg.ack_timeout;

	m->cfg = *cfg;
	if (before != cfg->ack_timeout)
		model_time_anew(m, before);
	world_configure(&w, &m->cfg);
}

static void do_configure(void)
{
	struct weir_config cfg = m->cfg;

	random_config(&cfg);
	configure(&cfg);
}

static void do_loads(void)
{
	world_lock(&w);
	weir_engine_loads(&w.e, 1 + rnd(100 * MS), w.now);
	world_unlock(&w);
}

static const struct {
	void (*run)(void);
	u32 weight;
} steps[] = {
	{ do_send, 20 }, { do_answer, 20 }, { do_read, 20 }, { do_enter, 40 },
	{ do_join, 4 }, { do_end, 2 }, { do_stop, 2 }, { do_by_hand, 5 },
	{ do_purge, 1 }, { do_time, 10 }, { do_configure, 2 }, { do_loads, 1 },
};

static void step(void)
{
	u32 i, sum = 0, at;

	for (i = 0; i < ARRAY_SIZE(steps); i++)
		sum += steps[i].weight;
	at = rnd(sum);
	for (i = 0; at >= steps[i].weight; i++)
		at -= steps[i].weight;
	steps[i].run();
	compare();
	check_relying();
	CHECK_EQ(nr_picked, 0);
	model_sweep(m);
}

/* ---- a whole run ---- */

/* Acks all that a worker has seen and not answered. */
static void ack_seen(struct user *u)
{
	const struct model_msg *x;
	struct model_entry *e;
	u32 i, k;

	for (i = 0; i < m->nr; i++) {
		x = &m->msg[i];
		for (k = 0; k < x->nr_hold; k++)
			if (x->hold[k].peer == u->c->p.id)
				break;
		if (x->state != INFLIGHT || k == x->nr_hold ||
		    (s32)(u->c->head - x->hold[k].pos) <= 0)
			continue;
		e = pend(u, WEIR_OP_ACK);
		if (!e)
			return;
		e->nr = 1;
		e->token[0] = x->hold[k].token;
		sqe_answer(u->c, WEIR_OP_ACK, e->token[0])->flags = e->flags;
	}
}

/* Who was told that it need not does not. */
static bool has_to_enter(const struct user *u)
{
	return weir_peer_works(&u->c->p) ||
	       u->c->ring.kflags & WEIR_RING_CQ_MORE ||
	       (u->c->ring.kflags & WEIR_RING_NEED_ENTER && !u->relies);
}

static void settle_round(void)
{
	struct user *u;

	for (u = user; u < user + CLIENTS; u++) {
		if (!u->c)
			continue;
		u->nr_tokens = 0;
		read_some(u, 1000);
		ack_seen(u);
		m->peer[u->c->p.id].stopped = false;
		if (weir_peer_works(&u->c->p))
			client_stop(u->c, false);
		if (has_to_enter(u))
			enter_user(u, true);
		compare();
		check_relying();
		model_sweep(m);
	}
	while (model_count(m, DEAD))
		do_purge();
	do_time();
	model_sweep(m);
}

static bool is_settled(void)
{
	const struct user *u;

	if (m->nr)
		return false;
	for (u = user; u < user + CLIENTS; u++)
		if (u->c && (m->peer[u->c->p.id].nr_pending ||
			     u->c->nr_free != u->c->max_free))
			return false;
	return true;
}

/* With all in good order, everything settles and every buffer comes back. */
static void settle(void)
{
	struct weir_config cfg = m->cfg;
	const struct user *u;
	u32 round;

	random_config(&cfg);
	cfg.state = WEIR_CHANNEL_STATE_RUNNING;
	cfg.messages = 100000;
	cfg.linger = 0;
	cfg.sender_max = 100;
	configure(&cfg);
	for (round = 0; !is_settled() && round < 1000; round++)
		settle_round();
	CHECK(is_settled());
	CHECK(weir_engine_empty(&w.e));
	CHECK_EQ(w.e.alarm, U64_MAX);
	for (u = user; u < user + CLIENTS; u++)
		if (u->c)
			CHECK_EQ(u->c->p.unsettled, 0);
}

/* ---- what has been reached ---- */

static struct model_counters sum;
static u64 starved, parked, deferred, dropped_parked, shares;

static void add_up(void)
{
#define X(field, attr, help) sum.field += w.e.c.field;
	WEIR_COUNTERS(X)
#undef X
	starved += m->seen.starved;
	parked += m->seen.parked;
	deferred += m->seen.deferred;
	dropped_parked += m->seen.dropped_parked;
	shares += m->seen.shares;
}

static void reached(const char *what, u64 n)
{
	printf("# %s: %llu\n", what, (unsigned long long)n);
	if (!n)
		unit_fail(__FILE__, __LINE__, "%s: never", what);
}

static void check_reached(void)
{
	/* It knows built-in policies alone, see hook_test.c, and no BPF programs. */
#define X(field, attr, help)						\
	if (strncmp(help, "reserved", 8) && strcmp(#field, "ring_errors") && \
	    !strstr(#field, "policy") && strncmp(#field, "fed", 3))	\
		reached(#field, sum.field);
	WEIR_COUNTERS(X)
#undef X
	reached("priority served because it was passed over", starved);
	reached("message that waited behind its key's leader", parked);
	reached("deferred send", deferred);
	reached("published without a call, and waiting", reliances);
	reached("message behind a leader dropped for a new one", dropped_parked);
	reached("sender's share used up", shares);
}

static void hooks(bool on)
{
	world_before_dispatch = on ? before_dispatch : NULL;
	world_after_dispatch = on ? after_dispatch : NULL;
	world_before_submit = on ? before_submit : NULL;
	world_after_submit = on ? after_submit : NULL;
	world_parked = on ? note_parked : NULL;
}

static void run(u64 seed)
{
	struct weir_config cfg = world_config;
	u32 i;

	state = seed * 0x9e3779b97f4a7c15ULL + 1;
	memset(m, 0, sizeof(*m));
	memset(user, 0, sizeof(user));
	m->pick_parked = pick_parked;
	cfg.delivery = chance(20) ? WEIR_DELIVERY_FANOUT : WEIR_DELIVERY_QUEUE;
	cfg.priorities = chance(30) ? 1 : 1 + rnd(8);
	random_config(&cfg);
	world_init(&w, &cfg);
	m->cfg = cfg;
	m->now = w.now;
	do_join();
	for (i = 0; i < STEPS; i++) {
		unit_note("SEED=%llu, step %u", (unsigned long long)seed, i);
		step();
	}
	unit_note("SEED=%llu, at the end", (unsigned long long)seed);
	if (any_user(false, true))
		settle();
	add_up();
	hooks(false);
	world_exit(&w);
	hooks(true);
}

TEST(engine_and_model_agree_under_random_use)
{
	u32 i, seeds = unit_rounds(150);

	m = malloc(sizeof(*m));
	b = malloc(sizeof(*b));
	CHECK(m && b);
	hooks(true);
	if (unit_seed()) {
		run(unit_seed());
	} else {
		for (i = 1; i <= seeds; i++)
			run(i);
		printf("# seeds 1..%u\n", seeds);
		check_reached();
	}
	free(m);
	free(b);
}
