// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

int port_user_allocs = -1;
u64 port_user_clock;
void (*world_before_dispatch)(struct weir_engine *e);
void (*world_after_dispatch)(struct weir_engine *e);

/* The linker puts __wrap in the place of the engine's own, see Makefile. */
void __real_weir_dispatch(struct weir_engine *e, u64 now);
void __wrap_weir_dispatch(struct weir_engine *e, u64 now);

void __wrap_weir_dispatch(struct weir_engine *e, u64 now)
{
	lockdep_assert_held(&e->lock);
	if (world_before_dispatch)
		world_before_dispatch(e);
	__real_weir_dispatch(e, now);
	if (world_after_dispatch)
		world_after_dispatch(e);
}

void (*world_before_submit)(struct weir_peer *p, u32 want, bool force);
void (*world_after_submit)(struct weir_peer *p, int n);

int __real_weir_engine_submit(struct weir_engine *e, struct weir_peer *p,
			      u32 max, u32 want, bool force, u64 now,
			      struct weir_wake *wake);
int __wrap_weir_engine_submit(struct weir_engine *e, struct weir_peer *p,
			      u32 max, u32 want, bool force, u64 now,
			      struct weir_wake *wake);

int __wrap_weir_engine_submit(struct weir_engine *e, struct weir_peer *p,
			      u32 max, u32 want, bool force, u64 now,
			      struct weir_wake *wake)
{
	int n;

	lockdep_assert_held(&p->sq_lock);
	if (world_before_submit)
		world_before_submit(p, want, force);
	n = __real_weir_engine_submit(e, p, max, want, force, now, wake);
	if (world_after_submit)
		world_after_submit(p, n);
	return n;
}

void (*world_parked)(const struct weir_msg *msg);

struct weir_msg *__real_weir_key_parked(struct weir_keys *k);
struct weir_msg *__wrap_weir_key_parked(struct weir_keys *k);

struct weir_msg *__wrap_weir_key_parked(struct weir_keys *k)
{
	struct weir_msg *msg = __real_weir_key_parked(k);

	if (world_parked && msg)
		world_parked(msg);
	return msg;
}

const struct weir_config world_config = {
	.memory_max = 64 << 20,
	.messages = 65536,
	.message_max = 1 << 20,
	.overflow = WEIR_OVERFLOW_BLOCK,
	.inflight = 64,
	.batch = 64,
	.batch_min = 1,
	.batch_max = 256,
	.priorities = 1,
	.priority_burst = 64,
	.sender_max = 100,
	.zerocopy = 1,
	.policy = WEIR_POLICY_LEAST_LOADED,
	.policy_errors = 64,
	.policy_budget = 100000,
	.weight_load = 700,
	.weight_queue = 300,
	.load_interval = 100,
	.max_attempts = 5,
	.backoff_min = 100,
	.backoff_max = 30000,
	.dead_max = 10000,
	.redeliver_max = 1000,
};

static void *zalloc(size_t size)
{
	void *p = calloc(1, size);

	CHECK(p);
	return p;
}

/* ---- world ---- */

void world_init(struct world *w, const struct weir_config *cfg)
{
	memset(w, 0, sizeof(*w));
	w->now = 1000000000;
	w->e.lane.keys.seed = 0x1234567;
	weir_engine_init(&w->e, cfg ? cfg : &world_config, &w->map);
}

static void wake_peers(struct weir_peer *p)
{
	struct weir_peer *next;

	for (; p; p = next) {
		next = p->wake_next;
		WRITE_ONCE(p->waking, false);
		container_of(p, struct client, p)->nr_woken++;
	}
}

static void free_block(struct world *w, struct weir_block *b)
{
	u32 zone = b->addr >> WEIR_ZONE_SHIFT, i;
	u32 slot = (b->addr - weir_slot_addr(zone, 0)) >> weir_zone_shift(zone);

	w->map.leaf[zone][slot >> WEIR_LEAF_SHIFT]
		[slot & (WEIR_LEAF_SIZE - 1)] = NULL;
	for (i = 0; w->blocks[i] != b; i++)
		;
	w->blocks[i] = w->blocks[--w->nr_blocks];
	free(b->msgs);
	free(b);
	w->freed++;
}

