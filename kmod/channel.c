// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels: their table, their life, their works.
 *
 * Life: created and deleted through netlink under the table's lock. Deletion
 * closes the engine first, so that nothing is accepted, attached or handed out
 * any more, then ends all clients, throws the messages away and takes every
 * block back; see weir_channel_delete(). Memory goes with the last reference,
 * which may be a client's file.
 */
#include "channel.h"

#include <linux/cleanup.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/xarray.h>

#include "cgroup.h"
#include "change.h"
#include "client.h"
#include "compat.h"
#include "device.h"
#include "endpoint.h"
#include "feed.h"
#include "load.h"
#include "netlink.h"
#include "policy.h"
#include "recall.h"
#include "trace.h"

/* Order: table_lock, then clients_lock, then a spinlock of the engine. */
static DEFINE_MUTEX(table_lock);
static DEFINE_XARRAY_ALLOC1(table);
static u32 last_id;
struct workqueue_struct *weir_channel_wq;

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct weir_channel *ch = container_of(timer, struct weir_channel,
					       timer);
	struct weir_change c;

	spin_lock_bh(&ch->sync_lock);
	WRITE_ONCE(ch->armed, U64_MAX);
	spin_unlock_bh(&ch->sync_lock);
	weir_channel_lock(&c, ch);
	weir_engine_tick(&ch->eng, ktime_get_ns());
	weir_channel_unlock(&c);
	return HRTIMER_NORESTART;
}

static struct weir_block *pop_orphan(struct weir_channel *ch)
{
	struct weir_change c;
	struct weir_block *b;

	weir_channel_lock(&c, ch);
	b = list_first_entry_or_null(&ch->eng.orphans, struct weir_block, link);
	if (b)
		list_del_init(&b->link);
	weir_channel_unlock(&c);
	return b;
}

static void reclaim(struct work_struct *work)
{
	struct weir_channel *ch = container_of(work, struct weir_channel,
					       reclaim);
	struct weir_block *b;

	while ((b = pop_orphan(ch))) {
		weir_pool_put(&ch->pool, weir_pool_block(b));
		cond_resched();
	}
}

static bool pop_event(struct weir_channel *ch, struct weir_event *ev)
{
	struct weir_engine *e = &ch->eng;
	bool got = false;

	spin_lock_bh(&e->lock);
	if (e->ev_tail != e->ev_head) {
		*ev = e->events[e->ev_tail++ % WEIR_EVENTS];
		got = true;
	}
	spin_unlock_bh(&e->lock);
	return got;
}

static bool is_drained(struct weir_channel *ch)
{
	struct weir_engine *e = &ch->eng;

	guard(spinlock_bh)(&e->lock);
	return e->cfg.state == WEIR_CHANNEL_STATE_DRAINING &&
	       !weir_lane_ready(&e->lane) && !e->lane.nr_delayed &&
	       !e->nr_inflight;
}

static void news(struct work_struct *work)
{
	struct weir_channel *ch = container_of(work, struct weir_channel, news);
	struct weir_event ev;
	bool drained;
	u64 now;

	while (pop_event(ch, &ev))
		weir_netlink_dead(ch, &ev);
	weir_policy_review(ch);
	now = ktime_get_ns();
	if (READ_ONCE(ch->eng.was_full) && weir_channel_full_due(ch, now)) {
		WRITE_ONCE(ch->full_at, now);
		WRITE_ONCE(ch->eng.was_full, false);
		weir_netlink_channel(ch, WEIR_CMD_CHANNEL_FULL_NTF);
	}
	drained = is_drained(ch);
	if (drained && !ch->drained)
		weir_netlink_channel(ch, WEIR_CMD_CHANNEL_EMPTY_NTF);
	ch->drained = drained;
}

static void loads(struct work_struct *work)
{
	struct weir_channel *ch = container_of(to_delayed_work(work),
					       struct weir_channel, loads);
	u64 now = ktime_get_ns();
	bool traffic = READ_ONCE(ch->eng.traffic);
	struct weir_change c;

	if (now <= ch->loads_at)
		return;
	weir_load_measure(ch, now - ch->loads_at);
	weir_channel_lock(&c, ch);
	weir_engine_loads(&ch->eng, now - ch->loads_at, now);
	ch->loads_at = now;
	weir_channel_unlock(&c);
	/* Once more after the last message, so that no load is left standing. */
	if (traffic && !READ_ONCE(ch->eng.closed))
		queue_delayed_work(weir_channel_wq, &ch->loads,
				   msecs_to_jiffies(ch->eng.cfg.load_interval));
}

