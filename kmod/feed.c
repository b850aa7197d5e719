// SPDX-License-Identifier: GPL-2.0-only
/*
 * What BPF programs commit becomes messages of the channel's own sender.
 *
 * The way of a record: free (its bit is set) -> a program's (it cleared the bit)
 * -> in @done -> submitted by the work, and empty -> free, with a new buffer. A
 * refused one keeps its buffer, a discarded one too, and both are free again.
 *
 * Why it cannot deadlock: what a program calls is a few atomic operations and
 * irq_work_queue(), all of them good in any context. The rest is a work.
 *
 * Teardown. retire() takes the feed out of the table, so that nobody finds it
 * after a grace period, sets @retired and has the work run. That surrenders what
 * is free or empty. A record that a program still has, which may sleep for as
 * long as it likes, is surrendered when it comes back: a commit always has the
 * work run, a discard if it sees @retired. With the last one goes the reference
 * of the records. Nobody waits for a program: the records in its hands keep the
 * feed, the feed keeps the channel's memory, and the program, since it calls this
 * module, the module. Committers and discarders touch the feed in RCU
 * sections up to the last step, so it is freed after a grace period,
 * when its irq_work and then its work, which that may have started, have ended.
 */
#include "feed.h"

#include <linux/bitops.h>
#include <linux/hashtable.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/stringhash.h>
#include <linux/wait_bit.h>

#include "change.h"
#include "copy.h"
#include "line.h"

#define BATCH	64	/* records handled under the engine's lock at once */

/* By name. Changed, like @feed of the channels, under feeds_lock; read in RCU. */
static DEFINE_HASHTABLE(feeds, 6);
static DEFINE_MUTEX(feeds_lock);
/* Feeds that are not freed yet. */
static atomic_t nr_feeds;

static u32 hash_of(const char *name, size_t len)
{
	return full_name_hash(NULL, name, len);
}

/* ---- free records: any context ---- */

static u32 index_of(const struct weir_record *rec)
{
	return rec - rec->feed->records;
}

static void set_free(struct weir_record *rec)
{
	u32 i = index_of(rec);

	/* What was written to it comes before; pairs with claim(). */
	smp_mb__before_atomic();
	set_bit(i % BITS_PER_LONG,
		&rec->feed->words[i / BITS_PER_LONG].free);
}

static struct weir_record *claim_in(struct weir_feed *feed, u32 word)
{
	unsigned long *free = &feed->words[word].free, bits;
	u32 bit;

	while ((bits = READ_ONCE(*free))) {
		bit = __ffs(bits);
		/* A full barrier; pairs with set_free(). */
		if (test_and_clear_bit(bit, free))
			return &feed->records[word * BITS_PER_LONG + bit];
	}
	return NULL;
}

/* Each processor begins its search at another place. */
static struct weir_record *claim(struct weir_feed *feed)
{
	u32 word = raw_smp_processor_id() % feed->nr_words, n;
	struct weir_record *rec;

	for (n = 0; n < feed->nr_words; n++) {
		rec = claim_in(feed, word);
		if (rec)
			return rec;
		if (++word == feed->nr_words)
			word = 0;
	}
	return NULL;
}

static struct weir_feed *find(const char *name)
{
	size_t len = strnlen(name, WEIR_NAME_MAX + 1);
	struct weir_feed *feed;

	if (len > WEIR_NAME_MAX)
		return NULL;
	hash_for_each_possible_rcu(feeds, feed, link, hash_of(name, len))
		if (!strcmp(feed->ch->name, name))
			return feed;
	return NULL;
}

/*
 * Counted; and the work, which may have been left without memory, tries again,
 * though not with each event that is lost.
 */
static void miss(struct weir_feed *feed)
{
	unsigned long now = jiffies;

	atomic64_inc(&feed->ch->feed_missed);
	if (time_before(now, READ_ONCE(feed->kick_at)))
		return;
	WRITE_ONCE(feed->kick_at, now + 1);
	irq_work_queue(&feed->irq);
}

/**
 * weir_feed_reserve - a record for a BPF program
 * @name: channel
 * @size: bytes that the program may write
 *
 * Return: the record, to be committed or discarded; NULL if there is no such
 * channel, if it has no feed, or, which it counts, none is free or @size is more
 * than its records hold. Context: any.
 */
