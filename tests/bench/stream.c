// SPDX-License-Identifier: GPL-2.0-only
/* Throughput, fan-out, round trip: producers send for a while, workers take. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "count.h"
#include "process.h"
#include "run.h"

/*
 * Before the clock runs: so long, and until all buffers were in use some times, each
 * of them by both sides: the first use of a page is no part of what is measured.
 */
#define WARM_NS		200000000ULL
#define WARM_MAX_NS	5000000000ULL
#define WARM_TIMES	4
#define WARM_STEP_NS	2000000ULL
#define DRAIN_NS	15000000000ULL

static uint64_t sum(const struct count *c, unsigned int nr)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < nr; i++)
		sum += atomic_load_explicit(&c[i].nr, memory_order_acquire);
	return sum;
}

static void set(struct count *c, uint64_t nr)
{
	atomic_store_explicit(&c->nr, nr, memory_order_release);
}

/* ---- begin and end ---- */

/* The clock starts with a message that has come, after the warming up. */
static void check_start(const struct cell *cell)
{
	uint32_t one = 1;

	if (atomic_load_explicit(&board->mark, memory_order_relaxed) != 1 ||
	    !atomic_compare_exchange_strong(&board->mark, &one, 2))
		return;
	board->start_nr = sum(board->received, cell->workers);
	board->start_ns = now_ns();
	atomic_store(&board->mark, 3);
	word_wake(&board->mark, 1);
}

static uint64_t expected(const struct cell *cell)
{
	return sum(board->sent, cell->producers) * cell_lanes(cell);
}

/* It stops when all has come that was sent, and all of it is acknowledged. */
static void check_end(const struct cell *cell)
{
	uint32_t none = 0;

	if (atomic_load(&board->nr_done) != cell->producers ||
	    sum(board->received, cell->workers) < expected(cell) ||
	    !atomic_compare_exchange_strong(&board->ended, &none, 1))
		return;
	board->end_ns = now_ns();
	atomic_store(&board->ended, 2);
	word_wake(&board->ended, 1);
}

static bool ordered(enum stop order)
{
	return atomic_load_explicit(&board->stop, memory_order_relaxed) == order;
}

/* Everything is on the board: to be killed is all that is left. */
__attribute__((noreturn))
static void done(const struct cell *cell)
{
	atomic_fetch_add(&board->nr_done, 1);
	check_end(cell);
	for (;;)
		pause();
}

/* ---- throughput, fan-out ---- */

static void finish(struct link *l, uint64_t nr)
{
	set(&board->sent[l->index], nr);
	if (l->cell->system->finish)
		l->cell->system->finish(l);
}

static void pause_here(struct link *l, uint64_t nr)
{
	finish(l, nr);
	atomic_fetch_add(&board->nr_paused, 1);
	word_wake(&board->nr_paused, 1);
	while (ordered(STOP_PAUSE))
		word_wait(&board->stop, STOP_PAUSE, 0);
}

__attribute__((noreturn))
static void produce(const struct cell *cell, unsigned int index)
{
	uint64_t nr = 0;
	struct link l;

	run_open(&l, cell, SENDER, 0, index);
	run_ready();
	while (!ordered(STOP_NOW)) {
		if (ordered(STOP_PAUSE))
			pause_here(&l, nr);
		cell->system->send(&l, cell->batch);
		nr += cell->batch;
	}
	finish(&l, nr);
	done(cell);
}

__attribute__((noreturn))
static void work(const struct cell *cell, unsigned int index)
{
	unsigned int got;
	uint64_t nr = 0;
	struct link l;

	run_open(&l, cell, RECEIVER, 0, index);
	run_ready();
	for (;;) {
		got = cell->system->receive(&l, cell->batch);
		if (!got)
			continue;
		nr += got;
		set(&board->received[index], nr);
		check_start(cell);
		if (ordered(STOP_NOW))
			check_end(cell);
	}
}

/* ---- round trip ---- */

/* A message there and one back count as two. */
__attribute__((noreturn))
static void ping(const struct cell *cell)
{
	const struct system *s = cell->system;
	struct link out, in;
	uint64_t begin, end, nr = 0;

	run_open(&out, cell, SENDER, 0, 0);
	run_open(&in, cell, RECEIVER, 1, 0);
	run_ready();
	while (!ordered(STOP_NOW)) {
		begin = now_ns();
		s->send(&out, 1);
		while (!s->receive(&in, 1))
			;
		end = now_ns();
		nr += 2;
		if (atomic_load_explicit(&board->mark, memory_order_relaxed) == 3)
			hist_add(&board->hist[0], end - begin);
		set(&board->received[0], nr);
		check_start(cell);
	}
	set(&board->sent[0], nr);
	done(cell);
}

