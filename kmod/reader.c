// SPDX-License-Identifier: GPL-2.0-only
/*
 * read(2): an open device file as a worker that holds one message at a time
 * and gets a copy of it. The next read(2), or fsync(2), acknowledges; close,
 * or death of the process that read, gives it back.
 */
#include "reader.h"

#include <linux/mm.h>
#include <linux/uio.h>

#include "change.h"
#include "endpoint.h"
#include "line.h"

static struct weir_reader *held_reader(struct weir_held *held)
{
	return container_of(held, struct weir_reader, held);
}

static void free_reader(struct kref *ref)
{
	struct weir_reader *r = container_of(ref, struct weir_reader, ref);

	weir_channel_put(r->ch);
	/* Wakers may still look at its wait queue. */
	kfree_rcu(r, rcu);
}

static bool reader_tryget(struct weir_held *held)
{
	return kref_get_unless_zero(&held_reader(held)->ref);
}

static void reader_put(struct weir_held *held)
{
	kref_put(&held_reader(held)->ref, free_reader);
}

/*
 * The process that read is gone: what it held goes on, and another process
 * that has the descriptor may read.
 */
static void reader_died(struct weir_held *held)
{
	struct weir_reader *r = held_reader(held);
	struct weir_engine *e = &r->ch->eng;
	struct weir_change c;

	weir_channel_lock(&c, r->ch);
	weir_engine_stop(e, &r->ep.peer, true);
	if (r->tag.msg)
		weir_engine_give_back(e, &r->ep.peer, &r->tag, true,
				      ktime_get_ns());
	e->c.deaths++;
	weir_channel_unlock(&c);
}

/**
 * weir_reader_create - for an open device file
 * @ch: channel; its reference becomes the reader's
 *
 * Return: the reader or NULL.
 */
struct weir_reader *weir_reader_create(struct weir_channel *ch)
{
	struct weir_reader *r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	struct weir_peer *p;

	if (!r)
		return NULL;
	kref_init(&r->ref);
	r->ch = ch;
	mutex_init(&r->lock);
	INIT_LIST_HEAD(&r->link);
	INIT_LIST_HEAD(&r->held.link);
	weir_endpoint_init(&r->ep);
	r->held.died = reader_died;
	r->held.tryget = reader_tryget;
	r->held.put = reader_put;
	r->held.worker = &r->ep.peer;
	p = &r->ep.peer;
	weir_peer_init(p, &ch->eng, 0, WEIR_ROLE_WORK);
	p->kernel = true;
	p->stopped = true;
	p->limit_max = 1;
	weir_tags_init(&p->tags, &r->tag, 1);
	return r;
}

/**
 * weir_reader_end - end it, but for its memory
 * @r: reader
 * @how: see enum weir_end
 */
void weir_reader_end(struct weir_reader *r, enum weir_end how)
{
	struct weir_change c;

	weir_channel_begin(&c, r->ch);
	weir_engine_end(&r->ch->eng, &r->ep.peer, how, ktime_get_ns(), &c.wake);
	weir_channel_end(&c);
}

/**
 * weir_reader_close - the device file's last close
 * @r: reader
 */
void weir_reader_close(struct weir_reader *r)
{
	if (r->joined) {
		weir_reader_end(r, WEIR_END_DETACH);
		mutex_lock(&r->ch->clients_lock);
		list_del(&r->link);
		mutex_unlock(&r->ch->clients_lock);
	}
	weir_holder_drop(&r->held);
	reader_put(&r->held);
}

static int join(struct weir_reader *r)
{
	struct weir_channel *ch = r->ch;
	struct weir_change c;
	int err = 0;

	if (mutex_lock_killable(&ch->clients_lock))
		return -EINTR;
	weir_channel_lock(&c, ch);
	if (ch->eng.closed)
		err = -ESHUTDOWN;
	else if (ch->eng.nr_peers >= ch->eng.cfg.clients_max)
		err = -ENOSPC;
	else
		weir_engine_add_peer(&ch->eng, &r->ep.peer, ktime_get_ns());
	weir_channel_unlock(&c);
	if (!err) {
		r->joined = true;
		list_add_tail(&r->link, &ch->readers);
	}
	mutex_unlock(&ch->clients_lock);
	return err;
}

/* Under r->lock: the calling process is, or becomes, the one that reads. */
static int claim(struct weir_reader *r)
{
	if (weir_holder_lives(&r->held))
		return weir_holder_is_current(&r->held) ? 0 : -EBUSY;
	weir_holder_drop(&r->held);
	return weir_holder_claim(&r->held) ?: r->joined ? 0 : join(r);
}

/* Acknowledges what is held, if anything is. Return: 0 or -ESHUTDOWN. */
static int ack(struct weir_reader *r)
{
	struct weir_change c;
	int err;

	weir_channel_lock(&c, r->ch);
	if (r->tag.msg)
		weir_engine_ack(&r->ch->eng, &r->ep.peer, &r->tag,
				ktime_get_ns());
	err = r->ep.peer.gone || r->ch->eng.closed ? -ESHUTDOWN : 0;
	weir_channel_unlock(&c);
	return err;
}

