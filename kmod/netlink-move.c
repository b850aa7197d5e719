// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages over netlink: moved by hand.
 */
#include "netlink.h"

#include <linux/sched/signal.h>

#include "message.h"

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

static int move_one(struct genl_info *info, struct weir_channel *ch, u64 id,
		    enum verb verb, u64 *count)
{
	struct weir_change c;
	struct weir_msg *msg;
	u32 state;

	msg = weir_message_find(&c, ch, id);
	if (!msg)
		return weir_netlink_no_message(info, id);
	state = weir_message_state(msg->state);
	*count = move(&ch->eng, msg, verb);
	weir_engine_finish(&ch->eng, ktime_get_ns());
	weir_message_unlock(&c);
	return *count ? 0 : weir_netlink_wrong_state(info, id, state);
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
	struct weir_place at = {};
	struct weir_msg *msg;

	while (!weir_place_end(&at) && !fatal_signal_pending(current)) {
		weir_channel_begin(&c, ch);
		msg = weir_place_next(e->map, &at);
		if (msg) {
			weir_engine_lock(e, &c.wake);
			if (weir_message_state(msg->state) && msg->seq <= last)
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
	return nla_put_u64_64bit(skb, WEIR_A_MESSAGE_COUNT, *(u64 *)arg,
				 WEIR_A_MESSAGE_PAD);
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
		err = weir_netlink_need_id(info);
		err = err ?: move_one(info, ch,
				nla_get_u64(info->attrs[WEIR_A_MESSAGE_ID]),
				verb, &count);
	}
	err = err ?: weir_netlink_reply(info, nla_total_size_64bit(sizeof(count)),
					fill_count, &count);
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
