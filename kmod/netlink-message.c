// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages over netlink: looked at, and moved by hand.
 *
 * A message is found by walking the ledger entries of all blocks: first
 * without a lock, then once more with the engine's. So a dump shows each
 * message that was there all the time exactly once.
 */
#include "netlink.h"

#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "change.h"
#include "client.h"

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

static u32 public_state(u8 state)
{
	switch (state) {
	case WEIR_MSG_READY:
		return WEIR_MESSAGE_STATE_READY;
	case WEIR_MSG_DELAYED:
		return WEIR_MESSAGE_STATE_DELAYED;
	case WEIR_MSG_INFLIGHT:
		return WEIR_MESSAGE_STATE_INFLIGHT;
	case WEIR_MSG_DEAD:
		return WEIR_MESSAGE_STATE_DEAD;
	default:
		return 0;
	}
}

static int put_inflight(struct sk_buff *skb, const struct info *i)
{
	char comm[TASK_COMM_LEN];
	int err;

	err = put_u64(skb, WEIR_A_MESSAGE_HELD,
		      weir_elapsed(i->m.t_deliver, i->now)) ?:
	      nla_put_u32(skb, WEIR_A_MESSAGE_HOLDER, i->holder);
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
	      nla_put_u32(skb, WEIR_A_MESSAGE_STATE, public_state(m->state)) ?:
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

#define LOOKS_MAX	4096	/* entries or places looked at in one go */

/* A place in the window: the @buf'th entry of the block at @slot of @zone. */
struct place {
	u32 zone;
	u32 slot;
	u32 buf;
};

static bool at_end(const struct place *at)
{
	return at->zone == WEIR_ZONES;
}

/* To the first entry of the next place that may hold a block. */
static void next_place(const struct weir_map *map, struct place *at)
{
	at->buf = 0;
	if (!READ_ONCE(map->leaf[at->zone][at->slot >> WEIR_LEAF_SHIFT]))
		at->slot |= WEIR_LEAF_SIZE - 1;
	if (++at->slot < weir_zone_slots(at->zone))
		return;
	at->slot = 0;
	at->zone++;
}

/*
 * The next entry from @at on that is in the channel, by a look without a lock.
 * Moves @at to it. Return: it; or NULL at the end, or after LOOKS_MAX looks,
 * when the caller should leave its RCU read section for a moment.
 */
static struct weir_msg *next_entry(const struct weir_map *map, struct place *at)
{
	struct weir_block *b;
	struct weir_msg *msgs;
	u32 nr, looks = 0;

	while (!at_end(at)) {
		b = weir_map_slot(map, at->zone, at->slot);
		msgs = b ? weir_block_entries(b, &nr) : NULL;
		for (; msgs && at->buf < nr; at->buf++) {
			if (public_state(READ_ONCE(msgs[at->buf].state)))
				return &msgs[at->buf];
			if (++looks >= LOOKS_MAX)
				return NULL;
		}
		next_place(map, at);
		if (++looks >= LOOKS_MAX)
			return NULL;
	}
	return NULL;
}

/*
 * The message with an id, with the engine locked inside weir_channel_begin();
 * or NULL, and neither. Context: may sleep before that.
 */
static struct weir_msg *find_locked(struct weir_change *c,
				    struct weir_channel *ch, u64 id)
{
	struct weir_engine *e = &ch->eng;
	struct place at = {};
	struct weir_msg *msg;
	u32 tries;

	while (!at_end(&at) && !fatal_signal_pending(current)) {
		weir_channel_begin(c, ch);
		for (tries = 0; tries < LOOKS_MAX; tries++) {
			msg = next_entry(e->map, &at);
			if (!msg)
				break;
			if (READ_ONCE(msg->seq) == id) {
				weir_engine_lock(e, &c->wake);
				if (public_state(msg->state) && msg->seq == id)
					return msg;
				weir_engine_unlock(e);
			}
			at.buf++;
		}
		weir_channel_end(c);
		cond_resched();
	}
	return NULL;
}

static void unlock_found(struct weir_change *c)
{
	weir_engine_unlock(&c->ch->eng);
	weir_channel_end(c);
}

static int no_message(struct genl_info *info, u64 id)
{
	NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[WEIR_A_MESSAGE_ID],
				"no message %llu", id);
	return -ENOENT;
}

