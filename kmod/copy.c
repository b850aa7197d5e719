// SPDX-License-Identifier: GPL-2.0-only
/*
 * write(2): the channel's own sender copies a message in.
 */
#include "copy.h"

#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "change.h"
#include "line.h"
#include "recall.h"

#define LOOKS_MAX	1024	/* blocks, bottom halves being off */

static struct weir_msg *pop_idle(struct weir_channel *ch, u32 cls)
{
	guard(spinlock_bh)(&ch->eng.lock);
	return weir_engine_pop_idle(&ch->eng, cls);
}

/**
 * weir_copy_unused - a buffer was not used after all
 * @ch: channel; if it is closed the buffer's block may go
 * @msg: from weir_engine_pop_idle()
 */
void weir_copy_unused(struct weir_channel *ch, struct weir_msg *msg)
{
	struct weir_block *b = msg->blk;
	struct weir_change c;

	weir_channel_lock(&c, ch);
	b->busy--;
	WRITE_ONCE(msg->state, WEIR_MSG_USER);
	weir_engine_push_idle(&ch->eng, msg);
	ch->eng.idle_returns++;
	if (ch->eng.closed &&
	    !weir_engine_disown(&ch->eng, &ch->writer.peer, b))
		list_add_tail(&b->link, &ch->eng.orphans);
	weir_channel_unlock(&c);
}

/* Another block for the channel's own sender, under writer_lock. */
static int grow(struct weir_channel *ch, u32 cls)
{
	struct weir_pool_block *pb = weir_pool_get(&ch->pool, cls);

	if (IS_ERR(pb)) {
		weir_recall(ch);
		return PTR_ERR(pb);
	}
	weir_pool_publish(&ch->pool, pb, NULL);
	guard(spinlock_bh)(&ch->eng.lock);
	weir_engine_own(&ch->eng, &ch->writer.peer, &pb->b);
	return 0;
}

/* Takes one block that holds no message from the sender, if there is one. */
static bool shrink(struct weir_channel *ch, u32 keep_cls)
{
	struct weir_peer *p = &ch->writer.peer;
	struct weir_block *b, *next, *found = NULL;
	u32 looks = 0;

	spin_lock_bh(&ch->eng.lock);
	list_for_each_entry_safe(b, next, &p->blocks, link) {
		if (b->cls != keep_cls && !b->busy) {
			found = b;
			break;
		}
		/* The next call begins with those that were not looked at. */
		list_move_tail(&b->link, &p->blocks);
		if (++looks == LOOKS_MAX)
			break;
	}
	if (found)
		weir_engine_disown(&ch->eng, p, found);
	spin_unlock_bh(&ch->eng.lock);
	if (found)
		weir_pool_put(&ch->pool, weir_pool_block(found));
	return found;
}

/**
 * weir_copy_relieve - take empty blocks from the channel's own sender
 * @ch: channel
 *
 * Return: how many. Context: may sleep.
 */
u32 weir_copy_relieve(struct weir_channel *ch)
{
	u32 n = 0;

	guard(mutex)(&ch->writer_lock);
	while (shrink(ch, WEIR_NR_CLASSES)) {
		n++;
		cond_resched();
	}
	return n;
}

/* A buffer, under writer_lock; -ENOBUFS if the pool has none now. */
static struct weir_msg *get_buffer(struct weir_channel *ch, u32 cls)
{
	struct weir_msg *msg;
	int err;

	for (;;) {
		msg = pop_idle(ch, cls);
		if (msg)
			return msg;
		err = grow(ch, cls);
		if (err == -ENOBUFS && shrink(ch, cls))
			continue;
		if (err)
			return ERR_PTR(err);
	}
}

/**
 * weir_copy_supply - have a free buffer for a message that is to be copied
 * @ch: channel
 * @cls: size class
 *
 * Return: 0; -ENOBUFS the pool has none now, -ENOMEM, -ESHUTDOWN, -EINTR.
 * Context: may sleep.
 */
int weir_copy_supply(struct weir_channel *ch, u32 cls)
{
	int err;

	if (mutex_lock_killable(&ch->writer_lock))
		return -EINTR;
	do {
		err = READ_ONCE(ch->eng.closed) ? -ESHUTDOWN : grow(ch, cls);
	} while (err == -ENOBUFS && shrink(ch, cls));
	mutex_unlock(&ch->writer_lock);
	return err;
}

static int fill(struct weir_msg *msg, struct iov_iter *from, size_t len)
{
	u32 at = weir_msg_index(msg) << weir_class_shift(msg->blk->cls);

	weir_msg_reset(msg, len, 0);
	msg->uid = __kuid_val(current_fsuid());
	/* The buffer counts as busy: its block stays. */
	return weir_pool_write(weir_pool_block(msg->blk), at, len, from);
}

