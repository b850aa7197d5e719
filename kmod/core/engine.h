/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine of one channel: ledger, lanes, workers.
 *
 * Lock order: a peer's sq_lock, then the engine's lock. Both are taken with
 * bottom halves off, since the channel's timer runs there. Nothing is woken
 * under them: who holds the engine's lock brings a &struct weir_wake, in which
 * is noted whom to wake and what else to do once the locks are gone.
 *
 * Functions here need the engine's lock unless they take a &struct weir_wake
 * themselves.
 */
#ifndef _WEIR_CORE_ENGINE_H
#define _WEIR_CORE_ENGINE_H

#include <weir/counters.h>

#include "config.h"
#include "hist.h"
#include "lane.h"
#include "peer.h"
#include "policy.h"

#define WEIR_TICK_MAX	256	/* delayed messages made ready at once */
#define WEIR_EVENTS	64	/* deaths remembered for notification */
#define WEIR_ID_BUCKETS	64	/* of the table of clients by id */
#define WEIR_HOMES	1024	/* parts that keys are divided into */
#define WEIR_AUTO_SPAN	1000000ULL	/* ns of work that `inflight auto` allows */
#define WEIR_WAKE_NS	50000U	/* that a wake-up takes, as long as none was seen */

struct weir_wake;

struct weir_counters {
#define X(field, attr, help) u64 field;
	WEIR_COUNTERS(X)
#undef X
};

enum weir_hist_id {
	WEIR_HIST_WAITING,
	WEIR_HIST_WORKING,
	WEIR_HIST_TOTAL,
	WEIR_HIST_REDELIVERY,
	WEIR_HIST_BATCH,	/* messages, not ns */
	WEIR_NR_HISTS,
};

/*
 * Workers that may be given messages: those that hold none or ask for more, and
 * those that get more only when a whole batch waits.
 */
enum weir_choice_id {
	WEIR_CHOICE_NOW,
	WEIR_CHOICE_BATCH,
	WEIR_NR_CHOICES,
	WEIR_CHOICE_NONE = WEIR_NR_CHOICES,
};

#define WEIR_SCORES	64

/**
 * struct weir_choice - workers by score
 * @workers: for each score those that have it, who was chosen last at the end.
 * @used: scores that anybody has, as bits.
 * @nr: workers.
 */
struct weir_choice {
	struct list_head workers[WEIR_SCORES];
	u64 used;
	u32 nr;
};

/* A message's death, for the notification. */
struct weir_event {
	u64 seq;
	u32 len;
	u32 src;
	u16 attempts;
	u8 reason;
};

/**
 * struct weir_engine
 * @lock: protects all below but @map.
 * @wake: of the lock's holder.
 * @cfg: the channel's attributes.
 * @map: of the pool; constant.
 * @closed: the channel is being deleted.
 * @seq: the last message's id.
 * @lane: messages that wait. @dead: those given up, oldest first.
 * @nr_inflight: @nr_dead: their numbers. @timed: those inflight that are to be
 *	answered in time, by that time.
 * @peers: all clients; @by_id: those with rings, by id. @workers: those that work, in round-robin order.
 * @nr_peers: @nr_workers: @nr_senders: their numbers. @nr_busy: workers that hold any.
 * @open: workers that may be given messages, see policy.c. @stale: those whose
 *	place there has to be found anew.
 * @hook: a policy that is none of those, if there is one.
 * @home: key-hash: who gets the messages of each part of all keys; else unused.
 * @nr_named: workers that have no id, ever.
 * @batch: how many messages are handed to a worker at once, now.
 * @grant: messages that may go on, though all workers hold some by now.
 * @wake_ns: from a delivery to a worker that sleeps until it runs, moving average.
 * @promised: senders that need not call, see promise.c; @nr_promised;
 *	@nr_quiet: of these, those whose NEED_ENTER is clear.
 * @look: messages were handed out since one of their rings was looked at.
 * @sweep_at: ns, when more of their rings are to be looked at; else U64_MAX.
 * @dirty: peers with buffers to be returned.
 * @orphans: blocks without an owner whose last buffer came back.
 * @idle: free buffers of the kernel's own sender, by class; @nr_idle: their
 *	numbers; @idle_returns: how often one came back.
 * @events: ring of deaths not yet notified; @ev_head, @ev_tail free running,
 *	@ev_lost those overwritten.
 * @was_full: a sender met a full channel since this was cleared; may be
 *	cleared without the lock.
 * @polled: somebody polls for room, and there was none.
 * @traffic: a message was delivered since the last look at loads.
 * @linger_at: ns, when the batch that gathers must go, as of the last
 *	weir_dispatch(); U64_MAX if none does.
 * @held: any message is in the channel. @alarm: ns, when weir_engine_tick()
 *	shall be called; U64_MAX never. Both may be read without the lock by
 *	whoever has changed the engine before.
 * @waiting: how many messages are ready, and the most urgent priority, see
 *	rank.h; may be read without the lock.
 */
