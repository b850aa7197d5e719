// SPDX-License-Identifier: GPL-2.0-only
/* Two policies in one object. */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops/select")
int BPF_PROG(select, struct weir_policy_ctx *about)
{
	return NOT_MINE;
}

SEC(".struct_ops.link")
struct weir_policy_ops left = {
	.name = "left",
	.select = (void *)select,
};

SEC(".struct_ops.link")
struct weir_policy_ops right = {
	.name = "right",
	.select = (void *)select,
};
