// SPDX-License-Identifier: GPL-2.0-only
/* Programs of all types that may send, for the test program of that name. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "produce.h"
#include "weir_produce.h"

const volatile char channel[32];
const volatile __u32 only_pid;		/* whose events count; 0: all */
const volatile __u64 most = ~0ULL;	/* events, for those that feed themselves */

/* By enum event_from: tried, committed, without a record. */
__u64 tried[FROM_NR];
__u64 sent[FROM_NR];
__u64 lost[FROM_NR];

static bool wanted(void)
{
	return !only_pid || bpf_get_current_pid_tgid() >> 32 == only_pid;
}

static __always_inline int send_one(__u64 from)
{
	struct weir_record *rec;
	struct event *event;
	__u64 nr = __sync_fetch_and_add(&tried[from], 1);

	if (nr >= most)
		return 0;
	rec = bpf_weir_reserve((const char *)channel, sizeof(*event));
	if (!rec) {
		__sync_fetch_and_add(&lost[from], 1);
		return 0;
	}
	event = (struct event *)bpf_weir_data(rec, 0, sizeof(*event));
	if (!event) {
		bpf_weir_discard(rec);
		return 0;
	}
	event->nr = nr;
	event->from = from;
	if (!bpf_weir_commit(rec, sizeof(*event)))
		__sync_fetch_and_add(&sent[from], 1);
	return 0;
}

/* As many as are ordered, with everything as it is ordered. */
SEC("syscall")
int send(struct order *order)
{
	struct weir_record *rec;
	struct event *event;
	__u32 i;

	bpf_for(i, 0, order->nr) {
		tried[FROM_SYSCALL]++;
		rec = bpf_weir_reserve((const char *)channel, order->size);
		if (!rec) {
			lost[FROM_SYSCALL]++;
			continue;
		}
		event = (struct event *)bpf_weir_data(rec, 0, sizeof(*event));
		if (event) {
			event->nr = tried[FROM_SYSCALL] - 1;
			event->from = FROM_SYSCALL;
		}
		order->label = bpf_weir_label(rec, order->key, order->prio,
					      order->mtype);
		if (order->discard) {
			bpf_weir_discard(rec);
			continue;
		}
		order->commit = bpf_weir_commit(rec, order->len);
		sent[FROM_SYSCALL] += !order->commit;
	}
	return 0;
}

/* Has a record while it sleeps in a page fault. */
SEC("syscall")
int hold(struct order *order)
{
	struct weir_record *rec;
	__u64 word;

	rec = bpf_weir_reserve((const char *)channel, order->size);
	if (!rec)
		return 1;
	bpf_copy_from_user(&word, sizeof(word), (void *)order->user);
	if (order->discard)
		bpf_weir_discard(rec);
	else
		bpf_weir_commit(rec, order->len);
	return 0;
}

SEC("raw_tp/sys_enter")
int from_raw_tp(void *ctx)
{
	return wanted() ? send_one(FROM_RAW_TP) : 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(from_tp_btf)
{
	return send_one(FROM_TP_BTF);
}

SEC("tp/sched/sched_process_exit")
int from_tracepoint(void *ctx)
{
	return send_one(FROM_TRACEPOINT);
}

SEC("kprobe/do_exit")
int from_kprobe(void *ctx)
{
	return send_one(FROM_KPROBE);
}

SEC("fentry/do_exit")
int BPF_PROG(from_fentry)
{
	return send_one(FROM_FENTRY);
}

SEC("perf_event")
int from_perf(void *ctx)
{
	return send_one(FROM_PERF);
}

SEC("xdp")
int from_xdp(struct xdp_md *ctx)
{
	send_one(FROM_XDP);
	return XDP_PASS;
}

SEC("tc")
int from_tc(struct __sk_buff *skb)
{
	send_one(FROM_TC);
	return 0;
}

/* Under the lock of the channel that it feeds, for each message it feeds it. */
SEC("fentry/weir_engine_accept")
int BPF_PROG(from_locked)
{
	return send_one(FROM_LOCKED);
}

char LICENSE[] SEC("license") = "GPL";
