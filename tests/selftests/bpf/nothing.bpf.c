// SPDX-License-Identifier: GPL-2.0-only
/* Refused: no policy in it. */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tracepoint/sched/sched_switch")
int nothing(void *ctx)
{
	return 0;
}
