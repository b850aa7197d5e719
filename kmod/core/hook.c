// SPDX-License-Identifier: GPL-2.0-only
/*
 * A channel's use of a policy that does not come with the module: its callbacks
 * are called, timed and judged here.
 *
 * A wrong answer is counted and replaced by what least-loaded would do. Too many
 * of them (`policy-errors` in a second) are a fault. So is taking too long: each
 * call that takes n times `policy-budget` is charged n, at most 16, and 64
 * charges within 64 calls are a fault. So one call that was held up by
 * something else is none, and the longest that a policy can hold a channel up
 * is four very long calls.
 *
 * A policy at fault is not asked again; whoever reads @fault detaches it.
 */
#include "engine.h"

#define LOOKS_MAX	64

static void fault(struct weir_engine *e, u32 why)
{
	if (e->hook.fault)
		return;
	WRITE_ONCE(e->hook.fault, why);
	e->wake->events = true;
}

static void charge(struct weir_engine *e, u64 ns)
{
	struct weir_hook *h = &e->hook;
	u64 budget = max(e->cfg.policy_budget, 1U);

	h->stats.calls++;
	h->stats.ns += ns;
	h->stats.max = max(h->stats.max, ns);
	h->charges += min_t(u64, div64_u64(ns, budget), WEIR_HOOK_CHARGE_MAX);
	if (h->charges >= WEIR_HOOK_CHARGES)
		fault(e, WEIR_POLICY_EXIT_SLOW);
	if (++h->nr_calls == WEIR_HOOK_WINDOW) {
		h->nr_calls = 0;
		h->charges = 0;
	}
}

static void wrong(struct weir_engine *e)
{
	struct weir_hook *h = &e->hook;

	h->stats.errors++;
	e->c.policy_errors++;
	if (h->ctx.now - h->errors_at >= WEIR_HOOK_SPAN) {
		h->errors_at = h->ctx.now;
		h->nr_errors = 0;
	}
	if (++h->nr_errors >= max(e->cfg.policy_errors, 1U))
		fault(e, WEIR_POLICY_EXIT_ERRORS);
}

/* What all callbacks are told; the rest is 0. */
static struct weir_policy_ctx *begin(struct weir_engine *e,
				     struct weir_msg *msg)
{
	struct weir_hook *h = &e->hook;

	memset(&h->ctx, 0, sizeof(h->ctx));
	h->msg = msg;
	h->ctx.channel = h->channel;
	h->ctx.nr_workers = e->nr_workers;
	h->ctx.waiting = e->lane.nr_waiting;
	h->ctx.now = weir_port_clock();
	return &h->ctx;
}

static void about(struct weir_policy_ctx *ctx, const struct weir_msg *msg,
		  u32 uid)
{
	ctx->key = msg->key;
	ctx->deadline = msg->deadline;
	ctx->len = msg->len;
	ctx->cost = msg->cost;
	ctx->uid = uid;
	ctx->sender = msg->src;
	ctx->prio = msg->prio;
	ctx->attempts = msg->attempts;
	ctx->mtype = msg->mtype;
	ctx->encoding = msg->encoding;
}

static void about_waiting(struct weir_policy_ctx *ctx,
			  const struct weir_msg *msg)
{
	about(ctx, msg, weir_msg_uid(msg));
	ctx->age = weir_elapsed(msg->t_submit, ctx->now);
}

static int ask(struct weir_engine *e, int (*fn)(struct weir_policy_ctx *ctx))
{
	struct weir_policy_ctx *ctx = &e->hook.ctx;
	int res = fn(ctx);

	charge(e, weir_elapsed(ctx->now, weir_port_clock()));
	e->hook.msg = NULL;
	return res;
}

static void tell(struct weir_engine *e, void (*fn)(struct weir_policy_ctx *ctx))
{
	struct weir_policy_ctx *ctx = &e->hook.ctx;

	fn(ctx);
	charge(e, weir_elapsed(ctx->now, weir_port_clock()));
}

/* The last call; it is no longer judged. */
static void leave(struct weir_engine *e, const struct weir_policy_ops *ops)
{
	begin(e, NULL);
	if (ops->exit)
		ops->exit(&e->hook.ctx);
}

/**
 * weir_hook_attach - a channel begins to use a policy
 * @e: engine, locked; may use another until now
 * @ops: stays until weir_hook_detach(), or until another takes its place
 *
 * Return: 0, or what its init said, and nothing is changed.
 */
int weir_hook_attach(struct weir_engine *e, const struct weir_policy_ops *ops)
{
	struct weir_hook *h = &e->hook, old = *h;
	int err = 0;

	memset(h, 0, sizeof(*h));
	h->channel = old.channel;
	begin(e, NULL);
	if (ops->init)
		err = ask(e, ops->init);
	if (err) {
		*h = old;
		return err < 0 ? err : -EINVAL;
	}
	h->ops = ops;
	if (old.ops)
		leave(e, old.ops);
	return 0;
}

/**
 * weir_hook_detach - it does no longer
 * @e: engine, locked, that uses one
 *
 * A built-in policy decides from now on. No callback runs or is called
 * afterwards: all of them are under the lock.
 */
void weir_hook_detach(struct weir_engine *e)
{
	const struct weir_policy_ops *ops = e->hook.ops;

	e->hook.ops = NULL;
	e->hook.fault = 0;
	e->hook.pick = NULL;
	leave(e, ops);
}

/**
 * weir_hook_worker - a worker by its id
 * @e: engine, locked
 * @id: any
 *
 * Return: NULL if there is none, or none any more.
 */
