// SPDX-License-Identifier: GPL-2.0-only
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "machine.h"
#include "output.h"
#include "process.h"
#include "run.h"
#include "system_weir.h"

#define GRANDCHILD_ROUNDS 3	/* they take seconds, and vary little */

static const char usage[] =
	"cells [OPTION]...\n"
	"  --quick               fewer cells, fewer runs\n"
	"  --only SYSTEM,...     weir pipe unix mqueue zeromq nng futex spsc\n"
	"                        beanstalkd redis\n"
	"  --scenario NAME,...   throughput roundtrip fanout redelivery\n"
	"  --size BYTES,...      --batch N,...   --shape 1x1,...\n"
	"  --runs N              timed runs of each cell, 1..63\n"
	"  --ms N                length of a run\n"
	"  --weir ATTRIBUTES     more of them for weir's channels, as weirctl takes them\n"
	"  --output DIR          for bench.json and bench-machine.json\n";

struct options {
	struct choice choice;
	unsigned int runs;
	uint64_t run_ns;
	const char *output;
};

__attribute__((noreturn))
static void refuse(const char *what, const char *text)
{
	fprintf(stderr, "bench: %s \"%s\" is out of range or not a number\n%s",
		what, text, usage);
	exit(2);
}

static unsigned int number(const char *what, const char *text, unsigned int max)
{
	char *end;
	unsigned long nr = strtoul(text, &end, 10);

	if (!nr || nr > max || *end)
		refuse(what, text);
	return (unsigned int)nr;
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option words[] = {
		{ "quick", no_argument, NULL, 'q' },
		{ "only", required_argument, NULL, 'o' },
		{ "scenario", required_argument, NULL, 'c' },
		{ "size", required_argument, NULL, 's' },
		{ "batch", required_argument, NULL, 'b' },
		{ "shape", required_argument, NULL, 'p' },
		{ "runs", required_argument, NULL, 'r' },
		{ "ms", required_argument, NULL, 'm' },
		{ "weir", required_argument, NULL, 'w' },
		{ "output", required_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	unsigned int runs = 0, ms = 0;
	int word;

	while ((word = getopt_long(argc, argv, "", words, NULL)) != -1) {
		switch (word) {
		case 'q':
			o->choice.quick = true;
			break;
		case 'o':
			o->choice.systems = optarg;
			break;
		case 'c':
			o->choice.scenarios = optarg;
			break;
		case 's':
			o->choice.sizes = optarg;
			break;
		case 'b':
			o->choice.batches = optarg;
			break;
		case 'p':
			o->choice.shapes = optarg;
			break;
		case 'r':
			runs = number("--runs", optarg, RUNS_MAX - 1);
			break;
		case 'm':
			ms = number("--ms", optarg, 10000);
			break;
		case 'w':
			weir_attributes = optarg;
			break;
		case 'd':
			o->output = optarg;
			break;
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "bench: \"%s\" is too much\n%s", argv[optind], usage);
		exit(2);
	}
	o->runs = runs ?: o->choice.quick ? 3 : 5;
	o->run_ns = (ms ?: 200) * 1000000ULL;
}

static void note_pace(struct circumstances *c)
{
	uint64_t pace = machine_pace();

	if (!c->pace_min || pace < c->pace_min)
		c->pace_min = pace;
	if (pace > c->pace_max)
		c->pace_max = pace;
}

static void run_group(const struct group *g, unsigned int round,
		      unsigned int first, uint64_t ns)
{
	struct cell *cell;
	unsigned int i;

	for (i = 0; i < g->nr; i++) {
		cell = g->cell[(first + i) % g->nr];
		if (!cell->grandchild || round < GRANDCHILD_ROUNDS)
			run_cell(cell, ns, !round);
	}
}

/* Round 0 counts; in each round another system goes first. */
static void run_all(const struct plan *plan, const struct options *o,
		    struct circumstances *c)
{
	unsigned int round, i;

	for (round = 0; round <= o->runs; round++) {
		note_pace(c);
		for (i = 0; i < plan->nr; i++)
			run_group(&plan->group[i], round, round + i, o->run_ns);
		fprintf(stderr, "bench: round %u of %u\n", round, o->runs);
	}
	note_pace(c);
}

static char *path_of(const char *dir, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		fail("no memory");
	return path;
}

int main(int argc, char **argv)
{
	struct options o = { .output = "build" };
	struct circumstances c = { .seconds = 0 };
	uint64_t begin = now_ns();
	struct plan plan;

	parse(&o, argc, argv);
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		fail("no memory");
	process_pin(CPU_ANY);
	plan_make(&plan, &o.choice);
	if (!plan.nr)
		fail("there is no cell with all of that");
	c.idle_channel = machine_idle_channel();
	c.idle_client = machine_idle_client();
	run_all(&plan, &o, &c);
	c.seconds = (now_ns() - begin) / 1000000000;
	c.runs = o.runs;
	c.run_ns = o.run_ns;
	output_cells(&plan, path_of(o.output, "bench.json"));
	output_circumstances(&plan, &c, path_of(o.output, "bench-machine.json"));
	return 0;
}
