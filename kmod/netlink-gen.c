// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/weir.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink-gen.h"

#include <uapi/linux/weir_netlink.h>

/* Integer value ranges */
static const struct netlink_range_validation weir_a_channel_overflow_range = {
	.max	= 4294967295ULL,
};

static const struct netlink_range_validation weir_a_channel_delivery_range = {
	.max	= 4294967295ULL,
};

static const struct netlink_range_validation weir_a_channel_state_range = {
	.max	= 4294967295ULL,
};

static const struct netlink_range_validation weir_a_channel_purge_range = {
	.min	= 1ULL,
	.max	= 4294967295ULL,
};

static const struct netlink_range_validation weir_a_message_state_range = {
	.min	= 1ULL,
	.max	= 4294967295ULL,
};

static const struct netlink_range_validation weir_a_message_reason_range = {
	.min	= 1ULL,
	.max	= 4294967295ULL,
};

/* Common nested types */
const struct nla_policy weir_pool_class_nl_policy[WEIR_A_POOL_CLASS_PAD + 1] = {
	[WEIR_A_POOL_CLASS_SIZE] = { .type = NLA_U32, },
	[WEIR_A_POOL_CLASS_BLOCK_SIZE] = { .type = NLA_U32, },
	[WEIR_A_POOL_CLASS_BLOCKS] = { .type = NLA_U32, },
	[WEIR_A_POOL_CLASS_BUFFERS_BUSY] = { .type = NLA_U64, },
	[WEIR_A_POOL_CLASS_BUFFERS] = { .type = NLA_U64, },
};

/* WEIR_CMD_CHANNEL_GET - do */
static const struct nla_policy weir_channel_get_nl_policy[WEIR_A_CHANNEL_NAME + 1] = {
	[WEIR_A_CHANNEL_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
};

/* WEIR_CMD_CHANNEL_NEW - do */
static const struct nla_policy weir_channel_new_nl_policy[WEIR_A_CHANNEL_ACK_TIMEOUT + 1] = {
	[WEIR_A_CHANNEL_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
	[WEIR_A_CHANNEL_UID] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_GID] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_PERM] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_MESSAGES] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_MEMORY_MIN] = { .type = NLA_U64, },
	[WEIR_A_CHANNEL_MEMORY_MAX] = { .type = NLA_U64, },
	[WEIR_A_CHANNEL_MESSAGE_MAX] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_OVERFLOW] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_channel_overflow_range),
	[WEIR_A_CHANNEL_INFLIGHT] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_BATCH] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_BATCH_MIN] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_BATCH_MAX] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_BATCH_BYTES] = { .type = NLA_U64, },
	[WEIR_A_CHANNEL_BATCH_COST] = { .type = NLA_U64, },
	[WEIR_A_CHANNEL_LINGER] = { .type = NLA_U64, },
	[WEIR_A_CHANNEL_PRIORITIES] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_PRIORITY_BURST] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_DELIVERY] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_channel_delivery_range),
	[WEIR_A_CHANNEL_POLICY] = { .type = NLA_NUL_STRING, .len = 15, },
	[WEIR_A_CHANNEL_WEIGHT_LOAD] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_WEIGHT_QUEUE] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_LOAD_INTERVAL] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_MAX_ATTEMPTS] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_BACKOFF_MIN] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_BACKOFF_MAX] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_DEAD_MAX] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_REDELIVER_MAX] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_ZEROCOPY] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_SENDER_MAX] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_TTL] = { .type = NLA_U64, },
	[WEIR_A_CHANNEL_SPIN] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_CLIENTS_MAX] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_CLIENT_MEMORY] = { .type = NLA_U64, },
	[WEIR_A_CHANNEL_UID_MEMORY] = { .type = NLA_U64, },
	[WEIR_A_CHANNEL_POOL_INTERVAL] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_POOL_HIGH] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_POOL_GROW] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_POOL_LOW] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_POOL_SHRINK] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_PREFILL] = NLA_POLICY_NESTED(weir_pool_class_nl_policy),
	[WEIR_A_CHANNEL_MEMORY_CGROUP] = { .type = NLA_NUL_STRING, .len = 255, },
	[WEIR_A_CHANNEL_STATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_channel_state_range),
	[WEIR_A_CHANNEL_DRY_RUN] = { .type = NLA_FLAG, },
	[WEIR_A_CHANNEL_POLICY_ERRORS] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_POLICY_BUDGET] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_FEED] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_FEED_SIZE] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_ACK_TIMEOUT] = { .type = NLA_U64, },
};

