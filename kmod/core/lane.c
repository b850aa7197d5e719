// SPDX-License-Identifier: GPL-2.0-only
#include "lane.h"

#define node_msg(n) rb_entry(n, struct weir_msg, node)

/**
 * weir_lane_init - an empty lane
 * @l: lane
 */
void weir_lane_init(struct weir_lane *l)
{
	INIT_LIST_HEAD(&l->fifo);
	l->redo = RB_ROOT_CACHED;
	l->suspect = RB_ROOT_CACHED;
	l->delayed = RB_ROOT_CACHED;
	l->nr_fifo = 0;
	l->nr_redo = 0;
	l->nr_suspect = 0;
	l->nr_delayed = 0;
}

static bool seq_less(struct rb_node *a, const struct rb_node *b)
{
	return node_msg(a)->seq < node_msg(b)->seq;
}

static bool due_less(struct rb_node *a, const struct rb_node *b)
{
	const struct weir_msg *x = node_msg(a), *y = node_msg(b);

	return x->due != y->due ? x->due < y->due : x->seq < y->seq;
}

/**
 * weir_lane_append - a new message becomes ready
 * @l: lane
 * @msg: with a sequence above all others', never delivered
 */
void weir_lane_append(struct weir_lane *l, struct weir_msg *msg)
{
	WRITE_ONCE(msg->state, WEIR_MSG_READY);
	msg->flags |= WEIR_MSG_FIFO;
	list_add_tail(&msg->link, &l->fifo);
	l->nr_fifo++;
}

/**
 * weir_lane_redo - a message that was delivered before becomes ready
 * @l: lane
 * @msg: the message; WEIR_MSG_SUSPECT in its flags makes it go alone
 */
void weir_lane_redo(struct weir_lane *l, struct weir_msg *msg)
{
	WRITE_ONCE(msg->state, WEIR_MSG_READY);
	if (msg->flags & WEIR_MSG_SUSPECT) {
		rb_add_cached(&msg->node, &l->suspect, seq_less);
		l->nr_suspect++;
	} else {
		rb_add_cached(&msg->node, &l->redo, seq_less);
		l->nr_redo++;
	}
}

/**
 * weir_lane_delay - a message that was delivered before waits for its time
 * @l: lane
 * @msg: the message
 * @due: ns, when it shall become ready
 */
void weir_lane_delay(struct weir_lane *l, struct weir_msg *msg, u64 due)
{
	WRITE_ONCE(msg->state, WEIR_MSG_DELAYED);
	msg->due = due;
	rb_add_cached(&msg->node, &l->delayed, due_less);
	l->nr_delayed++;
}

/**
 * weir_lane_remove - take a ready or delayed message out
 * @l: lane
 * @msg: a message of it
 */
void weir_lane_remove(struct weir_lane *l, struct weir_msg *msg)
{
	if (msg->state == WEIR_MSG_DELAYED) {
		rb_erase_cached(&msg->node, &l->delayed);
		l->nr_delayed--;
	} else if (msg->flags & WEIR_MSG_FIFO) {
		msg->flags &= ~WEIR_MSG_FIFO;
		list_del(&msg->link);
		l->nr_fifo--;
	} else if (msg->flags & WEIR_MSG_SUSPECT) {
		rb_erase_cached(&msg->node, &l->suspect);
		l->nr_suspect--;
	} else {
		rb_erase_cached(&msg->node, &l->redo);
		l->nr_redo--;
	}
}

/**
 * weir_lane_suspect - the first message that must go alone, or NULL
 * @l: lane
 */
struct weir_msg *weir_lane_suspect(const struct weir_lane *l)
{
	struct rb_node *n = rb_first_cached(&l->suspect);

	return n ? node_msg(n) : NULL;
}

/**
 * weir_lane_first - the first message that may go with others, or NULL
 * @l: lane
 */
struct weir_msg *weir_lane_first(struct weir_lane *l)
{
	struct rb_node *n = rb_first_cached(&l->redo);

	if (n)
		return node_msg(n);
	return list_first_entry_or_null(&l->fifo, struct weir_msg, link);
}

/**
 * weir_lane_first_delayed - the delayed message whose time comes first, or NULL
 * @l: lane
 */
struct weir_msg *weir_lane_first_delayed(const struct weir_lane *l)
{
	struct rb_node *n = rb_first_cached(&l->delayed);

	return n ? node_msg(n) : NULL;
}
