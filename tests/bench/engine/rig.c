// SPDX-License-Identifier: GPL-2.0-only
#include "rig.h"

#include <stdarg.h>

#define SQ_ENTRIES	256
#define MSG_BYTES	64

int port_user_allocs = -1;
u64 port_user_clock;

void rig_fail(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "engine: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

static void *zalloc(size_t size)
{
	void *p = aligned_alloc(64, (size + 63) & ~63UL);

	if (!p)
		rig_fail("no memory");
	return memset(p, 0, size);
}

/* The defaults of weir.yaml but for what the load asks. */
static void configure(struct weir_config *cfg, const struct load *load)
{
	*cfg = (struct weir_config){
		.memory_max = 64 << 20,
		.messages = 65536,
		.message_max = 1 << 20,
		.overflow = WEIR_OVERFLOW_BLOCK,
		.inflight = load->batch,
		.batch = load->batch,
		.batch_min = 1,
		.batch_max = 256,
		.priorities = load->priorities,
		.priority_burst = 64,
		.delivery = WEIR_DELIVERY_QUEUE,
		.zerocopy = 1,
		.sender_max = 100,
		.clients_max = 1024,
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
}

static void join(struct rig *r, struct side *s, u32 id, u32 role, u32 cq,
		 u32 inflight)
{
	struct weir_peer *p = &s->p;

	s->sqes = zalloc(SQ_ENTRIES * sizeof(*s->sqes));
	s->cqes = zalloc(cq * sizeof(*s->cqes));
	s->tokens = zalloc(inflight * sizeof(*s->tokens));
	weir_peer_init(p, &r->e, id, role);
	weir_tags_init(&p->tags, zalloc(inflight * sizeof(struct weir_tag)),
		       inflight);
	p->limit_max = inflight;
	p->stage = zalloc(WEIR_STAGE_MAX * sizeof(*p->stage));
	p->rings.shared = &s->ring;
	p->rings.sqes = s->sqes;
	p->rings.cqes = s->cqes;
	p->rings.sq_entries = SQ_ENTRIES;
	p->rings.cq_entries = cq;
	weir_engine_lock(&r->e, &r->wake);
	weir_engine_add_peer(&r->e, p, r->now);
	weir_engine_unlock(&r->e);
	rig_wake(r);
}

static void part(struct side *s)
{
	free(s->sqes);
	free(s->cqes);
	free(s->tokens);
	free(s->p.tags.tag);
	free(s->p.stage);
}

/* One block of the smallest class for the sender. */
static void grant(struct rig *r, u32 slot)
{
	struct weir_block *b = zalloc(sizeof(*b)), **leaf;
	u32 i;

	b->nr = weir_block_bufs(0);
	b->addr = weir_slot_addr(0, slot);
	b->msgs = zalloc(b->nr * sizeof(*b->msgs));
	for (i = 0; i < b->nr; i++)
		b->msgs[i].blk = b;
	leaf = r->map.leaf[0][slot >> WEIR_LEAF_SHIFT];
	if (!leaf)
		leaf = zalloc(WEIR_LEAF_SIZE * sizeof(*leaf));
	leaf[slot & (WEIR_LEAF_SIZE - 1)] = b;
	r->map.leaf[0][slot >> WEIR_LEAF_SHIFT] = leaf;
	spin_lock(&r->sender.p.sq_lock);
	weir_engine_lock(&r->e, &r->wake);
	weir_engine_own(&r->e, &r->sender.p, b);
	weir_engine_unlock(&r->e);
	spin_unlock(&r->sender.p.sq_lock);
	for (i = 0; i < b->nr; i++)
		r->free[r->nr_free++] = weir_msg_buf(&b->msgs[i]);
}

struct rig *rig_new(const struct load *load, u32 sender_cq)
{
	struct rig *r = zalloc(sizeof(*r));
	/* Each worker's share, and a batch under way on either side. */
	u32 need = (load->workers + 2) * load->batch;
	u32 blocks = DIV_ROUND_UP(need, weir_block_bufs(0)), i;
	struct weir_config cfg;

	r->load = *load;
	r->now = 1000000000;
	configure(&cfg, load);
	weir_engine_init(&r->e, &cfg, &r->map);
	join(r, &r->sender, 1, WEIR_ROLE_SEND, sender_cq, 1);
	r->workers = zalloc(load->workers * sizeof(*r->workers));
	for (i = 0; i < load->workers; i++)
		join(r, &r->workers[i], i + 2, WEIR_ROLE_WORK, 256,
		     load->batch);
	r->nr_bufs = blocks * weir_block_bufs(0);
	r->free = zalloc(r->nr_bufs * sizeof(*r->free));
	for (i = 0; i < blocks; i++)
		grant(r, i);
	return r;
}

static void free_blocks(struct rig *r)
{
	struct weir_block **leaf, *b;
	u32 l, i;

	for (l = 0; l < WEIR_LEAVES; l++) {
		leaf = r->map.leaf[0][l];
		for (i = 0; leaf && i < WEIR_LEAF_SIZE; i++) {
			b = leaf[i];
			if (b)
				free(b->msgs);
			free(b);
		}
		free(leaf);
	}
}

void rig_free(struct rig *r)
{
	u32 i;

	free_blocks(r);
	part(&r->sender);
	for (i = 0; i < r->load.workers; i++)
		part(&r->workers[i]);
	free(r->workers);
	free(r->free);
	free(r);
}

/* Without what else a new configuration does. */
void rig_pause(struct rig *r, bool pause)
{
	weir_engine_lock(&r->e, &r->wake);
	r->e.cfg.state = pause ? WEIR_CHANNEL_STATE_PAUSED :
				 WEIR_CHANNEL_STATE_RUNNING;
	weir_engine_unlock(&r->e);
}

/* ---- user sides ---- */

static struct weir_sqe *next_sqe(struct side *s, u8 op)
{
	struct weir_sqe *sqe = &s->sqes[s->tail++ & (SQ_ENTRIES - 1)];

	memset(sqe, 0, sizeof(*sqe));
	sqe->op = op;
	return sqe;
}

static void publish(struct side *s)
{
	/* Pairs with the acquire load in weir_ring_pending(). */
	smp_store_release(&s->ring.usq_tail, s->tail);
}

/* @plain: without key and priority. */
void rig_write_sends(struct rig *r, u32 n, bool plain)
{
	const struct load *l = &r->load;
	struct weir_sqe *s;
	u64 key;

	while (n--) {
		if (!r->nr_free)
			rig_fail("no buffer came back");
		s = next_sqe(&r->sender, WEIR_OP_SEND);
		s->addr = r->free[--r->nr_free];
		s->len = MSG_BYTES;
		s->user_data = r->sent++;
		if (plain)
			continue;
		key = l->keys ? r->sent % l->keys : r->sent;
		s->key = l->keys ? key + 1 : 0;
		s->prio = key % l->priorities;
	}
	publish(&r->sender);
}

/* Each fills one place of the sender's completion ring. */
void rig_write_nops(struct rig *r, u32 n)
{
	while (n--)
		next_sqe(&r->sender, WEIR_OP_NOP)->flags = WEIR_SQE_RESULT;
	publish(&r->sender);
}

/* For all that it holds. */
void rig_write_acks(struct side *s)
{
	struct weir_sqe *sqe;
	u32 done = 0, n;

	while (done < s->nr_tokens) {
		n = min_t(u32, s->nr_tokens - done, WEIR_VEC_MAX);
		sqe = next_sqe(s, WEIR_OP_ACK);
		sqe->nr = n;
		memcpy(sqe->token, s->tokens + done, n * sizeof(u32));
		done += n;
	}
	s->nr_tokens = 0;
	publish(s);
}

static void read_one(struct rig *r, struct side *s, const struct weir_cqe *cqe)
{
	u32 i;

	switch (cqe->type) {
	case WEIR_CQE_MSG:
		s->tokens[s->nr_tokens++] = cqe->token;
		break;
	case WEIR_CQE_RETURN:
		for (i = 0; i < cqe->nr; i++)
			r->free[r->nr_free++] = (u64)cqe->buf[i] *
						WEIR_BUF_UNIT;
		break;
	default:
		if (cqe->res)
			rig_fail("op %u refused: %s", cqe->op,
				 strerror(-cqe->res));
	}
}

void rig_read(struct rig *r, struct side *s)
{
	/* Pairs with the release store in weir_ring_publish(). */
	u32 tail = smp_load_acquire(&s->ring.kcq_tail);

	while (s->head != tail)
		read_one(r, s, &s->cqes[s->head++ &
					(s->p.rings.cq_entries - 1)]);
	/* Pairs with the acquire load in weir_ring_unread(). */
	smp_store_release(&s->ring.ucq_head, s->head);
}

/* ---- the kernel's side ---- */

int rig_enter(struct rig *r, struct side *s, u32 want)
{
	int n;

	spin_lock_bh(&s->p.sq_lock);
	n = weir_engine_submit(&r->e, &s->p, U32_MAX, want, false, r->now,
			       &r->wake);
	spin_unlock_bh(&s->p.sq_lock);
	return n;
}

void rig_finish(struct rig *r)
{
	weir_engine_lock(&r->e, &r->wake);
	weir_engine_finish(&r->e, r->now);
	weir_engine_unlock(&r->e);
}

void rig_wake(struct rig *r)
{
	struct weir_peer *p = r->wake.peers, *next;

	for (; p; p = next) {
		next = p->wake_next;
		/* Pairs with weir_engine_wake_peer(). */
		smp_store_release(&p->waking, false);
	}
	memset(&r->wake, 0, sizeof(r->wake));
	r->now += 1000;
}

/* The rig never copies. */
void weir_port_copy(struct weir_msg *to, const struct weir_msg *from)
{
	(void)to;
	(void)from;
	abort();
}
