// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rings between two threads that share no lock; then many threads at once
 * around one engine. There each client is two threads: one is its user side,
 * writes and reads the rings with the documented ordering, enters and sleeps;
 * the other only enters, again and again. A client that is to die stops being
 * used, but goes on entering: its end races with that.
 *
 * The payload is passed along like the rings, so a missing barrier anywhere on
 * its way is a data race that ThreadSanitizer reports.
 */
#include <sched.h>
#include <time.h>

#include "world.h"

#define PRODUCERS	4	/* the last one dies */
#define WORKERS		4	/* the last one dies, the one before comes late */
#define PATIENCE	60	/* s; a sleep longer than that was not woken */
#define CARELESS	(PRODUCERS - 2)	/* sends what is still away */
#define SLOT_BYTES	65536

struct part {
	struct client *c;
	pthread_t user;
	pthread_t entering;
	pthread_mutex_t lock;
	pthread_cond_t wait;
	u32 to_send;
	u32 acked;
	bool leave;		/* its user side is to stop, READ_ONCE */
};

struct payload {
	u32 sender;
	u32 number;
	u32 again;
};

static struct world w;
static struct part producers[PRODUCERS], workers[WORKERS];
static u8 *window;
static pthread_mutex_t room_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t room_wait = PTHREAD_COND_INITIALIZER;
static bool all_done;
static u32 times_acked[PRODUCERS][100000];

static u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* ---- the kernel ---- */

static struct part *part_of(struct weir_peer *p)
{
	u32 i;

	for (i = 0; i < PRODUCERS; i++)
		if (&producers[i].c->p == p)
			return &producers[i];
	for (i = 0; i < WORKERS; i++)
		if (&workers[i].c->p == p)
			return &workers[i];
	unit_fail(__FILE__, __LINE__, "a stranger was to be woken");
}

static void wake(struct weir_wake *wake)
{
	struct weir_peer *p, *next;
	struct part *part;

	for (p = wake->peers; p; p = next) {
		next = p->wake_next;
		part = part_of(p);
		/* Pairs with weir_engine_wake_peer(): wake_next is free. */
		smp_store_release(&p->waking, false);
		/* Pairs with it as well: the change was made before this. */
		smp_mb();
		pthread_mutex_lock(&part->lock);
		pthread_cond_broadcast(&part->wait);
		pthread_mutex_unlock(&part->lock);
	}
	if (wake->room) {
		pthread_mutex_lock(&room_lock);
		pthread_cond_broadcast(&room_wait);
		pthread_mutex_unlock(&room_lock);
	}
}

/* Looks at the rings of those that were told not to enter, then wakes. */
static void news_end(struct weir_wake *news)
{
	u32 looks = 8;

	while ((news->sweep || news->look) && looks &&
	       weir_promise_sweep(&w.e, now(), news)) {
		news->sweep = true;
		if (!--looks)
			weir_promise_later(&w.e, now(), news);
	}
	wake(news);
}

static void k_enter(struct part *part, u32 want)
{
	struct weir_wake news = { 0 };
	struct weir_peer *p = &part->c->p;

	spin_lock_bh(&p->sq_lock);
	if (!p->gone)
		CHECK_LE(0, weir_engine_submit(&w.e, p, U32_MAX, want, false,
					       now(), &news));
	spin_unlock_bh(&p->sq_lock);
	news_end(&news);
}

static void k_lock(struct weir_wake *news)
{
	memset(news, 0, sizeof(*news));
	weir_engine_lock(&w.e, news);
}

static void k_unlock(struct weir_wake *news)
{
	weir_engine_finish(&w.e, now());
	CHECK(weir_engine_balanced(&w.e));
	weir_engine_unlock(&w.e);
	news_end(news);
}

static void k_end(struct part *part)
{
	struct weir_wake news = { 0 };

	weir_engine_end(&w.e, &part->c->p, WEIR_END_DEATH, now(), &news);
	news_end(&news);
}