struct weir_engine {
	spinlock_t lock;
	struct weir_wake *wake;
	struct weir_config cfg;
	const struct weir_map *map;
	bool closed;
	bool was_full;
	bool polled;
	bool traffic;
	bool held;
	u64 alarm;
	u64 linger_at;
	u32 waiting;

	u64 seq;
	struct weir_lane lane;
	struct list_head dead;
	struct rb_root_cached timed;
	u64 nr_inflight;
	u64 nr_dead;

	struct list_head peers;
	struct hlist_head by_id[WEIR_ID_BUCKETS];
	struct list_head workers;
	u32 nr_peers;
	u32 nr_workers;
	u32 nr_senders;
	u32 nr_busy;

	struct weir_choice open[WEIR_NR_CHOICES];
	struct list_head stale;
	struct weir_hook hook;
	struct weir_peer *home[WEIR_HOMES];
	u32 nr_named;
	u32 batch;
	u32 grant;
	u32 wake_ns;
	struct list_head promised;
	u32 nr_promised;
	u32 nr_quiet;
	bool look;
	u64 sweep_at;

	struct list_head dirty;
	struct list_head orphans;
	struct list_head idle[WEIR_NR_CLASSES];
	u32 nr_idle[WEIR_NR_CLASSES];
	u64 idle_returns;

	struct weir_counters c;
	struct weir_hist hist[WEIR_NR_HISTS];

	struct weir_event events[WEIR_EVENTS];
	u32 ev_head;
	u32 ev_tail;
	u64 ev_lost;
};

/**
 * struct weir_wake - what to do once the locks are dropped
 * @peers: clients to wake, linked by wake_next.
 * @room: senders that wait for room may look again. @polled: those that poll.
 * @orphans: blocks wait in @orphans of the engine.
 * @events: deaths or other news wait for notification.
 * @full: a sender met a full channel; that is told now and then.
 * @sweep: weir_promise_sweep() has something to do. @look: likewise, but it may
 *	as well do it after the next messages were handed out.
 * @watched: clients' own figures are being watched: who loses messages without
 *	being given any is put on @peers, too.
 * @swept: whose ring weir_promise_sweep() has looked at.
 * @tally: NULL, or gets what all changes under the lock add to the counters.
 */
struct weir_wake {
	struct weir_peer *peers;
	bool room;
	bool polled;
	bool orphans;
	bool events;
	bool full;
	bool sweep;
	bool look;
	bool watched;
	struct weir_peer *swept;
	struct weir_counters *tally;
};

enum weir_end {
	WEIR_END_DETACH,	/* by its own will: nothing is counted */
	WEIR_END_DEATH,		/* its process ended */
};

/* engine.c */
void weir_engine_init(struct weir_engine *e, const struct weir_config *cfg,
		      const struct weir_map *map);
void weir_engine_lock(struct weir_engine *e, struct weir_wake *wake);
void weir_engine_unlock(struct weir_engine *e);
void weir_engine_finish(struct weir_engine *e, u64 now);
void weir_engine_configure(struct weir_engine *e, const struct weir_config *cfg,
			   u64 now);
void weir_peer_init(struct weir_peer *p, struct weir_engine *e, u32 id,
		    u32 role);
