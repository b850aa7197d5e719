/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TROUBLE_H
#define TROUBLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "crew.h"

struct demo;

#define NR_KILLS	3
#define NR_WORKER_KILLS	2

/* One kill -9: planned from the seed, then carried out, and what came of it. */
struct kill {
	bool		producer;
	bool		with_child;	/* a child lives on with the descriptors */
	int		seat;
	double		at;		/* part of the job done by then */
	bool		done;
	uint64_t	wanted_ns;	/* since when it is due */
	pid_t		pid;
	uint64_t	kill_ns;	/* when kill(2) was called */
	uint32_t	holding;	/* the file it was hashing, or NO_FILE */
	uint64_t	came_back;	/* messages */
	bool		clear;		/* it held none once waitpid() had returned */
	bool		child_lived;
	uint64_t	taken_us;	/* from kill(2) till another had the file */
};

struct trouble {
	struct kill	kill[NR_KILLS];
};

void trouble_plan(struct trouble *trouble, struct demo *demo);
int trouble_look(struct trouble *trouble, struct demo *demo, struct crew *crew,
		 double part);
void trouble_measure(struct trouble *trouble, const struct demo *demo);
int trouble_count(const struct trouble *trouble, bool producers);

#endif