struct weir_record *weir_feed_reserve(const char *name, u32 size)
{
	struct weir_record *rec = NULL;
	struct weir_feed *feed;

	guard(rcu)();
	feed = find(name);
	if (!feed)
		return NULL;
	if (size && size <= feed->size)
		rec = claim(feed);
	if (!rec) {
		miss(feed);
		return NULL;
	}
	rec->size = size;
	rec->key = 0;
	rec->mtype = 0;
	rec->prio = 0;
	return rec;
}

/**
 * weir_feed_commit - a record is to become a message
 * @rec: from weir_feed_reserve()
 * @len: its bytes, 1 to @size of the record
 *
 * Context: any.
 */
void weir_feed_commit(struct weir_record *rec, u32 len)
{
	struct weir_feed *feed = rec->feed;

	/* Once it is in the list the feed may go: see above. */
	guard(rcu)();
	rec->len = len;
	/* Who finds it empty starts the work, which takes all there is by then. */
	if (llist_add(&rec->node, &feed->done))
		irq_work_queue(&feed->irq);
}

/**
 * weir_feed_discard - a record is not needed after all
 * @rec: from weir_feed_reserve()
 *
 * Context: any.
 */
void weir_feed_discard(struct weir_record *rec)
{
	struct weir_feed *feed = rec->feed;

	/* Once it is free the feed may go: see above. */
	guard(rcu)();
	set_free(rec);
	/* Pairs with retire(): either it sees the bit, or we see the flag. */
	smp_mb__after_atomic();
	if (READ_ONCE(feed->retired))
		irq_work_queue(&feed->irq);
}

/* ---- the work ---- */

static void set_empty(struct weir_feed *feed, struct weir_record *rec)
{
	rec->msg = NULL;
	rec->node.next = feed->empty;
	feed->empty = &rec->node;
	WRITE_ONCE(feed->nr_empty, feed->nr_empty + 1);
}

static void fill_in(struct weir_channel *ch, const struct weir_record *rec)
{
	u32 priorities = max(ch->eng.cfg.priorities, 1U);
	struct weir_msg *msg = rec->msg;

	weir_msg_reset(msg, rec->len, 0);
	msg->key = weir_fanout(&ch->eng) ? 0 : rec->key;
	msg->mtype = rec->mtype;
	msg->prio = min_t(u32, rec->prio, priorities - 1);
}

/* 0, 1 or an errno, as weir_engine_admit(). Who never waits does not jump the line. */
static int admit(struct weir_channel *ch)
{
	const struct weir_line nowhere = {};
	struct weir_engine *e = &ch->eng;
	int err = weir_engine_admit(e, &ch->writer.peer, false);

	if (!err && e->cfg.overflow == WEIR_OVERFLOW_BLOCK &&
	    weir_line_ahead(ch, &nowhere))
		err = -EAGAIN;
	return err;
}

/* Under the engine's lock. */
static void submit(struct weir_feed *feed, struct weir_record *rec, u64 now)
{
	struct weir_channel *ch = feed->ch;
	struct weir_peer *p = &ch->writer.peer;
	struct weir_engine *e = &ch->eng;
	int err;

	fill_in(ch, rec);
	rec->msg->blk->busy--;	/* the ledger counts it itself */
	err = admit(ch);
	if (err < 0) {
		rec->msg->blk->busy++;
		e->c.fed_refused++;
		weir_engine_refused(e, p, err);
		set_free(rec);
		return;
	}
	if (err)
		weir_engine_accept_lost(e, p, rec->msg);
	else
		weir_engine_accept(e, p, rec->msg, now);
	e->c.fed++;
	set_empty(feed, rec);
}

/* In the order in which they were committed, on whatever processor. */
static void submit_all(struct weir_feed *feed)
{
	struct llist_node *list, *node;
	struct weir_change c;
	u64 now;
	u32 n;

	list = llist_reverse_order(llist_del_all(&feed->done));
	while (list) {
		weir_channel_lock(&c, feed->ch);
		now = ktime_get_ns();
		for (n = 0; list && n < BATCH; n++) {
			node = list;
			list = node->next;
			submit(feed, llist_entry(node, struct weir_record, node),
			       now);
		}
		weir_channel_unlock(&c);
		cond_resched();
	}
}

