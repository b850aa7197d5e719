// SPDX-License-Identifier: GPL-2.0-only
#include "engine.h"

#include "rank.h"

/* What is derived from the attributes. */
static void obey(struct weir_engine *e)
{
	const struct weir_config *cfg = &e->cfg;

	e->lane.burst = cfg->priority_burst ?: U32_MAX;
	e->batch = cfg->batch ?: clamp(e->batch, max(cfg->batch_min, 1U),
				       max(cfg->batch_max, 1U));
}

/**
 * weir_engine_init - an empty engine
 * @e: zeroed, but for the seed of its keys
 * @cfg: validated attributes
 * @map: of the pool; must outlive the engine
 */
void weir_engine_init(struct weir_engine *e, const struct weir_config *cfg,
		      const struct weir_map *map)
{
	u32 i;

	spin_lock_init(&e->lock);
	e->cfg = *cfg;
	e->map = map;
	e->alarm = U64_MAX;
	e->linger_at = U64_MAX;
	e->sweep_at = U64_MAX;
	e->wake_ns = WEIR_WAKE_NS;
	weir_lane_init(&e->lane);
	weir_policy_init(e);
	obey(e);
	INIT_LIST_HEAD(&e->promised);
	for (i = 0; i < WEIR_ID_BUCKETS; i++)
		INIT_HLIST_HEAD(&e->by_id[i]);
	INIT_LIST_HEAD(&e->dead);
	e->timed = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&e->peers);
	INIT_LIST_HEAD(&e->workers);
	INIT_LIST_HEAD(&e->dirty);
	INIT_LIST_HEAD(&e->orphans);
	for (i = 0; i < WEIR_NR_CLASSES; i++)
		INIT_LIST_HEAD(&e->idle[i]);
}

/* Called with the counters before (@sign -1) and after the changes (+1). */
static void tally(struct weir_engine *e, u64 sign)
{
	struct weir_counters *t = e->wake->tally;

#define X(field, attr, help) t->field += sign * e->c.field;
	WEIR_COUNTERS(X)
#undef X
}

/**
 * weir_engine_lock - take the engine's lock
 * @e: engine
 * @wake: zeroed before its first use; see there for what to do after the unlock
 */
void weir_engine_lock(struct weir_engine *e, struct weir_wake *wake)
{
	spin_lock_bh(&e->lock);
	e->wake = wake;
	if (wake->tally)
		tally(e, -1ULL);
}

/**
 * weir_engine_unlock - drop it
 * @e: engine
 */
void weir_engine_unlock(struct weir_engine *e)
{
	if (e->wake->tally)
		tally(e, 1);
	e->wake = NULL;
	spin_unlock_bh(&e->lock);
}

/**
 * weir_engine_finish - what must follow every change: hand out, give back
 * @e: engine, locked
 * @now: ns
 */
void weir_engine_finish(struct weir_engine *e, u64 now)
{
	weir_dispatch(e, now);
	if (!list_empty(&e->dirty))
		weir_ledger_flush(e);
	if (weir_engine_open(e, NULL))
		e->wake->room = true;
	if (e->polled && (e->closed || weir_engine_room(e) ||
			  e->cfg.state == WEIR_CHANNEL_STATE_DRAINING)) {
		e->polled = false;
		e->wake->polled = true;
	}
	if (!list_empty(&e->orphans))
		e->wake->orphans = true;
	/* Those who are only owed a look are of no use to who has no room. */
	if ((e->nr_quiet || (e->nr_promised && weir_engine_open(e, NULL))) &&
	    !weir_promise_kept(e))
		e->wake->sweep = true;
	else if (e->nr_promised && e->look)
		e->wake->look = true;
	if (e->ev_head != e->ev_tail)
		e->wake->events = true;
	if (e->cfg.state == WEIR_CHANNEL_STATE_DRAINING)
		e->wake->events = true;
	weir_rank_publish(e);
	WRITE_ONCE(e->held, !weir_engine_empty(e));
	WRITE_ONCE(e->alarm, min(weir_dispatch_alarm(e), e->sweep_at));
}

/**
 * weir_engine_wake_peer - have a client woken after the unlock
 * @e: engine, locked
 * @p: a peer of it; the waker needs RCU until it has woken it
 *
 * A peer is on one list at a time: while @waking is set, somebody is bound to
 * wake it after the change that is being made now is visible.
 */
