// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels over netlink.
 */
#include "netlink.h"

#include <linux/memcontrol.h>
#include <linux/sizes.h>

#include "cgroup.h"
#include "client.h"
#include "feed.h"
#include "policy.h"

#define CHANNEL_SIZE	4096	/* bytes of attributes, more than ever put */

/* A numeric attribute: where it goes and what it may be. */
struct field {
	const char *name;
	u16 attr;
	u16 offset;
	u16 size;
	bool fixed;	/* when the channel is created */
	u64 min;
	u64 max;
	u64 preset;
};

#define FIELD(str, id, member, lo, hi, dflt, ...) {			\
	.name = str,							\
	.attr = WEIR_A_CHANNEL_##id,					\
	.offset = offsetof(struct weir_config, member),			\
	.size = sizeof_field(struct weir_config, member),		\
	.min = lo, .max = hi, .preset = dflt,				\
	__VA_ARGS__							\
}

static const struct field fields[] = {
	FIELD("messages", MESSAGES, messages, 1, 1 << 24, 65536),
	FIELD("memory-min", MEMORY_MIN, memory_min, 0, SZ_16G, SZ_1M,
	      .fixed = true),
	FIELD("memory-max", MEMORY_MAX, memory_max, SZ_64K, SZ_16G, SZ_64M),
	FIELD("message-max", MESSAGE_MAX, message_max, 1,
	      WEIR_MESSAGE_MAX, SZ_1M),
	FIELD("clients-max", CLIENTS_MAX, clients_max, 1, 1024, 1024),
	FIELD("client-memory", CLIENT_MEMORY, client_memory, 0, SZ_16G, 0),
	FIELD("uid-memory", UID_MEMORY, uid_memory, 0, SZ_16G, 0),
	FIELD("sender-max", SENDER_MAX, sender_max, 1, 100, 100),
	FIELD("pool-interval", POOL_INTERVAL, pool_interval, 10, 60000, 100),
	FIELD("pool-high", POOL_HIGH, pool_high, 1, 1000, 800),
	FIELD("pool-grow", POOL_GROW, pool_grow, 0, 1000, 250),
	FIELD("pool-low", POOL_LOW, pool_low, 0, 999, 250),
	FIELD("pool-shrink", POOL_SHRINK, pool_shrink, 0, 1000, 125),
	FIELD("overflow", OVERFLOW, overflow, 0, WEIR_OVERFLOW_DROP_OLD,
	      WEIR_OVERFLOW_BLOCK),
	FIELD("inflight", INFLIGHT, inflight, 0, WEIR_INFLIGHT_MAX, 0),
	FIELD("batch", BATCH, batch, 0, 1024, 64),
	FIELD("batch-min", BATCH_MIN, batch_min, 1, 1024, 1),
	FIELD("batch-max", BATCH_MAX, batch_max, 1, 1024, 256),
	FIELD("batch-bytes", BATCH_BYTES, batch_bytes, 0, U64_MAX, 0),
	FIELD("batch-cost", BATCH_COST, batch_cost, 0, U64_MAX, 0),
	FIELD("linger", LINGER, linger, 0, NSEC_PER_SEC, 0),
	FIELD("priorities", PRIORITIES, priorities, 1, 8, 1, .fixed = true),
	FIELD("priority-burst", PRIORITY_BURST, priority_burst, 1, 65535, 64),
	FIELD("delivery", DELIVERY, delivery, 0, WEIR_DELIVERY_FANOUT,
	      WEIR_DELIVERY_QUEUE, .fixed = true),
	FIELD("weight-load", WEIGHT_LOAD, weight_load, 0, 1000, 700),
	FIELD("weight-queue", WEIGHT_QUEUE, weight_queue, 0, 1000, 300),
	FIELD("load-interval", LOAD_INTERVAL, load_interval, 10, 10000, 100),
	FIELD("max-attempts", MAX_ATTEMPTS, max_attempts, 1, 65535, 5),
	FIELD("backoff-min", BACKOFF_MIN, backoff_min, 0, 86400000, 100),
	FIELD("backoff-max", BACKOFF_MAX, backoff_max, 0, 86400000, 30000),
	FIELD("dead-max", DEAD_MAX, dead_max, 0, 1 << 24, 10000),
	FIELD("redeliver-max", REDELIVER_MAX, redeliver_max, 1, 65535, 1000),
	FIELD("zerocopy", ZEROCOPY, zerocopy, 0, 1, 1),
	FIELD("ttl", TTL, ttl, 0, 7 * 86400 * NSEC_PER_SEC, 0),
	FIELD("ack-timeout", ACK_TIMEOUT, ack_timeout, 0,
	      7 * 86400 * NSEC_PER_SEC, 0),
	FIELD("spin", SPIN, spin, 0, 1000000, 20000),
	FIELD("policy-errors", POLICY_ERRORS, policy_errors, 1, 1000000, 64),
	FIELD("policy-budget", POLICY_BUDGET, policy_budget, 1, NSEC_PER_SEC,
	      100000),
	FIELD("state", STATE, state, 0, WEIR_CHANNEL_STATE_DRAINING,
	      WEIR_CHANNEL_STATE_RUNNING),
	FIELD("feed", FEED, feed, 0, WEIR_FEED_MAX, 0),
	FIELD("feed-size", FEED_SIZE, feed_size, 1, WEIR_FEED_SIZE_MAX, 256),
};

