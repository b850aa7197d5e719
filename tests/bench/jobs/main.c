// SPDX-License-Identifier: GPL-2.0-only
/*
 * jobs [--jobs N] [--only BROKER,...] [--output FILE]
 *
 * For each broker: all jobs are sent; then eight workers that fetch eight jobs at once and do one
 * after the other, each with a child that has its descriptors and lives on. Four are
 * killed with SIGKILL while they hold jobs, and not replaced; one job crashes whoever
 * begins it, and who crashed is replaced. In the end each job is counted: lost (not
 * done, and nobody gets it any more), given up although it did no harm, done twice; and
 * how long after its worker's death a job was with another one.
 */
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../bench.h"
#include "../process.h"
#include "jobs.h"

#define JOBS		10000
#define JOBS_MAX	1000000
#define WORKERS		8
#define KILLS		(WORKERS / 2)
#define CRASHES_MAX	50	/* a broker that never gives up */
#define WORK_NS		200000ULL
#define STEP_NS		2000000ULL
#define QUIET_NS	15000000000ULL	/* nothing is done any more */
#define LIMIT_NS	240000000000ULL
#define LATENCIES_MAX	4096

static const struct broker *const brokers[] = {
	&broker_weir, &broker_beanstalkd, &broker_redis, &broker_nats,
};

/* What became of a job. Workers write, the director reads. */
struct fate {
	_Atomic uint32_t delivered;
	_Atomic uint32_t done;
	_Atomic pid_t holder;
	_Atomic uint64_t dying_ns;	/* its worker began to die then */
};

/* Shared by all processes of a run. */
struct tally {
	_Atomic uint64_t progress;	/* jobs done for the first time */
	_Atomic uint32_t nr_latencies;
	uint64_t latency_ns[LATENCIES_MAX];
	struct fate fate[];
};

struct crew {
	pid_t pid[WORKERS];
	unsigned int killed;
	unsigned int crashed;
};

struct board *board;

static struct tally *tally;
static uint32_t nr_jobs = JOBS, poisoned;
static int lifeline[2];		/* grandchildren live until its writer is closed */
static pid_t main_pid;

void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("jobs: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	if (getpid() == main_pid)
		exit(1);
	_exit(1);
}

/* ---- workers ---- */

static void bear_child(void)
{
	char c;

	if (fork())
		return;
	while (read(lifeline[0], &c, 1) < 0)
		;
	_exit(0);
}

static void receive(const struct job *job)
{
	struct fate *f = &tally->fate[job->number];
	uint64_t dying = atomic_exchange(&f->dying_ns, 0);
	uint32_t at;

	if (dying) {
		at = atomic_fetch_add(&tally->nr_latencies, 1);
		if (at < LATENCIES_MAX)
			tally->latency_ns[at] = now_ns() - dying;
	}
	atomic_store(&f->holder, getpid());
	atomic_fetch_add(&f->delivered, 1);
}

/*
 * @pid is about to die: what it holds waits for another from now on. Another may have
 * it before anybody learns that @pid is dead.
 */
static unsigned int note_dying(pid_t pid)
{
	uint64_t now = now_ns();
	unsigned int nr = 0;
	uint32_t i;

	for (i = 0; i < nr_jobs; i++) {
		struct fate *f = &tally->fate[i];

		if (atomic_load(&f->holder) != pid || atomic_load(&f->done))
			continue;
		atomic_store(&f->dying_ns, now);
		nr++;
	}
	return nr;
}

static void work(const struct broker *b, struct job *job)
{
	uint64_t end = now_ns() + WORK_NS;

	if (job->number == poisoned) {
		note_dying(getpid());
		raise(SIGSEGV);
	}
	while (now_ns() < end)
		;
	/* It may have been told that it dies, and got that far. */
	atomic_store(&tally->fate[job->number].dying_ns, 0);
	if (!atomic_fetch_add(&tally->fate[job->number].done, 1))
		atomic_fetch_add(&tally->progress, 1);
	b->done(job);
}

__attribute__((noreturn))
static void be_worker(const struct broker *b)
{
	struct job jobs[TAKE_MAX];
	unsigned int i, nr;

	close(lifeline[1]);
	b->open();
	bear_child();
	for (;;) {
		nr = b->take(jobs);
		for (i = 0; i < nr; i++)
			receive(&jobs[i]);
		for (i = 0; i < nr; i++)
			work(b, &jobs[i]);
	}
}

/* ---- the director ---- */

static pid_t start_worker(const struct broker *b)
{
	pid_t pid = process_fork(CPU_ANY);

	if (!pid)
		be_worker(b);
	return pid;
}

/*
 * Kills the next one, if it has jobs in hand at this moment. One that crashed and was not
 * replaced is none.
 */
static void kill_one(struct crew *c)
{
	pid_t *pid = &c->pid[c->killed];

	if (!*pid || !note_dying(*pid))
		return;
	process_end(*pid);
	*pid = 0;
	c->killed++;
}

/* Who crashed is replaced; nobody else may end. */
static void replace_crashed(const struct broker *b, struct crew *c)
{
	unsigned int i;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < WORKERS && c->pid[i] != pid; i++)
			;
		if (i == WORKERS || !WIFSIGNALED(status))
			fail("%s: a process ended, status 0x%x", b->name, status);
		c->pid[i] = ++c->crashed < CRASHES_MAX ? start_worker(b) : 0;
	}
}

static bool is_given_up(const struct fate *f)
{
	return f->delivered >= ATTEMPTS_MAX;
}

