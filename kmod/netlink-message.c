// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages over netlink: looked at. A dump shows each message that was there
 * all the time exactly once.
 */
#include "netlink.h"

#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "client.h"
#include "message.h"

#define PAYLOAD_MAX	16384	/* bytes shown of a message */
#define MESSAGE_SIZE	1024	/* bytes of other attributes, at most */

/*
 * What is told of one message, copied under the engine's lock; text and pid are
 * to be freed with free_info(). The payload is the caller's.
 */
struct info {
	const char *channel;
	struct weir_msg m;
	u64 now;
	u32 holder;
	u32 uid;
	struct pid *pid;
	char *text;
	void *payload;
	u32 payload_len;
};

static int put_u64(struct sk_buff *skb, u16 attr, u64 val)
{
	return nla_put_u64_64bit(skb, attr, val, WEIR_A_MESSAGE_PAD);
}

static int put_inflight(struct sk_buff *skb, const struct info *i)
{
	char comm[TASK_COMM_LEN];
	int err;

	err = put_u64(skb, WEIR_A_MESSAGE_HELD,
		      weir_elapsed(i->m.t_deliver, i->now)) ?:
	      nla_put_u32(skb, WEIR_A_MESSAGE_HOLDER, i->holder);
	if (!err && i->m.flags & WEIR_MSG_TIMED)
		err = put_u64(skb, WEIR_A_MESSAGE_DUE,
			      weir_elapsed(i->now, i->m.due));
	if (err || !i->pid)
		return err;
	weir_netlink_comm(i->pid, comm);
	return nla_put_u32(skb, WEIR_A_MESSAGE_HOLDER_PID,
			   weir_netlink_pid(i->pid)) ?:
	       nla_put_string(skb, WEIR_A_MESSAGE_HOLDER_COMM, comm);
}

/* What came by write(2) lies in a block of the channel, not of a user. */
static int put_uid(struct sk_buff *skb, const struct info *i)
{
	kuid_t uid = KUIDT_INIT(i->uid);

	if (!i->m.src || !i->m.blk)
		return 0;
	return nla_put_u32(skb, WEIR_A_MESSAGE_SENDER_UID,
			   from_kuid_munged(current_user_ns(), uid));
}

static int put_state(struct sk_buff *skb, const struct info *i)
{
	switch (i->m.state) {
	case WEIR_MSG_DELAYED:
		return put_u64(skb, WEIR_A_MESSAGE_DUE,
			       weir_elapsed(i->now, i->m.due));
	case WEIR_MSG_INFLIGHT:
		return put_inflight(skb, i);
	case WEIR_MSG_DEAD:
		return nla_put_u32(skb, WEIR_A_MESSAGE_REASON, i->m.reason) ?:
		       i->text ? nla_put_string(skb, WEIR_A_MESSAGE_REASON_TEXT,
						i->text) : 0;
	default:
		return 0;
	}
}

static int fill_message(struct sk_buff *skb, void *arg)
{
	const struct info *i = arg;
	const struct weir_msg *m = &i->m;
	u32 attempt = m->attempts + (m->state == WEIR_MSG_INFLIGHT);
	int err;

	err = nla_put_string(skb, WEIR_A_MESSAGE_CHANNEL, i->channel) ?:
	      put_u64(skb, WEIR_A_MESSAGE_ID, m->seq) ?:
	      nla_put_u32(skb, WEIR_A_MESSAGE_STATE, weir_message_state(m->state)) ?:
	      nla_put_u32(skb, WEIR_A_MESSAGE_LEN, m->len) ?:
	      put_u64(skb, WEIR_A_MESSAGE_KEY, m->key) ?:
	      nla_put_u32(skb, WEIR_A_MESSAGE_PRIO, m->prio) ?:
	      nla_put_u32(skb, WEIR_A_MESSAGE_ATTEMPT, attempt) ?:
	      nla_put_u32(skb, WEIR_A_MESSAGE_DELIVERIES, m->deliveries) ?:
	      put_u64(skb, WEIR_A_MESSAGE_AGE,
		      weir_elapsed(m->t_submit, i->now)) ?:
	      nla_put_u32(skb, WEIR_A_MESSAGE_SENDER, m->src) ?:
	      put_uid(skb, i) ?:
	      put_state(skb, i) ?:
	      put_u64(skb, WEIR_A_MESSAGE_CORR, m->corr) ?:
	      nla_put_u32(skb, WEIR_A_MESSAGE_MTYPE, m->mtype) ?:
	      nla_put_u32(skb, WEIR_A_MESSAGE_ENCODING, m->encoding) ?:
	      nla_put_u32(skb, WEIR_A_MESSAGE_COST, m->cost);
	if (!err && m->deadline && m->state != WEIR_MSG_DEAD)
		err = put_u64(skb, WEIR_A_MESSAGE_DEADLINE,
			      weir_elapsed(i->now, m->deadline));
	if (!err && i->payload)
		err = nla_put(skb, WEIR_A_MESSAGE_PAYLOAD, i->payload_len,
			      i->payload);
	return err ? -EMSGSIZE : 0;
}