static void print_client(const char *who, const struct client *c)
{
	printf("# %s %u: flags %u, %u published, %u unread, %u free, holds %u%s%s%s%s\n",
	       who, c->p.id, c->ring.kflags, c->tail - c->ring.ksq_head,
	       c->ring.kcq_tail - c->head, c->nr_free, c->p.tags.used,
	       c->p.promised ? ", promised" : "", c->p.want ? ", wants" : "",
	       c->p.stale ? ", stale" : "", c->p.gone ? ", gone" : "");
}

/* How it stands when somebody has slept for too long. */
static void print_state(void)
{
	u32 i;

	spin_lock(&w.e.lock);
	printf("# ready %llu, delayed %llu, inflight %llu, promised %u, alarm %s\n",
	       (unsigned long long)weir_lane_ready(&w.e.lane),
	       (unsigned long long)w.e.lane.nr_delayed,
	       (unsigned long long)w.e.nr_inflight, w.e.nr_promised,
	       w.e.alarm == U64_MAX ? "none" : w.e.alarm <= now() ? "past" :
	       "set");
	for (i = 0; i < PRODUCERS; i++)
		print_client("sender", producers[i].c);
	for (i = 0; i < WORKERS; i++)
		print_client("worker", workers[i].c);
	spin_unlock(&w.e.lock);
	fflush(stdout);
}

/* Sleeps until done() or, which is a lost wake-up, for too long. */
static void sleep_until(pthread_mutex_t *lock, pthread_cond_t *cond,
			bool (*done)(struct part *part), struct part *part)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += PATIENCE;
	pthread_mutex_lock(lock);
	while (!done(part)) {
		if (!pthread_cond_timedwait(cond, lock, &end))
			continue;
		print_state();
		unit_fail(__FILE__, __LINE__, "nobody woke client %u",
			  part->c->p.id);
	}
	pthread_mutex_unlock(lock);
}

static bool has_completion(struct part *part)
{
	return unread(part->c) || READ_ONCE(part->leave);
}

static bool has_room(struct part *part)
{
	bool room;

	spin_lock(&w.e.lock);
	room = weir_engine_room(&w.e);
	spin_unlock(&w.e.lock);
	return room || READ_ONCE(part->leave) ||
	       unread(part->c) == part->c->p.rings.cq_entries;
}

/* ---- user sides ---- */

static void fill(u64 addr, u32 sender, u32 number)
{
	struct payload *load = (struct payload *)(window + addr);

	load->sender = sender;
	load->number = number;
	load->again = number ^ 0x5a5a5a5a;
}

static u32 send_some(struct part *part, u32 sent)
{
	struct client *c = part->c;
	struct weir_sqe *s;
	u32 n = 0;

	while (c->nr_free && sent + n < part->to_send && n < 20 &&
	       sq_space(c)) {
		s = sqe_send(c, sizeof(struct payload));
		fill(s->addr, part - producers, sent + n);
		n++;
	}
	publish(c);
	return n;
}

/* Sends three buffers over and over, whether they came back or not. */
static void *produce_carelessly(void *arg)
{
	struct part *part = arg;
	struct client *c = part->c;
	struct weir_cqe cqe;
	struct weir_sqe *s;
	u64 addr[3];
	u32 i;

	for (i = 0; i < 3; i++) {
		addr[i] = buf_take(c);
		fill(addr[i], part - producers, 0);
	}
	for (i = 0; !READ_ONCE(part->leave); i++) {
		if (sq_space(c)) {
			s = sqe_next(c, WEIR_OP_SEND);
			s->addr = addr[i % 3];
			s->len = sizeof(struct payload);
			publish(c);
		}
		k_enter(part, 0);
		while (cqe_pop(c, &cqe)) {
			CHECK(cqe.type == WEIR_CQE_RETURN ||
			      cqe.res == -EBUSY);
			/* It does not care which. */
			c->nr_free = 0;
		}
	}
	return NULL;
}

