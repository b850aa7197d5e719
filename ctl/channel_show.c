// SPDX-License-Identifier: GPL-2.0-only
/* channel show: all in a table, or one with its attributes and who holds what. */
#include "channel.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/weir_netlink.h>

#include "attrs.h"
#include "ctl.h"
#include "hist.h"
#include "json.h"
#include "lookup.h"
#include "nl.h"
#include "output.h"
#include "prefill.h"
#include "settings.h"
#include "units.h"

#define SAMPLE_MS 100
#define HOLDERS_SHOWN 20

struct row {
	char name[32];
	uint64_t ready, inflight, delayed, dead, oldest;
	uint64_t workers, busy, producers, used, max, messages;
	uint32_t state;
	uint64_t acked, p99;
	double rate;
};

struct rows {
	struct row *row;
	size_t count;
	double seconds;		/* since the first sample; 0: this is it */
};

/* ---- the table ------------------------------------------------------------- */

static void add_row(struct nlattr **tb, void *arg)
{
	uint64_t inflight = netlink_number(tb[WEIR_A_CHANNEL_OLDEST_INFLIGHT]);
	struct rows *rows = arg;
	struct row *r;

	rows->row = realloc(rows->row, (rows->count + 1) * sizeof(*r));
	if (!rows->row)
		abort();
	r = &rows->row[rows->count++];
	memset(r, 0, sizeof(*r));
	snprintf(r->name, sizeof(r->name), "%s",
		 netlink_text(tb[WEIR_A_CHANNEL_NAME]));
	r->ready = netlink_number(tb[WEIR_A_CHANNEL_READY]);
	r->inflight = netlink_number(tb[WEIR_A_CHANNEL_INFLIGHT_NOW]);
	r->delayed = netlink_number(tb[WEIR_A_CHANNEL_DELAYED]);
	r->dead = netlink_number(tb[WEIR_A_CHANNEL_DEAD]);
	r->oldest = netlink_number(tb[WEIR_A_CHANNEL_OLDEST_READY]);
	if (inflight > r->oldest)
		r->oldest = inflight;
	r->workers = netlink_number(tb[WEIR_A_CHANNEL_WORKERS]);
	r->busy = netlink_number(tb[WEIR_A_CHANNEL_WORKERS_BUSY]);
	r->producers = netlink_number(tb[WEIR_A_CHANNEL_PRODUCERS]);
	r->used = netlink_number(tb[WEIR_A_CHANNEL_MEMORY_USED]);
	r->max = netlink_number(tb[WEIR_A_CHANNEL_MEMORY_MAX]);
	r->messages = netlink_number(tb[WEIR_A_CHANNEL_MESSAGES]);
	r->state = netlink_number(tb[WEIR_A_CHANNEL_STATE]);
}

