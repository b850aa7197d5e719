// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients: attach, claim, end.
 *
 * A client ends once, by the first of: its process's death (holder.c), DETACH,
 * the last close of its file, a kick, the channel's deletion. Its memory stays
 * until the file is gone: the file's mappings point into it.
 */
#include "client.h"

#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "account.h"
#include "change.h"
#include "endpoint.h"
#include "fs.h"
#include "line.h"
#include "load.h"
#include "netlink.h"
#include "window.h"

static struct weir_client *held_client(struct weir_held *held)
{
	return container_of(held, struct weir_client, held);
}

bool weir_client_tryget(struct weir_client *c)
{
	return kref_get_unless_zero(&c->ref);
}

static void free_rcu_client(struct rcu_head *rcu)
{
	struct weir_client *c = container_of(rcu, struct weir_client, rcu);

	put_pid(c->pid);
	vfree(c->rings_mem);	/* wakers look at it, too */
	kvfree(c->tag_mem);
	kfree(c->ep.peer.stage);
	kfree(c);
}

static void free_client(struct kref *ref)
{
	struct weir_client *c = container_of(ref, struct weir_client, ref);

	if (c->account)
		weir_account_put(&c->ch->pool, c->account);
	weir_channel_put(c->ch);
	/* Wakers may still look at its wait queue. */
	call_rcu(&c->rcu, free_rcu_client);
}

/**
 * weir_client_put - drop a reference
 * @c: client
 *
 * Context: may sleep.
 */
void weir_client_put(struct weir_client *c)
{
	kref_put(&c->ref, free_client);
}

static bool held_tryget(struct weir_held *held)
{
	return weir_client_tryget(held_client(held));
}

static void held_put(struct weir_held *held)
{
	weir_client_put(held_client(held));
}

static void held_died(struct weir_held *held)
{
	weir_client_end(held_client(held), WEIR_END_DEATH);
}

/**
 * weir_client_end - end a client
 * @c: client; may have ended already
 * @how: by its will, or with its process
 *
 * Context: may sleep.
 */
void weir_client_end(struct weir_client *c, enum weir_end how)
{
	struct weir_channel *ch = c->ch;
	struct weir_change change;
	bool ended;

	weir_channel_begin(&change, ch);
	change.peer = &c->ep.peer;
	ended = weir_engine_end(&ch->eng, &c->ep.peer, how, ktime_get_ns(),
				&change.wake);
	weir_channel_end(&change);
	if (!ended)
		return;
	/* Sleepers for room or memory shall see it, too. */
	wake_up_interruptible_all(&ch->room);
	wake_up_interruptible_all(&ch->pool.wait);
	weir_netlink_client(c, WEIR_CMD_CLIENT_DETACH_NTF,
			    how == WEIR_END_DEATH);
}

/**
 * weir_client_check - may the calling process use the client?
 * @c: client
 *
 * Return: 0, -ESHUTDOWN it has ended, -EBUSY another process is the holder.
 */
int weir_client_check(struct weir_client *c)
{
	if (READ_ONCE(c->ep.peer.gone))
		return -ESHUTDOWN;
	return weir_holder_is_current(&c->held) ? 0 : -EBUSY;
}

static void take_identity(struct weir_client *c)
{
	struct pid *old, *pid = get_pid(task_tgid(current));

	spin_lock_bh(&c->ch->eng.lock);
	old = c->pid;
	c->pid = pid;
	c->uid = current_euid();
	c->ep.peer.uid = __kuid_val(c->uid);
	spin_unlock_bh(&c->ch->eng.lock);
	put_pid(old);
}

/**
 * weir_client_pid - the process that holds a client
 * @c: client
 *
 * Return: its leader's pid, with a reference.
 */
struct pid *weir_client_pid(struct weir_client *c)
{
	guard(spinlock_bh)(&c->ch->eng.lock);
	return get_pid(c->pid);
}

/* The last descriptor is gone, and with it all mappings. */
static int client_release(struct inode *inode, struct file *file)
{
	struct weir_client *c = file->private_data;

	if (c->ep.peer.id)	/* else it never joined */
		weir_client_end(c, WEIR_END_DETACH);
	mutex_lock(&c->ch->clients_lock);
	list_del(&c->link);
	mutex_unlock(&c->ch->clients_lock);
	weir_holder_drop(&c->held);
	weir_client_put(c);
	return 0;
}

