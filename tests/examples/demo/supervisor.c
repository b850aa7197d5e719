// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "crew.h"
#include "demo.h"
#include "screen.h"

#define TICK_NS		5000000L
#define STATS_NS	50000000ULL	/* between two looks at the kernel's counters */
#define STALL_NS	60000000000ULL	/* without progress: something is wrong */
#define MAX_CRASHES	100

struct supervisor {
	struct demo	*demo;
	struct crew	crew;
	struct outcome	*outcome;
	uint64_t	looked_ns;	/* last look at the counters */
	uint64_t	moved_ns;	/* last time that anything was settled */
	uint64_t	settled;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* Ctrl-C leaves neither a process nor the channel behind. */
void supervisor_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static int start(struct supervisor *s)
{
	int ret = 0;

	for (int i = 0; i < NR_WORKERS && !ret; i++)
		ret = crew_start_worker(&s->crew, i);
	for (int i = 0; i < NR_PRODUCERS && !ret; i++)
		ret = crew_start_producer(&s->crew, i);
	return ret;
}

/* A worker crashed on the poisoned file: to be expected, and another takes over. */
static int on_crash(struct supervisor *s, const struct ended *ended)
{
	s->outcome->crashes++;
	screen_say("worker %d (pid %d) crashed on the poisoned file, the %d. time; "
		   "a new one takes its seat", ended->seat + 1, ended->pid,
		   s->outcome->crashes);
	if (s->outcome->crashes > MAX_CRASHES)
		return -ELOOP;
	return crew_start_worker(&s->crew, ended->seat);
}

/* What is not expected says why on its own, and ends the demo. */
static int on_end(struct supervisor *s, const struct ended *ended)
{
	if (ended->producer && WIFEXITED(ended->status) && !WEXITSTATUS(ended->status))
		return 0;
	if (!ended->producer && WIFSIGNALED(ended->status) &&
	    WTERMSIG(ended->status) == SIGABRT && s->demo->board->poison_id)
		return on_crash(s, ended);
	screen_say("%s %d (pid %d) ended unasked, %s %d",
		   ended->producer ? "producer" : "worker", ended->seat + 1, ended->pid,
		   WIFSIGNALED(ended->status) ? "signal" : "status",
		   WIFSIGNALED(ended->status) ? WTERMSIG(ended->status) :
		   WEXITSTATUS(ended->status));
	return -ECHILD;
}

static int reap(struct supervisor *s)
{
	struct ended ended;
	int ret = 0;

	while (!ret && crew_reap(&s->crew, &ended))
		ret = on_end(s, &ended);
	return ret;
}

/*
 * What a dead producer was about to publish may or may not have been sent. Now that
 * all that the kernel had is settled, it shows: a file nobody has worked on was not.
 */
static size_t resolve(struct supervisor *s)
{
	struct board *board = s->demo->board;
	size_t nr = board_nr_records(board), missing;

	for (size_t i = 0; i < nr; i++) {
		uint32_t file = board->records[i].file;

		if (board->records[i].state && board->intake[file] == INTAKE_PUBLISHING) {
			board->intake[file] = INTAKE_SENT;
			s->outcome->found++;
		}
	}
	if (board->poison_id)
		board->intake[board->poison] = INTAKE_SENT;
	missing = board_count(board, s->demo->files.nr, INTAKE_PUBLISHING);
	s->outcome->resent += missing;
	for (size_t i = 0; missing && i < s->demo->files.nr; i++)
		if (board->intake[i] == INTAKE_PUBLISHING)
			board->intake[i] = INTAKE_NONE;
	return missing;
}

/* All was sent, and the channel has nothing left to do: is that all? */
static int look_whether_done(struct supervisor *s)
{
	int ret = 0;

	if (!resolve(s))
		return 1;
	for (int i = 0; i < NR_PRODUCERS && !ret; i++)
		ret = crew_start_producer(&s->crew, i);
	return ret;
}

static int look_at_stats(struct supervisor *s)
{
	struct stats *stats = &s->outcome->stats;
	const uint64_t *value = stats->value;
	bool sending = crew_has_producers(&s->crew);
	uint64_t settled;
	int ret;

	ret = control_stats(&s->demo->control, s->demo->channel, stats);
	if (ret)
		return ret;
	s->looked_ns = now_ns();
	settled = value[WEIR_A_STATS_ACKED] + value[WEIR_A_STATS_DEAD];
	if (settled != s->settled) {
		s->settled = settled;
		s->moved_ns = s->looked_ns;
	}
	screen_progress(s->demo, stats);
	if (sending || value[WEIR_A_STATS_READY] || value[WEIR_A_STATS_DELAYED] ||
	    value[WEIR_A_STATS_INFLIGHT])
		return s->looked_ns - s->moved_ns > STALL_NS ? -ETIME : 0;
	return look_whether_done(s);
}

/* Fresher than the kernel's counters, which are looked at less often. */
static double part_done(const struct supervisor *s)
{
	return (double)board_nr_records(s->demo->board) / s->demo->files.nr;
}

/* Until all messages are settled: 0, or a negative errno. */
static int watch(struct supervisor *s)
{
	const struct timespec tick = { .tv_nsec = TICK_NS };
	int ret = 0;

	s->moved_ns = now_ns();
	while (!ret) {
		nanosleep(&tick, NULL);
		if (interrupted)
			return -EINTR;
		ret = reap(s);
		if (!ret)
			ret = trouble_look(&s->outcome->trouble, s->demo, &s->crew,
					   part_done(s));
		if (!ret && now_ns() - s->looked_ns > STATS_NS)
			ret = look_at_stats(s);
	}
	return ret < 0 ? ret : 0;
}

/* Workers see the flag when they are idle. */
static int send_home(struct supervisor *s)
{
	const struct timespec tick = { .tv_nsec = TICK_NS };
	uint64_t start_ns = now_ns();
	struct ended ended;

	s->demo->board->stop = 1;
	while (crew_has_workers(&s->crew)) {
		nanosleep(&tick, NULL);
		if (now_ns() - start_ns > STALL_NS)
			return -ETIME;
		if (!crew_reap(&s->crew, &ended))
			continue;
		if (!WIFEXITED(ended.status) || WEXITSTATUS(ended.status))
			return on_end(s, &ended);
	}
	return 0;
}

static int run(struct supervisor *s)
{
	struct outcome *outcome = s->outcome;
	uint64_t start_ns = now_ns();
	int ret = start(s);

	if (!ret)
		ret = watch(s);
	outcome->seconds = (now_ns() - start_ns) / 1e9;
	if (!ret)
		ret = send_home(s);
	screen_done();
	if (!ret)
		ret = control_stats(&s->demo->control, s->demo->channel,
				    &outcome->stats);
	if (!ret)
		ret = control_dead(&s->demo->control, s->demo->channel,
				   &outcome->dead, 1);
	return ret < 0 ? ret : 0;
}

/* Runs the whole job with all its troubles. Returns 0 or a negative errno. */
int supervisor_run(struct demo *demo, struct outcome *outcome)
{
	struct supervisor s = { .demo = demo, .outcome = outcome };
	int ret = crew_open(&s.crew, demo);

	if (!ret) {
		trouble_plan(&outcome->trouble, demo);
		screen_say("poisoned, crashes every worker: %s",
			   demo->files.v[demo->board->poison].path);
		ret = run(&s);
	}
	crew_close(&s.crew);
	trouble_measure(&outcome->trouble, demo);
	return ret;
}
