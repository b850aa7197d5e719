// SPDX-License-Identifier: GPL-2.0-only
/* Refused: a flag that the module does not know. */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops/select")
int BPF_PROG(select, struct weir_policy_ctx *about)
{
	return NOT_MINE;
}

SEC(".struct_ops.link")
struct weir_policy_ops flags = {
	.name = "flags",
	.flags = 1U << 31,
	.select = (void *)select,
};
