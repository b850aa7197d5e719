/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_MONITOR_H
#define CTL_MONITOR_H

#include "args.h"

extern const struct object monitor_object;

#endif
