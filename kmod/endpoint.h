/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_ENDPOINT_H
#define _WEIR_ENDPOINT_H

#include <linux/poll.h>

#include "channel.h"

void weir_endpoint_init(struct weir_endpoint *ep);
u32 weir_endpoint_unread(const struct weir_endpoint *ep);
u32 weir_endpoint_low(const struct weir_endpoint *ep);
void weir_endpoint_wake(struct weir_channel *ch, struct weir_endpoint *ep);

#endif /* _WEIR_ENDPOINT_H */
