// SPDX-License-Identifier: GPL-2.0-only
#include "trouble.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "demo.h"
#include "screen.h"

#define LARGE		(32U << 10)
#define SPIN_NS		20000000ULL	/* busy waiting for the right moment, per look */
#define PATIENCE_NS	100000000ULL	/* then any file will do */

/* ---- the plan -------------------------------------------------------------- */

/* splitmix64: the same seed gives the same plan everywhere. */
static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static double draw_between(uint64_t *state, double low, double high)
{
	return low + (high - low) * (draw(state) >> 11) / (1ULL << 53);
}

static uint32_t draw_poison(uint64_t *state, const struct files *files)
{
	uint32_t i = files->nr * draw_between(state, 0.05, 0.6);

	while (i + 1 < files->nr && !files->v[i].size)
		i++;
	return i;
}

/* Two workers, one with a child, and one producer; which, and when, is drawn. */
void trouble_plan(struct trouble *trouble, struct demo *demo)
{
	uint64_t state = demo->seed;
	int child = draw(&state) % NR_WORKER_KILLS;

	*trouble = (struct trouble){ 0 };
	for (int i = 0; i < NR_KILLS; i++)
		trouble->kill[i].holding = NO_FILE;
	for (int i = 0; i < NR_WORKER_KILLS; i++) {
		trouble->kill[i].seat = draw(&state) % NR_WORKERS;
		trouble->kill[i].with_child = i == child;
		trouble->kill[i].at = draw_between(&state, 0.1 + 0.3 * i, 0.4 + 0.3 * i);
	}
	trouble->kill[NR_WORKER_KILLS].producer = true;
	trouble->kill[NR_WORKER_KILLS].seat = draw(&state) % NR_PRODUCERS;
	trouble->kill[NR_WORKER_KILLS].at = draw_between(&state, 0.2, 0.7);
	demo->board->kills_left = NR_KILLS;
	demo->board->poison = draw_poison(&state, &demo->files);
}

/* ---- carrying it out ------------------------------------------------------- */

static uint64_t came_back(const struct stats *stats)
{
	return stats->value[WEIR_A_STATS_CRASHED_SEEN] +
	       stats->value[WEIR_A_STATS_CRASHED_UNSEEN];
}

/*
 * Busy-waits a little for a moment when the worker is at work, on a large file at
 * first, so that the blow falls while it has something to lose.
 */
static bool is_at_work(const struct kill *k, const struct demo *demo)
{
	uint64_t start_ns = now_ns(), now = start_ns;
	uint32_t file;

	for (; now - start_ns < SPIN_NS; now = now_ns()) {
		file = demo->board->worker[k->seat].holding;
		if (file == NO_FILE || file == demo->board->poison)
			continue;
		if (demo->files.v[file].size >= LARGE || now - k->wanted_ns > PATIENCE_NS)
			return true;
	}
	return false;
}

/* k->done stays false if it had just ended well. */
static int strike(struct kill *k, pid_t *seat)
{
	int status;

	k->pid = *seat;
	k->kill_ns = now_ns();
	if (kill(*seat, SIGKILL))
		return -errno;
	while (waitpid(*seat, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	*seat = 0;
	k->done = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	return k->done || !status ? 0 : -ECHILD;
}

static int kill_worker(struct kill *k, struct demo *demo, struct crew *crew)
{
	struct seat *seat = &demo->board->worker[k->seat];
	struct stats before, after;
	int ret;

	if (!crew->worker[k->seat])
		return 0;
	if (k->with_child && !seat->child) {
		seat->want_child = 1;
		return 0;
	}
	ret = control_stats(&demo->control, demo->channel, &before);
	if (ret || !is_at_work(k, demo))
		return ret;
	ret = strike(k, &crew->worker[k->seat]);
	if (ret || !k->done)
		return ret ? ret : -ECHILD;
	/* What follows asks the kernel after wait() has returned, and not before. */
	k->clear = control_held_by(&demo->control, demo->channel, k->pid) == 0;
	ret = control_stats(&demo->control, demo->channel, &after);
	k->came_back = came_back(&after) - came_back(&before);
	k->holding = seat->holding;
	k->child_lived = k->with_child && !kill(seat->child, 0);
	return ret ? ret : crew_start_worker(crew, k->seat);
}

static int kill_producer(struct kill *k, struct crew *crew)
{
	int ret;

	if (!crew->producer[k->seat])
		return 0;
	ret = strike(k, &crew->producer[k->seat]);
	if (ret || !k->done)
		return ret;
	k->clear = true;
	k->holding = NO_FILE;
	return crew_start_producer(crew, k->seat);
}

static void say_worker(const struct kill *k, const struct demo *demo)
{
	const char *path = k->holding == NO_FILE ? "/nothing any more" :
			   demo->files.v[k->holding].path;

	screen_say("worker %d (pid %d) killed with SIGKILL while hashing %s%s", k->seat + 1,
		   k->pid, strrchr(path, '/') + 1,
		   k->child_lived ? "; a child of it lives on with its descriptors" : "");
	screen_say("  %llu of its messages came back; %s; a new one takes its seat",
		   (unsigned long long)k->came_back, k->clear ?
		   "it held none when wait() returned" :
		   "IT STILL HELD SOME WHEN wait() RETURNED");
}

static void say_producer(const struct kill *k, const struct demo *demo)
{
	screen_say("producer %d (pid %d) killed with SIGKILL after %u files; "
		   "a new one goes on", k->seat + 1, k->pid,
		   demo->board->producer[k->seat].sent);
}

/* A worker's moment is a part of the whole job, a producer's a part of its own. */
static bool is_due(const struct kill *k, const struct demo *demo, double part)
{
	if (k->done)
		return false;
	if (k->producer)
		part = (double)demo->board->producer[k->seat].sent * NR_PRODUCERS /
		       demo->files.nr;
	return part >= k->at;
}

/* Carries out what is due now that @part of the job is done. */
int trouble_look(struct trouble *trouble, struct demo *demo, struct crew *crew,
		 double part)
{
	int ret = 0;

	for (int i = 0; i < NR_KILLS && !ret; i++) {
		struct kill *k = &trouble->kill[i];

		if (!is_due(k, demo, part))
			continue;
		if (!k->wanted_ns)
			k->wanted_ns = now_ns();
		ret = k->producer ? kill_producer(k, crew) :
				    kill_worker(k, demo, crew);
		if (!k->done || ret)
			continue;
		demo->board->kills_left--;
		if (k->producer)
			say_producer(k, demo);
		else
			say_worker(k, demo);
	}
	return ret;
}

/* ---- afterwards ------------------------------------------------------------ */

/* When another worker took what a killed one had in its hands. */
void trouble_measure(struct trouble *trouble, const struct demo *demo)
{
	size_t nr = board_nr_records(demo->board);

	for (int i = 0; i < NR_KILLS; i++) {
		struct kill *k = &trouble->kill[i];

		k->taken_us = 0;
		for (size_t r = 0; r < nr && k->holding != NO_FILE; r++) {
			const struct record *record = &demo->board->records[r];

			if (record->state == RECORD_BLANK || record->file != k->holding ||
			    record->taken_ns <= k->kill_ns)
				continue;
			k->taken_us = (record->taken_ns - k->kill_ns) / 1000;
			break;
		}
	}
}

int trouble_count(const struct trouble *trouble, bool producers)
{
	int count = 0;

	for (int i = 0; i < NR_KILLS; i++)
		count += trouble->kill[i].done && trouble->kill[i].producer == producers;
	return count;
}
