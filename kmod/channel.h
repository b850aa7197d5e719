/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_CHANNEL_H
#define _WEIR_CHANNEL_H

#include <linux/cred.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "core/engine.h"
#include "pool.h"

struct weir_feed;

/**
 * struct weir_endpoint - a peer that can sleep
 * @wait: for completions, for settlement, for its end. @poll: who polls; apart,
 *	since it has a low-water mark.
 */
struct weir_endpoint {
	struct weir_peer peer;
	wait_queue_head_t wait;
	wait_queue_head_t poll;
};

/**
 * struct weir_rights - of the device file
 */
struct weir_rights {
	kuid_t uid;
	kgid_t gid;
	umode_t mode;
};

/**
 * struct weir_channel
 * @ref: one for being in the table, one per open device file and client.
 * @id: minor number; never reused while the module is loaded.
 * @rights: changed under the table's lock; read as hints.
 * @clients: all attached, until their files are gone. @readers: open device
 *	files that have read. @clients_lock: both.
 * @writer: sends what comes by write(2); @writer_lock.
 * @timer: calls weir_engine_tick(). @armed: for when, or U64_MAX.
 * @pinned: the module cannot be unloaded since a message is held.
 *	@sync_lock: both.
 * @reclaim: takes orphaned blocks to the pool. @recall: asks for empty ones.
 * @news: sends notifications. @loads: measures workers' loads.
 * @room: senders that wait for room, first come first served.
 * @room_poll: who polls for room; apart, since a poller may be an exclusive
 *	waiter that takes a wake-up and does nothing. @arrived: who polls the device file for messages.
 * @promised_turn: those who need not call came before them last time; a hint.
 * @policy: what its engine's hook is attached to, or NULL. @policy_link: among
 *	those that use it. Both under the lock of policy.c.
 * @full_at: ns, last notification that it was full; written by @news.
 * @feed: of BPF programs, or NULL; see feed.c.
 * @enters: @wakeups: @spins: @feed_missed: counted without a lock.
 */
struct weir_channel {
	char name[WEIR_NAME_MAX + 1];
	struct kref ref;
	u32 id;
	u64 t_create;
	struct weir_rights rights;
	struct list_head link;
	struct rcu_head rcu;
	struct device *dev;

	struct weir_engine eng;
	struct weir_pool pool;

	struct mutex clients_lock;
	struct list_head clients;
	struct list_head readers;
	u32 last_client;

	struct weir_policy *policy;
	struct list_head policy_link;

	struct mutex writer_lock;
	struct weir_endpoint writer;
	struct weir_feed __rcu *feed;

	spinlock_t sync_lock;
	struct hrtimer timer;
	u64 armed;
	bool pinned;

	struct work_struct reclaim;
	struct work_struct recall;
	struct work_struct news;
	struct delayed_work loads;
	u64 loads_at;
	u64 full_at;
	bool drained;

	wait_queue_head_t room;
	wait_queue_head_t room_poll;
	wait_queue_head_t arrived;
	bool promised_turn;
	atomic64_t enters;
	atomic64_t wakeups;
	atomic64_t spins;
	atomic64_t feed_missed;
};

extern struct workqueue_struct *weir_channel_wq;

int weir_channel_init(void);
void weir_channel_exit(void);
struct weir_channel *weir_channel_create(const char *name,
					 const struct weir_rights *rights,
					 const struct weir_config *cfg,
					 const char *policy,
					 const char *cgroup);
int weir_channel_delete(struct weir_channel *ch, bool force);
int weir_channel_set_rights(struct weir_channel *ch,
			    const struct weir_rights *rights);
void weir_channel_configure(struct weir_channel *ch,
			    const struct weir_config *cfg);
u64 weir_channel_purge(struct weir_channel *ch, u32 state);
struct weir_channel *weir_channel_find(const char *name);
struct weir_channel *weir_channel_by_minor(u32 minor);
struct weir_channel *weir_channel_next(u32 id);
void weir_channel_put(struct weir_channel *ch);
bool weir_channel_may(const struct weir_channel *ch, int mask);
const char *weir_channel_bad_name(const char *name);

/* Is it news that the channel is full? Once a second at most; a hint. */
static inline bool weir_channel_full_due(const struct weir_channel *ch, u64 now)
{
	u64 at = READ_ONCE(ch->full_at);

	return !at || now - at > NSEC_PER_SEC;
}

#endif /* _WEIR_CHANNEL_H */
