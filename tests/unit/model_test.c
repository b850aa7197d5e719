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
};

/* How things were when a hand-out began. */
struct before {
	struct model_msg *line[MODEL_MSGS];	/* those that may go together */
	u64 id[MODEL_MSGS];
	u32 nr_line;
	u64 alone[MODEL_MSGS];
	u32 nr_alone;
	bool released;
	u32 tail[MODEL_PEERS];
	u32 held[MODEL_PEERS];
	bool single[MODEL_PEERS];
	bool reserved[MODEL_PEERS];
};

static struct world w;
static struct model *m;
static struct before *b;
static struct user user[CLIENTS];
static struct client *wanting;	/* enters and waits for messages */
static void (*second_phase)(void);
static u32 hand_outs;
static u64 state;

static u32 rnd(u32 below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % below;
}

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

static void compare_msg(const struct model_msg *x)
{
	static const u8 state_of[] = {
		[READY] = WEIR_MSG_READY, [DELAYED] = WEIR_MSG_DELAYED,
		[INFLIGHT] = WEIR_MSG_INFLIGHT, [DEAD] = WEIR_MSG_DEAD,
	};
	const struct weir_msg *msg = engine_msg(x);

	CHECK_EQ(msg->seq, x->id);
	CHECK_EQ(msg->state, state_of[x->state]);
	CHECK_EQ(msg->len, x->len);
	CHECK_EQ(msg->attempts, x->attempts);
	CHECK_EQ(msg->deliveries, x->deliveries);
	CHECK_EQ(msg->t_submit, x->since);
	CHECK_EQ(msg->blk->owner ? msg->blk->owner->id : 0, x->sender);
	if (x->state == INFLIGHT) {
		CHECK_EQ(msg->holder->id, x->holder);
		CHECK_EQ(msg->token, x->token);
	} else if (x->state == DELAYED) {
		CHECK_EQ(msg->due, x->due);
	} else if (x->state == DEAD) {
		CHECK_EQ(msg->reason, x->reason);
	}
}

static void compare_tree(struct rb_root_cached *tree, int way)
{
	struct model_msg *line[MODEL_MSGS];
	u32 i = 0, n = model_line(m, way, line);
	struct rb_node *node;

	for (node = rb_first_cached(tree); node; node = rb_next(node)) {
		CHECK_LT(i, n);
		CHECK_EQ(rb_entry(node, struct weir_msg, node)->seq,
			 line[i]->id);
		i++;
	}
	CHECK_EQ(i, n);
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
		if (!p->here)
			continue;
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
	CHECK_EQ(w.e.nr_inflight, model_count(m, INFLIGHT));
	CHECK_EQ(w.e.nr_dead, model_count(m, DEAD));
	compare_tree(&w.e.lane.suspect, ALONE);
	n = model_dead(m, line);
	compare_list(&w.e.dead, line, n);
	compare_counters();
	compare_peers();
	CHECK(weir_engine_balanced(&w.e));
	CHECK(model_balanced(m));
}

/* ---- hand-outs ---- */

static bool holds_suspect(u32 id)
{
	u32 i;

	for (i = 0; i < m->nr; i++)
		if (m->msg[i].state == INFLIGHT && m->msg[i].holder == id &&
		    m->msg[i].way == ALONE)
			return true;
	return false;
}

static void before_dispatch(struct weir_engine *e)
{
	struct client *c;
	u32 i, id;

	(void)e;
	if (second_phase && hand_outs++) {
		second_phase();
		second_phase = NULL;
	}
	if (wanting && !unread(wanting))
		m->peer[wanting->p.id].want = true;
	compare();
	b->nr_alone = model_line(m, ALONE, b->line);
	for (i = 0; i < b->nr_alone; i++)
		b->alone[i] = b->line[i]->id;
	b->nr_line = model_line(m, AGAIN, b->line);
	b->nr_line += model_line(m, FRESH, b->line + b->nr_line);
	for (i = 0; i < b->nr_line; i++)
		b->id[i] = b->line[i]->id;
	b->released = model_released(m);
	for (c = w.clients; c; c = c->next) {
		id = c->p.id;
		b->tail[id] = c->ring.kcq_tail;
		b->held[id] = model_held(m, id);
		b->single[id] = holds_suspect(id);
		b->reserved[id] = c->p.reserved;
	}
}