static void reclaim(struct world *w)
{
	struct weir_block *b, *next;
	u32 i;

	list_for_each_entry_safe(b, next, &w->e.orphans, link) {
		CHECK(!b->owner);
		CHECK_EQ(b->busy, 0);
		for (i = 0; i < b->nr; i++)
			CHECK_EQ(b->msgs[i].state, WEIR_MSG_USER);
		list_del_init(&b->link);
		free_block(w, b);
	}
}

void world_wake(struct world *w, struct weir_wake *wake)
{
	wake_peers(wake->peers);
	wake->peers = NULL;
	if (!wake->orphans)
		return;
	spin_lock(&w->e.lock);
	reclaim(w);
	spin_unlock(&w->e.lock);
}

void world_lock(struct world *w)
{
	weir_engine_lock(&w->e, &w->wake);
}

#define SWEEPS	32	/* looks in one go, as few as will show the rest */

/* Looks at the rings of senders that were promised it. */
static void sweep(struct world *w)
{
	u32 looks = SWEEPS;

	while (weir_promise_sweep(&w->e, w->now, &w->wake))
		if (!--looks) {
			weir_promise_later(&w->e, w->now, &w->wake);
			break;
		}
}

static void after(struct world *w)
{
	if (w->wake.sweep || w->wake.look)
		sweep(w);
	world_wake(w, &w->wake);
	world_check(w);
}

void world_unlock(struct world *w)
{
	weir_engine_finish(&w->e, w->now);
	weir_engine_unlock(&w->e);
	after(w);
}

void world_configure(struct world *w, const struct weir_config *cfg)
{
	world_lock(w);
	weir_engine_configure(&w->e, cfg, w->now);
	weir_engine_unlock(&w->e);
	after(w);
}

void world_state(struct world *w, u32 state)
{
	struct weir_config cfg = w->e.cfg;

	cfg.state = state;
	world_configure(w, &cfg);
}

void world_tick_once(struct world *w)
{
	world_lock(w);
	weir_engine_tick(&w->e, w->now);
	weir_engine_unlock(&w->e);
	after(w);
}

/* Time goes on, and the timer runs if it was armed for it. */
void world_tick(struct world *w, u64 ns)
{
	u32 n;

	w->now += ns;
	for (n = 0; w->e.alarm <= w->now; n++) {
		CHECK_LT(n, 1000);	/* the timer would never rest */
		world_tick_once(w);
	}
}

/* The message with this id, wherever it is; NULL if it has left. */
struct weir_msg *world_msg(struct world *w, u64 seq)
{
	struct weir_msg *m;
	u32 i, k;

	for (i = 0; i < w->nr_blocks; i++)
		for (k = 0; k < w->blocks[i]->nr; k++) {
			m = &w->blocks[i]->msgs[k];
			if (m->seq == seq && m->state >= WEIR_MSG_READY &&
			    m->state <= WEIR_MSG_DEAD)
				return m;
		}
	return NULL;
}

/* ---- consistency ---- */

static u32 tree_length(const struct rb_root_cached *tree, u8 state)
{
	struct rb_node *n, *first = rb_first(&tree->rb_root);
	u64 last_due = 0, last_seq = 0;
	const struct weir_msg *m;
	u32 len = 0;

	CHECK(first == tree->rb_leftmost);
	for (n = first; n; n = rb_next(n), len++) {
		m = rb_entry(n, struct weir_msg, node);
		CHECK_EQ(m->state, state);
		CHECK(!(m->flags & WEIR_MSG_FIFO));
		if (state == WEIR_MSG_READY) {
			CHECK_LT(last_seq, m->seq);
		} else {
			CHECK_LE(last_due, m->due);
			CHECK(last_due < m->due || last_seq < m->seq);
		}
		last_seq = m->seq;
		last_due = state == WEIR_MSG_DELAYED ? m->due : 0;
	}
	return len;
}

static u32 list_length(const struct list_head *head)
{
	const struct list_head *p;
	u32 n = 0;

	list_for_each(p, head)
		n++;
	return n;
}

