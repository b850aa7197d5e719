// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages over netlink: given the past of one that was saved.
 */
#include "netlink.h"

#include "message.h"

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
	return weir_netlink_need_id(info) ?: check_past(info, p) ?: copy_text(info, p);
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

	msg = weir_message_find(&c, ch, id);
	if (!msg)
		return weir_netlink_no_message(info, id);
	state = weir_message_state(msg->state);
	done = !e->closed && weir_ledger_set(msg, p->attempts, p->deliveries);
	if (done && p->reason)
		weir_ledger_lay(e, msg, p->reason, p->text);
	weir_engine_finish(e, ktime_get_ns());
	weir_message_unlock(&c);
	return done ? 0 : weir_netlink_wrong_state(info, id, state);
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
