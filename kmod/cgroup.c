// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory cgroup a pool is charged to.
 */
#include "cgroup.h"

#include <linux/cgroup.h>
#include <linux/memcontrol.h>
#include <linux/sched.h>

#ifdef CONFIG_MEMCG
/*
 * The memory controller's part of a cgroup. Where the controller is not
 * enabled that would be an ancestor's: not what was asked for.
 */
static struct mem_cgroup *memory_of(struct cgroup *cgrp)
{
	struct cgroup_subsys_state *css;

	css = cgroup_get_e_css(cgrp, &memory_cgrp_subsys);
	if (!css)
		return ERR_PTR(-EOPNOTSUPP);
	if (css->cgroup == cgrp)
		return mem_cgroup_from_css(css);
	css_put(css);
	return ERR_PTR(-EOPNOTSUPP);
}

static struct mem_cgroup *by_path(const char *path)
{
	struct cgroup *cgrp = cgroup_get_from_path(path);
	struct mem_cgroup *memcg;

	if (IS_ERR(cgrp))
		return ERR_CAST(cgrp);
	memcg = memory_of(cgrp);
	cgroup_put(cgrp);
	return memcg;
}
#else
static struct mem_cgroup *by_path(const char *path)
{
	return ERR_PTR(-EOPNOTSUPP);
}
#endif

/**
 * weir_cgroup_get - a memory cgroup
 * @path: below the root of the caller's cgroup namespace, in the unified
 *	hierarchy; or NULL for the calling process's own
 *
 * Return: it, with a reference for mem_cgroup_put(); NULL if the kernel has no
 * memory cgroups; -ENOENT or -ENOTDIR there is no such cgroup, -EOPNOTSUPP the
 * memory controller is not enabled in it. Context: may sleep.
 */
struct mem_cgroup *weir_cgroup_get(const char *path)
{
	return path ? by_path(path) : get_mem_cgroup_from_mm(current->mm);
}
