/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A feed: the stock of records that BPF programs fill for a channel.
 *
 * A record is a buffer of the channel's own sender that was set aside in
 * process context. A program takes it, writes to it, and commits or discards
 * it; a work submits what was committed, and puts new buffers into the empty
 * records. So a program meets no lock, allocates nothing, and may run in any
 * context, also in an NMI and while this very processor holds the engine's lock.
 */
#ifndef _WEIR_FEED_H
#define _WEIR_FEED_H

#include <linux/irq_work.h>
#include <linux/kref.h>
#include <linux/llist.h>
#include <linux/workqueue.h>

#include "channel.h"

#define WEIR_FEED_MAX		4096	/* records */
#define WEIR_FEED_SIZE_MAX	65536	/* bytes; a buffer in one piece */

struct weir_feed;

/**
 * struct weir_record - a message that a BPF program writes
 * @node: in @done or @empty of the feed.
 * @feed: constant.
 * @msg: the buffer, STAGED and busy; NULL while @empty. @data: its first byte.
 * @size: what the program asked for. @len: what it committed.
 * @key: @mtype: @prio: of the message.
 *
 * Who has it: nobody while its bit is set in the feed; the program from its
 * reservation on; the feed's work from the commit on.
 */
struct weir_record {
	struct llist_node node;
	struct weir_feed *feed;
	struct weir_msg *msg;
	u8 *data;
	u64 key;
	u32 size;
	u32 len;
	u16 mtype;
	u8 prio;
};

/**
 * struct weir_feed_word - which of 64 records are free, as bits
 */
struct weir_feed_word {
	unsigned long free;
} ____cacheline_aligned_in_smp;

/**
 * struct weir_feed
 * @link: in the table of feeds by channel's name.
 * @ch: a reference.
 * @ref: one of whoever retires it; one for all records that are not surrendered.
 * @nr: records. @cls: of their buffers. @size: most bytes of one.
 * @retired: records are surrendered instead of being used again. Never cleared.
 * @kick_at: jiffies, before which a reservation that finds no record does not
 *	start the work again; a hint.
 * @free: frees it, a grace period after the last reference.
 *
 * Only the work:
 * @empty: records without a buffer; @nr_empty is read by others as a hint.
 * @left: records not surrendered.
 * @supply_at: jiffies, before which no memory is asked for again.
 *
 * @done: committed records, the last one first.
 */
struct weir_feed {
	struct hlist_node link;
	struct weir_channel *ch;
	struct kref ref;
	u32 nr;
	u32 cls;
	u32 size;
	u32 nr_words;
	bool retired;
	unsigned long kick_at;
	struct rcu_work free;
	struct weir_record *records;

	struct work_struct work;
	struct llist_node *empty;
	u32 nr_empty;
	u32 left;
	unsigned long supply_at;

	struct llist_head done ____cacheline_aligned_in_smp;
	struct irq_work irq;

	struct weir_feed_word words[];
};

/* feed.c */
int weir_feed_configure(struct weir_channel *ch, u32 nr, u32 size);
void weir_feed_end(struct weir_channel *ch);
void weir_feed_exit(void);
u32 weir_feed_taken(struct weir_channel *ch);
struct weir_record *weir_feed_reserve(const char *name, u32 size);
void weir_feed_commit(struct weir_record *rec, u32 len);
void weir_feed_discard(struct weir_record *rec);

#endif /* _WEIR_FEED_H */
