// SPDX-License-Identifier: GPL-2.0-only
#include "lane.h"

#define node_msg(n) rb_entry(n, struct weir_msg, node)
#define expiry_msg(n) rb_entry(n, struct weir_msg, expiry)

/**
 * weir_lane_init - an empty lane
 * @l: lane
 */
void weir_lane_init(struct weir_lane *l)
{
	u32 i;

	for (i = 0; i < WEIR_PRIORITIES_MAX; i++) {
		INIT_LIST_HEAD(&l->prio[i].fifo);
		l->prio[i].redo = RB_ROOT_CACHED;
		l->prio[i].passed = 0;
		l->prio[i].nr = 0;
		l->prio[i].nr_delayed = 0;
	}
	l->busy = 0;
	l->burst = U32_MAX;
	l->nr_waiting = 0;
	l->bytes = 0;
	l->cost = 0;
	l->suspect = RB_ROOT_CACHED;
	l->delayed = RB_ROOT_CACHED;
	l->expiry = RB_ROOT_CACHED;
	l->nr_suspect = 0;
	l->nr_delayed = 0;
	weir_keys_init(&l->keys);
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

static bool expiry_less(struct rb_node *a, const struct rb_node *b)
{
	return expiry_msg(a)->deadline < expiry_msg(b)->deadline;
}

static void count_in(struct weir_lane *l, const struct weir_msg *msg)
{
	l->busy |= 1U << msg->prio;
	l->prio[msg->prio].nr++;
	l->nr_waiting++;
	l->bytes += msg->len;
	l->cost += msg->cost;
}

static void count_out(struct weir_lane *l, const struct weir_msg *msg)
{
	struct weir_queue *q = &l->prio[msg->prio];

	if (list_empty(&q->fifo) && RB_EMPTY_ROOT(&q->redo.rb_root)) {
		l->busy &= ~(1U << msg->prio);
		q->passed = 0;
	}
	q->nr--;
	l->nr_waiting--;
	l->bytes -= msg->len;
	l->cost -= msg->cost;
}

static void watch(struct weir_lane *l, struct weir_msg *msg)
{
	if (msg->deadline)
		rb_add_cached(&msg->expiry, &l->expiry, expiry_less);
}

static void insert_redo(struct weir_lane *l, struct weir_msg *msg)
{
	rb_add_cached(&msg->node, &l->prio[msg->prio].redo, seq_less);
	count_in(l, msg);
}

/**
 * weir_lane_append - a new message becomes ready
 * @l: lane
 * @msg: with a sequence above all others', never delivered
 */
void weir_lane_append(struct weir_lane *l, struct weir_msg *msg)
{
	WRITE_ONCE(msg->state, WEIR_MSG_READY);
	watch(l, msg);
	if (msg->key && !weir_key_lead(&l->keys, msg))
		return;
	msg->flags |= WEIR_MSG_FIFO;
	list_add_tail(&msg->link, &l->prio[msg->prio].fifo);
	count_in(l, msg);
}

/**
 * weir_lane_redo - a message that is not the youngest becomes ready
 * @l: lane
 * @msg: delivered before, or its delay is over; WEIR_MSG_SUSPECT in its flags
 *	makes it go alone
 */
void weir_lane_redo(struct weir_lane *l, struct weir_msg *msg)
{
	WRITE_ONCE(msg->state, WEIR_MSG_READY);
	watch(l, msg);
	if (msg->key && !weir_key_lead(&l->keys, msg))
		return;
	if (msg->flags & WEIR_MSG_SUSPECT) {
		rb_add_cached(&msg->node, &l->suspect, seq_less);
		l->nr_suspect++;
	} else {
		insert_redo(l, msg);
	}
}

/**
 * weir_lane_delay - a message waits for its time
 * @l: lane
 * @msg: delivered before, and the leader of its key if it has one; or new, and
 *	without a place among those of its key until then
 * @due: ns, when it shall become ready
 */
void weir_lane_delay(struct weir_lane *l, struct weir_msg *msg, u64 due)
{
	WRITE_ONCE(msg->state, WEIR_MSG_DELAYED);
	watch(l, msg);
	msg->due = due;
	rb_add_cached(&msg->node, &l->delayed, due_less);
	l->prio[msg->prio].nr_delayed++;
	l->nr_delayed++;
}

/**
 * weir_lane_remove - take a ready or delayed message out
 * @l: lane
 * @msg: a message of it; one that leads its key goes on leading it, until
 *	weir_lane_leave()
 */
void weir_lane_remove(struct weir_lane *l, struct weir_msg *msg)
{
	if (msg->deadline)
		rb_erase_cached(&msg->expiry, &l->expiry);
	if (msg->flags & WEIR_MSG_FIFO) {
		msg->flags &= ~WEIR_MSG_FIFO;
		list_del(&msg->link);
		count_out(l, msg);
	} else if (msg->state == WEIR_MSG_DELAYED) {
		rb_erase_cached(&msg->node, &l->delayed);
		l->prio[msg->prio].nr_delayed--;
		l->nr_delayed--;
	} else if (msg->flags & WEIR_MSG_PARKED) {
		weir_key_unpark(&l->keys, msg);
	} else if (msg->flags & WEIR_MSG_SUSPECT) {
		rb_erase_cached(&msg->node, &l->suspect);
		l->nr_suspect--;
	} else {
		rb_erase_cached(&msg->node, &l->prio[msg->prio].redo);
		count_out(l, msg);
	}
}

/**
 * weir_lane_leave - a message leaves the channel for good, or dies
 * @l: lane
 * @msg: not in the lane; if it led its key the next one takes its place
 */
void weir_lane_leave(struct weir_lane *l, struct weir_msg *msg)
{
	struct weir_msg *next;

	if (!(msg->flags & WEIR_MSG_LEADER))
		return;
	next = weir_key_leave(&l->keys, msg);
	if (next && next->flags & WEIR_MSG_SUSPECT) {
		rb_add_cached(&next->node, &l->suspect, seq_less);
		l->nr_suspect++;
	} else if (next) {
		insert_redo(l, next);
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

/* The lowest sequence of a priority that holds any. */
static struct weir_msg *first_of(const struct weir_queue *q)
{
	struct rb_node *n = rb_first_cached(&q->redo);
	struct weir_msg *old = n ? node_msg(n) : NULL, *msg;

	if (list_empty(&q->fifo))
		return old;
	msg = list_first_entry(&q->fifo, struct weir_msg, link);
	return old && old->seq < msg->seq ? old : msg;
}

/* The priority whose turn it is; there is one. */
static u32 turn(const struct weir_lane *l)
{
	u32 first = __ffs(l->busy);
	u32 rest = l->busy & (l->busy - 1);

	for (; rest; rest &= rest - 1)
		if (l->prio[__ffs(rest)].passed >= l->burst)
			return __ffs(rest);
	return first;
}

/**
 * weir_lane_first - the first message that may go with others, or NULL
 * @l: lane
 */
struct weir_msg *weir_lane_first(const struct weir_lane *l)
{
	return l->busy ? first_of(&l->prio[turn(l)]) : NULL;
}

/**
 * weir_lane_oldest - of the messages that may go with others, the one with the
 *	lowest sequence, or NULL
 * @l: lane
 */
struct weir_msg *weir_lane_oldest(const struct weir_lane *l)
{
	struct weir_msg *oldest = NULL, *msg;
	u32 rest;

	for (rest = l->busy; rest; rest &= rest - 1) {
		msg = first_of(&l->prio[__ffs(rest)]);
		if (!oldest || msg->seq < oldest->seq)
			oldest = msg;
	}
	return oldest;
}

/**
 * weir_lane_spare - the message that is given up first for a new one, or NULL
 * @l: lane
 *
 * The oldest of the least urgent priority that may go; else one behind a key's
 * leader. Suspects and delayed messages are not given up.
 */
struct weir_msg *weir_lane_spare(struct weir_lane *l)
{
	if (l->busy)
		return first_of(&l->prio[fls(l->busy) - 1]);
	return weir_key_parked(&l->keys);
}

/**
 * weir_lane_take - take weir_lane_first() out, to be delivered
 * @l: lane with such a message
 */
struct weir_msg *weir_lane_take(struct weir_lane *l)
{
	u32 prio = turn(l), rest;
	struct weir_msg *msg = first_of(&l->prio[prio]);

	rest = l->busy & ~((2U << prio) - 1);
	for (; rest; rest &= rest - 1)
		l->prio[__ffs(rest)].passed++;
	l->prio[prio].passed = 0;
	if (msg->deadline)
		rb_erase_cached(&msg->expiry, &l->expiry);
	if (msg->flags & WEIR_MSG_FIFO) {
		msg->flags &= ~WEIR_MSG_FIFO;
		list_del(&msg->link);
	} else {
		rb_erase_cached(&msg->node, &l->prio[prio].redo);
	}
	count_out(l, msg);
	return msg;
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

/**
 * weir_lane_first_expiry - the waiting message that expires first, or NULL
 * @l: lane
 */
struct weir_msg *weir_lane_first_expiry(const struct weir_lane *l)
{
	struct rb_node *n = rb_first_cached(&l->expiry);

	return n ? expiry_msg(n) : NULL;
}

/**
 * weir_lane_earliest - of the messages that may go with others, the one with
 *	the earliest deadline, or NULL
 * @l: lane
 * @looks: at most so many with a deadline are looked at
 */
struct weir_msg *weir_lane_earliest(const struct weir_lane *l, u32 looks)
{
	struct rb_node *n = rb_first_cached(&l->expiry);
	struct weir_msg *msg;

	for (; n && looks--; n = rb_next(n)) {
		msg = expiry_msg(n);
		if (msg->state == WEIR_MSG_READY &&
		    !(msg->flags & (WEIR_MSG_PARKED | WEIR_MSG_SUSPECT)))
			return msg;
	}
	return NULL;
}
