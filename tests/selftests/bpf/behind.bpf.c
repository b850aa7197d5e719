// SPDX-License-Identifier: GPL-2.0-only
/* Refused by the verifier: it reads behind what it is told. */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops/select")
int BPF_PROG(select, struct weir_policy_ctx *about)
{
	return *(volatile int *)((void *)about + sizeof(*about));
}

SEC(".struct_ops.link")
struct weir_policy_ops behind = {
	.name = "behind",
	.select = (void *)select,
};