static void free_info(struct info *i)
{
	put_pid(i->pid);
	kfree(i->text);
}

/* Copies what can be copied under the lock. */
static void copy_info(struct info *i, struct weir_channel *ch,
		      const struct weir_msg *msg)
{
	struct weir_peer *p = msg->holder;

	lockdep_assert_held(&ch->eng.lock);
	memset(i, 0, sizeof(*i));
	i->channel = ch->name;
	i->m = *msg;
	i->now = ktime_get_ns();
	i->uid = weir_msg_uid(msg);
	if (msg->state == WEIR_MSG_DEAD && msg->text)
		i->text = kstrdup(msg->text, GFP_NOWAIT | __GFP_NOWARN);
	if (msg->state != WEIR_MSG_INFLIGHT || !p)
		return;
	i->holder = p->id;
	if (!p->kernel)
		i->pid = get_pid(container_of(p, struct weir_client,
					      ep.peer)->pid);
}

/**
 * weir_netlink_no_message - refuse: there is no message with the id
 * @info: request
 * @id: given
 *
 * Return: -ENOENT.
 */
int weir_netlink_no_message(struct genl_info *info, u64 id)
{
	NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[WEIR_A_MESSAGE_ID],
				"no message %llu", id);
	return -ENOENT;
}

/**
 * weir_netlink_need_id - refuse a request that names no message
 * @info: request
 *
 * Return: 0, -EINVAL.
 */
int weir_netlink_need_id(struct genl_info *info)
{
	if (info->attrs[WEIR_A_MESSAGE_ID])
		return 0;
	GENL_SET_ERR_MSG(info, "no message id is given");
	return -EINVAL;
}

static const char *state_name(u32 state)
{
	switch (state) {
	case WEIR_MESSAGE_STATE_READY:
		return "ready";
	case WEIR_MESSAGE_STATE_DEAD:
		return "dead";
	case WEIR_MESSAGE_STATE_INFLIGHT:
		return "inflight";
	default:
		return "delayed";
	}
}

/**
 * weir_netlink_wrong_state - refuse what a message's state does not allow
 * @info: request
 * @id: message
 * @state: of enum weir_message_state
 *
 * Return: -EINVAL.
 */
int weir_netlink_wrong_state(struct genl_info *info, u64 id, u32 state)
{
	NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[WEIR_A_MESSAGE_ID],
				"message %llu is %s", id, state_name(state));
	return -EINVAL;
}

/*
 * Copies payload from byte @from on, as much as there is and @i has room for:
 * payload_len bytes. Context: the engine is locked.
 */
static void copy_payload(struct info *i, const struct weir_msg *msg, u32 from)
{
	struct weir_pool_block *pb;
	size_t done, part;
	void *data;
	u32 off;

	i->payload_len = min(i->payload_len, msg->len - min(from, msg->len));
	pb = weir_pool_pin(msg, &off);
	for (done = 0; done < i->payload_len; done += part) {
		part = i->payload_len - done;
		data = weir_pool_part(pb, off + from + done, &part);
		memcpy(i->payload + done, data, part);
	}
	weir_pool_unpin(pb);
}

