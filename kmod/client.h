/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_CLIENT_H
#define _WEIR_CLIENT_H

#include "channel.h"
#include "holder.h"
#include "spin.h"

/**
 * struct weir_client - one process's attachment to a channel
 * @ep: first: what the engine knows of it.
 * @ref: one for its file; others for short use.
 * @link: in the channel's list of clients.
 * @claim_lock: one claim at a time; @held's holder.
 * @pid: @uid: of the holder; engine's lock.
 * @held: ends it with its process.
 * @nr_vmas: its mappings.
 * @rings_mem: rings, entries and completions, @rings_len bytes.
 * @memory: bytes of blocks it was granted, at most @block_max; @grant_lock.
 * @account: of the user that attached it.
 * @recalled: it was asked to give back, and has not been granted any since;
 *	engine's lock.
 * @head_seen: its position in the completion ring when it last submitted;
 *	sq_lock.
 * @spin_read: @spin_room: see there; for completions, for room.
 * @cpu_last: ns of CPU its process had used at the last look; only the
 *	channel's load work.
 */
struct weir_client {
	struct weir_endpoint ep;
	struct kref ref;
	struct weir_channel *ch;
	struct list_head link;
	struct rcu_head rcu;

	struct mutex claim_lock;
	struct weir_held held;
	struct pid *pid;
	kuid_t uid;
	u64 t_attach;

	atomic_t nr_vmas;
	void *rings_mem;
	u64 rings_len;
	struct weir_tag *tag_mem;

	struct mutex grant_lock;
	u64 memory;
	u64 block_max;
	struct weir_account *account;
	bool recalled;
	u32 head_seen;

	struct weir_spin spin_read;
	struct weir_spin spin_room;

	u64 cpu_last;
};

struct io_uring_cmd;

int weir_client_attach(struct weir_channel *ch, fmode_t mode,
		       struct weir_attach __user *uarg);
int weir_client_check(struct weir_client *c);
void weir_client_end(struct weir_client *c, enum weir_end how);
bool weir_client_tryget(struct weir_client *c);
void weir_client_put(struct weir_client *c);
struct pid *weir_client_pid(struct weir_client *c);

/* enter.c */
long weir_client_enter(struct weir_client *c, const struct weir_enter *arg);
int weir_client_submit(struct weir_client *c, u32 to_submit);
long weir_client_settle(struct weir_client *c, struct weir_settle *arg);

/* uring.c */
int weir_client_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

/* grant.c */
long weir_client_grant(struct weir_client *c, struct weir_grant *arg);
long weir_client_giveback(struct weir_client *c,
			  const struct weir_giveback *arg);

#endif /* _WEIR_CLIENT_H */
