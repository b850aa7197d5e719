// SPDX-License-Identifier: GPL-2.0-only
/*
 * route: by the first bytes of a message.
 *
 * Decides: which worker gets it. The map `routes` has prefixes, of which the
 * longest that fits names the worker; weirctl client show tells their ids. The
 * key is the prefix's length in bits and its bytes. To send what begins with
 * "GET" to worker 7:
 *
 *	bpftool map update name routes value 7 0 0 0 key \
 *		24 0 0 0  71 69 84 0  0 0 0 0  0 0 0 0  0 0 0 0
 *
 * What fits no prefix, or whose worker is gone or has no room, goes to whomever
 * least-loaded takes: it is not worth holding up the others.
 *
 * A bad idea where a prefix is to be with its worker and never elsewhere (a
 * channel for each does that), and with senders who are not trusted: without
 * `zerocopy off` they may change what was looked at.
 */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define PREFIX_MAX	16	/* bytes */
#define ROUTES		1024

struct route_prefix {
	u32 bits;
	u8 bytes[PREFIX_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ROUTES);
	__type(key, struct route_prefix);
	__type(value, u32);
} routes SEC(".maps");

SEC("struct_ops/select")
int BPF_PROG(select, struct weir_policy_ctx *about)
{
	struct route_prefix p = {};
	int n = bpf_weir_msg_payload(about, 0, p.bytes, sizeof(p.bytes));
	const u32 *worker;

	if (n <= 0)
		return NOT_MINE;
	p.bits = n * 8;
	worker = bpf_map_lookup_elem(&routes, &p);
	if (!worker || bpf_weir_worker_room(about, *worker) <= 0)
		return NOT_MINE;
	return *worker;
}

/* The next message may begin otherwise, and is asked about by itself. */
SEC(".struct_ops.link")
struct weir_policy_ops route = {
	.name = "route",
	.flags = WEIR_POLICY_PER_MESSAGE,
	.select = (void *)select,
};