/**
 * weir_channel_bad_name - what is wrong with a channel's name
 * @name: NUL terminated
 *
 * Return: a phrase, or NULL if nothing is.
 */
const char *weir_channel_bad_name(const char *name)
{
	const char *s;

	if (!*name)
		return "is empty";
	if (*name == '.' || *name == '-')
		return "starts with a dot or a dash";
	for (s = name; *s; s++)
		if (!isalnum(*s) && !strchr("._-", *s))
			return "has a character other than a-z A-Z 0-9 . _ -";
	if (s - name > WEIR_NAME_MAX)
		return "is longer than 31 bytes";
	return NULL;
}

static void free_channel(struct kref *ref)
{
	struct weir_channel *ch = container_of(ref, struct weir_channel, ref);

	/* A change that began before the channel was closed may have started them. */
	hrtimer_cancel(&ch->timer);
	cancel_delayed_work_sync(&ch->loads);
	cancel_work_sync(&ch->news);
	cancel_work_sync(&ch->recall);
	flush_work(&ch->reclaim);	/* a late write(2) may have left a block */
	weir_pool_exit(&ch->pool);
	/* Ranks are read without a reference. */
	kvfree_rcu(ch, rcu);
}

/**
 * weir_channel_put - drop a reference
 * @ch: channel
 *
 * Context: may sleep.
 */
void weir_channel_put(struct weir_channel *ch)
{
	kref_put(&ch->ref, free_channel);
}

static void init_writer(struct weir_channel *ch)
{
	mutex_init(&ch->writer_lock);
	weir_endpoint_init(&ch->writer);
	weir_peer_init(&ch->writer.peer, &ch->eng, 0, WEIR_ROLE_SEND);
	ch->writer.peer.kernel = true;
}

/* Charged to the cgroup that is named, else to the creator's. */
static int init_pool(struct weir_pool *pool, const struct weir_config *cfg,
		     const char *cgroup)
{
	struct mem_cgroup *memcg = weir_cgroup_get(cgroup);

	if (IS_ERR(memcg))
		return PTR_ERR(memcg);
	return weir_pool_init(pool, cfg, memcg, cgroup);
}

