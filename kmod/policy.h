/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_POLICY_H
#define _WEIR_POLICY_H

#include "channel.h"

struct weir_policy;

/**
 * struct weir_policy_end - how a channel stopped using a policy
 * @reason: enum weir_policy_exit; 0 none ever did.
 * @at: ns.
 */
struct weir_policy_end {
	char channel[WEIR_NAME_MAX + 1];
	u32 reason;
	u64 at;
	struct weir_policy_stats stats;
};

/**
 * struct weir_policy_info - a policy at one moment
 * @kind: enum weir_policy_kind.
 * @builtin: enum weir_policy_id, if it is one.
 * @exits: how often a channel had to stop using it. @last: the last time.
 */
struct weir_policy_info {
	char name[WEIR_POLICY_NAME_MAX + 1];
	u32 kind;
	u32 builtin;
	u32 exits;
	struct weir_policy_end last;
	struct weir_policy_stats stats;
};

/* policy.c */
void weir_policies_exit(void);
const char *weir_policy_name(const struct weir_channel *ch);
int weir_policy_builtin(const char *name);
bool weir_policy_loaded(const char *name);
int weir_policy_use(struct weir_channel *ch, const char *name);
void weir_policy_review(struct weir_channel *ch);
void weir_policy_drop(struct weir_channel *ch);
int weir_policy_nth(u32 n, struct weir_policy_info *info);
const char *weir_policy_bad_name(const char *name);
int weir_policy_register(const struct weir_policy_ops *ops);
void weir_policy_unregister(const struct weir_policy_ops *ops);

/* policy-bpf.c: where the kernel has what it takes. */
#ifdef WEIR_BPF	/* from Kbuild */
int weir_policy_bpf_init(void);
#else
static inline int weir_policy_bpf_init(void)
{
	return -EOPNOTSUPP;
}
#endif

#endif /* _WEIR_POLICY_H */
