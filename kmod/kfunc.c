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

BTF_KFUNCS_START(struct_ops_ids)
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