static void want(struct weir_reader *r, bool on)
{
	struct weir_change c;

	weir_channel_lock(&c, r->ch);
	WRITE_ONCE(r->ep.peer.on_cpu, smp_processor_id());
	weir_engine_stop(&r->ch->eng, &r->ep.peer, !on);
	weir_channel_unlock(&c);
}

static bool has_message(void *arg)
{
	struct weir_reader *r = arg;

	return READ_ONCE(r->tag.msg) || READ_ONCE(r->ep.peer.gone);
}

/* Gives the message back as if it had never been delivered. */
static void undo(struct weir_reader *r)
{
	struct weir_change c;

	weir_channel_lock(&c, r->ch);
	weir_engine_stop(&r->ch->eng, &r->ep.peer, true);
	if (r->tag.msg)
		weir_engine_give_back(&r->ch->eng, &r->ep.peer, &r->tag, false,
				      ktime_get_ns());
	weir_channel_unlock(&c);
}

/*
 * Copies the message that is held. The copy is made without a lock, and the
 * message may be taken away by hand meanwhile. So the memory is pinned, as any
 * user of it would, and the delivery is looked at again afterwards.
 */
static ssize_t copy_out(struct weir_reader *r, struct iov_iter *to)
{
	struct weir_change c;
	struct weir_pool_block *pb;
	struct weir_msg *msg;
	u32 gen, size, off;
	ssize_t res, old = iov_iter_count(to);

	weir_channel_lock(&c, r->ch);
	msg = r->tag.msg;
	if (msg) {
		gen = r->tag.gen;
		size = msg->len;
		pb = weir_pool_pin(msg, &off);
	}
	weir_channel_unlock(&c);
	if (!msg)
		return r->ep.peer.gone ? -ESHUTDOWN : -EAGAIN;
	res = -EMSGSIZE;
	if (size <= iov_iter_count(to))
		res = weir_pool_read(pb, off, size, to) ?: (ssize_t)size;
	weir_pool_unpin(pb);
	weir_channel_lock(&c, r->ch);
	msg = r->tag.msg;
	if (!msg || r->tag.gen != gen) {
		iov_iter_revert(to, old - iov_iter_count(to));
		res = -EAGAIN;
	}
	weir_channel_unlock(&c);
	return res;
}

static ssize_t take(struct weir_reader *r, struct iov_iter *to, bool nonblock)
{
	ssize_t res;

	do {
		want(r, true);
		res = has_message(r) ? 0 :
		      nonblock ? -EAGAIN :
		      weir_line_sleep(TASK_INTERRUPTIBLE, NULL, &r->ep.wait, NULL, has_message,
				      r);
		want(r, false);
		if (res && !READ_ONCE(r->tag.msg))
			return res;
		res = copy_out(r, to);
	} while (res == -EAGAIN);
	if (res < 0)
		undo(r);
	return res;
}

/**
 * weir_reader_read - acknowledge the last message and take the next
 * @r: reader
 * @to: for the payload
 * @nonblock: do not sleep
 *
 * Return: bytes of the message; -EMSGSIZE it is longer than @to and was not
 * taken, -EAGAIN, -EINTR, -EFAULT, -EBUSY another process reads through this
 * file, -ESHUTDOWN the channel is being deleted. Context: may sleep.
 */
ssize_t weir_reader_read(struct weir_reader *r, struct iov_iter *to,
			 bool nonblock)
{
	ssize_t res;

	if (mutex_lock_killable(&r->lock))
		return -EINTR;
	atomic64_inc(&r->ch->enters);
	res = claim(r);
	res = res ?: ack(r);
	res = res ?: take(r, to, nonblock);
	mutex_unlock(&r->lock);
	return res;
}

/**
 * weir_reader_ack - acknowledge the message that the last read(2) returned
 * @r: reader
 *
 * Return: 0, also if there is none; -EBUSY another process reads through this
 * file, -EINTR, -ESHUTDOWN.
 */
int weir_reader_ack(struct weir_reader *r)
{
	int err = 0;

	if (mutex_lock_killable(&r->lock))
		return -EINTR;
	if (weir_holder_lives(&r->held))
		err = weir_holder_is_current(&r->held) ? ack(r) : -EBUSY;
	mutex_unlock(&r->lock);
	return err;
}

/**
 * weir_reader_poll - POLLIN: a message waits; POLLOUT: there is room
 * @r: reader
 * @file: device file
 * @wait: table
 */
__poll_t weir_reader_poll(struct weir_reader *r, struct file *file,
			  poll_table *wait)
{
	struct weir_engine *e = &r->ch->eng;
	struct weir_change c;
	__poll_t mask = 0;

	poll_wait(file, &r->ch->room_poll, wait);
	poll_wait(file, &r->ch->arrived, wait);
	weir_channel_lock(&c, r->ch);
	if (e->closed)
		mask = EPOLLERR | EPOLLHUP;
	if (weir_lane_ready(&e->lane) &&
	    e->cfg.state != WEIR_CHANNEL_STATE_PAUSED)
		mask |= EPOLLIN | EPOLLRDNORM;
	if (weir_line_room(r->ch, &r->ch->writer.peer))
		mask |= EPOLLOUT | EPOLLWRNORM;
	weir_channel_unlock(&c);
	return mask;
}