static void add_stats(struct nlattr **tb, void *arg)
{
	const char *name = netlink_text(tb[WEIR_A_STATS_CHANNEL]);
	uint64_t acked = netlink_number(tb[WEIR_A_STATS_ACKED]);
	struct rows *rows = arg;
	struct hist h;

	for (size_t i = 0; i < rows->count; i++) {
		struct row *r = &rows->row[i];

		if (strcmp(r->name, name))
			continue;
		hist_read(&h, tb[WEIR_A_STATS_HIST_WAITING]);
		r->p99 = hist_percentile(&h, 990);
		/* A channel of the same name may have replaced it. */
		if (rows->seconds && acked >= r->acked)
			r->rate = (acked - r->acked) / rows->seconds;
		r->acked = acked;
	}
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* The kernel counts; a rate takes two looks, but only where something can move. */
static void sample(struct rows *rows)
{
	bool attached = false;
	double start = seconds();

	netlink_dump(netlink_request(WEIR_CMD_STATS_GET), add_stats, rows);
	for (size_t i = 0; i < rows->count; i++)
		attached |= rows->row[i].workers || rows->row[i].producers;
	if (!attached)
		return;
	poll(NULL, 0, SAMPLE_MS);
	rows->seconds = seconds() - start;
	netlink_dump(netlink_request(WEIR_CMD_STATS_GET), add_stats, rows);
}

static const char *state_word(const struct row *r)
{
	if (r->state != WEIR_CHANNEL_STATE_RUNNING)
		return attrs_choice(attrs_channel_state, r->state);
	return r->ready + r->delayed >= r->messages ? "full" : "ok";
}

static void put_row(const struct row *r)
{
	char a[UNITS_TEXT], b[UNITS_TEXT];

	table_cell("%s", r->name);
	table_cell("%llu", (unsigned long long)r->ready);
	table_cell("%llu", (unsigned long long)r->inflight);
	table_cell("%llu", (unsigned long long)r->delayed);
	table_cell("%llu", (unsigned long long)r->dead);
	table_cell("%s", units_rate(a, r->rate));
	table_cell("%s", r->p99 ? units_time(a, r->p99) : "-");
	table_cell("%s", r->oldest ? units_time(a, r->oldest) : "0s");
	table_cell("%llu/%llu", (unsigned long long)r->busy,
		   (unsigned long long)r->workers);
	table_cell("%s/%s", units_size(a, r->used), units_size(b, r->max));
	table_cell("%s", state_word(r));
	table_row_end();
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

static int show_table(void)
{
	static const char *const headings[] = {
		"<NAME", "READY", "INFLIGHT", "DELAYED", "DEAD", "RATE/s", "P99",
		"OLDEST", "WORKERS", "MEMORY", "<STATE", NULL
	};
	struct rows rows = { NULL };

	if (netlink_dump(netlink_request(WEIR_CMD_CHANNEL_GET), add_row, &rows))
		return netlink_refused();
	sample(&rows);
	if (rows.count)
		qsort(rows.row, rows.count, sizeof(*rows.row), by_name);
	table_begin(headings);
	for (size_t i = 0; i < rows.count; i++)
		put_row(&rows.row[i]);
	table_end();
	free(rows.row);
	return STATUS_DONE;
}

/* ---- one channel ----------------------------------------------------------- */

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void put_now(struct nlattr **tb)
{
	uint64_t held = netlink_number(tb[WEIR_A_CHANNEL_OLDEST_INFLIGHT]);
	uint64_t ready = netlink_number(tb[WEIR_A_CHANNEL_OLDEST_READY]);
	char text[UNITS_TEXT];

	printf("  now   ready %llu  delayed %llu  inflight %llu  dead %llu",
	       (unsigned long long)netlink_number(tb[WEIR_A_CHANNEL_READY]),
	       (unsigned long long)netlink_number(tb[WEIR_A_CHANNEL_DELAYED]),
	       (unsigned long long)netlink_number(tb[WEIR_A_CHANNEL_INFLIGHT_NOW]),
	       (unsigned long long)netlink_number(tb[WEIR_A_CHANNEL_DEAD]));
	if (ready)
		printf("     oldest ready %s", units_time(text, ready));
	if (held) {
		printf("     oldest inflight %s: id %llu, ", units_time(text, held),
		       (unsigned long long)netlink_number(tb[WEIR_A_CHANNEL_OLDEST_ID]));
		put_safe(stdout, netlink_text(tb[WEIR_A_CHANNEL_OLDEST_COMM]));
		printf(" (pid %u), attempt %u",
		       (unsigned int)netlink_number(tb[WEIR_A_CHANNEL_OLDEST_PID]),
		       (unsigned int)netlink_number(tb[WEIR_A_CHANNEL_OLDEST_ATTEMPT]));
	}
	putchar('\n');
}

static void put_who(struct nlattr **tb)
{
	uint64_t producers = netlink_number(tb[WEIR_A_CHANNEL_PRODUCERS]);
	uint64_t workers = netlink_number(tb[WEIR_A_CHANNEL_WORKERS]);
	uint64_t peak = netlink_number(tb[WEIR_A_CHANNEL_MEMORY_PEAK]);
	uint64_t max = netlink_number(tb[WEIR_A_CHANNEL_MEMORY_MAX]);
	char a[UNITS_TEXT], b[UNITS_TEXT];

	printf("  who   %llu producer%s, %llu worker%s (%llu busy)",
	       (unsigned long long)producers, plural(producers),
	       (unsigned long long)workers, plural(workers),
	       (unsigned long long)netlink_number(tb[WEIR_A_CHANNEL_WORKERS_BUSY]));
	printf("     memory %s used, %s populated, high-water %llu%%\n",
	       units_size(a, netlink_number(tb[WEIR_A_CHANNEL_MEMORY_USED])),
	       units_size(b, netlink_number(tb[WEIR_A_CHANNEL_MEMORY_POPULATED])),
	       (unsigned long long)(max ? peak * 100 / max : 0));
}

static void put_one(struct nlattr **tb, void *arg)
{
	uint64_t state = netlink_number(tb[WEIR_A_CHANNEL_STATE]);
	const char *name = netlink_text(tb[WEIR_A_CHANNEL_NAME]);
	char text[UNITS_TEXT];

	(void)arg;
	printf("channel %s  /dev/weir/%s  up %s", name, name,
	       units_age(text, netlink_number(tb[WEIR_A_CHANNEL_AGE])));
	if (state != WEIR_CHANNEL_STATE_RUNNING)
		printf("  %s", attrs_choice(attrs_channel_state, state));
	putchar('\n');
	settings_print(tb);
	put_now(tb);
	put_who(tb);
}

/* Who holds messages, under the "who" line. */
static void put_holder(struct nlattr **tb, void *arg)
{
	uint64_t held = netlink_number(tb[WEIR_A_CLIENT_INFLIGHT]);
	unsigned int load = netlink_number(tb[WEIR_A_CLIENT_LOAD]);
	unsigned int *shown = arg;

	if (!held)
		return;
	if (++*shown > HOLDERS_SHOWN)
		return;
	fputs("        ", stdout);
	put_safe(stdout, netlink_text(tb[WEIR_A_CLIENT_COMM]));
	printf(" (pid %u, client %u) holds %llu of %llu, load %u%%\n",
	       (unsigned int)netlink_number(tb[WEIR_A_CLIENT_PID]),
	       (unsigned int)netlink_number(tb[WEIR_A_CLIENT_ID]),
	       (unsigned long long)held,
	       (unsigned long long)netlink_number(tb[WEIR_A_CLIENT_INFLIGHT_LIMIT]),
	       load / 10);
}

static void put_json(struct nlattr **tb, void *arg)
{
	(void)arg;
	json_object_begin(NULL);
	attrs_json(ATTRS_CHANNEL, tb);
	prefill_json();
	json_object_end();
}

static int show_one(const char *name)
{
	struct nl_msg *msg = netlink_request(WEIR_CMD_CHANNEL_GET);
	unsigned int shown = 0;
	int error;

	netlink_put_string(msg, WEIR_A_CHANNEL_NAME, name);
	error = netlink_call(msg, put_one, NULL);
	if (error)
		return lookup_refused(name, error);
	msg = netlink_request(WEIR_CMD_CLIENT_GET);
	netlink_put_string(msg, WEIR_A_CLIENT_CHANNEL, name);
	netlink_dump(msg, put_holder, &shown);
	if (shown > HOLDERS_SHOWN)
		printf("        and %u more: weirctl client show %s\n",
		       shown - HOLDERS_SHOWN, name);
	return STATUS_DONE;
}

/* An array in any case, so that a program need not ask which. */
static int show_json(const char *name)
{
	struct nl_msg *msg = netlink_request(WEIR_CMD_CHANNEL_GET);
	int error;

	if (name)
		netlink_put_string(msg, WEIR_A_CHANNEL_NAME, name);
	json_array_begin(NULL);
	error = name ? netlink_call(msg, put_json, NULL) :
		       netlink_dump(msg, put_json, NULL);
	if (error)
		return lookup_refused(name, error);
	json_array_end();
	return STATUS_DONE;
}

int channel_show(struct args *a)
{
	const char *name = NULL;
	int status;

	if (a->count) {
		status = lookup_need(a, &name);
		if (status)
			return status;
	}
	if (args_end(a))
		return STATUS_USAGE;
	if (ctl.json)
		return show_json(name);
	return name ? show_one(name) : show_table();
}
