/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_CGROUP_H
#define _WEIR_CGROUP_H

struct mem_cgroup;

struct mem_cgroup *weir_cgroup_get(const char *path);

#endif /* _WEIR_CGROUP_H */
