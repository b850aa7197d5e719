/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* True where somebody watches: standard error is a terminal, and no JSON. */
bool progress_wanted(void);

/* Draws at most ten times a second. @total: 0 where it is not known. */
void progress_show(const char *what, uint64_t done, uint64_t total);
void progress_clear(void);

#endif
