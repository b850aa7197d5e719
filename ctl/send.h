/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_SEND_H
#define CTL_SEND_H

#include "args.h"

extern const struct object send_object;

#endif
