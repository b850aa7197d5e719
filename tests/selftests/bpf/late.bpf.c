// SPDX-License-Identifier: GPL-2.0-only
/* Refused by the verifier: it looks at a worker after it has let go of all. */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops/select")
int BPF_PROG(select, struct weir_policy_ctx *about)
{
	struct bpf_iter_weir_worker it;
	u32 *worker;

	bpf_iter_weir_worker_new(&it, about);
	worker = bpf_iter_weir_worker_next(&it);
	bpf_iter_weir_worker_destroy(&it);
	return worker ? *worker : NOT_MINE;
}

SEC(".struct_ops.link")
struct weir_policy_ops late = {
	.name = "late",
	.select = (void *)select,
};
