// SPDX-License-Identifier: GPL-2.0-only
/* Refused by the verifier: it changes what it is told. */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops/select")
int BPF_PROG(select, struct weir_policy_ctx *about)
{
	about->key = 1;
	return NOT_MINE;
}

SEC(".struct_ops.link")
struct weir_policy_ops changes = {
	.name = "changes",
	.select = (void *)select,
};
