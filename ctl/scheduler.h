/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_SCHEDULER_H
#define CTL_SCHEDULER_H

#include "args.h"

extern const struct object scheduler_object;

#endif
