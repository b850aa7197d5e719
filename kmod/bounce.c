// SPDX-License-Identifier: GPL-2.0-only
/*
 * The payloads of `zerocopy off`; see core/bounce.c.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "pool.h"

static u32 place(const struct weir_msg *msg)
{
	return (weir_msg_index(msg) << weir_class_shift(msg->blk->cls)) +
	       msg->off;
}

/* Both buffers are STAGED: their blocks stay. */
void weir_port_copy(struct weir_msg *to, const struct weir_msg *from)
{
	const struct weir_pool_block *src = weir_pool_block(from->blk);
	const struct weir_pool_block *dst = weir_pool_block(to->blk);
	u32 s = place(from), d = place(to);
	size_t left = from->len, part, more;
	void *data, *room;

	for (; left; left -= part, s += part, d += part) {
		part = left;
		more = left;
		data = weir_pool_part(src, s, &part);
		room = weir_pool_part(dst, d, &more);
		part = min(part, more);
		/* What its sender changes meanwhile is its own affair. */
		memcpy(room, data, part);
	}
}