static struct weir_channel *alloc_channel(const char *name,
					  const struct weir_rights *rights,
					  const struct weir_config *cfg,
					  const char *cgroup)
{
	struct weir_channel *ch = kvzalloc(sizeof(*ch), GFP_KERNEL_ACCOUNT);
	int err;

	if (!ch)
		return ERR_PTR(-ENOMEM);
	err = init_pool(&ch->pool, cfg, cgroup);
	if (err) {
		kvfree(ch);
		return ERR_PTR(err);
	}
	strscpy(ch->name, name);
	ch->rights = *rights;
	kref_init(&ch->ref);
	ch->t_create = ktime_get_ns();
	ch->loads_at = ch->t_create;
	mutex_init(&ch->clients_lock);
	INIT_LIST_HEAD(&ch->clients);
	INIT_LIST_HEAD(&ch->readers);
	spin_lock_init(&ch->sync_lock);
	init_waitqueue_head(&ch->room);
	init_waitqueue_head(&ch->room_poll);
	init_waitqueue_head(&ch->arrived);
	INIT_WORK(&ch->reclaim, reclaim);
	INIT_WORK(&ch->recall, weir_recall_work);
	INIT_WORK(&ch->news, news);
	INIT_DELAYED_WORK(&ch->loads, loads);
	hrtimer_setup(&ch->timer, tick, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
	ch->armed = U64_MAX;
	ch->eng.lane.keys.seed = get_random_u64();
	weir_engine_init(&ch->eng, cfg, &ch->pool.map);
	init_writer(ch);
	return ch;
}

static struct weir_channel *lookup(const char *name)
{
	struct weir_channel *ch;
	unsigned long id;

	xa_for_each(&table, id, ch)
		if (!strcmp(ch->name, name))
			return ch;
	return NULL;
}

/* Minor numbers come back only after all others were used. */
static int enter_table(struct weir_channel *ch)
{
	int err;

	if (lookup(ch->name))
		return -EEXIST;
	err = xa_alloc_cyclic(&table, &ch->id, ch,
			      XA_LIMIT(1, WEIR_MINORS - 1), &last_id,
			      GFP_KERNEL_ACCOUNT);
	if (err < 0)
		return err == -EBUSY ? -ENOSPC : err;
	ch->eng.hook.channel = ch->id;
	ch->dev = weir_device_create(ch);
	if (!IS_ERR(ch->dev))
		return 0;
	xa_erase(&table, ch->id);
	return PTR_ERR(ch->dev);
}

/* For one that is in the table, and gone from it if this fails. */
static int use_policy(struct weir_channel *ch, const char *policy)
{
	int err;

	err = weir_policy_use(ch, policy);
	if (!err)
		return 0;
	xa_erase(&table, ch->id);
	weir_device_destroy(ch->dev);
	return err;
}

/**
 * weir_channel_create - a new channel and its device file
 * @name: valid
 * @rights: of the device file
 * @cfg: valid
 * @policy: name of a loaded one, or NULL: as @cfg says
 * @cgroup: path of the memory cgroup to charge, or NULL for the caller's
 *
 * Return: the channel with a reference for the caller; -EEXIST, -ENOSPC too
 * many channels, -ENOMEM, -EINTR, or what weir_cgroup_get(), weir_policy_use()
 * or weir_feed_configure() say. Context: may sleep.
 */
struct weir_channel *weir_channel_create(const char *name,
					 const struct weir_rights *rights,
					 const struct weir_config *cfg,
					 const char *policy, const char *cgroup)
{
	struct weir_channel *ch = alloc_channel(name, rights, cfg, cgroup);
	int err;

	if (IS_ERR(ch))
		return ch;
	err = mutex_lock_killable(&table_lock);
	if (err)
		goto err_put;
	err = enter_table(ch);
	if (!err && policy)
		err = use_policy(ch, policy);
	if (!err)
		kref_get(&ch->ref);
	mutex_unlock(&table_lock);
	if (err)
		goto err_put;
	err = weir_feed_configure(ch, cfg->feed, cfg->feed_size);
	if (!err) {
		if (trace_weir_channel_enabled())
			weir_trace_channel(ch, &ch->writer.peer, false);
		return ch;
	}
	weir_channel_delete(ch, true);
err_put:
	weir_channel_put(ch);
	return ERR_PTR(err);
}

/* Closes the engine, unless something is in the way. */
static int close_engine(struct weir_channel *ch, bool force)
{
	struct weir_engine *e = &ch->eng;
	struct weir_change c;
	int err = 0;

	weir_channel_lock(&c, ch);
	if (!force && (!weir_engine_empty(e) || !list_empty(&e->peers)))
		err = -EBUSY;
	else
		WRITE_ONCE(e->closed, true);
	weir_channel_unlock(&c);
	return err;
}

static void end_clients(struct weir_channel *ch)
{
	struct weir_client *c;

	/* No client is added once the engine is closed: see attach(). */
	guard(mutex)(&ch->clients_lock);
	list_for_each_entry(c, &ch->clients, link)
		weir_client_end(c, WEIR_END_DETACH);
}

/* The blocks of the kernel's own sender become orphans. */
static void end_writer(struct weir_channel *ch)
{
	struct weir_block *b, *next;
	struct weir_peer *p = &ch->writer.peer;
	struct weir_change c;

	guard(mutex)(&ch->writer_lock);
	weir_channel_lock(&c, ch);
	list_for_each_entry_safe(b, next, &p->blocks, link)
		if (!weir_engine_disown(&ch->eng, p, b))
			list_add_tail(&b->link, &ch->eng.orphans);
	weir_channel_unlock(&c);
}

/* Takes it out of the table, with @table_lock held. */
static int unlink_channel(struct weir_channel *ch, bool force)
{
	int err;

	lockdep_assert_held(&table_lock);
	if (xa_load(&table, ch->id) != ch)
		return -ENOENT;
	err = close_engine(ch, force);
	if (err)
		return err;
	xa_erase(&table, ch->id);
	weir_device_destroy(ch->dev);
	return 0;
}

/*
 * What is left to do once the engine is closed and the channel unlinked.
 *
 * Why nothing of it runs or is mapped afterwards: attach() refuses, write(2)
 * and ENTER accept nothing, nobody is handed a message. Every client is ended,
 * which wakes its sleepers, and from then on refuses its faults; all messages
 * are back and are thrown away, so every block becomes an orphan and is
 * reclaimed, which unmaps it. weir_channel_end() starts neither news nor loads
 * of a closed channel, nobody asks its clients for memory (weir_recall()), and
 * what had been started before is waited for, here or
 * at the latest in free_channel(), when nobody has a reference. A BPF program that
 * has a record keeps its buffer and, through the feed, a reference.
 */
static void dismantle(struct weir_channel *ch)
{
	weir_feed_end(ch);
	end_clients(ch);
	weir_device_end_readers(ch);
	weir_policy_drop(ch);	/* none is attached to a closed engine */
	wake_up_interruptible_all(&ch->room);
	wake_up_interruptible_all(&ch->room_poll);
	wake_up_interruptible_all(&ch->arrived);
	wake_up_interruptible_all(&ch->pool.wait);
	weir_channel_purge(ch, WEIR_MESSAGE_STATE_READY);
	weir_channel_purge(ch, WEIR_MESSAGE_STATE_DEAD);
	end_writer(ch);
	hrtimer_cancel(&ch->timer);
	cancel_delayed_work_sync(&ch->loads);
	cancel_work_sync(&ch->recall);
	flush_work(&ch->reclaim);
	flush_work(&ch->news);
	weir_netlink_channel(ch, WEIR_CMD_CHANNEL_DEL_NTF);
	if (trace_weir_channel_enabled())
		weir_trace_channel(ch, &ch->writer.peer, true);
	weir_channel_put(ch);	/* the table's */
}

/**
 * weir_channel_delete - delete a channel
 * @ch: the caller has a reference
 * @force: also with messages and clients
 *
 * Return: 0, -EBUSY not forced and in use, -ENOENT deleted by another, -EINTR.
 * Context: may sleep.
 */
int weir_channel_delete(struct weir_channel *ch, bool force)
{
	int err;

	if (mutex_lock_killable(&table_lock))
		return -EINTR;
	err = unlink_channel(ch, force);
	mutex_unlock(&table_lock);
	if (!err)
		dismantle(ch);
	return err;
}

/**
 * weir_channel_set_rights - new owner, group, mode of the device file
 * @ch: channel
 * @rights: new ones
 *
 * The device file is made anew; open files stay open. Return: 0, -ENOENT
 * deleted, -EINTR, or an errno of the device model, nothing changed.
 */
int weir_channel_set_rights(struct weir_channel *ch,
			    const struct weir_rights *rights)
{
	struct weir_rights old = ch->rights;
	struct device *dev;
	int err = 0;

	if (uid_eq(old.uid, rights->uid) && gid_eq(old.gid, rights->gid) &&
	    old.mode == rights->mode)
		return 0;
	if (mutex_lock_killable(&table_lock))
		return -EINTR;
	if (xa_load(&table, ch->id) != ch) {
		mutex_unlock(&table_lock);
		return -ENOENT;
	}
	weir_device_destroy(ch->dev);
	ch->rights = *rights;
	dev = weir_device_create(ch);
	if (IS_ERR(dev)) {
		err = PTR_ERR(dev);
		ch->rights = old;
		dev = weir_device_create(ch);
	}
	ch->dev = IS_ERR(dev) ? NULL : dev;
	mutex_unlock(&table_lock);
	return err;
}

/**
 * weir_channel_configure - new attributes
 * @ch: channel
 * @cfg: valid
 *
 * All but the feed's, which may fail: weir_feed_configure(). Context: may sleep.
 */
void weir_channel_configure(struct weir_channel *ch,
			    const struct weir_config *cfg)
{
	struct weir_change c;
	bool other = cfg->overflow != ch->eng.cfg.overflow;

	weir_channel_lock(&c, ch);
	weir_engine_configure(&ch->eng, cfg, ktime_get_ns());
	c.wake.events = true;
	weir_channel_unlock(&c);
	/* What blocked senders have in their rings may be refused now. */
	if (other)
		wake_up_interruptible_poll(&ch->room_poll,
					   EPOLLOUT | EPOLLWRNORM);
	/* Last: it wakes who waits for memory, who looks at what is new above. */
	weir_pool_configure(&ch->pool, cfg);
}

static u64 nr_to_purge(struct weir_channel *ch, u32 state)
{
	struct weir_engine *e = &ch->eng;

	guard(spinlock_bh)(&e->lock);
	if (state == WEIR_MESSAGE_STATE_DEAD)
		return e->nr_dead;
	return weir_lane_ready(&e->lane) + e->lane.nr_delayed;
}

/**
 * weir_channel_purge - throw messages away
 * @ch: channel
 * @state: WEIR_MESSAGE_STATE_DEAD, or any other for those that wait
 *
 * As many as there are now, however many come meanwhile. Return: how many;
 * fewer if the caller is being killed, but for a closed channel. Context: may
 * sleep.
 */
u64 weir_channel_purge(struct weir_channel *ch, u32 state)
{
	u64 left = nr_to_purge(ch, state), all = 0;
	struct weir_change c;
	u32 n = 1;

	while (left && n) {
		weir_channel_lock(&c, ch);
		n = weir_ledger_purge(&ch->eng, state, min(left, 256ULL));
		c.wake.events = true;
		weir_channel_unlock(&c);
		left -= n;
		all += n;
		if (fatal_signal_pending(current) &&
		    !READ_ONCE(ch->eng.closed))
			break;
		cond_resched();
	}
	return all;
}

/**
 * weir_channel_find - by name
 * @name: any string
 *
 * Return: the channel with a reference; -ENODEV, -EINTR.
 */
struct weir_channel *weir_channel_find(const char *name)
{
	struct weir_channel *ch;

	if (mutex_lock_killable(&table_lock))
		return ERR_PTR(-EINTR);
	ch = lookup(name);
	if (ch)
		kref_get(&ch->ref);
	mutex_unlock(&table_lock);
	return ch ?: ERR_PTR(-ENODEV);
}

/**
 * weir_channel_by_minor - by its device's number
 * @minor: any
 *
 * Return: as weir_channel_find().
 */
struct weir_channel *weir_channel_by_minor(u32 minor)
{
	struct weir_channel *ch;

	if (mutex_lock_killable(&table_lock))
		return ERR_PTR(-EINTR);
	ch = xa_load(&table, minor);
	if (ch)
		kref_get(&ch->ref);
	mutex_unlock(&table_lock);
	return ch ?: ERR_PTR(-ENODEV);
}

/**
 * weir_channel_next - the next one by id, for dumps
 * @id: least
 *
 * Return: the channel with a reference, NULL at the end, -EINTR.
 */
struct weir_channel *weir_channel_next(u32 id)
{
	struct weir_channel *ch;
	unsigned long at = id;

	if (mutex_lock_killable(&table_lock))
		return ERR_PTR(-EINTR);
	ch = xa_find(&table, &at, ULONG_MAX, XA_PRESENT);
	if (ch)
		kref_get(&ch->ref);
	mutex_unlock(&table_lock);
	return ch;
}

/**
 * weir_channel_may - may the calling process open the device file so?
 * @ch: channel
 * @mask: MAY_READ, MAY_WRITE, or both for either
 */
bool weir_channel_may(const struct weir_channel *ch, int mask)
{
	umode_t mode = READ_ONCE(ch->rights.mode);

	if (uid_eq(current_fsuid(), ch->rights.uid))
		mode >>= 6;
	else if (in_group_p(ch->rights.gid))
		mode >>= 3;
	return mode & mask ||
	       ns_capable_noaudit(&init_user_ns, CAP_DAC_OVERRIDE);
}

/**
 * weir_channel_init - at module load
 *
 * Return: 0 or -ENOMEM.
 */
int weir_channel_init(void)
{
	weir_channel_wq = alloc_workqueue("weir", WQ_UNBOUND, 0);
	return weir_channel_wq ? 0 : -ENOMEM;
}

/**
 * weir_channel_exit - delete all channels; at module exit
 *
 * No device file is open and no client attached, or the module could not be
 * unloaded; no message is held, for the same reason.
 */
void weir_channel_exit(void)
{
	struct weir_channel *ch;
	unsigned long id;
	int err;

	xa_for_each(&table, id, ch) {
		mutex_lock(&table_lock);
		err = unlink_channel(ch, true);
		mutex_unlock(&table_lock);
		if (!err)
			dismantle(ch);
	}
	weir_feed_exit();
	destroy_workqueue(weir_channel_wq);
	xa_destroy(&table);
}
