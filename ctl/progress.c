// SPDX-License-Identifier: GPL-2.0-only
/* A bar on standard error while something takes long. */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "units.h"

#define BAR 30
#define INTERVAL 100000000ULL

static struct {
	bool shown;
	uint64_t start;
	uint64_t first;
	uint64_t last;
} progress;

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

bool progress_wanted(void)
{
	return !ctl.json && isatty(STDERR_FILENO);
}

void progress_show(const char *what, uint64_t done, uint64_t total)
{
	char rate[UNITS_TEXT], bar[BAR + 1];
	uint64_t t;

	if (!progress_wanted())
		return;
	t = now();
	if (!progress.start) {
		progress.start = progress.last = t;
		progress.first = done;
	}
	if (t - progress.last < INTERVAL)
		return;
	progress.last = t;
	units_rate(rate, (done - progress.first) * 1e9 / (t - progress.start));
	if (total) {
		int filled = done < total ? done * BAR / total : BAR;

		memset(bar, '.', BAR);
		memset(bar, '#', filled);
		bar[BAR] = '\0';
		fprintf(stderr, "\r%s [%s] %llu/%llu  %s/s\033[K", what, bar,
			(unsigned long long)done, (unsigned long long)total, rate);
	} else {
		fprintf(stderr, "\r%s %llu  %s/s\033[K", what,
			(unsigned long long)done, rate);
	}
	fflush(stderr);
	progress.shown = true;
}

void progress_clear(void)
{
	if (progress.shown)
		fputs("\r\033[K", stderr);
	memset(&progress, 0, sizeof(progress));
}
