// SPDX-License-Identifier: GPL-2.0-only
/*
 * A CPU scheduler: processes that hold messages of a weir channel, or could
 * take some, run before all others, the more urgent the channel's priority and
 * the more messages wait the earlier. All others share what is left by weight.
 *
 * No process starves: while both want a CPU, the others get a fifth of it, and
 * among those with messages the order is that of coming, with a head start of
 * some milliseconds at most. Whatever goes wrong, the kernel's watchdog ends
 * the scheduler, and the kernel's own takes over.
 *
 * It is a bad idea on large hosts (there are two queues for all CPUs, which
 * know nothing of caches and nodes), where other things than messages are
 * urgent as well (audio, terminals: between all others there is no
 * preemption), where CPU weights and limits of cgroups count (here they do
 * not), and where workers are not trusted: who holds a message has up to four
 * fifths of the CPUs.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include <weir/scheduler.h>

/* What sched_ext calls things; its own header comes with no distribution. */
#define SCX_DSQ_LOCAL		0x8000000000000002ULL
#define SCX_ENQ_WAKEUP		1
#define SCX_ENQ_PREEMPT		(1ULL << 32)
#define SCX_TASK_QUEUED		1

#define PF_KTHREAD		0x00200000

#define QUEUE_WORK		1	/* tasks with messages, by time */
#define QUEUE_OTHERS		2	/* all others, by virtual time */

#define MSEC			1000000ULL
#define SLICE_WORK		(4 * MSEC)
#define SLICE_OTHERS		(3 * MSEC)

/*
 * So long may tasks with messages use a CPU before the others have their turn,
 * and so many times faster do the others make up for it: a fifth is theirs.
 */
#define SPAN			(4 * SLICE_OTHERS)
#define MAKES_UP		4

/* Nobody saves up more time than that, nor owes more. */
#define CREDIT_MAX		(5 * MSEC)
#define DEBT_MAX		(100 * MSEC)

#define RANK_MAX		256	/* of bpf_weir_rank() */
#define STEP			(30 * 1000ULL)	/* ns of head start per rank */

#define PROBES			16	/* CPUs looked at for one to take */

/*
 * Only what is used here, wherever it lies in the kernel that runs: the one
 * whose types this is built with may lack it.
 */
#pragma clang attribute push(__attribute__((preserve_access_index)), \
			     apply_to = record)
struct sched_ext_entity___weir {
	u32 flags;
	u32 weight;
	u64 slice;
};

struct task_struct___weir {
	struct sched_ext_entity___weir scx;
};

enum scx_exit_kind___weir {
	EXIT_NONE,
};

struct scx_exit_info___weir {
	enum scx_exit_kind___weir kind;
	s64 exit_code;
	const char *reason;
	char *msg;
};
#pragma clang attribute pop

struct scx_init_task_args___weir;

struct sched_ext_ops___weir {
	s32 (*select_cpu)(struct task_struct *p, s32 cpu, u64 flags);
	void (*enqueue)(struct task_struct *p, u64 flags);
	void (*dispatch)(s32 cpu, struct task_struct *prev);
	void (*running)(struct task_struct *p);
	void (*stopping)(struct task_struct *p, bool runnable);
	s32 (*init_task)(struct task_struct *p,
			 struct scx_init_task_args___weir *args);
	void (*enable)(struct task_struct *p);
	void (*cpu_online)(s32 cpu);
	void (*cpu_offline)(s32 cpu);
	s32 (*init)(void);
	void (*exit)(struct scx_exit_info___weir *info);
	u32 timeout_ms;
	char name[128];
};

u32 bpf_weir_rank(u64 mm) __ksym;

bool bpf_cpumask_test_cpu(u32 cpu, const struct cpumask *mask) __ksym;

s32 scx_bpf_create_dsq(u64 dsq, s32 node) __ksym;
s32 scx_bpf_select_cpu_dfl(struct task_struct *p, s32 prev, u64 flags,
			   bool *idle) __ksym;
u32 scx_bpf_nr_cpu_ids(void) __ksym;
s32 scx_bpf_task_cpu(const struct task_struct *p) __ksym;

