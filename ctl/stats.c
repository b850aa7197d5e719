// SPDX-License-Identifier: GPL-2.0-only
/* stats: the books of a channel, and how long things take. */
#include "stats.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/weir_netlink.h>

#include "attrs.h"
#include "ctl.h"
#include "hist.h"
#include "json.h"
#include "lookup.h"
#include "nl.h"
#include "units.h"

/* What the last look at a channel saw, for rates while watching. */
struct last {
	char name[32];
	uint64_t accepted;
	uint64_t acked;
};

struct watch {
	struct last *last;
	size_t count;
	double time;
	double seconds;		/* since the last look; 0: this is the first */
};

static const char *const identity_words[] = {
	"acked", "dead", "dropped", "purged", "joined", "forwarded", "ready",
	"delayed", "inflight"
};

static const int identity_attrs[] = {
	WEIR_A_STATS_ACKED, WEIR_A_STATS_DEAD, WEIR_A_STATS_DROPPED,
	WEIR_A_STATS_PURGED, WEIR_A_STATS_JOINED, WEIR_A_STATS_FORWARDED,
	WEIR_A_STATS_READY, WEIR_A_STATS_DELAYED, WEIR_A_STATS_INFLIGHT
};

#define IDENTITY (sizeof(identity_attrs) / sizeof(identity_attrs[0]))

static unsigned long long number(struct nlattr **tb, int attr)
{
	return netlink_number(tb[attr]);
}

/* accepted = acked + dead + dropped + ...: by the numbers that came, nothing else. */
static bool is_exact(struct nlattr **tb)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < IDENTITY; i++)
		sum += netlink_number(tb[identity_attrs[i]]);
	return sum == netlink_number(tb[WEIR_A_STATS_ACCEPTED]);
}

/* ---- text ------------------------------------------------------------------ */

static void put_identity(struct nlattr **tb)
{
	printf("  accepted %llu", number(tb, WEIR_A_STATS_ACCEPTED));
	for (size_t i = 0; i < IDENTITY; i++) {
		bool later = identity_attrs[i] == WEIR_A_STATS_JOINED ||
			     identity_attrs[i] == WEIR_A_STATS_FORWARDED;

		/* Always 0 in this version. */
		if (later && !number(tb, identity_attrs[i]))
			continue;
		printf(" %c %s %llu", i ? '+' : '=', identity_words[i],
		       number(tb, identity_attrs[i]));
	}
	printf("   (%s)\n", is_exact(tb) ? "exact" : "in motion");
}

/* Some of a line's parts, which are left out while they are 0. */
static void put_part(struct nlattr **tb, const char *before, const char *name,
		     int attr)
{
	if (number(tb, attr))
		printf("%s%s %llu", before, name, number(tb, attr));
}

static void put_dropped(struct nlattr **tb)
{
	static const struct {
		const char *name;
		int attr;
	} why[] = {
		{ "new when full", WEIR_A_STATS_DROPPED_NEW },
		{ "old when full", WEIR_A_STATS_DROPPED_OLD },
		{ "subscriber too slow", WEIR_A_STATS_DROPPED_SLOW },
		{ "no subscriber", WEIR_A_STATS_DROPPED_NOBODY },
	};
	unsigned long long sum = 0;

	for (size_t i = 0; i < sizeof(why) / sizeof(why[0]); i++)
		sum += number(tb, why[i].attr);
	if (!sum)
		return;
	printf("  dropped %llu:", number(tb, WEIR_A_STATS_DROPPED));
	sum = 0;
	for (size_t i = 0; i < sizeof(why) / sizeof(why[0]); i++) {
		put_part(tb, sum ? ", " : " ", why[i].name, why[i].attr);
		sum += number(tb, why[i].attr);
	}
	putchar('\n');
}

/* What the kernel did to spare system calls and sleeps. */
static void put_economy(struct nlattr **tb)
{
	if (number(tb, WEIR_A_STATS_PROMISES) || number(tb, WEIR_A_STATS_SPINS))
		printf("  spared: calls promised %llu (looks %llu), sleeps %llu\n",
		       number(tb, WEIR_A_STATS_PROMISES),
		       number(tb, WEIR_A_STATS_SWEEPS),
		       number(tb, WEIR_A_STATS_SPINS));
}

/* What BPF programs send, and what became of what they did not. */
static void put_feed(struct nlattr **tb)
{
	if (number(tb, WEIR_A_STATS_FED) || number(tb, WEIR_A_STATS_FED_REFUSED) ||
	    number(tb, WEIR_A_STATS_FEED_MISSED) ||
	    number(tb, WEIR_A_STATS_FEED_TAKEN))
		printf("  from BPF programs: accepted %llu, refused %llu, no record free %llu, on their way %llu\n",
		       number(tb, WEIR_A_STATS_FED),
		       number(tb, WEIR_A_STATS_FED_REFUSED),
		       number(tb, WEIR_A_STATS_FEED_MISSED),
		       number(tb, WEIR_A_STATS_FEED_TAKEN));
}

