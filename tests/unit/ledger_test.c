// SPDX-License-Identifier: GPL-2.0-only
/* Every transition; world_check() looks at the identity after each. */
#include "world.h"

struct fixture {
	struct world w;
	struct client *p;
	struct client *v;
};

static void setup(struct fixture *f, const struct weir_config *cfg)
{
	world_init(&f->w, cfg);
	f->p = producer(&f->w);
	f->v = worker(&f->w);
}

static bool do_release(struct fixture *f, u64 seq)
{
	bool did;

	world_lock(&f->w);
	did = weir_ledger_release(&f->w.e, world_msg(&f->w, seq), f->w.now);
	world_unlock(&f->w);
	return did;
}

static bool do_requeue(struct fixture *f, u64 seq)
{
	bool did;

	world_lock(&f->w);
	did = weir_ledger_requeue(&f->w.e, world_msg(&f->w, seq));
	world_unlock(&f->w);
	return did;
}

static bool do_kill(struct fixture *f, u64 seq)
{
	bool did;

	world_lock(&f->w);
	did = weir_ledger_kill(&f->w.e, world_msg(&f->w, seq), f->w.now);
	world_unlock(&f->w);
	return did;
}

static u32 do_purge(struct fixture *f, u32 state, u32 max)
{
	u32 n;

	world_lock(&f->w);
	n = weir_ledger_purge(&f->w.e, state, max);
	world_unlock(&f->w);
	return n;
}

/* Four messages: 1 is inflight, 2 delayed, 3 dead, 4 ready. */
static void one_of_each(struct fixture *f)
{
	struct weir_cqe cqe;
	u32 i;

	for (i = 0; i < 3; i++)
		send_one(f->p);
	cqe = msg_get(f->v);
	CHECK_EQ(enter_want(f->v), 0);
	cqe = msg_get(f->v);
	answer_after(f->v, WEIR_OP_FAIL, cqe.token, 50);
	cqe = msg_get(f->v);
	answer(f->v, WEIR_OP_REJECT, cqe.token);
	client_stop(f->v, true);
	send_one(f->p);
	CHECK_EQ(world_msg(&f->w, 1)->state, WEIR_MSG_INFLIGHT);
	CHECK_EQ(world_msg(&f->w, 2)->state, WEIR_MSG_DELAYED);
	CHECK_EQ(world_msg(&f->w, 3)->state, WEIR_MSG_DEAD);
	CHECK_EQ(world_msg(&f->w, 4)->state, WEIR_MSG_READY);
}

TEST(release_by_hand_takes_from_a_worker_or_ends_a_delay)
{
	struct fixture f;

	setup(&f, NULL);
	one_of_each(&f);
	CHECK(do_release(&f, 1));
	CHECK_EQ(world_msg(&f.w, 1)->state, WEIR_MSG_READY);
	CHECK_EQ(world_msg(&f.w, 1)->attempts, 0);
	CHECK_EQ(f.w.e.c.taken, 1);
	CHECK(do_release(&f, 2));
	CHECK_EQ(world_msg(&f.w, 2)->state, WEIR_MSG_READY);
	CHECK_EQ(world_msg(&f.w, 2)->attempts, 1);
	CHECK(!do_release(&f, 3));
	CHECK(!do_release(&f, 4));
	CHECK_EQ(f.w.e.c.taken, 1);
	world_exit(&f.w);
}

TEST(only_the_dead_are_requeued_and_start_anew)
{
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f, NULL);
	one_of_each(&f);
	CHECK(!do_requeue(&f, 1));
	CHECK(!do_requeue(&f, 2));
	CHECK(!do_requeue(&f, 4));
	CHECK_EQ(f.p->p.settled_dead, 1);
	CHECK_EQ(f.p->p.unsettled, 3);
	CHECK(do_requeue(&f, 3));
	CHECK_EQ(f.p->p.settled_dead, 0);
	CHECK_EQ(f.p->p.unsettled, 4);
	CHECK_EQ(f.w.e.c.requeued, 1);
	CHECK_EQ(f.w.e.nr_dead, 0);
	client_stop(f.v, false);
	CHECK_EQ(enter_want(f.v), 0);
	cqe = msg_get(f.v);
	CHECK_EQ(cqe.seq, 3);
	CHECK_EQ(cqe.attempts, 1);
	world_exit(&f.w);
}

TEST(any_living_message_can_be_killed)
{
	struct fixture f;
	u64 seq;

	setup(&f, NULL);
	one_of_each(&f);
	CHECK(do_kill(&f, 1));
	CHECK(do_kill(&f, 2));
	CHECK(!do_kill(&f, 3));
	CHECK(do_kill(&f, 4));
	CHECK_EQ(f.w.e.nr_dead, 4);
	CHECK_EQ(f.w.e.c.died_killed, 3);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	for (seq = 1; seq <= 4; seq++)
		CHECK_EQ(world_msg(&f.w, seq)->reason, seq == 3 ?
			 WEIR_DEAD_REASON_REJECTED : WEIR_DEAD_REASON_KILLED);
	CHECK_EQ(f.p->p.unsettled, 0);
	CHECK_EQ(returns_get(f.p), 0);
	world_exit(&f.w);
}

