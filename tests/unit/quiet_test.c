// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sender that enters only when NEED_ENTER says so, against workers that answer,
 * sweep and sleep, and one who pauses the channel for a moment, each in a thread of
 * its own. There is no timer: nothing but the promises brings somebody to look, so
 * one that is not kept is a sleep without end.
 */
#include <sched.h>
#include <time.h>

#include "world.h"

#define WORKERS		3
#define PATIENCE	20	/* s; a sleep longer than that was not woken */

struct part {
	struct client *c;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wait;
	bool leave;		/* READ_ONCE */
};

static struct world w;
static struct part sender, workers[WORKERS];
static u32 quiet;		/* publications without a call */
static u32 wanted;
static bool sender_done;	/* READ_ONCE */

static u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* ---- the kernel ---- */

static void wake_part(struct part *part)
{
	pthread_mutex_lock(&part->lock);
	pthread_cond_broadcast(&part->wait);
	pthread_mutex_unlock(&part->lock);
}

static struct part *part_of(struct weir_peer *p)
{
	u32 i;

	for (i = 0; i < WORKERS; i++)
		if (&workers[i].c->p == p)
			return &workers[i];
	CHECK(p == &sender.c->p);
	return &sender;
}

static void news_end(struct weir_wake *news)
{
	struct weir_peer *p, *next;
	bool room;

	if (news->sweep || news->look)
		while (weir_promise_sweep(&w.e, now(), news))
			;
	room = news->room;
	for (p = news->peers; p; p = next) {
		next = p->wake_next;
		/* Pairs with weir_engine_wake_peer(): wake_next is free. */
		smp_store_release(&p->waking, false);
		/* Pairs with it as well: the change was made before this. */
		smp_mb();
		wake_part(part_of(p));
	}
	if (room)
		wake_part(&sender);
}

static void k_enter(struct part *part, u32 want)
{
	struct weir_wake news = { 0 };
	struct weir_peer *p = &part->c->p;

	spin_lock_bh(&p->sq_lock);
	CHECK_LE(0, weir_engine_submit(&w.e, p, U32_MAX, want, false, now(),
				       &news));
	spin_unlock_bh(&p->sq_lock);
	news_end(&news);
}

static void sleep_until(struct part *part, bool (*done)(struct part *part))
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += PATIENCE;
	pthread_mutex_lock(&part->lock);
	while (!done(part))
		CHECK_EQ(pthread_cond_timedwait(&part->wait, &part->lock, &end),
			 0);
	pthread_mutex_unlock(&part->lock);
}

static bool has_completion(struct part *part)
{
	return unread(part->c) || READ_ONCE(part->leave);
}

static bool has_room_or_completion(struct part *part)
{
	bool room;

	spin_lock(&w.e.lock);
	room = weir_engine_room(&w.e);
	spin_unlock(&w.e.lock);
	return room || has_completion(part);
}

/* ---- user sides ---- */

static bool need_enter(struct client *c)
{
	/* Pairs with the fence between the flag and the look at the tail. */
	smp_mb();
	return READ_ONCE(c->ring.kflags) & WEIR_RING_NEED_ENTER;
}

static void read_returns(struct client *c)
{
	struct weir_cqe cqe;

	while (cqe_pop(c, &cqe))
		CHECK_EQ(cqe.type, WEIR_CQE_RETURN);
}

/*
 * Afterwards all that it published is taken, or is somebody else's care. Return:
 * whether it was so from the start.
 */
static bool enter_if_needed(struct part *part)
{
	struct client *c = part->c;

	if (!need_enter(c))
		return true;
	while (need_enter(c) && sq_space(c) < c->p.rings.sq_entries) {
		k_enter(part, 0);
		if (sq_space(c) == c->p.rings.sq_entries)
			break;
		if (need_enter(c))
			sleep_until(part, has_room_or_completion);
		read_returns(c);
	}
	return false;
}

/* Without another call, whatever the flag says by now. */
static void wait_for_all(struct part *part)
{
	struct client *c = part->c;

	while (c->nr_free < c->max_free) {
		sleep_until(part, has_completion);
		read_returns(c);
	}
}

