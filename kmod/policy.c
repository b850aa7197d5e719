// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policies by name, and which channel uses which.
 *
 * Those that come with the module are a number in the engine's configuration.
 * The others are here from registration to unregistration, and as a record of
 * how they ended beyond that. Nobody counts references: under the lock each
 * knows the channels that use it, and each of these can be told at any time to
 * use it no longer. All callbacks run under the engine's lock, so once
 * weir_hook_detach() has returned none runs nor will: there is no grace period to
 * wait for.
 */
#include "policy.h"

#include <linux/cleanup.h>
#include <linux/slab.h>

#include "change.h"
#include "netlink.h"
#include "trace.h"

#define RECORDS_MAX	32	/* of policies that are gone */

/* One that was registered at some time. */
struct weir_policy {
	struct list_head link;
	char name[WEIR_POLICY_NAME_MAX + 1];
	const struct weir_policy_ops *ops;	/* NULL once it is gone */
	struct list_head users;		/* channels, by policy_link */
	struct weir_policy_stats past;	/* of those that used it */
	u32 exits;
	struct weir_policy_end last;
};

static const char * const builtin[WEIR_NR_POLICIES] = {
	[WEIR_POLICY_LEAST_LOADED] = "least-loaded",
	[WEIR_POLICY_LEAST_INFLIGHT] = "least-inflight",
	[WEIR_POLICY_ROUND_ROBIN] = "round-robin",
	[WEIR_POLICY_KEY_HASH] = "key-hash",
};

/* The list and all in it, @policy and @policy_link of channels. */
static DEFINE_MUTEX(lock);
static LIST_HEAD(policies);	/* those that went last at the end */

static struct weir_policy *find(const char *name)
{
	struct weir_policy *pol;

	list_for_each_entry(pol, &policies, link)
		if (!strcmp(pol->name, name))
			return pol;
	return NULL;
}

static void add_stats(struct weir_policy_stats *sum,
		      const struct weir_policy_stats *s)
{
	sum->calls += s->calls;
	sum->errors += s->errors;
	sum->ns += s->ns;
	sum->max = max(sum->max, s->max);
}

/* The channel uses no policy of ours any more. */
static void forget(struct weir_channel *ch,
		   const struct weir_policy_stats *stats)
{
	add_stats(&ch->policy->past, stats);
	list_del(&ch->policy_link);
	ch->policy = NULL;
}

/* Detaches it. Return: why it was not asked any more, or 0. */
static u32 detach(struct weir_channel *ch, struct weir_policy_stats *stats)
{
	struct weir_change c;
	u32 fault;

	weir_channel_lock(&c, ch);
	fault = ch->eng.hook.fault;
	*stats = ch->eng.hook.stats;
	weir_hook_detach(&ch->eng);
	weir_channel_unlock(&c);
	return fault;
}

static void info_of(const struct weir_policy *pol, struct weir_policy_info *i)
{
	struct weir_channel *ch;

	memset(i, 0, sizeof(*i));
	strscpy(i->name, pol->name);
	i->kind = pol->ops ? WEIR_POLICY_KIND_BPF : WEIR_POLICY_KIND_GONE;
	i->exits = pol->exits;
	i->last = pol->last;
	i->stats = pol->past;
	list_for_each_entry(ch, &pol->users, policy_link) {
		guard(spinlock_bh)(&ch->eng.lock);
		add_stats(&i->stats, &ch->eng.hook.stats);
	}
}

/* Takes a policy from a channel against its will, and keeps why. */
static void eject(struct weir_channel *ch, u32 reason)
{
	static const char * const why[] = {
		[WEIR_POLICY_EXIT_ERRORS] = "errors",
		[WEIR_POLICY_EXIT_SLOW] = "slow",
		[WEIR_POLICY_EXIT_UNLOADED] = "unloaded",
	};
	struct weir_policy *pol = ch->policy;
	struct weir_policy_end *end = &pol->last;
	struct weir_policy_info info;

	reason = detach(ch, &end->stats) ?: reason;
	forget(ch, &end->stats);
	strscpy(end->channel, ch->name);
	end->reason = reason;
	end->at = ktime_get_ns();
	pol->exits++;
	info_of(pol, &info);
	weir_netlink_policy(&info);
	if (trace_weir_eject_enabled())
		weir_trace_eject(ch, info.name, why[reason]);
}

static void eject_faulty(struct weir_channel *ch)
{
	u32 fault = READ_ONCE(ch->eng.hook.fault);

	if (ch->policy && fault)
		eject(ch, fault);
}

/**
 * weir_policy_review - eject a channel's policy if it is at fault
 * @ch: channel
 *
 * Context: may sleep.
 */
void weir_policy_review(struct weir_channel *ch)
{
	if (!READ_ONCE(ch->eng.hook.fault))
		return;
	guard(mutex)(&lock);
	eject_faulty(ch);
}

/**
 * weir_policy_drop - a channel uses a built-in policy from now on
 * @ch: channel
 *
 * Context: may sleep.
 */
void weir_policy_drop(struct weir_channel *ch)
{
	struct weir_policy_stats stats;

	guard(mutex)(&lock);
	eject_faulty(ch);
	if (!ch->policy)
		return;
	detach(ch, &stats);
	forget(ch, &stats);
}

/* In place of what it uses now, which goes on if that fails. */
static int attach(struct weir_channel *ch, struct weir_policy *pol)
{
	struct weir_policy_stats stats;
	struct weir_change c;
	int err = -ENODEV;

	weir_channel_lock(&c, ch);
	stats = ch->eng.hook.stats;
	if (!ch->eng.closed)
		err = weir_hook_attach(&ch->eng, pol->ops);
	weir_channel_unlock(&c);
	if (err)
		return err;
	if (ch->policy)
		forget(ch, &stats);
	ch->policy = pol;
	list_add_tail(&ch->policy_link, &pol->users);
	return 0;
}

