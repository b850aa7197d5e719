// SPDX-License-Identifier: GPL-2.0-only
/* Refused by the verifier: it asks about workers where there are none. */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tracepoint/sched/sched_switch")
int elsewhere(void *ctx)
{
	return bpf_weir_worker_load(ctx, 1);
}