void weir_engine_wake_peer(struct weir_engine *e, struct weir_peer *p)
{
	/*
	 * Pairs with the fence between the waker's store to @waking and its
	 * look at the wait queue: if it is still true here, that look comes
	 * after the change the caller has just made. If it is false, the
	 * acquire pairs with that store's release: @wake_next is free.
	 */
	smp_mb();
	/* Pairs with that store, see above. */
	if (smp_load_acquire(&p->waking))
		return;
	WRITE_ONCE(p->waking, true);
	p->wake_next = e->wake->peers;
	e->wake->peers = p;
}

/**
 * weir_peer_init - a client before it joins
 * @p: zeroed; its rings, stage and tags are the caller's to set
 * @e: the engine it will join
 * @id: unique in the channel
 * @role: WEIR_ROLE_*
 */
void weir_peer_init(struct weir_peer *p, struct weir_engine *e, u32 id,
		    u32 role)
{
	spin_lock_init(&p->sq_lock);
	INIT_LIST_HEAD(&p->blocks);
	INIT_LIST_HEAD(&p->link);
	INIT_LIST_HEAD(&p->work_link);
	INIT_LIST_HEAD(&p->returns);
	INIT_LIST_HEAD(&p->dirty_link);
	p->choice = WEIR_CHOICE_NONE;
	p->eng = e;
	p->id = id;
	p->role = role;
}

/**
 * weir_engine_add_peer - a client joins
 * @e: engine, locked
 * @p: from weir_peer_init()
 * @now: ns
 */
void weir_engine_add_peer(struct weir_engine *e, struct weir_peer *p, u64 now)
{
	list_add_tail(&p->link, &e->peers);
	if (weir_peer_works(p))
		p->worker = p->id ?: ++e->nr_named | WEIR_WORKER_NAMED;
	if (p->id || p->worker)
		hlist_add_head(&p->id_link,
			       &e->by_id[(p->id ?: p->worker) %
					 WEIR_ID_BUCKETS]);
	e->nr_peers++;
	if (weir_peer_sends(p))
		e->nr_senders++;
	if (weir_peer_works(p)) {
		weir_dispatch_limit(e, p);
		list_add_tail(&p->work_link, &e->workers);
		e->nr_workers++;
		weir_policy_touch(e, p);
		weir_policy_add(e, p);
	}
	weir_ring_flag(&p->rings, WEIR_RING_NEED_ENTER, true);
	weir_engine_finish(e, now);
}

/**
 * weir_engine_stop - a worker wants no more messages, or wants them again
 * @e: engine, locked
 * @p: the worker
 * @stop: which
 */
void weir_engine_stop(struct weir_engine *e, struct weir_peer *p, bool stop)
{
	lockdep_assert_held(&e->lock);
	p->stopped = stop;
	weir_policy_touch(e, p);
}

/**
 * weir_engine_push_idle - a buffer of the kernel's own sender is free
 * @e: engine, locked
 * @msg: USER
 */
void weir_engine_push_idle(struct weir_engine *e, struct weir_msg *msg)
{
	list_add(&msg->link, &e->idle[msg->blk->cls]);
	e->nr_idle[msg->blk->cls]++;
}

/**
 * weir_engine_pop_idle - take a free buffer of the kernel's own sender
 * @e: engine, locked
 * @cls: size class
 *
 * Return: the entry, STAGED; or NULL. It counts as busy, so its block stays.
 */
struct weir_msg *weir_engine_pop_idle(struct weir_engine *e, u32 cls)
{
	struct weir_msg *msg;

	msg = list_first_entry_or_null(&e->idle[cls], struct weir_msg, link);
	if (!msg)
		return NULL;
	list_del_init(&msg->link);
	e->nr_idle[cls]--;
	WRITE_ONCE(msg->state, WEIR_MSG_STAGED);
	msg->blk->busy++;
	return msg;
}

/**
 * weir_engine_own - a block gets an owner
 * @e: engine, locked
 * @p: the owner, its sq_lock held, not gone
 * @blk: a block of the pool with all its entries in state USER
 */
void weir_engine_own(struct weir_engine *e, struct weir_peer *p,
		     struct weir_block *blk)
{
	u32 i;

