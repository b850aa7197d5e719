// SPDX-License-Identifier: GPL-2.0-only
/* observe show: the maps of bpf/observe.bpf.c, read as bpftool would. */
#include "observe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>

typedef uint32_t u32;
typedef uint64_t u64;
#include <weir/observe.h>

#include "ctl.h"
#include "hist.h"
#include "json.h"
#include "output.h"
#include "report.h"
#include "units.h"

struct shown {
	int channels, processors, latency;
	int cpus;
	struct weir_observe_counts *of;		/* one for each processor */
	struct weir_observe_channel channel;
	struct weir_observe_latency times;
};

static int open_map(const char *path, int *fd)
{
	*fd = bpf_obj_get(path);
	return *fd < 0 ? observe_refused(errno, path) : 0;
}

static int open_maps(struct shown *s)
{
	s->cpus = libbpf_num_possible_cpus();
	if (s->cpus < 1)
		return observe_refused(-s->cpus, "processors");
	s->of = calloc(s->cpus, sizeof(*s->of));
	if (!s->of)
		abort();
	return open_map(OBSERVE_PIN("channels"), &s->channels) ?:
	       open_map(OBSERVE_PIN("processors"), &s->processors) ?:
	       open_map(OBSERVE_PIN("latency"), &s->latency);
}

static void close_maps(struct shown *s)
{
	const int fd[] = { s->channels, s->processors, s->latency };

	for (size_t i = 0; i < sizeof(fd) / sizeof(fd[0]); i++)
		if (fd[i] >= 0)
			close(fd[i]);
	free(s->of);
}

/* The same form as the kernel's own answer has. */
static struct hist convert(const struct weir_observe_hist *from,
			   struct hist_bucket *bucket)
{
	struct hist h = { .count = from->count, .sum = from->sum, .max = from->max };

	for (unsigned int i = 0; i < WEIR_HIST_BUCKETS; i++) {
		unsigned int shift = i >> WEIR_HIST_BITS ? (i >> WEIR_HIST_BITS) - 1 : 0;
		uint64_t part = 1U << WEIR_HIST_BITS;

		if (!from->bucket[i])
			continue;
		bucket[h.buckets].low = i < 2 * part ? i :
					(part + i % part) << shift;
		bucket[h.buckets++].count = from->bucket[i];
	}
	h.bucket = (const unsigned char *)bucket;
	return h;
}

/* ---- JSON ------------------------------------------------------------------ */

static void json_counts(const struct weir_observe_counts *c)
{
#define X(field, attr, help) json_number(#field, c->field);
	WEIR_COUNTERS(X)
#undef X
	json_number("enters", c->enters);
	json_number("wakeups", c->wakeups);
	json_number("spins", c->spins);
}

static void json_times(const char *key, const char *unit,
		       const struct weir_observe_hist *from)
{
	struct hist_bucket bucket[WEIR_HIST_BUCKETS];
	struct hist h = convert(from, bucket);

	hist_json(key, unit, &h);
}

static void json_channel(const struct shown *s)
{
	json_object_begin(NULL);
	json_string("channel", s->channel.name);
	json_counts(&s->channel.counts);
	json_number("ready", s->channel.ready);
	json_number("delayed", s->channel.delayed);
	json_number("inflight", s->channel.inflight);
	json_number("dead", s->channel.dead);
	json_object_begin("latency");
	json_times("waiting", "_ns", &s->times.waiting);
	json_times("working", "_ns", &s->times.working);
	json_times("total", "_ns", &s->times.total);
	json_times("redelivery", "_ns", &s->times.redelivery);
	json_object_end();
	json_times("batch", "", &s->times.batch);
	json_array_begin("processors");
	for (int i = 0; i < s->cpus; i++) {
		json_object_begin(NULL);
		json_counts(&s->of[i]);
		json_object_end();
	}
	json_array_end();
	json_object_end();
}

/* ---- text ------------------------------------------------------------------ */

static void cell_time(const struct weir_observe_hist *from, unsigned int rank)
{
	struct hist_bucket bucket[WEIR_HIST_BUCKETS];
	struct hist h = convert(from, bucket);
	char text[UNITS_TEXT];

	table_cell("%s", h.count ? units_time(text, hist_percentile(&h, rank)) : "-");
}

static void put_channel(const struct shown *s)
{
	const struct weir_observe_counts *c = &s->channel.counts;
	struct hist_bucket bucket[WEIR_HIST_BUCKETS];
	struct hist batch = convert(&s->times.batch, bucket);
	int busy = 0;

	for (int i = 0; i < s->cpus; i++)
		busy += s->of[i].delivered > 0;
	table_cell("%s", s->channel.name);
	table_cell("%llu", (unsigned long long)c->accepted);
	table_cell("%llu", (unsigned long long)c->acked);
	table_cell("%llu", (unsigned long long)c->redelivered);
	table_cell("%llu", (unsigned long long)s->channel.dead);
	table_cell("%llu", (unsigned long long)c->batches);
	table_cell("%llu", (unsigned long long)hist_percentile(&batch, 500));
	table_cell("%llu", (unsigned long long)c->wakeups);
	cell_time(&s->times.waiting, 500);
	cell_time(&s->times.waiting, 990);
	cell_time(&s->times.working, 500);
	cell_time(&s->times.working, 990);
	table_cell("%d", busy);
	table_row_end();
}

static bool read_one(struct shown *s, const struct weir_observe_key *key)
{
	memset(s->of, 0, s->cpus * sizeof(*s->of));
	memset(&s->times, 0, sizeof(s->times));
	bpf_map_lookup_elem(s->processors, key, s->of);
	bpf_map_lookup_elem_flags(s->latency, key, &s->times, BPF_F_LOCK);
	return !bpf_map_lookup_elem_flags(s->channels, key, &s->channel, BPF_F_LOCK);
}

static void print_all(struct shown *s)
{
	struct weir_observe_key key, *last = NULL;

	while (!bpf_map_get_next_key(s->channels, last, &key)) {
		last = &key;
		if (!read_one(s, &key))
			continue;
		if (ctl.json)
			json_channel(s);
		else
			put_channel(s);
	}
}

int observe_print(void)
{
	static const char *const headings[] = {
		"<CHANNEL", "ACCEPTED", "ACKED", "REDELIVERED", "DEAD", "BATCHES",
		"BATCH", "WAKEUPS", "WAITING", "P99", "WORKING", "P99", "CPUS", NULL
	};
	struct shown s = { -1, -1, -1, 0, NULL };
	int status = open_maps(&s);

	if (!status && ctl.json)
		json_array_begin(NULL);
	else if (!status)
		table_begin(headings);
	if (!status)
		print_all(&s);
	if (!status && ctl.json)
		json_array_end();
	else if (!status)
		table_end();
	close_maps(&s);
	return status;
}