/* Those of one priority that may go; adds up what they amount to. */
static void check_queue(const struct weir_lane *l, u32 prio, u64 sum[3])
{
	const struct weir_queue *q = &l->prio[prio];
	const struct weir_msg *m;
	struct rb_node *node;
	u64 last = 0, n = 0;

	list_for_each_entry(m, &q->fifo, link) {
		CHECK_EQ(m->state, WEIR_MSG_READY);
		CHECK_EQ(m->flags & ~WEIR_MSG_LEADER, WEIR_MSG_FIFO);
		CHECK_EQ(!!(m->flags & WEIR_MSG_LEADER), !!m->key);
		CHECK_EQ(m->deliveries, 0);
		CHECK_EQ(m->prio, prio);
		CHECK_LT(last, m->seq);
		last = m->seq;
		sum[1] += m->len;
		sum[2] += m->cost;
		n++;
	}
	n += tree_length(&q->redo, WEIR_MSG_READY);
	for (node = rb_first(&q->redo.rb_root); node; node = rb_next(node)) {
		m = rb_entry(node, struct weir_msg, node);
		CHECK_EQ(m->prio, prio);
		CHECK_EQ(!!(m->flags & WEIR_MSG_LEADER), !!m->key);
		CHECK(!(m->flags & (WEIR_MSG_PARKED | WEIR_MSG_SUSPECT)));
		sum[1] += m->len;
		sum[2] += m->cost;
	}
	sum[0] += n;
	CHECK_EQ(!!(l->busy >> prio & 1), !!n);
	if (!n)
		CHECK_EQ(q->passed, 0);
}

static void check_lane(const struct weir_lane *l)
{
	u64 sum[3] = { 0 };
	u32 i;

	for (i = 0; i < WEIR_PRIORITIES_MAX; i++)
		check_queue(l, i, sum);
	CHECK_EQ(sum[0], l->nr_waiting);
	CHECK_EQ(sum[1], l->bytes);
	CHECK_EQ(sum[2], l->cost);
	CHECK_EQ(tree_length(&l->suspect, WEIR_MSG_READY), l->nr_suspect);
	CHECK_EQ(tree_length(&l->delayed, WEIR_MSG_DELAYED), l->nr_delayed);
}

/* Those that are watched for their deadline are those that wait, no others. */
static void check_expiry(struct world *w)
{
	const struct rb_root_cached *tree = &w->e.lane.expiry;
	struct rb_node *node, *first = rb_first(&tree->rb_root);
	const struct weir_block *b;
	const struct weir_msg *m;
	u32 n = 0, watched = 0, i, k;
	u64 last = 0;

	CHECK(first == tree->rb_leftmost);
	for (node = first; node; node = rb_next(node)) {
		m = rb_entry(node, struct weir_msg, expiry);
		CHECK(m->state == WEIR_MSG_READY ||
		      m->state == WEIR_MSG_DELAYED);
		CHECK(last <= m->deadline);
		last = m->deadline;
		watched++;
	}
	for (i = 0; i < w->nr_blocks; i++) {
		b = w->blocks[i];
		for (k = 0; k < b->nr; k++) {
			m = &b->msgs[k];
			n += m->deadline && (m->state == WEIR_MSG_READY ||
					     m->state == WEIR_MSG_DELAYED);
		}
	}
	CHECK_EQ(n, watched);
}

/* Each key in use has one leader, and all that are parked are behind one. */
static void check_keys(const struct weir_keys *k)
{
	const struct weir_msg *leader, *other, *m;
	static u32 checks;
	u64 parked = 0;
	u32 i;

	/* The table is large, and each look at it takes as long. */
	if (checks++ % 16)
		return;
	for (i = 0; i < ARRAY_SIZE(k->bucket); i++)
		hlist_for_each_entry(leader, &k->bucket[i], bucket) {
			CHECK(leader->flags & WEIR_MSG_LEADER);
			CHECK(leader->key);
			CHECK(leader->state == WEIR_MSG_READY ||
			      leader->state == WEIR_MSG_DELAYED ||
			      leader->state == WEIR_MSG_INFLIGHT);
			hlist_for_each_entry(other, &k->bucket[i], bucket)
				CHECK(other == leader ||
				      other->key != leader->key);
			list_for_each_entry(m, &leader->chain, link) {
				CHECK_EQ(m->state, WEIR_MSG_READY);
				CHECK_EQ(m->flags, WEIR_MSG_PARKED);
				CHECK_EQ(m->key, leader->key);
				parked++;
			}
		}
	CHECK_EQ(parked, k->nr_parked);
}

