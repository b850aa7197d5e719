/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PRODUCE_H
#define PRODUCE_H

/* What the programs of produce.bpf.c send. */
struct event {
	__u64 nr;	/* counts from 0 */
	__u64 from;	/* enum event_from */
};

enum event_from {
	FROM_SYSCALL = 1,
	FROM_RAW_TP,
	FROM_TP_BTF,
	FROM_TRACEPOINT,
	FROM_KPROBE,
	FROM_FENTRY,
	FROM_PERF,
	FROM_XDP,
	FROM_TC,
	FROM_LOCKED,
	FROM_NR,
};

/* What send() and hold() are asked for. */
struct order {
	__u32 nr;	/* records */
	__u32 size;	/* bytes to reserve */
	__u32 len;	/* bytes to commit, if any */
	__u32 discard;
	__u64 key;
	__u32 prio;
	__u32 mtype;
	__s32 label;	/* out: what the last bpf_weir_label() said */
	__s32 commit;	/* out: likewise */
	__u64 user;	/* what hold() reads */
};

#endif /* PRODUCE_H */
