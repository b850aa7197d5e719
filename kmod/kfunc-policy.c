// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a BPF policy may ask while it is being asked. The argument that all of these
 * have cannot be had elsewhere, so the engine's lock is held: nothing here
 * locks or sleeps.
 */
#include "kfunc.h"

#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/topology.h>

#include "compat.h"
#include "policy.h"

static struct weir_engine *engine_of(struct weir_policy_ctx *ctx)
{
	return container_of(ctx, struct weir_engine, hook.ctx);
}

static struct weir_peer *worker_of(struct weir_policy_ctx *ctx, u32 worker)
{
	return weir_hook_worker(engine_of(ctx), worker);
}

/* Its memory belongs to the program's stack. */
struct bpf_iter_weir_worker {
	u64 opaque[3];
} __aligned(8);

struct iter {
	struct weir_engine *e;
	struct weir_peer *at;
	u32 worker;
};

__bpf_kfunc_start_defs();

/**
 * bpf_weir_worker_load - a worker's load, in thousandths
 * @ctx: of the callback
 * @worker: id
 *
 * Return: as weirctl shows it; -ENOENT no such worker.
 */
__bpf_kfunc int bpf_weir_worker_load(struct weir_policy_ctx *ctx, u32 worker)
{
	struct weir_peer *p = worker_of(ctx, worker);

	return p ? (int)min(p->load, 1000U) : -ENOENT;
}

/**
 * bpf_weir_worker_cpu_use - its process's CPU use over the last interval, in
 *	thousandths
 * @ctx: of the callback
 * @worker: id
 *
 * Return: -ENOENT no such worker.
 */
__bpf_kfunc int bpf_weir_worker_cpu_use(struct weir_policy_ctx *ctx, u32 worker)
{
	struct weir_peer *p = worker_of(ctx, worker);

	return p ? (int)min(READ_ONCE(p->cpu), 1000U) : -ENOENT;
}

/**
 * bpf_weir_worker_held - how many messages a worker holds
 * @ctx: of the callback
 * @worker: id
 *
 * Return: -ENOENT no such worker.
 */
__bpf_kfunc int bpf_weir_worker_held(struct weir_policy_ctx *ctx, u32 worker)
{
	struct weir_peer *p = worker_of(ctx, worker);

	return p ? (int)p->tags.used : -ENOENT;
}

/**
 * bpf_weir_worker_queue - that, in thousandths of what it may hold
 * @ctx: of the callback
 * @worker: id
 *
 * Return: -ENOENT no such worker.
 */
__bpf_kfunc int bpf_weir_worker_queue(struct weir_policy_ctx *ctx, u32 worker)
{
	struct weir_peer *p = worker_of(ctx, worker);

	return p ? (int)min(p->tags.used * 1000 / p->limit, 1000U) : -ENOENT;
}

/**
 * bpf_weir_worker_room - how many messages a worker may be given now
 * @ctx: of the callback
 * @worker: id
 *
 * Return: 0 it may not be chosen; -ENOENT no such worker.
 */
__bpf_kfunc int bpf_weir_worker_room(struct weir_policy_ctx *ctx, u32 worker)
{
	struct weir_peer *p = worker_of(ctx, worker);

	if (!p)
		return -ENOENT;
	return p->reserved ? 0 : (int)weir_policy_room(engine_of(ctx), p);
}

/**
 * bpf_weir_worker_cpu - the processor its process last called from
 * @ctx: of the callback
 * @worker: id
 *
 * Return: -ENOENT no such worker.
 */
__bpf_kfunc int bpf_weir_worker_cpu(struct weir_policy_ctx *ctx, u32 worker)
{
	struct weir_peer *p = worker_of(ctx, worker);

	return p ? (int)READ_ONCE(p->on_cpu) : -ENOENT;
}

/**
 * bpf_weir_worker_node - the memory node of that processor
 * @ctx: of the callback
 * @worker: id
 *
 * Return: -ENOENT no such worker.
 */
__bpf_kfunc int bpf_weir_worker_node(struct weir_policy_ctx *ctx, u32 worker)
{
	struct weir_peer *p = worker_of(ctx, worker);

	return p ? cpu_to_node(READ_ONCE(p->on_cpu)) : -ENOENT;
}

