/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_KFUNC_H
#define _WEIR_KFUNC_H

#include <linux/types.h>

int weir_kfunc_init(void);

/* kfunc-sched.c */
u32 bpf_weir_rank(u64 mm);

#endif /* _WEIR_KFUNC_H */