static void give_buffer(struct weir_feed *feed, struct weir_msg *msg)
{
	struct weir_record *rec = llist_entry(feed->empty, struct weir_record,
					      node);
	u32 off = weir_msg_index(msg) << weir_class_shift(feed->cls);
	size_t len = feed->size;

	feed->empty = feed->empty->next;
	WRITE_ONCE(feed->nr_empty, feed->nr_empty - 1);
	rec->msg = msg;
	/* In one piece: no class of up to 64 KiB goes beyond a folio. */
	rec->data = weir_pool_part(weir_pool_block(msg->blk), off, &len);
	set_free(rec);
}

/* Return: whether there were as many free buffers as were wanted. */
static bool refill_some(struct weir_feed *feed)
{
	struct weir_engine *e = &feed->ch->eng;
	struct weir_msg *msg = NULL;
	u32 n;

	guard(spinlock_bh)(&e->lock);
	for (n = 0; feed->empty && n < BATCH; n++) {
		msg = weir_engine_pop_idle(e, feed->cls);
		if (!msg)
			return false;
		give_buffer(feed, msg);
	}
	return true;
}

/* Return: 0, or why there is no memory. */
static int refill(struct weir_feed *feed)
{
	int err;

	while (feed->empty) {
		if (refill_some(feed))
			continue;
		err = weir_copy_supply(feed->ch, feed->cls);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

static void refill_later(struct weir_feed *feed)
{
	if (time_before(jiffies, feed->supply_at)) {
		while (feed->empty && refill_some(feed))
			cond_resched();
		return;
	}
	/* Without memory: with the next event. */
	if (refill(feed))
		feed->supply_at = jiffies + 1;
}

static void release(struct kref *ref)
{
	struct weir_feed *feed = container_of(ref, struct weir_feed, ref);

	queue_rcu_work(weir_channel_wq, &feed->free);
}

/* The buffers of records that are free go back; empty ones have none. */
static void surrender(struct weir_feed *feed)
{
	u32 before = feed->left, word, bit;
	unsigned long bits;

	for (word = 0; word < feed->nr_words; word++) {
		bits = xchg(&feed->words[word].free, 0);
		for_each_set_bit(bit, &bits, BITS_PER_LONG) {
			weir_copy_unused(feed->ch, feed->records[
				word * BITS_PER_LONG + bit].msg);
			feed->left--;
		}
		cond_resched();
	}
	feed->left -= feed->nr_empty;
	WRITE_ONCE(feed->nr_empty, 0);
	feed->empty = NULL;
	if (before && !feed->left)
		kref_put(&feed->ref, release);
}

static void work(struct work_struct *work)
{
	struct weir_feed *feed = container_of(work, struct weir_feed, work);

	submit_all(feed);
	if (READ_ONCE(feed->retired))
		surrender(feed);
	else
		refill_later(feed);
}

static void kick(struct irq_work *irq)
{
	struct weir_feed *feed = container_of(irq, struct weir_feed, irq);

	queue_work(weir_channel_wq, &feed->work);
}

/* ---- its life ---- */

static void free_feed(struct work_struct *work)
{
	struct weir_feed *feed = container_of(to_rcu_work(work),
					      struct weir_feed, free);

	irq_work_sync(&feed->irq);
	flush_work(&feed->work);
	weir_channel_put(feed->ch);
	kvfree(feed->records);
	kfree(feed);
	/* Pairs with weir_feed_exit(), which then waits for this work's end. */
	if (atomic_dec_and_test(&nr_feeds))
		wake_up_var(&nr_feeds);
}

static struct weir_feed *alloc_feed(struct weir_channel *ch, u32 nr, u32 size)
{
	u32 words = DIV_ROUND_UP(nr, BITS_PER_LONG), i;
	struct weir_feed *feed;

	feed = kzalloc(struct_size(feed, words, words), GFP_KERNEL_ACCOUNT);
	if (!feed)
		return NULL;
	feed->records = kvcalloc(nr, sizeof(*feed->records),
				 GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!feed->records) {
		kfree(feed);
		return NULL;
	}
	atomic_inc(&nr_feeds);
	kref_get(&ch->ref);
	feed->ch = ch;
	kref_init(&feed->ref);
	kref_get(&feed->ref);	/* the records' */
	feed->nr = nr;
	feed->left = nr;
	feed->nr_words = words;
	feed->size = size;
	feed->cls = weir_class_for(size);
	feed->kick_at = jiffies;
	feed->supply_at = jiffies;
	init_llist_head(&feed->done);
	init_irq_work(&feed->irq, kick);
	INIT_WORK(&feed->work, work);
	INIT_RCU_WORK(&feed->free, free_feed);
	for (i = nr; i--;) {
		feed->records[i].feed = feed;
		set_empty(feed, &feed->records[i]);
	}
	return feed;
}

/*
 * It is in no table any more, or never was. What had been committed is
 * submitted, and what no program has is given back, when this returns.
 */
static void retire(struct weir_feed *feed)
{
	WRITE_ONCE(feed->retired, true);
	/* Pairs with weir_feed_discard(). */
	smp_mb();
	queue_work(weir_channel_wq, &feed->work);
	flush_work(&feed->work);
	kref_put(&feed->ref, release);
}

/* Return: the one that was there, to be retired; or @feed, in a closed channel. */
static struct weir_feed *replace(struct weir_channel *ch,
				 struct weir_feed *feed)
{
	struct weir_feed *old;

	guard(mutex)(&feeds_lock);
	if (feed && READ_ONCE(ch->eng.closed))
		return feed;
	old = rcu_dereference_protected(ch->feed,
					lockdep_is_held(&feeds_lock));
	if (old)
		hash_del_rcu(&old->link);
	if (feed)
		hash_add_rcu(feeds, &feed->link,
			     hash_of(ch->name, strlen(ch->name)));
	rcu_assign_pointer(ch->feed, feed);
	return old;
}

static bool is_so(struct weir_channel *ch, u32 nr, u32 size)
{
	struct weir_feed *feed;

	guard(rcu)();
	feed = rcu_dereference(ch->feed);
	return feed ? feed->nr == nr && feed->size == size : !nr;
}

/**
 * weir_feed_configure - give a channel a feed, another one, or none
 * @ch: channel
 * @nr: records; 0: no feed
 * @size: bytes of one
 *
 * What programs have of the old one is still submitted. Return: 0; -ENOMEM,
 * -ENOBUFS no memory in the host or the pool, -ESHUTDOWN, -EINTR, and nothing is
 * changed. Context: may sleep; one at a time for a channel.
 */
int weir_feed_configure(struct weir_channel *ch, u32 nr, u32 size)
{
	struct weir_feed *feed = NULL, *old;
	int err = 0;

	if (is_so(ch, nr, size))
		return 0;
	if (nr) {
		feed = alloc_feed(ch, nr, size);
		if (!feed)
			return -ENOMEM;
		err = refill(feed);
	}
	old = err ? feed : replace(ch, feed);
	if (old && old == feed)
		err = err ?: -ESHUTDOWN;
	if (old)
		retire(old);
	return err;
}

/**
 * weir_feed_end - no program finds the channel any more
 * @ch: channel
 *
 * Context: may sleep.
 */
void weir_feed_end(struct weir_channel *ch)
{
	struct weir_feed *old = replace(ch, NULL);

	if (old)
		retire(old);
}

/**
 * weir_feed_exit - wait until every feed is freed; at module exit
 *
 * All channels are deleted and no program has a record, or the module could not
 * be unloaded: so all of them are on their way.
 */
void weir_feed_exit(void)
{
	wait_var_event(&nr_feeds, !atomic_read(&nr_feeds));
}

/**
 * weir_feed_taken - records that programs have, or that wait for their submission
 * @ch: channel
 *
 * Exact when none changes.
 */
u32 weir_feed_taken(struct weir_channel *ch)
{
	struct weir_feed *feed;
	u32 rest = 0, word;

	guard(rcu)();
	feed = rcu_dereference(ch->feed);
	if (!feed)
		return 0;
	for (word = 0; word < feed->nr_words; word++)
		rest += hweight_long(READ_ONCE(feed->words[word].free));
	rest += READ_ONCE(feed->nr_empty);
	return feed->nr - min(rest, feed->nr);
}