static void *send(void *arg)
{
	struct part *part = arg;
	struct client *c = part->c;
	u32 n, before, tries = 0;

	while (quiet < wanted) {
		CHECK_LT(tries++, 1000 * wanted);
		before = c->tail;
		for (n = tries % 3; c->nr_free && sq_space(c) && n < 3; n++)
			sqe_send(c, 64);
		publish(c);
		if (enter_if_needed(part) && c->tail != before)
			quiet++;
		read_returns(c);
		if (!c->nr_free || tries % 8 == 0)
			wait_for_all(part);
	}
	wait_for_all(part);
	return NULL;
}

static void *work(void *arg)
{
	struct part *part = arg;
	struct client *c = part->c;
	struct weir_cqe cqe;

	while (!READ_ONCE(part->leave)) {
		while (sq_space(c) && cqe_pop(c, &cqe)) {
			CHECK_EQ(cqe.type, WEIR_CQE_MSG);
			sqe_answer(c, WEIR_OP_ACK, cqe.token);
		}
		publish(c);
		k_enter(part, 1);
		sleep_until(part, has_completion);
	}
	return NULL;
}

static void set_state(u32 state)
{
	struct weir_wake news = { 0 };

	weir_engine_lock(&w.e, &news);
	WRITE_ONCE(w.e.cfg.state, state);
	weir_engine_finish(&w.e, now());
	weir_engine_unlock(&w.e);
	news_end(&news);
}

static u64 nr_acked(void)
{
	u64 n;

	spin_lock(&w.e.lock);
	n = w.e.c.acked;
	spin_unlock(&w.e.lock);
	return n;
}

/* Once more only after things went on without it: else it would be who looks. */
static void *pause_now_and_then(void *arg)
{
	struct timespec moment = { .tv_nsec = 20000 };
	u64 before;

	(void)arg;
	while (!READ_ONCE(sender_done)) {
		before = nr_acked();
		set_state(WEIR_CHANNEL_STATE_PAUSED);
		sched_yield();
		set_state(WEIR_CHANNEL_STATE_RUNNING);
		while (nr_acked() < before + 10 && !READ_ONCE(sender_done))
			nanosleep(&moment, NULL);
	}
	return NULL;
}

static void join(struct part *part, u32 role)
{
	pthread_mutex_init(&part->lock, NULL);
	pthread_cond_init(&part->wait, NULL);
	part->c = client_new(&w, role, 16, 64, 16);
}

static void run_all(u32 depth)
{
	struct weir_config cfg = world_config;
	pthread_t pauser;
	u32 i;

	cfg.messages = depth;
	cfg.batch = 2;
	cfg.inflight = 2;
	quiet = 0;
	wanted = unit_rounds(20000);
	world_init(&w, &cfg);
	join(&sender, WEIR_ROLE_SEND);
	client_grant(sender.c, 2);
	for (i = 0; i < WORKERS; i++)
		join(&workers[i], WEIR_ROLE_WORK);
	CHECK_EQ(pthread_create(&sender.thread, NULL, send, &sender), 0);
	for (i = 0; i < WORKERS; i++)
		CHECK_EQ(pthread_create(&workers[i].thread, NULL, work,
					&workers[i]), 0);
	CHECK_EQ(pthread_create(&pauser, NULL, pause_now_and_then, NULL), 0);
	pthread_join(sender.thread, NULL);
	WRITE_ONCE(sender_done, true);
	pthread_join(pauser, NULL);
	for (i = 0; i < WORKERS; i++) {
		WRITE_ONCE(workers[i].leave, true);
		wake_part(&workers[i]);
		pthread_join(workers[i].thread, NULL);
	}
	CHECK_EQ(w.e.c.accepted, sender.c->tail);
	CHECK_EQ(w.e.c.acked, w.e.c.accepted);
	CHECK_LT(0, w.e.c.promises);
	CHECK(weir_engine_empty(&w.e));
	w.now = now();
	world_exit(&w);
}

TEST(a_promise_is_kept_with_room)
{
	run_all(1000);
}

TEST(a_promise_is_kept_without_room)
{
	run_all(1);
}