static int get_message(struct genl_info *info, struct weir_channel *ch, u64 id,
		       void *room)
{
	struct nlattr *a = info->attrs[WEIR_A_MESSAGE_OFFSET];
	u32 from = a ? nla_get_u32(a) : 0, len;
	struct weir_change c;
	struct weir_msg *msg;
	struct info i;
	int err;

	msg = weir_message_find(&c, ch, id);
	if (!msg)
		return weir_netlink_no_message(info, id);
	len = msg->len;
	copy_info(&i, ch, msg);
	if (room && from < len) {
		i.payload = room;
		i.payload_len = PAYLOAD_MAX;
		copy_payload(&i, msg, from);
	}
	weir_message_unlock(&c);
	if (from >= len) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, a,
					"offset %u is beyond the message's %u bytes",
					from, len);
		err = -EINVAL;
	} else {
		err = weir_netlink_reply(info, MESSAGE_SIZE + PAYLOAD_MAX,
					 fill_message, &i);
	}
	free_info(&i);
	return err;
}

/* Room for the payload of whoever may see it; NULL for others. */
static int payload_room(const struct weir_channel *ch, void **room)
{
	*room = NULL;
	if (!weir_channel_may(ch, MAY_READ))
		return 0;
	*room = kvmalloc(PAYLOAD_MAX, GFP_KERNEL);
	return *room ? 0 : -ENOMEM;
}

static int get_with_room(struct genl_info *info, struct weir_channel *ch)
{
	void *room;
	int err = payload_room(ch, &room);

	err = err ?: get_message(info, ch,
				 nla_get_u64(info->attrs[WEIR_A_MESSAGE_ID]),
				 room);
	kvfree(room);
	return err;
}

int weir_nl_message_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct weir_channel *ch;
	int err;

	ch = weir_netlink_find(info, WEIR_A_MESSAGE_CHANNEL,
			       MAY_READ | MAY_WRITE);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	err = weir_netlink_need_id(info) ?: get_with_room(info, ch);
	weir_channel_put(ch);
	return err;
}

/* A dump under way, kept in cb->ctx. */
struct dump {
	struct weir_place at;
	u32 state;
	u32 left;	/* messages that may still be put */
	u32 payload;	/* bytes shown of each */
	u64 older;
	bool started;
};

static int start_dump(struct dump *d, const struct genl_info *info)
{
	struct nlattr *a = info->attrs[WEIR_A_MESSAGE_STATE];

	d->started = true;
	d->left = U32_MAX;
	if (info->attrs[WEIR_A_MESSAGE_LIMIT])
		d->left = nla_get_u32(info->attrs[WEIR_A_MESSAGE_LIMIT]);
	if (info->attrs[WEIR_A_MESSAGE_OLDER])
		d->older = nla_get_u64(info->attrs[WEIR_A_MESSAGE_OLDER]);
	if (info->attrs[WEIR_A_MESSAGE_PAYLOAD_MAX])
		d->payload = nla_get_u32(info->attrs[WEIR_A_MESSAGE_PAYLOAD_MAX]);
	if (d->payload > PAYLOAD_MAX) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack,
					info->attrs[WEIR_A_MESSAGE_PAYLOAD_MAX],
					"payload-max %u is above %u", d->payload,
					PAYLOAD_MAX);
		return -EINVAL;
	}
	if (!a)
		return 0;
	d->state = nla_get_u32(a);
	if (d->state >= WEIR_MESSAGE_STATE_READY &&
	    d->state <= WEIR_MESSAGE_STATE_DEAD)
		return 0;
	NL_SET_ERR_MSG_ATTR_FMT(info->extack, a, "state %u is unknown",
				d->state);
	return -EINVAL;
}

static bool matches(const struct dump *d, const struct weir_msg *msg)
{
	u32 state = weir_message_state(msg->state);

	return state && (!d->state || state == d->state) &&
	       weir_elapsed(msg->t_submit, ktime_get_ns()) >= d->older;
}

