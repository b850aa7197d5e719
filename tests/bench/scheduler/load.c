// SPDX-License-Identifier: GPL-2.0-only
/*
 * load CHANNEL WORKERS MESSAGES INTERVAL_US WORK_US: a sender at a steady pace,
 * and workers that use so much CPU time for each message. Ends when all are
 * settled; the module's own histograms have the latencies.
 *
 * The sender has a real-time priority, so that messages come at the same pace
 * whoever schedules the rest.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weir.h>

#define WORKERS_MAX 64

static struct {
	const char *channel;
	int workers;
	long messages;
	long interval_us;
	long work_us;
} plan;

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "load: %s: %s\n", what, why);
	exit(1);
}

static uint64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* CPU time, so that the work is the same however often it is interrupted. */
static void use_cpu(long us)
{
	uint64_t until = now(CLOCK_THREAD_CPUTIME_ID) + us * 1000ULL;

	while (now(CLOCK_THREAD_CPUTIME_ID) < until)
		;
}

static void work(void)
{
	struct weir_opts opts = { .flags = WEIR_OPEN_WORK };
	struct weir_msg msg;
	struct weir *w;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (weir_open(&w, plan.channel, &opts))
		fail(plan.channel, weir_error(w));
	while (weir_recv(w, &msg, -1) == 1) {
		use_cpu(plan.work_us);
		weir_ack(w, &msg);
	}
	fail("a worker", weir_error(w));
}

static void pace(struct weir *w)
{
	uint64_t at = now(CLOCK_MONOTONIC);
	struct timespec ts;

	for (long i = 0; i < plan.messages; i++) {
		at += plan.interval_us * 1000ULL;
		ts = (struct timespec){ at / 1000000000, at % 1000000000 };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
		if (weir_send(w, &i, sizeof(i), NULL))
			fail("send", weir_error(w));
	}
}

static void send_all(void)
{
	struct sched_param param = { .sched_priority = 1 };
	struct weir_opts opts = { .flags = WEIR_OPEN_SEND };
	struct weir_outcome outcome;
	struct weir *w;

	if (weir_open(&w, plan.channel, &opts))
		fail(plan.channel, weir_error(w));
	if (sched_setscheduler(0, SCHED_FIFO, &param))
		fail("SCHED_FIFO", strerror(errno));
	pace(w);
	if (weir_settle(w, -1, &outcome))
		fail("settle", weir_error(w));
	if (outcome.acked != (uint64_t)plan.messages)
		fail("settle", "not all were acknowledged");
	weir_close(w);
}

int main(int argc, char **argv)
{
	pid_t worker[WORKERS_MAX];
	int status;

	if (argc != 6)
		fail("usage", "load CHANNEL WORKERS MESSAGES INTERVAL_US WORK_US");
	plan.channel = argv[1];
	plan.workers = atoi(argv[2]);
	plan.messages = atol(argv[3]);
	plan.interval_us = atol(argv[4]);
	plan.work_us = atol(argv[5]);
	if (plan.workers < 1 || plan.workers > WORKERS_MAX)
		fail("WORKERS", "1 to 64");
	for (int i = 0; i < plan.workers; i++) {
		worker[i] = fork();
		if (worker[i] < 0)
			fail("fork", strerror(errno));
		if (!worker[i])
			work();
	}
	send_all();
	for (int i = 0; i < plan.workers; i++) {
		if (waitpid(worker[i], &status, WNOHANG))
			fail("a worker", "ended early");
		kill(worker[i], SIGKILL);
		waitpid(worker[i], &status, 0);
	}
	return 0;
}