static u64 get_field(const struct weir_config *cfg, const struct field *f)
{
	const void *p = (const char *)cfg + f->offset;

	return f->size == 8 ? *(const u64 *)p : *(const u32 *)p;
}

static void set_field(struct weir_config *cfg, const struct field *f, u64 val)
{
	void *p = (char *)cfg + f->offset;

	if (f->size == 8)
		*(u64 *)p = val;
	else
		*(u32 *)p = val;
}

static const struct field *find_field(u16 attr)
{
	const struct field *f = fields;

	while (f->attr != attr)
		f++;
	return f;
}

static void preset(struct weir_config *cfg)
{
	u32 i;

	memset(cfg, 0, sizeof(*cfg));
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		set_field(cfg, &fields[i], fields[i].preset);
	cfg->policy = WEIR_POLICY_LEAST_LOADED;
}

static int parse_field(struct genl_info *info, struct weir_config *cfg,
		       const struct field *f)
{
	struct nlattr *a = info->attrs[f->attr];
	u64 val;

	if (!a)
		return 0;
	val = f->size == 8 ? nla_get_u64(a) : nla_get_u32(a);
	if (val < f->min || val > f->max) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, a,
					"%s %llu is out of range %llu..%llu",
					f->name, val, f->min, f->max);
		return -EINVAL;
	}
	set_field(cfg, f, val);
	return 0;
}

/* Where a loaded policy decides the engine's own is what stands in for it. */
static int parse_policy(struct genl_info *info, struct weir_config *cfg)
{
	struct nlattr *a = info->attrs[WEIR_A_CHANNEL_POLICY];
	int i;

	if (!a)
		return 0;
	i = weir_policy_builtin(nla_data(a));
	if (i < 0 && !weir_policy_loaded(nla_data(a))) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, a, "no policy \"%s\"",
					(char *)nla_data(a));
		return -EINVAL;
	}
	cfg->policy = i < 0 ? WEIR_POLICY_LEAST_LOADED : i;
	return 0;
}

/* The loaded policy that is asked for, or NULL. */
static const char *named_policy(struct genl_info *info)
{
	struct nlattr *a = info->attrs[WEIR_A_CHANNEL_POLICY];

	return a && weir_policy_builtin(nla_data(a)) < 0 ? nla_data(a) : NULL;
}

static void explain_policy(struct genl_info *info, int err)
{
	struct nlattr *a = info->attrs[WEIR_A_CHANNEL_POLICY];

	NL_SET_ERR_MSG_ATTR_FMT(info->extack, a,
				"policy \"%s\" refuses this channel: error %d",
				(char *)nla_data(a), -err);
}

static int use_policy(struct genl_info *info, struct weir_channel *ch)
{
	const char *name = named_policy(info);
	int err;

	if (!info->attrs[WEIR_A_CHANNEL_POLICY])
		return 0;
	if (!name) {
		weir_policy_drop(ch);
		return 0;
	}
	err = weir_policy_use(ch, name);
	if (err)
		explain_policy(info, err);
	return err;
}

/* The first of the two that was given is at fault. */
static void blame(struct genl_info *info, u16 first, u16 second)
{
	struct nlattr *a = info->attrs[first] ?: info->attrs[second];

	if (a)
		NL_SET_BAD_ATTR(info->extack, a);
}

/* Two that do not go together. */
static int refuse(struct genl_info *info, const struct weir_config *cfg,
		  u16 attr, u16 other)
{
	const struct field *a = find_field(attr), *b = find_field(other);

	NL_SET_ERR_MSG_FMT(info->extack, "%s %llu contradicts %s %llu",
			   a->name, get_field(cfg, a), b->name,
			   get_field(cfg, b));
	blame(info, attr, other);
	return -EINVAL;
}

/* A limit on memory must allow for one message, or none could be sent. */
static int check_memory(struct genl_info *info, const struct weir_config *cfg,
			u16 attr, u64 block)
{
	const struct field *f = find_field(attr);
	u64 val = get_field(cfg, f);

	if (!val || val >= block)
		return 0;
	NL_SET_ERR_MSG_FMT(info->extack,
			   "%s %llu cannot hold a message of %u; it needs %llu",
			   f->name, val, cfg->message_max, block);
	blame(info, attr, WEIR_A_CHANNEL_MESSAGE_MAX);
	return -EINVAL;
}

