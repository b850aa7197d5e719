/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A policy: one table of callbacks, and what it is asked about.
 *
 * The policies that come with the module are a switch in policy.c. All others
 * fill in a struct weir_policy_ops and are called through hook.c: under the
 * engine's lock, bottom halves off, one call at a time for a channel. What they
 * answer is a hint.
 *
 * Both structs are seen by BPF programs, by their members' names: members may be
 * appended or moved, and keep name and meaning.
 */
#ifndef _WEIR_CORE_POLICY_H
#define _WEIR_CORE_POLICY_H

#include "port.h"

#define WEIR_POLICY_NAME_MAX	15	/* bytes, without the NUL */

struct weir_engine;

/* What a policy asks for: @flags of struct weir_policy_ops. */
enum weir_policy_flags {
	/* select is asked for each message, not for a chunk */
	WEIR_POLICY_PER_MESSAGE = 1U << 0,
};

#define WEIR_POLICY_FLAGS	WEIR_POLICY_PER_MESSAGE

/**
 * struct weir_policy_ctx - what a callback is told
 * @channel: its id. @nr_workers: attached to it.
 * @now: ns, CLOCK_MONOTONIC.
 * @waiting: messages that may go; those that are delayed, or parked behind one
 *	of their key, are not among them.
 *
 * select, batch: the message that goes first; admit: the one that wants in:
 * @key: 0 for none. @deadline: ns, 0 for none. @age: ns since it was accepted.
 * @len: bytes. @cost: the sender's hint. @prio: 0 is the most urgent.
 * @attempts: counted deliveries that failed. @sender: client id, 0 for write(2).
 * @uid: of the sender, in the initial user namespace. @mtype: @encoding: the
 * sender's words.
 *
 * @worker: batch: who was chosen; done: who answered; resize: who came or left.
 * @nr: batch: messages it would get; done: messages answered; resize: 1 it came,
 *	0 it left.
 *
 * Whatever does not apply to a callback is 0.
 */
struct weir_policy_ctx {
	u32 channel;
	u32 nr_workers;
	u64 now;
	u64 waiting;

	u64 key;
	u64 deadline;
	u64 age;
	u32 len;
	u32 cost;
	u32 uid;
	u32 sender;
	u32 prio;
	u32 attempts;
	u32 mtype;
	u32 encoding;

	u32 worker;
	u32 nr;
};

/**
 * struct weir_policy_ops - a policy
 * @name: how a channel asks for it. @flags: enum weir_policy_flags.
 * @init: a channel begins to use it. Return: 0, or a negative errno: it does
 *	not then.
 * @exit: a channel uses it no longer, whatever the reason; the last call.
 * @admit: may this message enter? Asked only where there is room. Return: 0 yes;
 *	negative no, it is refused with ENOBUFS.
 * @select: who gets the next messages? Return: a worker's id; negative for
 *	whomever least-loaded would take. The only one that must be there.
 * @batch: how many shall that worker get? Return: a number, 0 for @nr; more than
 *	wait or than it has room for is cut.
 * @done: a worker has answered.
 * @tick: at each load-interval while there is traffic.
 * @resize: a worker has come, or is about to leave.
 */
struct weir_policy_ops {
	char name[WEIR_POLICY_NAME_MAX + 1];
	u32 flags;
	int (*init)(struct weir_policy_ctx *ctx);
	void (*exit)(struct weir_policy_ctx *ctx);
	int (*admit)(struct weir_policy_ctx *ctx);
	int (*select)(struct weir_policy_ctx *ctx);
	int (*batch)(struct weir_policy_ctx *ctx);
	void (*done)(struct weir_policy_ctx *ctx);
	void (*tick)(struct weir_policy_ctx *ctx);
	void (*resize)(struct weir_policy_ctx *ctx);
};

/**
 * struct weir_policy_stats - what the callbacks cost
 * @calls: of all callbacks. @errors: answers that could not be followed.
 * @ns: their sum. @max: the longest.
 */
struct weir_policy_stats {
	u64 calls;
	u64 errors;
	u64 ns;
	u64 max;
};

/* Calls that took longer than the budget are charged for; see hook.c. */
#define WEIR_HOOK_WINDOW	64	/* calls in a window */
#define WEIR_HOOK_CHARGES	64	/* in one window, and it is out */
#define WEIR_HOOK_CHARGE_MAX	16	/* for one call */
#define WEIR_HOOK_SPAN		1000000000ULL	/* ns in which errors count */

/**
 * struct weir_hook - a channel's use of a policy; the engine's lock
 * @ops: the policy, or NULL: a built-in one decides.
 * @fault: enum weir_policy_exit, why it is asked no longer; 0 it is asked.
 * @channel: its id, for @ctx.
 * @msg: what @ctx is about, or NULL. @pick: the message that shall go first, by
 *	the policy's wish; NULL for the lane's first.
 * @nr_calls: @charges: in this window of calls.
 * @errors_at: ns, when @nr_errors began to be counted.
 */
struct weir_hook {
	const struct weir_policy_ops *ops;
	u32 channel;
	u32 fault;
	struct weir_msg *msg;
	struct weir_msg *pick;
	struct weir_policy_ctx ctx;
	struct weir_policy_stats stats;
	u32 nr_calls;
	u32 charges;
	u32 nr_errors;
	u64 errors_at;
};

#endif /* _WEIR_CORE_POLICY_H */
