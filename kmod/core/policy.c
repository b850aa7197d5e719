// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which worker gets the next messages. The built-in policies answer by a
 * score, lowest wins; among equals the one that has had that score for longest
 * without being chosen.
 *
 * Workers that may be given messages are kept in lists by score, so that the
 * choice does not look at all of them. What changes a score or the right to be
 * chosen only marks the worker (weir_policy_touch()); its place is found anew
 * before the next choice.
 *
 * key-hash (home.c) and the policies of others (hook.c) are asked only once there
 * is somebody to choose by score, who is the choice they may change: so whether
 * messages go or gather does not depend on the policy.
 */
#include "engine.h"

/**
 * weir_policy_init - nobody to choose from
 * @e: engine
 */
void weir_policy_init(struct weir_engine *e)
{
	u32 i, s;

	INIT_LIST_HEAD(&e->stale);
	for (i = 0; i < WEIR_NR_CHOICES; i++)
		for (s = 0; s < WEIR_SCORES; s++)
			INIT_LIST_HEAD(&e->open[i].workers[s]);
}

static bool takes(const struct weir_peer *p)
{
	return !p->stopped && !p->late && !p->alone && !p->gone &&
	       p->tags.used < p->limit;
}

/**
 * weir_policy_room - how many more messages a worker may be given
 * @e: engine, locked
 * @p: worker
 */
u32 weir_policy_room(struct weir_engine *e, struct weir_peer *p)
{
	u32 room;

	if (!takes(p))
		return 0;
	room = p->limit - p->tags.used;
	if (!p->kernel)
		room = min(room, p->rings.cq_entries -
				 weir_engine_unread(e, p));
	return room;
}

/* 0..WEIR_SCORES - 1; a load is a share, but nobody has to rely on it. */
static u32 score(const struct weir_engine *e, const struct weir_peer *p)
{
	u32 queue = p->tags.used ? p->tags.used * 1000 / p->limit : 0;
	u32 worst = (e->cfg.weight_load + e->cfg.weight_queue) * 1000;
	u32 load = min(p->load, 1000U);
	u32 s;

	switch (e->cfg.policy) {
	case WEIR_POLICY_LEAST_LOADED:
		s = e->cfg.weight_load * load + e->cfg.weight_queue * queue;
		return worst ? (u64)s * (WEIR_SCORES - 1) / worst : 0;
	case WEIR_POLICY_LEAST_INFLIGHT:
	case WEIR_POLICY_KEY_HASH:	/* for messages without one */
		return min(p->tags.used, WEIR_SCORES - 1U);
	default:
		return 0;
	}
}

/*
 * May @p be given messages? One that holds some gets more only when it asks for
 * them, or when a whole batch waits: until then they gather.
 */
static enum weir_choice_id choice_of(const struct weir_peer *p)
{
	if (!takes(p))
		return WEIR_CHOICE_NONE;
	if (!p->tags.used)
		return WEIR_CHOICE_NOW;
	if (p->reserved)
		return WEIR_CHOICE_NONE;
	return p->want ? WEIR_CHOICE_NOW : WEIR_CHOICE_BATCH;
}

static void leave(struct weir_engine *e, struct weir_peer *p)
{
	struct weir_choice *c = &e->open[p->choice];

	if (p->choice == WEIR_CHOICE_NONE)
		return;
	list_del(&p->choice_link);
	if (list_empty(&c->workers[p->score]))
		c->used &= ~(1ULL << p->score);
	c->nr--;
	p->choice = WEIR_CHOICE_NONE;
}

static void place(struct weir_engine *e, struct weir_peer *p)
{
	enum weir_choice_id choice = choice_of(p);
	u32 s = choice == WEIR_CHOICE_NONE ? 0 : score(e, p);
	struct weir_choice *c;

	if (choice == p->choice && s == p->score)
		return;
	leave(e, p);
	if (choice == WEIR_CHOICE_NONE)
		return;
	c = &e->open[choice];
	list_add_tail(&p->choice_link, &c->workers[s]);
	c->used |= 1ULL << s;
	c->nr++;
	p->choice = choice;
	p->score = s;
}

