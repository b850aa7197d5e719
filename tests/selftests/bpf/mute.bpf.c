// SPDX-License-Identifier: GPL-2.0-only
/* Refused: it does not choose. */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops/tick")
void BPF_PROG(tick, struct weir_policy_ctx *about)
{
}

SEC(".struct_ops.link")
struct weir_policy_ops mute = {
	.name = "mute",
	.tick = (void *)tick,
};