/* What policy.c says of a worker's place, worked out from the start. */
static u32 choice_of(const struct weir_peer *p)
{
	if (p->stopped || p->late || p->alone || p->tags.used >= p->limit)
		return WEIR_CHOICE_NONE;
	if (p->tags.used && p->reserved)
		return WEIR_CHOICE_NONE;
	return !p->tags.used || p->want ? WEIR_CHOICE_NOW : WEIR_CHOICE_BATCH;
}

static u32 score_of(const struct weir_config *cfg, const struct weir_peer *p)
{
	u64 worst = 1000ULL * (cfg->weight_load + cfg->weight_queue);
	u64 s = cfg->weight_load * min(p->load, 1000ULL) +
		cfg->weight_queue * (p->tags.used * 1000 / p->limit);

	if (cfg->policy == WEIR_POLICY_LEAST_LOADED)
		s = worst ? s * (WEIR_SCORES - 1) / worst : 0;
	else if (cfg->policy == WEIR_POLICY_LEAST_INFLIGHT ||
		 cfg->policy == WEIR_POLICY_KEY_HASH)
		s = p->tags.used;
	else
		s = 0;
	return s < WEIR_SCORES ? s : WEIR_SCORES - 1;
}

/* A worker that is not about to be placed anew is where it belongs. */
static void check_place(const struct weir_engine *e, const struct weir_peer *p)
{
	if (p->stale)
		return;
	if (p->choice == WEIR_CHOICE_NONE) {
		/* Its ring was full when it was about to be chosen. */
		CHECK(choice_of(p) == WEIR_CHOICE_NONE ||
		      p->rings.kflags & WEIR_RING_CQ_MORE);
		return;
	}
	CHECK_EQ(p->choice, choice_of(p));
	CHECK_EQ(p->score, score_of(&e->cfg, p));
}

static void check_policy(const struct weir_engine *e)
{
	const struct weir_choice *c;
	const struct weir_peer *p;
	u32 i, s, nr, stale = 0, placed = 0;

	for (i = 0; i < WEIR_NR_CHOICES; i++) {
		c = &e->open[i];
		for (s = nr = 0; s < WEIR_SCORES; s++) {
			CHECK_EQ(c->used >> s & 1, !list_empty(&c->workers[s]));
			list_for_each_entry(p, &c->workers[s], choice_link) {
				CHECK(!p->gone && weir_peer_works(p));
				CHECK_EQ(p->choice, i);
				CHECK_EQ(p->score, s);
				nr++;
			}
		}
		CHECK_EQ(nr, c->nr);
		placed += nr;
	}
	list_for_each_entry(p, &e->stale, stale_link) {
		CHECK(p->stale && !p->gone);
		stale++;
	}
	list_for_each_entry(p, &e->workers, work_link) {
		check_place(e, p);
		placed -= p->choice != WEIR_CHOICE_NONE;
		stale -= p->stale;
	}
	CHECK_EQ(placed, 0);
	CHECK_EQ(stale, 0);
}

/* A worker to which a message that came now would go. */
static bool takes_at_once(const struct client *c)
{
	return weir_peer_works(&c->p) && !c->p.gone &&
	       choice_of(&c->p) == WEIR_CHOICE_NOW &&
	       !(c->p.rings.kflags & WEIR_RING_CQ_MORE);
}

/*
 * Who need not call can be sure that somebody comes; and nobody who relies on
 * it is left with a message that could go.
 */