/**
 * bpf_weir_ready - messages of a priority that may go
 * @ctx: of the callback
 * @prio: 0 is the most urgent
 *
 * Return: -EINVAL no such priority.
 */
__bpf_kfunc int bpf_weir_ready(struct weir_policy_ctx *ctx, u32 prio)
{
	if (prio >= WEIR_PRIORITIES_MAX)
		return -EINVAL;
	return engine_of(ctx)->lane.prio[prio].nr;
}

/**
 * bpf_weir_delayed - messages of a priority that wait for their time
 * @ctx: of the callback
 * @prio: 0 is the most urgent
 *
 * Return: -EINVAL no such priority.
 */
__bpf_kfunc int bpf_weir_delayed(struct weir_policy_ctx *ctx, u32 prio)
{
	if (prio >= WEIR_PRIORITIES_MAX)
		return -EINVAL;
	return engine_of(ctx)->lane.prio[prio].nr_delayed;
}

/**
 * bpf_weir_msg_payload - copy bytes of the message that the callback is about
 * @ctx: of select, batch or admit
 * @off: from its first byte
 * @buf: gets them
 * @buf__sz: how many are wanted
 *
 * Its sender may be changing them at this moment, unless `zerocopy` is off.
 * Return: how many were copied, fewer at the message's end; -ENODATA there is
 * no message.
 */
__bpf_kfunc int bpf_weir_msg_payload(struct weir_policy_ctx *ctx, u32 off,
				     void *buf, u32 buf__sz)
{
	struct weir_msg *msg = engine_of(ctx)->hook.msg;
	u32 len, done = 0, at;
	size_t part;
	void *data;

	if (!msg)
		return -ENODATA;
	len = msg->len > off ? min(msg->len - off, buf__sz) : 0;
	at = (weir_msg_index(msg) << weir_class_shift(msg->blk->cls)) +
	     msg->off + off;
	for (; done < len; done += part) {
		part = len - done;
		data = weir_pool_part(weir_pool_block(msg->blk), at + done,
				      &part);
		memcpy((char *)buf + done, data, part);
	}
	return len;
}

/**
 * bpf_weir_msg_earliest - have the message with the earliest deadline go first
 * @ctx: of select, which is about that message from then on
 *
 * That message goes alone, before those that should have gone first. Return: 0;
 * -ENOENT none that may go has a deadline, -EINVAL the callback is not select.
 */
__bpf_kfunc int bpf_weir_msg_earliest(struct weir_policy_ctx *ctx)
{
	return weir_hook_earliest(engine_of(ctx));
}

/**
 * bpf_iter_weir_worker_new - begin to look at all workers of the channel
 * @it: iterator
 * @ctx: of the callback
 *
 * Return: 0.
 */
__bpf_kfunc int bpf_iter_weir_worker_new(struct bpf_iter_weir_worker *it,
					 struct weir_policy_ctx *ctx)
{
	struct iter *i = (struct iter *)it;

	BUILD_BUG_ON(sizeof(struct iter) != sizeof(*it));
	BUILD_BUG_ON(__alignof__(struct iter) != __alignof__(*it));
	i->e = engine_of(ctx);
	i->at = list_first_entry(&i->e->workers, struct weir_peer, work_link);
	i->worker = 0;
	return 0;
}

/**
 * bpf_iter_weir_worker_next - the next one
 * @it: iterator
 *
 * Return: its id, or NULL after the last.
 */
__bpf_kfunc u32 *bpf_iter_weir_worker_next(struct bpf_iter_weir_worker *it)
{
	struct iter *i = (struct iter *)it;

	if (list_entry_is_head(i->at, &i->e->workers, work_link))
		return NULL;
	i->worker = i->at->worker;
	i->at = list_next_entry(i->at, work_link);
	return &i->worker;
}

/**
 * bpf_iter_weir_worker_destroy - the end
 * @it: iterator
 */
__bpf_kfunc void bpf_iter_weir_worker_destroy(struct bpf_iter_weir_worker *it)
{
}

__bpf_kfunc_end_defs();
