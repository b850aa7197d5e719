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

/**
 * weir_tag_take - record a delivery
 * @t: table with an unused tag
 * @msg: the message
 * @pos: place of its completion entry
 *
 * Return: the token, never 0.
 */
u32 weir_tag_take(struct weir_tags *t, struct weir_msg *msg, u32 pos)
{
	u32 i = t->free;
	struct weir_tag *tag = &t->tag[i];

	t->free = tag->next_free;
	t->used++;
	tag->msg = msg;
	tag->pos = pos;
	tag->gen = (tag->gen + 1) & (U32_MAX >> WEIR_TAG_BITS);
	if (!tag->gen)
		tag->gen = 1;
	return tag->gen << WEIR_TAG_BITS | i;
}

/**
 * weir_tag_find - the delivery a token names
 * @t: table
 * @token: any value, it comes from user space
 *
 * Return: the tag, or NULL if nothing is held under this token.
 */
struct weir_tag *weir_tag_find(struct weir_tags *t, u32 token)
{
	u32 i = token & ((1U << WEIR_TAG_BITS) - 1);
	struct weir_tag *tag;

	if (i >= t->nr)
		return NULL;
	tag = &t->tag[array_index_nospec(i, t->nr)];
	if (!tag->msg || tag->gen != token >> WEIR_TAG_BITS)
		return NULL;
	return tag;
}

/**
 * weir_tag_drop - the message is no longer held
 * @t: table
 * @tag: from weir_tag_find()
 */
void weir_tag_drop(struct weir_tags *t, struct weir_tag *tag)
{
	tag->msg = NULL;
	tag->next_free = t->free;
	t->free = tag - t->tag;
	t->used--;
}
