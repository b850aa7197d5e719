/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a channel must do, said once more and as plainly as possible: one array
 * of messages, searched from end to end for everything. It shares no code with
 * the engine. Which worker gets a message is left open: the model is told, and
 * says whether that was right.
 */
#ifndef _WEIR_UNIT_MODEL_H
#define _WEIR_UNIT_MODEL_H

#include <weir/counters.h>

#include "config.h"
#include "test.h"

#define MODEL_MSGS	2000	/* alive, or gone in one step */
#define MODEL_PEERS	1000
#define MODEL_PENDING	64

enum { GONE, READY, DELAYED, INFLIGHT, DEAD };

/* How it waits: never handed out, handed out before, suspected of a crash. */
enum { FRESH, AGAIN, ALONE };

struct model_msg {
	u64 id;
	int state;
	int way;
	u64 addr;
	u32 len;
	u32 sender;		/* 0 once it has ended */
	u32 attempts;
	u32 deliveries;
	u64 since;		/* accepted */
	u64 due;
	u32 holder;
	u32 token;
	u32 pos;		/* of its completion */
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
	u32 limit;
	struct model_entry pending[MODEL_PENDING];
	u32 nr_pending;
	u64 accepted, refused, settled_acked, settled_dead;
	u64 delivered, acked, failed;
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
	u32 nr;			/* of msg, by id */
	struct model_msg msg[MODEL_MSGS];
	struct model_peer peer[MODEL_PEERS];
	struct model_counters c;
};

struct model_msg *model_msg(struct model *m, u64 id);
u32 model_count(const struct model *m, int state);
/* The ready ones that wait in this way, in the order they leave. */
u32 model_line(struct model *m, int way, struct model_msg **line);
/* The dead, first died first. */
u32 model_dead(struct model *m, struct model_msg **line);
u32 model_held(const struct model *m, u32 peer);

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
void model_deliver(struct model *m, u32 peer, u64 id, u32 token, u32 pos);
/* May messages that are not suspect go to a worker now? (linger) */
bool model_released(struct model *m);
bool model_balanced(const struct model *m);
/* Forgets those that are gone; pointers to messages are void then. */
void model_sweep(struct model *m);

#endif /* _WEIR_UNIT_MODEL_H */