static void check_promises(struct world *w)
{
	const struct weir_engine *e = &w->e;
	u32 nr = list_length(&e->promised);
	const struct client *c, *v;

	CHECK_EQ(nr, e->nr_promised);
	for (c = w->clients; c; c = c->next) {
		nr -= c->p.promised;
		if (!c->p.rings.shared || c->p.gone)
			CHECK(!c->p.promised);
		if (!c->p.rings.shared)
			continue;
		CHECK_EQ(c->ring.kflags, c->p.rings.kflags);
		if (c->ring.kflags & WEIR_RING_NEED_ENTER || c->p.gone)
			continue;
		CHECK(c->p.promised);
		CHECK_EQ(c->p.role, WEIR_ROLE_SEND);
		CHECK(e->nr_busy && !e->closed);
		CHECK_EQ(e->cfg.state, WEIR_CHANNEL_STATE_RUNNING);
		CHECK_EQ(e->cfg.delivery, WEIR_DELIVERY_QUEUE);
		for (v = w->clients; v; v = v->next)
			CHECK(!takes_at_once(v));
	}
	CHECK_EQ(nr, 0);
}

static u32 check_tags(struct client *c)
{
	const struct weir_tags *t = &c->p.tags;
	u32 i, used = 0, unused = 0;

	for (i = 0; i < t->nr; i++) {
		if (!t->tag[i].msg)
			continue;
		used++;
		CHECK_EQ(t->tag[i].msg->state, WEIR_MSG_INFLIGHT);
		t->tag[i].msg->pad++;	/* for check_holders() */
		if (weir_fanout(&c->w->e)) {
			CHECK(!t->tag[i].msg->holder);
			continue;
		}
		CHECK(t->tag[i].msg->holder == &c->p);
		CHECK(weir_tag_find(&c->p.tags, t->tag[i].msg->token) ==
		      &t->tag[i]);
	}
	for (i = t->free; i < t->nr; i = t->tag[i].next_free)
		CHECK_LE(++unused, t->nr);
	CHECK_EQ(used, t->used);
	CHECK_EQ(used + unused, t->nr);
	if (c->p.alone)
		CHECK_EQ(used, 1);
	return used;
}

/* Messages of each state, and that their number in the block is right. */
static void check_blocks(struct world *w, u32 nr[])
{
	const struct weir_block *b;
	const struct weir_msg *m;
	u32 i, k, busy;

	for (i = 0; i < w->nr_blocks; i++) {
		b = w->blocks[i];
		for (k = busy = 0; k < b->nr; k++) {
			m = &b->msgs[k];
			nr[m->state]++;
			CHECK(m->state != WEIR_MSG_STAGED);
			busy += m->state != WEIR_MSG_USER;
			if (m->state != WEIR_MSG_INFLIGHT)
				CHECK(m->state == WEIR_MSG_USER || !m->holder);
		}
		CHECK_EQ(busy, b->busy);
	}
}

/* Each message is held as often as it says, check_tags() has counted. */
static void check_holders(struct world *w)
{
	struct weir_msg *m;
	u32 i, k;

	for (i = 0; i < w->nr_blocks; i++)
		for (k = 0; k < w->blocks[i]->nr; k++) {
			m = &w->blocks[i]->msgs[k];
			if (m->state != WEIR_MSG_INFLIGHT)
				CHECK_EQ(m->pad, 0);
			else
				CHECK_EQ(m->pad, weir_fanout(&w->e) ?
					 m->refs : 1);
			m->pad = 0;
		}
}

/* Of a sender's messages: those not settled, and those that wait. */
static void check_sender(struct world *w, struct client *c)
{
	u64 unsettled = 0, queued = 0;
	const struct weir_block *b;
	u32 i, k, state;

	for (i = 0; i < w->nr_blocks; i++) {
		b = w->blocks[i];
		for (k = 0; b->owner == &c->p && k < b->nr; k++) {
			state = b->msgs[k].state;
			unsettled += state >= WEIR_MSG_READY &&
				     state <= WEIR_MSG_INFLIGHT;
			queued += state == WEIR_MSG_READY ||
				  state == WEIR_MSG_DELAYED;
		}
	}
	CHECK_EQ(unsettled, c->p.unsettled);
	CHECK_EQ(queued, c->p.queued);
}