/* WEIR_CMD_CHANNEL_SET - do */
static const struct nla_policy weir_channel_set_nl_policy[WEIR_A_CHANNEL_ACK_TIMEOUT + 1] = {
	[WEIR_A_CHANNEL_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
	[WEIR_A_CHANNEL_UID] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_GID] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_PERM] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_MESSAGES] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_MEMORY_MIN] = { .type = NLA_U64, },
	[WEIR_A_CHANNEL_MEMORY_MAX] = { .type = NLA_U64, },
	[WEIR_A_CHANNEL_MESSAGE_MAX] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_OVERFLOW] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_channel_overflow_range),
	[WEIR_A_CHANNEL_INFLIGHT] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_BATCH] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_BATCH_MIN] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_BATCH_MAX] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_BATCH_BYTES] = { .type = NLA_U64, },
	[WEIR_A_CHANNEL_BATCH_COST] = { .type = NLA_U64, },
	[WEIR_A_CHANNEL_LINGER] = { .type = NLA_U64, },
	[WEIR_A_CHANNEL_PRIORITIES] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_PRIORITY_BURST] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_DELIVERY] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_channel_delivery_range),
	[WEIR_A_CHANNEL_POLICY] = { .type = NLA_NUL_STRING, .len = 15, },
	[WEIR_A_CHANNEL_WEIGHT_LOAD] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_WEIGHT_QUEUE] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_LOAD_INTERVAL] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_MAX_ATTEMPTS] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_BACKOFF_MIN] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_BACKOFF_MAX] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_DEAD_MAX] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_REDELIVER_MAX] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_ZEROCOPY] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_SENDER_MAX] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_TTL] = { .type = NLA_U64, },
	[WEIR_A_CHANNEL_SPIN] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_CLIENTS_MAX] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_CLIENT_MEMORY] = { .type = NLA_U64, },
	[WEIR_A_CHANNEL_UID_MEMORY] = { .type = NLA_U64, },
	[WEIR_A_CHANNEL_POOL_INTERVAL] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_POOL_HIGH] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_POOL_GROW] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_POOL_LOW] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_POOL_SHRINK] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_PREFILL] = NLA_POLICY_NESTED(weir_pool_class_nl_policy),
	[WEIR_A_CHANNEL_MEMORY_CGROUP] = { .type = NLA_NUL_STRING, .len = 255, },
	[WEIR_A_CHANNEL_STATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_channel_state_range),
	[WEIR_A_CHANNEL_DRY_RUN] = { .type = NLA_FLAG, },
	[WEIR_A_CHANNEL_POLICY_ERRORS] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_POLICY_BUDGET] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_FEED] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_FEED_SIZE] = { .type = NLA_U32, },
	[WEIR_A_CHANNEL_ACK_TIMEOUT] = { .type = NLA_U64, },
};

