/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_FS_H
#define _WEIR_FS_H

#include <linux/fs.h>

int weir_fs_init(void);
void weir_fs_exit(void);
struct inode *weir_fs_inode(loff_t size);
struct file *weir_fs_file(struct inode *inode, const char *name,
			  const struct file_operations *fops, void *data);

#endif /* _WEIR_FS_H */