void world_check(struct world *w)
{
	u32 nr[WEIR_MSG_RETURN + 1] = { 0 };
	u32 inflight = 0, busy = 0, workers = 0, senders = 0, returns = 0;
	struct weir_engine *e = &w->e;
	struct client *c;
	u32 n, i;

	CHECK(weir_engine_balanced(e));
	check_lane(&e->lane);
	check_blocks(w, nr);
	check_expiry(w);
	check_keys(&e->lane.keys);
	check_policy(e);
	check_promises(w);
	for (c = w->clients; c; c = c->next) {
		CHECK(!c->p.waking);
		CHECK(list_empty(&c->p.dirty_link));
		returns += list_length(&c->p.returns);
		if (c->p.gone) {
			CHECK_EQ(c->p.tags.used, 0);
			CHECK(list_empty(&c->p.blocks));
			continue;
		}
		check_sender(w, c);
		if (weir_peer_sends(&c->p) && !c->p.kernel)
			senders++;
		if (!weir_peer_works(&c->p))
			continue;
		workers++;
		n = check_tags(c);
		inflight += n;
		busy += !!n;
	}
	CHECK_EQ(nr[WEIR_MSG_READY], weir_lane_ready(&e->lane));
	CHECK_EQ(nr[WEIR_MSG_DELAYED], e->lane.nr_delayed);
	if (!weir_fanout(e))
		CHECK_EQ(nr[WEIR_MSG_INFLIGHT], e->nr_inflight);
	CHECK_EQ(nr[WEIR_MSG_DEAD], e->nr_dead);
	CHECK_EQ(nr[WEIR_MSG_RETURN], returns);
	check_holders(w);
	CHECK_EQ(inflight, e->nr_inflight);
	CHECK_EQ(list_length(&e->dead), e->nr_dead);
	for (i = 0; i < WEIR_NR_CLASSES; i++)
		CHECK_EQ(list_length(&e->idle[i]), e->nr_idle[i]);
	CHECK_EQ(list_length(&e->peers), e->nr_peers);
	CHECK_EQ(list_length(&e->workers), e->nr_workers);
	CHECK_EQ(workers, e->nr_workers);
	CHECK_EQ(senders, e->nr_senders);
	CHECK_EQ(busy, e->nr_busy);
	CHECK(list_empty(&e->dirty));
	CHECK_EQ(e->held, !weir_engine_empty(e));
	CHECK_EQ(e->alarm, min(weir_dispatch_alarm(e), e->sweep_at));
}

/* ---- clients ---- */

static struct client *new_peer(struct world *w, u32 role, u32 inflight)
{
	struct client *c = zalloc(sizeof(*c));

	c->w = w;
	c->next = w->clients;
	w->clients = c;
	weir_peer_init(&c->p, &w->e, ++w->next_id, role);
	c->tags = zalloc(inflight * sizeof(*c->tags));
	weir_tags_init(&c->p.tags, c->tags, inflight);
	c->p.limit_max = inflight;
	return c;
}

struct client *client_new(struct world *w, u32 role, u32 sq, u32 cq,
			  u32 inflight)
{
	struct client *c = new_peer(w, role, inflight);

	c->sqes = zalloc(sq * sizeof(*c->sqes));
	c->cqes = zalloc(cq * sizeof(*c->cqes));
	c->p.stage = zalloc(WEIR_STAGE_MAX * sizeof(*c->p.stage));
	c->p.rings.shared = &c->ring;
	c->p.rings.sqes = c->sqes;
	c->p.rings.cqes = c->cqes;
	c->p.rings.sq_entries = sq;
	c->p.rings.cq_entries = cq;
	world_lock(w);
	weir_engine_add_peer(&w->e, &c->p, w->now);
	world_unlock(w);
	return c;
}

/* The kernel's own sender, which is in no list, or a reader. */
struct client *client_kernel(struct world *w, u32 role)
{
	struct client *c = new_peer(w, role, 1);

	c->p.kernel = true;
	if (role == WEIR_ROLE_SEND)
		return c;
	world_lock(w);
	weir_engine_add_peer(&w->e, &c->p, w->now);
	world_unlock(w);
	return c;
}

struct client *producer(struct world *w)
{
	struct client *c = client_new(w, WEIR_ROLE_SEND, 256, 512, 256);

	client_grant(c, 0);
	return c;
}

struct client *worker(struct world *w)
{
	return client_new(w, WEIR_ROLE_WORK, 256, 512, 256);
}

bool client_end(struct client *c, enum weir_end how)
{
	bool ended = weir_engine_end(&c->w->e, &c->p, how, c->w->now,
				     &c->w->wake);

	after(c->w);
	return ended;
}

