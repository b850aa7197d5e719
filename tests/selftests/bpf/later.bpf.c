// SPDX-License-Identifier: GPL-2.0-only
/* Refused: a callback that the module does not have. */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops/select")
int BPF_PROG(select, struct weir_policy_ctx *about)
{
	return NOT_MINE;
}

SEC("struct_ops/guess")
int BPF_PROG(guess, struct weir_policy_ctx *about)
{
	return NOT_MINE;
}

struct weir_policy_ops___later {
	char name[16];
	int (*select)(struct weir_policy_ctx *ctx);
	int (*guess)(struct weir_policy_ctx *ctx);
};

SEC(".struct_ops.link")
struct weir_policy_ops___later later = {
	.name = "later",
	.select = (void *)select,
	.guess = (void *)guess,
};
