// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

struct fixture {
	struct weir_ring ring;
	struct weir_sqe sqes[8];
	struct weir_cqe cqes[8];
	struct weir_rings r;
};

/* Both rings stand at @at. */
static void fixture_init(struct fixture *f, u32 at)
{
	memset(f, 0, sizeof(*f));
	f->r.shared = &f->ring;
	f->r.sqes = f->sqes;
	f->r.cqes = f->cqes;
	f->r.sq_entries = 8;
	f->r.cq_entries = 8;
	f->r.sq_head = at;
	f->r.cq_head = at;
	f->r.cq_tail = at;
	f->ring.usq_tail = at;
	f->ring.ksq_head = at;
	f->ring.kcq_tail = at;
	f->ring.ucq_head = at;
}

TEST(pending_is_tail_minus_head)
{
	struct fixture f;

	fixture_init(&f, 5);
	CHECK_EQ(weir_ring_pending(&f.r), 0);
	f.ring.usq_tail = 8;
	CHECK_EQ(weir_ring_pending(&f.r), 3);
	f.ring.usq_tail = 13;
	CHECK_EQ(weir_ring_pending(&f.r), 8);
}

TEST(impossible_tail_is_EPROTO)
{
	struct fixture f;

	fixture_init(&f, 5);
	f.ring.usq_tail = 14;
	CHECK_EQ(weir_ring_pending(&f.r), -EPROTO);
	f.ring.usq_tail = 4;
	CHECK_EQ(weir_ring_pending(&f.r), -EPROTO);
	f.ring.usq_tail = U32_MAX;
	CHECK_EQ(weir_ring_pending(&f.r), -EPROTO);
	f.ring.usq_tail = 5 + (1U << 31);
	CHECK_EQ(weir_ring_pending(&f.r), -EPROTO);
	CHECK_EQ(f.ring.ksq_head, 5);
}

TEST(shown_heads_are_never_read_back)
{
	struct fixture f;

	fixture_init(&f, 5);
	f.ring.usq_tail = 7;
	f.ring.ksq_head = 1000;
	f.ring.kcq_tail = 1000;
	CHECK_EQ(weir_ring_pending(&f.r), 2);
	weir_ring_consume(&f.r, 2);
	CHECK_EQ(f.ring.ksq_head, 7);
	weir_ring_publish(&f.r, 1);
	CHECK_EQ(f.ring.kcq_tail, 6);
}

TEST(submission_wraps_at_2_to_32)
{
	struct weir_sqe copy;
	struct fixture f;
	u32 i, at;

	fixture_init(&f, U32_MAX - 2);
	for (i = 0; i < 8; i++) {
		at = f.r.sq_head + i;
		f.sqes[at & 7].user_data = 100 + i;
	}
	f.ring.usq_tail = f.r.sq_head + 8;
	CHECK_EQ(weir_ring_pending(&f.r), 8);
	for (i = 0; i < 8; i++) {
		weir_ring_peek(&f.r, i, &copy);
		CHECK_EQ(copy.user_data, 100 + i);
	}
	weir_ring_consume(&f.r, 5);
	CHECK_EQ(f.r.sq_head, 2);
	CHECK_EQ(f.ring.ksq_head, 2);
	CHECK_EQ(weir_ring_pending(&f.r), 3);
	weir_ring_peek(&f.r, 0, &copy);
	CHECK_EQ(copy.user_data, 105);
}

TEST(completion_wraps_at_2_to_32)
{
	bool lie = false;
	struct fixture f;

	fixture_init(&f, U32_MAX - 2);
	CHECK_EQ(weir_ring_slot(&f.r, 4) - f.cqes, (U32_MAX - 2 + 4) & 7);
	weir_ring_publish(&f.r, 8);
	CHECK_EQ(f.r.cq_tail, 5);
	CHECK_EQ(weir_ring_unread(&f.r, &lie), 8);
	f.ring.ucq_head = U32_MAX;
	CHECK_EQ(weir_ring_unread(&f.r, &lie), 6);
	f.ring.ucq_head = 3;
	CHECK_EQ(weir_ring_unread(&f.r, &lie), 2);
	f.ring.ucq_head = 5;
	CHECK_EQ(weir_ring_unread(&f.r, &lie), 0);
	CHECK(!lie);
}