static void put_counters(struct nlattr **tb)
{
	unsigned long long unseen = number(tb, WEIR_A_STATS_CRASHED_UNSEEN);
	unsigned long long seen = number(tb, WEIR_A_STATS_CRASHED_SEEN);

	printf("  redelivered %llu: worker died %llu (unseen %llu, seen %llu), failed %llu, released %llu, taken %llu",
	       number(tb, WEIR_A_STATS_REDELIVERED), unseen + seen, unseen, seen,
	       number(tb, WEIR_A_STATS_FAILED), number(tb, WEIR_A_STATS_RELEASED),
	       number(tb, WEIR_A_STATS_TAKEN));
	put_part(tb, ", ", "ack-timeout", WEIR_A_STATS_OVERDUE);
	putchar('\n');
	printf("  died %llu: attempts %llu, rejected %llu, killed %llu, redeliveries %llu",
	       number(tb, WEIR_A_STATS_DIED_ATTEMPTS) +
	       number(tb, WEIR_A_STATS_DIED_REJECTED) +
	       number(tb, WEIR_A_STATS_DIED_KILLED) +
	       number(tb, WEIR_A_STATS_DIED_REDELIVERIES) +
	       number(tb, WEIR_A_STATS_DIED_EXPIRED),
	       number(tb, WEIR_A_STATS_DIED_ATTEMPTS),
	       number(tb, WEIR_A_STATS_DIED_REJECTED),
	       number(tb, WEIR_A_STATS_DIED_KILLED),
	       number(tb, WEIR_A_STATS_DIED_REDELIVERIES));
	put_part(tb, ", ", "expired", WEIR_A_STATS_DIED_EXPIRED);
	printf("    requeued %llu\n", number(tb, WEIR_A_STATS_REQUEUED));
	put_dropped(tb);
	printf("  refused %llu: full %llu, invalid %llu",
	       number(tb, WEIR_A_STATS_REFUSED),
	       number(tb, WEIR_A_STATS_REFUSED_FULL),
	       number(tb, WEIR_A_STATS_REFUSED_INVALID));
	put_part(tb, ", ", "share", WEIR_A_STATS_REFUSED_SHARE);
	put_part(tb, ", ", "policy", WEIR_A_STATS_REFUSED_POLICY);
	printf("    waited for room %llu    stale answers %llu    ring errors %llu    deaths %llu\n",
	       number(tb, WEIR_A_STATS_BLOCKED), number(tb, WEIR_A_STATS_STALE),
	       number(tb, WEIR_A_STATS_RING_ERRORS),
	       number(tb, WEIR_A_STATS_DEATHS));
	put_feed(tb);
	put_economy(tb);
}

static void put_latency(const char *name, const struct nlattr *nest)
{
	static const unsigned int ranks[] = { 500, 950, 990, 999 };
	char text[UNITS_TEXT];
	struct hist h;

	hist_read(&h, nest);
	printf("    %-10s", name);
	for (int i = 0; i < 4; i++)
		printf(" %6s", h.count ? units_time(text, hist_percentile(&h, ranks[i])) : "-");
	printf(" %6s", h.count ? units_time(text, h.max) : "-");
}

static void put_per_message(struct nlattr **tb)
{
	double delivered = number(tb, WEIR_A_STATS_DELIVERED);
	double batches = number(tb, WEIR_A_STATS_BATCHES);

	printf("  latency         p50    p95    p99  p99.9    max");
	if (delivered)
		printf("        per message: %.2f system calls, %.2f wake-ups, batch %.0f",
		       number(tb, WEIR_A_STATS_ENTERS) / delivered,
		       number(tb, WEIR_A_STATS_WAKEUPS) / delivered,
		       batches ? delivered / batches : 0);
	putchar('\n');
}

static void put_redelivery(const struct nlattr *nest)
{
	char a[UNITS_TEXT], b[UNITS_TEXT];
	struct hist h;

	hist_read(&h, nest);
	if (h.count)
		printf("        died->redelivered: p50 %s, max %s (%llu)",
		       units_time(a, hist_percentile(&h, 500)),
		       units_time(b, h.max), (unsigned long long)h.count);
	putchar('\n');
}

/* ---- rates while watching ---------------------------------------------------- */

static struct last *find_last(struct watch *w, const char *name)
{
	for (size_t i = 0; i < w->count; i++)
		if (!strcmp(w->last[i].name, name))
			return &w->last[i];
	w->last = realloc(w->last, (w->count + 1) * sizeof(*w->last));
	if (!w->last)
		abort();
	memset(&w->last[w->count], 0, sizeof(*w->last));
	snprintf(w->last[w->count].name, sizeof(w->last->name), "%s", name);
	return &w->last[w->count++];
}

