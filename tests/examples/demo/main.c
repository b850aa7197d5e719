// SPDX-License-Identifier: GPL-2.0-only
/*
 * The main job: every file below some folders is a message; producers read them into
 * shared memory, workers hash them there, some of both are killed meanwhile, and in
 * the end nothing may be missing.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir.h>

#include "demo.h"
#include "report.h"
#include "screen.h"
#include "supervisor.h"
#include "verify.h"

#define EXIT_USAGE	2
#define EXIT_NO_MODULE	4

struct options {
	const char	*json;
	const char	*channel;
	uint64_t	seed;
	size_t		limit;
	char *const	*roots;
};

static char *const default_roots[] = {
	"/usr/share/doc", "/usr/include", "/usr/lib", NULL
};

static void usage(FILE *to)
{
	fputs("demo [OPTION]... [FOLDER]...\n"
	      "  --json FILE     write the results to FILE as well\n"
	      "  --seed N        who is killed when, and the poisoned file; else drawn\n"
	      "  --limit N       only N of the files, spread evenly\n"
	      "  --channel NAME  (demo) created, and deleted in the end\n"
	      "Exit status: 0 nothing lost, nothing twice, all digests right; 1 not so;\n"
	      "2 wrong use; 4 the module is not loaded.\n", to);
}

static bool parse_number(const char *text, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 0);
	return !errno && *text && *text != '-' && !*end;
}

static uint64_t draw_seed(void)
{
	return now_ns() / 1000 % 1000000000;
}

/* Returns -1 to go on, or an exit status. */
static int parse(struct options *options, int argc, char *argv[])
{
	static const struct option known[] = {
		{ "json", required_argument, NULL, 'j' },
		{ "seed", required_argument, NULL, 's' },
		{ "limit", required_argument, NULL, 'l' },
		{ "channel", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t limit = 0;
	int option;

	*options = (struct options){ .channel = "demo", .seed = draw_seed() };
	while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		if (option == 'j') {
			options->json = optarg;
		} else if (option == 'c') {
			options->channel = optarg;
		} else if (option == 'h') {
			usage(stdout);
			return 0;
		} else if ((option != 's' && option != 'l') ||
			   !parse_number(optarg, option == 's' ? &options->seed : &limit)) {
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	options->limit = limit;
	options->roots = optind < argc ? &argv[optind] : default_roots;
	return -1;
}

static int find_files(struct demo *demo, const struct options *options)
{
	int ret;

	printf("looking for files below");
	for (int i = 0; options->roots[i]; i++)
		printf(" %s", options->roots[i]);
	printf(" ...\n");
	fflush(stdout);
	ret = files_find(&demo->files, options->roots, MESSAGE_MAX);
	if (ret)
		return ret;
	files_thin(&demo->files, options->limit);
	printf("%zu files, %.1f MB, %zu of them empty; %zu larger than 1 MiB left out\n",
	       demo->files.nr, demo->files.bytes / 1e6, demo->files.nr_empty,
	       demo->files.nr_larger);
	return demo->files.nr ? 0 : -ENOENT;
}

static int add_channel(const struct demo *demo)
{
	struct weir_channel_opts opts = {
		.size = sizeof(opts),
		.messages = 256,
		.message_max = MESSAGE_MAX,
		.memory_min = 4 << 20,
		.memory_max = 64 << 20,
		.max_attempts = MAX_ATTEMPTS,
	};
	char words[256];
	int ret = weir_channel_add(demo->channel, &opts, words, sizeof(words));

	if (ret)
		fprintf(stderr, "demo: channel %s: %s%s%s\n", demo->channel, strerror(-ret),
			*words ? ": " : "", words);
	if (ret == -EEXIST)
		fprintf(stderr, "demo: if it is left over: weirctl channel del %s force\n",
			demo->channel);
	return ret;
}

/* Without force if all went well: the kernel has to agree that nothing is left. */
static int del_channel(struct demo *demo, bool force)
{
	char words[256];
	int ret = force ? 0 : control_channel_purge(&demo->control, demo->channel);

	if (!ret)
		ret = weir_channel_del(demo->channel, force, words, sizeof(words));
	else
		snprintf(words, sizeof(words), "%s", demo->control.refusal);
	if (ret)
		fprintf(stderr, "demo: channel %s is not deleted: %s: %s\n", demo->channel,
			strerror(-ret), words);
	return ret;
}

static int judge(struct demo *demo, const struct options *options,
		 const struct outcome *outcome)
{
	struct verdict verdict;
	int ret, err = 0;

	verify_ledger(demo, outcome, &verdict);
	screen_say("all is settled; comparing with sha256sum ...");
	ret = verify_digests(demo, &verdict);
	if (ret)
		fprintf(stderr, "demo: sha256sum: %s\n", strerror(-ret));
	report_print(demo, outcome, &verdict);
	if (options->json) {
		err = report_json(demo, outcome, &verdict, options->json);
		if (err)
			fprintf(stderr, "demo: %s: %s\n", options->json, strerror(-err));
	}
	return ret || err || !report_good(demo, outcome, &verdict);
}

static const char *explain(int error)
{
	switch (error) {
	case ETIME:
		return "no message was settled for a minute";
	case ECHILD:
		return "a process ended unasked";
	case EINTR:
		return "interrupted";
	default:
		return strerror(error);
	}
}

/* With the channel in place: the job, then the comparison. */
static int run(struct demo *demo, const struct options *options)
{
	struct outcome outcome = { 0 };
	int ret;

	printf("seed %" PRIu64 ", channel %s, %d producers, %d workers\n", demo->seed,
	       demo->channel, NR_PRODUCERS, NR_WORKERS);
	demo->start_ns = now_ns();
	screen_open(demo->start_ns);
	ret = supervisor_run(demo, &outcome);
	if (ret)
		fprintf(stderr, "demo: %s (seed %" PRIu64 ")\n", explain(-ret), demo->seed);
	if (del_channel(demo, ret != 0) && !ret) {
		del_channel(demo, true);
		ret = 1;
	}
	return ret ? 1 : judge(demo, options, &outcome);
}

static int open_control(struct control *control)
{
	int ret = control_open(control);

	if (!ret)
		return 0;
	if (ret == -ENOENT) {
		fprintf(stderr, "demo: the weir module is not loaded\n");
		return EXIT_NO_MODULE;
	}
	fprintf(stderr, "demo: netlink: %s\n", strerror(-ret));
	return 1;
}

int main(int argc, char *argv[])
{
	struct options options;
	struct demo demo = { 0 };
	int ret = parse(&options, argc, argv);

	if (ret >= 0)
		return ret;
	demo.channel = options.channel;
	demo.seed = options.seed;
	supervisor_signals();
	ret = open_control(&demo.control);
	if (ret)
		return ret;
	ret = find_files(&demo, &options);
	if (ret)
		fprintf(stderr, "demo: files: %s\n", strerror(-ret));
	if (!ret) {
		demo.board = board_create(&demo.files);
		ret = demo.board ? add_channel(&demo) : -ENOMEM;
		if (!ret)
			ret = run(&demo, &options);
	}
	files_free(&demo.files);
	control_close(&demo.control);
	return ret ? 1 : 0;
}