TEST(purge_of_the_waiting_spares_inflight_and_dead)
{
	struct fixture f;

	setup(&f, NULL);
	one_of_each(&f);
	CHECK_EQ(do_purge(&f, WEIR_MESSAGE_STATE_READY, 100), 2);
	CHECK_EQ(f.w.e.c.purged, 2);
	CHECK_EQ(f.p->p.unsettled, 1);
	CHECK_EQ(returns_get(f.p), 2);
	CHECK(world_msg(&f.w, 1) && world_msg(&f.w, 3));
	CHECK_EQ(do_purge(&f, WEIR_MESSAGE_STATE_READY, 100), 0);
	world_exit(&f.w);
}

TEST(purge_of_the_dead_returns_their_buffers)
{
	struct fixture f;

	setup(&f, NULL);
	one_of_each(&f);
	CHECK_EQ(do_purge(&f, WEIR_MESSAGE_STATE_DEAD, 100), 1);
	CHECK_EQ(f.w.e.nr_dead, 0);
	CHECK_EQ(f.w.e.c.purged, 1);
	CHECK_EQ(f.p->p.unsettled, 3);
	CHECK_EQ(f.p->p.settled_dead, 1);
	CHECK_EQ(returns_get(f.p), 1);
	world_exit(&f.w);
}

TEST(purge_goes_in_steps)
{
	struct fixture f;

	setup(&f, NULL);
	client_stop(f.v, true);
	send_many(f.p, 10);
	CHECK_EQ(do_purge(&f, WEIR_MESSAGE_STATE_READY, 4), 4);
	CHECK(!world_msg(&f.w, 4) && world_msg(&f.w, 5));
	CHECK_EQ(do_purge(&f, WEIR_MESSAGE_STATE_READY, 4), 4);
	CHECK_EQ(do_purge(&f, WEIR_MESSAGE_STATE_READY, 4), 2);
	CHECK_EQ(f.w.e.c.purged, 10);
	world_exit(&f.w);
}

static void reject_next(struct fixture *f)
{
	struct weir_sqe *s = sqe_answer(f->v, WEIR_OP_REJECT,
					msg_get(f->v).token);

	s->len = 3;
	memcpy(s->reason, "bad", 3);
	CHECK_EQ(enter_want(f->v), 1);
}

TEST(oldest_dead_is_dropped_beyond_dead_max)
{
	struct weir_config cfg = world_config;
	struct fixture f;
	u32 i;

	cfg.dead_max = 3;
	setup(&f, &cfg);
	send_many(f.p, 5);
	for (i = 0; i < 5; i++)
		reject_next(&f);
	CHECK_EQ(f.w.e.nr_dead, 3);
	CHECK_EQ(f.w.e.c.dropped, 2);
	CHECK_EQ(f.w.e.c.died_rejected, 5);
	CHECK(!world_msg(&f.w, 2) && world_msg(&f.w, 3));
	CHECK_EQ(returns_get(f.p), 2);
	CHECK_EQ(f.p->p.settled_dead, 5);
	CHECK_EQ(f.p->p.unsettled, 0);
	world_exit(&f.w);
}

TEST(dead_max_0_keeps_none)
{
	struct weir_config cfg = world_config;
	struct fixture f;

	cfg.dead_max = 0;
	setup(&f, &cfg);
	send_one(f.p);
	reject_next(&f);
	CHECK_EQ(f.w.e.nr_dead, 0);
	CHECK_EQ(f.w.e.c.dropped, 1);
	CHECK(weir_engine_empty(&f.w.e));
	CHECK_EQ(returns_get(f.p), 1);
	world_exit(&f.w);
}

TEST(deaths_are_remembered_for_notification_up_to_a_number)
{
	struct weir_engine *e;
	struct fixture f;
	u32 i;

	setup(&f, NULL);
	e = &f.w.e;
	client_stop(f.v, true);
	send_many(f.p, WEIR_EVENTS + 10);
	CHECK(!f.w.wake.events);
	CHECK(do_kill(&f, 1));
	CHECK(f.w.wake.events);
	CHECK_EQ(e->ev_head - e->ev_tail, 1);
	CHECK_EQ(e->events[e->ev_tail % WEIR_EVENTS].seq, 1);
	CHECK_EQ(e->events[e->ev_tail % WEIR_EVENTS].len, 100);
	CHECK_EQ(e->events[e->ev_tail % WEIR_EVENTS].src, f.p->p.id);
	CHECK_EQ(e->events[e->ev_tail % WEIR_EVENTS].reason,
		 WEIR_DEAD_REASON_KILLED);
	for (i = 2; i <= WEIR_EVENTS + 10; i++)
		CHECK(do_kill(&f, i));
	CHECK_EQ(e->ev_head - e->ev_tail, WEIR_EVENTS);
	CHECK_EQ(e->ev_lost, 10);
	CHECK_EQ(e->events[e->ev_tail % WEIR_EVENTS].seq, 11);
	world_exit(&f.w);
}

