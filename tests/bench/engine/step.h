/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The measured calls. Each kind is a function of its own, so that callgrind can
 * tell them apart; calls that are not measured go round them.
 */
#ifndef _WEIR_BENCH_STEP_H
#define _WEIR_BENCH_STEP_H

#include "rig.h"

enum step {
	STEP_SUBMIT,	/* messages, taken into the lane */
	STEP_DISPATCH,	/* handed to a worker */
	STEP_ACK,	/* acknowledged; buffers wait for their owner's ring */
	STEP_RETURN,	/* buffers given back */
	STEP_TOGETHER,	/* all of it, in two calls, workers being busy */
	STEP_IDLE,	/* likewise, workers being idle */
	NR_STEPS,
};

extern const char *const step_name[NR_STEPS];

/* Whether to measure, and the sums since. */
extern bool step_measured;
extern u64 step_ns[NR_STEPS];

void step_calibrate(void);
void step_clear(void);
int step_enter(struct rig *r, enum step what, struct side *s, u32 want);
void step_finish(struct rig *r, enum step what);

#endif /* _WEIR_BENCH_STEP_H */