static u32 limit(u32 id)
{
	return min(m->peer[id].limit, m->cfg.inflight);
}

static void check_cqe(const struct weir_cqe *cqe, const struct model_msg *x)
{
	CHECK_EQ(cqe->type, WEIR_CQE_MSG);
	CHECK_EQ(cqe->addr, x->addr);
	CHECK_EQ(cqe->len, x->len);
	CHECK_EQ(cqe->attempts, x->attempts + 1);
	CHECK_EQ(!!(cqe->flags & WEIR_CQE_REDELIVERED), x->deliveries > 0);
}

/* The place of a message among those that could go; it must be there. */
static u32 place(const u64 *ids, u32 n, u64 id)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (ids[i] == id)
			return i;
	unit_fail(__FILE__, __LINE__, "message %llu was not ready",
		  (unsigned long long)id);
}

/* May this worker have been given these @n messages? Marks them in @got. */
static void check_worker(struct client *c, u32 n, bool *got_alone, bool *got)
{
	u32 id = c->p.id, at, last = 0, i, pos;
	const struct weir_cqe *cqe;
	struct model_msg *x;

	CHECK(m->peer[id].here && m->peer[id].works && !m->peer[id].stopped);
	CHECK_EQ(m->cfg.state == WEIR_CHANNEL_STATE_PAUSED, 0);
	CHECK(!b->single[id]);
	CHECK_LE(b->held[id] + n, limit(id));
	CHECK(!b->held[id] || !b->reserved[id]);
	for (i = 0; i < n; i++) {
		pos = b->tail[id] + i;
		cqe = &c->cqes[pos & (c->p.rings.cq_entries - 1)];
		x = model_msg(m, cqe->seq);
		CHECK(x);
		check_cqe(cqe, x);
		if (x->way == ALONE) {
			CHECK_EQ(b->held[id] + n, 1);
			got_alone[place(b->alone, b->nr_alone, x->id)] = true;
		} else {
			CHECK(b->released);
			CHECK(!b->held[id] || m->peer[id].want ||
			      b->nr_alone + b->nr_line >= m->cfg.batch);
			at = place(b->id, b->nr_line, x->id);
			CHECK(!i || at > last);
			last = at;
			got[at] = true;
		}
		model_deliver(m, id, cqe->seq, cqe->token, pos);
	}
	m->peer[id].want = false;
}

/* What was taken of a line is its beginning. Return: how many. */
static u32 check_prefix(const bool *got, u32 n)
{
	u32 i, k;

	for (i = 0; i < n && got[i]; i++)
		;
	for (k = i; k < n; k++)
		CHECK(!got[k]);
	return i;
}

static bool has_room(struct client *c)
{
	u32 id = c->p.id, held = model_held(m, id);
	const struct model_peer *p = &m->peer[id];

	return p->here && p->works && !p->stopped && !holds_suspect(id) &&
	       held < limit(id) && unread(c) < c->p.rings.cq_entries;
}

/* Nothing may be left for which there is a worker. */
static void check_complete(u32 alone_left, u32 left)
{
	bool released = model_released(m);
	struct client *c;
	bool idle;

	if (m->cfg.state == WEIR_CHANNEL_STATE_PAUSED)
		return;
	for (c = w.clients; c; c = c->next) {
		if (!has_room(c))
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
		CHECK_LT(alone_left + left, m->cfg.batch);
	}
}