static void *produce(void *arg)
{
	struct part *part = arg;
	struct client *c = part->c;
	struct weir_cqe cqe;
	u32 sent = 0;

	while (!READ_ONCE(part->leave)) {
		sent += send_some(part, sent);
		k_enter(part, 0);
		while (cqe_pop(c, &cqe))
			CHECK_EQ(cqe.type, WEIR_CQE_RETURN);
		if (sq_space(c) < c->p.rings.sq_entries)
			sleep_until(&room_lock, &room_wait, has_room, part);
		else if (c->nr_free == c->max_free && sent == part->to_send)
			break;
		else if (!c->nr_free || sent == part->to_send)
			sleep_until(&part->lock, &part->wait, has_completion,
				    part);
	}
	return NULL;
}

/* Most are acked, some given back or failed; all are read. */
static void work_on(struct part *part, const struct weir_cqe *cqe, u32 *dice)
{
	const struct payload *load = (struct payload *)(window + cqe->addr);
	u8 op = WEIR_OP_ACK;

	CHECK_LT(load->sender, PRODUCERS);
	CHECK_EQ(load->number ^ 0x5a5a5a5a, load->again);
	CHECK_EQ(producers[load->sender].c->p.id, cqe->src);
	*dice = *dice * 1103515245 + 12345;
	if (*dice >> 16 & 31) {
		__atomic_fetch_add(&times_acked[load->sender][load->number], 1,
				   __ATOMIC_RELAXED);
		part->acked++;
	} else {
		op = *dice >> 24 & 1 ? WEIR_OP_RELEASE : WEIR_OP_FAIL;
	}
	sqe_answer(part->c, op, cqe->token)->delay_ms =
		op == WEIR_OP_RELEASE ? *dice >> 25 & 1 : 0;
}

static void *work(void *arg)
{
	struct part *part = arg;
	u32 dice = part - workers;
	struct weir_cqe cqe;

	while (!READ_ONCE(part->leave)) {
		while (sq_space(part->c) && cqe_pop(part->c, &cqe)) {
			CHECK_EQ(cqe.type, WEIR_CQE_MSG);
			work_on(part, &cqe, &dice);
		}
		publish(part->c);
		k_enter(part, 1);
		sleep_until(&part->lock, &part->wait, has_completion, part);
	}
	return NULL;
}

static void pause_for(u32 us)
{
	struct timespec ts = { .tv_nsec = us * 1000 };

	nanosleep(&ts, NULL);
}

static void *keep_entering(void *arg)
{
	struct part *part = arg;

	while (!READ_ONCE(all_done)) {
		k_enter(part, 0);
		pause_for(50);
	}
	return NULL;
}

/* The channel's timer, and a look at loads. */
static void *tick(void *arg)
{
	struct weir_wake news;

	(void)arg;
	while (!READ_ONCE(all_done)) {
		k_lock(&news);
		weir_engine_tick(&w.e, now());
		weir_engine_loads(&w.e, MS, now());
		k_unlock(&news);
		pause_for(500);
	}
	return NULL;
}

static void leave(struct part *part)
{
	WRITE_ONCE(part->leave, true);
	pthread_mutex_lock(&part->lock);
	pthread_cond_broadcast(&part->wait);
	pthread_mutex_unlock(&part->lock);
	pthread_mutex_lock(&room_lock);
	pthread_cond_broadcast(&room_wait);
	pthread_mutex_unlock(&room_lock);
	pthread_join(part->user, NULL);
}

/* ---- the tests ---- */

#define ITEMS	unit_rounds(200000)

/* One side of each ring; the other is written by hand. */
struct rings {
	struct weir_ring ring;
	struct weir_sqe sqes[4];
	struct weir_cqe cqes[4];
	struct weir_rings r;
};

static void *consume_entries(void *arg)
{
	struct rings *f = arg;
	struct weir_sqe copy;
	u32 i, n, next = 0;

	while (next < ITEMS) {
		n = weir_ring_pending(&f->r);
		for (i = 0; i < n; i++) {
			weir_ring_peek(&f->r, i, &copy);
			CHECK_EQ(copy.user_data, next);
			CHECK_EQ(copy.corr, ~(u64)next);
			next++;
		}
		if (n)
			weir_ring_consume(&f->r, n);
		else
			sched_yield();
	}
	return NULL;
}