/* Until all is done but the poisoned one, and that one is given up; or nothing goes on. */
static void direct(const struct broker *b, struct crew *c)
{
	uint64_t begin = now_ns(), moved = begin, now;
	uint64_t seen = 0, done;

	for (;;) {
		replace_crashed(b, c);
		now = now_ns();
		done = atomic_load(&tally->progress);
		if (c->killed < KILLS && done > (c->killed + 1) * nr_jobs / (2 * WORKERS))
			kill_one(c);
		if (done != seen)
			moved = now;
		seen = done;
		if (done == nr_jobs - 1 && c->killed == KILLS &&
		    is_given_up(&tally->fate[poisoned]))
			return;
		if (now - moved > QUIET_NS || now - begin > LIMIT_NS)
			return;
		sleep_ns(STEP_NS);
	}
}

/* ---- results ---- */

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void add(json_object *row, const char *key, uint64_t value)
{
	json_object_object_add(row, key, json_object_new_int64((int64_t)value));
}

static void add_latencies(json_object *row)
{
	json_object *list = json_object_new_array();
	uint32_t i, nr = atomic_load(&tally->nr_latencies);

	if (nr > LATENCIES_MAX)
		nr = LATENCIES_MAX;
	qsort(tally->latency_ns, nr, sizeof(*tally->latency_ns), by_size);
	for (i = 0; i < nr; i++)
		json_object_array_add(list,
			json_object_new_int64((int64_t)tally->latency_ns[i]));
	json_object_object_add(row, "redelivery_ns", list);
}

static json_object *result(const struct broker *b, const struct crew *c, uint64_t ns)
{
	uint64_t lost = 0, given_up = 0, twice = 0, delivered = 0;
	uint64_t held = atomic_load(&tally->nr_latencies);
	json_object *row = json_object_new_object();
	uint32_t i;

	for (i = 0; i < nr_jobs; i++) {
		const struct fate *f = &tally->fate[i];

		delivered += f->delivered;
		held += f->dying_ns != 0;
		twice += f->done > 1;
		if (i == poisoned || f->done)
			continue;
		if (is_given_up(f))
			given_up++;
		else
			lost++;
	}
	json_object_object_add(row, "system", json_object_new_string(b->name));
	add(row, "jobs", nr_jobs);
	add(row, "killed", c->killed);
	add(row, "crashed", c->crashed);
	add(row, "held", held);
	add(row, "lost", lost);
	add(row, "innocents_dead", given_up);
	add(row, "done_twice", twice);
	add(row, "delivered", delivered);
	add(row, "ns", ns);
	add_latencies(row);
	return row;
}

/* All are there before the first worker: so each has its hands full when it dies. */
static void produce(const struct broker *b)
{
	pid_t pid = process_fork(CPU_ANY);
	int status;

	if (!pid) {
		b->send(nr_jobs);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) < 0 || status)
		fail("%s: not all jobs could be sent", b->name);
}

static json_object *run(const struct broker *b)
{
	size_t size = sizeof(*tally) + nr_jobs * sizeof(struct fate);
	struct crew crew = { .killed = 0 };
	json_object *row;
	uint64_t begin;
	unsigned int i;

	tally = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tally == MAP_FAILED || pipe(lifeline))
		fail("errno %d", errno);
	poisoned = nr_jobs / 3;
	b->start(nr_jobs);
	produce(b);
	begin = now_ns();
	for (i = 0; i < WORKERS; i++)
		crew.pid[i] = start_worker(b);
	direct(b, &crew);
	row = result(b, &crew, now_ns() - begin);
	for (i = 0; i < WORKERS; i++)
		if (crew.pid[i])
			process_end(crew.pid[i]);
	close(lifeline[0]);
	close(lifeline[1]);
	b->stop();
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	munmap(tally, size);
	return row;
}

/* ---- the command ---- */

static bool wanted(const char *list, const char *name)
{
	size_t len = strlen(name);
	const char *p;

	for (p = list; p; p = strchr(p, ','), p += !!p)
		if (!strncmp(p, name, len) && (!p[len] || p[len] == ','))
			return true;
	return !list;
}

int main(int argc, char **argv)
{
	static const struct option words[] = {
		{ "jobs", required_argument, NULL, 'j' },
		{ "only", required_argument, NULL, 'o' },
		{ "output", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct rlimit no_core = { 0, 0 };
	const char *only = NULL, *output = "build/bench-jobs.json";
	json_object *rows = json_object_new_array(), *row;
	static struct board nothing;	/* not "good": servers end with their run */
	size_t i;
	int word;

	main_pid = getpid();
	board = &nothing;
	while ((word = getopt_long(argc, argv, "", words, NULL)) != -1) {
		if (word == 'j')
			nr_jobs = (uint32_t)strtoul(optarg, NULL, 10);
		else if (word == 'o')
			only = optarg;
		else if (word == 'f')
			output = optarg;
		else
			return 2;
	}
	if (nr_jobs < 100 || nr_jobs > JOBS_MAX)
		fail("--jobs: 100 to %d", JOBS_MAX);
	setrlimit(RLIMIT_CORE, &no_core);
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < sizeof(brokers) / sizeof(*brokers); i++) {
		if (!wanted(only, brokers[i]->name))
			continue;
		row = run(brokers[i]);
		fprintf(stderr, "bench: jobs: %s\n", brokers[i]->name);
		json_object_array_add(rows, row);
	}
	if (json_object_to_file_ext(output, rows, JSON_C_TO_STRING_PRETTY))
		fail("%s: errno %d", output, errno);
	return 0;
}
