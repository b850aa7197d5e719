// SPDX-License-Identifier: GPL-2.0-only
/* Refused: it takes the name of one that is built in. */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops/select")
int BPF_PROG(select, struct weir_policy_ctx *about)
{
	return NOT_MINE;
}

SEC(".struct_ops.link")
struct weir_policy_ops builtin = {
	.name = "round-robin",
	.select = (void *)select,
};