static int try_accept(struct weir_channel *ch, struct weir_msg *msg,
		      const struct weir_line *line, bool nonblock)
{
	struct weir_peer *p = &ch->writer.peer;
	struct weir_engine *e = &ch->eng;
	struct weir_change c;
	int err;

	weir_channel_lock(&c, ch);
	msg->blk->busy--;	/* the ledger counts it itself */
	err = weir_engine_admit(e, p, false);
	if (!err && e->cfg.overflow == WEIR_OVERFLOW_BLOCK &&
	    weir_line_ahead(ch, line))
		err = -EAGAIN;
	/* Told from a pool without memory: that one is waited for. */
	if (!err && weir_hook_admit(e, msg, msg->uid))
		err = -EDQUOT;
	if (!err)
		weir_engine_accept(e, p, msg, ktime_get_ns());
	else if (err > 0)
		weir_engine_accept_lost(e, p, msg);
	else if (err < 0)
		msg->blk->busy++;
	if (err == -EAGAIN && !nonblock)
		e->c.blocked++;
	else if (err < 0)
		weir_engine_refused(e, p, err == -EDQUOT ? -ENOBUFS : err);
	weir_channel_unlock(&c);
	return min(err, 0);
}

static bool room(void *arg)
{
	struct weir_channel *ch = arg;

	return weir_engine_open(&ch->eng, NULL);
}

/* What a writer without memory waits for: a pool, or a buffer that comes back. */
struct wait_memory {
	struct weir_channel *ch;
	const struct weir_peer *sender;
	u32 cls;
	u64 returns;
};

static bool memory(void *arg)
{
	struct wait_memory *w = arg;
	struct weir_channel *ch = w->ch;

	return READ_ONCE(ch->eng.closed) ||
	       (w->sender && READ_ONCE(w->sender->gone)) ||
	       READ_ONCE(ch->eng.idle_returns) != w->returns ||
	       weir_pool_has_room(&ch->pool, w->cls);
}

/**
 * weir_copy_wait - wait until weir_copy_supply() is worth another try
 * @ch: channel
 * @cls: size class
 * @returns: @idle_returns of the engine before the last try
 * @sender: who waits; its end is an end of the wait
 * @until: absolute CLOCK_MONOTONIC, or NULL
 *
 * Return: 0, -EINTR, -ETIME.
 */
int weir_copy_wait(struct weir_channel *ch, u32 cls, u64 returns,
		   const struct weir_peer *sender, ktime_t *until)
{
	struct wait_memory w = {
		.ch = ch, .sender = sender, .cls = cls, .returns = returns,
	};

	return weir_line_sleep(TASK_INTERRUPTIBLE, &ch->pool.wait, &ch->writer.wait, until, memory,
			       &w);
}

/*
 * One attempt. The copy is made without a lock: the caller's memory may be
 * such that it takes for ever.
 */
static int copy_once(struct weir_channel *ch, struct iov_iter *from,
		     const struct weir_line *line, bool nonblock)
{
	size_t len = iov_iter_count(from);
	struct weir_msg *msg;
	int err;

	if (mutex_lock_killable(&ch->writer_lock))
		return -EINTR;
	msg = READ_ONCE(ch->eng.closed) ? ERR_PTR(-ESHUTDOWN) :
	      get_buffer(ch, weir_class_for(len));
	mutex_unlock(&ch->writer_lock);
	if (IS_ERR(msg))
		return PTR_ERR(msg);
	err = fill(msg, from, len);
	if (!err)
		err = try_accept(ch, msg, line, nonblock);
	if (err)
		iov_iter_revert(from, len - iov_iter_count(from));
	if (err)
		weir_copy_unused(ch, msg);
	return err;
}

/* Sleeps until copy_once(), which said @why, is worth another try. */
static int wait_for(struct weir_channel *ch, struct wait_memory *w,
		    struct weir_line *line, int why)
{
	if (why == -EAGAIN) {
		weir_line_join(ch, line);
		return weir_line_sleep(TASK_INTERRUPTIBLE, NULL, &ch->writer.wait, NULL, room,
				       ch);
	}
	return weir_line_sleep(TASK_INTERRUPTIBLE, &ch->pool.wait, &ch->writer.wait, NULL,
			       memory, w);
}

/**
 * weir_copy_in - one write(2) is one message
 * @ch: channel
 * @from: payload
 * @nonblock: do not sleep for room
 *
 * Return: bytes; -EMSGSIZE longer than message-max, -EINVAL empty, -EFAULT,
 * -EAGAIN no room and @nonblock, -ENOBUFS no room and overflow error, or the
 * channel's policy says so, -ENOMEM,
 * -ESHUTDOWN draining or deleted, -EINTR. Context: may sleep.
 */
ssize_t weir_copy_in(struct weir_channel *ch, struct iov_iter *from,
		     bool nonblock)
{
	size_t len = iov_iter_count(from);
	struct wait_memory w = { .ch = ch };
	struct weir_line line = {};
	bool block;
	int err;

	if (!len)
		return -EINVAL;
	if (len > READ_ONCE(ch->eng.cfg.message_max))
		return -EMSGSIZE;
	atomic64_inc(&ch->enters);
	w.cls = weir_class_for(len);
	do {
		w.returns = READ_ONCE(ch->eng.idle_returns);
		err = copy_once(ch, from, &line, nonblock);
		block = READ_ONCE(ch->eng.cfg.overflow) == WEIR_OVERFLOW_BLOCK;
		if (err != -EAGAIN && !(err == -ENOBUFS && block))
			break;
		err = nonblock ? -EAGAIN : wait_for(ch, &w, &line, err);
		if (!err && signal_pending(current))
			err = -EINTR;
	} while (!err);
	weir_line_leave(ch, &line);
	if (err == -EDQUOT)
		err = -ENOBUFS;
	return err ?: len;
}
