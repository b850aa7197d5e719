// SPDX-License-Identifier: GPL-2.0-only
/*
 * To look again and again for a short time before a sleep: what comes at once
 * costs no wake-up then. Time that brought nothing is halved, and given up
 * below an eighth of what is allowed; then every 32nd wait tries anew.
 */
#include "spin.h"

#include <linux/cpumask.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#define PROBE_EVERY	32

/* ns to spin this time. */
static u32 allowance(struct weir_spin *s, u32 max)
{
	u32 budget = READ_ONCE(s->budget), skipped;

	/* Who would bring it could not run. */
	if (!max || num_online_cpus() == 1)
		return 0;
	if (budget)
		return min(budget, max);
	skipped = READ_ONCE(s->skipped) + 1;
	if (skipped < PROBE_EVERY) {
		WRITE_ONCE(s->skipped, skipped);
		return 0;
	}
	WRITE_ONCE(s->skipped, 0);
	return max;
}

static void learn(struct weir_spin *s, u32 max, u32 budget, bool success)
{
	if (success)
		budget = budget < max / 2 ? 2 * budget : max;
	else
		budget = budget / 2 < max / 8 ? 0 : budget / 2;
	WRITE_ONCE(s->budget, budget);
}

/**
 * weir_spin - wait for a condition without sleeping
 * @s: what was learnt before
 * @max: ns, the longest; 0 for off
 * @until: absolute CLOCK_MONOTONIC, or NULL
 * @done: the condition; takes no lock
 * @arg: for it
 *
 * Also ends for a signal, or when another task wants the CPU: neither says
 * anything about the next time. Return: whether the condition came true.
 */
bool weir_spin(struct weir_spin *s, u32 max, const ktime_t *until,
	       bool (*done)(void *arg), void *arg)
{
	u32 budget = allowance(s, max);
	ktime_t end;

	if (!budget)
		return false;
	end = ktime_add_ns(ktime_get(), budget);
	if (until && ktime_before(*until, end))
		end = *until;
	while (!need_resched() && !signal_pending(current)) {
		if (done(arg)) {
			learn(s, max, budget, true);
			return true;
		}
		if (!ktime_before(ktime_get(), end)) {
			learn(s, max, budget, false);
			return false;
		}
		cpu_relax();
	}
	return false;
}
