/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_WORK_H
#define CTL_WORK_H

#include "args.h"

extern const struct object work_object;

#endif
