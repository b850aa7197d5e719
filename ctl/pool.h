/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_POOL_H
#define CTL_POOL_H

#include "args.h"

extern const struct object pool_object;

#endif
