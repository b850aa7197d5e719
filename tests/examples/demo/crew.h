/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CREW_H
#define CREW_H

#include <stdbool.h>
#include <sys/types.h>

#include "board.h"

struct demo;

/* The processes; 0 where a seat is empty. */
struct crew {
	const struct demo	*demo;
	pid_t			worker[NR_WORKERS];
	pid_t			producer[NR_PRODUCERS];
	int			lifeline[2];	/* children of workers live while it is open */
};

/* One of the crew has ended. */
struct ended {
	pid_t	pid;
	bool	producer;
	int	seat;
	int	status;		/* of waitpid() */
};

int crew_open(struct crew *crew, const struct demo *demo);
int crew_start_worker(struct crew *crew, int seat);
int crew_start_producer(struct crew *crew, int seat);
bool crew_reap(struct crew *crew, struct ended *ended);
bool crew_has_producers(const struct crew *crew);
bool crew_has_workers(const struct crew *crew);
void crew_release_children(struct crew *crew);
void crew_close(struct crew *crew);

#endif
