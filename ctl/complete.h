/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_COMPLETE_H
#define CTL_COMPLETE_H

#include "args.h"

/* Prints the words that may follow those in @a, one a line. Never complains. */
int complete_print(struct args *a);

#endif
