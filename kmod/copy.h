/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_COPY_H
#define _WEIR_COPY_H

#include "channel.h"

struct iov_iter;

ssize_t weir_copy_in(struct weir_channel *ch, struct iov_iter *from,
		     bool nonblock);
int weir_copy_supply(struct weir_channel *ch, u32 cls);
int weir_copy_wait(struct weir_channel *ch, u32 cls, u64 returns,
		   const struct weir_peer *sender, ktime_t *until);
void weir_copy_unused(struct weir_channel *ch, struct weir_msg *msg);
u32 weir_copy_relieve(struct weir_channel *ch);

#endif /* _WEIR_COPY_H */