struct weir_peer *weir_hook_worker(struct weir_engine *e, u32 id)
{
	struct weir_peer *p;

	hlist_for_each_entry(p, &e->by_id[id % WEIR_ID_BUCKETS], id_link)
		if (p->worker == id && !p->gone)
			return p;
	return NULL;
}

/**
 * weir_hook_select - ask the policy who gets the next messages
 * @e: engine, locked, with messages that may go
 * @other: whom least-loaded would take
 *
 * Return: a worker with room.
 */
struct weir_peer *weir_hook_select(struct weir_engine *e,
				   struct weir_peer *other)
{
	struct weir_msg *first = weir_lane_first(&e->lane);
	struct weir_policy_ctx *ctx = begin(e, first);
	struct weir_peer *p;
	int id;

	e->hook.pick = NULL;
	about_waiting(ctx, first);
	id = ask(e, e->hook.ops->select);
	if (id < 0)
		return other;
	p = id ? weir_hook_worker(e, id) : NULL;
	if (p && !p->reserved && weir_policy_room(e, p))
		return p;
	wrong(e);
	return other;
}

/**
 * weir_hook_earliest - have the message with the earliest deadline go first
 * @e: engine, locked, its policy being asked by weir_hook_select()
 *
 * Only messages that may go at once; of those with the earliest deadlines
 * LOOKS_MAX are looked at. Return: 0, and the policy is told of that message;
 * -ENOENT there is none; -EINVAL this is no time to ask.
 */
int weir_hook_earliest(struct weir_engine *e)
{
	struct weir_hook *h = &e->hook;
	struct weir_msg *msg;

	if (!h->msg || h->msg->state != WEIR_MSG_READY || h->ctx.worker)
		return -EINVAL;
	msg = weir_lane_earliest(&e->lane, LOOKS_MAX);
	if (!msg)
		return -ENOENT;
	h->pick = msg;
	h->msg = msg;
	about_waiting(&h->ctx, msg);
	return 0;
}

/**
 * weir_hook_take - take the message out that the policy wants to go first
 * @e: engine, locked; weir_hook_select() has just been asked
 *
 * Return: the message, to be delivered, or NULL for the lane's first.
 */
struct weir_msg *weir_hook_take(struct weir_engine *e)
{
	struct weir_msg *msg = e->hook.pick;

	if (msg) {
		e->hook.pick = NULL;
		weir_lane_remove(&e->lane, msg);
	}
	return msg;
}

/**
 * weir_hook_batch - how many messages a worker gets
 * @e: engine, locked; weir_hook_select() has just been asked
 * @p: the worker
 * @n: what it would get
 *
 * Return: 1 or more, at most what waits and what it has room for.
 */
u32 weir_hook_batch(struct weir_engine *e, struct weir_peer *p, u32 n)
{
	const struct weir_policy_ops *ops = e->hook.ops;
	struct weir_msg *first;
	struct weir_policy_ctx *ctx;
	int res;

	if (e->hook.pick || ops->flags & WEIR_POLICY_PER_MESSAGE)
		return 1;
	if (!ops->batch || e->hook.fault)
		return n;
	first = weir_lane_first(&e->lane);
	ctx = begin(e, first);
	about_waiting(ctx, first);
	ctx->worker = p->worker;
	ctx->nr = n;
	res = ask(e, ops->batch);
	if (res < 0)
		wrong(e);
	if (res <= 0)
		return n;
	return min3((u64)res, e->lane.nr_waiting,
		    (u64)weir_policy_room(e, p));
}

/**
 * weir_hook_admit - ask the policy whether a message may enter
 * @e: engine, locked, with room for it
 * @msg: STAGED
 * @uid: of its sender
 *
 * Return: 0 or -ENOBUFS.
 */
int weir_hook_admit(struct weir_engine *e, struct weir_msg *msg, u32 uid)
{
	struct weir_policy_ctx *ctx;
	int res;

	if (!weir_hook_admits(e))
		return 0;
	ctx = begin(e, msg);
	about(ctx, msg, uid);
	res = ask(e, e->hook.ops->admit);
	if (res > 0)
		wrong(e);
	if (res >= 0)
		return 0;
	e->c.refused_policy++;
	return -ENOBUFS;
}

/**
 * weir_hook_done - tell the policy that a worker has answered
 * @e: engine, locked
 * @p: worker
 * @nr: messages
 */
void weir_hook_done(struct weir_engine *e, const struct weir_peer *p, u32 nr)
{
	struct weir_policy_ctx *ctx;

	if (!weir_hook_on(e) || !e->hook.ops->done)
		return;
	ctx = begin(e, NULL);
	ctx->worker = p->worker;
	ctx->nr = nr;
	tell(e, e->hook.ops->done);
}

/**
 * weir_hook_tick - tell the policy that a load interval is over
 * @e: engine, locked
 */
void weir_hook_tick(struct weir_engine *e)
{
	if (!weir_hook_on(e) || !e->hook.ops->tick)
		return;
	begin(e, NULL);
	tell(e, e->hook.ops->tick);
}

/**
 * weir_hook_resize - tell the policy that a worker has come or leaves
 * @e: engine, locked
 * @p: worker
 * @came: which
 */
void weir_hook_resize(struct weir_engine *e, const struct weir_peer *p,
		      bool came)
{
	struct weir_policy_ctx *ctx;

	if (!weir_hook_on(e) || !e->hook.ops->resize)
		return;
	ctx = begin(e, NULL);
	ctx->worker = p->worker;
	ctx->nr = came;
	tell(e, e->hook.ops->resize);
}
