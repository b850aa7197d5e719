// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings filled with anything: entries, tails and heads as the input has them. After each
 * step the whole engine must be consistent and its books balanced, and at the end
 * every buffer comes back.
 */
#include "fuzz.h"
#include "world.h"

#define CLIENTS	4
#define RING	16

static struct world w;
static struct client *client[CLIENTS];

static u64 near_a_buffer(struct client *c, struct food *f)
{
	const struct weir_block *b;
	u64 addr = 0;

	list_for_each_entry(b, &c->p.blocks, link)
		addr = b->addr;
	return addr + eat_u8(f) * 256 + (eat_u8(f) & 3);
}

/* An entry: either all from the input, or one that may well be right. */
static void fill_entry(struct client *c, struct food *f)
{
	u8 how = eat_u8(f), at = eat_u8(f);
	struct weir_sqe *s;

	/* Most often the one that is published next. */
	s = &c->sqes[(at & 0xc0 ? c->tail : at) % RING];

	if (how == 255) {
		eat(f, s, sizeof(*s));
		return;
	}
	memset(s, 0, sizeof(*s));
	s->op = how & 8 ? WEIR_OP_SEND : how & 7;
	if (s->op == WEIR_OP_SEND) {
		s->len = 1 + eat_u8(f);
		s->addr = near_a_buffer(c, f);
		s->key = how & 16 ? eat_u8(f) & 3 : 0;
		s->flags = how & 32 ? WEIR_SQE_RESULT : 0;
		s->defer_ms = how & 64 ? eat_u8(f) & 7 : 0;
	} else {
		s->nr = s->op == WEIR_OP_REJECT ? eat_u8(f) & 3 : 1 + eat_u8(f) % 14;
		s->token[0] = c->cqes[eat_u8(f) % RING].token;
		s->token[1] = eat_u32(f);
		if (s->op == WEIR_OP_REJECT)
			s->len = eat_u8(f);
	}
}

static void move_words(struct client *c, struct food *f)
{
	u8 how = eat_u8(f);

	if (how == 255)
		c->tail = eat_u32(f);
	else if ((how & 3) == 3)
		c->tail = c->p.rings.sq_head + (eat_u8(f) & 31);
	else
		c->tail++;
	publish(c);
	if (how & 4)
		c->ring.ucq_head = how & 8 ? eat_u32(f) :
				   c->p.rings.cq_tail - (eat_u8(f) & 15);
	if (how & 16)
		c->ring.ucq_low = eat_u32(f);
	/* The rest is the kernel's; what stands there must not matter. */
	if (how & 32)
		c->ring.ksq_head = eat_u32(f);
	if (how & 64)
		c->ring.kcq_tail = eat_u32(f);
}

static void enter_some(struct client *c, struct food *f)
{
	u8 how = eat_u8(f);

	if (how & 1)
		enter_want_n(c, how >> 1);
	else
		enter_max(c, how >> 1);
}

static void configure(struct food *f)
{
	struct weir_config cfg = w.e.cfg;

	cfg.messages = 1 + eat_u8(f) % 40;
	cfg.overflow = eat_u8(f) & 3;
	cfg.inflight = eat_u8(f) % 20;
	cfg.batch = eat_u8(f) % 20;
	cfg.sender_max = 1 + eat_u8(f) % 100;
	cfg.state = eat_u8(f) % 3;
	world_configure(&w, &cfg);
}

static struct client *join(u8 role)
{
	struct client *c = client_new(&w, 1 + role % 3, RING, RING, 8);

	if (weir_peer_sends(&c->p))
		client_grant(c, role >> 2 & 1);
	return c;
}

/* Whoever works on a message reads so far, and no further. */
static void check_bounds(void)
{
	const struct weir_block *b;
	u32 i, k;

	for (i = 0; i < w.nr_blocks; i++) {
		b = w.blocks[i];
		for (k = 0; k < b->nr; k++)
			if (b->msgs[k].state != WEIR_MSG_USER)
				CHECK_LE(b->msgs[k].off + b->msgs[k].len,
					 weir_class_size(b->cls));
	}
}

static void step(struct food *f)
{
	u8 what = eat_u8(f);
	struct client **c = &client[what >> 6];

	if (!*c) {
		*c = join(what);
		return;
	}
	switch (what & 15) {
	case 0 ... 5:
		fill_entry(*c, f);
		move_words(*c, f);
		break;
	case 6 ... 9:
		enter_some(*c, f);
		break;
	case 10:
		world_tick(&w, (eat_u8(f) & 31) * MS);
		break;
	case 11:
		configure(f);
		break;
	case 12:
		client_end(*c, what & 16 ? WEIR_END_DEATH : WEIR_END_DETACH);
		*c = NULL;
		break;
	case 13:
		client_stop(*c, what & 16);
		break;
	default:
		fill_entry(*c, f);
		break;
	}
	CHECK(weir_engine_balanced(&w.e));
	check_bounds();
}

static void end_all(void)
{
	u32 i;

	for (i = 0; i < CLIENTS; i++)
		if (client[i])
			client_end(client[i], WEIR_END_DEATH);
	memset(client, 0, sizeof(client));
	world_lock(&w);
	weir_ledger_purge(&w.e, WEIR_MESSAGE_STATE_READY, U32_MAX);
	weir_ledger_purge(&w.e, WEIR_MESSAGE_STATE_DELAYED, U32_MAX);
	weir_ledger_purge(&w.e, WEIR_MESSAGE_STATE_DEAD, U32_MAX);
	world_unlock(&w);
	CHECK(weir_engine_empty(&w.e));
	CHECK_EQ(w.nr_blocks, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct food f = { data, size };
	struct weir_config cfg = world_config;
	u32 steps = 0;

	cfg.priorities = 1 + (eat_u8(&f) & 7);
	cfg.delivery = eat_u8(&f) & 1;
	cfg.max_attempts = 2;
	cfg.backoff_min = 1;
	cfg.backoff_max = 5;
	world_init(&w, &cfg);
	while (f.left && steps++ < 400)
		step(&f);
	end_all();
	world_exit(&w);
	return 0;
}