__attribute__((noreturn))
static void echo(const struct cell *cell)
{
	const struct system *s = cell->system;
	struct link out, in;

	run_open(&in, cell, RECEIVER, 0, 0);
	run_open(&out, cell, SENDER, 1, 0);
	run_ready();
	for (;;)
		if (s->receive(&in, 1))
			s->send(&out, 1);
}

/* ---- the director ---- */

struct crew {
	pid_t pid[PRODUCERS_MAX + WORKERS_MAX + 1];
	unsigned int nr;
};

static void start(struct crew *crew, const struct cell *cell)
{
	unsigned int i;
	pid_t pid;

	for (i = 0; i < cell->producers + cell->workers; i++) {
		bool worker = i < cell->workers;

		pid = process_fork(worker ? CPU_WORKER : CPU_PRODUCER);
		if (pid)
			crew->pid[crew->nr++] = pid;
		else if (cell->scenario == ROUNDTRIP && worker)
			echo(cell);
		else if (cell->scenario == ROUNDTRIP)
			ping(cell);
		else if (worker)
			work(cell, i);
		else
			produce(cell, i - cell->workers);
	}
}

static void end(const struct crew *crew, pid_t server)
{
	unsigned int i;

	for (i = 0; i < crew->nr; i++)
		if (crew->pid[i] != server)
			process_end(crew->pid[i]);
}

static void wait_end(const struct cell *cell)
{
	/* The last two might each have missed what the other wrote. */
	run_wait(&board->nr_done, cell->producers, "all is sent");
	sleep_ns(1000000);
	check_end(cell);
	run_wait(&board->ended, 2, "all that was sent has come");
	if (sum(board->received, cell->workers) != expected(cell))
		fail("%llu messages came, %llu were sent",
		     (unsigned long long)sum(board->received, cell->workers),
		     (unsigned long long)expected(cell));
}

static void warm_up(const struct cell *cell, uint64_t run_ns)
{
	uint64_t least = 4 * run_ns < WARM_NS ? 4 * run_ns : WARM_NS;
	uint64_t enough = (uint64_t)WARM_TIMES * cell_depth(cell) * cell->producers *
			  cell_lanes(cell);
	uint64_t begin = now_ns();

	if (cell->scenario == ROUNDTRIP)
		enough = 0;
	sleep_ns(least);
	while (sum(board->received, cell->workers) < enough &&
	       now_ns() - begin < WARM_MAX_NS)
		sleep_ns(WARM_STEP_NS);
}

/* Counting starts when nothing is under way. */
static void drain(const struct cell *cell)
{
	uint64_t limit = now_ns() + DRAIN_NS;

	if (cell->scenario == ROUNDTRIP)
		return;
	atomic_store(&board->stop, STOP_PAUSE);
	run_wait(&board->nr_paused, cell->producers, "the producers pause");
	while (sum(board->received, cell->workers) < expected(cell)) {
		if (now_ns() > limit)
			fail("what was sent does not come");
		sleep_ns(WARM_STEP_NS);
	}
}

static void count(const struct cell *cell, const struct crew *crew,
		  struct counter *counter, uint64_t ns)
{
	uint64_t wakeups;

	drain(cell);
	wakeups = count_wakeups(crew->pid, crew->nr);
	counter_start(counter);
	board->start_nr = sum(board->received, cell->workers);
	atomic_store(&board->stop, STOP_NOT);
	word_wake(&board->stop, PRODUCERS_MAX);
	sleep_ns(ns);
	atomic_store(&board->stop, STOP_NOW);
	wait_end(cell);
	board->syscalls = counter_stop(counter);
	board->wakeups = count_wakeups(crew->pid, crew->nr) - wakeups;
}

static void time_it(const struct cell *cell, const struct crew *crew, uint64_t ns)
{
	uint64_t cpu;

	atomic_store(&board->mark, 1);
	run_wait(&board->mark, 3, "the first message comes");
	cpu = count_cpu_ns(crew->pid, crew->nr);
	sleep_ns(ns);
	atomic_store(&board->stop, STOP_NOW);
	wait_end(cell);
	board->cpu_ns = count_cpu_ns(crew->pid, crew->nr) - cpu;
}

void run_stream(const struct cell *cell, uint64_t ns, bool counting)
{
	pid_t server = cell->system->server ? cell->system->server() : 0;
	struct counter *counter = counting ? counter_open(server) : NULL;
	struct crew crew = { .nr = 0 };

	start(&crew, cell);
	if (server)
		crew.pid[crew.nr++] = server;
	run_wait(&board->ready, cell->producers + cell->workers,
		 "all are ready");
	atomic_store(&board->go, 1);
	word_wake(&board->go, PRODUCERS_MAX + WORKERS_MAX);
	warm_up(cell, ns);
	if (counting)
		count(cell, &crew, counter, ns);
	else
		time_it(cell, &crew, ns);
	board->messages = (sum(board->received, cell->workers) -
			   board->start_nr) / cell_lanes(cell);
	end(&crew, server);
}