void weir_engine_add_peer(struct weir_engine *e, struct weir_peer *p, u64 now);
void weir_engine_stop(struct weir_engine *e, struct weir_peer *p, bool stop);
void weir_engine_push_idle(struct weir_engine *e, struct weir_msg *msg);
struct weir_msg *weir_engine_pop_idle(struct weir_engine *e, u32 cls);
void weir_engine_own(struct weir_engine *e, struct weir_peer *p,
		     struct weir_block *blk);
int weir_engine_disown(struct weir_engine *e, struct weir_peer *p,
		       struct weir_block *blk);
void weir_engine_tick(struct weir_engine *e, u64 now);
void weir_engine_loads(struct weir_engine *e, u64 span, u64 now);
bool weir_engine_balanced(const struct weir_engine *e);
bool weir_engine_empty(const struct weir_engine *e);
void weir_engine_wake_peer(struct weir_engine *e, struct weir_peer *p);

/**
 * weir_engine_unread - completions a client has not read
 * @e: engine, locked
 * @p: a peer with rings
 */
static inline u32 weir_engine_unread(struct weir_engine *e, struct weir_peer *p)
{
	bool lie = false;
	u32 n = weir_ring_unread(&p->rings, &lie);

	if (lie)
		e->c.ring_errors++;
	return n;
}

/* submit.c */
int weir_engine_submit(struct weir_engine *e, struct weir_peer *p, u32 max,
		       u32 want, bool force, u64 now, struct weir_wake *wake);
bool weir_engine_open(const struct weir_engine *e, const struct weir_peer *p);
bool weir_engine_share_free(const struct weir_engine *e,
			    const struct weir_peer *p);
bool weir_engine_clear(const struct weir_engine *e, const struct weir_peer *p);
bool weir_engine_poll_room(struct weir_engine *e, struct weir_peer *p);
u32 weir_engine_share(const struct weir_engine *e);
int weir_engine_admit(struct weir_engine *e, struct weir_peer *p, bool force);
void weir_engine_accept_lost(struct weir_engine *e, struct weir_peer *p,
			     struct weir_msg *msg);
void weir_engine_refused(struct weir_engine *e, struct weir_peer *p, int res);
void weir_engine_accept(struct weir_engine *e, struct weir_peer *p,
			struct weir_msg *msg, u64 now);

/**
 * weir_engine_room - messages the channel would still accept
 * @e: engine, locked (or a hint, if not)
 */
static inline u64 weir_engine_room(const struct weir_engine *e)
{
	u64 used = weir_lane_ready(&e->lane) + e->lane.nr_delayed;

	return used < e->cfg.messages ? e->cfg.messages - used : 0;
}

/* answer.c */
bool weir_engine_answer(struct weir_engine *e, struct weir_peer *p,
			const struct weir_stage *st, u64 now,
			struct weir_cqe *result);
void weir_engine_ack(struct weir_engine *e, struct weir_peer *p,
		     struct weir_tag *tag, u64 now);
void weir_engine_measure(struct weir_engine *e, struct weir_peer *p, u64 now);
void weir_engine_give_back(struct weir_engine *e, struct weir_peer *p,
			   struct weir_tag *tag, bool counted, u64 now);

/* ledger.c */
void weir_ledger_hold(struct weir_engine *e, struct weir_peer *p,
		      struct weir_msg **msgs, u32 n, u32 ahead, u64 now);
void weir_ledger_unhold(struct weir_engine *e, struct weir_msg *msg, u64 now);
void weir_ledger_untag(struct weir_engine *e, struct weir_peer *p,
		       struct weir_tag *tag, u64 now);
u32 weir_ledger_ack(struct weir_engine *e, struct weir_peer *p,
		    const u32 *token, u32 nr, u64 now, u32 *first);
struct weir_peer *weir_ledger_copier(struct weir_engine *e,
				     const struct weir_msg *msg);