static int check_share(struct genl_info *info, const struct weir_config *cfg,
		       u64 block)
{
	if (div_u64(cfg->memory_max * cfg->sender_max, 100) >= block)
		return 0;
	NL_SET_ERR_MSG_FMT(info->extack,
			   "sender-max %u%% of memory-max %llu cannot hold a message of %u",
			   cfg->sender_max, cfg->memory_max, cfg->message_max);
	blame(info, WEIR_A_CHANNEL_SENDER_MAX,
	      info->attrs[WEIR_A_CHANNEL_MEMORY_MAX] ?
	      WEIR_A_CHANNEL_MEMORY_MAX : WEIR_A_CHANNEL_MESSAGE_MAX);
	return -EINVAL;
}

static int check_memories(struct genl_info *info, const struct weir_config *cfg)
{
	u64 block = weir_block_size(weir_class_for(cfg->message_max));

	return check_memory(info, cfg, WEIR_A_CHANNEL_MEMORY_MAX, block) ?:
	       check_memory(info, cfg, WEIR_A_CHANNEL_CLIENT_MEMORY, block) ?:
	       check_memory(info, cfg, WEIR_A_CHANNEL_UID_MEMORY, block) ?:
	       check_share(info, cfg, block);
}

/* The class of exactly this size, or WEIR_NR_CLASSES. */
static u32 class_of_size(u32 size)
{
	u32 cls = 0;

	while (cls < WEIR_NR_CLASSES && weir_class_size(cls) != size)
		cls++;
	return cls;
}

static int parse_prefill_class(struct genl_info *info, struct nlattr *a,
			       struct weir_config *cfg)
{
	struct nlattr *tb[WEIR_A_POOL_CLASS_BUFFERS + 1];
	u32 cls;
	u64 nr;
	int err;

	err = nla_parse_nested(tb, WEIR_A_POOL_CLASS_BUFFERS, a,
			       weir_pool_class_nl_policy, info->extack);
	if (err)
		return err;
	if (!tb[WEIR_A_POOL_CLASS_SIZE] || !tb[WEIR_A_POOL_CLASS_BUFFERS]) {
		NL_SET_ERR_MSG_ATTR(info->extack, a,
				    "prefill needs size and buffers");
		return -EINVAL;
	}
	cls = class_of_size(nla_get_u32(tb[WEIR_A_POOL_CLASS_SIZE]));
	if (cls == WEIR_NR_CLASSES) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, a,
					"prefill: no buffers have size %u",
					nla_get_u32(tb[WEIR_A_POOL_CLASS_SIZE]));
		return -EINVAL;
	}
	nr = nla_get_u64(tb[WEIR_A_POOL_CLASS_BUFFERS]);
	if (nr > SZ_64M) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, a,
					"prefill %llu is out of range 0..%u",
					nr, SZ_64M);
		return -EINVAL;
	}
	if (cfg->prefill[cls]) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, a,
					"prefill: size %u is given twice",
					weir_class_size(cls));
		return -EINVAL;
	}
	cfg->prefill[cls] = nr;
	return 0;
}

static int parse_prefill(struct genl_info *info, struct weir_config *cfg)
{
	struct nlattr *first = info->attrs[WEIR_A_CHANNEL_PREFILL], *a;
	int rem, err = 0;

	if (!first)
		return 0;
	memset(cfg->prefill, 0, sizeof(cfg->prefill));
	nlmsg_for_each_attr_type(a, WEIR_A_CHANNEL_PREFILL, info->nlhdr,
				 GENL_HDRLEN, rem)
		err = err ?: parse_prefill_class(info, a, cfg);
	return err;
}

static int check_prefill(struct genl_info *info, const struct weir_config *cfg)
{
	u64 prefill = weir_pool_prefill(cfg);

	if (prefill > cfg->memory_max) {
		NL_SET_ERR_MSG_FMT(info->extack,
				   "prefill takes %llu bytes of blocks, memory-max is %llu",
				   prefill, cfg->memory_max);
		if (info->attrs[WEIR_A_CHANNEL_PREFILL])
			NL_SET_BAD_ATTR(info->extack,
					info->attrs[WEIR_A_CHANNEL_PREFILL]);
		return -EINVAL;
	}
	return 0;
}

/* The memory that is set aside, in whole blocks. */
static int check_feed(struct genl_info *info, const struct weir_config *cfg)
{
	u32 cls = weir_class_for(cfg->feed_size);
	u64 bytes = DIV_ROUND_UP(cfg->feed, weir_block_bufs(cls)) *
		    weir_block_size(cls);

	if (!cfg->feed)
		return 0;
	if (cfg->feed_size > cfg->message_max)
		return refuse(info, cfg, WEIR_A_CHANNEL_FEED_SIZE,
			      WEIR_A_CHANNEL_MESSAGE_MAX);
	if (bytes <= cfg->memory_max)
		return 0;
	NL_SET_ERR_MSG_FMT(info->extack,
			   "feed %u of feed-size %u takes %llu bytes, memory-max is %llu",
			   cfg->feed, cfg->feed_size, bytes, cfg->memory_max);
	blame(info, WEIR_A_CHANNEL_FEED, WEIR_A_CHANNEL_FEED_SIZE);
	return -EINVAL;
}

