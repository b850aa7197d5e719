/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_WINDOW_H
#define _WEIR_WINDOW_H

#include <linux/fs.h>
#include <linux/mm_types.h>

#include "core/geom.h"

/* Places of a client's mappings in its file; users learn them by ATTACH. */
#define WEIR_OFF_RINGS	0ULL
#define WEIR_OFF_RW	(1ULL << 36)
#define WEIR_OFF_RO	(2ULL << 36)
#define WEIR_MAP_SIZE	(WEIR_OFF_RO + WEIR_WINDOW_SIZE)

struct weir_channel;

int weir_window_mmap(struct file *file, struct vm_area_struct *vma);
void weir_window_cut(struct weir_channel *ch);
void weir_window_unmap(struct inode *inode, u64 addr, u64 len);

#endif /* _WEIR_WINDOW_H */
