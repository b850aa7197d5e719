// SPDX-License-Identifier: GPL-2.0-only
/* Refused: its name has no end. */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops/select")
int BPF_PROG(select, struct weir_policy_ctx *about)
{
	return NOT_MINE;
}

SEC(".struct_ops.link")
struct weir_policy_ops longname = {
	.name = { "0123456789abcdef" },
	.select = (void *)select,
};
