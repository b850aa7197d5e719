/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_COPY_H
#define _WEIR_COPY_H

#include "channel.h"

ssize_t weir_copy_in(struct weir_channel *ch, const char __user *buf,
		     size_t len, bool nonblock);

#endif /* _WEIR_COPY_H */