TEST(sender_is_woken_when_its_last_message_settles)
{
	struct fixture f;
	u32 woken;

	setup(&f, NULL);
	client_stop(f.v, true);
	send_many(f.p, 3);
	CHECK(do_kill(&f, 1));
	CHECK(do_kill(&f, 2));
	woken = f.p->nr_woken;
	CHECK(do_kill(&f, 3));
	CHECK_EQ(f.p->nr_woken, woken + 1);
	world_exit(&f.w);
}

/* ---- buffers on their way back ---- */

TEST(returns_come_14_to_an_entry)
{
	struct weir_cqe cqe;
	struct fixture f;
	u32 i;

	setup(&f, NULL);
	client_stop(f.v, true);
	send_many(f.p, 30);
	do_purge(&f, WEIR_MESSAGE_STATE_READY, 100);
	CHECK_EQ(unread(f.p), 3);
	for (i = 0; i < 3; i++) {
		cqe = cqe_get(f.p, WEIR_CQE_RETURN);
		CHECK_EQ(cqe.nr, i < 2 ? 14 : 2);
	}
	CHECK_EQ(f.p->nr_free, 256);
	world_exit(&f.w);
}

TEST(returns_wait_for_room_in_the_owners_ring)
{
	struct client *p;
	struct fixture f;
	u32 i;

	setup(&f, NULL);
	client_stop(f.v, true);
	p = client_new(&f.w, WEIR_ROLE_SEND, 64, 2, 1);
	client_grant(p, 0);
	send_many(p, 40);
	CHECK(!(p->ring.kflags & WEIR_RING_CQ_MORE));
	do_purge(&f, WEIR_MESSAGE_STATE_READY, 100);
	CHECK_EQ(unread(p), 2);
	CHECK(p->ring.kflags & WEIR_RING_CQ_MORE);
	CHECK_EQ(returns_get(p), 28);
	/* Those on their way are not the owner's yet. */
	for (i = 0; i < p->w->nr_blocks; i++)
		if (p->w->blocks[i]->owner == &p->p)
			CHECK_EQ(client_giveback(p, p->w->blocks[i]), -EBUSY);
	CHECK_EQ(enter(p), 0);
	CHECK(!(p->ring.kflags & WEIR_RING_CQ_MORE));
	CHECK_EQ(returns_get(p), 12);
	world_exit(&f.w);
}

TEST(block_can_be_given_back_when_no_buffer_is_away)
{
	struct weir_block *b;
	struct client *p;
	struct fixture f;
	u32 freed;

	setup(&f, NULL);
	p = client_new(&f.w, WEIR_ROLE_SEND, 64, 64, 1);
	b = client_grant(p, 1);
	CHECK_EQ(client_giveback(f.p, b), -EINVAL);
	sqe_send(p, 1000);
	CHECK_EQ(enter(p), 1);
	CHECK_EQ(client_giveback(p, b), -EBUSY);
	answer(f.v, WEIR_OP_ACK, msg_get(f.v).token);
	freed = f.w.freed;
	CHECK_EQ(client_giveback(p, b), 0);
	CHECK_EQ(f.w.freed, freed + 1);
	world_exit(&f.w);
}

TEST(block_of_an_ended_sender_goes_with_its_last_message)
{
	struct weir_cqe a, b;
	struct fixture f;

	setup(&f, NULL);
	send_many(f.p, 2);
	a = msg_get(f.v);
	b = msg_get(f.v);
	client_end(f.p, WEIR_END_DEATH);
	CHECK_EQ(f.w.freed, 0);
	answer(f.v, WEIR_OP_ACK, a.token);
	CHECK_EQ(f.w.freed, 0);
	answer(f.v, WEIR_OP_REJECT, b.token);
	CHECK_EQ(f.w.freed, 0);
	CHECK(do_requeue(&f, 2));
	a = msg_get(f.v);
	answer(f.v, WEIR_OP_ACK, a.token);
	CHECK_EQ(f.w.freed, 1);
	CHECK(f.w.wake.orphans);
	world_exit(&f.w);
}

/* ---- the kernel's own sender ---- */

