/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One engine with one sender and many workers, and their user sides. What the
 * user sides do is not measured.
 */
#ifndef _WEIR_BENCH_RIG_H
#define _WEIR_BENCH_RIG_H

#include "engine.h"

/**
 * struct load - what is measured
 * @batch: messages to one call.
 * @workers: attached.
 * @keys: so many different ones in turn; 0 for none.
 * @priorities: so many different ones in turn, with keys by key.
 */
struct load {
	u32 batch;
	u32 workers;
	u32 keys;
	u32 priorities;
};

/* One client and its user side. @tokens: what a worker holds. */
struct side {
	struct weir_peer p;
	struct weir_ring ring;
	struct weir_sqe *sqes;
	struct weir_cqe *cqes;
	u32 tail;
	u32 head;
	u32 *tokens;
	u32 nr_tokens;
};

/**
 * struct rig
 * @now: the time; goes on with each call, reading a clock is not the engine's.
 * @free: buffers of the sender.
 * @sent: messages so far.
 */
struct rig {
	struct load load;
	struct weir_engine e;
	struct weir_map map;
	struct weir_wake wake;
	u64 now;
	struct side sender;
	struct side *workers;
	u64 *free;
	u32 nr_free;
	u32 nr_bufs;
	u64 sent;
};

_Noreturn void rig_fail(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

struct rig *rig_new(const struct load *load, u32 sender_cq);
void rig_free(struct rig *r);
void rig_pause(struct rig *r, bool pause);

void rig_write_sends(struct rig *r, u32 n, bool plain);
void rig_write_nops(struct rig *r, u32 n);
void rig_write_acks(struct side *s);
void rig_read(struct rig *r, struct side *s);

/* The calls of the kernel's side. */
int rig_enter(struct rig *r, struct side *s, u32 want);
void rig_finish(struct rig *r);
/* After each of them, what kmod does: whom to wake may be woken again. */
void rig_wake(struct rig *r);

#endif /* _WEIR_BENCH_RIG_H */
