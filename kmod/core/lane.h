/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The messages that wait: in what order they leave. All under the engine's
 * lock.
 *
 * Suspects (a worker that had seen them died) leave first and alone. Of the
 * others the most urgent priority goes first, unless a less urgent one has been
 * passed over too often; within a priority the lowest sequence, whether it was
 * delivered before or not. Delayed messages wait for their time beside these,
 * and those whose key is in use for its leader.
 */
#ifndef _WEIR_CORE_LANE_H
#define _WEIR_CORE_LANE_H

#include "key.h"

#define WEIR_PRIORITIES_MAX	8

/**
 * struct weir_queue - the messages of one priority that may go
 * @fifo: never delivered, by sequence. @redo: the others, by sequence.
 * @passed: messages of more urgent priorities that went since the last one.
 * @nr: those that may go. @nr_delayed: those of this priority that are delayed.
 */
struct weir_queue {
	struct list_head fifo;
	struct rb_root_cached redo;
	u32 passed;
	u32 nr;
	u32 nr_delayed;
};

/**
 * struct weir_lane
 * @prio: by priority. @busy: those that hold any, as bits.
 * @burst: most that may pass over a priority.
 * @suspect: delivered before, to go alone, by sequence.
 * @delayed: by time, then sequence.
 * @expiry: all of these and those parked that have a deadline, by deadline.
 * @keys: see there.
 * @nr_waiting: messages in @prio; @bytes, @cost: their sums.
 * @nr_suspect: @nr_delayed: lengths.
 */
struct weir_lane {
	struct weir_queue prio[WEIR_PRIORITIES_MAX];
	u32 busy;
	u32 burst;
	u64 nr_waiting;
	u64 bytes;
	u64 cost;
	struct rb_root_cached suspect;
	struct rb_root_cached delayed;
	struct rb_root_cached expiry;
	u64 nr_suspect;
	u64 nr_delayed;
	struct weir_keys keys;
};

static inline u64 weir_lane_ready(const struct weir_lane *l)
{
	return l->nr_waiting + l->nr_suspect + l->keys.nr_parked;
}

void weir_lane_init(struct weir_lane *l);
void weir_lane_watch(struct weir_lane *l, struct weir_msg *msg);
void weir_lane_redo(struct weir_lane *l, struct weir_msg *msg);
void weir_lane_delay(struct weir_lane *l, struct weir_msg *msg, u64 due);
void weir_lane_remove(struct weir_lane *l, struct weir_msg *msg);
void weir_lane_succeed(struct weir_lane *l, struct weir_msg *msg);
struct weir_msg *weir_lane_first(const struct weir_lane *l);
struct weir_msg *weir_lane_oldest(const struct weir_lane *l);
struct weir_msg *weir_lane_spare(struct weir_lane *l);
u32 weir_lane_take(struct weir_lane *l, struct weir_msg **out, u32 max);
struct weir_msg *weir_lane_earliest(const struct weir_lane *l, u32 looks);

/**
 * weir_lane_suspect - the first message that must go alone, or NULL
 * @l: lane
 */
static inline struct weir_msg *
weir_lane_suspect(const struct weir_lane *l)
{
	struct rb_node *n = rb_first_cached(&l->suspect);

	return n ? rb_entry(n, struct weir_msg, node) : NULL;
}

/**
 * weir_lane_first_delayed - the delayed message whose time comes first, or NULL
 * @l: lane
 */
static inline struct weir_msg *
weir_lane_first_delayed(const struct weir_lane *l)
{
	struct rb_node *n = rb_first_cached(&l->delayed);

	return n ? rb_entry(n, struct weir_msg, node) : NULL;
}

/**
 * weir_lane_first_expiry - the waiting message that expires first, or NULL
 * @l: lane
 */
static inline struct weir_msg *
weir_lane_first_expiry(const struct weir_lane *l)
{
	struct rb_node *n = rb_first_cached(&l->expiry);

	return n ? rb_entry(n, struct weir_msg, expiry) : NULL;
}

/* One more of those that may go. */
static inline void weir_lane_count(struct weir_lane *l,
				   const struct weir_msg *msg)
{
	l->busy |= 1U << msg->prio;
	l->prio[msg->prio].nr++;
	l->nr_waiting++;
	l->bytes += msg->len;
	l->cost += msg->cost;
}

/**
 * struct weir_lane_run - new messages of one priority on their way into a lane
 * @fifo: so many as may go, linked; its @next alone is right before the end.
 */
struct weir_lane_run {
	struct list_head fifo;
	struct list_head *last;
	u32 prio;
	u32 n;
	u64 bytes;
	u64 cost;
};

static inline void weir_lane_run_begin(struct weir_lane_run *r)
{
	r->last = &r->fifo;
	r->n = 0;
	r->bytes = 0;
	r->cost = 0;
}

/**
 * weir_lane_run_end - what was added to a run is in the lane
 * @l: lane
 * @r: run; it is empty then, and may be used again
 */
static inline void weir_lane_run_end(struct weir_lane *l,
				     struct weir_lane_run *r)
{
	struct weir_queue *q;

	if (!r->n)
		return;
	q = &l->prio[r->prio];
	r->last->next = &r->fifo;
	r->fifo.prev = r->last;
	list_splice_tail(&r->fifo, &q->fifo);
	l->busy |= 1U << r->prio;
	q->nr += r->n;
	l->nr_waiting += r->n;
	l->bytes += r->bytes;
	l->cost += r->cost;
	weir_lane_run_begin(r);
}

/**
 * weir_lane_run_add - a new message becomes ready
 * @l: lane; all that is added is in it after weir_lane_run_end()
 * @r: run
 * @msg: with a sequence above all others', never delivered
 */
static __always_inline void weir_lane_run_add(struct weir_lane *l,
					      struct weir_lane_run *r,
					      struct weir_msg *msg)
{
	WRITE_ONCE(msg->state, WEIR_MSG_READY);
	if (msg->deadline)
		weir_lane_watch(l, msg);
	if (msg->key && !weir_key_lead(&l->keys, msg))
		return;
	if (!r->n || msg->prio != r->prio) {
		weir_lane_run_end(l, r);
		r->prio = msg->prio;
	}
	msg->flags |= WEIR_MSG_FIFO;
	msg->link.prev = r->last;
	r->last->next = &msg->link;
	r->last = &msg->link;
	r->n++;
	r->bytes += msg->len;
	r->cost += msg->cost;
}

/* One of them. */
static inline void weir_lane_append(struct weir_lane *l, struct weir_msg *msg)
{
	struct weir_lane_run run;

	weir_lane_run_begin(&run);
	weir_lane_run_add(l, &run, msg);
	weir_lane_run_end(l, &run);
}

/**
 * weir_lane_leave - a message leaves the channel for good, or dies
 * @l: lane
 * @msg: not in the lane; if it led its key the next one takes its place
 */
static inline void weir_lane_leave(struct weir_lane *l, struct weir_msg *msg)
{
	if (msg->flags & WEIR_MSG_LEADER)
		weir_lane_succeed(l, msg);
}

#endif /* _WEIR_CORE_LANE_H */