/* Names before Linux 6.13, and after. */
void scx_bpf_dispatch(struct task_struct *p, u64 dsq, u64 slice,
		      u64 flags) __ksym __weak;
void scx_bpf_dsq_insert(struct task_struct *p, u64 dsq, u64 slice,
			u64 flags) __ksym __weak;
void scx_bpf_dispatch_vtime(struct task_struct *p, u64 dsq, u64 slice,
			    u64 vtime, u64 flags) __ksym __weak;
void scx_bpf_dsq_insert_vtime(struct task_struct *p, u64 dsq, u64 slice,
			      u64 vtime, u64 flags) __ksym __weak;
bool scx_bpf_consume(u64 dsq) __ksym __weak;
bool scx_bpf_dsq_move_to_local(u64 dsq) __ksym __weak;

/*
 * Before there was this one, the field was written; still so where the tools that
 * built the kernel left it out of its types.
 */
bool scx_bpf_task_set_slice(struct task_struct *p, u64 slice) __ksym __weak;

/*
 * What is known of a task. @vtime: what it has used, by weight. @mark: its run
 * time when it was last charged. @ranked: it had messages when it was last put
 * on a queue.
 */
struct task_state {
	u64 vtime;
	u64 mark;
	bool ranked;
};

/*
 * What is known of a CPU. @owed: ns by which tasks with messages are ahead.
 * @others: it runs a task without any, or did so when a real-time task came:
 * that may be preempted, unless it is @forced: it has waited long enough.
 */
struct cpu_state {
	u64 owed;
	bool others;
	bool forced;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
} tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct cpu_state);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct weir_scheduler_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct weir_scheduler_exit);
} last_exit SEC(".maps");

/* Of the task without messages that ran last; a hint, like each of its kind. */
static u64 vtime_now;

static const u32 zero;

static struct task_state *task_of(struct task_struct *p)
{
	return bpf_task_storage_get(&tasks, p, NULL, 0);
}

static struct cpu_state *this_cpu(void)
{
	return bpf_map_lookup_elem(&cpus, &zero);
}

#define count(field, n) do {						\
	struct weir_scheduler_counters *_c =				\
		bpf_map_lookup_elem(&counters, &zero);			\
	if (_c)								\
		_c->field += (n);					\
} while (0)

static void insert(struct task_struct *p, u64 dsq, u64 slice, u64 flags)
{
	if (bpf_ksym_exists(scx_bpf_dsq_insert))
		scx_bpf_dsq_insert(p, dsq, slice, flags);
	else
		scx_bpf_dispatch(p, dsq, slice, flags);
}

static void insert_at(struct task_struct *p, u64 dsq, u64 slice, u64 at,
		      u64 flags)
{
	if (bpf_ksym_exists(scx_bpf_dsq_insert_vtime))
		scx_bpf_dsq_insert_vtime(p, dsq, slice, at, flags);
	else
		scx_bpf_dispatch_vtime(p, dsq, slice, at, flags);
}

/* Its first task that may run here runs next. */
static bool take(u64 dsq)
{
	if (bpf_ksym_exists(scx_bpf_dsq_move_to_local))
		return scx_bpf_dsq_move_to_local(dsq);
	return scx_bpf_consume(dsq);
}

static void set_slice(struct task_struct *p, u64 slice)
{
	if (bpf_ksym_exists(scx_bpf_task_set_slice))
		scx_bpf_task_set_slice(p, slice);
	else
		((struct task_struct___weir *)p)->scx.slice = slice;
}

/* A kernel thread may borrow an address space. */
static u32 rank_of(struct task_struct *p)
{
	return p->flags & PF_KTHREAD ? 0 : bpf_weir_rank((u64)BPF_CORE_READ(p, mm));
}

static u32 weight(struct task_struct *p)
{
	u32 w = ((struct task_struct___weir *)p)->scx.weight;

	return w ? w : 1;
}

static bool before(u64 a, u64 b)
{
	return (s64)(a - b) < 0;
}

/* Does that CPU run a task that may be preempted? */
static bool may_take(s32 cpu)
{
	const struct cpu_state *c = bpf_map_lookup_percpu_elem(&cpus, &zero, cpu);

	return c && c->others && !c->forced;
}