static void explain_feed(struct genl_info *info, const struct weir_config *cfg,
			 int err)
{
	if (err != -ENOMEM && err != -ENOBUFS)
		return;
	NL_SET_ERR_MSG_FMT(info->extack,
			   "feed %u of feed-size %u cannot be had: no memory%s",
			   cfg->feed, cfg->feed_size, err == -ENOBUFS ?
			   " left of memory-max" : "");
	blame(info, WEIR_A_CHANNEL_FEED, WEIR_A_CHANNEL_FEED_SIZE);
}

/* Who does not answer a fan-out in time holds up nobody else. */
static int check_ack_timeout(struct genl_info *info,
			     const struct weir_config *cfg)
{
	if (!cfg->ack_timeout)
		return 0;
	if (cfg->delivery == WEIR_DELIVERY_FANOUT) {
		GENL_SET_ERR_MSG(info, "ack-timeout contradicts delivery fanout");
		blame(info, WEIR_A_CHANNEL_ACK_TIMEOUT, WEIR_A_CHANNEL_DELIVERY);
		return -EINVAL;
	}
	if (cfg->ack_timeout >= NSEC_PER_MSEC)
		return 0;
	NL_SET_ERR_MSG_ATTR_FMT(info->extack,
				info->attrs[WEIR_A_CHANNEL_ACK_TIMEOUT],
				"ack-timeout %llu is neither 0 nor at least 1000000",
				cfg->ack_timeout);
	return -EINVAL;
}

static int check_limits(struct genl_info *info, const struct weir_config *cfg)
{
	if (cfg->memory_min > cfg->memory_max)
		return refuse(info, cfg, WEIR_A_CHANNEL_MEMORY_MIN,
			      WEIR_A_CHANNEL_MEMORY_MAX);
	if (cfg->backoff_min > cfg->backoff_max)
		return refuse(info, cfg, WEIR_A_CHANNEL_BACKOFF_MIN,
			      WEIR_A_CHANNEL_BACKOFF_MAX);
	if (cfg->batch_min > cfg->batch_max)
		return refuse(info, cfg, WEIR_A_CHANNEL_BATCH_MIN,
			      WEIR_A_CHANNEL_BATCH_MAX);
	if (cfg->pool_low >= cfg->pool_high)
		return refuse(info, cfg, WEIR_A_CHANNEL_POOL_LOW,
			      WEIR_A_CHANNEL_POOL_HIGH);
	return check_memories(info, cfg) ?: check_prefill(info, cfg) ?:
	       check_feed(info, cfg) ?: check_ack_timeout(info, cfg);
}

static int parse_config(struct genl_info *info, struct weir_config *cfg)
{
	int err = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(fields) && !err; i++)
		err = parse_field(info, cfg, &fields[i]);
	err = err ?: parse_prefill(info, cfg);
	err = err ?: parse_policy(info, cfg);
	return err ?: check_limits(info, cfg);
}

static int parse_rights(struct genl_info *info, struct weir_rights *rights)
{
	struct nlattr *uid = info->attrs[WEIR_A_CHANNEL_UID];
	struct nlattr *gid = info->attrs[WEIR_A_CHANNEL_GID];
	struct nlattr *perm = info->attrs[WEIR_A_CHANNEL_PERM];

	if (uid)
		rights->uid = make_kuid(current_user_ns(), nla_get_u32(uid));
	if (gid)
		rights->gid = make_kgid(current_user_ns(), nla_get_u32(gid));
	if (perm)
		rights->mode = nla_get_u32(perm);
	if (!uid_valid(rights->uid)) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, uid, "no user %u",
					nla_get_u32(uid));
		return -EINVAL;
	}
	if (!gid_valid(rights->gid)) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, gid, "no group %u",
					nla_get_u32(gid));
		return -EINVAL;
	}
	if (perm && nla_get_u32(perm) > 0777) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, perm,
					"perm %#o is out of range 0..0777",
					nla_get_u32(perm));
		return -EINVAL;
	}
	return 0;
}

static int check_name(struct genl_info *info)
{
	struct nlattr *a = info->attrs[WEIR_A_CHANNEL_NAME];
	const char *bad;

	if (!a) {
		GENL_SET_ERR_MSG(info, "no channel is named");
		return -EINVAL;
	}
	bad = weir_channel_bad_name(nla_data(a));
	if (!bad)
		return 0;
	NL_SET_ERR_MSG_ATTR_FMT(info->extack, a, "name \"%s\" %s",
				(char *)nla_data(a), bad);
	return -EINVAL;
}

