// SPDX-License-Identifier: GPL-2.0-only
/*
 * GRANT and GIVEBACK: blocks for senders.
 */
#include "client.h"

#include <linux/ktime.h>
#include <linux/sched/signal.h>

#include "account.h"
#include "line.h"
#include "recall.h"

struct wait_memory {
	struct weir_client *c;
	u32 cls;
};

static bool has_completions(struct weir_client *c)
{
	struct weir_rings *r = &c->ep.peer.rings;

	return READ_ONCE(r->cq_tail) != READ_ONCE(r->shared->ucq_head);
}

/* Bytes of blocks the client may own. */
static u64 share(const struct weir_client *c)
{
	const struct weir_config *cfg = &c->ch->eng.cfg;
	u64 most = READ_ONCE(cfg->memory_max);
	u64 own = READ_ONCE(cfg->client_memory) ?: most;

	most = div_u64(most * READ_ONCE(cfg->sender_max), 100);
	return min3(c->block_max, own, most);
}

static bool worth_a_look(void *arg)
{
	struct wait_memory *w = arg;
	struct weir_client *c = w->c;

	if (READ_ONCE(c->ep.peer.gone) || has_completions(c))
		return true;
	return READ_ONCE(c->memory) + weir_block_size(w->cls) <= share(c) &&
	       weir_account_room(c->account, weir_block_size(w->cls),
				 READ_ONCE(c->ch->eng.cfg.uid_memory)) &&
	       weir_pool_has_room(&c->ch->pool, w->cls);
}

/* Gives the published block to the client, or back if the client has ended. */
static int own(struct weir_client *c, struct weir_pool_block *pb)
{
	struct weir_peer *p = &c->ep.peer;
	int err = -ESHUTDOWN;

	spin_lock_bh(&p->sq_lock);
	if (!p->gone) {
		spin_lock(&c->ch->eng.lock);
		weir_engine_own(&c->ch->eng, p, &pb->b);
		weir_recall_end(c);
		spin_unlock(&c->ch->eng.lock);
		err = 0;
	}
	spin_unlock_bh(&p->sq_lock);
	if (err)
		weir_pool_put(&c->ch->pool, pb);
	return err;
}

static int refuse(struct weir_client *c)
{
	atomic64_inc(&c->ch->pool.refused);
	return -ENOBUFS;
}

/* A block on the account of the client's user. */
static struct weir_pool_block *get_block(struct weir_client *c, u32 cls)
{
	struct weir_pool *pool = &c->ch->pool;
	u64 bytes = weir_block_size(cls);
	struct weir_pool_block *pb;

	if (c->memory + bytes > share(c) ||
	    !weir_account_charge(c->account, bytes,
				 READ_ONCE(c->ch->eng.cfg.uid_memory)))
		return ERR_PTR(refuse(c));
	pb = weir_pool_get(pool, cls);
	if (!IS_ERR(pb)) {
		pb->account = c->account;
		return pb;
	}
	weir_account_uncharge(pool, c->account, bytes);
	/* Another client of the user may have been refused for these bytes. */
	if (READ_ONCE(c->ch->eng.cfg.uid_memory))
		wake_up_interruptible_all(&pool->wait);
	weir_recall(c->ch);
	return pb;
}

static int grant_one(struct weir_client *c, u32 cls, u64 *addr)
{
	u64 bytes = weir_block_size(cls);
	struct weir_pool_block *pb = get_block(c, cls);
	int err;

	if (IS_ERR(pb))
		return PTR_ERR(pb);
	*addr = pb->b.addr;
	weir_pool_publish(&c->ch->pool, pb, c);
	err = own(c, pb);
	if (!err)
		WRITE_ONCE(c->memory, c->memory + bytes);
	return err;
}

/* As many as can be had. Return: 0 if at least one. */
static int grant_some(struct weir_client *c, struct weir_grant *arg, u32 want)
{
	int err = 0;

	if (mutex_lock_killable(&c->grant_lock))
		return -EINTR;
	for (arg->count = 0; arg->count < want && !err; arg->count += !err)
		err = grant_one(c, arg->class_idx, &arg->addr[arg->count]);
	mutex_unlock(&c->grant_lock);
	return arg->count ? 0 : err;
}

static int check(struct weir_client *c, const struct weir_grant *arg)
{
	u32 i;

	if (arg->flags & ~WEIR_GRANT_WAIT ||
	    arg->class_idx >= WEIR_NR_CLASSES ||
	    !arg->count || arg->count > ARRAY_SIZE(arg->addr) ||
	    arg->resv[0] || arg->resv[1])
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(arg->addr); i++)
		if (arg->addr[i])
			return -EINVAL;
	if (!weir_peer_sends(&c->ep.peer))
		return -EPERM;
	return weir_client_check(c);
}

/**
 * weir_client_grant - WEIR_IOC_GRANT
 * @c: client
 * @arg: copied argument; count and addresses are filled in
 *
 * Return: as struct weir_grant says. Context: may sleep.
 */
long weir_client_grant(struct weir_client *c, struct weir_grant *arg)
{
	struct wait_memory w = { .c = c, .cls = arg->class_idx };
	ktime_t until = 0, *limit = NULL;
	u32 want = arg->count;
	int err = check(c, arg);

	if (err)
		return err;
	w.cls = array_index_nospec(w.cls, WEIR_NR_CLASSES);
	if (arg->timeout_ns) {
		until = ktime_add_safe(ktime_get(), ns_to_ktime(
				min_t(u64, arg->timeout_ns, KTIME_MAX)));
		limit = &until;
	}
	for (;;) {
		err = grant_some(c, arg, want);
		if (err != -ENOBUFS || !(arg->flags & WEIR_GRANT_WAIT))
			return err;
		if (READ_ONCE(c->ep.peer.gone))
			return -ESHUTDOWN;
		if (has_completions(c))
			return 0;
		if (signal_pending(current))
			return -EINTR;
		err = weir_line_sleep(TASK_INTERRUPTIBLE, &c->ch->pool.wait, &c->ep.wait, limit,
				      worth_a_look, &w);
		if (err)
			return err;
	}
}

/**
 * weir_client_giveback - WEIR_IOC_GIVEBACK
 * @c: client
 * @arg: copied argument
 *
 * Return: as struct weir_giveback says. Context: may sleep.
 */
long weir_client_giveback(struct weir_client *c,
			  const struct weir_giveback *arg)
{
	struct weir_peer *p = &c->ep.peer;
	struct weir_block *b;
	int err = weir_client_check(c);

	if (err)
		return err;
	if (arg->flags)
		return -EINVAL;
	if (mutex_lock_killable(&c->grant_lock))
		return -EINTR;
	spin_lock_bh(&p->sq_lock);
	spin_lock(&c->ch->eng.lock);
	b = weir_map_find(&c->ch->pool.map, arg->addr);
	err = -EINVAL;
	if (b && b->addr == arg->addr)
		err = weir_engine_disown(&c->ch->eng, p, b);
	if (!err)
		weir_recall_answered(c);
	spin_unlock(&c->ch->eng.lock);
	spin_unlock_bh(&p->sq_lock);
	if (!err) {
		WRITE_ONCE(c->memory, c->memory - weir_block_size(b->cls));
		weir_pool_put(&c->ch->pool, weir_pool_block(b));
	}
	mutex_unlock(&c->grant_lock);
	return err;
}
