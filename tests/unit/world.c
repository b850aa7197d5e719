// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

int port_user_allocs = -1;
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

const struct weir_config world_config = {
	.memory_max = 64 << 20,
	.messages = 65536,
	.message_max = 1 << 20,
	.overflow = WEIR_OVERFLOW_BLOCK,
	.inflight = 64,
	.batch = 64,
	.policy = WEIR_POLICY_LEAST_LOADED,
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

static void after(struct world *w)
{
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

/* Time goes on, and the timer runs if it was armed for it. */
void world_tick(struct world *w, u64 ns)
{
	u32 n;

	w->now += ns;
	for (n = 0; w->e.alarm <= w->now; n++) {
		CHECK_LT(n, 1000);	/* the timer would never rest */
		world_lock(w);
		weir_engine_tick(&w->e, w->now);
		weir_engine_unlock(&w->e);
		after(w);
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

static void check_lane(const struct weir_lane *l)
{
	const struct weir_msg *m;
	u64 last = 0, n = 0;

	list_for_each_entry(m, &l->fifo, link) {
		CHECK_EQ(m->state, WEIR_MSG_READY);
		CHECK_EQ(m->flags, WEIR_MSG_FIFO);
		CHECK_EQ(m->deliveries, 0);
		CHECK_LT(last, m->seq);
		last = m->seq;
		n++;
	}
	CHECK_EQ(n, l->nr_fifo);
	CHECK_EQ(tree_length(&l->redo, WEIR_MSG_READY), l->nr_redo);
	CHECK_EQ(tree_length(&l->suspect, WEIR_MSG_READY), l->nr_suspect);
	CHECK_EQ(tree_length(&l->delayed, WEIR_MSG_DELAYED), l->nr_delayed);
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

static u64 count_unsettled(struct world *w, struct client *c)
{
	const struct weir_block *b;
	u64 n = 0;
	u32 i, k;

	for (i = 0; i < w->nr_blocks; i++) {
		b = w->blocks[i];
		for (k = 0; b->owner == &c->p && k < b->nr; k++)
			n += b->msgs[k].state >= WEIR_MSG_READY &&
			     b->msgs[k].state <= WEIR_MSG_INFLIGHT;
	}
	return n;
}

static u32 list_length(const struct list_head *head)
{
	const struct list_head *p;
	u32 n = 0;

	list_for_each(p, head)
		n++;
	return n;
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
	for (c = w->clients; c; c = c->next) {
		CHECK(!c->p.waking);
		CHECK(list_empty(&c->p.dirty_link));
		returns += list_length(&c->p.returns);
		if (c->p.gone) {
			CHECK_EQ(c->p.tags.used, 0);
			CHECK(list_empty(&c->p.blocks));
			continue;
		}
		CHECK_EQ(count_unsettled(w, c), c->p.unsettled);
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
	CHECK_EQ(nr[WEIR_MSG_INFLIGHT], e->nr_inflight);
	CHECK_EQ(nr[WEIR_MSG_DEAD], e->nr_dead);
	CHECK_EQ(nr[WEIR_MSG_RETURN], returns);
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
	CHECK_EQ(e->alarm, weir_dispatch_alarm(e));
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