static void explain_cgroup(struct genl_info *info, int err)
{
	struct nlattr *a = info->attrs[WEIR_A_CHANNEL_MEMORY_CGROUP];
	const char *path = nla_data(a);

	if (err == -ENOENT || err == -ENOTDIR)
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, a,
					"memory-cgroup: no cgroup \"%.40s\"", path);
	else if (err == -EOPNOTSUPP)
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, a,
					"memory-cgroup \"%.40s\" has no memory controller",
					path);
}

static const char *named_cgroup(struct genl_info *info)
{
	struct nlattr *a = info->attrs[WEIR_A_CHANNEL_MEMORY_CGROUP];

	return a ? nla_data(a) : NULL;
}

/* Only whether it is there. */
static int check_cgroup(struct genl_info *info)
{
	struct mem_cgroup *memcg;

	if (!named_cgroup(info))
		return 0;
	memcg = weir_cgroup_get(named_cgroup(info));
	if (IS_ERR(memcg)) {
		explain_cgroup(info, PTR_ERR(memcg));
		return PTR_ERR(memcg);
	}
	mem_cgroup_put(memcg);
	return 0;
}

static void explain_create(struct genl_info *info, int err, const char *name,
			   const struct weir_config *cfg)
{
	if (err == -EEXIST)
		NL_SET_ERR_MSG_ATTR_FMT(info->extack,
					info->attrs[WEIR_A_CHANNEL_NAME],
					"channel \"%s\" exists already", name);
	else if (err == -ENOMEM && !cfg->feed)
		NL_SET_ERR_MSG_FMT(info->extack,
				   "memory-min %llu cannot be had",
				   cfg->memory_min);
	else if (err == -ENOMEM || err == -ENOBUFS)
		NL_SET_ERR_MSG_FMT(info->extack,
				   "memory-min %llu and feed %u of %u bytes cannot be had",
				   cfg->memory_min, cfg->feed, cfg->feed_size);
	else if (err == -ENOSPC)
		GENL_SET_ERR_MSG(info, "too many channels");
	else if (named_policy(info))
		explain_policy(info, err);
	else if (info->attrs[WEIR_A_CHANNEL_MEMORY_CGROUP])
		explain_cgroup(info, err);
}

static int check_new(struct genl_info *info, struct weir_rights *rights,
		     struct weir_config *cfg)
{
	const char *name;
	struct weir_channel *ch;
	int err;

	preset(cfg);
	rights->uid = current_fsuid();
	rights->gid = GLOBAL_ROOT_GID;
	rights->mode = 0660;
	err = check_name(info);
	err = err ?: parse_config(info, cfg);
	err = err ?: parse_rights(info, rights);
	err = err ?: check_cgroup(info);
	if (err || !info->attrs[WEIR_A_CHANNEL_DRY_RUN])
		return err;
	name = nla_data(info->attrs[WEIR_A_CHANNEL_NAME]);
	ch = weir_channel_find(name);
	if (IS_ERR(ch))
		return ch == ERR_PTR(-ENODEV) ? 0 : PTR_ERR(ch);
	weir_channel_put(ch);
	explain_create(info, -EEXIST, name, cfg);
	return -EEXIST;
}

int weir_nl_channel_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct weir_rights rights;
	struct weir_config cfg;
	struct weir_channel *ch;
	const char *name;
	int err;

	err = weir_netlink_may_change(skb, info, NULL, "creating a channel");
	err = err ?: check_new(info, &rights, &cfg);
	if (err || info->attrs[WEIR_A_CHANNEL_DRY_RUN])
		return err;
	name = nla_data(info->attrs[WEIR_A_CHANNEL_NAME]);
	ch = weir_channel_create(name, &rights, &cfg, named_policy(info),
				 named_cgroup(info));
	if (IS_ERR(ch)) {
		explain_create(info, PTR_ERR(ch), name, &cfg);
		return PTR_ERR(ch);
	}
	weir_netlink_channel(ch, WEIR_CMD_CHANNEL_ADD_NTF);
	weir_channel_put(ch);
	return 0;
}

/*
 * What the owner may not change without CAP_NET_ADMIN: who may use the channel,
 * BPF programs included;
 * what it takes of the host's memory and, by spinning, of its processors; and
 * the shares by which users are kept from each other.
 */