static __poll_t client_poll(struct file *file, poll_table *wait)
{
	struct weir_client *c = file->private_data;
	struct weir_peer *p = &c->ep.peer;
	struct weir_channel *ch = c->ch;
	struct weir_change change;
	__poll_t mask = 0;
	u32 low;

	poll_wait(file, &c->ep.poll, wait);
	if (weir_peer_sends(p))
		poll_wait(file, &ch->room_poll, wait);
	weir_channel_lock(&change, ch);
	if (p->gone) {
		mask = EPOLLERR | EPOLLHUP;
	} else {
		low = weir_endpoint_low(&c->ep);
		if (weir_peer_works(p)) {
			p->late = false;
			if (weir_engine_unread(&ch->eng, p) < low)
				p->want = low;
			weir_policy_touch(&ch->eng, p);
		}
		weir_ledger_owed(&ch->eng, p);
		weir_engine_finish(&ch->eng, ktime_get_ns());
		if (weir_engine_unread(&ch->eng, p) >= low)
			mask |= EPOLLIN | EPOLLRDNORM;
		if (weir_peer_sends(p) && weir_line_room(ch, p))
			mask |= EPOLLOUT | EPOLLWRNORM;
	}
	weir_channel_unlock(&change);
	return mask;
}

static long client_claim(struct weir_client *c, const struct weir_claim *arg)
{
	int err;

	if (arg->flags)
		return -EINVAL;
	if (mutex_lock_killable(&c->claim_lock))
		return -EINTR;
	err = weir_client_check(c);
	if (err == -EBUSY && !atomic_read(&c->nr_vmas)) {
		weir_holder_drop(&c->held);
		err = weir_holder_claim(&c->held);
		if (err)	/* nobody would end it any more */
			weir_client_end(c, WEIR_END_DETACH);
		else
			take_identity(c);
	}
	mutex_unlock(&c->claim_lock);
	return err;
}

/* Copies a sized struct in; what the kernel does not know must be zero. */
static int copy_arg(void *dst, size_t size, void __user *src)
{
	u32 usize;

	if (get_user(usize, (u32 __user *)src))
		return -EFAULT;
	if (usize < size)
		return -EINVAL;
	if (usize > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(dst, size, src, usize);
}

/*
 * A process that was stopped or frozen, and has no handler to run, need not hear
 * of it. With a time-out it does, since that would begin anew.
 */
static long restart(long err, u64 timeout_ns)
{
	return err == -EINTR && !timeout_ns ? -ERESTARTNOHAND : err;
}

static long ioctl_enter(struct weir_client *c, void __user *uarg)
{
	struct weir_enter arg;
	int err = copy_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	return restart(weir_client_enter(c, &arg), arg.timeout_ns);
}

static long ioctl_grant(struct weir_client *c, void __user *uarg)
{
	struct weir_grant arg;
	long err = copy_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	err = weir_client_grant(c, &arg);
	if (!err && copy_to_user(uarg, &arg, sizeof(arg)))
		return -EFAULT;
	return restart(err, arg.timeout_ns);
}

static long ioctl_giveback(struct weir_client *c, void __user *uarg)
{
	struct weir_giveback arg;
	int err = copy_arg(&arg, sizeof(arg), uarg);

	return err ?: weir_client_giveback(c, &arg);
}

static long ioctl_settle(struct weir_client *c, void __user *uarg)
{
	struct weir_settle arg;
	long err = copy_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	err = weir_client_settle(c, &arg);
	if (err && err != -ETIME && err != -EINTR)
		return err;
	if (copy_to_user(uarg, &arg, sizeof(arg)))
		return -EFAULT;
	return restart(err, arg.timeout_ns);
}

static long ioctl_claim(struct weir_client *c, void __user *uarg)
{
	struct weir_claim arg;
	int err = copy_arg(&arg, sizeof(arg), uarg);

	return err ?: client_claim(c, &arg);
}

static long client_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct weir_client *c = file->private_data;
	void __user *uarg = (void __user *)arg;

	/* Structs grow; the number of a command is the same whatever their size. */
	switch (cmd & ~IOCSIZE_MASK) {
	case WEIR_IOC_ENTER & ~IOCSIZE_MASK:
		return ioctl_enter(c, uarg);
	case WEIR_IOC_GRANT & ~IOCSIZE_MASK:
		return ioctl_grant(c, uarg);
	case WEIR_IOC_GIVEBACK & ~IOCSIZE_MASK:
		return ioctl_giveback(c, uarg);
	case WEIR_IOC_SETTLE & ~IOCSIZE_MASK:
		return ioctl_settle(c, uarg);
	case WEIR_IOC_CLAIM & ~IOCSIZE_MASK:
		return ioctl_claim(c, uarg);
	case WEIR_IOC_DETACH:
		if (weir_client_check(c))
			return weir_client_check(c);
		weir_client_end(c, WEIR_END_DETACH);
		weir_window_cut(c->ch);
		return 0;
	default:
		return -ENOTTY;
	}
}

