/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_INTERRUPT_H
#define CTL_INTERRUPT_H

#include <stdbool.h>

/*
 * For commands that must not end half-way: from the first call on, SIGINT, SIGTERM
 * and SIGHUP only end a sleep and are noted.
 */
void interrupt_catch(void);

/* 0, or a status after reporting that a signal came. */
int interrupt_check(void);

#endif
