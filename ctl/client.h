/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include "args.h"

extern const struct object client_object;

#endif
