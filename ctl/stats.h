/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_STATS_H
#define CTL_STATS_H

#include "args.h"

extern const struct object stats_object;

#endif