TEST(lying_head_counts_for_nothing)
{
	static const u32 lies[] = { 9, 15, 1000, 19, U32_MAX, 1U << 31 };
	struct fixture f;
	bool lie;
	u32 i;

	fixture_init(&f, 10);
	weir_ring_publish(&f.r, 4);
	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		lie = false;
		f.ring.ucq_head = lies[i];
		CHECK_EQ(weir_ring_unread(&f.r, &lie), 4);
		CHECK(lie);
		CHECK_EQ(f.r.cq_head, 10);
	}
	lie = false;
	f.ring.ucq_head = 12;
	CHECK_EQ(weir_ring_unread(&f.r, &lie), 2);
	CHECK(!lie);
	/* Going back is a lie as well: what was given up stays given up. */
	f.ring.ucq_head = 11;
	CHECK_EQ(weir_ring_unread(&f.r, &lie), 2);
	CHECK(lie);
}

TEST(flags_are_shown)
{
	struct fixture f;

	fixture_init(&f, 0);
	weir_ring_flag(&f.r, WEIR_RING_NEED_ENTER, true);
	weir_ring_flag(&f.r, WEIR_RING_CQ_MORE, true);
	CHECK_EQ(f.ring.kflags, WEIR_RING_NEED_ENTER | WEIR_RING_CQ_MORE);
	f.ring.kflags = 0;	/* the user's scribble is not read */
	weir_ring_flag(&f.r, WEIR_RING_NEED_ENTER, false);
	CHECK_EQ(f.ring.kflags, WEIR_RING_CQ_MORE);
	f.r.shared = NULL;
	weir_ring_flag(&f.r, WEIR_RING_DEAD, true);
}

TEST(impossible_tail_consumes_nothing)
{
	struct client *c;
	struct world w;

	world_init(&w, NULL);
	c = producer(&w);
	c->tail += 1000;
	CHECK_EQ(enter(c), -EPROTO);
	CHECK_EQ(c->ring.ksq_head, 0);
	CHECK_EQ(w.e.c.ring_errors, 1);
	CHECK_EQ(w.e.c.accepted, 0);
	c->tail = 0;
	send_one(c);
	CHECK_EQ(w.e.c.accepted, 1);
	world_exit(&w);
}

TEST(lying_head_fills_only_its_own_ring)
{
	struct client *p, *liar, *honest;
	struct world w;

	world_init(&w, NULL);
	p = producer(&w);
	liar = client_new(&w, WEIR_ROLE_WORK, 8, 8, 8);
	/* It says that it has read what was never written. */
	liar->ring.ucq_head = 100000;
	send_many(p, 8);
	CHECK_EQ(liar->p.tags.used, 8);
	CHECK_LT(0, w.e.c.ring_errors);
	honest = client_new(&w, WEIR_ROLE_WORK, 8, 8, 8);
	send_many(p, 8);
	CHECK_EQ(liar->p.tags.used, 8);
	CHECK_EQ(honest->p.tags.used, 8);
	world_exit(&w);
}

/* Runs a sender and a worker far beyond the wrap of all four indices. */
TEST(messages_flow_across_the_wrap)
{
	u32 start = U32_MAX - 100, i, k;
	struct client *p, *v;
	struct world w;

	world_init(&w, NULL);
	p = client_new(&w, WEIR_ROLE_SEND, 8, 8, 1);
	v = client_new(&w, WEIR_ROLE_WORK, 8, 8, 8);
	p->tail = start;
	p->p.rings.sq_head = start;
	v->tail = start;
	v->p.rings.sq_head = start;
	p->ring.ksq_head = start;
	v->ring.ksq_head = start;
	p->head = start;
	p->p.rings.cq_head = start;
	p->p.rings.cq_tail = start;
	p->ring.ucq_head = start;
	p->ring.kcq_tail = start;
	v->head = start;
	v->p.rings.cq_head = start;
	v->p.rings.cq_tail = start;
	v->ring.ucq_head = start;
	v->ring.kcq_tail = start;
	for (i = 0; i < 100; i++) {
		send_many(p, 5);
		for (k = 0; k < 5; k++)
			sqe_answer(v, WEIR_OP_ACK, msg_get(v).token);
		CHECK_EQ(enter(v), 5);
		CHECK_EQ(returns_get(p), 5);
	}
	CHECK_EQ(w.e.c.acked, 500);
	CHECK_EQ(w.e.c.ring_errors, 0);
	world_exit(&w);
}