void weir_ledger_share(struct weir_engine *e, struct weir_peer *p);
void weir_ledger_return(struct weir_engine *e, struct weir_msg *msg);
void weir_ledger_settle(struct weir_engine *e, struct weir_msg *msg);
bool weir_ledger_again(struct weir_engine *e, struct weir_msg *msg, u64 due);
void weir_ledger_bury(struct weir_engine *e, struct weir_msg *msg, u8 reason,
		      char *text);
void weir_ledger_drop(struct weir_engine *e, struct weir_msg *msg);
u32 weir_ledger_expire(struct weir_engine *e, u32 max, u64 now);
void weir_ledger_flush(struct weir_engine *e);
bool weir_ledger_release(struct weir_engine *e, struct weir_msg *msg, u64 now);
bool weir_ledger_requeue(struct weir_engine *e, struct weir_msg *msg);
bool weir_ledger_kill(struct weir_engine *e, struct weir_msg *msg, u64 now);
bool weir_ledger_set(struct weir_msg *msg, u16 attempts, u16 deliveries);
void weir_ledger_lay(struct weir_engine *e, struct weir_msg *msg, u8 reason,
		     char *text);
u32 weir_ledger_purge(struct weir_engine *e, u32 state, u32 max);

/* Who sent a message, if it is still there. */
static inline struct weir_peer *weir_ledger_sender(struct weir_engine *e,
						   const struct weir_msg *msg)
{
	return msg->flags & WEIR_MSG_COPIED ? weir_ledger_copier(e, msg) :
	       msg->blk->owner;
}

/* A message has become ready or delayed. */
static inline void weir_ledger_enqueued(struct weir_engine *e,
					struct weir_msg *msg)
{
	struct weir_peer *p = weir_ledger_sender(e, msg);

	if (p)
		p->queued++;
}

/* A message is neither ready nor delayed any more. */
static inline void weir_ledger_dequeued(struct weir_engine *e,
					struct weir_msg *msg)
{
	struct weir_peer *p = weir_ledger_sender(e, msg);

	if (!p)
		return;
	p->queued--;
	if (p->over)
		weir_ledger_share(e, p);
}

/**
 * weir_ledger_owed - an owner has maybe read its ring: post what waits for it
 * @e: engine, locked; weir_ledger_flush() follows
 * @p: the owner
 */
static inline void weir_ledger_owed(struct weir_engine *e, struct weir_peer *p)
{
	if (!list_empty(&p->returns) && list_empty(&p->dirty_link))
		list_add_tail(&p->dirty_link, &e->dirty);
}

/* dispatch.c */
void weir_dispatch(struct weir_engine *e, u64 now);
void weir_dispatch_limit(struct weir_engine *e, struct weir_peer *p);
u64 weir_dispatch_alarm(const struct weir_engine *e);

/* policy.c */
void weir_policy_init(struct weir_engine *e);
void weir_policy_add(struct weir_engine *e, struct weir_peer *p);
void weir_policy_remove(struct weir_engine *e, struct weir_peer *p);
struct weir_peer *weir_policy_select(struct weir_engine *e, u32 *nr_open);
struct weir_peer *weir_policy_select_empty(struct weir_engine *e);
u32 weir_policy_room(struct weir_engine *e, struct weir_peer *p);
bool weir_policy_any_open(struct weir_engine *e);

/* What decides about a worker's place has changed: it is found anew. */
static inline void weir_policy_touch(struct weir_engine *e,
				     struct weir_peer *p)
{
	if (p->stale || list_empty(&p->work_link))
		return;
	p->stale = true;
	list_add_tail(&p->stale_link, &e->stale);
}

/* home.c */
void weir_home_build(struct weir_engine *e);
void weir_home_add(struct weir_engine *e, struct weir_peer *p);
void weir_home_remove(struct weir_engine *e, struct weir_peer *p);
struct weir_peer *weir_home_select(struct weir_engine *e,
				   struct weir_peer *other);
bool weir_home_is(const struct weir_engine *e, const struct weir_peer *p,
		  const struct weir_msg *msg);

static inline bool weir_homes(const struct weir_engine *e)
{
	return e->cfg.policy == WEIR_POLICY_KEY_HASH;
}

