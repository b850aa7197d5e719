/* SPDX-License-Identifier: LGPL-2.1 OR MIT */
/*
 * Blocks of message memory that a handle owns, and their buffers.
 *
 * The kernel grants whole blocks of one size class; this cuts them into buffers
 * and knows of each whether it is free, on loan to the caller, or sent. All of
 * it is private memory: nothing here can be wrong in a way that harms others,
 * the kernel keeps its own ledger.
 */
#ifndef WEIR_LIB_POOL_H
#define WEIR_LIB_POOL_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/weir.h>

#define WEIR_CLASSES_MAX	8

#pragma GCC visibility push(hidden)

struct weir;

struct weir_list {
	struct weir_list *next;
	struct weir_list *prev;
};

enum weir_buffer_state {
	WEIR_BUFFER_FREE,
	WEIR_BUFFER_LOANED,
	WEIR_BUFFER_SENT,
};

/**
 * struct weir_block - a granted block
 * @link: in its class while it has free buffers: partly used ones first, the
 *	wholly free at the end, so that these stay whole and can be given back.
 * @owned: in the pool.
 * @addr: offset in the writable window.
 * @cls: its class.
 * @nr: buffers.
 * @nr_free: of these, free.
 * @free: stack of free buffers, nr_free deep.
 * @state: enum weir_buffer_state of each buffer.
 */
struct weir_block {
	struct weir_list link;
	struct weir_list owned;
	uint64_t addr;
	uint32_t cls;
	uint32_t nr;
	uint32_t nr_free;
	uint8_t *state;
	uint16_t free[];
};

/**
 * struct weir_class - buffers of one size
 * @blocks: those with a free buffer.
 * @shift: a buffer has 1 << @shift bytes. @size: that.
 * @block_size: bytes of a block.
 * @nr_blocks: owned.
 * @nr_idle: of these, wholly free.
 * @least_idle: smallest @nr_idle in this interval: so many were not needed.
 * @used: a buffer was taken in this interval.
 */
struct weir_class {
	struct weir_list blocks;
	uint32_t shift;
	uint32_t size;
	uint32_t block_size;
	uint32_t nr_blocks;
	uint32_t nr_idle;
	uint32_t least_idle;
	bool used;
};

/**
 * struct weir_pool - all blocks of a handle
 * @classes: by size.
 * @nr_classes: in use.
 * @unit_shift: the smallest block has 1 << @unit_shift bytes, a unit.
 * @owner: block by addr >> unit_shift.
 * @blocks: all blocks.
 * @nr_units: size of @owner.
 * @bytes: owned.
 * @nr_idle: wholly free blocks of all classes.
 * @nr_sent: buffers that are with the kernel, and will come back.
 * @returned: a buffer came back since the last trim.
 * @trim_at: end of the interval.
 */
struct weir_pool {
	struct weir_class classes[WEIR_CLASSES_MAX];
	uint32_t nr_classes;
	uint32_t unit_shift;
	struct weir_block **owner;
	struct weir_list blocks;
	uint64_t nr_units;
	uint64_t bytes;
	uint32_t nr_idle;
	uint64_t nr_sent;
	bool returned;
	uint64_t trim_at;
};

/* Needs w->len_window. Return: 0, -ENOMEM, -EPROTO. */
int weir_pool_init(struct weir *w, const struct weir_attach *attach);
void weir_pool_exit(struct weir *w);

/* The class for @len bytes; nr_classes if none is large enough. */
uint32_t weir_pool_class(const struct weir *w, uint64_t len);

/* True if this class or a larger one has a free buffer. */
bool weir_pool_has(const struct weir *w, uint32_t cls);

/* A free buffer of exactly this class, now on loan; NULL if there is none. */
void *weir_pool_take(struct weir *w, uint32_t cls);

/**
 * weir_pool_grant() - ask the kernel for blocks
 * @w: the handle
 * @cls: of this class
 * @flags: WEIR_GRANT_*
 *
 * Return: blocks that came: 0 only with WAIT, when a completion came first.
 * -ENOBUFS and the others of WEIR_IOC_GRANT.
 */
int weir_pool_grant(struct weir *w, uint32_t cls, uint32_t flags);

/* Gives wholly free blocks back, except those of @cls. Return: how many. */
unsigned int weir_pool_giveback(struct weir *w, uint32_t cls);

/**
 * weir_pool_trim() - give back wholly free blocks that nobody needs
 * @w: the handle
 * @all: all but one of each class; else those that stayed free for a second
 *
 * A block that load makes come and go more than once a second stays, so this
 * costs one system call per block and second at most. When the kernel asks for
 * memory (WEIR_RING_RECALL) it does not wait for the second to pass.
 */
void weir_pool_trim(struct weir *w, bool all);

/* A sent buffer is free again; @addr is any place in it. */
void weir_pool_return(struct weir *w, uint64_t addr);

/* ---- a buffer on loan ---- */

struct weir_loaned {
	struct weir_block *block;
	uint32_t index;
	uint64_t addr;		/* of the pointer that was looked up */
	uint64_t room;		/* from there to the buffer's end */
};

/* Looks up any pointer into a loan. Return: 0, -EINVAL. */
int weir_pool_find(struct weir *w, const void *ptr, struct weir_loaned *loan);

void weir_pool_sent(struct weir *w, const struct weir_loaned *loan);
void weir_pool_unsent(struct weir *w, const struct weir_loaned *loan);

#pragma GCC visibility pop

#endif /* WEIR_LIB_POOL_H */
