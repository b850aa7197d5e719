/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/weir.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_WEIR_GEN_H
#define _LINUX_WEIR_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/weir_netlink.h>

/* Common nested types */
extern const struct nla_policy weir_pool_class_nl_policy[WEIR_A_POOL_CLASS_PAD + 1];

int weir_nl_message_get_start(struct netlink_callback *cb);
int weir_nl_stats_start(struct netlink_callback *cb);

int weir_nl_channel_get_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_channel_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb);
int weir_nl_channel_new_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_channel_set_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_channel_del_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_channel_purge_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_pool_get_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_pool_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int weir_nl_client_get_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_client_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int weir_nl_client_kick_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_message_get_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_message_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb);
int weir_nl_message_release_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_message_requeue_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_message_kill_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_stats_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int weir_nl_policy_get_doit(struct sk_buff *skb, struct genl_info *info);
int weir_nl_policy_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int weir_nl_message_set_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	WEIR_NLGRP_EVENTS,
};

extern struct genl_family weir_nl_family;

#endif /* _LINUX_WEIR_GEN_H */
