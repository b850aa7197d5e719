/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine: how quiet it is, and what idle things take of its memory. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdint.h>

/* Time that the same work takes on both processors at once, the slower one's. */
uint64_t machine_pace(void);

/* Bytes of memory for each, channels with all defaults; 0: no weir here. */
uint64_t machine_idle_channel(void);
uint64_t machine_idle_client(void);

#endif