static bool beyond_owner(struct genl_info *info)
{
	static const u16 attrs[] = {
		WEIR_A_CHANNEL_UID, WEIR_A_CHANNEL_GID, WEIR_A_CHANNEL_PERM,
		WEIR_A_CHANNEL_MESSAGES, WEIR_A_CHANNEL_MEMORY_MAX,
		WEIR_A_CHANNEL_DEAD_MAX, WEIR_A_CHANNEL_CLIENTS_MAX,
		WEIR_A_CHANNEL_CLIENT_MEMORY, WEIR_A_CHANNEL_UID_MEMORY,
		WEIR_A_CHANNEL_SENDER_MAX, WEIR_A_CHANNEL_SPIN,
		WEIR_A_CHANNEL_FEED, WEIR_A_CHANNEL_FEED_SIZE,
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(attrs); i++)
		if (info->attrs[attrs[i]])
			return true;
	return false;
}

/* What is fixed may be given, if it is what there is. */
static int check_fixed(struct genl_info *info, const struct weir_config *old,
		       const struct weir_config *cfg)
{
	const struct field *f;
	u64 val;

	for (f = fields; f < fields + ARRAY_SIZE(fields); f++) {
		val = get_field(cfg, f);
		if (!f->fixed || val == get_field(old, f))
			continue;
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[f->attr],
					"%s %llu cannot be changed", f->name,
					val);
		return -EBUSY;
	}
	return 0;
}

static int check_constant(struct genl_info *info, struct weir_channel *ch,
			  const struct weir_config *cfg)
{
	const char *path = named_cgroup(info);

	if (memcmp(cfg->prefill, ch->eng.cfg.prefill, sizeof(cfg->prefill))) {
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[WEIR_A_CHANNEL_PREFILL],
				    "prefill cannot be changed");
		return -EBUSY;
	}
	if (path && (!ch->pool.cgroup || strcmp(path, ch->pool.cgroup))) {
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[WEIR_A_CHANNEL_MEMORY_CGROUP],
				    "memory-cgroup cannot be changed");
		return -EBUSY;
	}
	return 0;
}

static int set_channel(struct genl_info *info, struct weir_channel *ch)
{
	struct weir_config cfg = ch->eng.cfg;
	struct weir_rights rights = ch->rights;
	int err;

	err = parse_config(info, &cfg);
	err = err ?: parse_rights(info, &rights);
	err = err ?: check_fixed(info, &ch->eng.cfg, &cfg);
	err = err ?: check_constant(info, ch, &cfg);
	if (err || info->attrs[WEIR_A_CHANNEL_DRY_RUN])
		return err;
	err = weir_feed_configure(ch, cfg.feed, cfg.feed_size);
	if (err) {
		explain_feed(info, &cfg, err);
		return err;
	}
	err = use_policy(info, ch);
	err = err ?: weir_channel_set_rights(ch, &rights);
	if (err)
		return err;
	weir_channel_configure(ch, &cfg);
	weir_netlink_channel(ch, WEIR_CMD_CHANNEL_SET_NTF);
	return 0;
}

int weir_nl_channel_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	static DEFINE_MUTEX(lock);	/* read, change, write back */
	struct weir_channel *ch;
	int err;

	ch = weir_netlink_find(info, WEIR_A_CHANNEL_NAME, 0);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	err = weir_netlink_may_change(skb, info,
				      beyond_owner(info) ? NULL : ch,
				      "changing this");
	if (!err && mutex_lock_killable(&lock))
		err = -EINTR;
	if (!err) {
		err = set_channel(info, ch);
		mutex_unlock(&lock);
	}
	weir_channel_put(ch);
	return err;
}

static void explain_busy(struct genl_info *info, struct weir_channel *ch)
{
	struct weir_engine *e = &ch->eng;
	u64 ready, inflight, dead;
	u32 clients;

	spin_lock_bh(&e->lock);
	ready = weir_lane_ready(&e->lane) + e->lane.nr_delayed;
	inflight = e->nr_inflight;
	dead = e->nr_dead;
	clients = list_count_nodes(&e->peers);
	spin_unlock_bh(&e->lock);
	NL_SET_ERR_MSG_FMT(info->extack,
			   "%llu ready, %llu inflight, %llu dead messages, %u clients",
			   ready, inflight, dead, clients);
}

int weir_nl_channel_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct weir_channel *ch;
	int err;

	ch = weir_netlink_find(info, WEIR_A_CHANNEL_NAME, 0);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	err = weir_netlink_may_change(skb, info, ch, "deleting a channel");
	if (!err) {
		err = weir_channel_delete(ch,
					  info->attrs[WEIR_A_CHANNEL_FORCE]);
		if (err == -EBUSY)
			explain_busy(info, ch);
	}
	weir_channel_put(ch);
	return err;
}

struct purged {
	struct weir_channel *ch;
	u64 count;
};

static int fill_purged(struct sk_buff *skb, void *arg)
{
	struct purged *p = arg;

	if (nla_put_string(skb, WEIR_A_CHANNEL_NAME, p->ch->name) ||
	    nla_put_u64_64bit(skb, WEIR_A_CHANNEL_COUNT, p->count,
			      WEIR_A_CHANNEL_PAD))
		return -EMSGSIZE;
	return 0;
}

