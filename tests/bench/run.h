/* SPDX-License-Identifier: GPL-2.0-only */
/* One repetition of a cell. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "bench.h"

/**
 * run_cell() - make one run, and add its outcome to the cell
 * @cell: the cell
 * @ns: how long to send
 * @counting: count system calls and wake-ups instead of time; such a run goes
 *	first, and chooses how many messages are timed in the others
 */
void run_cell(struct cell *cell, uint64_t ns, bool counting);

/* The director's part, by scenario. */
void run_stream(const struct cell *cell, uint64_t ns, bool counting);
void run_redelivery(const struct cell *cell, uint64_t ns, bool counting);

/* For the director: until a word of the board has reached a value. */
void run_wait(_Atomic uint32_t *word, uint32_t value, const char *what);

/* A process has opened all it needs; returns when the director says go. */
void run_ready(void);

/* @l's first opening. */
void run_open(struct link *l, const struct cell *cell, enum role role,
	      unsigned int channel, unsigned int index);

#endif