/*
 * Of the next entries the first that matches, copied, with payload if there is
 * room for it; see weir_place_next().
 */
static bool match_some(struct dump *d, struct weir_channel *ch, struct info *i,
		       void *room)
{
	struct weir_engine *e = &ch->eng;
	struct weir_msg *msg;
	bool match = false;
	u32 tries;

	guard(rcu)();
	for (tries = 0; tries < WEIR_LOOKS_MAX && !match; tries++) {
		msg = weir_place_next(e->map, &d->at);
		if (!msg)
			break;
		spin_lock_bh(&e->lock);
		match = matches(d, msg);
		if (match)
			copy_info(i, ch, msg);
		if (match && room) {
			i->payload = room;
			i->payload_len = d->payload;
			copy_payload(i, msg, 0);
		}
		spin_unlock_bh(&e->lock);
		if (!match)
			d->at.buf++;
	}
	return match;
}

/* The next message that matches, copied. Return: false at the end. */
static bool next_match(struct dump *d, struct weir_channel *ch, struct info *i,
		       void *room)
{
	while (!weir_place_end(&d->at) && !fatal_signal_pending(current)) {
		if (match_some(d, ch, i, room))
			return true;
		cond_resched();
	}
	return false;
}

static int dump_messages(struct sk_buff *skb, struct netlink_callback *cb,
			 struct weir_channel *ch)
{
	struct dump *d = (struct dump *)cb->ctx;
	void *room = NULL;
	struct info i;
	int err = 0;

	if (d->payload)
		err = payload_room(ch, &room);
	while (!err && d->left && next_match(d, ch, &i, room)) {
		err = weir_netlink_put_one(skb, cb, WEIR_CMD_MESSAGE_GET,
					   fill_message, &i);
		free_info(&i);
		if (!err) {
			d->at.buf++;
			d->left--;
		}
	}
	kvfree(room);
	return skb->len ?: err;
}

int weir_nl_message_get_start(struct netlink_callback *cb)
{
	if (genl_info_dump(cb)->attrs[WEIR_A_MESSAGE_PAYLOAD_MAX])
		cb->min_dump_alloc = MESSAGE_SIZE + PAYLOAD_MAX;
	return 0;
}

int weir_nl_message_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump *d = (struct dump *)cb->ctx;
	struct weir_channel *ch;
	struct genl_info info = *genl_info_dump(cb);
	int err = 0;

	BUILD_BUG_ON(sizeof(*d) > sizeof(cb->ctx));
	if (!d->started)
		err = start_dump(d, &info);
	if (err)
		return err;
	ch = weir_netlink_find(&info, WEIR_A_MESSAGE_CHANNEL,
			       MAY_READ | MAY_WRITE);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	err = dump_messages(skb, cb, ch);
	weir_channel_put(ch);
	return err;
}

/**
 * weir_netlink_dead - notify of a message's death
 * @ch: channel
 * @ev: what the engine noted; if the message is still dead, it tells more
 *
 * Context: may sleep.
 */
void weir_netlink_dead(struct weir_channel *ch, const struct weir_event *ev)
{
	struct weir_change c;
	struct weir_msg *msg;
	struct info i = {
		.channel = ch->name,
		.now = ktime_get_ns(),
		.m = {
			.state = WEIR_MSG_DEAD,
			.seq = ev->seq,
			.len = ev->len,
			.src = ev->src,
			.attempts = ev->attempts,
			.reason = ev->reason,
		},
	};

	if (!weir_netlink_heard())
		return;
	i.m.t_submit = i.now;
	msg = weir_message_find(&c, ch, ev->seq);
	if (msg) {
		if (msg->state == WEIR_MSG_DEAD)
			copy_info(&i, ch, msg);
		weir_message_unlock(&c);
	}
	weir_netlink_notify(WEIR_CMD_MESSAGE_DEAD_NTF, MESSAGE_SIZE,
			    fill_message, &i);
	free_info(&i);
}
