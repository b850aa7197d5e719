// SPDX-License-Identifier: GPL-2.0-only
/* Refused: congestion control is something else. */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("struct_ops/ssthresh")
u32 BPF_PROG(ssthresh, struct sock *sk)
{
	return 2;
}

SEC("struct_ops/undo")
u32 BPF_PROG(undo, struct sock *sk)
{
	return 2;
}

SEC("struct_ops/avoid")
void BPF_PROG(avoid, struct sock *sk, u32 ack, u32 acked)
{
}

SEC(".struct_ops.link")
struct tcp_congestion_ops other = {
	.ssthresh = (void *)ssthresh,
	.undo_cwnd = (void *)undo,
	.cong_avoid = (void *)avoid,
	.name = "other",
};