static const struct file_operations client_fops = {
	.owner = THIS_MODULE,
	.release = client_release,
	.poll = client_poll,
	.unlocked_ioctl = client_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.uring_cmd = weir_client_uring_cmd,
	.mmap = weir_window_mmap,
	.get_unmapped_area = thp_get_unmapped_area,
	.llseek = noop_llseek,
};

static int check_attach(const struct weir_attach *a, fmode_t mode)
{
	u32 i;

	if (!a->role || a->role & ~(WEIR_ROLE_SEND | WEIR_ROLE_WORK) ||
	    a->features & ~WEIR_FEATURES || a->flags & ~WEIR_ATTACH_STOPPED)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(a->resv); i++)
		if (a->resv[i])
			return -EINVAL;
	if ((a->role & WEIR_ROLE_SEND && !(mode & FMODE_WRITE)) ||
	    (a->role & WEIR_ROLE_WORK && !(mode & FMODE_READ)))
		return -EACCES;
	return 0;
}

static bool ring_size_ok(u32 n)
{
	return is_power_of_2(n) && n <= WEIR_RING_MAX;
}

/* Fills in the defaults and checks what was asked for. */
static int settle_sizes(struct weir_attach *a, struct weir_channel *ch)
{
	a->sq_entries = a->sq_entries ?: 256;
	a->cq_entries = a->cq_entries ?: 512;
	if (!ring_size_ok(a->sq_entries) || !ring_size_ok(a->cq_entries))
		return -EINVAL;
	a->inflight = a->inflight ?: max(a->cq_entries / 2, 1U);
	if (a->inflight > min_t(u32, a->cq_entries, WEIR_INFLIGHT_MAX))
		return -EINVAL;
	a->block_max = a->block_max ?: READ_ONCE(ch->pool.limit);
	return 0;
}

static void place_rings(struct weir_attach *a)
{
	a->off_rings = WEIR_OFF_RINGS;
	a->off_sqes = sizeof(struct weir_ring);
	a->off_cqes = a->off_sqes + a->sq_entries * sizeof(struct weir_sqe);
	a->len_rings = PAGE_ALIGN(a->off_cqes +
				  a->cq_entries * sizeof(struct weir_cqe));
}

/* A failure is the caller's to hear of, not the log's. */
static int alloc_rings(struct weir_client *c, const struct weir_attach *a)
{
	struct weir_peer *p = &c->ep.peer;

	c->rings_len = a->len_rings;
	c->rings_mem = __vmalloc(a->len_rings, GFP_KERNEL_ACCOUNT |
				 __GFP_ZERO | __GFP_NOWARN);
	p->stage = kcalloc(WEIR_STAGE_MAX, sizeof(*p->stage),
			   GFP_KERNEL_ACCOUNT);
	c->tag_mem = kvcalloc(a->inflight, sizeof(*c->tag_mem),
			      GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!c->rings_mem || !p->stage || !c->tag_mem)
		return -ENOMEM;
	p->rings.shared = c->rings_mem;
	p->rings.sqes = c->rings_mem + a->off_sqes;
	p->rings.cqes = c->rings_mem + a->off_cqes;
	p->rings.sq_entries = a->sq_entries;
	p->rings.cq_entries = a->cq_entries;
	weir_tags_init(&p->tags, c->tag_mem, a->inflight);
	p->limit_max = a->inflight;
	return 0;
}

