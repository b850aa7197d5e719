// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policies from BPF programs: struct weir_policy_ops as a type of struct_ops.
 *
 * A program object has a map of that type for each policy. What is wrong with it
 * is refused where it shows first: a sleepable program when it is loaded, a bad
 * name or flag and a policy without select when the map is filled in, a name that
 * is taken when the link is made.
 *
 * Life: the map holds the programs, and this module from its creation to its
 * end. The link registers the map's copy of the table here, and its end
 * unregisters it, however it comes: closed, unpinned, detached.
 */
#include "policy.h"

#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>

static bool may_access(int off, int size, enum bpf_access_type type,
		       const struct bpf_prog *prog,
		       struct bpf_insn_access_aux *info)
{
	if (type != BPF_READ || off < 0 ||
	    off >= (int)sizeof(u64) * MAX_BPF_FUNC_ARGS || off % size)
		return false;
	return btf_ctx_access(off, size, type, prog, info);
}

static const struct bpf_verifier_ops verifier_ops = {
	.get_func_proto = bpf_base_func_proto,
	.is_valid_access = may_access,
};

static int no_init(struct btf *btf)
{
	return 0;
}

/* All callbacks run under a spinlock. */
static int check_member(const struct btf_type *t,
			const struct btf_member *member,
			const struct bpf_prog *prog)
{
	return prog->sleepable ? -EINVAL : 0;
}

static int set_name(struct weir_policy_ops *ops,
		    const struct weir_policy_ops *from)
{
	if (strnlen(from->name, sizeof(from->name)) == sizeof(from->name))
		return -ENAMETOOLONG;
	if (weir_policy_bad_name(from->name))
		return -EINVAL;
	strscpy(ops->name, from->name);
	return 1;
}

static int set_flags(struct weir_policy_ops *ops,
		     const struct weir_policy_ops *from)
{
	if (from->flags & ~WEIR_POLICY_FLAGS)
		return -EOPNOTSUPP;
	ops->flags = from->flags;
	return 1;
}

/* Return: 1 it is done here, 0 the caller is to do it, or an errno. */
static int init_member(const struct btf_type *t,
		       const struct btf_member *member, void *kdata,
		       const void *udata)
{
	switch (__btf_member_bit_offset(t, member) / 8) {
	case offsetof(struct weir_policy_ops, name):
		return set_name(kdata, udata);
	case offsetof(struct weir_policy_ops, flags):
		return set_flags(kdata, udata);
	default:
		return 0;
	}
}

static int validate(void *kdata)
{
	const struct weir_policy_ops *ops = kdata;

	return ops->select ? 0 : -ENODATA;
}

static int reg(void *kdata, struct bpf_link *link)
{
	return weir_policy_register(kdata);
}

static void unreg(void *kdata, struct bpf_link *link)
{
	weir_policy_unregister(kdata);
}

/* What a program for each member looks like; none of these is ever called. */
static int weir_policy_ops__init(struct weir_policy_ctx *ctx)
{
	return 0;
}

static void weir_policy_ops__exit(struct weir_policy_ctx *ctx)
{
}

static int weir_policy_ops__admit(struct weir_policy_ctx *ctx)
{
	return 0;
}

static int weir_policy_ops__select(struct weir_policy_ctx *ctx)
{
	return -1;
}

static int weir_policy_ops__batch(struct weir_policy_ctx *ctx)
{
	return 0;
}

static void weir_policy_ops__done(struct weir_policy_ctx *ctx)
{
}

static void weir_policy_ops__tick(struct weir_policy_ctx *ctx)
{
}

static void weir_policy_ops__resize(struct weir_policy_ctx *ctx)
{
}

static struct weir_policy_ops stubs = {
	.init = weir_policy_ops__init,
	.exit = weir_policy_ops__exit,
	.admit = weir_policy_ops__admit,
	.select = weir_policy_ops__select,
	.batch = weir_policy_ops__batch,
	.done = weir_policy_ops__done,
	.tick = weir_policy_ops__tick,
	.resize = weir_policy_ops__resize,
};

static struct bpf_struct_ops struct_ops = {
	.verifier_ops = &verifier_ops,
	.init = no_init,
	.check_member = check_member,
	.init_member = init_member,
	.validate = validate,
	.reg = reg,
	.unreg = unreg,
	.cfi_stubs = &stubs,
	.owner = THIS_MODULE,
	.name = "weir_policy_ops",
};

/**
 * weir_policy_bpf_init - at module load, when all else is there
 *
 * Nothing undoes it: it goes with the module. Return: 0 or a negative errno.
 */
int weir_policy_bpf_init(void)
{
	/* So that programs find their names in the module's types. */
	BTF_TYPE_EMIT(enum weir_policy_flags);
	return register_bpf_struct_ops(&struct_ops, weir_policy_ops);
}
