// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/weir/NAME: open, attach, and the path of scripts, write(2) and read(2).
 */
#include "device.h"

#include <linux/cdev.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/uio.h>

#include "client.h"
#include "copy.h"
#include "reader.h"

static dev_t first;
static struct cdev cdev;

static char *devnode(const struct device *dev, umode_t *mode, kuid_t *uid,
		     kgid_t *gid)
{
	const struct weir_rights *rights = dev_get_drvdata(dev);

	/* Asked for the name alone, it gets no place for the rest. */
	if (mode)
		*mode = S_IFCHR | rights->mode;	/* plain 0 would mean 0600 */
	if (uid)
		*uid = rights->uid;
	if (gid)
		*gid = rights->gid;
	return kasprintf(GFP_KERNEL, "weir/%s", dev_name(dev) + strlen("weir!"));
}

static const struct device_type type = {
	.name = "weir",
	.devnode = devnode,
};

static const struct class weir_class = {
	.name = "weir",
};

static void release_device(struct device *dev)
{
	kfree(dev);
}

/**
 * weir_device_create - make a channel's device file
 * @ch: channel, with its id and rights
 *
 * Return: the device or an ERR_PTR. Context: may sleep.
 */
struct device *weir_device_create(struct weir_channel *ch)
{
	struct device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	int err;

	if (!dev)
		return ERR_PTR(-ENOMEM);
	device_initialize(dev);
	dev->devt = MKDEV(MAJOR(first), ch->id);
	dev->class = &weir_class;
	dev->type = &type;
	dev->release = release_device;
	dev_set_drvdata(dev, &ch->rights);
	err = dev_set_name(dev, "weir!%s", ch->name);
	err = err ?: device_add(dev);
	if (err) {
		put_device(dev);
		return ERR_PTR(err);
	}
	return dev;
}

/**
 * weir_device_destroy - remove the device file; open ones stay
 * @dev: from weir_device_create(), or NULL
 */
void weir_device_destroy(struct device *dev)
{
	if (dev)
		device_unregister(dev);
}

/**
 * weir_device_end_readers - end whoever reads the device file
 * @ch: a closed channel
 */
void weir_device_end_readers(struct weir_channel *ch)
{
	struct weir_reader *r;

	guard(mutex)(&ch->clients_lock);
	list_for_each_entry(r, &ch->readers, link)
		weir_reader_end(r, WEIR_END_DETACH);
}

static int dev_open(struct inode *inode, struct file *file)
{
	struct weir_channel *ch;
	struct weir_reader *r;

	/* A device file that was replaced has rights that are no longer true. */
	if (!inode->i_nlink)
		return -ENXIO;
	ch = weir_channel_by_minor(iminor(inode));
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	r = weir_reader_create(ch);
	if (!r) {
		weir_channel_put(ch);
		return -ENOMEM;
	}
	file->private_data = r;
	return stream_open(inode, file);
}

static int dev_release(struct inode *inode, struct file *file)
{
	weir_reader_close(file->private_data);
	return 0;
}

static bool nonblock(const struct kiocb *iocb)
{
	return iocb->ki_filp->f_flags & O_NONBLOCK ||
	       iocb->ki_flags & IOCB_NOWAIT;
}

/* As usual for read(2) and write(2): a handler says whether they go on. */
static ssize_t restart(ssize_t res)
{
	return res == -EINTR ? -ERESTARTSYS : res;
}

static ssize_t dev_read(struct kiocb *iocb, struct iov_iter *to)
{
	return restart(weir_reader_read(iocb->ki_filp->private_data, to,
					nonblock(iocb)));
}

static ssize_t dev_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct weir_reader *r = iocb->ki_filp->private_data;

	return restart(weir_copy_in(r->ch, from, nonblock(iocb)));
}

/* Acknowledges what the last read(2) took. */
static int dev_fsync(struct file *file, loff_t from, loff_t to, int datasync)
{
	return weir_reader_ack(file->private_data);
}

static __poll_t dev_poll(struct file *file, poll_table *wait)
{
	return weir_reader_poll(file->private_data, file, wait);
}

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct weir_reader *r = file->private_data;

	if ((cmd ^ WEIR_IOC_ATTACH) & ~IOCSIZE_MASK)
		return -ENOTTY;
	return weir_client_attach(r->ch, file->f_mode,
				  (struct weir_attach __user *)arg);
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.open = dev_open,
	.release = dev_release,
	.read_iter = dev_read,
	.write_iter = dev_write,
	.fsync = dev_fsync,
	.poll = dev_poll,
	.unlocked_ioctl = dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

/**
 * weir_device_init - at module load
 *
 * Return: 0 or a negative errno.
 */
int weir_device_init(void)
{
	int err = alloc_chrdev_region(&first, 0, WEIR_MINORS, "weir");

	if (err)
		return err;
	err = class_register(&weir_class);
	if (err)
		goto err_region;
	cdev_init(&cdev, &fops);
	cdev.owner = THIS_MODULE;
	err = cdev_add(&cdev, first, WEIR_MINORS);
	if (err)
		goto err_class;
	return 0;

err_class:
	class_unregister(&weir_class);
err_region:
	unregister_chrdev_region(first, WEIR_MINORS);
	return err;
}

/**
 * weir_device_exit - at module exit, when all channels are gone
 */
void weir_device_exit(void)
{
	cdev_del(&cdev);
	class_unregister(&weir_class);
	unregister_chrdev_region(first, WEIR_MINORS);
}
