// SPDX-License-Identifier: GPL-2.0-only
/* Refused by the verifier: it asks for more of a message than it has room for. */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops/select")
int BPF_PROG(select, struct weir_policy_ctx *about)
{
	char room[16];

	return bpf_weir_msg_payload(about, 0, room, sizeof(room) + 1);
}

SEC(".struct_ops.link")
struct weir_policy_ops beyond = {
	.name = "beyond",
	.select = (void *)select,
};