/* hook.c */
int weir_hook_attach(struct weir_engine *e, const struct weir_policy_ops *ops);
void weir_hook_detach(struct weir_engine *e);
struct weir_peer *weir_hook_worker(struct weir_engine *e, u32 id);
struct weir_peer *weir_hook_select(struct weir_engine *e,
				   struct weir_peer *other);
int weir_hook_earliest(struct weir_engine *e);
struct weir_msg *weir_hook_take(struct weir_engine *e);
u32 weir_hook_batch(struct weir_engine *e, struct weir_peer *p, u32 n);
int weir_hook_admit(struct weir_engine *e, struct weir_msg *msg, u32 uid);
void weir_hook_done(struct weir_engine *e, const struct weir_peer *p, u32 nr);
void weir_hook_tick(struct weir_engine *e);
void weir_hook_resize(struct weir_engine *e, const struct weir_peer *p,
		      bool came);

/* Is there a policy to be asked? */
static inline bool weir_hook_on(const struct weir_engine *e)
{
	return e->hook.ops && !e->hook.fault;
}

/* Do the messages of a chunk go to whom each of them belongs? */
static inline bool weir_policy_divides(const struct weir_engine *e)
{
	return weir_homes(e) ||
	       (e->hook.ops &&
		(e->hook.pick || e->hook.ops->flags & WEIR_POLICY_PER_MESSAGE));
}

/* Is each message to be asked about? */
static inline bool weir_hook_admits(const struct weir_engine *e)
{
	return weir_hook_on(e) && e->hook.ops->admit;
}

/* overdue.c */
void weir_overdue_set(struct weir_engine *e, struct weir_msg *msg, u64 due);
void weir_overdue_unset(struct weir_engine *e, struct weir_msg *msg);
void weir_overdue_take(struct weir_engine *e, u32 max, u64 now);
u64 weir_overdue_alarm(const struct weir_engine *e);
void weir_overdue_extend(struct weir_engine *e, struct weir_msg *msg, u64 ns,
			 u64 now);
void weir_overdue_anew(struct weir_engine *e, u64 before);

/* A message leaves its worker, in time or not. */
static inline void weir_overdue_drop(struct weir_engine *e,
				     struct weir_msg *msg)
{
	if (msg->flags & WEIR_MSG_TIMED)
		weir_overdue_unset(e, msg);
}

/* fanout.c */
static inline bool weir_fanout(const struct weir_engine *e)
{
	return e->cfg.delivery == WEIR_DELIVERY_FANOUT;
}

void weir_fanout_dispatch(struct weir_engine *e, u32 budget, u64 now);
void weir_fanout_answer(struct weir_engine *e, struct weir_peer *p,
			struct weir_tag *tag, u8 op, u64 now);
void weir_fanout_abandon(struct weir_engine *e, struct weir_peer *p,
			 struct weir_tag *tag, u64 now);
void weir_fanout_revoke(struct weir_engine *e, struct weir_msg *msg, u64 now);

/* bounce.c */
u32 weir_bounce_stage(struct weir_engine *e, struct weir_peer *p, u32 nr,
		      struct weir_wake *wake);
void weir_bounce_undo(struct weir_engine *e, struct weir_stage *st);
struct weir_msg *weir_bounce_take(struct weir_engine *e,
				  struct weir_stage *st);

/* promise.c */

/*
 * Who also works is bound to call with its answers itself: without NEED_ENTER
 * it would not.
 */
static inline bool weir_promise_fits(const struct weir_peer *p)
{
	return p->role == WEIR_ROLE_SEND && !p->gone;
}

bool weir_promise_kept(struct weir_engine *e);
void weir_promise_give(struct weir_engine *e, struct weir_peer *p);
void weir_promise_withdraw(struct weir_engine *e, struct weir_peer *p);
bool weir_promise_sweep(struct weir_engine *e, u64 now, struct weir_wake *wake);
void weir_promise_later(struct weir_engine *e, u64 now, struct weir_wake *wake);

/* end.c */
bool weir_engine_end(struct weir_engine *e, struct weir_peer *p,
		     enum weir_end how, u64 now, struct weir_wake *wake);

#endif /* _WEIR_CORE_ENGINE_H */
