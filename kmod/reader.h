/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_READER_H
#define _WEIR_READER_H

#include <linux/poll.h>

#include "channel.h"
#include "holder.h"

/**
 * struct weir_reader - one open device file
 * @ep: first: a worker that holds one message at most; joins the engine with
 *	the first read(2).
 * @lock: one read at a time. @joined: it is in the engine and in the channel's
 *	list; @held: ends it with the process that reads.
 */
struct weir_reader {
	struct weir_endpoint ep;
	struct kref ref;
	struct weir_channel *ch;
	struct list_head link;
	struct rcu_head rcu;
	struct mutex lock;
	bool joined;
	struct weir_held held;
	struct weir_tag tag;
};

struct weir_reader *weir_reader_create(struct weir_channel *ch);
void weir_reader_close(struct weir_reader *r);
void weir_reader_end(struct weir_reader *r, enum weir_end how);
ssize_t weir_reader_read(struct weir_reader *r, struct iov_iter *to,
			 bool nonblock);
int weir_reader_ack(struct weir_reader *r);
__poll_t weir_reader_poll(struct weir_reader *r, struct file *file,
			  poll_table *wait);

#endif /* _WEIR_READER_H */
