// SPDX-License-Identifier: GPL-2.0-only
/*
 * write(2): the channel's own sender copies a message in.
 */
#include "copy.h"

#include <linux/mm.h>
#include <linux/uaccess.h>

/* A free buffer of the channel's own sender, taken out of its list. */
static struct weir_msg *pop_idle(struct weir_channel *ch, u32 cls)
{
	struct weir_change c;
	struct weir_msg *msg;

	weir_channel_lock(&c, ch);
	msg = list_first_entry_or_null(&ch->eng.idle[cls], struct weir_msg,
				       link);
	if (msg) {
		list_del_init(&msg->link);
		msg->state = WEIR_MSG_STAGED;
	}
	weir_channel_unlock(&c);
	return msg;
}

static void push_idle(struct weir_channel *ch, struct weir_msg *msg)
{
	struct weir_change c;

	weir_channel_lock(&c, ch);
	msg->state = WEIR_MSG_USER;
	list_add(&msg->link, &ch->eng.idle[msg->blk->cls]);
	weir_channel_unlock(&c);
}

/* Another block for the channel's own sender, under writer_lock. */
static int grow(struct weir_channel *ch, u32 cls)
{
	struct weir_pool_block *pb = weir_pool_get(&ch->pool, cls);
	struct weir_peer *p = &ch->writer.peer;
	struct weir_change c;

	if (IS_ERR(pb))
		return PTR_ERR(pb);
	weir_pool_publish(&ch->pool, pb, NULL);
	spin_lock_bh(&p->sq_lock);
	weir_channel_lock(&c, ch);
	weir_engine_own(&ch->eng, p, &pb->b);
	weir_channel_unlock(&c);
	spin_unlock_bh(&p->sq_lock);
	return 0;
}

/* Takes one block that holds no message from the sender, if there is one. */
static bool shrink(struct weir_channel *ch, u32 keep_cls)
{
	struct weir_peer *p = &ch->writer.peer;
	struct weir_block *b, *found = NULL;
	struct weir_change c;

	spin_lock_bh(&p->sq_lock);
	weir_channel_lock(&c, ch);
	list_for_each_entry(b, &p->blocks, link)
		if (b->cls != keep_cls && !b->busy) {
			found = b;
			break;
		}
	if (found)
		weir_engine_disown(&ch->eng, p, found);
	weir_channel_unlock(&c);
	spin_unlock_bh(&p->sq_lock);
	if (found)
		weir_pool_put(&ch->pool, weir_pool_block(found));
	return found;
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

static int fill(struct weir_msg *msg, const char __user *buf, size_t len)
{
	struct folio *folio;
	void *data;
	int err;

	msg->len = len;
	msg->off = 0;
	msg->flags = 0;
	msg->prio = 0;
	msg->encoding = 0;
	msg->mtype = 0;
	msg->attempts = 0;
	msg->deliveries = 0;
	msg->reason = 0;
	msg->key = 0;
	msg->corr = 0;
	msg->deadline = 0;
	msg->holder = NULL;
	msg->src = 0;
	msg->cost = 0;
	msg->text = NULL;
	data = weir_pool_data(msg, &folio);
	err = copy_from_user(data, buf, len) ? -EFAULT : 0;
	folio_put(folio);
	return err;
}

static int try_accept(struct weir_channel *ch, struct weir_msg *msg)
{
	struct weir_engine *e = &ch->eng;
	struct weir_change c;
	int err;

	weir_channel_lock(&c, ch);
	err = weir_engine_admit(e, false);
	if (!err)
		weir_engine_accept(e, &ch->writer.peer, msg, ktime_get_ns());
	weir_channel_unlock(&c);
	return err;
}

static bool room(void *arg)
{
	struct weir_channel *ch = arg;

	return weir_engine_open(&ch->eng);
}

/* What a writer without memory waits for: a pool, or a buffer that comes back. */
struct wait_memory {
	struct weir_channel *ch;
	u32 cls;
	u64 unsettled;
};

static bool memory(void *arg)
{
	struct wait_memory *w = arg;
	struct weir_channel *ch = w->ch;

	return READ_ONCE(ch->eng.closed) ||
	       READ_ONCE(ch->writer.peer.unsettled) != w->unsettled ||
	       weir_pool_has_room(&ch->pool, w->cls);
}

/* One attempt, under writer_lock. */
static int copy_once(struct weir_channel *ch, const char __user *buf,
		     size_t len)
{
	struct weir_msg *msg = get_buffer(ch, weir_class_for(len));
	int err;

	if (IS_ERR(msg))
		return PTR_ERR(msg);
	err = fill(msg, buf, len);
	err = err ?: try_accept(ch, msg);
	if (err)
		push_idle(ch, msg);
	return err;
}

/* Sleeps until copy_once(), which said @why, is worth another try. */
static int wait_for(struct weir_channel *ch, struct wait_memory *w, int why)
{
	if (why == -EAGAIN)
		return weir_channel_sleep(&ch->room, &ch->writer.wait, NULL,
					  room, ch);
	return weir_channel_sleep(&ch->pool.wait, &ch->writer.wait, NULL,
				  memory, w);
}

/**
 * weir_copy_in - one write(2) is one message
 * @ch: channel
 * @buf: payload
 * @len: bytes
 * @nonblock: do not sleep for room
 *
 * Return: @len; -EMSGSIZE longer than message-max, -EINVAL empty, -EFAULT,
 * -EAGAIN no room and @nonblock, -ENOBUFS no room and overflow error, -ENOMEM,
 * -ESHUTDOWN draining or deleted, -EINTR. Context: may sleep.
 */
ssize_t weir_copy_in(struct weir_channel *ch, const char __user *buf,
		     size_t len, bool nonblock)
{
	struct wait_memory w = { .ch = ch };
	bool block;
	int err;

	if (!len)
		return -EINVAL;
	if (len > READ_ONCE(ch->eng.cfg.message_max))
		return -EMSGSIZE;
	atomic64_inc(&ch->enters);
	w.cls = weir_class_for(len);
	for (;;) {
		w.unsettled = READ_ONCE(ch->writer.peer.unsettled);
		if (mutex_lock_killable(&ch->writer_lock))
			return -EINTR;
		err = READ_ONCE(ch->eng.closed) ? -ESHUTDOWN :
		      copy_once(ch, buf, len);
		mutex_unlock(&ch->writer_lock);
		if (!err)
			return len;
		block = READ_ONCE(ch->eng.cfg.overflow) == WEIR_OVERFLOW_BLOCK;
		if (err != -EAGAIN && !(err == -ENOBUFS && block))
			return err;
		if (nonblock)
			return -EAGAIN;
		err = wait_for(ch, &w, err);
		if (err)
			return err;
	}
}