static int need_id(struct genl_info *info)
{
	if (info->attrs[WEIR_A_MESSAGE_ID])
		return 0;
	GENL_SET_ERR_MSG(info, "no message id is given");
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

	msg = find_locked(&c, ch, id);
	if (!msg)
		return no_message(info, id);
	len = msg->len;
	copy_info(&i, ch, msg);
	if (room && from < len) {
		i.payload = room;
		i.payload_len = PAYLOAD_MAX;
		copy_payload(&i, msg, from);
	}
	unlock_found(&c);
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
	err = need_id(info) ?: get_with_room(info, ch);
	weir_channel_put(ch);
	return err;
}

/* A dump under way, kept in cb->ctx. */
struct dump {
	struct place at;
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
	u32 state = public_state(msg->state);

	return state && (!d->state || state == d->state) &&
	       weir_elapsed(msg->t_submit, ktime_get_ns()) >= d->older;
}

/*
 * Of the next entries the first that matches, copied, with payload if there is
 * room for it; see next_entry().
 */
static bool match_some(struct dump *d, struct weir_channel *ch, struct info *i,
		       void *room)
{
	struct weir_engine *e = &ch->eng;
	struct weir_msg *msg;
	bool match = false;
	u32 tries;

	guard(rcu)();
	for (tries = 0; tries < LOOKS_MAX && !match; tries++) {
		msg = next_entry(e->map, &d->at);
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
	while (!at_end(&d->at) && !fatal_signal_pending(current)) {
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

enum verb {
	RELEASE,
	REQUEUE,
	KILL,
};

static bool move(struct weir_engine *e, struct weir_msg *msg, enum verb verb)
{
	if (e->closed)	/* all of it is being thrown away */
		return false;
	switch (verb) {
	case RELEASE:
		return weir_ledger_release(e, msg, ktime_get_ns());
	case REQUEUE:
		return weir_ledger_requeue(e, msg);
	default:
		return weir_ledger_kill(e, msg, ktime_get_ns());
	}
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

static int wrong_state(struct genl_info *info, u64 id, u32 state)
{
	NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[WEIR_A_MESSAGE_ID],
				"message %llu is %s", id, state_name(state));
	return -EINVAL;
}

static int move_one(struct genl_info *info, struct weir_channel *ch, u64 id,
		    enum verb verb, u64 *count)
{
	struct weir_change c;
	struct weir_msg *msg;
	u32 state;

	msg = find_locked(&c, ch, id);
	if (!msg)
		return no_message(info, id);
	state = public_state(msg->state);
	*count = move(&ch->eng, msg, verb);
	weir_engine_finish(&ch->eng, ktime_get_ns());
	unlock_found(&c);
	return *count ? 0 : wrong_state(info, id, state);
}

/*
 * Each message that is there now, once: what a move makes ready is handed out
 * only at the end, and ids above the last one of the start are left alone.
 */
static u64 move_all(struct weir_channel *ch, enum verb verb)
{
	struct weir_engine *e = &ch->eng;
	u64 last = READ_ONCE(e->seq), count = 0;
	struct weir_change c;
	struct place at = {};
	struct weir_msg *msg;

	while (!at_end(&at) && !fatal_signal_pending(current)) {
		weir_channel_begin(&c, ch);
		msg = next_entry(e->map, &at);
		if (msg) {
			weir_engine_lock(e, &c.wake);
			if (public_state(msg->state) && msg->seq <= last)
				count += move(e, msg, verb);
			weir_engine_unlock(e);
			at.buf++;
		}
		weir_channel_end(&c);
		cond_resched();
	}
	weir_channel_lock(&c, ch);
	weir_channel_unlock(&c);
	return count;
}

static int fill_count(struct sk_buff *skb, void *arg)
{
	return put_u64(skb, WEIR_A_MESSAGE_COUNT, *(u64 *)arg);
}

static int move_messages(struct sk_buff *skb, struct genl_info *info,
			 enum verb verb, const char *what)
{
	struct weir_channel *ch;
	u64 count = 0;
	int err;

	ch = weir_netlink_find(info, WEIR_A_MESSAGE_CHANNEL, 0);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	err = weir_netlink_may_change(skb, info, ch, what);
	if (err)
		goto out;
	if (info->attrs[WEIR_A_MESSAGE_ALL]) {
		count = move_all(ch, verb);
	} else {
		err = need_id(info);
		err = err ?: move_one(info, ch,
				nla_get_u64(info->attrs[WEIR_A_MESSAGE_ID]),
				verb, &count);
	}
	err = err ?: weir_netlink_reply(info, MESSAGE_SIZE, fill_count, &count);
out:
	weir_channel_put(ch);
	return err;
}

int weir_nl_message_release_doit(struct sk_buff *skb, struct genl_info *info)
{
	return move_messages(skb, info, RELEASE, "releasing a message");
}

int weir_nl_message_requeue_doit(struct sk_buff *skb, struct genl_info *info)
{
	return move_messages(skb, info, REQUEUE, "requeueing a message");
}

int weir_nl_message_kill_doit(struct sk_buff *skb, struct genl_info *info)
{
	return move_messages(skb, info, KILL, "killing a message");
}

/* ---- what a message has been through ---- */

struct past {
	u32 attempts;
	u32 deliveries;
	u32 reason;	/* 0: it lives */
	char *text;
};

static int blame_past(struct genl_info *info, int attr, const char *what,
		      u32 value, const char *why)
{
	NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[attr], "%s %u %s",
				what, value, why);
	return -EINVAL;
}

/* More attempts than max-attempts are fine: so are those of who lowers it. */
static int check_past(struct genl_info *info, const struct past *p)
{
	if (p->deliveries > U16_MAX)
		return blame_past(info, WEIR_A_MESSAGE_DELIVERIES, "deliveries",
				  p->deliveries, "are above 65535");
	if (p->attempts > p->deliveries)
		return blame_past(info, WEIR_A_MESSAGE_ATTEMPT, "attempt",
				  p->attempts, "is above deliveries");
	if (p->reason > WEIR_DEAD_REASON_EXPIRED)
		return blame_past(info, WEIR_A_MESSAGE_REASON, "reason",
				  p->reason, "is unknown");
	return 0;
}

static u32 get_u32(struct genl_info *info, int attr)
{
	return info->attrs[attr] ? nla_get_u32(info->attrs[attr]) : 0;
}

/* As a worker's own words: what would move a terminal's cursor is blank. */
static int copy_text(struct genl_info *info, struct past *p)
{
	struct nlattr *a = info->attrs[WEIR_A_MESSAGE_REASON_TEXT];
	char *c;

	if (!a)
		return 0;
	if (!p->reason) {
		NL_SET_ERR_MSG_ATTR(info->extack, a,
				    "reason-text is given without a reason");
		return -EINVAL;
	}
	if (nla_len(a) > WEIR_REASON_MAX + 1) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, a,
					"reason-text has more than %u bytes",
					WEIR_REASON_MAX);
		return -EINVAL;
	}
	p->text = nla_strdup(a, GFP_KERNEL_ACCOUNT);
	if (!p->text)
		return -ENOMEM;
	for (c = p->text; *c; c++)
		if ((u8)*c < ' ' || *c == 0x7f)
			*c = ' ';
	return 0;
}