static struct weir_block *new_block(struct world *w, u32 cls)
{
	u32 i, zone = weir_zone_of_class(cls), slot = w->next_slot[zone]++;
	struct weir_block *b = zalloc(sizeof(*b)), **leaf;

	b->cls = cls;
	b->nr = weir_block_bufs(cls);
	b->addr = weir_slot_addr(zone, slot);
	b->msgs = zalloc(b->nr * sizeof(*b->msgs));
	for (i = 0; i < b->nr; i++)
		b->msgs[i].blk = b;
	leaf = w->map.leaf[zone][slot >> WEIR_LEAF_SHIFT];
	if (!leaf)
		leaf = zalloc(WEIR_LEAF_SIZE * sizeof(*leaf));
	leaf[slot & (WEIR_LEAF_SIZE - 1)] = b;
	w->map.leaf[zone][slot >> WEIR_LEAF_SHIFT] = leaf;
	CHECK_LT(w->nr_blocks, ARRAY_SIZE(w->blocks));
	w->blocks[w->nr_blocks++] = b;
	return b;
}

struct weir_block *client_grant(struct client *c, u32 cls)
{
	struct world *w = c->w;
	struct weir_block *b;
	u32 i;

	spin_lock(&c->p.sq_lock);
	world_lock(w);
	b = new_block(w, cls);
	weir_engine_own(&w->e, &c->p, b);
	weir_engine_unlock(&w->e);
	spin_unlock(&c->p.sq_lock);
	if (c->p.kernel)
		return b;
	c->max_free += b->nr;
	c->free = realloc(c->free, c->max_free * sizeof(*c->free));
	CHECK(c->free);
	for (i = b->nr; i-- > 0; )
		c->free[c->nr_free++] = weir_msg_buf(&b->msgs[i]);
	return b;
}

int client_giveback(struct client *c, struct weir_block *b)
{
	struct world *w = c->w;
	int err;

	spin_lock(&c->p.sq_lock);
	world_lock(w);
	err = weir_engine_disown(&w->e, &c->p, b);
	weir_engine_unlock(&w->e);
	spin_unlock(&c->p.sq_lock);
	if (!err)
		free_block(w, b);
	after(w);
	return err;
}

void client_stop(struct client *c, bool stop)
{
	world_lock(c->w);
	weir_engine_stop(&c->w->e, &c->p, stop);
	world_unlock(c->w);
}

static void free_client(struct client *c)
{
	free(c->sqes);
	free(c->cqes);
	free(c->tags);
	free(c->p.stage);
	free(c->free);
	free(c);
}

/* Ends all clients and throws all messages away: nothing may be left over. */
void world_exit(struct world *w)
{
	struct client *c, *next;
	u32 k, zone;

	for (c = w->clients; c; c = c->next)
		if (!c->p.kernel || weir_peer_works(&c->p))
			client_end(c, WEIR_END_DETACH);
	world_lock(w);
	while (weir_ledger_purge(&w->e, WEIR_MESSAGE_STATE_READY, 100))
		;
	while (weir_ledger_purge(&w->e, WEIR_MESSAGE_STATE_DEAD, 100))
		;
	world_unlock(w);
	CHECK(weir_engine_empty(&w->e));
	CHECK(list_empty(&w->e.peers));
	CHECK(list_empty(&w->e.workers));
	while (w->nr_blocks) {	/* the kernel's own sender's */
		CHECK_EQ(w->blocks[0]->busy, 0);
		CHECK(w->blocks[0]->owner && w->blocks[0]->owner->kernel);
		free_block(w, w->blocks[0]);
	}
	for (zone = 0; zone < WEIR_ZONES; zone++)
		for (k = 0; k < WEIR_LEAVES; k++)
			free(w->map.leaf[zone][k]);
	for (c = w->clients; c; c = next) {
		next = c->next;
		free_client(c);
	}
}

/* ---- user side: submission ---- */

u32 sq_space(struct client *c)
{
	/* Pairs with the kernel's release store in weir_ring_consume(). */
	u32 head = smp_load_acquire(&c->ring.ksq_head);

	return c->p.rings.sq_entries - (c->tail - head);
}

