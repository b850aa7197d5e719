// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statistics over netlink.
 */
#include "netlink.h"

#include "feed.h"
#include "trace.h"

#define STATS_SIZE	32768	/* bytes of attributes, more than ever put */

/* A copy made at one moment, so that the accounting identity can be checked. */
struct snapshot {
	struct weir_counters c;
	struct weir_hist hist[WEIR_NR_HISTS];
	u64 ready, delayed, inflight, dead;
};

static void take_snapshot(struct snapshot *s, struct weir_engine *e)
{
	spin_lock_bh(&e->lock);
	s->c = e->c;
	memcpy(s->hist, e->hist, sizeof(s->hist));
	s->ready = weir_lane_ready(&e->lane);
	s->delayed = e->lane.nr_delayed;
	s->inflight = e->nr_inflight;
	s->dead = e->nr_dead;
	spin_unlock_bh(&e->lock);
}

static int put_u64(struct sk_buff *skb, u16 attr, u64 val)
{
	return nla_put_u64_64bit(skb, attr, val, WEIR_A_STATS_PAD);
}

static int put_counters(struct sk_buff *skb, const struct weir_counters *c)
{
	int err = 0;

#define X(field, attr, help)						\
	err = err ?: put_u64(skb, WEIR_A_STATS_##attr, c->field);
	WEIR_COUNTERS(X)
#undef X
	return err;
}

static u32 count_buckets(const struct weir_hist *h)
{
	u32 i, n = 0;

	for (i = 0; i < WEIR_HIST_BUCKETS; i++)
		n += !!h->bucket[i];
	return n;
}

static int put_buckets(struct sk_buff *skb, const struct weir_hist *h)
{
	u32 n = count_buckets(h), i;
	struct nlattr *a;
	u64 pair[2];
	char *at;

	a = nla_reserve(skb, WEIR_A_HIST_BUCKETS, n * sizeof(pair));
	if (!a)
		return -EMSGSIZE;
	at = nla_data(a);
	for (i = 0; i < WEIR_HIST_BUCKETS; i++) {
		if (!h->bucket[i])
			continue;
		pair[0] = weir_hist_low(i);
		pair[1] = h->bucket[i];
		memcpy(at, pair, sizeof(pair));
		at += sizeof(pair);
	}
	return 0;
}

static int put_hist(struct sk_buff *skb, u16 attr, const struct weir_hist *h)
{
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest ||
	    nla_put_u64_64bit(skb, WEIR_A_HIST_COUNT, h->count,
			      WEIR_A_HIST_PAD) ||
	    nla_put_u64_64bit(skb, WEIR_A_HIST_SUM, h->sum, WEIR_A_HIST_PAD) ||
	    nla_put_u64_64bit(skb, WEIR_A_HIST_HIGHEST, h->max,
			      WEIR_A_HIST_PAD) ||
	    put_buckets(skb, h))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_stats(struct sk_buff *skb, struct weir_channel *ch,
		     const struct snapshot *s)
{
	const struct weir_hist *h = s->hist;
	int err;

	err = nla_put_string(skb, WEIR_A_STATS_CHANNEL, ch->name) ?:
	      put_counters(skb, &s->c) ?:
	      put_u64(skb, WEIR_A_STATS_DEAD, s->dead) ?:
	      put_u64(skb, WEIR_A_STATS_READY, s->ready) ?:
	      put_u64(skb, WEIR_A_STATS_DELAYED, s->delayed) ?:
	      put_u64(skb, WEIR_A_STATS_INFLIGHT, s->inflight) ?:
	      put_u64(skb, WEIR_A_STATS_ENTERS, atomic64_read(&ch->enters)) ?:
	      put_u64(skb, WEIR_A_STATS_WAKEUPS,
		      atomic64_read(&ch->wakeups)) ?:
	      put_u64(skb, WEIR_A_STATS_SPINS, atomic64_read(&ch->spins)) ?:
	      put_u64(skb, WEIR_A_STATS_FEED_MISSED,
		      atomic64_read(&ch->feed_missed)) ?:
	      put_u64(skb, WEIR_A_STATS_FEED_TAKEN, weir_feed_taken(ch)) ?:
	      put_hist(skb, WEIR_A_STATS_HIST_WAITING, h + WEIR_HIST_WAITING) ?:
	      put_hist(skb, WEIR_A_STATS_HIST_WORKING, h + WEIR_HIST_WORKING) ?:
	      put_hist(skb, WEIR_A_STATS_HIST_TOTAL, h + WEIR_HIST_TOTAL) ?:
	      put_hist(skb, WEIR_A_STATS_HIST_REDELIVERY,
		       h + WEIR_HIST_REDELIVERY) ?:
	      put_hist(skb, WEIR_A_STATS_HIST_BATCH, h + WEIR_HIST_BATCH);
	return err ? -EMSGSIZE : 0;
}

static int fill_stats(struct sk_buff *skb, void *arg)
{
	struct weir_channel *ch = arg;
	struct snapshot *s = kmalloc(sizeof(*s), GFP_KERNEL);
	int err;

	if (!s)
		return -ENOMEM;
	/* Who compares finds the same with an observer that came late. */
	weir_trace_figures(ch);
	take_snapshot(s, &ch->eng);
	err = put_stats(skb, ch, s);
	kfree(s);
	return err;
}

int weir_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct weir_channel *ch;
	int err;

	ch = weir_netlink_find(info, WEIR_A_STATS_CHANNEL,
			       MAY_READ | MAY_WRITE);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	err = weir_netlink_reply(info, STATS_SIZE, fill_stats, ch);
	weir_channel_put(ch);
	return err;
}

/* Before the first message is allocated. */
int weir_nl_stats_start(struct netlink_callback *cb)
{
	cb->min_dump_alloc = STATS_SIZE;
	return 0;
}

int weir_nl_stats_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return weir_netlink_dump(skb, cb, WEIR_CMD_STATS_GET, fill_stats);
}
