/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_POLICY_H
#define CTL_POLICY_H

#include "args.h"

extern const struct object policy_object;

#endif