/* As write(2): a buffer from the idle list, filled, accepted. */
static u64 kernel_send(struct client *k, u32 len)
{
	struct weir_engine *e = &k->w->e;
	struct weir_msg *m;

	world_lock(k->w);
	m = weir_engine_pop_idle(e, 0);
	CHECK(m);
	CHECK_EQ(m->state, WEIR_MSG_STAGED);
	weir_msg_reset(m, len, 0);
	CHECK_EQ(weir_engine_admit(e, &k->p, false), 0);
	m->blk->busy--;	/* counted by pop and accept */
	weir_engine_accept(e, &k->p, m, k->w->now);
	world_unlock(k->w);
	return m->seq;
}

TEST(kernel_senders_buffers_come_back_to_its_own_list)
{
	struct weir_block *b;
	struct client *k;
	struct fixture f;
	u32 i;

	setup(&f, NULL);
	k = client_kernel(&f.w, WEIR_ROLE_SEND);
	b = client_grant(k, 0);
	for (i = 0; i < 3 * b->nr; i++) {
		CHECK_EQ(kernel_send(k, 10), i + 1);
		CHECK_EQ(client_giveback(k, b), -EBUSY);
		answer(f.v, WEIR_OP_ACK, msg_get(f.v).token);
	}
	CHECK_EQ(k->p.settled_acked, i);
	CHECK_EQ(f.w.e.idle_returns, i);
	CHECK_LE(i, k->nr_woken);
	CHECK_EQ(client_giveback(k, b), 0);
	CHECK(list_empty(&f.w.e.idle[0]));
	world_exit(&f.w);
}

TEST(kernel_sender_keeps_one_empty_block_of_a_class)
{
	struct client *k;
	struct fixture f;
	u32 i;

	setup(&f, NULL);
	k = client_kernel(&f.w, WEIR_ROLE_SEND);
	client_grant(k, 0);
	client_grant(k, 0);
	client_stop(f.v, true);
	for (i = 0; i < 300; i++)
		kernel_send(k, 10);
	CHECK_EQ(f.w.freed, 0);
	CHECK_EQ(do_purge(&f, WEIR_MESSAGE_STATE_READY, 300), 300);
	CHECK_EQ(f.w.freed, 1);
	CHECK_EQ(f.w.e.nr_idle[0], 256);
	kernel_send(k, 10);
	do_purge(&f, WEIR_MESSAGE_STATE_READY, 300);
	CHECK_EQ(f.w.freed, 1);
	world_exit(&f.w);
}

TEST(block_with_a_buffer_that_is_being_filled_stays)
{
	struct weir_block *b;
	struct weir_msg *m;
	struct client *k;
	struct fixture f;

	setup(&f, NULL);
	k = client_kernel(&f.w, WEIR_ROLE_SEND);
	CHECK(!weir_engine_pop_idle(&f.w.e, 0));
	b = client_grant(k, 0);
	world_lock(&f.w);
	m = weir_engine_pop_idle(&f.w.e, 0);
	CHECK_EQ(weir_engine_disown(&f.w.e, &k->p, b), -EBUSY);
	m->blk->busy--;
	m->state = WEIR_MSG_USER;
	weir_engine_push_idle(&f.w.e, m);
	world_unlock(&f.w);
	CHECK_EQ(client_giveback(k, b), 0);
	world_exit(&f.w);
}

TEST(admission_says_why_not)
{
	struct weir_config cfg = world_config;
	struct weir_engine *e;
	struct weir_peer *p;
	struct fixture f;

	cfg.messages = 1;
	setup(&f, &cfg);
	e = &f.w.e;
	p = &f.p->p;
	client_stop(f.v, true);
	world_lock(&f.w);
	CHECK_EQ(weir_engine_admit(e, p, false), 0);
	CHECK(weir_engine_open(e, p));
	world_unlock(&f.w);
	send_one(f.p);
	world_lock(&f.w);
	CHECK_EQ(weir_engine_admit(e, p, false), -EAGAIN);
	CHECK(!weir_engine_open(e, p) && !weir_engine_open(e, NULL));
	CHECK_EQ(weir_engine_admit(e, p, true), 0);
	e->cfg.overflow = WEIR_OVERFLOW_ERROR;
	CHECK_EQ(weir_engine_admit(e, p, false), -ENOBUFS);
	CHECK(weir_engine_open(e, p));
	e->cfg.state = WEIR_CHANNEL_STATE_DRAINING;
	CHECK_EQ(weir_engine_admit(e, p, false), -ESHUTDOWN);
	CHECK(weir_engine_open(e, p));
	CHECK_EQ(weir_engine_admit(e, p, true), 0);
	e->closed = true;
	CHECK_EQ(weir_engine_admit(e, p, true), -ESHUTDOWN);
	world_unlock(&f.w);
	world_exit(&f.w);
}
