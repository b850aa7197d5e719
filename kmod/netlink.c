// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink family: what its objects share. Each object has a file
 * netlink-OBJECT.c with one fill function for do, dump and notification.
 */
#include "netlink.h"

#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>

#include "compat.h"

/**
 * weir_netlink_find - the channel a request names
 * @info: request
 * @attr: where its name is
 * @mask: right to the device file that is needed: MAY_READ, MAY_WRITE, both
 *	for either, or 0 for none
 *
 * Return: the channel with a reference; -EINVAL no name, -ENODEV, -EACCES,
 * each with an extack message.
 */
struct weir_channel *weir_netlink_find(struct genl_info *info, u16 attr,
				       int mask)
{
	struct weir_channel *ch;
	const char *name;

	if (!info->attrs[attr]) {
		GENL_SET_ERR_MSG(info, "no channel is named");
		return ERR_PTR(-EINVAL);
	}
	name = nla_data(info->attrs[attr]);
	ch = weir_channel_find(name);
	if (IS_ERR(ch)) {
		if (ch == ERR_PTR(-ENODEV))
			NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[attr],
						"no channel \"%s\"", name);
		return ch;
	}
	if (mask && !weir_channel_may(ch, mask)) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[attr],
					"no right to open channel \"%s\"",
					name);
		weir_channel_put(ch);
		return ERR_PTR(-EACCES);
	}
	return ch;
}

/**
 * weir_netlink_may_change - may the requester change a channel?
 * @skb: request
 * @info: request
 * @ch: channel, or NULL for what its owner may not do either
 * @what: is asked for, for the message
 *
 * Return: 0 or -EPERM with an extack message.
 */
int weir_netlink_may_change(struct sk_buff *skb, struct genl_info *info,
			    const struct weir_channel *ch, const char *what)
{
	if (netlink_capable(skb, CAP_NET_ADMIN))
		return 0;
	/* Both who asks and who opened the socket, as netlink_capable() does. */
	if (ch && uid_eq(current_fsuid(), ch->rights.uid) &&
	    uid_eq(sk_uid(NETLINK_CB(skb).sk), ch->rights.uid))
		return 0;
	NL_SET_ERR_MSG_FMT(info->extack, "%s needs CAP_NET_ADMIN%s", what,
			   ch ? " or to be the channel's owner" : "");
	return -EPERM;
}

/**
 * weir_netlink_reply - answer a request
 * @info: request
 * @size: bytes of attributes
 * @fill: puts them
 * @arg: for it
 *
 * Return: 0 or a negative errno.
 */
int weir_netlink_reply(struct genl_info *info, size_t size,
		       int (*fill)(struct sk_buff *skb, void *arg), void *arg)
{
	struct sk_buff *skb = genlmsg_new(size, GFP_KERNEL);
	void *hdr;
	int err;

	if (!skb)
		return -ENOMEM;
	hdr = genlmsg_iput(skb, info);
	err = hdr ? fill(skb, arg) : -EMSGSIZE;
	if (err) {
		nlmsg_free(skb);
		return err;
	}
	genlmsg_end(skb, hdr);
	return genlmsg_reply(skb, info);
}

/**
 * weir_netlink_put_one - one object of a dump
 * @skb: reply
 * @cb: dump
 * @cmd: command of the reply
 * @fill: puts the attributes
 * @arg: for it
 *
 * Return: 0, or -EMSGSIZE and nothing put.
 */
int weir_netlink_put_one(struct sk_buff *skb, struct netlink_callback *cb,
			 u8 cmd, int (*fill)(struct sk_buff *skb, void *arg),
			 void *arg)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
				cb->nlh->nlmsg_seq, &weir_nl_family,
				NLM_F_MULTI, cmd);
	int err = hdr ? fill(skb, arg) : -EMSGSIZE;

	if (!err)
		genlmsg_end(skb, hdr);
	else if (hdr)
		genlmsg_cancel(skb, hdr);
	return err;
}

/**
 * weir_netlink_dump - dump one object of each channel the reader may open
 * @skb: reply
 * @cb: dump; its first word is the id to go on from
 * @cmd: command of the reply
 * @fill: puts the attributes; its argument is the channel
 *
 * Return: as a dump function.
 */
int weir_netlink_dump(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		      int (*fill)(struct sk_buff *skb, void *arg))
{
	struct weir_channel *ch;
	int err = 0;

	while (!err && (ch = weir_channel_next(cb->args[0]))) {
		if (IS_ERR(ch))
			return PTR_ERR(ch);
		if (weir_channel_may(ch, MAY_READ | MAY_WRITE))
			err = weir_netlink_put_one(skb, cb, cmd, fill, ch);
		if (!err)
			cb->args[0] = ch->id + 1;
		weir_channel_put(ch);
	}
	return skb->len ?: err;
}

/**
 * weir_netlink_heard - does anybody listen to the events group?
 */
bool weir_netlink_heard(void)
{
	return genl_has_listeners(&weir_nl_family, &init_net,
				  WEIR_NLGRP_EVENTS);
}

/**
 * weir_netlink_notify - tell the listeners of the events group
 * @cmd: notification
 * @size: bytes of attributes
 * @fill: puts them
 * @arg: for it
 *
 * Context: may sleep.
 */
void weir_netlink_notify(u8 cmd, size_t size,
			 int (*fill)(struct sk_buff *skb, void *arg), void *arg)
{
	struct sk_buff *skb;
	void *hdr;

	if (!weir_netlink_heard())
		return;
	skb = genlmsg_new(size, GFP_KERNEL);
	if (!skb)
		return;
	hdr = genlmsg_put(skb, 0, 0, &weir_nl_family, 0, cmd);
	if (!hdr || fill(skb, arg)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast(&weir_nl_family, skb, 0, WEIR_NLGRP_EVENTS,
			  GFP_KERNEL);
}

/**
 * weir_netlink_pid - a process's number as the calling process sees it
 * @pid: of the process's leader
 *
 * Return: 0 if it cannot be seen. Notifications, which are made by whoever
 * causes them, carry the number of the initial namespace instead.
 */
u32 weir_netlink_pid(struct pid *pid)
{
	return pid_nr_ns(pid, current->mm ? task_active_pid_ns(current) :
			 &init_pid_ns);
}

/**
 * weir_netlink_comm - a process's name
 * @pid: of its leader
 * @name: gets it, empty if the process is gone
 */
void weir_netlink_comm(struct pid *pid, char name[TASK_COMM_LEN])
{
	struct task_struct *t = get_pid_task(pid, PIDTYPE_TGID);
	char comm[TASK_COMM_LEN] = "";

	if (t) {
		get_task_comm(comm, t);
		put_task_struct(t);
	}
	strscpy(name, comm, TASK_COMM_LEN);
}

/*
 * Events tell of all channels, also of those that a listener may not open. The
 * generator of the family's tables has no word for that, so these stand in.
 */
static const struct genl_multicast_group groups[] = {
	[WEIR_NLGRP_EVENTS] = {
		.name = WEIR_MCGRP_EVENTS,
		.flags = GENL_MCAST_CAP_NET_ADMIN,
	},
};

/**
 * weir_netlink_init - at module load
 *
 * Return: 0 or a negative errno.
 */
int __init weir_netlink_init(void)
{
	weir_nl_family.mcgrps = groups;
	return genl_register_family(&weir_nl_family);
}

/**
 * weir_netlink_exit - at module exit
 */
void weir_netlink_exit(void)
{
	genl_unregister_family(&weir_nl_family);
}