/* WEIR_CMD_CHANNEL_DEL - do */
static const struct nla_policy weir_channel_del_nl_policy[WEIR_A_CHANNEL_FORCE + 1] = {
	[WEIR_A_CHANNEL_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
	[WEIR_A_CHANNEL_FORCE] = { .type = NLA_FLAG, },
};

/* WEIR_CMD_CHANNEL_PURGE - do */
static const struct nla_policy weir_channel_purge_nl_policy[WEIR_A_CHANNEL_PURGE + 1] = {
	[WEIR_A_CHANNEL_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
	[WEIR_A_CHANNEL_PURGE] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_channel_purge_range),
};

/* WEIR_CMD_POOL_GET - do */
static const struct nla_policy weir_pool_get_nl_policy[WEIR_A_POOL_NAME + 1] = {
	[WEIR_A_POOL_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
};

/* WEIR_CMD_CLIENT_GET - do */
static const struct nla_policy weir_client_get_do_nl_policy[WEIR_A_CLIENT_ID + 1] = {
	[WEIR_A_CLIENT_CHANNEL] = { .type = NLA_NUL_STRING, .len = 31, },
	[WEIR_A_CLIENT_ID] = { .type = NLA_U32, },
};

/* WEIR_CMD_CLIENT_GET - dump */
static const struct nla_policy weir_client_get_dump_nl_policy[WEIR_A_CLIENT_CHANNEL + 1] = {
	[WEIR_A_CLIENT_CHANNEL] = { .type = NLA_NUL_STRING, .len = 31, },
};

/* WEIR_CMD_CLIENT_KICK - do */
static const struct nla_policy weir_client_kick_nl_policy[WEIR_A_CLIENT_PID + 1] = {
	[WEIR_A_CLIENT_CHANNEL] = { .type = NLA_NUL_STRING, .len = 31, },
	[WEIR_A_CLIENT_ID] = { .type = NLA_U32, },
	[WEIR_A_CLIENT_PID] = { .type = NLA_U32, },
};

/* WEIR_CMD_MESSAGE_GET - do */
static const struct nla_policy weir_message_get_do_nl_policy[WEIR_A_MESSAGE_OFFSET + 1] = {
	[WEIR_A_MESSAGE_CHANNEL] = { .type = NLA_NUL_STRING, .len = 31, },
	[WEIR_A_MESSAGE_ID] = { .type = NLA_U64, },
	[WEIR_A_MESSAGE_OFFSET] = { .type = NLA_U32, },
};

/* WEIR_CMD_MESSAGE_GET - dump */
static const struct nla_policy weir_message_get_dump_nl_policy[WEIR_A_MESSAGE_PAYLOAD_MAX + 1] = {
	[WEIR_A_MESSAGE_CHANNEL] = { .type = NLA_NUL_STRING, .len = 31, },
	[WEIR_A_MESSAGE_STATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_message_state_range),
	[WEIR_A_MESSAGE_OLDER] = { .type = NLA_U64, },
	[WEIR_A_MESSAGE_LIMIT] = { .type = NLA_U32, },
	[WEIR_A_MESSAGE_PAYLOAD_MAX] = { .type = NLA_U32, },
};

/* WEIR_CMD_MESSAGE_RELEASE - do */
static const struct nla_policy weir_message_release_nl_policy[WEIR_A_MESSAGE_ALL + 1] = {
	[WEIR_A_MESSAGE_CHANNEL] = { .type = NLA_NUL_STRING, .len = 31, },
	[WEIR_A_MESSAGE_ID] = { .type = NLA_U64, },
	[WEIR_A_MESSAGE_ALL] = { .type = NLA_FLAG, },
};

/* WEIR_CMD_MESSAGE_REQUEUE - do */
static const struct nla_policy weir_message_requeue_nl_policy[WEIR_A_MESSAGE_ALL + 1] = {
	[WEIR_A_MESSAGE_CHANNEL] = { .type = NLA_NUL_STRING, .len = 31, },
	[WEIR_A_MESSAGE_ID] = { .type = NLA_U64, },
	[WEIR_A_MESSAGE_ALL] = { .type = NLA_FLAG, },
};

/* WEIR_CMD_MESSAGE_KILL - do */
static const struct nla_policy weir_message_kill_nl_policy[WEIR_A_MESSAGE_ALL + 1] = {
	[WEIR_A_MESSAGE_CHANNEL] = { .type = NLA_NUL_STRING, .len = 31, },
	[WEIR_A_MESSAGE_ID] = { .type = NLA_U64, },
	[WEIR_A_MESSAGE_ALL] = { .type = NLA_FLAG, },
};

/* WEIR_CMD_STATS_GET - do */
static const struct nla_policy weir_stats_get_nl_policy[WEIR_A_STATS_CHANNEL + 1] = {
	[WEIR_A_STATS_CHANNEL] = { .type = NLA_NUL_STRING, .len = 31, },
};

/* WEIR_CMD_POLICY_GET - do */
static const struct nla_policy weir_policy_get_nl_policy[WEIR_A_POLICY_NAME + 1] = {
	[WEIR_A_POLICY_NAME] = { .type = NLA_NUL_STRING, .len = 15, },
};

/* WEIR_CMD_MESSAGE_SET - do */
static const struct nla_policy weir_message_set_nl_policy[WEIR_A_MESSAGE_REASON_TEXT + 1] = {
	[WEIR_A_MESSAGE_CHANNEL] = { .type = NLA_NUL_STRING, .len = 31, },
	[WEIR_A_MESSAGE_ID] = { .type = NLA_U64, },
	[WEIR_A_MESSAGE_ATTEMPT] = { .type = NLA_U32, },
	[WEIR_A_MESSAGE_DELIVERIES] = { .type = NLA_U32, },
	[WEIR_A_MESSAGE_REASON] = NLA_POLICY_FULL_RANGE(NLA_U32, &weir_a_message_reason_range),
	[WEIR_A_MESSAGE_REASON_TEXT] = { .type = NLA_NUL_STRING, },
};

/* Ops table for weir */
static const struct genl_split_ops weir_nl_ops[] = {
	{
		.cmd		= WEIR_CMD_CHANNEL_GET,
		.doit		= weir_nl_channel_get_doit,
		.policy		= weir_channel_get_nl_policy,
		.maxattr	= WEIR_A_CHANNEL_NAME,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= WEIR_CMD_CHANNEL_GET,
		.dumpit	= weir_nl_channel_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= WEIR_CMD_CHANNEL_NEW,
		.doit		= weir_nl_channel_new_doit,
		.policy		= weir_channel_new_nl_policy,
		.maxattr	= WEIR_A_CHANNEL_ACK_TIMEOUT,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_CHANNEL_SET,
		.doit		= weir_nl_channel_set_doit,
		.policy		= weir_channel_set_nl_policy,
		.maxattr	= WEIR_A_CHANNEL_ACK_TIMEOUT,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_CHANNEL_DEL,
		.doit		= weir_nl_channel_del_doit,
		.policy		= weir_channel_del_nl_policy,
		.maxattr	= WEIR_A_CHANNEL_FORCE,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_CHANNEL_PURGE,
		.doit		= weir_nl_channel_purge_doit,
		.policy		= weir_channel_purge_nl_policy,
		.maxattr	= WEIR_A_CHANNEL_PURGE,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_POOL_GET,
		.doit		= weir_nl_pool_get_doit,
		.policy		= weir_pool_get_nl_policy,
		.maxattr	= WEIR_A_POOL_NAME,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= WEIR_CMD_POOL_GET,
		.dumpit	= weir_nl_pool_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= WEIR_CMD_CLIENT_GET,
		.doit		= weir_nl_client_get_doit,
		.policy		= weir_client_get_do_nl_policy,
		.maxattr	= WEIR_A_CLIENT_ID,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_CLIENT_GET,
		.dumpit		= weir_nl_client_get_dumpit,
		.policy		= weir_client_get_dump_nl_policy,
		.maxattr	= WEIR_A_CLIENT_CHANNEL,
		.flags		= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= WEIR_CMD_CLIENT_KICK,
		.doit		= weir_nl_client_kick_doit,
		.policy		= weir_client_kick_nl_policy,
		.maxattr	= WEIR_A_CLIENT_PID,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_MESSAGE_GET,
		.doit		= weir_nl_message_get_doit,
		.policy		= weir_message_get_do_nl_policy,
		.maxattr	= WEIR_A_MESSAGE_OFFSET,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_MESSAGE_GET,
		.start		= weir_nl_message_get_start,
		.dumpit		= weir_nl_message_get_dumpit,
		.policy		= weir_message_get_dump_nl_policy,
		.maxattr	= WEIR_A_MESSAGE_PAYLOAD_MAX,
		.flags		= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= WEIR_CMD_MESSAGE_RELEASE,
		.doit		= weir_nl_message_release_doit,
		.policy		= weir_message_release_nl_policy,
		.maxattr	= WEIR_A_MESSAGE_ALL,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_MESSAGE_REQUEUE,
		.doit		= weir_nl_message_requeue_doit,
		.policy		= weir_message_requeue_nl_policy,
		.maxattr	= WEIR_A_MESSAGE_ALL,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_MESSAGE_KILL,
		.doit		= weir_nl_message_kill_doit,
		.policy		= weir_message_kill_nl_policy,
		.maxattr	= WEIR_A_MESSAGE_ALL,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= WEIR_CMD_STATS_GET,
		.doit		= weir_nl_stats_get_doit,
		.policy		= weir_stats_get_nl_policy,
		.maxattr	= WEIR_A_STATS_CHANNEL,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= WEIR_CMD_STATS_GET,
		.start	= weir_nl_stats_start,
		.dumpit	= weir_nl_stats_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= WEIR_CMD_POLICY_GET,
		.doit		= weir_nl_policy_get_doit,
		.policy		= weir_policy_get_nl_policy,
		.maxattr	= WEIR_A_POLICY_NAME,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= WEIR_CMD_POLICY_GET,
		.dumpit	= weir_nl_policy_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= WEIR_CMD_MESSAGE_SET,
		.doit		= weir_nl_message_set_doit,
		.policy		= weir_message_set_nl_policy,
		.maxattr	= WEIR_A_MESSAGE_REASON_TEXT,
		.flags		= GENL_CMD_CAP_DO,
	},
};

static const struct genl_multicast_group weir_nl_mcgrps[] = {
	[WEIR_NLGRP_EVENTS] = { "events", },
};

struct genl_family weir_nl_family __ro_after_init = {
	.name		= WEIR_FAMILY_NAME,
	.version	= WEIR_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.split_ops	= weir_nl_ops,
	.n_split_ops	= ARRAY_SIZE(weir_nl_ops),
	.mcgrps		= weir_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(weir_nl_mcgrps),
};
