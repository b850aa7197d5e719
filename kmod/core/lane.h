/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The messages that wait: in what order they leave. All under the engine's
 * lock.
 *
 * Suspects (a worker that had seen them died) leave first and alone, then
 * those redelivered, by sequence, then the rest first in first out. Delayed
 * messages wait for their time beside these.
 */
#ifndef _WEIR_CORE_LANE_H
#define _WEIR_CORE_LANE_H

#include "msg.h"

/**
 * struct weir_lane
 * @fifo: never delivered, by sequence.
 * @redo: delivered before, by sequence. @suspect: likewise, to go alone.
 * @delayed: by time, then sequence.
 * @nr_fifo: @nr_redo: @nr_suspect: @nr_delayed: their lengths.
 */
struct weir_lane {
	struct list_head fifo;
	struct rb_root_cached redo;
	struct rb_root_cached suspect;
	struct rb_root_cached delayed;
	u64 nr_fifo;
	u64 nr_redo;
	u64 nr_suspect;
	u64 nr_delayed;
};

static inline u64 weir_lane_ready(const struct weir_lane *l)
{
	return l->nr_fifo + l->nr_redo + l->nr_suspect;
}

void weir_lane_init(struct weir_lane *l);
void weir_lane_append(struct weir_lane *l, struct weir_msg *msg);
void weir_lane_redo(struct weir_lane *l, struct weir_msg *msg);
void weir_lane_delay(struct weir_lane *l, struct weir_msg *msg, u64 due);
void weir_lane_remove(struct weir_lane *l, struct weir_msg *msg);
struct weir_msg *weir_lane_suspect(const struct weir_lane *l);
struct weir_msg *weir_lane_first(struct weir_lane *l);
struct weir_msg *weir_lane_first_delayed(const struct weir_lane *l);

#endif /* _WEIR_CORE_LANE_H */