/* The same, and nobody else is to preempt it. */
static bool take_cpu(s32 cpu)
{
	struct cpu_state *c = bpf_map_lookup_percpu_elem(&cpus, &zero, cpu);

	if (!c || !c->others || c->forced)
		return false;
	c->others = false;
	return true;
}

/* A CPU for a task with messages, none being idle. */
static s32 victim(const struct task_struct *p, s32 cpu)
{
	s32 i, next = cpu, nr = scx_bpf_nr_cpu_ids();

	if (may_take(cpu))
		return cpu;
	for (i = 0; i < PROBES && i + 1 < nr; i++) {
		next = next + 1 < nr ? next + 1 : 0;
		if (bpf_cpumask_test_cpu(next, p->cpus_ptr) && may_take(next))
			return next;
	}
	return cpu;
}

SEC("struct_ops/select_cpu")
s32 BPF_PROG(select_cpu, struct task_struct *p, s32 prev, u64 flags)
{
	bool idle = false;
	s32 cpu = scx_bpf_select_cpu_dfl(p, prev, flags, &idle);
	u32 rank = rank_of(p);
	struct task_state *t = task_of(p);

	if (!t)
		return cpu;
	if (!idle)
		return rank ? victim(p, cpu) : cpu;
	t->ranked = rank;
	insert(p, SCX_DSQ_LOCAL, rank ? SLICE_WORK : SLICE_OTHERS, 0);
	count(idle, 1);
	return cpu;
}

static void enqueue_work(struct task_struct *p, u32 rank, u64 flags)
{
	if (flags & SCX_ENQ_WAKEUP && take_cpu(scx_bpf_task_cpu(p))) {
		insert(p, SCX_DSQ_LOCAL, SLICE_WORK, flags | SCX_ENQ_PREEMPT);
		count(prioritised, 1);
		count(preempted, 1);
		return;
	}
	if (rank > RANK_MAX)
		rank = RANK_MAX;
	insert_at(p, QUEUE_WORK, SLICE_WORK,
		  bpf_ktime_get_ns() + (RANK_MAX - rank) * STEP, flags);
}

static void enqueue_other(struct task_struct *p, struct task_state *t, u64 flags)
{
	u64 now = vtime_now;

	if (before(t->vtime, now - CREDIT_MAX))
		t->vtime = now - CREDIT_MAX;
	if (before(now + DEBT_MAX, t->vtime))
		t->vtime = now + DEBT_MAX;
	insert_at(p, QUEUE_OTHERS, SLICE_OTHERS, t->vtime, flags);
}

SEC("struct_ops/enqueue")
void BPF_PROG(enqueue, struct task_struct *p, u64 flags)
{
	u32 rank = rank_of(p);
	struct task_state *t = task_of(p);

	if (t)
		t->ranked = rank;
	/* What a CPU's own kernel threads do others wait for. */
	if (!t || (p->flags & PF_KTHREAD && p->nr_cpus_allowed == 1)) {
		insert(p, SCX_DSQ_LOCAL, SLICE_OTHERS, flags);
		return;
	}
	if (rank)
		enqueue_work(p, rank, flags);
	else
		enqueue_other(p, t, flags);
}

/* What a task has used since it was last charged. */
static void charge(struct task_struct *p, struct task_state *t, struct cpu_state *c)
{
	u64 used = p->se.sum_exec_runtime - t->mark;
	u64 paid = used * MAKES_UP;

	t->mark += used;
	t->vtime += used * 100 / weight(p);
	if (t->ranked) {
		c->owed = c->owed + used < SPAN ? c->owed + used : SPAN;
		count(work_ns, used);
	} else {
		c->owed -= paid < c->owed ? paid : c->owed;
		count(others_ns, used);
	}
}

/* May the task that runs go on? Where nothing is taken the kernel leaves it. */
static bool may_stay(struct task_struct *prev)
{
	return prev &&
	       ((struct task_struct___weir *)prev)->scx.flags & SCX_TASK_QUEUED;
}

