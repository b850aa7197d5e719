/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An engine with all that surrounds it: pool, clients, and their user side,
 * which reads and writes the rings as the ordering contract of
 * <linux/weir.h> says.
 */
#ifndef _WEIR_UNIT_WORLD_H
#define _WEIR_UNIT_WORLD_H

#include "engine.h"
#include "test.h"

#define MS	1000000ULL	/* ns */

struct client;

/**
 * struct world
 * @now: the time, moved on by the test.
 * @wake: news since the test last cleared it; @peers is always emptied.
 * @freed: blocks that came back to the pool.
 */
struct world {
	struct weir_engine e;
	struct weir_map map;
	u64 now;
	struct weir_wake wake;
	u32 next_id;
	u32 next_slot[WEIR_ZONES];
	struct client *clients;
	struct weir_block *blocks[1024];
	u32 nr_blocks;
	u32 freed;
};

/**
 * struct client - a peer, the memory it needs, and its user side
 * @tail: submission entries written; publish() shows it to the kernel.
 * @head: completions read.
 * @free: buffers it may write to, last in first out; @max_free: all it has.
 * @nr_woken: how often it was woken.
 */
struct client {
	struct weir_peer p;
	struct world *w;
	struct client *next;
	struct weir_ring ring;
	struct weir_sqe *sqes;
	struct weir_cqe *cqes;
	struct weir_tag *tags;
	u32 tail;
	u32 head;
	u64 *free;
	u32 nr_free;
	u32 max_free;
	u32 nr_woken;
};

/* The defaults of weir.yaml, but inflight 64. */
extern const struct weir_config world_config;

/* Called around each hand-out of messages, with the engine locked. */
extern void (*world_before_dispatch)(struct weir_engine *e);
extern void (*world_after_dispatch)(struct weir_engine *e);
/*
 * Called around each look at a submission ring, with its sq_lock held: an
 * ENTER, the end of a client, or a sweep. @n: slots taken.
 */
extern void (*world_before_submit)(struct weir_peer *p, u32 want, bool force);
extern void (*world_after_submit)(struct weir_peer *p, int n);
/* Called with what the engine takes of those that wait behind a leader. */
extern void (*world_parked)(const struct weir_msg *msg);

void world_init(struct world *w, const struct weir_config *cfg);
void world_exit(struct world *w);

/* Between these: one change of the engine, finished and checked. */
void world_lock(struct world *w);
void world_unlock(struct world *w);

/* The whole state is consistent; the engine must not be in use. */
void world_check(struct world *w);
void world_configure(struct world *w, const struct weir_config *cfg);
void world_state(struct world *w, u32 state);
void world_tick(struct world *w, u64 ns);
/* What the timer does once. */
void world_tick_once(struct world *w);
struct weir_msg *world_msg(struct world *w, u64 seq);
/* Wakes who is to be woken; counts, and takes orphaned blocks to the pool. */
void world_wake(struct world *w, struct weir_wake *wake);

struct client *client_new(struct world *w, u32 role, u32 sq, u32 cq,
			  u32 inflight);
struct client *client_kernel(struct world *w, u32 role);
struct client *producer(struct world *w);
struct client *worker(struct world *w);
/* Return: whether it had not ended before. */
bool client_end(struct client *c, enum weir_end how);
struct weir_block *client_grant(struct client *c, u32 cls);
int client_giveback(struct client *c, struct weir_block *b);
void client_stop(struct client *c, bool stop);

/* User side: submission. sq_space() is how many entries may be written. */
u32 sq_space(struct client *c);
struct weir_sqe *sqe_next(struct client *c, u8 op);
void publish(struct client *c);
int enter(struct client *c);
int enter_max(struct client *c, u32 max);
int enter_want(struct client *c);
int enter_want_n(struct client *c, u32 want);
u64 buf_take(struct client *c);
struct weir_sqe *sqe_send(struct client *c, u32 len);
struct weir_sqe *sqe_answer(struct client *c, u8 op, u32 token);
/* Each of these enters, and fails the test if the entry is not consumed. */
void send_one(struct client *c);
void send_many(struct client *c, u32 n);
void answer(struct client *c, u8 op, u32 token);
void answer_after(struct client *c, u8 op, u32 token, u32 ms);

/* User side: completion. */
u32 unread(struct client *c);
bool cqe_pop(struct client *c, struct weir_cqe *cqe);
/* The next completion must be of this type. */
struct weir_cqe cqe_get(struct client *c, u8 type);
struct weir_cqe msg_get(struct client *c);
int result_get(struct client *c);
/* Takes all returned buffers; nothing else may have come. */
u32 returns_get(struct client *c);
void cqe_none(struct client *c);

#endif /* _WEIR_UNIT_WORLD_H */
