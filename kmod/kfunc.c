// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which functions of the module BPF programs may call. The kernel takes one
 * set from a module for each type of program, so all of a type are here, and
 * what they do is in the files beside this one.
 */
#include "kfunc.h"

#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/module.h>

#include "compat.h"

BTF_KFUNCS_START(struct_ops_ids)
#ifdef WEIR_BPF	/* kfunc-policy.c */
BTF_ID_FLAGS(func, bpf_weir_worker_load, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_weir_worker_cpu_use, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_weir_worker_held, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_weir_worker_queue, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_weir_worker_room, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_weir_worker_cpu, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_weir_worker_node, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_weir_ready, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_weir_delayed, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_weir_msg_payload, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_weir_msg_earliest, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_iter_weir_worker_new, KF_ITER_NEW | KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_iter_weir_worker_next, KF_ITER_NEXT | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_iter_weir_worker_destroy, KF_ITER_DESTROY)
#endif
BTF_ID_FLAGS(func, bpf_weir_rank)
BTF_KFUNCS_END(struct_ops_ids)

static const struct btf_kfunc_id_set struct_ops_set = {
	.owner = THIS_MODULE,
	.set = &struct_ops_ids,
};

/**
 * weir_kfunc_init - let BPF programs call
 *
 * The kernel forgets the sets with the module, which programs that call any of
 * them hold. Return: 0, also where the kernel knows no BPF; or an errno.
 */
int weir_kfunc_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS,
					 &struct_ops_set);
}
