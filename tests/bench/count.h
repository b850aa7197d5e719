/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What processes cost: system calls (counted by the kernel's own tracepoint, for
 * all threads), voluntary context switches, processor time.
 */
#ifndef BENCH_COUNT_H
#define BENCH_COUNT_H

#include <stdint.h>
#include <sys/types.h>

struct counter;

/* For children forked from now on, and for @server if that is not 0. */
struct counter *counter_open(pid_t server);
void counter_start(struct counter *c);
uint64_t counter_stop(struct counter *c);

/* Sums over processes, all their threads. */
uint64_t count_wakeups(const pid_t *pids, unsigned int nr);
uint64_t count_cpu_ns(const pid_t *pids, unsigned int nr);

#endif