static void put_rates(struct nlattr **tb, struct watch *w)
{
	struct last *last = find_last(w, netlink_text(tb[WEIR_A_STATS_CHANNEL]));
	uint64_t accepted = number(tb, WEIR_A_STATS_ACCEPTED);
	uint64_t acked = number(tb, WEIR_A_STATS_ACKED);
	char a[UNITS_TEXT], b[UNITS_TEXT];

	if (w->seconds && accepted >= last->accepted && acked >= last->acked)
		printf("  now %s/s accepted, %s/s acked",
		       units_rate(a, (accepted - last->accepted) / w->seconds),
		       units_rate(b, (acked - last->acked) / w->seconds));
	last->accepted = accepted;
	last->acked = acked;
}

static void put_text(struct nlattr **tb, void *arg)
{
	char size[UNITS_TEXT];

	printf("channel %s  %s in %llu messages",
	       netlink_text(tb[WEIR_A_STATS_CHANNEL]),
	       units_size(size, number(tb, WEIR_A_STATS_BYTES)),
	       number(tb, WEIR_A_STATS_ACCEPTED));
	if (arg)
		put_rates(tb, arg);
	putchar('\n');
	put_identity(tb);
	put_counters(tb);
	put_per_message(tb);
	put_latency("waiting", tb[WEIR_A_STATS_HIST_WAITING]);
	put_redelivery(tb[WEIR_A_STATS_HIST_REDELIVERY]);
	put_latency("working", tb[WEIR_A_STATS_HIST_WORKING]);
	putchar('\n');
	put_latency("total", tb[WEIR_A_STATS_HIST_TOTAL]);
	putchar('\n');
}

/* ---- JSON ------------------------------------------------------------------ */

static void put_hist(const char *key, const char *unit, const struct nlattr *nest)
{
	struct hist h;

	hist_read(&h, nest);
	hist_json(key, unit, &h);
}

static void put_json(struct nlattr **tb, void *arg)
{
	(void)arg;
	json_object_begin(NULL);
	attrs_json(ATTRS_STATS, tb);
	json_bool("exact", is_exact(tb));
	json_object_begin("latency");
	put_hist("waiting", "_ns", tb[WEIR_A_STATS_HIST_WAITING]);
	put_hist("working", "_ns", tb[WEIR_A_STATS_HIST_WORKING]);
	put_hist("total", "_ns", tb[WEIR_A_STATS_HIST_TOTAL]);
	put_hist("redelivery", "_ns", tb[WEIR_A_STATS_HIST_REDELIVERY]);
	json_object_end();
	put_hist("batch", "", tb[WEIR_A_STATS_HIST_BATCH]);
	json_object_end();
}

/* ---- show ------------------------------------------------------------------ */

static int show_once(const char *name, struct watch *w)
{
	struct nl_msg *msg = netlink_request(WEIR_CMD_STATS_GET);
	netlink_fn put = ctl.json ? put_json : put_text;
	int error;

	if (name)
		netlink_put_string(msg, WEIR_A_STATS_CHANNEL, name);
	if (ctl.json)
		json_array_begin(NULL);
	error = name ? netlink_call(msg, put, w) : netlink_dump(msg, put, w);
	if (error)
		return lookup_refused(name, error);
	if (ctl.json)
		json_array_end();
	fflush(stdout);
	return STATUS_DONE;
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Until a signal comes, or the channel goes. */
static int watch(const char *name, uint64_t interval)
{
	struct timespec pause = { interval / 1000000000, interval % 1000000000 };
	bool screen = !ctl.json && isatty(STDOUT_FILENO);
	struct watch w = { NULL };
	int status;

	for (;;) {
		double now = seconds();

		w.seconds = w.time ? now - w.time : 0;
		w.time = now;
		if (screen)
			fputs("\033[H\033[J", stdout);
		status = show_once(name, &w);
		if (status || ferror(stdout))
			return status ? status : STATUS_REFUSED;
		nanosleep(&pause, NULL);
	}
}

static const struct word words[] = {
	{ "--watch", "[TIME]", NULL, "again and again, each second if no TIME" },
	{ }
};

/* --watch may stand alone: its value is optional. */
static int read_watch(struct args *a, uint64_t *interval)
{
	static const char *const names[] = { "--watch", NULL };

	if (args_match(args_next(a), names, "word") < 0)
		return STATUS_USAGE;
	*interval = 1000000000;
	if (!a->count || a->word[0][0] < '0' || a->word[0][0] > '9')
		return 0;
	if (args_time("--watch", args_next(a), interval))
		return STATUS_USAGE;
	if (*interval < 10000000)
		*interval = 10000000;
	return 0;
}

static int stats_show(struct args *a)
{
	const char *name = NULL;
	uint64_t interval = 0;
	int status;

	while (a->count) {
		if (a->word[0][0] == '-')
			status = read_watch(a, &interval);
		else if (name)
			status = args_end(a);
		else
			status = args_need(a, "CHANNEL", &name);
		if (status)
			return status;
	}
	return interval ? watch(name, interval) : show_once(name, NULL);
}

static const struct cmd cmds[] = {
	{ "show", stats_show, CMD_CHANNEL, "[CHANNEL]", words, NULL,
	  "counters that add up, and latencies" },
	{ }
};

const struct object stats_object = { "stats", "statistics", cmds };
