/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The maps that bpf/observe.bpf.c keeps under /sys/fs/bpf/weir, for it and for
 * who reads them. Whoever includes this has the types u32 and u64, and struct
 * bpf_spin_lock.
 */
#ifndef _WEIR_OBSERVE_H
#define _WEIR_OBSERVE_H

#include <weir/counters.h>
#include <weir/hist.h>

#define WEIR_OBSERVE_CHANNELS	1024	/* most that are shown */
#define WEIR_OBSERVE_CLIENTS	16384
#define WEIR_OBSERVE_NAME	32
#define WEIR_OBSERVE_HISTS	5

/* Of the maps channels, processors and latency. */
struct weir_observe_key {
	u32 channel;
};

/* What a channel counts. */
struct weir_observe_counts {
#define X(field, attr, help) u64 field;
	WEIR_COUNTERS(X)
#undef X
	u64 enters;
	u64 wakeups;
	u64 spins;
};

/*
 * The map channels: figures as the module has them. processors has the counts
 * alone, by the processor on which they were found to have been added.
 */
struct weir_observe_channel {
	char name[WEIR_OBSERVE_NAME];
	struct weir_observe_counts counts;
	u64 ready;
	u64 delayed;
	u64 inflight;
	u64 dead;
	struct bpf_spin_lock lock;
};

/*
 * ns, but messages in that of batches. A bucket below 2^(WEIR_HIST_BITS + 1)
 * counts the value that is its number; n above it, with e = n / 8 - 1 and m = n
 * % 8, those from (8 + m) << e on.
 */
struct weir_observe_hist {
	u64 count;
	u64 sum;
	u64 max;
	u64 bucket[WEIR_HIST_BUCKETS];
};

/* The map latency; @steps: see struct weir_hist, as of the last look. */
struct weir_observe_latency {
	struct weir_observe_hist waiting;
	struct weir_observe_hist working;
	struct weir_observe_hist total;
	struct weir_observe_hist redelivery;
	struct weir_observe_hist batch;
	u32 steps[WEIR_OBSERVE_HISTS];
	struct bpf_spin_lock lock;
};

/* The map clients. */
struct weir_observe_client_key {
	u32 channel;
	u32 client;
};

struct weir_observe_client {
	u64 accepted;
	u64 refused;
	u64 delivered;
	u64 acked;
	u64 failed;
	u64 dropped;
	u32 role;
	u32 uid;
	struct bpf_spin_lock lock;
};

#endif /* _WEIR_OBSERVE_H */