static void *publish_completions(void *arg)
{
	struct rings *f = arg;
	bool lie = false;
	u32 i, n, next = 0;

	while (next < ITEMS) {
		n = f->r.cq_entries - weir_ring_unread(&f->r, &lie);
		for (i = 0; i < n; i++) {
			weir_ring_slot(&f->r, i)->user_data = next;
			weir_ring_slot(&f->r, i)->raddr = ~(u64)next;
			next++;
		}
		if (n)
			weir_ring_publish(&f->r, n);
		else
			sched_yield();
	}
	CHECK(!lie);
	return NULL;
}

static void rings_init(struct rings *f, struct client *c)
{
	memset(f, 0, sizeof(*f));
	memset(c, 0, sizeof(*c));
	f->r.shared = &c->ring;
	f->r.sqes = f->sqes;
	f->r.cqes = f->cqes;
	f->r.sq_entries = 4;
	f->r.cq_entries = 4;
	c->sqes = f->sqes;
	c->cqes = f->cqes;
	c->p.rings.sq_entries = 4;
	c->p.rings.cq_entries = 4;
}

TEST(submission_ring_needs_no_lock)
{
	struct client user;
	struct weir_sqe *s;
	pthread_t kernel;
	struct rings f;
	u32 i;

	rings_init(&f, &user);
	CHECK_EQ(pthread_create(&kernel, NULL, consume_entries, &f), 0);
	for (i = 0; i < ITEMS; i++) {
		while (!sq_space(&user))
			sched_yield();
		s = sqe_next(&user, WEIR_OP_SEND);
		s->user_data = i;
		s->corr = ~(u64)i;
		publish(&user);
	}
	pthread_join(kernel, NULL);
}

TEST(completion_ring_needs_no_lock)
{
	struct weir_cqe cqe;
	struct client user;
	pthread_t kernel;
	struct rings f;
	u32 i;

	rings_init(&f, &user);
	CHECK_EQ(pthread_create(&kernel, NULL, publish_completions, &f), 0);
	for (i = 0; i < ITEMS; i++) {
		while (!cqe_pop(&user, &cqe))
			sched_yield();
		CHECK_EQ(cqe.user_data, i);
		CHECK_EQ(cqe.raddr, ~(u64)i);
	}
	pthread_join(kernel, NULL);
}

/* A small ring for returns: nothing but its head orders its reuse. */
static u32 returns_ring = 2;

static void join(struct part *part, u32 role, u32 blocks)
{
	pthread_mutex_init(&part->lock, NULL);
	pthread_cond_init(&part->wait, NULL);
	part->c = client_new(&w, role, 64, role == WEIR_ROLE_SEND ?
			     returns_ring : 64, 32);
	while (blocks--)
		client_grant(part->c, 2);
	if (part == &workers[WORKERS - 2])
		client_stop(part->c, true);
}

static void run_threads(struct part *part, void *(*run)(void *))
{
	CHECK_EQ(pthread_create(&part->user, NULL, run, part), 0);
	CHECK_EQ(pthread_create(&part->entering, NULL, keep_entering, part), 0);
}

/* Waits, by looking: nobody else needs to know. */
static void wait_acked(u64 n)
{
	u64 acked;
	u32 i;

	for (i = 0; i < PATIENCE * 1000; i++) {
		spin_lock(&w.e.lock);
		acked = w.e.c.acked;
		spin_unlock(&w.e.lock);
		if (acked >= n)
			return;
		pause_for(1000);
	}
	unit_fail(__FILE__, __LINE__, "%llu messages acked, and no more",
		  (unsigned long long)acked);
}

static void check_result(u32 each)
{
	u64 sum = 0;
	u32 i, k;

	for (i = 0; i < CARELESS; i++)
		for (k = 0; k < each; k++)
			CHECK(times_acked[i][k]);
	for (i = 0; i < WORKERS; i++)
		sum += workers[i].c->p.acked;
	CHECK_EQ(w.e.c.acked, w.e.c.accepted);
	CHECK_EQ(w.e.c.acked, sum);
	CHECK_EQ(w.e.c.stale, 0);
	CHECK_EQ(w.e.c.ring_errors, 0);
	CHECK_EQ(w.e.c.deaths, 3);
	CHECK(weir_engine_empty(&w.e));
}

