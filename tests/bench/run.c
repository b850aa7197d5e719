// SPDX-License-Identifier: GPL-2.0-only
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"

#define RUN_LIMIT_NS	40000000000ULL	/* a run that takes longer hangs */
#define STEP_NS		20000000ULL
#define SAMPLES		2000		/* timed messages wanted in a run */

struct board *board;

static pid_t main_pid;

void fail(const char *format, ...)
{
	char text[sizeof(board->error)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (main_pid && getpid() != main_pid) {
		if (!board->error[0])
			memcpy(board->error, text, sizeof(text));
		_exit(1);
	}
	fprintf(stderr, "bench: %s\n", text);
	exit(1);
}

unsigned int cell_depth(const struct cell *cell)
{
	size_t depth = (64U << 20) / cell->size;

	return depth < 128 ? 128 : depth > 1024 ? 1024 : (unsigned int)depth;
}

unsigned int cell_lanes(const struct cell *cell)
{
	return cell->scenario == FANOUT ? cell->workers : 1;
}

/* ---- in the processes of a run ---- */

void run_ready(void)
{
	atomic_fetch_add(&board->ready, 1);
	word_wake(&board->ready, 1);
	while (!atomic_load(&board->go))
		word_wait(&board->go, 0, 0);
}

void run_open(struct link *l, const struct cell *cell, enum role role,
	      unsigned int channel, unsigned int index)
{
	*l = (struct link) {
		.cell = cell,
		.role = role,
		.channel = channel,
		.index = index,
		.size = cell->size,
		.touched = cell->touched,
		.countdown = role == SENDER ? board->period : 0,
	};
	if (role == RECEIVER && cell->scenario != ROUNDTRIP && board->period)
		l->hist = &board->hist[index];
	cell->system->open(l);
}

void run_wait(_Atomic uint32_t *word, uint32_t value, const char *what)
{
	uint64_t limit = now_ns() + RUN_LIMIT_NS / 2;
	int status;

	for (;;) {
		uint32_t seen = atomic_load(word);

		if (seen >= value)
			return;
		word_wait(word, seen, STEP_NS);
		if (waitpid(-1, &status, WNOHANG) > 0 && status)
			fail("a process ended, status 0x%x", status);
		if (now_ns() > limit)
			fail("no end of waiting until %s", what);
	}
}

/* ---- in the director ---- */

__attribute__((noreturn))
static void direct(const struct cell *cell, uint64_t ns, bool counting)
{
	if (cell->system->prepare)
		cell->system->prepare(cell);
	if (cell->scenario == REDELIVERY)
		run_redelivery(cell, ns, counting);
	else
		run_stream(cell, ns, counting);
	board->good = true;
	exit(0);
}

/* ---- in the main process ---- */

static bool wait_director(pid_t pid)
{
	uint64_t limit = now_ns() + RUN_LIMIT_NS;
	int status;

	while (!waitpid(pid, &status, WNOHANG)) {
		if (now_ns() > limit) {
			process_end(pid);
			snprintf(board->error, sizeof(board->error),
				 "it did not end");
			return false;
		}
		sleep_ns(500000);
	}
	return board->good;
}

static void add_timed(struct cell *cell)
{
	uint64_t ns = board->end_ns - board->start_ns;
	unsigned int i;

	for (i = 0; i < cell->workers; i++)
		hist_merge(&cell->hist, &board->hist[i]);
	cell->ns[cell->nr_runs++] = (double)ns / (double)board->messages;
	cell->messages += board->messages;
	cell->cpu_ns += board->cpu_ns;
}

static void add_counted(struct cell *cell)
{
	uint64_t period = board->messages / SAMPLES;

	cell->period = period < 1 ? 1 : period > 1000 ? 1000 : (unsigned int)period;
	cell->syscalls = (double)board->syscalls / (double)board->messages;
	cell->wakeups = (double)board->wakeups / (double)board->messages;
}

static void add_outcome(struct cell *cell, bool counting)
{
	if (!board->messages)
		fail("%s: a run without messages", cell->system->name);
	if (counting)
		add_counted(cell);
	else
		add_timed(cell);
	cell->before_wait += board->before_wait;
	cell->nr_waits += board->nr_waits;
}

void run_cell(struct cell *cell, uint64_t ns, bool counting)
{
	pid_t pid;

	if (cell->left_out)
		return;
	main_pid = getpid();
	memset(board, 0, sizeof(*board));
	if (!counting && cell->scenario != ROUNDTRIP)
		board->period = cell->period;
	if (cell->system->start)
		cell->system->start();
	pid = process_fork(CPU_ANY);
	if (!pid)
		direct(cell, ns, counting);
	if (wait_director(pid))
		add_outcome(cell, counting);
	else
		cell->left_out = strdup(board->error[0] ? board->error :
					"its process crashed");
	if (cell->system->clean)
		cell->system->clean();
}
