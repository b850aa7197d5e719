/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include <stddef.h>

#include "control.h"
#include "trouble.h"

struct demo;

/* How the job went, as far as the supervisor and the kernel saw it. */
struct outcome {
	struct stats		stats;		/* when all was settled */
	struct trouble		trouble;
	struct dead_message	dead;		/* the first one */
	double			seconds;
	size_t			found;		/* doubtful at a producer's death: sent */
	size_t			resent;		/* doubtful: not sent, sent later */
	int			crashes;	/* workers that ended by their own fault */
};

void supervisor_signals(void);
int supervisor_run(struct demo *demo, struct outcome *outcome);

#endif