/* Does it have messages left, and time to work on them? */
static bool goes_on(struct task_struct *prev, const struct cpu_state *c)
{
	struct task_state *t;

	if (c->owed >= SPAN || !may_stay(prev))
		return false;
	t = task_of(prev);
	return t && t->ranked && rank_of(prev);
}

SEC("struct_ops/dispatch")
void BPF_PROG(dispatch, s32 cpu, struct task_struct *prev)
{
	struct cpu_state *c = this_cpu();
	struct task_state *t;

	if (!c)
		return;
	if (prev) {
		t = task_of(prev);
		if (t)
			charge(prev, t, c);
	}
	c->forced = false;
	if (c->owed >= SPAN && take(QUEUE_OTHERS)) {
		c->forced = true;
		count(forced, 1);
		count(others, 1);
	} else if (take(QUEUE_WORK)) {
		count(prioritised, 1);
	} else if (goes_on(prev, c)) {
		set_slice(prev, SLICE_WORK);
	} else if (take(QUEUE_OTHERS)) {
		count(others, 1);
	} else if (may_stay(prev)) {
		set_slice(prev, SLICE_OTHERS);
	}
}

SEC("struct_ops/running")
void BPF_PROG(running, struct task_struct *p)
{
	struct task_state *t = task_of(p);
	struct cpu_state *c = this_cpu();

	if (!t || !c)
		return;
	t->mark = p->se.sum_exec_runtime;
	c->others = !t->ranked;
	if (t->ranked)
		return;
	if (before(vtime_now, t->vtime))
		vtime_now = t->vtime;
}

SEC("struct_ops/stopping")
void BPF_PROG(stopping, struct task_struct *p, bool runnable)
{
	struct task_state *t = task_of(p);
	struct cpu_state *c = this_cpu();

	if (!t || !c)
		return;
	charge(p, t, c);
	if (runnable)
		return;	/* where it is not the next one's turn, it goes on here */
	c->others = false;
	c->forced = false;
}

SEC("struct_ops.s/init_task")
s32 BPF_PROG(init_task, struct task_struct *p,
	     struct scx_init_task_args___weir *args)
{
	return bpf_task_storage_get(&tasks, p, NULL,
				    BPF_LOCAL_STORAGE_GET_F_CREATE) ?
	       0 : -12;	/* ENOMEM */
}

SEC("struct_ops/enable")
void BPF_PROG(enable, struct task_struct *p)
{
	struct task_state *t = task_of(p);

	if (!t)
		return;
	t->vtime = vtime_now;
	t->mark = p->se.sum_exec_runtime;
}

/* Nothing is kept that depends on them; without these the kernel would end it. */
SEC("struct_ops/cpu_online")
void BPF_PROG(cpu_online, s32 cpu)
{
}

SEC("struct_ops/cpu_offline")
void BPF_PROG(cpu_offline, s32 cpu)
{
}

SEC("struct_ops.s/init")
s32 BPF_PROG(init)
{
	s32 err = scx_bpf_create_dsq(QUEUE_WORK, -1);

	return err ? err : scx_bpf_create_dsq(QUEUE_OTHERS, -1);
}

SEC("struct_ops/exit")
void BPF_PROG(ended, struct scx_exit_info___weir *info)
{
	struct weir_scheduler_exit *x = bpf_map_lookup_elem(&last_exit, &zero);

	if (!x)
		return;
	x->kind = info->kind;
	x->code = info->exit_code;
	bpf_probe_read_kernel_str(x->reason, sizeof(x->reason), info->reason);
	bpf_probe_read_kernel_str(x->message, sizeof(x->message), info->msg);
	x->time_ns = bpf_ktime_get_ns();
}

SEC(".struct_ops.link")
struct sched_ext_ops___weir weir = {
	.select_cpu = (void *)select_cpu,
	.enqueue = (void *)enqueue,
	.dispatch = (void *)dispatch,
	.running = (void *)running,
	.stopping = (void *)stopping,
	.init_task = (void *)init_task,
	.enable = (void *)enable,
	.cpu_online = (void *)cpu_online,
	.cpu_offline = (void *)cpu_offline,
	.init = (void *)init,
	.exit = (void *)ended,
	.timeout_ms = 10000,
	.name = "weir",
};

char _license[] SEC("license") = "GPL";
