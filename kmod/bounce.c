// SPDX-License-Identifier: GPL-2.0-only
/*
 * The payloads of `zerocopy off`; see core/bounce.c.
 */
#include <linux/mm.h>

#include "pool.h"

void weir_port_copy(struct weir_msg *to, const struct weir_msg *from)
{
	struct folio *src, *dst;
	void *d = weir_pool_data(to, &dst);
	const void *s = weir_pool_data(from, &src);

	/* What its sender changes meanwhile is its own affair. */
	memcpy(d, s, from->len);
	folio_put(src);
	folio_put(dst);
}
