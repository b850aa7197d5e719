/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_KFUNC_H
#define _WEIR_KFUNC_H

#include <linux/types.h>

int weir_kfunc_init(void);

struct bpf_iter_weir_worker;
struct weir_policy_ctx;

/* kfunc-policy.c */
int bpf_weir_worker_load(struct weir_policy_ctx *ctx, u32 worker);
int bpf_weir_worker_cpu_use(struct weir_policy_ctx *ctx, u32 worker);
int bpf_weir_worker_held(struct weir_policy_ctx *ctx, u32 worker);
int bpf_weir_worker_queue(struct weir_policy_ctx *ctx, u32 worker);
int bpf_weir_worker_room(struct weir_policy_ctx *ctx, u32 worker);
int bpf_weir_worker_cpu(struct weir_policy_ctx *ctx, u32 worker);
int bpf_weir_worker_node(struct weir_policy_ctx *ctx, u32 worker);
int bpf_weir_ready(struct weir_policy_ctx *ctx, u32 prio);
int bpf_weir_delayed(struct weir_policy_ctx *ctx, u32 prio);
int bpf_weir_msg_payload(struct weir_policy_ctx *ctx, u32 off, void *buf,
			 u32 buf__sz);
int bpf_weir_msg_earliest(struct weir_policy_ctx *ctx);
int bpf_iter_weir_worker_new(struct bpf_iter_weir_worker *it,
			     struct weir_policy_ctx *ctx);
u32 *bpf_iter_weir_worker_next(struct bpf_iter_weir_worker *it);
void bpf_iter_weir_worker_destroy(struct bpf_iter_weir_worker *it);

/* kfunc-sched.c */
u32 bpf_weir_rank(u64 mm);

#endif /* _WEIR_KFUNC_H */
