/* SPDX-License-Identifier: GPL-2.0-only */
/* Which cells there are. */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include "bench.h"

#define GROUP_MAX	16

/* What is compared: the same cell of several systems. */
struct group {
	struct cell *cell[GROUP_MAX];
	unsigned int nr;
};

struct plan {
	struct group *group;
	unsigned int nr;
};

struct choice {
	bool quick;
	const char *systems;	/* lists with commas; NULL: all */
	const char *scenarios;
	const char *sizes;
	const char *batches;
	const char *shapes;	/* as 1x1 */
};

extern const char *const scenario_names[];

void plan_make(struct plan *plan, const struct choice *choice);

#endif
