/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a channel must do, said once more and as plainly as possible: one array
 * of messages, searched from end to end for everything. It shares no code with
 * the engine. Which worker gets a message is left open: the model is told, and
 * says whether that was right. So is which of those behind the leaders of their
 * keys is given up.
 */
#ifndef _WEIR_UNIT_MODEL_H
#define _WEIR_UNIT_MODEL_H

#include <weir/counters.h>

#include "config.h"
#include "test.h"

#define MODEL_MSGS	2000	/* alive, or gone in one step */
#define MODEL_PEERS	1000
#define MODEL_PENDING	64
#define MODEL_HOLDERS	8	/* of one message, in a fan-out */
#define MODEL_PRIOS	8

/* MOVING: between two states, within one step of the model. */
enum { GONE, READY, DELAYED, INFLIGHT, DEAD, MOVING };

/* How it waits: never handed out, handed out before, suspected of a crash. */
enum { FRESH, AGAIN, ALONE };

struct model_hold {
	u32 peer;
	u32 token;
	u32 pos;		/* of its completion */
};

struct model_msg {
	u64 id;
	int state;
	int way;
	u64 addr;
	u32 len;
	u32 prio;
	u32 cost;
	u64 key;
	u64 turn;		/* its place among those of its key; 0 none yet */
	u64 deadline;
	u64 watched;		/* order in which they began to wait */
	u32 sender;		/* 0 once it has ended */
	bool acked;		/* fan-out: by anybody */
	u32 attempts;
	u32 deliveries;
	u64 since;		/* accepted */
	u64 delivered;		/* at what time, last */
	u64 answer_by;		/* 0: at any time */
	u64 due;
	struct model_hold hold[MODEL_HOLDERS];
	u32 nr_hold;
	u64 died;		/* order of deaths */
	int reason;
};

/* An entry that was published. */
struct model_entry {
	u8 op;
	u8 flags;
	bool bad;		/* refused whatever happens */
	u64 addr;
	u32 len;
	u32 prio;
	u32 cost;
	u64 key;
	u64 deadline;
	u32 defer_ms;
	u32 nr;
	u32 token[14];
	u32 delay_ms;
};

struct model_peer {
	bool here;
	bool sends;
	bool works;
	bool stopped;
	bool want;
	bool late;		/* it let a time pass, and has not called since */
	u32 limit;
	struct model_entry pending[MODEL_PENDING];
	u32 nr_pending;
	u64 accepted, refused, settled_acked, settled_dead;
	u64 delivered, acked, failed, dropped;
};

struct model_counters {
#define X(field, attr, help) u64 field;
	WEIR_COUNTERS(X)
#undef X
};

struct model {
	struct weir_config cfg;
	u64 now;
	u64 last;		/* id */
	u64 deaths;
	u64 turns;
	u64 watches;
	u32 passed[MODEL_PRIOS];	/* how often a priority was passed over */
	u32 nr;			/* of msg, by id */
	struct model_msg msg[MODEL_MSGS];
	struct model_peer peer[MODEL_PEERS];
	struct model_counters c;
	/* Which of those behind a leader is given up. */
	u64 (*pick_parked)(void);
	/* How often what happened. */
	struct {
		u64 starved, parked, deferred, dropped_parked, shares;
	} seen;
};

struct model_msg *model_msg(struct model *m, u64 id);
u32 model_count(const struct model *m, int state);
/* Messages that are with workers, each as often as it is. */
u32 model_inflight(const struct model *m);
/* The first of its key that is in the channel, or the message without one. */
struct model_msg *model_leader(struct model *m, struct model_msg *x);
bool model_parked(struct model *m, struct model_msg *x);
/* Those that may go with others, any order. */
u32 model_waiting(struct model *m, struct model_msg **line);
/* The suspects, in the order they leave. */
u32 model_suspects(struct model *m, struct model_msg **line);
/* Of those that may go with others, the one that goes first. */
struct model_msg *model_next(struct model *m);
/* The dead, first died first. */
u32 model_dead(struct model *m, struct model_msg **line);
u32 model_held(const struct model *m, u32 peer);
/* Ready and delayed messages of a sender. */
u32 model_queued(const struct model *m, u32 peer);

/*
 * Takes pending entries while @room results may be given. Return: how many
 * entries were taken.
 */
u32 model_enter(struct model *m, u32 peer, u32 room, bool force);
void model_end(struct model *m, u32 peer, u32 head, bool died);
bool model_kill(struct model *m, u64 id);
bool model_requeue(struct model *m, u64 id);
bool model_release(struct model *m, u64 id);
u32 model_purge(struct model *m, bool dead, u32 max);
void model_tick(struct model *m);
/*
 * Those that are not answered in time are taken back. For each worker: the head
 * of its ring, and whether it waits for messages.
 */
void model_overdue(struct model *m, const u32 *head, const bool *waits);
/* The time to answer is another than @before. */
void model_time_anew(struct model *m, u64 before);
/* Those whose deadline has passed die. Return: how many. */
u32 model_expire(struct model *m);
/* A message leaves those that wait, to be given to one worker or several. */
void model_take(struct model *m, struct model_msg *x);
void model_deliver(struct model *m, struct model_msg *x, u32 peer, u32 token,
		   u32 pos);
/* Fan-out: all that were to get it have been looked at. */
void model_handed(struct model *m, struct model_msg *x, u32 subscribers);
void model_too_slow(struct model *m, u32 peer);
/* May messages that are not suspect go to a worker now? (linger) */
bool model_released(struct model *m, u32 batch);
bool model_full(const struct model *m);
bool model_over_share(const struct model *m, u32 peer);
bool model_balanced(const struct model *m);
/* Forgets those that are gone; pointers to messages are void then. */
void model_sweep(struct model *m);

#endif /* _WEIR_UNIT_MODEL_H */
