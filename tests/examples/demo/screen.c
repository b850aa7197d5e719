// SPDX-License-Identifier: GPL-2.0-only
#include "screen.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "demo.h"

#define SECOND		1000000000ULL
#define BAR_WIDTH	24

/* A terminal has one line that is drawn again and again; else now and then a line. */
static struct {
	bool		terminal;
	bool		drawn;
	uint64_t	start_ns;
	uint64_t	last_ns;
	uint64_t	last_settled;
} screen;

void screen_open(uint64_t start_ns)
{
	screen.terminal = isatty(STDOUT_FILENO);
	screen.start_ns = start_ns;
	screen.last_ns = start_ns;
}

static double elapsed(void)
{
	return (double)(now_ns() - screen.start_ns) / SECOND;
}

static void draw_bar(double part)
{
	int full = part * BAR_WIDTH;

	putchar('[');
	for (int i = 0; i < BAR_WIDTH; i++)
		putchar(i < full ? '=' : i == full ? '>' : ' ');
	printf("] ");
}

void screen_progress(const struct demo *demo, const struct stats *stats)
{
	const uint64_t *value = stats->value;
	uint64_t settled = value[WEIR_A_STATS_ACKED] + value[WEIR_A_STATS_DEAD];
	uint64_t now = now_ns(), pause = screen.terminal ? SECOND / 5 : 5 * SECOND;
	double seconds = (double)(now - screen.last_ns) / SECOND;

	if (now - screen.last_ns < pause)
		return;
	printf(screen.terminal ? "\r\033[K" : "%6.1f s  ", elapsed());
	if (screen.terminal)
		draw_bar((double)settled / demo->files.nr);
	printf("%3.0f %%  %llu of %zu  %.0f/s  ready %llu  inflight %llu  redelivered %llu",
	       100.0 * settled / demo->files.nr, (unsigned long long)settled,
	       demo->files.nr, (settled - screen.last_settled) / seconds,
	       (unsigned long long)value[WEIR_A_STATS_READY],
	       (unsigned long long)value[WEIR_A_STATS_INFLIGHT],
	       (unsigned long long)value[WEIR_A_STATS_REDELIVERED]);
	if (!screen.terminal)
		putchar('\n');
	fflush(stdout);
	screen.drawn = screen.terminal;
	screen.last_ns = now;
	screen.last_settled = settled;
}

/* Clears the live line. */
void screen_done(void)
{
	if (screen.drawn)
		printf("\r\033[K");
	screen.drawn = false;
	fflush(stdout);
}

/* A line that stays, with the time. */
void screen_say(const char *format, ...)
{
	va_list args;

	screen_done();
	printf("%6.1f s  ", elapsed());
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}