/**
 * weir_policy_use - a channel is to use a policy that is loaded
 * @ch: channel
 * @name: of the policy
 *
 * Return: 0, also if it does already; -ENOENT no such policy, -ENODEV the channel
 * is being deleted, -EINTR, or what the policy's init says. Context: may sleep.
 */
int weir_policy_use(struct weir_channel *ch, const char *name)
{
	struct weir_policy *pol;
	int err = 0;

	if (mutex_lock_killable(&lock))
		return -EINTR;
	eject_faulty(ch);
	pol = find(name);
	if (!pol || !pol->ops)
		err = -ENOENT;
	else if (pol != ch->policy)
		err = attach(ch, pol);
	mutex_unlock(&lock);
	return err;
}

/**
 * weir_policy_builtin - the number of a policy that comes with the module
 * @name: any
 *
 * Return: enum weir_policy_id, or negative.
 */
int weir_policy_builtin(const char *name)
{
	return match_string(builtin, WEIR_NR_POLICIES, name);
}

/**
 * weir_policy_loaded - is there a loaded policy of that name?
 * @name: any
 */
bool weir_policy_loaded(const char *name)
{
	struct weir_policy *pol;

	guard(mutex)(&lock);
	pol = find(name);
	return pol && pol->ops;
}

/**
 * weir_policy_name - of the policy that decides in a channel now
 * @ch: channel, its engine locked
 */
const char *weir_policy_name(const struct weir_channel *ch)
{
	const struct weir_engine *e = &ch->eng;

	lockdep_assert_held(&e->lock);
	return weir_hook_on(e) ? e->hook.ops->name : builtin[e->cfg.policy];
}

/**
 * weir_policy_nth - for dumps
 * @n: from 0 on; the built-in ones come first
 * @info: gets it
 *
 * Return: 0, -ENOENT there are fewer, -EINTR.
 */
int weir_policy_nth(u32 n, struct weir_policy_info *info)
{
	struct weir_policy *pol;
	int err = -ENOENT;

	if (n < WEIR_NR_POLICIES) {
		memset(info, 0, sizeof(*info));
		strscpy(info->name, builtin[n]);
		info->kind = WEIR_POLICY_KIND_BUILTIN;
		info->builtin = n;
		return 0;
	}
	n -= WEIR_NR_POLICIES;
	if (mutex_lock_killable(&lock))
		return -EINTR;
	list_for_each_entry(pol, &policies, link) {
		if (n--)
			continue;
		info_of(pol, info);
		err = 0;
		break;
	}
	mutex_unlock(&lock);
	return err;
}

/**
 * weir_policy_bad_name - what is wrong with a policy's name
 * @name: NUL terminated
 *
 * Return: a phrase, or NULL if nothing is.
 */
const char *weir_policy_bad_name(const char *name)
{
	const char *bad = weir_channel_bad_name(name);

	if (!bad && strlen(name) > WEIR_POLICY_NAME_MAX)
		bad = "is longer than 15 bytes";
	return bad;
}

/* Keeps the records of the last ones only. */
static void trim(void)
{
	struct weir_policy *pol, *next;
	u32 n = 0;

	list_for_each_entry(pol, &policies, link)
		n += !pol->ops;
	list_for_each_entry_safe(pol, next, &policies, link) {
		if (n <= RECORDS_MAX)
			break;
		if (pol->ops)
			continue;
		list_del(&pol->link);
		kfree(pol);
		n--;
	}
}

/**
 * weir_policy_register - a policy is loaded
 * @ops: valid; stays until weir_policy_unregister()
 *
 * Return: 0; -EEXIST the name is taken, -ENOMEM. Context: may sleep.
 */
int weir_policy_register(const struct weir_policy_ops *ops)
{
	struct weir_policy *pol;

	if (weir_policy_builtin(ops->name) >= 0)
		return -EEXIST;
	guard(mutex)(&lock);
	pol = find(ops->name);
	if (pol && pol->ops)
		return -EEXIST;
	if (!pol) {
		pol = kzalloc(sizeof(*pol), GFP_KERNEL);
		if (!pol)
			return -ENOMEM;
		strscpy(pol->name, ops->name);
		INIT_LIST_HEAD(&pol->users);
		list_add_tail(&pol->link, &policies);
	}
	pol->ops = ops;
	return 0;
}

/**
 * weir_policy_unregister - a policy is unloaded
 * @ops: registered
 *
 * Channels that use it go on with least-loaded. Nothing looks at @ops afterwards.
 * Context: may sleep.
 */
void weir_policy_unregister(const struct weir_policy_ops *ops)
{
	struct weir_channel *ch, *next;
	struct weir_policy *pol;

	guard(mutex)(&lock);
	pol = find(ops->name);
	list_for_each_entry_safe(ch, next, &pol->users, policy_link)
		eject(ch, WEIR_POLICY_EXIT_UNLOADED);
	pol->ops = NULL;
	if (pol->exits) {
		list_move_tail(&pol->link, &policies);
		trim();
	} else {
		list_del(&pol->link);
		kfree(pol);
	}
}

/**
 * weir_policies_exit - at module exit
 *
 * No policy is loaded, since each holds the module; there may be records.
 */
void weir_policies_exit(void)
{
	struct weir_policy *pol, *next;

	list_for_each_entry_safe(pol, next, &policies, link)
		kfree(pol);
}
