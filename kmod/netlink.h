/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_NETLINK_H
#define _WEIR_NETLINK_H

#include <net/genetlink.h>

#include "channel.h"
#include "netlink-gen.h"

struct weir_client;

/* netlink.c */
int weir_netlink_init(void);
void weir_netlink_exit(void);
struct weir_channel *weir_netlink_find(struct genl_info *info, u16 attr,
				       int mask);
int weir_netlink_may_change(struct sk_buff *skb, struct genl_info *info,
			    const struct weir_channel *ch, const char *what);
int weir_netlink_reply(struct genl_info *info, size_t size,
		       int (*fill)(struct sk_buff *skb, void *arg), void *arg);
int weir_netlink_put_one(struct sk_buff *skb, struct netlink_callback *cb,
			 u8 cmd, int (*fill)(struct sk_buff *skb, void *arg),
			 void *arg);
int weir_netlink_dump(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		      int (*fill)(struct sk_buff *skb, void *arg));
bool weir_netlink_heard(void);
void weir_netlink_notify(u8 cmd, size_t size,
			 int (*fill)(struct sk_buff *skb, void *arg),
			 void *arg);
u32 weir_netlink_pid(struct pid *pid);
void weir_netlink_comm(struct pid *pid, char name[TASK_COMM_LEN]);

/* netlink-channel.c */
void weir_netlink_channel(struct weir_channel *ch, u8 cmd);

/* netlink-policy.c */
struct weir_policy_info;
void weir_netlink_policy(struct weir_policy_info *info);

/* netlink-client.c */
void weir_netlink_client(struct weir_client *c, u8 cmd, bool died);

/* netlink-message.c */
int weir_netlink_no_message(struct genl_info *info, u64 id);
int weir_netlink_need_id(struct genl_info *info);
int weir_netlink_wrong_state(struct genl_info *info, u64 id, u32 state);
void weir_netlink_dead(struct weir_channel *ch, const struct weir_event *ev);

#endif /* _WEIR_NETLINK_H */
