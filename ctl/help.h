/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_HELP_H
#define CTL_HELP_H

#include "args.h"

extern const struct object help_object;

int help_print(void);
int help_object_print(const struct object *object);

#endif
