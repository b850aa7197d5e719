/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A worker's tag table: which messages it holds, by token.
 *
 * A token is a tag and the tag's generation, which changes with each delivery:
 * an answer that comes after the message was taken away finds another
 * generation and is stale. All under the engine's lock.
 */
#ifndef _WEIR_CORE_TAG_H
#define _WEIR_CORE_TAG_H

#include "port.h"

#define WEIR_TAG_BITS	14

struct weir_msg;

/**
 * struct weir_tag - one place in the table
 * @msg: the message delivered under it, or NULL.
 * @gen: generation.
 * @pos: place of its completion entry in the ring, free running.
 * @next_free: next unused tag.
 */
struct weir_tag {
	struct weir_msg *msg;
	u32 gen;
	union {
		u32 pos;
		u32 next_free;
	};
};

struct weir_tags {
	struct weir_tag *tag;
	u32 nr;
	u32 used;
	u32 free;
};

void weir_tags_init(struct weir_tags *t, struct weir_tag *mem, u32 nr);

/* What names the delivery. */
static inline u32 weir_tag_token(const struct weir_tags *t,
				 const struct weir_tag *tag)
{
	return tag->gen << WEIR_TAG_BITS | (u32)(tag - t->tag);
}

/**
 * weir_tag_take - record a delivery
 * @t: table with an unused tag
 * @msg: the message
 * @pos: place of its completion entry
 *
 * Return: the token, never 0.
 */
static inline u32 weir_tag_take(struct weir_tags *t, struct weir_msg *msg,
				u32 pos)
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
static inline struct weir_tag *weir_tag_find(struct weir_tags *t,
					     u32 token)
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
static inline void weir_tag_drop(struct weir_tags *t, struct weir_tag *tag)
{
	tag->msg = NULL;
	tag->next_free = t->free;
	t->free = tag - t->tag;
	t->used--;
}

#endif /* _WEIR_CORE_TAG_H */
