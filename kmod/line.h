/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_LINE_H
#define _WEIR_LINE_H

#include "channel.h"

/**
 * struct weir_line - a place among those who wait for room, first come first
 *	served: kept over all attempts until weir_line_leave()
 */
struct weir_line {
	struct wait_queue_entry entry;
	bool in;
};

bool weir_line_ahead(struct weir_channel *ch, const struct weir_line *line);
void weir_line_join(struct weir_channel *ch, struct weir_line *line);
void weir_line_wake(struct weir_channel *ch, bool polled);
bool weir_line_room(struct weir_channel *ch, struct weir_peer *p);
void weir_line_leave(struct weir_channel *ch, struct weir_line *line);
/* Of a sleep that keeps nobody else waiting: a suspend need not end it. */
#define WEIR_SLEEP_ALONE	(TASK_INTERRUPTIBLE | TASK_FREEZABLE)

int weir_line_sleep(unsigned int state, struct wait_queue_head *queue,
		    struct wait_queue_head *own, ktime_t *until,
		    bool (*done)(void *arg), void *arg);

#endif /* _WEIR_LINE_H */