TEST(nothing_is_lost_when_all_happens_at_once)
{
	struct weir_config cfg = world_config;
	u32 i, each = unit_rounds(60000);
	struct weir_wake news;
	pthread_t ticker;

	cfg.messages = 30;
	cfg.batch = 8;
	cfg.inflight = 0;
	cfg.backoff_min = 1;
	cfg.backoff_max = 1;
	cfg.max_attempts = 60000;
	cfg.redeliver_max = 60000;
	world_init(&w, &cfg);
	for (i = 0; i < PRODUCERS; i++) {
		join(&producers[i], WEIR_ROLE_SEND, 3);
		producers[i].to_send = each;
	}
	for (i = 0; i < WORKERS; i++)
		join(&workers[i], WEIR_ROLE_WORK, 0);
	window = calloc(w.next_slot[0], SLOT_BYTES);
	CHECK(window);
	CHECK_EQ(pthread_create(&ticker, NULL, tick, NULL), 0);
	for (i = 0; i < PRODUCERS; i++)
		run_threads(&producers[i], i == CARELESS ? produce_carelessly :
			    produce);
	for (i = 0; i < WORKERS; i++)
		run_threads(&workers[i], work);

	wait_acked(each / 4);
	leave(&workers[WORKERS - 1]);
	k_end(&workers[WORKERS - 1]);
	wait_acked(each / 2);
	k_lock(&news);
	weir_engine_stop(&w.e, &workers[WORKERS - 2].c->p, false);
	k_unlock(&news);
	leave(&producers[PRODUCERS - 1]);
	k_end(&producers[PRODUCERS - 1]);

	for (i = 0; i < CARELESS; i++)
		pthread_join(producers[i].user, NULL);
	leave(&producers[CARELESS]);
	/* What it left in its ring is accepted here, and nothing later. */
	k_end(&producers[CARELESS]);
	spin_lock(&w.e.lock);
	i = w.e.c.accepted;
	spin_unlock(&w.e.lock);
	wait_acked(i);
	for (i = 0; i < WORKERS - 1; i++)
		leave(&workers[i]);
	WRITE_ONCE(all_done, true);
	for (i = 0; i < PRODUCERS; i++)
		pthread_join(producers[i].entering, NULL);
	for (i = 0; i < WORKERS; i++)
		pthread_join(workers[i].entering, NULL);
	pthread_join(ticker, NULL);
	check_result(each);
	w.now = now();
	world_exit(&w);
	free(window);
}

/* ---- publishing without a call ---- */

static bool needs_enter(const struct client *c)
{
	/* Pairs with weir_promise_withdraw(): it sees the tail, or we this. */
	smp_mb();
	return READ_ONCE(c->ring.kflags) & WEIR_RING_NEED_ENTER;
}

static bool can_go_on(struct part *part)
{
	return has_completion(part) || has_room(part);
}

/* Enters only when it is told to; nobody else enters for it. */
static void *produce_quietly(void *arg)
{
	struct part *part = arg;
	struct client *c = part->c;
	u32 sent = 0, calls = 0;
	struct weir_cqe cqe;
	bool told;

	for (;;) {
		sent += send_some(part, sent);
		told = needs_enter(c);
		if (told) {
			k_enter(part, 0);
			calls++;
		}
		while (cqe_pop(c, &cqe))
			CHECK_EQ(cqe.type, WEIR_CQE_RETURN);
		if (c->nr_free == c->max_free && sent == part->to_send)
			break;
		if (c->nr_free && sent < part->to_send && sq_space(c))
			continue;
		/* Blocked, and to try again itself; or to be looked after. */
		if (told && sq_space(c) < c->p.rings.sq_entries &&
		    needs_enter(c))
			sleep_until(&room_lock, &room_wait, can_go_on, part);
		else
			sleep_until(&part->lock, &part->wait, has_completion,
				    part);
	}
	part->acked = calls;
	return NULL;
}

