// SPDX-License-Identifier: GPL-2.0-only
/*
 * deadline: earliest deadline first.
 *
 * Decides: which message goes next. Of those that may go, the one with the
 * earliest deadline goes first and alone, whatever its priority; those without
 * one follow in their usual order. To whom is left to least-loaded.
 *
 * A bad idea where most messages have no deadline, or the same one: each that
 * has one is handed out by itself, so batches are small. And where there is
 * always more work with a deadline than workers can do: all the rest starves.
 */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops/select")
int BPF_PROG(select, struct weir_policy_ctx *about)
{
	bpf_weir_msg_earliest(about);
	return NOT_MINE;
}

SEC(".struct_ops.link")
struct weir_policy_ops deadline = {
	.name = "deadline",
	.select = (void *)select,
};
