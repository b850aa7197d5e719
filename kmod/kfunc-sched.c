// SPDX-License-Identifier: GPL-2.0-only
/*
 * What BPF programs that schedule processors may ask.
 */
#include "kfunc.h"

#include <linux/btf.h>
#include <linux/rcupdate.h>

#include "holder.h"

__bpf_kfunc_start_defs();

/**
 * bpf_weir_rank - how urgently does a process have to run?
 * @mm: its address space, task_struct.mm, as a number: it is only compared
 *
 * Not the task itself: the verifier takes the kernel's task_struct and the one
 * in a module's own types for the same only where the tools that built both
 * did.
 *
 * Return: 0 if the process neither holds nor could take a message of any
 * channel; else the higher the more urgent, see weir_rank().
 * Context: any, a run queue's lock included. Takes no lock and wakes nobody.
 */
__bpf_kfunc u32 bpf_weir_rank(u64 mm)
{
	guard(rcu)();
	return weir_holder_rank((const struct mm_struct *)(unsigned long)mm);
}

__bpf_kfunc_end_defs();
