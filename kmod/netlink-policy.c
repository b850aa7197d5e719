// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policies over netlink.
 */
#include "netlink.h"

#include "policy.h"

#define POLICY_SIZE	2048	/* bytes of attributes, without channels' names */
#define NAMES_MAX	64	/* channels that are named */

static int put_u64(struct sk_buff *skb, u16 attr, u64 val)
{
	return nla_put_u64_64bit(skb, attr, val, WEIR_A_POLICY_PAD);
}

static u64 average(const struct weir_policy_stats *s)
{
	return s->calls ? div64_u64(s->ns, s->calls) : 0;
}

static bool uses(struct weir_channel *ch, const char *policy)
{
	guard(spinlock_bh)(&ch->eng.lock);
	return !strcmp(weir_policy_name(ch), policy);
}

/* All that use it are counted, and those named that the reader may open. */
static int put_channels(struct sk_buff *skb, const char *policy)
{
	struct weir_channel *ch;
	u32 id = 0, n = 0, named = 0;
	int err = 0;

	while (!err && (ch = weir_channel_next(id))) {
		if (IS_ERR(ch))
			return PTR_ERR(ch);
		id = ch->id + 1;
		if (uses(ch, policy)) {
			n++;
			if (weir_channel_may(ch, MAY_READ | MAY_WRITE) &&
			    named++ < NAMES_MAX)
				err = nla_put_string(skb, WEIR_A_POLICY_CHANNEL,
						     ch->name);
		}
		weir_channel_put(ch);
	}
	return err ?: nla_put_u32(skb, WEIR_A_POLICY_CHANNELS, n);
}

static int put_stats(struct sk_buff *skb, const struct weir_policy_stats *s)
{
	return put_u64(skb, WEIR_A_POLICY_CALLS, s->calls) ?:
	       put_u64(skb, WEIR_A_POLICY_ERRORS, s->errors) ?:
	       put_u64(skb, WEIR_A_POLICY_TIME, s->ns) ?:
	       put_u64(skb, WEIR_A_POLICY_TIME_AVERAGE, average(s)) ?:
	       put_u64(skb, WEIR_A_POLICY_TIME_HIGHEST, s->max);
}

static int put_end(struct sk_buff *skb, const struct weir_policy_end *end)
{
	const struct weir_policy_stats *s = &end->stats;

	if (!end->reason)
		return 0;
	return nla_put_u32(skb, WEIR_A_POLICY_EXIT_REASON, end->reason) ?:
	       nla_put_string(skb, WEIR_A_POLICY_EXIT_CHANNEL, end->channel) ?:
	       put_u64(skb, WEIR_A_POLICY_EXIT_AGE,
		       weir_elapsed(end->at, ktime_get_ns())) ?:
	       put_u64(skb, WEIR_A_POLICY_EXIT_CALLS, s->calls) ?:
	       put_u64(skb, WEIR_A_POLICY_EXIT_ERRORS, s->errors) ?:
	       put_u64(skb, WEIR_A_POLICY_EXIT_AVERAGE, average(s)) ?:
	       put_u64(skb, WEIR_A_POLICY_EXIT_HIGHEST, s->max);
}

static int put_policy(struct sk_buff *skb, const struct weir_policy_info *i)
{
	int err;

	err = nla_put_string(skb, WEIR_A_POLICY_NAME, i->name) ?:
	      nla_put_u32(skb, WEIR_A_POLICY_KIND, i->kind);
	if (!err && i->kind != WEIR_POLICY_KIND_BUILTIN)
		err = put_stats(skb, &i->stats) ?:
		      nla_put_u32(skb, WEIR_A_POLICY_EXITS, i->exits) ?:
		      put_end(skb, &i->last);
	return err;
}

static int fill_policy(struct sk_buff *skb, void *arg)
{
	struct weir_policy_info *i = arg;
	int err = put_policy(skb, i) ?: put_channels(skb, i->name);

	return err && err != -EINTR ? -EMSGSIZE : err;
}

/* Without the channels: it is made while these are being changed. */
static int fill_eject(struct sk_buff *skb, void *arg)
{
	return put_policy(skb, arg) ? -EMSGSIZE : 0;
}

/**
 * weir_netlink_policy - notify of a policy that a channel uses no longer
 * @info: of the policy
 */
void weir_netlink_policy(struct weir_policy_info *info)
{
	weir_netlink_notify(WEIR_CMD_POLICY_EJECT_NTF, POLICY_SIZE, fill_eject,
			    info);
}

static int find_policy(const char *name, struct weir_policy_info *i)
{
	u32 n = 0;
	int err;

	while (!(err = weir_policy_nth(n++, i)))
		if (!strcmp(i->name, name))
			return 0;
	return err;
}

int weir_nl_policy_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *a = info->attrs[WEIR_A_POLICY_NAME];
	struct weir_policy_info i;
	int err;

	if (!a) {
		GENL_SET_ERR_MSG(info, "no policy is named");
		return -EINVAL;
	}
	err = find_policy(nla_data(a), &i);
	if (err == -ENOENT)
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, a, "no policy \"%s\"",
					(char *)nla_data(a));
	return err ?: weir_netlink_reply(info, POLICY_SIZE + NAMES_MAX * 64,
					 fill_policy, &i);
}

int weir_nl_policy_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct weir_policy_info i;
	int err;

	while (!(err = weir_policy_nth(cb->args[0], &i))) {
		err = weir_netlink_put_one(skb, cb, WEIR_CMD_POLICY_GET,
					   fill_policy, &i);
		if (err)
			break;
		cb->args[0]++;
	}
	if (err == -EINTR)
		return err;
	return skb->len ?: err == -ENOENT ? 0 : err;
}
