// SPDX-License-Identifier: GPL-2.0-only
#include "output.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(json_object *to, const char *key, json_object *value)
{
	json_object_object_add(to, key, value);
}

static void put_number(json_object *to, const char *key, double value)
{
	char text[32];

	/* Neither forty digits nor an exponent. */
	snprintf(text, sizeof(text), "%.*f", value < 100 ? 4 : 1, value);
	put(to, key, json_object_new_double_s(value, text));
}

static void put_count(json_object *to, const char *key, uint64_t value)
{
	put(to, key, json_object_new_int64((int64_t)value));
}

static void put_what(json_object *o, const struct cell *c)
{
	put(o, "system", json_object_new_string(c->system->name));
	put(o, "scenario", json_object_new_string(scenario_names[c->scenario]));
	put_count(o, "size", c->size);
	put_count(o, "batch", c->batch);
	put(o, "touched", json_object_new_boolean(c->touched));
	put(o, "blocking", json_object_new_boolean(c->blocking));
	put_count(o, "producers", c->producers);
	put_count(o, "workers", c->workers);
	if (c->scenario == REDELIVERY)
		put(o, "grandchild", json_object_new_boolean(c->grandchild));
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static json_object *to_json(const struct cell *c)
{
	json_object *o = json_object_new_object();
	double ns[RUNS_MAX];

	memcpy(ns, c->ns, sizeof(ns));
	qsort(ns, c->nr_runs, sizeof(ns[0]), compare);
	put_what(o, c);
	put_number(o, "ns_per_msg", (ns[(c->nr_runs - 1) / 2] +
				     ns[c->nr_runs / 2]) / 2);
	put_number(o, "ns_per_msg_min", ns[0]);
	put_number(o, "ns_per_msg_max", ns[c->nr_runs - 1]);
	put_count(o, "p50_ns", hist_percentile(&c->hist, 50));
	put_count(o, "p95_ns", hist_percentile(&c->hist, 95));
	put_count(o, "p99_ns", hist_percentile(&c->hist, 99));
	put_count(o, "max_ns", c->hist.max);
	put_number(o, "syscalls_per_msg", c->syscalls);
	put_number(o, "wakeups_per_msg", c->wakeups);
	put_number(o, "cpu_s_per_million",
		   (double)c->cpu_ns / (double)c->messages / 1000);
	put_count(o, "messages", c->messages);
	put_count(o, "timed", c->hist.count);
	put_count(o, "runs", c->nr_runs);
	if (c->nr_waits) {
		put_count(o, "waits", c->nr_waits);
		put_count(o, "before_wait", c->before_wait);
	}
	return o;
}

static void store(json_object *o, const char *path)
{
	if (json_object_to_file_ext(path, o, JSON_C_TO_STRING_PRETTY |
				    JSON_C_TO_STRING_NOSLASHESCAPE))
		fail("%s: %s", path, json_util_get_last_err());
	json_object_put(o);
}

static void each(const struct plan *plan, json_object *array, bool left_out)
{
	unsigned int i, j;

	for (i = 0; i < plan->nr; i++)
		for (j = 0; j < plan->group[i].nr; j++) {
			const struct cell *c = plan->group[i].cell[j];
			json_object *o;

			if (!c->left_out == left_out)
				continue;
			if (!left_out) {
				if (c->nr_runs)
					json_object_array_add(array, to_json(c));
				continue;
			}
			o = json_object_new_object();
			put_what(o, c);
			put(o, "why", json_object_new_string(c->left_out));
			json_object_array_add(array, o);
		}
}

void output_cells(const struct plan *plan, const char *path)
{
	json_object *array = json_object_new_array();

	each(plan, array, false);
	store(array, path);
}

void output_circumstances(const struct plan *plan,
			  const struct circumstances *c, const char *path)
{
	json_object *o = json_object_new_object();
	json_object *array = json_object_new_array();

	put_count(o, "seconds", c->seconds);
	put_count(o, "runs", c->runs);
	put_count(o, "run_ms", c->run_ns / 1000000);
	put_count(o, "pace_min_ns", c->pace_min);
	put_count(o, "pace_max_ns", c->pace_max);
	put_count(o, "bytes_per_idle_channel", c->idle_channel);
	put_count(o, "bytes_per_idle_client", c->idle_client);
	each(plan, array, true);
	put(o, "left_out", array);
	store(o, path);
}
