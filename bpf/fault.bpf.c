// SPDX-License-Identifier: GPL-2.0-only
/*
 * fault: answers wrongly, slowly or without a system, as it is told. For tests of
 * the module, which has to get along with it: never a good idea elsewhere.
 *
 * Decides: badly, about everything, by the mode in the map `fault_mode`.
 */
#include "weir.bpf.h"

char LICENSE[] SEC("license") = "GPL";

enum fault_mode {
	FAULT_NONE,	/* as least-loaded */
	FAULT_NOBODY,	/* select: a worker that never was */
	FAULT_GONE,	/* select: the last one that left */
	FAULT_FULL,	/* select: always the same one, room or not */
	FAULT_SLOW,	/* select: takes its time */
	FAULT_ERRATIC,	/* select, batch, admit: any number */
	FAULT_BATCH,	/* batch: a negative number */
	FAULT_GREEDY,	/* batch: far more than there is */
	FAULT_ADMIT,	/* admit: a positive number */
	FAULT_INIT,	/* init: no */
	FAULT_MODES,
};

#define TURNS	(1 << 16)	/* of a slow answer */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} fault_mode SEC(".maps");

/* Workers that came and that left, the last of each; of any channel. */
u32 came, left;
u64 turns;

static u32 mode(void)
{
	const u32 first = 0, *m = bpf_map_lookup_elem(&fault_mode, &first);

	return m ? *m : FAULT_NONE;
}

static int any(void)
{
	return bpf_get_prandom_u32();
}

static long turn(u64 nr, void *arg)
{
	turns += nr;
	return 0;
}

SEC("struct_ops/init")
int BPF_PROG(init, struct weir_policy_ctx *about)
{
	return mode() == FAULT_INIT ? -ENOMEM : 0;
}

SEC("struct_ops/admit")
int BPF_PROG(admit, struct weir_policy_ctx *about)
{
	switch (mode()) {
	case FAULT_ERRATIC:
		return any() & 0xffff;
	case FAULT_ADMIT:
		return 1;
	default:
		return 0;
	}
}

SEC("struct_ops/select")
int BPF_PROG(select, struct weir_policy_ctx *about)
{
	switch (mode()) {
	case FAULT_NOBODY:
		return 0x7fffffff;
	case FAULT_GONE:
		return left;
	case FAULT_FULL:
		return came;
	case FAULT_SLOW:
		bpf_loop(TURNS, turn, NULL, 0);
		return NOT_MINE;
	case FAULT_ERRATIC:
		return any();
	default:
		return NOT_MINE;
	}
}

SEC("struct_ops/batch")
int BPF_PROG(batch, struct weir_policy_ctx *about)
{
	switch (mode()) {
	case FAULT_BATCH:
		return -1;
	case FAULT_GREEDY:
		return 0x7fffffff;
	case FAULT_ERRATIC:
		return any();
	default:
		return 0;
	}
}

SEC("struct_ops/resize")
void BPF_PROG(resize, struct weir_policy_ctx *about)
{
	if (about->nr)
		came = about->worker;
	else
		left = about->worker;
}

SEC(".struct_ops.link")
struct weir_policy_ops fault = {
	.name = "fault",
	.init = (void *)init,
	.admit = (void *)admit,
	.select = (void *)select,
	.batch = (void *)batch,
	.resize = (void *)resize,
};