static int purge(struct genl_info *info, struct purged *p)
{
	struct nlattr *a = info->attrs[WEIR_A_CHANNEL_PURGE];
	u32 state = a ? nla_get_u32(a) : 0;

	if (a && state != WEIR_MESSAGE_STATE_READY &&
	    state != WEIR_MESSAGE_STATE_DEAD) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, a,
					"messages of state %u cannot be purged",
					state);
		return -EINVAL;
	}
	if (state != WEIR_MESSAGE_STATE_DEAD)
		p->count += weir_channel_purge(p->ch, WEIR_MESSAGE_STATE_READY);
	if (state != WEIR_MESSAGE_STATE_READY)
		p->count += weir_channel_purge(p->ch, WEIR_MESSAGE_STATE_DEAD);
	return weir_netlink_reply(info, CHANNEL_SIZE, fill_purged, p);
}

int weir_nl_channel_purge_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct purged p = {};
	int err;

	p.ch = weir_netlink_find(info, WEIR_A_CHANNEL_NAME, 0);
	if (IS_ERR(p.ch))
		return PTR_ERR(p.ch);
	err = weir_netlink_may_change(skb, info, p.ch, "purging a channel");
	err = err ?: purge(info, &p);
	weir_channel_put(p.ch);
	return err;
}

/* What the engine says at one moment. */
struct snapshot {
	struct weir_config cfg;
	char policy[WEIR_POLICY_NAME_MAX + 1];
	u32 workers, busy, senders;
	u64 ready, delayed, inflight, dead;
	u64 oldest_ready, oldest_held, oldest_id;
	u32 oldest_attempt;
	struct pid *pid;	/* with a reference */
};

/* Oldest message of a peer's; few hold many, and this is for people. */
static void look_for_oldest(struct snapshot *s, struct weir_peer *p)
{
	struct weir_client *c = container_of(p, struct weir_client, ep.peer);
	struct weir_msg *msg;
	u32 i, left = p->tags.used;

	for (i = 0; i < p->tags.nr && left; i++) {
		msg = p->tags.tag[i].msg;
		if (!msg)
			continue;
		left--;
		if (s->oldest_held && msg->t_deliver >= s->oldest_held)
			continue;
		s->oldest_held = msg->t_deliver;
		s->oldest_id = msg->seq;
		s->oldest_attempt = msg->attempts + 1;
		put_pid(s->pid);
		s->pid = p->kernel ? NULL : get_pid(c->pid);
	}
}

static void take_snapshot(struct snapshot *s, struct weir_channel *ch)
{
	struct weir_engine *e = &ch->eng;
	struct weir_msg *first;
	struct weir_peer *p;

	memset(s, 0, sizeof(*s));
	spin_lock_bh(&e->lock);
	s->cfg = e->cfg;
	strscpy(s->policy, weir_policy_name(ch));
	s->workers = e->nr_workers;
	s->busy = e->nr_busy;
	s->senders = e->nr_senders;
	s->ready = weir_lane_ready(&e->lane);
	s->delayed = e->lane.nr_delayed;
	s->inflight = e->nr_inflight;
	s->dead = e->nr_dead;
	first = weir_lane_oldest(&e->lane);
	s->oldest_ready = first ? first->t_submit : 0;
	list_for_each_entry(p, &e->workers, work_link)
		look_for_oldest(s, p);
	spin_unlock_bh(&e->lock);
}

static int put_u64(struct sk_buff *skb, u16 attr, u64 val)
{
	return nla_put_u64_64bit(skb, attr, val, WEIR_A_CHANNEL_PAD);
}

static int put_prefill(struct sk_buff *skb, const struct weir_config *cfg)
{
	struct nlattr *nest;
	u32 cls;

	for (cls = 0; cls < WEIR_NR_CLASSES; cls++) {
		if (!cfg->prefill[cls])
			continue;
		nest = nla_nest_start(skb, WEIR_A_CHANNEL_PREFILL);
		if (!nest ||
		    nla_put_u32(skb, WEIR_A_POOL_CLASS_SIZE,
				weir_class_size(cls)) ||
		    nla_put_u64_64bit(skb, WEIR_A_POOL_CLASS_BUFFERS,
				      cfg->prefill[cls], WEIR_A_POOL_CLASS_PAD))
			return -EMSGSIZE;
		nla_nest_end(skb, nest);
	}
	return 0;
}