struct weir_sqe *sqe_next(struct client *c, u8 op)
{
	struct weir_sqe *s = &c->sqes[c->tail & (c->p.rings.sq_entries - 1)];

	CHECK(sq_space(c));
	c->tail++;
	memset(s, 0, sizeof(*s));
	s->op = op;
	return s;
}

void publish(struct client *c)
{
	/* Pairs with the kernel's acquire load in weir_ring_pending(). */
	smp_store_release(&c->ring.usq_tail, c->tail);
}

static int do_enter(struct client *c, u32 max, u32 want)
{
	int n;

	publish(c);
	spin_lock(&c->p.sq_lock);
	n = weir_engine_submit(&c->w->e, &c->p, max, want, false, c->w->now,
			       &c->w->wake);
	spin_unlock(&c->p.sq_lock);
	after(c->w);
	return n;
}

int enter(struct client *c)
{
	return do_enter(c, U32_MAX, 0);
}

int enter_max(struct client *c, u32 max)
{
	return do_enter(c, max, 0);
}

/* As one that waits for more messages. */
int enter_want(struct client *c)
{
	return do_enter(c, U32_MAX, 1);
}

/* As one that waits for so many completions. */
int enter_want_n(struct client *c, u32 want)
{
	return do_enter(c, U32_MAX, want);
}

u64 buf_take(struct client *c)
{
	if (!c->nr_free)
		client_grant(c, 0);
	return c->free[--c->nr_free];
}

struct weir_sqe *sqe_send(struct client *c, u32 len)
{
	struct weir_sqe *s = sqe_next(c, WEIR_OP_SEND);

	s->addr = buf_take(c);
	s->len = len;
	return s;
}

struct weir_sqe *sqe_answer(struct client *c, u8 op, u32 token)
{
	struct weir_sqe *s = sqe_next(c, op);

	s->nr = op != WEIR_OP_REJECT;
	s->token[0] = token;
	return s;
}

void send_one(struct client *c)
{
	send_many(c, 1);
}

void send_many(struct client *c, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		sqe_send(c, 100);
	CHECK_EQ(enter(c), n);
}

void answer_after(struct client *c, u8 op, u32 token, u32 ms)
{
	sqe_answer(c, op, token)->delay_ms = ms;
	CHECK_EQ(enter(c), 1);
}

void answer(struct client *c, u8 op, u32 token)
{
	answer_after(c, op, token, 0);
}

/* ---- user side: completion ---- */

u32 unread(struct client *c)
{
	/* Pairs with the kernel's release store in weir_ring_publish(). */
	return smp_load_acquire(&c->ring.kcq_tail) - c->head;
}

bool cqe_pop(struct client *c, struct weir_cqe *cqe)
{
	u32 i;

	if (!unread(c))
		return false;
	*cqe = c->cqes[c->head & (c->p.rings.cq_entries - 1)];
	/* Pairs with the kernel's acquire load in weir_ring_unread(). */
	smp_store_release(&c->ring.ucq_head, ++c->head);
	for (i = 0; cqe->type == WEIR_CQE_RETURN && i < cqe->nr; i++) {
		CHECK_LT(c->nr_free, c->max_free);
		c->free[c->nr_free++] = (u64)cqe->buf[i] * WEIR_BUF_UNIT;
	}
	return true;
}

struct weir_cqe cqe_get(struct client *c, u8 type)
{
	struct weir_cqe cqe;

	CHECK(cqe_pop(c, &cqe));
	CHECK_EQ(cqe.type, type);
	return cqe;
}

struct weir_cqe msg_get(struct client *c)
{
	return cqe_get(c, WEIR_CQE_MSG);
}

int result_get(struct client *c)
{
	return cqe_get(c, WEIR_CQE_RESULT).res;
}

u32 returns_get(struct client *c)
{
	u32 n = 0;

	while (unread(c))
		n += cqe_get(c, WEIR_CQE_RETURN).nr;
	return n;
}

void cqe_none(struct client *c)
{
	CHECK_EQ(unread(c), 0);
}

/* Payloads are not looked at here; what was copied is noted. */
void weir_port_copy(struct weir_msg *to, const struct weir_msg *from)
{
	CHECK_EQ(to->len, from->len);
}
