// SPDX-License-Identifier: GPL-2.0-only
/*
 * ratelimit: a token bucket for each sending user.
 *
 * Decides: whether a message may enter. Each user has a bucket of `burst` tokens
 * that fills at `rate` a second, in each channel its own; a message takes one, and
 * is refused with ENOBUFS where there is none. Who gets a message is left to
 * least-loaded.
 *
 * The limits stand in a map by user id, 4294967295 for all who are not in it; who
 * has none is not limited:
 *
 *	bpftool map update name rates key 232 3 0 0 \
 *		value 100 0 0 0 0 0 0 0 10 0 0 0 0 0 0 0	uid 1000: 100/s, 10 at once
 *
 * A bad idea where senders are to wait instead of being refused (`overflow block`
 * does that), and where one user is many programs of different worth.
 */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define SECOND	1000000000ULL
#define USERS	4096	/* whose buckets are remembered; then the idle are forgotten */
#define ANYBODY	0xffffffffU

struct rate_limit {
	u64 rate;	/* tokens a second */
	u64 burst;	/* tokens at most */
};

struct rate_user {
	u32 channel;
	u32 uid;
};

/* Only ever used by one channel at a time, under the channel's lock. */
struct rate_bucket {
	u64 filled;	/* ns, when it was last filled */
	u64 tokens;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, USERS);
	__type(key, u32);
	__type(value, struct rate_limit);
} rates SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, USERS);
	__type(key, struct rate_user);
	__type(value, struct rate_bucket);
} buckets SEC(".maps");

static const struct rate_limit *limit_of(u32 uid)
{
	const u32 anybody = ANYBODY;
	const struct rate_limit *l = bpf_map_lookup_elem(&rates, &uid);

	return l ? l : bpf_map_lookup_elem(&rates, &anybody);
}

/* Whole tokens only; time that is no whole token yet stays to be filled in. */
static void fill(struct rate_bucket *b, const struct rate_limit *l, u64 now)
{
	u64 passed = now > b->filled ? now - b->filled : 0;
	u64 new;

	if (!l->rate)
		return;
	if (passed / SECOND > l->burst / l->rate) {
		b->tokens = l->burst;
		b->filled = now;
		return;
	}
	new = passed / SECOND * l->rate + passed % SECOND * l->rate / SECOND;
	b->tokens += new;
	b->filled += new * SECOND / l->rate;
	if (b->tokens > l->burst)
		b->tokens = l->burst;
}

SEC("struct_ops/admit")
int BPF_PROG(admit, struct weir_policy_ctx *about)
{
	struct rate_user who = { .channel = about->channel, .uid = about->uid };
	struct rate_bucket full = { .filled = about->now }, *b;
	const struct rate_limit *l = limit_of(who.uid);

	if (!l)
		return 0;
	b = bpf_map_lookup_elem(&buckets, &who);
	if (!b) {
		full.tokens = l->burst;
		bpf_map_update_elem(&buckets, &who, &full, BPF_ANY);
		b = bpf_map_lookup_elem(&buckets, &who);
		if (!b)
			return 0;
	}
	fill(b, l, about->now);
	if (!b->tokens)
		return -1;
	b->tokens--;
	return 0;
}

SEC("struct_ops/select")
int BPF_PROG(select, struct weir_policy_ctx *about)
{
	return NOT_MINE;
}

SEC(".struct_ops.link")
struct weir_policy_ops ratelimit = {
	.name = "ratelimit",
	.admit = (void *)admit,
	.select = (void *)select,
};