static int put_config(struct sk_buff *skb, const struct weir_channel *ch,
		      const struct snapshot *s)
{
	const struct weir_config *cfg = &s->cfg;
	struct user_namespace *ns = current_user_ns();
	int err = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(fields) && !err; i++)
		err = fields[i].size == 8 ?
		      put_u64(skb, fields[i].attr, get_field(cfg, &fields[i])) :
		      nla_put_u32(skb, fields[i].attr,
				  get_field(cfg, &fields[i]));
	err = err ?: put_prefill(skb, cfg);
	if (!err && ch->pool.cgroup)
		err = nla_put_string(skb, WEIR_A_CHANNEL_MEMORY_CGROUP,
				     ch->pool.cgroup);
	return err ?:
	       nla_put_u32(skb, WEIR_A_CHANNEL_UID,
			   from_kuid_munged(ns, ch->rights.uid)) ?:
	       nla_put_u32(skb, WEIR_A_CHANNEL_GID,
			   from_kgid_munged(ns, ch->rights.gid)) ?:
	       nla_put_u32(skb, WEIR_A_CHANNEL_PERM, ch->rights.mode) ?:
	       nla_put_string(skb, WEIR_A_CHANNEL_POLICY, s->policy);
}

static int put_oldest(struct sk_buff *skb, const struct snapshot *s, u64 now)
{
	char comm[TASK_COMM_LEN];
	int err = 0;

	if (s->oldest_ready)
		err = put_u64(skb, WEIR_A_CHANNEL_OLDEST_READY,
			      weir_elapsed(s->oldest_ready, now));
	if (err || !s->oldest_held)
		return err;
	err = put_u64(skb, WEIR_A_CHANNEL_OLDEST_INFLIGHT,
		      weir_elapsed(s->oldest_held, now)) ?:
	      put_u64(skb, WEIR_A_CHANNEL_OLDEST_ID, s->oldest_id) ?:
	      nla_put_u32(skb, WEIR_A_CHANNEL_OLDEST_ATTEMPT,
			  s->oldest_attempt);
	if (err || !s->pid)
		return err;
	weir_netlink_comm(s->pid, comm);
	return nla_put_u32(skb, WEIR_A_CHANNEL_OLDEST_PID,
			   weir_netlink_pid(s->pid)) ?:
	       nla_put_string(skb, WEIR_A_CHANNEL_OLDEST_COMM, comm);
}

static int put_now(struct sk_buff *skb, const struct snapshot *s)
{
	return nla_put_u32(skb, WEIR_A_CHANNEL_WORKERS, s->workers) ?:
	       nla_put_u32(skb, WEIR_A_CHANNEL_WORKERS_BUSY, s->busy) ?:
	       nla_put_u32(skb, WEIR_A_CHANNEL_PRODUCERS, s->senders) ?:
	       put_u64(skb, WEIR_A_CHANNEL_READY, s->ready) ?:
	       put_u64(skb, WEIR_A_CHANNEL_DELAYED, s->delayed) ?:
	       put_u64(skb, WEIR_A_CHANNEL_INFLIGHT_NOW, s->inflight) ?:
	       put_u64(skb, WEIR_A_CHANNEL_DEAD, s->dead);
}

static int put_memory(struct sk_buff *skb, struct weir_pool *pool)
{
	return put_u64(skb, WEIR_A_CHANNEL_MEMORY_USED,
		       weir_pool_used(pool)) ?:
	       put_u64(skb, WEIR_A_CHANNEL_MEMORY_POPULATED,
		       READ_ONCE(pool->populated)) ?:
	       put_u64(skb, WEIR_A_CHANNEL_MEMORY_PEAK, atomic64_read(&pool->peak));
}

static int fill_channel(struct sk_buff *skb, void *arg)
{
	struct weir_channel *ch = arg;
	u64 now = ktime_get_ns();
	struct snapshot s;
	int err;

	take_snapshot(&s, ch);
	err = nla_put_string(skb, WEIR_A_CHANNEL_NAME, ch->name) ?:
	      nla_put_u32(skb, WEIR_A_CHANNEL_ID, ch->id) ?:
	      put_config(skb, ch, &s) ?:
	      put_u64(skb, WEIR_A_CHANNEL_AGE, now - ch->t_create) ?:
	      put_now(skb, &s) ?:
	      put_oldest(skb, &s, now) ?:
	      put_memory(skb, &ch->pool);
	put_pid(s.pid);
	return err ? -EMSGSIZE : 0;
}

int weir_nl_channel_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct weir_channel *ch;
	int err;

	ch = weir_netlink_find(info, WEIR_A_CHANNEL_NAME, MAY_READ | MAY_WRITE);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	err = weir_netlink_reply(info, CHANNEL_SIZE, fill_channel, ch);
	weir_channel_put(ch);
	return err;
}

int weir_nl_channel_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb)
{
	return weir_netlink_dump(skb, cb, WEIR_CMD_CHANNEL_GET, fill_channel);
}

/**
 * weir_netlink_channel - notify of a channel
 * @ch: channel
 * @cmd: WEIR_CMD_CHANNEL_*_NTF
 */
void weir_netlink_channel(struct weir_channel *ch, u8 cmd)
{
	weir_netlink_notify(cmd, CHANNEL_SIZE, fill_channel, ch);
}
