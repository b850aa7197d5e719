/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_MESSAGE_H
#define CTL_MESSAGE_H

#include "args.h"

extern const struct object message_object;

#endif
