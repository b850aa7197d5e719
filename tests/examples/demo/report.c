// SPDX-License-Identifier: GPL-2.0-only
#include "report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "demo.h"
#include "supervisor.h"
#include "verify.h"

/* ---- figures --------------------------------------------------------------- */

static uint64_t counter(const struct outcome *outcome, int which)
{
	return outcome->stats.value[which];
}

static double rate(const struct outcome *outcome, double amount)
{
	return outcome->seconds > 0 ? amount / outcome->seconds : 0;
}

static double latency_us(const struct outcome *outcome, double percent)
{
	return hist_percentile(&outcome->stats.total, percent) / 1e3;
}

static double per_message(const struct outcome *outcome, int which)
{
	uint64_t messages = counter(outcome, WEIR_A_STATS_ACCEPTED);

	return messages ? (double)counter(outcome, which) / messages : 0;
}

/* The message that cannot be worked on, and no other. */
static bool dead_as_meant(const struct demo *demo, const struct outcome *outcome)
{
	return counter(outcome, WEIR_A_STATS_DEAD) == 1 &&
	       outcome->dead.id == demo->board->poison_id &&
	       outcome->dead.reason == WEIR_DEAD_REASON_ATTEMPTS;
}

static bool all_killed(const struct outcome *outcome)
{
	return trouble_count(&outcome->trouble, false) == NR_WORKER_KILLS &&
	       trouble_count(&outcome->trouble, true) == NR_KILLS - NR_WORKER_KILLS;
}

bool report_good(const struct demo *demo, const struct outcome *outcome,
		 const struct verdict *verdict)
{
	return !verdict->lost && !verdict->duplicated && !verdict->differ &&
	       verdict->agree == verdict->done && verdict->done &&
	       dead_as_meant(demo, outcome) && all_killed(outcome);
}

/* ---- for people ------------------------------------------------------------ */

