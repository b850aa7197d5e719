// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one sleep of all paths, and the line of those who wait for room.
 */
#include "line.h"

#include <linux/poll.h>
#include <linux/sched/signal.h>

/**
 * weir_line_ahead - do others wait for room before the caller?
 * @ch: channel
 * @line: of the caller
 *
 * A hint: who takes a queue for empty that is just being joined comes first.
 */
bool weir_line_ahead(struct weir_channel *ch, const struct weir_line *line)
{
	/* No fence: see above. */
	return !line->in && waitqueue_active(&ch->room);
}

/**
 * weir_line_join - wait for room behind all others
 * @ch: channel
 * @line: zeroed, or in already
 *
 * From here on the caller is woken when it may try, and only it.
 */
void weir_line_join(struct weir_channel *ch, struct weir_line *line)
{
	if (line->in)
		return;
	/* Not an entry that a wake-up removes: the place is kept. */
	init_waitqueue_entry(&line->entry, current);
	add_wait_queue_exclusive(&ch->room, &line->entry);
	line->in = true;
}

static void wake_next(struct weir_channel *ch)
{
	atomic64_inc(&ch->wakeups);
	wake_up_interruptible(&ch->room);
}

static void wake_pollers(struct weir_channel *ch)
{
	wake_up_interruptible_poll(&ch->room_poll, EPOLLOUT | EPOLLWRNORM);
}

/**
 * weir_line_wake - nobody need wait for room any longer
 * @ch: channel
 * @polled: somebody polled for room while there was none
 *
 * The first in line may try. Who leaves the line wakes the next, while there is
 * room, and the last one sees to those who poll: none of them would be served
 * before.
 */
void weir_line_wake(struct weir_channel *ch, bool polled)
{
	if (wq_has_sleeper(&ch->room))
		wake_next(ch);
	else if (polled)
		wake_pollers(ch);
}

/**
 * weir_line_room - would one who is not in line be served?
 * @ch: channel, its engine locked; the caller polls, and is in @room_poll
 * @p: sender
 */
bool weir_line_room(struct weir_channel *ch, struct weir_peer *p)
{
	/*
	 * Pairs with the fence in weir_line_leave(): of who begins to poll and
	 * the last one in line that leaves, one sees the other.
	 */
	smp_mb();
	if (!weir_engine_poll_room(&ch->eng, p))
		return false;
	/* The fence is the one above. */
	return !waitqueue_active(&ch->room);
}

/* The last in line has left: those who poll are woken, now or when there is room. */
static void leave_to_pollers(struct weir_channel *ch)
{
	struct weir_engine *e = &ch->eng;
	bool room;

	spin_lock_bh(&e->lock);
	room = e->closed || weir_engine_room(e) ||
	       e->cfg.state == WEIR_CHANNEL_STATE_DRAINING;
	if (!room)
		e->polled = true;
	spin_unlock_bh(&e->lock);
	if (room)
		wake_pollers(ch);
}

/**
 * weir_line_leave - wait no longer, with success or without
 * @ch: channel
 * @line: in or not
 *
 * The next in line may try, or who polls.
 */
void weir_line_leave(struct weir_channel *ch, struct weir_line *line)
{
	if (!line->in)
		return;
	remove_wait_queue(&ch->room, &line->entry);
	line->in = false;
	/*
	 * Pairs with the fence in weir_line_wake(): who makes room and still
	 * sees us in line leaves the next one to us, and we see the room. And
	 * with the one in weir_line_room().
	 */
	smp_mb();
	/* The fence is the one above. */
	if (waitqueue_active(&ch->room)) {
		if (weir_engine_open(&ch->eng, NULL))
			wake_next(ch);
		return;
	}
	/* Likewise. */
	if (waitqueue_active(&ch->room_poll))
		leave_to_pollers(ch);
}

/**
 * weir_line_sleep - wait for a condition
 * @state: TASK_INTERRUPTIBLE; or WEIR_SLEEP_ALONE of who holds no lock and has no
 *	place in a line: others would wait as long as it is frozen
 * @queue: where one waiter is woken at a time, in order; or NULL
 * @own: where the caller alone is woken
 * @until: absolute CLOCK_MONOTONIC, or NULL
 * @done: the condition; must not sleep
 * @arg: for it
 *
 * Return: 0, -EINTR, -ETIME.
 */
int weir_line_sleep(unsigned int state, struct wait_queue_head *queue,
		    struct wait_queue_head *own, ktime_t *until,
		    bool (*done)(void *arg), void *arg)
{
	DEFINE_WAIT(in_queue);
	DEFINE_WAIT(alone);
	int err = 0;

	for (;;) {
		if (queue)
			prepare_to_wait_exclusive(queue, &in_queue,
						  state);
		prepare_to_wait(own, &alone, state);
		if (done(arg))
			break;
		if (signal_pending(current)) {
			err = -EINTR;
			break;
		}
		if (!until) {
			schedule();
		} else if (!schedule_hrtimeout(until, HRTIMER_MODE_ABS)) {
			err = done(arg) ? 0 : -ETIME;
			break;
		}
	}
	finish_wait(own, &alone);
	if (!queue)
		return err;
	finish_wait(queue, &in_queue);
	/* A wake-up that was meant for the next in line is passed on. */
	if (err)
		wake_up_interruptible(queue);
	return err;
}
