// SPDX-License-Identifier: GPL-2.0-only
/* The same event through a channel of weir and through a BPF ring buffer. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include "weir_produce.h"
#include "feed.h"

const volatile char channel[32];

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

static void fill(struct event *e, __u64 nr)
{
	int i;

	for (i = 0; i < EVENT_WORDS; i++)
		*(volatile __u64 *)&e->word[i] = nr;
}

SEC("syscall")
int weir(struct order *order)
{
	struct weir_record *rec;
	struct event *e;
	__u64 start;
	__u32 i, done = 0;

	start = bpf_ktime_get_ns();
	bpf_for(i, 0, order->nr) {
		rec = bpf_weir_reserve((const char *)channel, sizeof(*e));
		if (!rec)
			continue;
		e = (struct event *)bpf_weir_data(rec, 0, sizeof(*e));
		if (e)
			fill(e, i);
		bpf_weir_commit(rec, sizeof(*e));
		done++;
	}
	order->ns = bpf_ktime_get_ns() - start;
	order->done = done;
	return 0;
}

SEC("syscall")
int ringbuf(struct order *order)
{
	struct event *e;
	__u64 start;
	__u32 i, done = 0;

	start = bpf_ktime_get_ns();
	bpf_for(i, 0, order->nr) {
		e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);
		if (!e)
			continue;
		fill(e, i);
		bpf_ringbuf_submit(e, 0);
		done++;
	}
	order->ns = bpf_ktime_get_ns() - start;
	order->done = done;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
