/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_KFUNC_H
#define _WEIR_KFUNC_H

#include <linux/types.h>

struct task_struct;

int weir_kfunc_init(void);

/* kfunc-sched.c */
u32 bpf_weir_task_rank(struct task_struct *p);

#endif /* _WEIR_KFUNC_H */