static int read_past(struct genl_info *info, struct past *p)
{
	*p = (struct past){
		.attempts = get_u32(info, WEIR_A_MESSAGE_ATTEMPT),
		.deliveries = get_u32(info, WEIR_A_MESSAGE_DELIVERIES),
		.reason = get_u32(info, WEIR_A_MESSAGE_REASON),
	};
	return need_id(info) ?: check_past(info, p) ?: copy_text(info, p);
}

/* Takes the text over if it returns 0. */
static int set_past(struct genl_info *info, struct weir_channel *ch,
		    const struct past *p)
{
	u64 id = nla_get_u64(info->attrs[WEIR_A_MESSAGE_ID]);
	struct weir_engine *e = &ch->eng;
	struct weir_change c;
	struct weir_msg *msg;
	u32 state;
	bool done;

	msg = find_locked(&c, ch, id);
	if (!msg)
		return no_message(info, id);
	state = public_state(msg->state);
	done = !e->closed && weir_ledger_set(msg, p->attempts, p->deliveries);
	if (done && p->reason)
		weir_ledger_lay(e, msg, p->reason, p->text);
	weir_engine_finish(e, ktime_get_ns());
	unlock_found(&c);
	return done ? 0 : wrong_state(info, id, state);
}

int weir_nl_message_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct weir_channel *ch;
	struct past p = {};
	int err;

	ch = weir_netlink_find(info, WEIR_A_MESSAGE_CHANNEL, 0);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	err = weir_netlink_may_change(skb, info, ch, "changing a message") ?:
	      read_past(info, &p);
	err = err ?: set_past(info, ch, &p);
	if (err)
		kfree(p.text);
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
	msg = find_locked(&c, ch, ev->seq);
	if (msg) {
		if (msg->state == WEIR_MSG_DEAD)
			copy_info(&i, ch, msg);
		unlock_found(&c);
	}
	weir_netlink_notify(WEIR_CMD_MESSAGE_DEAD_NTF, MESSAGE_SIZE,
			    fill_message, &i);
	free_info(&i);
}