static void *work_slowly(void *arg)
{
	struct part *part = arg;
	u32 dice = part - workers, n;
	struct weir_cqe cqe;
	volatile u32 spin;

	while (!READ_ONCE(part->leave)) {
		n = 1 + (dice >> 20 & 3);
		while (n-- && sq_space(part->c) && cqe_pop(part->c, &cqe)) {
			CHECK_EQ(cqe.type, WEIR_CQE_MSG);
			work_on(part, &cqe, &dice);
			for (spin = dice >> 16 & 1023; spin; spin--)
				;
		}
		publish(part->c);
		k_enter(part, 1);
		sleep_until(&part->lock, &part->wait, has_completion, part);
	}
	return NULL;
}

/* The timer, when it is armed and not before. */
static void *alarm_clock(void *arg)
{
	struct weir_wake news;

	(void)arg;
	while (!READ_ONCE(all_done)) {
		if (READ_ONCE(w.e.alarm) <= now()) {
			k_lock(&news);
			weir_engine_tick(&w.e, now());
			k_unlock(&news);
		}
		pause_for(200);
	}
	return NULL;
}

static void start(struct part *part, void *(*run)(void *))
{
	CHECK_EQ(pthread_create(&part->user, NULL, run, part), 0);
}

TEST(who_need_not_enter_is_looked_after)
{
	struct weir_config cfg = world_config;
	u32 i, k, each = unit_rounds(30000);
	struct weir_wake news;
	u64 calls = 0;
	pthread_t timer;

	/* Returns always find room, else it would have to enter for them. */
	returns_ring = 64;
	cfg.messages = 40;
	cfg.batch = 4;
	cfg.inflight = 4;
	cfg.backoff_min = 1;
	cfg.backoff_max = 1;
	cfg.max_attempts = 60000;
	cfg.redeliver_max = 60000;
	world_init(&w, &cfg);
	for (i = 0; i < PRODUCERS; i++) {
		join(&producers[i], WEIR_ROLE_SEND, 1);
		producers[i].to_send = each;
	}
	for (i = 0; i < WORKERS; i++)
		join(&workers[i], WEIR_ROLE_WORK, 0);
	window = calloc(w.next_slot[0], SLOT_BYTES);
	CHECK(window);
	CHECK_EQ(pthread_create(&timer, NULL, alarm_clock, NULL), 0);
	for (i = 0; i < PRODUCERS; i++)
		start(&producers[i], produce_quietly);
	for (i = 0; i < WORKERS; i++)
		start(&workers[i], work_slowly);

	wait_acked(each / 2);
	k_lock(&news);
	weir_engine_stop(&w.e, &workers[WORKERS - 2].c->p, false);
	k_unlock(&news);
	wait_acked(each);
	leave(&workers[WORKERS - 1]);
	k_end(&workers[WORKERS - 1]);
	for (i = 0; i < PRODUCERS; i++) {
		pthread_join(producers[i].user, NULL);
		calls += producers[i].acked;
		producers[i].acked = 0;
	}
	for (i = 0; i < WORKERS - 1; i++)
		leave(&workers[i]);
	WRITE_ONCE(all_done, true);
	pthread_join(timer, NULL);
	for (i = 0; i < PRODUCERS; i++)
		for (k = 0; k < each; k++)
			CHECK_EQ(times_acked[i][k], 1);
	CHECK_EQ(w.e.c.acked, (u64)each * PRODUCERS);
	CHECK_EQ(w.e.c.accepted, w.e.c.acked);
	CHECK_EQ(w.e.c.stale, 0);
	CHECK(weir_engine_empty(&w.e));
	printf("# %llu messages, %llu calls to send, %llu promises, %llu looks\n",
	       (unsigned long long)w.e.c.acked, (unsigned long long)calls,
	       (unsigned long long)w.e.c.promises,
	       (unsigned long long)w.e.c.sweeps);
	CHECK_LT(0, w.e.c.promises);
	CHECK_LT(0, w.e.c.sweeps);
	w.now = now();
	world_exit(&w);
	free(window);
}
