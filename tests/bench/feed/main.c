// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an event costs the BPF program that sends it, and until somebody has
 * it: a channel of weir beside the BPF ring buffer.
 *
 * feed [--output FOLDER] [--rounds N]: writes bench-feed.json. The program is run with
 * so many events in a row, then waits until the consumer, a thread on another
 * processor that sleeps when there is nothing, has them all: weir's acknowledges
 * each. Timed are the loop in the program, and from its start to the last receipt.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <json-c/json.h>
#include <weir.h>

#include "feed.h"

#define ROUNDS_MAX	100000
#define WARM		20	/* rounds that do not count */
#define PATIENCE_NS	10000000000ULL

static const unsigned int batches[] = { 1, 64 };

static char channel[32];
static struct bpf_object *object;
static _Atomic unsigned long received;
static _Atomic bool stop;

__attribute__((format(printf, 1, 2), noreturn))
static void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("feed: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void stay_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	/* With one processor everything is on that. */
	sched_setaffinity(0, sizeof(set), &set);
}

/* ---- the consumers ---- */

static void *take_weir(void *arg)
{
	struct weir_msg msgs[64];
	struct weir *w;
	int i, n;

	(void)arg;
	stay_on(1);
	if (weir_open(&w, channel, NULL))
		fail("cannot open %s", channel);
	while (!stop) {
		n = weir_recvmany(w, msgs, 64, 100);
		for (i = 0; i < n; i++)
			weir_ack(w, &msgs[i]);
		if (n > 0)
			atomic_fetch_add(&received, n);
	}
	weir_close(w);
	return NULL;
}

static int count(void *arg, void *data, size_t size)
{
	(void)arg;
	(void)data;
	(void)size;
	atomic_fetch_add(&received, 1);
	return 0;
}

static void *take_ringbuf(void *arg)
{
	struct ring_buffer *rb;

	(void)arg;
	stay_on(1);
	rb = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "ring"),
			      count, NULL, NULL);
	if (!rb)
		fail("cannot read the ring buffer");
	while (!stop)
		ring_buffer__poll(rb, 100);
	ring_buffer__free(rb);
	return NULL;
}

static const struct {
	const char *name;
	void *(*take)(void *arg);
} systems[] = {
	{ "weir", take_weir },
	{ "ringbuf", take_ringbuf },
};

/* ---- the rounds ---- */

static void load(void)
{
	char path[4096], *slash;
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 32);
	struct bpf_map *map;
	size_t size;
	void *name;

	if (len < 0)
		fail("no /proc");
	path[len] = '\0';
	slash = strrchr(path, '/');
	strcpy(slash, "/../bpf/feed.bpf.o");
	object = bpf_object__open(path);
	if (!object)
		fail("cannot open %s", path);
	/* It has one constant. */
	map = bpf_object__find_map_by_name(object, ".rodata");
	name = map ? bpf_map__initial_value(map, &size) : NULL;
	if (!name || size != sizeof(channel))
		fail("%s is not what it should be", path);
	memcpy(name, channel, sizeof(channel));
	if (bpf_object__load(object))
		fail("cannot load %s", path);
}

static void run(int prog, struct order *order)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = order,
		    .ctx_size_in = sizeof(*order));

	if (bpf_prog_test_run_opts(prog, &opts))
		fail("cannot run the program: %s", strerror(errno));
	if (order->done != order->nr)
		fail("%u of %u events were sent", order->done, order->nr);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct outcome {
	double in_program;
	double to_receipt;
};

/* Medians, per event. */
static struct outcome measure(int prog, unsigned int batch, unsigned int rounds)
{
	static double program[ROUNDS_MAX], receipt[ROUNDS_MAX];
	unsigned long due = received;
	uint64_t start, end;
	unsigned int i;

	for (i = 0; i < WARM + rounds; i++) {
		struct order order = { .nr = batch };

		due += batch;
		start = now_ns();
		run(prog, &order);
		while (received != due) {
			if (now_ns() > start + PATIENCE_NS)
				fail("%lu of %lu events came", received, due);
			sched_yield();
		}
		end = now_ns();
		if (i < WARM)
			continue;
		program[i - WARM] = (double)order.ns / batch;
		receipt[i - WARM] = (double)(end - start) / batch;
	}
	qsort(program, rounds, sizeof(*program), compare);
	qsort(receipt, rounds, sizeof(*receipt), compare);
	return (struct outcome){ program[rounds / 2], receipt[rounds / 2] };
}

static void put(json_object *to, const char *key, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.1f", value);
	json_object_object_add(to, key, json_object_new_double_s(value, text));
}

static void add(json_object *to, size_t which, unsigned int batch,
		const struct outcome *out)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "system", json_object_new_string(systems[which].name));
	json_object_object_add(o, "batch", json_object_new_int(batch));
	json_object_object_add(o, "size", json_object_new_int(sizeof(struct event)));
	put(o, "ns_in_program", out->in_program);
	put(o, "ns_to_receipt", out->to_receipt);
	json_object_array_add(to, o);
	printf("%-8s batches of %2u: %8.1f ns in the program, %8.1f ns to receipt\n",
	       systems[which].name, batch, out->in_program, out->to_receipt);
}

static void measure_all(json_object *to, size_t which, unsigned int rounds)
{
	struct bpf_program *p;
	struct outcome out;
	pthread_t thread;
	size_t i;

	p = bpf_object__find_program_by_name(object, systems[which].name);
	if (!p)
		fail("no program %s", systems[which].name);
	received = 0;
	stop = false;
	if (pthread_create(&thread, NULL, systems[which].take, NULL))
		fail("no thread");
	for (i = 0; i < sizeof(batches) / sizeof(*batches); i++) {
		out = measure(bpf_program__fd(p), batches[i], rounds);
		add(to, which, batches[i], &out);
	}
	stop = true;
	pthread_join(thread, NULL);
}

static void remove_channel(void)
{
	char command[64];

	snprintf(command, sizeof(command), "weirctl channel del %s force", channel);
	if (system(command))
		fprintf(stderr, "feed: channel %s is left\n", channel);
}

static void make_channel(void)
{
	char command[64];

	snprintf(channel, sizeof(channel), "bench-feed-%d", getpid());
	snprintf(command, sizeof(command), "weirctl channel add %s feed 1024", channel);
	if (system(command))
		fail("no channel");
	atexit(remove_channel);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "rounds", required_argument, NULL, 'r' },
		{ }
	};
	json_object *array = json_object_new_array();
	const char *folder = "build";
	unsigned int rounds = 500;
	char path[4096];
	size_t i;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'o')
			folder = optarg;
		else if (o == 'r')
			rounds = strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	if (!rounds || rounds > ROUNDS_MAX || optind < argc) {
		fprintf(stderr, "feed: usage: feed [--output FOLDER] [--rounds 1..%u]\n",
			ROUNDS_MAX);
		return 2;
	}
	stay_on(0);
	make_channel();
	load();
	for (i = 0; i < sizeof(systems) / sizeof(*systems); i++)
		measure_all(array, i, rounds);
	bpf_object__close(object);
	snprintf(path, sizeof(path), "%s/bench-feed.json", folder);
	if (json_object_to_file_ext(path, array, JSON_C_TO_STRING_PRETTY))
		fail("%s: %s", path, json_util_get_last_err());
	json_object_put(array);
	return 0;
}