static void refresh(struct weir_engine *e)
{
	struct weir_peer *p, *next;

	list_for_each_entry_safe(p, next, &e->stale, stale_link) {
		list_del(&p->stale_link);
		p->stale = false;
		place(e, p);
	}
}

/**
 * weir_policy_add - a worker has come
 * @e: engine, locked
 * @p: worker, in the list of these
 */
void weir_policy_add(struct weir_engine *e, struct weir_peer *p)
{
	if (weir_homes(e))
		weir_home_add(e, p);
	weir_hook_resize(e, p, true);
}

/**
 * weir_policy_remove - a worker ends
 * @e: engine, locked
 * @p: worker, no longer in the list of these
 */
void weir_policy_remove(struct weir_engine *e, struct weir_peer *p)
{
	leave(e, p);
	if (p->stale)
		list_del(&p->stale_link);
	p->stale = false;
	if (weir_homes(e))
		weir_home_remove(e, p);
	weir_hook_resize(e, p, false);
}

/* The best of those that may be chosen now, or NULL. */
static struct weir_peer *best(struct weir_engine *e, bool whole)
{
	const struct weir_choice *now = &e->open[WEIR_CHOICE_NOW];
	const struct weir_choice *batch = &e->open[WEIR_CHOICE_BATCH];
	u64 more = whole ? batch->used : 0;
	u32 s;

	if (!(now->used | more))
		return NULL;
	s = __ffs64(now->used | more);
	if (!(now->used >> s & 1))
		now = batch;
	return list_first_entry(&now->workers[s], struct weir_peer,
				choice_link);
}

/**
 * weir_policy_select - the worker for the next messages
 * @e: engine, locked
 * @nr_open: out: workers that could have been chosen
 *
 * Return: a worker with room, or NULL.
 */
struct weir_peer *weir_policy_select(struct weir_engine *e, u32 *nr_open)
{
	bool whole = e->lane.nr_waiting >= e->batch || e->grant;
	struct weir_peer *p;

	if (!list_empty(&e->stale))
		refresh(e);
	while ((p = best(e, whole))) {
		if (weir_policy_room(e, p))
			break;
		/* Its completion ring is full. Its next ENTER brings it back. */
		weir_ring_flag(&p->rings, WEIR_RING_CQ_MORE, true);
		leave(e, p);
	}
	*nr_open = e->open[WEIR_CHOICE_NOW].nr +
		   (whole ? e->open[WEIR_CHOICE_BATCH].nr : 0);
	if (p && weir_hook_on(e))
		p = weir_hook_select(e, p);
	else if (p && weir_homes(e))
		p = weir_home_select(e, p);
	if (p && p->choice != WEIR_CHOICE_NONE)
		list_move_tail(&p->choice_link,
			       &e->open[p->choice].workers[p->score]);
	return p;
}

/**
 * weir_policy_select_empty - the worker for a message that must go alone
 * @e: engine, locked
 *
 * Return: one that holds nothing and has room, or NULL.
 */
struct weir_peer *weir_policy_select_empty(struct weir_engine *e)
{
	struct weir_peer *p, *least = NULL;

	list_for_each_entry(p, &e->workers, work_link)
		if (!p->tags.used && weir_policy_room(e, p) &&
		    (!least || score(e, p) < score(e, least)))
			least = p;
	if (least)
		list_move_tail(&least->work_link, &e->workers);
	return least;
}

/**
 * weir_policy_any_open - is there a worker that a message could go to at once?
 * @e: engine, locked
 */
bool weir_policy_any_open(struct weir_engine *e)
{
	if (!list_empty(&e->stale))
		refresh(e);
	return e->open[WEIR_CHOICE_NOW].nr;
}
