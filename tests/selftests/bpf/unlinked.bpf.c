// SPDX-License-Identifier: GPL-2.0-only
/* Refused: it cannot be linked, so nothing would end it. */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops/select")
int BPF_PROG(select, struct weir_policy_ctx *about)
{
	return NOT_MINE;
}

SEC(".struct_ops")
struct weir_policy_ops unlinked = {
	.name = "unlinked",
	.select = (void *)select,
};
