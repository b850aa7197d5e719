// SPDX-License-Identifier: GPL-2.0-only
/*
 * A worker that holds a message is killed; how long until another one has it?
 * With a grandchild: the dead worker's child lives on for a second, and has
 * inherited its descriptors.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "count.h"
#include "process.h"
#include "run.h"

#define TRIES		10
#define TRIES_GRANDCHILD 2
#define GRANDCHILD_NS	1000000000ULL
#define SETTLE_NS	20000000ULL	/* for a process to fall asleep */

__attribute__((noreturn))
static void hold(const struct cell *cell)
{
	struct link l;

	run_open(&l, cell, RECEIVER, 0, 0);
	l.hold = true;
	run_ready();
	while (!cell->system->receive(&l, 1))
		;
	if (cell->grandchild && !fork()) {
		sleep_ns(GRANDCHILD_NS);
		_exit(0);
	}
	atomic_fetch_add(&board->ready, 1);
	word_wake(&board->ready, 1);
	for (;;)
		pause();
}

__attribute__((noreturn))
static void inherit(const struct cell *cell)
{
	unsigned int (*receive)(struct link *l, unsigned int max) =
		cell->system->reclaim ?: cell->system->receive;
	struct link l;

	run_open(&l, cell, RECEIVER, 0, 1);
	run_ready();
	while (!receive(&l, 1))
		;
	atomic_store(&board->when_ns, now_ns());
	atomic_fetch_add(&board->ready, 1);
	word_wake(&board->ready, 1);
	for (;;)
		cell->system->receive(&l, 1); /* acknowledges, where that waits */
}

/* A worker that has one message of @sender. */
static pid_t start_holder(const struct cell *cell, struct link *sender)
{
	pid_t pid;

	atomic_store(&board->ready, 0);
	atomic_store(&board->go, 1);
	pid = process_fork(CPU_WORKER);
	if (!pid)
		hold(cell);
	run_wait(&board->ready, 1, "the first worker is ready");
	cell->system->send(sender, 1);
	run_wait(&board->ready, 2, "the first worker has the message");
	return pid;
}

static void kill_and_wait(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void measure(const struct cell *cell, struct link *sender)
{
	pid_t holder = start_holder(cell, sender), heir;
	uint64_t begin;

	atomic_store(&board->when_ns, 0);
	heir = process_fork(CPU_PRODUCER);
	if (!heir)
		inherit(cell);
	run_wait(&board->ready, 3, "the second worker is ready");
	sleep_ns(SETTLE_NS);
	begin = now_ns();
	kill_and_wait(holder);
	run_wait(&board->ready, 4, "the second worker has the message");
	hist_add(&board->hist[0], atomic_load(&board->when_ns) - begin);
	board->end_ns += atomic_load(&board->when_ns) - begin;
	board->messages++;
	sleep_ns(SETTLE_NS);
	process_end(heir);
}

/* Is the message there as soon as wait4() has returned? */
static void try_before_wait(const struct cell *cell, struct link *sender)
{
	pid_t holder = start_holder(cell, sender);
	struct cell spinning = *cell;
	struct link l;

	spinning.blocking = false;
	run_open(&l, &spinning, RECEIVER, 0, 1);
	kill_and_wait(holder);
	board->before_wait += cell->system->receive(&l, 1);
	board->nr_waits++;
	/* Acknowledges it, and ends with this process. */
	cell->system->receive(&l, 1);
}

void run_redelivery(const struct cell *cell, uint64_t ns, bool counting)
{
	pid_t server = cell->system->server ? cell->system->server() : 0;
	struct counter *counter = counting ? counter_open(server) : NULL;
	unsigned int i, tries = cell->grandchild ? TRIES_GRANDCHILD : TRIES;
	struct link sender;
	pid_t pids[2] = { getpid(), server };
	uint64_t cpu, wakeups;

	(void)ns;
	run_open(&sender, cell, SENDER, 0, 0);
	wakeups = count_wakeups(pids, server ? 2 : 1);
	cpu = count_cpu_ns(pids, server ? 2 : 1);
	if (counting)
		counter_start(counter);
	for (i = 0; i < tries; i++)
		measure(cell, &sender);
	if (counting)
		board->syscalls = counter_stop(counter);
	board->wakeups = count_wakeups(pids, server ? 2 : 1) - wakeups;
	board->cpu_ns = count_cpu_ns(pids, server ? 2 : 1) - cpu;
	if (cell->system == &system_weir)
		try_before_wait(cell, &sender);
}
