// SPDX-License-Identifier: GPL-2.0-only
#include "step.h"

#include <time.h>

#define CALIBRATION	500	/* readings in one go */

const char *const step_name[NR_STEPS] = {
	"submit", "dispatch", "ack", "return", "together", "idle",
};

bool step_measured;
u64 step_ns[NR_STEPS];
static u64 clock_ns;	/* what reading the clock adds to a measurement */

static u64 clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/*
 * The mean of many, since the clock's steps may be coarser than its cost; of the
 * least disturbed of some such means.
 */
void step_calibrate(void)
{
	u64 begin, sum;
	u32 i, round;

	for (round = 0; round < 20; round++) {
		for (i = sum = 0; i < CALIBRATION; i++) {
			begin = clock_now();
			barrier();
			sum += clock_now() - begin;
		}
		if (!round || sum / CALIBRATION < clock_ns)
			clock_ns = sum / CALIBRATION;
	}
}

void step_clear(void)
{
	memset(step_ns, 0, sizeof(step_ns));
}

/*
 * The script beside this file knows the names. A comment for the assembler keeps
 * the compiler from making one function of all.
 */
#define MEASURED(name)							\
	static noinline int measured_##name(struct rig *r, struct side *s, \
					    u32 want)			\
	{								\
		int n = 0;						\
									\
		if (s)							\
			n = rig_enter(r, s, want);			\
		else							\
			rig_finish(r);					\
		asm volatile("# " #name : : : "memory");		\
		return n;						\
	}

MEASURED(submit)
MEASURED(dispatch)
MEASURED(ack)
MEASURED(return)
MEASURED(together)
MEASURED(idle)

static int (*const measured[NR_STEPS])(struct rig *, struct side *, u32) = {
	measured_submit, measured_dispatch, measured_ack, measured_return,
	measured_together, measured_idle,
};

/* What a disturbance adds is kept: whole repetitions are left out for it. */
static int call(struct rig *r, enum step what, struct side *s, u32 want)
{
	u64 begin, span;
	int n;

	begin = clock_now();
	n = measured[what](r, s, want);
	span = clock_now() - begin;
	step_ns[what] += span - min(span, clock_ns);
	return n;
}

/* A client's call; @s NULL for what a change of the channel brings about. */
static int step(struct rig *r, enum step what, struct side *s, u32 want)
{
	int n = 0;

	if (step_measured)
		n = call(r, what, s, want);
	else if (s)
		n = rig_enter(r, s, want);
	else
		rig_finish(r);
	rig_wake(r);
	if (n < 0)
		rig_fail("%s: %s", step_name[what], strerror(-n));
	return n;
}

int step_enter(struct rig *r, enum step what, struct side *s, u32 want)
{
	return step(r, what, s, want);
}

void step_finish(struct rig *r, enum step what)
{
	step(r, what, NULL, 0);
}