static void after_dispatch(struct weir_engine *e)
{
	bool got_alone[MODEL_MSGS] = { false }, got[MODEL_MSGS] = { false };
	u32 n, alone, normal;
	struct client *c;

	(void)e;
	for (c = w.clients; c; c = c->next) {
		n = c->ring.kcq_tail - b->tail[c->p.id];
		if (n)
			check_worker(c, n, got_alone, got);
	}
	alone = check_prefix(got_alone, b->nr_alone);
	normal = check_prefix(got, b->nr_line);
	check_complete(b->nr_alone - alone, b->nr_line - normal);
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
	switch (rnd(5)) {
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
	}
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
		if (chance(5))
			spoil_send(e, s);
		if (s->addr != e->addr)	/* the buffer is not on its way */
			u->c->free[u->c->nr_free++] = e->addr;
	}
	if (u)
		publish(u->c);
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
		WEIR_OP_RELEASE, WEIR_OP_REJECT,
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
	if (e->op == WEIR_OP_FAIL || e->op == WEIR_OP_RELEASE)
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
	u32 n;

	if (want && weir_peer_works(&u->c->p))
		wanting = u->c;
	n = model_enter(m, u->c->p.id,
			u->c->p.rings.cq_entries - unread(u->c), false);
	CHECK_EQ(want ? enter_want(u->c) : enter(u->c), n);
	wanting = NULL;
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
	model_enter(m, ending->p.id, 0, true);
	second_phase = model_ends;
	hand_outs = 0;
	client_end(ending, ending_dies ? WEIR_END_DEATH : WEIR_END_DETACH);
	CHECK(!second_phase);
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
		did = model_kill(m, id);
		CHECK_EQ(weir_ledger_kill(&w.e, msg, w.now), did);
		break;
	case 1:
		did = model_requeue(m, id);
		CHECK_EQ(weir_ledger_requeue(&w.e, msg), did);
		break;
	case 2:
		did = model_release(m, id);
		CHECK_EQ(weir_ledger_release(&w.e, msg, w.now), did);
		break;
	}
	world_unlock(&w);
}

static void do_purge(void)
{
	bool dead = chance(50);
	u32 max = 1 + rnd(chance(20) ? 100 : 3), n;

	world_lock(&w);
	n = model_purge(m, dead, max);
	CHECK_EQ(weir_ledger_purge(&w.e, dead ? WEIR_MESSAGE_STATE_DEAD :
				   WEIR_MESSAGE_STATE_READY, max), n);
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
	cfg->overflow = rnd(2);
	cfg->inflight = 1 + rnd(20);
	cfg->batch = 1 + rnd(16);
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

static void do_configure(void)
{
	random_config(&m->cfg);
	world_configure(&w, &m->cfg);
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
	model_sweep(m);
}

/* ---- a whole run ---- */

/* Acks all that a worker has seen and not answered. */
static void ack_seen(struct user *u)
{
	const struct model_msg *x;
	struct model_entry *e;
	u32 i;

	for (i = 0; i < m->nr; i++) {
		x = &m->msg[i];
		if (x->state != INFLIGHT || x->holder != u->c->p.id ||
		    (s32)(u->c->head - x->pos) <= 0)
			continue;
		e = pend(u, WEIR_OP_ACK);
		if (!e)
			return;
		e->nr = 1;
		e->token[0] = x->token;
		sqe_answer(u->c, WEIR_OP_ACK, x->token)->flags = e->flags;
	}
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
		enter_user(u, true);
		compare();
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
	const struct user *u;
	u32 round;

	random_config(&m->cfg);
	m->cfg.state = WEIR_CHANNEL_STATE_RUNNING;
	m->cfg.messages = 100000;
	m->cfg.linger = 0;
	world_configure(&w, &m->cfg);
	for (round = 0; !is_settled() && round < 1000; round++)
		settle_round();
	CHECK(is_settled());
	CHECK(weir_engine_empty(&w.e));
	CHECK_EQ(w.e.alarm, U64_MAX);
	for (u = user; u < user + CLIENTS; u++)
		if (u->c)
			CHECK_EQ(u->c->p.unsettled, 0);
}

static void run(u64 seed)
{
	struct weir_config cfg = world_config;
	u32 i;

	state = seed * 0x9e3779b97f4a7c15ULL + 1;
	memset(m, 0, sizeof(*m));
	memset(user, 0, sizeof(user));
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
	world_before_dispatch = NULL;
	world_after_dispatch = NULL;
	world_exit(&w);
	world_before_dispatch = before_dispatch;
	world_after_dispatch = after_dispatch;
}

TEST(engine_and_model_agree_under_random_use)
{
	u32 i, seeds = unit_rounds(400);

	m = malloc(sizeof(*m));
	b = malloc(sizeof(*b));
	CHECK(m && b);
	world_before_dispatch = before_dispatch;
	world_after_dispatch = after_dispatch;
	if (unit_seed()) {
		run(unit_seed());
	} else {
		for (i = 1; i <= seeds; i++)
			run(i);
		printf("# seeds 1..%u\n", seeds);
	}
	free(m);
	free(b);
}
