/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_LOAD_H
#define _WEIR_LOAD_H

#include <linux/types.h>

struct weir_channel;

void weir_load_measure(struct weir_channel *ch, u64 span);

#endif /* _WEIR_LOAD_H */
