// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Each exec on the host becomes a message of a channel: struct exec_event.
 *
 * What it decides: nothing. It is for workers that are to look at every program
 * that is started, where one that dies must not lose any: what it had goes to
 * another one.
 *
 * The channel is the one in @channel, "execs" unless the loader writes another
 * name there. It needs a feed:
 *
 *	weirctl channel add execs feed 256
 *	bpftool prog loadall exec_feed.bpf.o /sys/fs/bpf/exec_feed autoattach
 *
 * When it is a bad idea: for an audit that must be complete (nobody waits: when
 * processes start faster than the records come back, or the channel is full, events
 * are lost, and counted); where a worker itself starts a program for each message,
 * since that is the next event; for paths beyond 239 bytes, which are cut.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "exec_feed.h"
#include "weir_produce.h"

const volatile char channel[32] = "execs";

SEC("tp_btf/sched_process_exec")
int BPF_PROG(exec_feed, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct exec_event *event;
	struct weir_record *rec;
	long len;

	rec = bpf_weir_reserve((const char *)channel, sizeof(*event));
	if (!rec)
		return 0;
	event = (struct exec_event *)bpf_weir_data(rec, 0, sizeof(*event));
	if (!event) {
		bpf_weir_discard(rec);
		return 0;
	}
	event->ns = bpf_ktime_get_ns();
	event->pid = task->tgid;
	event->uid = bpf_get_current_uid_gid();
	len = bpf_probe_read_kernel_str(event->file, sizeof(event->file), bprm->filename);
	if (len < 1)
		bpf_weir_discard(rec);
	else
		bpf_weir_commit(rec, offsetof(struct exec_event, file) + len);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
