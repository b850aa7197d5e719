// SPDX-License-Identifier: GPL-2.0-only
/*
 * What BPF programs that schedule processors may ask.
 */
#include "kfunc.h"

#include <linux/btf.h>
#include <linux/sched.h>

#include "holder.h"

__bpf_kfunc_start_defs();

/**
 * bpf_weir_task_rank - how urgently does a task have to run?
 * @p: the task
 *
 * Return: 0 if its process neither holds nor could take a message of any
 * channel; else the higher the more urgent, see weir_rank().
 * Context: any, a run queue's lock included. Takes no lock and wakes nobody.
 */
__bpf_kfunc u32 bpf_weir_task_rank(struct task_struct *p)
{
	const struct mm_struct *mm = READ_ONCE(p->mm);

	/* A kernel thread may borrow an address space. */
	if (!mm || p->flags & PF_KTHREAD)
		return 0;
	guard(rcu)();
	return weir_holder_rank(mm);
}

__bpf_kfunc_end_defs();