static struct weir_client *alloc_client(struct weir_channel *ch,
					const struct weir_attach *a)
{
	struct weir_client *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	if (!c)
		return ERR_PTR(-ENOMEM);
	kref_init(&c->ref);
	kref_get(&ch->ref);
	c->ch = ch;
	INIT_LIST_HEAD(&c->link);
	INIT_LIST_HEAD(&c->held.link);
	weir_endpoint_init(&c->ep);
	mutex_init(&c->claim_lock);
	mutex_init(&c->grant_lock);
	c->held.died = held_died;
	c->held.tryget = held_tryget;
	c->held.put = held_put;
	if (a->role & WEIR_ROLE_WORK)
		c->held.worker = &c->ep.peer;
	c->block_max = a->block_max;
	c->t_attach = ktime_get_ns();
	take_identity(c);
	weir_peer_init(&c->ep.peer, &ch->eng, 0, a->role);
	c->ep.peer.uid = __kuid_val(c->uid);
	c->ep.peer.stopped = a->flags & WEIR_ATTACH_STOPPED;
	c->account = weir_account_get(&ch->pool, c->uid);
	if (!c->account || alloc_rings(c, a)) {
		weir_client_put(c);
		return ERR_PTR(-ENOMEM);
	}
	return c;
}

/* Makes it known to the engine; from here on it can be ended. */
static int join(struct weir_client *c)
{
	struct weir_channel *ch = c->ch;
	struct weir_change change;
	int err = 0;

	if (mutex_lock_killable(&ch->clients_lock))
		return -EINTR;
	weir_channel_lock(&change, ch);
	change.peer = &c->ep.peer;
	if (ch->eng.closed) {
		err = -ESHUTDOWN;
	} else if (ch->eng.nr_peers >= ch->eng.cfg.clients_max ||
		   ch->last_client == U32_MAX) {
		err = -ENOSPC;
	} else {
		c->ep.peer.id = ++ch->last_client;
		weir_engine_add_peer(&ch->eng, &c->ep.peer, ktime_get_ns());
	}
	weir_channel_unlock(&change);
	if (!err)
		list_add_tail(&c->link, &ch->clients);
	mutex_unlock(&ch->clients_lock);
	return err;
}

static void describe(struct weir_attach *a, const struct weir_client *c)
{
	u32 i;

	a->size = sizeof(*a);
	a->client_id = c->ep.peer.id;
	a->off_rw = WEIR_OFF_RW;
	a->off_ro = WEIR_OFF_RO;
	a->len_window = WEIR_WINDOW_SIZE;
	a->buf_unit = WEIR_BUF_UNIT;
	a->nr_class = WEIR_NR_CLASSES;
	for (i = 0; i < ARRAY_SIZE(a->class_size); i++) {
		a->class_size[i] = i < WEIR_NR_CLASSES ? weir_class_size(i) : 0;
		a->block_size[i] = i < WEIR_NR_CLASSES ? weir_block_size(i) : 0;
	}
	a->message_max = c->ch->eng.cfg.message_max;
	a->overflow = c->ch->eng.cfg.overflow;
}

/*
 * File first, then holder, then engine: whatever fails, dropping the file
 * undoes all before it, and the descriptor is installed when nothing can fail.
 */
static int attach(struct weir_channel *ch, struct weir_attach *a,
		  struct weir_attach __user *uarg)
{
	struct weir_client *c = alloc_client(ch, a);
	struct file *file;
	int fd, err;

	if (IS_ERR(c))
		return PTR_ERR(c);
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		weir_client_put(c);
		return fd;
	}
	file = weir_fs_file(ch->pool.inode, "[weir]", &client_fops, c);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		weir_client_put(c);
		goto err_fd;
	}
	err = weir_holder_claim(&c->held) ?: join(c);
	if (err)
		goto err_file;
	a->fd = fd;
	describe(a, c);
	if (copy_to_user(uarg, a, sizeof(*a))) {
		err = -EFAULT;
		goto err_file;
	}
	weir_netlink_client(c, WEIR_CMD_CLIENT_ATTACH_NTF, false);
	fd_install(fd, file);
	return 0;

err_file:
	fput(file);
err_fd:
	put_unused_fd(fd);
	return err;
}

/**
 * weir_client_attach - WEIR_IOC_ATTACH
 * @ch: channel; the caller has a reference
 * @mode: how the device file is open
 * @uarg: argument
 *
 * Return: 0 or the errno of struct weir_attach. Context: may sleep.
 */
int weir_client_attach(struct weir_channel *ch, fmode_t mode,
		       struct weir_attach __user *uarg)
{
	struct weir_attach a;
	int err;

	err = copy_arg(&a, sizeof(a), uarg);
	err = err ?: check_attach(&a, mode);
	err = err ?: settle_sizes(&a, ch);
	if (err)
		return err;
	place_rings(&a);
	return attach(ch, &a, uarg);
}