static __attribute__((format(printf, 2, 3)))
void row(const char *name, const char *format, ...)
{
	va_list args;

	printf("  %-38s", name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static void print_job(const struct demo *demo, const struct outcome *outcome)
{
	row("messages", "%llu", (unsigned long long)counter(outcome, WEIR_A_STATS_ACCEPTED));
	row("bytes", "%.1f MB", demo->files.bytes / 1e6);
	row("time", "%.1f s", outcome->seconds);
	row("messages per second", "%.0f  (%.1f MB/s)",
	    rate(outcome, counter(outcome, WEIR_A_STATS_ACCEPTED)),
	    rate(outcome, demo->files.bytes / 1e6));
	row("submission to acknowledgement", "p50 %.0f us, p95 %.0f us, p99 %.0f us",
	    latency_us(outcome, 50), latency_us(outcome, 95), latency_us(outcome, 99));
	row("system calls per message", "%.2f", per_message(outcome, WEIR_A_STATS_ENTERS));
	row("wake-ups per message", "%.2f", per_message(outcome, WEIR_A_STATS_WAKEUPS));
}

static void print_kill(const struct kill *k)
{
	char name[64];

	if (!k->done || k->producer)
		return;
	snprintf(name, sizeof(name), "  kill of worker %d%s", k->seat + 1,
		 k->with_child ? ", child living on" : "");
	if (k->taken_us)
		row(name, "another one had its file after %llu us",
		    (unsigned long long)k->taken_us);
	else
		row(name, "it was between two files");
}

static void print_trouble(const struct demo *demo, const struct outcome *outcome,
			  const struct verdict *verdict)
{
	const struct hist *hist = &outcome->stats.redelivery;

	row("killed with SIGKILL", "%d workers, %d producer",
	    trouble_count(&outcome->trouble, false), trouble_count(&outcome->trouble, true));
	row("crashes on the poisoned file", "%d", outcome->crashes);
	row("redelivered", "%llu",
	    (unsigned long long)counter(outcome, WEIR_A_STATS_REDELIVERED));
	row("death to redelivery", "p50 %.0f us, max %.0f us  (%llu messages)",
	    hist_percentile(hist, 50) / 1e3, hist->max / 1e3,
	    (unsigned long long)hist->count);
	for (int i = 0; i < NR_KILLS; i++)
		print_kill(&outcome->trouble.kill[i]);
	row("done again after a death", "%zu", verdict->again);
	row("in doubt when the producer died", "%zu had been sent, %zu sent later",
	    outcome->found, outcome->resent);
	if (verdict->unreadable)
		row("changed or gone meanwhile", "%zu, not sent", verdict->unreadable);
	row("dead", "%llu%s%s",
	    (unsigned long long)counter(outcome, WEIR_A_STATS_DEAD),
	    dead_as_meant(demo, outcome) ? ": " : ", NOT as it should be",
	    dead_as_meant(demo, outcome) ? demo->files.v[demo->board->poison].path : "");
}

void report_print(const struct demo *demo, const struct outcome *outcome,
		  const struct verdict *verdict)
{
	putchar('\n');
	print_job(demo, outcome);
	print_trouble(demo, outcome, verdict);
	row("lost", "%zu", verdict->lost);
	row("processed twice", "%zu", verdict->duplicated);
	row("digests", "%zu agree with sha256sum, %zu differ", verdict->agree,
	    verdict->differ);
	if (!all_killed(outcome))
		row("the job was over", "before all kills had their turn: more files!");
	printf("\n%s\n", report_good(demo, outcome, verdict) ?
	       "Good: nothing was lost, nothing was done twice." : "FAILED.");
}

/* ---- for programs ---------------------------------------------------------- */

static void write_json(FILE *to, const struct demo *demo, const struct outcome *outcome,
		       const struct verdict *verdict)
{
	fprintf(to, "{\n  \"messages\": %llu,\n  \"bytes\": %llu,\n  \"lost\": %zu,\n"
		"  \"duplicated\": %zu,\n  \"dead\": %llu,\n  \"redelivered\": %llu,\n"
		"  \"killed_workers\": %d,\n  \"killed_producers\": %d,\n",
		(unsigned long long)counter(outcome, WEIR_A_STATS_ACCEPTED),
		(unsigned long long)demo->files.bytes, verdict->lost, verdict->duplicated,
		(unsigned long long)counter(outcome, WEIR_A_STATS_DEAD),
		(unsigned long long)counter(outcome, WEIR_A_STATS_REDELIVERED),
		trouble_count(&outcome->trouble, false),
		trouble_count(&outcome->trouble, true));
	fprintf(to, "  \"msgs_per_s\": %.1f,\n  \"p50_us\": %.1f,\n  \"p95_us\": %.1f,\n"
		"  \"p99_us\": %.1f,\n  \"redelivery_us_max\": %.1f,\n",
		rate(outcome, counter(outcome, WEIR_A_STATS_ACCEPTED)),
		latency_us(outcome, 50), latency_us(outcome, 95), latency_us(outcome, 99),
		outcome->stats.redelivery.max / 1e3);
	fprintf(to, "  \"seed\": %llu,\n  \"seconds\": %.3f,\n  \"syscalls_per_msg\": %.3f,\n"
		"  \"wakeups_per_msg\": %.3f,\n  \"crashes\": %d,\n  \"done_again\": %zu,\n"
		"  \"unreadable\": %zu,\n  \"digests_agree\": %zu,\n"
		"  \"digests_differ\": %zu,\n  \"good\": %s\n}\n",
		(unsigned long long)demo->seed, outcome->seconds,
		per_message(outcome, WEIR_A_STATS_ENTERS),
		per_message(outcome, WEIR_A_STATS_WAKEUPS), outcome->crashes,
		verdict->again, verdict->unreadable, verdict->agree, verdict->differ,
		report_good(demo, outcome, verdict) ? "true" : "false");
}

int report_json(const struct demo *demo, const struct outcome *outcome,
		const struct verdict *verdict, const char *path)
{
	FILE *to = fopen(path, "w");
	int failed;

	if (!to)
		return -errno;
	write_json(to, demo, outcome, verdict);
	failed = ferror(to);
	if (fclose(to) || failed)
		return -EIO;
	return 0;
}
