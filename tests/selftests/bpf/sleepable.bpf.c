// SPDX-License-Identifier: GPL-2.0-only
/* Refused: a callback that may sleep. */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops.s/select")
int BPF_PROG(select, struct weir_policy_ctx *about)
{
	return NOT_MINE;
}

SEC(".struct_ops.link")
struct weir_policy_ops sleepable = {
	.name = "sleepable",
	.select = (void *)select,
};
