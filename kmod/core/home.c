// SPDX-License-Identifier: GPL-2.0-only
/*
 * key-hash: the messages of a key go to the same worker while workers stay.
 *
 * All keys are divided into WEIR_HOMES parts, and each part ranks the workers by
 * a hash of both: the first is its home. So a worker that comes takes
 * its share from all others, one that goes leaves its share to all others, and
 * no key moves but those. The first of each part is kept in a table; the second
 * is worked out where the first has no room, which is why a key may be found
 * elsewhere while its home is full: it is not worth holding up the others.
 */
#include "engine.h"

static u64 mix(u64 x)
{
	x *= GOLDEN_RATIO_64;
	x ^= x >> 32;
	x *= GOLDEN_RATIO_64;
	return x ^ x >> 29;
}

static u32 part_of(const struct weir_engine *e, u64 key)
{
	return mix(key ^ e->lane.keys.seed) % WEIR_HOMES;
}

static u64 rank(u32 part, const struct weir_peer *p)
{
	return mix(mix(p->worker) + part);
}

/* Ids are unique, and mix() maps no two numbers to one: ranks differ. */
static void offer(struct weir_engine *e, u32 part, struct weir_peer *p)
{
	struct weir_peer *home = e->home[part];

	if (!home || rank(part, p) > rank(part, home))
		e->home[part] = p;
}

/**
 * weir_home_add - a worker has come
 * @e: engine, locked, with key-hash
 * @p: worker
 */
void weir_home_add(struct weir_engine *e, struct weir_peer *p)
{
	u32 i;

	for (i = 0; i < WEIR_HOMES; i++)
		offer(e, i, p);
}

/**
 * weir_home_remove - a worker has gone
 * @e: engine, locked, with key-hash
 * @p: worker, no longer in the list of these
 */
void weir_home_remove(struct weir_engine *e, struct weir_peer *p)
{
	struct weir_peer *other;
	u32 i;

	for (i = 0; i < WEIR_HOMES; i++) {
		if (e->home[i] != p)
			continue;
		e->home[i] = NULL;
		list_for_each_entry(other, &e->workers, work_link)
			offer(e, i, other);
	}
}

/**
 * weir_home_build - the channel changes to key-hash
 * @e: engine, locked
 */
void weir_home_build(struct weir_engine *e)
{
	struct weir_peer *p;

	memset(e->home, 0, sizeof(e->home));
	list_for_each_entry(p, &e->workers, work_link)
		weir_home_add(e, p);
}

static bool takes(struct weir_engine *e, struct weir_peer *p)
{
	return !p->reserved && weir_policy_room(e, p);
}

/**
 * weir_home_select - who gets the first message that may go
 * @e: engine, locked, with key-hash and such a message
 * @other: who gets it if it has no key; has room
 *
 * Return: a worker with room.
 */
struct weir_peer *weir_home_select(struct weir_engine *e,
				   struct weir_peer *other)
{
	const struct weir_msg *msg = weir_lane_first(&e->lane);
	struct weir_peer *p, *best = NULL;
	u32 part;

	if (!msg->key)
		return other;
	part = part_of(e, msg->key);
	if (takes(e, e->home[part]))
		return e->home[part];
	list_for_each_entry(p, &e->workers, work_link)
		if ((!best || rank(part, p) > rank(part, best)) && takes(e, p))
			best = p;
	return best ?: other;
}

/**
 * weir_home_is - may a message go with others to a worker?
 * @e: engine, locked, with key-hash
 * @p: worker
 * @msg: message
 */
bool weir_home_is(const struct weir_engine *e, const struct weir_peer *p,
		  const struct weir_msg *msg)
{
	return !msg->key || e->home[part_of(e, msg->key)] == p;
}