	lockdep_assert_held(&e->lock);
	WRITE_ONCE(blk->owner, p);
	blk->busy = 0;
	blk->uid = p->uid;
	list_add_tail(&blk->link, &p->blocks);
	if (p->kernel)
		for (i = 0; i < blk->nr; i++)
			weir_engine_push_idle(e, &blk->msgs[i]);
}

/**
 * weir_engine_disown - take a block from its owner
 * @e: engine, locked
 * @p: the owner, its sq_lock held
 * @blk: block
 *
 * Return: 0; -EINVAL it is not the owner; -EBUSY a buffer holds a message.
 */
int weir_engine_disown(struct weir_engine *e, struct weir_peer *p,
		       struct weir_block *blk)
{
	u32 i;

	lockdep_assert_held(&e->lock);
	if (blk->owner != p)
		return -EINVAL;
	if (blk->busy)
		return -EBUSY;
	if (p->kernel) {
		for (i = 0; i < blk->nr; i++)
			list_del(&blk->msgs[i].link);
		e->nr_idle[blk->cls] -= blk->nr;
	}
	WRITE_ONCE(blk->owner, NULL);
	list_del(&blk->link);
	return 0;
}

/**
 * weir_engine_configure - new attributes while messages flow
 * @e: engine, locked
 * @cfg: validated attributes
 * @now: ns
 */
void weir_engine_configure(struct weir_engine *e, const struct weir_config *cfg,
			   u64 now)
{
	struct weir_peer *p;
	bool homes = weir_homes(e);
	u64 time = e->cfg.ack_timeout;

	e->cfg = *cfg;
	obey(e);
	if (time != cfg->ack_timeout)
		weir_overdue_anew(e, time);
	if (weir_homes(e) && !homes)
		weir_home_build(e);
	list_for_each_entry(p, &e->workers, work_link)
		weir_dispatch_limit(e, p);
	/* Those who wait for their share may have it now, or be refused. */
	list_for_each_entry(p, &e->peers, link)
		if (p->over)
			weir_engine_wake_peer(e, p);
	weir_engine_finish(e, now);
}

/**
 * weir_engine_tick - time has come for a delayed message or a lingering batch
 * @e: engine, locked
 * @now: ns
 *
 * To be called at weir_dispatch_alarm(); harmless at any other time. Takes no
 * more than WEIR_TICK_MAX messages: the alarm is in the past then.
 */
void weir_engine_tick(struct weir_engine *e, u64 now)
{
	struct weir_msg *msg;
	u32 n = 0;

	e->sweep_at = U64_MAX;
	while (n++ < WEIR_TICK_MAX &&
	       (msg = weir_lane_first_delayed(&e->lane)) && msg->due <= now) {
		weir_lane_remove(&e->lane, msg);
		weir_lane_redo(&e->lane, msg);
	}
	weir_engine_finish(e, now);
}

/**
 * weir_engine_loads - new loads of all workers
 * @e: engine, locked; the caller has set @cpu of each worker
 * @span: ns since the last call, not 0
 * @now: ns
 */
void weir_engine_loads(struct weir_engine *e, u64 span, u64 now)
{
	struct weir_peer *p;
	u64 held;

	list_for_each_entry(p, &e->workers, work_link) {
		held = p->hold_ns;
		if (p->tags.used) {
			held += weir_elapsed(p->hold_since, now);
			p->hold_since = now;
		}
		p->hold_ns = 0;
		held = min(held, span);
		p->load = max_t(u32, p->cpu, div64_u64(held * 1000, span));
		weir_policy_touch(e, p);
	}
	WRITE_ONCE(e->traffic, false);
	weir_hook_tick(e);
}

/**
 * weir_engine_balanced - does the accounting identity hold?
 * @e: engine, locked
 */
bool weir_engine_balanced(const struct weir_engine *e)
{
	const struct weir_counters *c = &e->c;

	return c->accepted == c->acked + e->nr_dead + c->dropped + c->purged +
	       c->joined + c->forwarded + weir_lane_ready(&e->lane) +
	       e->lane.nr_delayed + e->nr_inflight;
}

/**
 * weir_engine_empty - no message is held
 * @e: engine, locked
 */
bool weir_engine_empty(const struct weir_engine *e)
{
	return !weir_lane_ready(&e->lane) && !e->lane.nr_delayed &&
	       !e->nr_inflight && !e->nr_dead;
}
