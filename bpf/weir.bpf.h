/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every BPF program of weir includes: the types of kernel and module, and
 * the functions that the module has for policies. These are told in
 * kmod/kfunc-policy.c, the callbacks in kmod/core/policy.h.
 */
#ifndef WEIR_BPF_H
#define WEIR_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define ENOMEM	12

/* select: whomever least-loaded would take */
#define NOT_MINE	(-1)

/* A worker, in thousandths or as a number; negative if there is no such. */
extern int bpf_weir_worker_load(struct weir_policy_ctx *ctx, u32 worker) __ksym;
extern int bpf_weir_worker_cpu_use(struct weir_policy_ctx *ctx, u32 worker) __ksym;
extern int bpf_weir_worker_held(struct weir_policy_ctx *ctx, u32 worker) __ksym;
extern int bpf_weir_worker_queue(struct weir_policy_ctx *ctx, u32 worker) __ksym;
extern int bpf_weir_worker_room(struct weir_policy_ctx *ctx, u32 worker) __ksym;
extern int bpf_weir_worker_cpu(struct weir_policy_ctx *ctx, u32 worker) __ksym;
extern int bpf_weir_worker_node(struct weir_policy_ctx *ctx, u32 worker) __ksym;

/* All of the channel's workers: bpf_for_each(weir_worker, id, ctx). */
extern int bpf_iter_weir_worker_new(struct bpf_iter_weir_worker *it,
				    struct weir_policy_ctx *ctx) __ksym;
extern u32 *bpf_iter_weir_worker_next(struct bpf_iter_weir_worker *it) __ksym;
extern void bpf_iter_weir_worker_destroy(struct bpf_iter_weir_worker *it) __ksym;

/* Messages of a priority. */
extern int bpf_weir_ready(struct weir_policy_ctx *ctx, u32 prio) __ksym;
extern int bpf_weir_delayed(struct weir_policy_ctx *ctx, u32 prio) __ksym;

/* The message that the callback is about. */
extern int bpf_weir_msg_payload(struct weir_policy_ctx *ctx, u32 off, void *buf,
				u32 buf__sz) __ksym;
extern int bpf_weir_msg_earliest(struct weir_policy_ctx *ctx) __ksym;

#endif
