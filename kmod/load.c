// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much CPU the workers' processes use.
 */
#include "load.h"

#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "client.h"

#define THREADS_MAX	64	/* threads looked at; the rest count as idle */

/* Without the run-queue lock: a running thread's last slice may be missing. */
static u64 sum_threads(struct task_struct *leader, u32 *nr)
{
	struct task_struct *t;
	u64 sum = READ_ONCE(leader->signal->sum_sched_runtime);

	*nr = 0;
	for_each_thread(leader, t) {
		sum += READ_ONCE(t->se.sum_exec_runtime);
		if (++*nr == THREADS_MAX)
			break;
	}
	return sum;
}

static u64 cpu_time(struct pid *pid, u32 *parallel)
{
	struct task_struct *leader;
	u64 sum = 0;
	u32 nr = 0;

	*parallel = 1;
	rcu_read_lock();
	leader = pid_task(pid, PIDTYPE_TGID);
	if (leader) {
		sum = sum_threads(leader, &nr);
		*parallel = clamp_t(u32, nr, 1, leader->nr_cpus_allowed);
	}
	rcu_read_unlock();
	return sum;
}

static void measure(struct weir_client *c, u64 span)
{
	struct pid *pid = weir_client_pid(c);
	u32 parallel;
	u64 now = cpu_time(pid, &parallel);
	u64 used = c->cpu_last && now > c->cpu_last ? now - c->cpu_last : 0;
	u64 all = span * parallel;

	put_pid(pid);
	c->cpu_last = now;
	WRITE_ONCE(c->ep.peer.cpu, div64_u64(min(used, all) * 1000, all));
}

/**
 * weir_load_measure - CPU use of all workers' processes since the last call
 * @ch: channel
 * @span: ns since then, not 0
 *
 * In thousandths of what the process could have used: its threads, or the CPUs
 * it may run on if these are fewer. Context: may sleep.
 */
void weir_load_measure(struct weir_channel *ch, u64 span)
{
	struct weir_client *c;

	mutex_lock(&ch->clients_lock);
	list_for_each_entry(c, &ch->clients, link)
		if (weir_peer_works(&c->ep.peer))
			measure(c, span);
	mutex_unlock(&ch->clients_lock);
}
