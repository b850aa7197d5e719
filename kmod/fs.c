// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file system nobody can mount: it gives each pool an inode, and so an
 * address space that all its clients' mappings hang on. One call then unmaps
 * a block from every process.
 */
#include "fs.h"

#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/sched.h>

#define WEIR_FS_MAGIC	0x77656972	/* "weir" */

static struct vfsmount *mnt;

static int init_context(struct fs_context *fc)
{
	return init_pseudo(fc, WEIR_FS_MAGIC) ? 0 : -ENOMEM;
}

/* Without an owner: its one mount would keep the module from being unloaded. */
static struct file_system_type type = {
	.name = "weir",
	.init_fs_context = init_context,
	.kill_sb = kill_anon_super,
};

/**
 * weir_fs_init - mount it for the kernel
 *
 * Return: 0 or a negative errno.
 */
int weir_fs_init(void)
{
	mnt = kern_mount(&type);
	return PTR_ERR_OR_ZERO(mnt);
}

/**
 * weir_fs_exit - unmount it; all inodes and files have been released
 *
 * The last steps of a file's release come after it has let go of the module,
 * and the very last takes the superblock down, through @type. So we keep the
 * superblock until we are the only ones who do.
 */
void weir_fs_exit(void)
{
	struct super_block *sb = mnt->mnt_sb;

	atomic_inc(&sb->s_active);
	kern_unmount(mnt);
	while (atomic_read(&sb->s_active) > 1)
		schedule_timeout_uninterruptible(1);
	deactivate_super(sb);
}

/**
 * weir_fs_inode - an inode for a pool
 * @size: bytes that may be mapped
 *
 * Return: the inode, to be dropped with iput(), or an ERR_PTR.
 */
struct inode *weir_fs_inode(loff_t size)
{
	struct inode *inode = alloc_anon_inode(mnt->mnt_sb);

	if (IS_ERR(inode))
		return inode;
	/* Writing through a mapping must not try to update times. */
	inode->i_flags |= S_NOCMTIME | S_NOATIME;
	i_size_write(inode, size);
	return inode;
}

/**
 * weir_fs_file - an open file on such an inode
 * @inode: from weir_fs_inode()
 * @name: for /proc
 * @fops: with THIS_MODULE as owner; the caller keeps the module loaded
 * @data: private_data
 *
 * Return: the file or an ERR_PTR. Context: may sleep.
 */
struct file *weir_fs_file(struct inode *inode, const char *name,
			  const struct file_operations *fops, void *data)
{
	struct file *file;

	ihold(inode);
	file = alloc_file_pseudo(inode, mnt, name, O_RDWR, fops);
	if (IS_ERR(file)) {
		iput(inode);
		return file;
	}
	__module_get(fops->owner);	/* __fput() puts it */
	file->private_data = data;
	return file;
}
