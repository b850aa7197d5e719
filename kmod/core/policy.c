// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which worker gets the next messages. The built-in policies answer by a
 * score, lowest wins; among equals the one that has waited longest since it
 * was last chosen, since the chosen one moves to the list's end.
 */
#include "engine.h"

/**
 * weir_policy_room - how many more messages a worker may be given
 * @e: engine, locked
 * @p: worker
 */
u32 weir_policy_room(struct weir_engine *e, struct weir_peer *p)
{
	u32 room;

	if (p->stopped || p->alone || p->gone || p->tags.used >= p->limit)
		return 0;
	room = p->limit - p->tags.used;
	if (!p->kernel)
		room = min(room, p->rings.cq_entries -
				 weir_engine_unread(e, p));
	return room;
}

static u32 score(const struct weir_engine *e, const struct weir_peer *p)
{
	u32 queue = p->tags.used * 1000 / p->limit;

	switch (e->cfg.policy) {
	case WEIR_POLICY_LEAST_LOADED:
		return e->cfg.weight_load * p->load +
		       e->cfg.weight_queue * queue;
	case WEIR_POLICY_LEAST_INFLIGHT:
		return p->tags.used;
	default:
		return 0;
	}
}

/*
 * May @p be given messages now? One that holds some gets more only when it
 * asks for them, or when a whole batch waits: until then they gather.
 */
static bool open_for(struct weir_engine *e, struct weir_peer *p, bool empty)
{
	if (p->tags.used) {
		if (empty || p->reserved)
			return false;
		if (!p->want && weir_lane_ready(&e->lane) < e->cfg.batch)
			return false;
	}
	return weir_policy_room(e, p);
}

/**
 * weir_policy_select - the worker for the next messages
 * @e: engine, locked
 * @empty: only one that holds nothing
 * @nr_open: out: workers that could have been chosen
 *
 * Return: the worker or NULL.
 */
struct weir_peer *weir_policy_select(struct weir_engine *e, bool empty,
				     u32 *nr_open)
{
	struct weir_peer *p, *best = NULL;
	u32 s, least = 0;

	*nr_open = 0;
	list_for_each_entry(p, &e->workers, work_link) {
		if (!open_for(e, p, empty))
			continue;
		++*nr_open;
		s = score(e, p);
		if (!best || s < least) {
			best = p;
			least = s;
		}
	}
	if (best)
		list_move_tail(&best->work_link, &e->workers);
	return best;
}
