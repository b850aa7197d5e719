/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_OUTPUT_H
#define BENCH_OUTPUT_H

#include "plan.h"

struct circumstances {
	uint64_t pace_min, pace_max;
	uint64_t idle_channel, idle_client;
	uint64_t seconds;
	unsigned int runs;
	uint64_t run_ns;
};

/* An array of all cells that were measured. */
void output_cells(const struct plan *plan, const char *path);

/* The rest: what was left out and why, and how it was measured. */
void output_circumstances(const struct plan *plan,
			  const struct circumstances *c, const char *path);

#endif
