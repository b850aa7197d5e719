// SPDX-License-Identifier: GPL-2.0-only
#include "tag.h"

/**
 * weir_tags_init - make all tags unused
 * @t: table
 * @mem: @nr places, zeroed
 * @nr: 1..WEIR_INFLIGHT_MAX
 */
void weir_tags_init(struct weir_tags *t, struct weir_tag *mem, u32 nr)
{
	u32 i;

	t->tag = mem;
	t->nr = nr;
	t->used = 0;
	t->free = 0;
	for (i = 0; i < nr; i++)
		mem[i].next_free = i + 1;
}
