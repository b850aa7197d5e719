/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_RECV_H
#define CTL_RECV_H

#include "args.h"

extern const struct object recv_object;

#endif
