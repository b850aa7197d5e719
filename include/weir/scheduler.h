/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the CPU scheduler in bpf/ leaves in its maps for who looks at it.
 * Included after the kernel's or the C library's integer types.
 */
#ifndef _WEIR_SCHEDULER_H
#define _WEIR_SCHEDULER_H

/* X(field, help): per CPU, since the scheduler was turned on */
#define WEIR_SCHEDULER_COUNTERS(X) \
	X(prioritised, "tasks with messages that were put before others") \
	X(others, "tasks without that were given a CPU") \
	X(idle, "tasks of both kinds that found an idle CPU") \
	X(forced, "of the others, those that had waited long enough") \
	X(preempted, "times that a task with messages took a CPU from another") \
	X(work_ns, "ns of CPU that tasks with messages used") \
	X(others_ns, "ns of CPU that all others used")

struct weir_scheduler_counters {
#define X(field, help) unsigned long long field;
	WEIR_SCHEDULER_COUNTERS(X)
#undef X
};

#define WEIR_SCHEDULER_TEXT 128

/* Why the kernel ended it: by the word of its own enum scx_exit_kind. */
struct weir_scheduler_exit {
	unsigned long long time_ns;	/* CLOCK_MONOTONIC; 0: it has not ended */
	long long code;
	unsigned int kind;
	unsigned int reserved;
	char reason[WEIR_SCHEDULER_TEXT];
	char message[WEIR_SCHEDULER_TEXT];
};

#endif /* _WEIR_SCHEDULER_H */
