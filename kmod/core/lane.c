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

static void count_out(struct weir_lane *l, const struct weir_msg *msg)
{
	struct weir_queue *q = &l->prio[msg->prio];

	if (!--q->nr) {
		l->busy &= ~(1U << msg->prio);
		q->passed = 0;
	}
	l->nr_waiting--;
	l->bytes -= msg->len;
	l->cost -= msg->cost;
}

static void watch(struct weir_lane *l, struct weir_msg *msg)
{
	if (msg->deadline)
		weir_lane_watch(l, msg);
}

/**
 * weir_lane_watch - a message that waits has a deadline
 * @l: lane
 * @msg: it becomes ready or delayed
 */
void weir_lane_watch(struct weir_lane *l, struct weir_msg *msg)
{
	rb_add_cached(&msg->expiry, &l->expiry, expiry_less);
}

static void insert_redo(struct weir_lane *l, struct weir_msg *msg)
{
	rb_add_cached(&msg->node, &l->prio[msg->prio].redo, seq_less);
	weir_lane_count(l, msg);
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
 * weir_lane_succeed - a message that leads its key leaves the channel
 * @l: lane
 * @msg: not in the lane; the next one of its key takes its place
 */
void weir_lane_succeed(struct weir_lane *l, struct weir_msg *msg)
{
	struct weir_msg *next = weir_key_leave(&l->keys, msg);

	if (next && next->flags & WEIR_MSG_SUSPECT) {
		rb_add_cached(&next->node, &l->suspect, seq_less);
		l->nr_suspect++;
	} else if (next) {
		insert_redo(l, next);
	}
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

/* How many of a priority whose turn it is may go before another's turn. */
static u32 turn_length(const struct weir_lane *l, u32 prio)
{
	u32 rest = l->busy & ~((2U << prio) - 1);
	u32 n = l->burst;

	/* A more urgent one holds some: it goes on after one message. */
	if (l->busy & ((1U << prio) - 1))
		return 1;
	for (; rest; rest &= rest - 1)
		n = min(n, l->burst - l->prio[__ffs(rest)].passed);
	return n;
}

/* A priority has had its turn of @n messages. */
static void turn_over(struct weir_lane *l, u32 prio, u32 n)
{
	u32 rest = l->busy & ~((2U << prio) - 1);
	struct weir_queue *q = &l->prio[prio];

	for (; rest; rest &= rest - 1)
		l->prio[__ffs(rest)].passed += n;
	q->passed = 0;
	q->nr -= n;
	if (!q->nr)
		l->busy &= ~(1U << prio);
	l->nr_waiting -= n;
}

static void went(struct weir_lane *l, struct weir_msg *msg)
{
	if (msg->deadline)
		rb_erase_cached(&msg->expiry, &l->expiry);
	l->bytes -= msg->len;
	l->cost -= msg->cost;
}

/* From a priority none of whose messages was delivered before; it has some. */
static u32 take_new(struct weir_lane *l, struct weir_queue *q,
		    struct weir_msg **out, u32 max)
{
	struct list_head *next = q->fifo.next;
	struct weir_msg *msg;
	u32 n = 0;

	do {
		msg = list_entry(next, struct weir_msg, link);
		next = next->next;
		msg->flags &= ~WEIR_MSG_FIFO;
		went(l, msg);
		out[n++] = msg;
	} while (n < max && next != &q->fifo);
	/* All that went are cut off together. */
	q->fifo.next = next;
	next->prev = &q->fifo;
	return n;
}

static u32 take_any(struct weir_lane *l, struct weir_queue *q,
		    struct weir_msg **out, u32 max)
{
	struct weir_msg *msg;
	u32 n = 0;

	while (n < max && (msg = first_of(q))) {
		if (msg->flags & WEIR_MSG_FIFO) {
			msg->flags &= ~WEIR_MSG_FIFO;
			list_del(&msg->link);
		} else {
			rb_erase_cached(&msg->node, &q->redo);
		}
		went(l, msg);
		out[n++] = msg;
	}
	return n;
}

/**
 * weir_lane_take - take the first messages out, to be delivered
 * @l: lane
 * @out: gets weir_lane_first() and those after it
 * @max: at most so many
 *
 * Return: how many there were.
 */
u32 weir_lane_take(struct weir_lane *l, struct weir_msg **out, u32 max)
{
	struct weir_queue *q;
	u32 n = 0, nr, prio;

	while (n < max && l->busy) {
		prio = turn(l);
		q = &l->prio[prio];
		nr = min(max - n, turn_length(l, prio));
		if (RB_EMPTY_ROOT(&q->redo.rb_root))
			nr = take_new(l, q, out + n, nr);
		else
			nr = take_any(l, q, out + n, nr);
		turn_over(l, prio, nr);
		n += nr;
	}
	return n;
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
		msg = rb_entry(n, struct weir_msg, expiry);
		if (msg->state == WEIR_MSG_READY &&
		    !(msg->flags & (WEIR_MSG_PARKED | WEIR_MSG_SUSPECT)))
			return msg;
	}
	return NULL;
}
