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
u32 weir_tag_take(struct weir_tags *t, struct weir_msg *msg, u32 pos);
struct weir_tag *weir_tag_find(struct weir_tags *t, u32 token);
void weir_tag_drop(struct weir_tags *t, struct weir_tag *tag);

#endif /* _WEIR_CORE_TAG_H */
