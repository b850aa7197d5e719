// SPDX-License-Identifier: GPL-2.0-only
/*
 * The figures that BPF programs are shown, against those of netlink: each
 * counter and each bucket the same, whatever was before, whoever died.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <libgen.h>
#include <limits.h>
#include <linux/bpf.h>

#include "kselftest_harness.h"

#include "bed.h"

typedef uint32_t u32;
typedef uint64_t u64;
#include <weir/observe.h>

#define PROCESSORS_MAX	64
#define EACH		600	/* messages of one sender in the storm */
#define SENDERS		2
#define WORKERS		3

struct watch {
	struct bpf_object *object;
	struct bpf_link *link[2];
	int channels, processors, latency, clients;
};

/* The object lies in the build folder, as this program does. */
static int load(struct watch *w)
{
	char self[PATH_MAX] = "", path[PATH_MAX + 32];

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return -errno;
	snprintf(path, sizeof(path), "%s/../bpf/observe.bpf.o", dirname(self));
	if (access(path, F_OK))
		return -ENOENT;
	w->object = bpf_object__open_file(path, NULL);
	if (!w->object)
		return -errno;
	return bpf_object__load(w->object);
}

static int map_fd(const struct watch *w, const char *name)
{
	return bpf_object__find_map_fd_by_name(w->object, name);
}

static int attach(struct watch *w)
{
	static const char *const names[] = { "observe_channel", "observe_client" };
	struct bpf_program *p;
	int i;

	w->channels = map_fd(w, "channels");
	w->processors = map_fd(w, "processors");
	w->latency = map_fd(w, "latency");
	w->clients = map_fd(w, "clients");
	for (i = 0; i < 2; i++) {
		p = bpf_object__find_program_by_name(w->object, names[i]);
		w->link[i] = p ? bpf_program__attach(p) : NULL;
		if (!w->link[i])
			return -errno;
	}
	return 0;
}

static void detach(struct watch *w)
{
	bpf_link__destroy(w->link[0]);
	bpf_link__destroy(w->link[1]);
	w->link[0] = w->link[1] = NULL;
}

static bool find_channel(const struct watch *w, const char *name,
			 struct weir_observe_key *key,
			 struct weir_observe_channel *ch)
{
	struct weir_observe_key *last = NULL;

	while (!bpf_map_get_next_key(w->channels, last, key)) {
		last = key;
		if (!bpf_map_lookup_elem(w->channels, key, ch) &&
		    !strcmp(ch->name, name))
			return true;
	}
	return false;
}

static u64 accepted_seen(const struct watch *w, const char *name)
{
	struct weir_observe_channel ch;
	struct weir_observe_key key;

	return find_channel(w, name, &key, &ch) ? ch.counts.accepted : 0;
}

/*
 * The module shows what was before one client after the other, and the
 * latencies before either. All is there once their figures make up the channel's.
 */
static bool shown(const struct watch *w, const char *name, u64 accepted)
{
	struct weir_observe_client_key of, *last = NULL;
	u64 sent = 0, delivered = 0;
	struct weir_observe_client c;
	struct weir_observe_channel ch;
	struct weir_observe_key key;

	if (!find_channel(w, name, &key, &ch))
		return false;
	for (; !bpf_map_get_next_key(w->clients, last, &of); last = &of) {
		if (of.channel != key.channel ||
		    bpf_map_lookup_elem(w->clients, &of, &c))
			continue;
		sent += c.accepted;
		delivered += c.delivered;
	}
	return ch.counts.accepted == accepted && sent == accepted &&
	       ch.counts.delivered == delivered;
}

static unsigned int entries_of(const struct watch *w, u32 nr)
{
	struct weir_observe_client_key key, *last = NULL;
	struct weir_observe_key one = { nr };
	struct weir_observe_counts of[PROCESSORS_MAX];
	static struct weir_observe_latency l;
	struct weir_observe_channel ch;
	unsigned int n;

	n = !bpf_map_lookup_elem(w->channels, &one, &ch);
	n += !bpf_map_lookup_elem(w->processors, &one, of);
	n += !bpf_map_lookup_elem(w->latency, &one, &l);
	for (; !bpf_map_get_next_key(w->clients, last, &key); last = &key)
		n += key.channel == nr;
	return n;
}

/* ---- one against the other; how many differ ---- */

static unsigned int differ(const char *what, u64 seen, u64 told)
{
	if (seen == told)
		return 0;
	fprintf(stderr, "# %s: %llu in the map, %llu by netlink\n",
		what, (unsigned long long)seen,
		(unsigned long long)told);
	return 1;
}

static unsigned int compare_counts(const struct weir_observe_counts *c,
				   const struct nl_obj *o)
{
	unsigned int n = 0;

#define X(field, attr, help) \
	n += differ(#field, c->field, nl_num(o, WEIR_A_STATS_##attr));
	WEIR_COUNTERS(X)
#undef X
	n += differ("enters", c->enters, nl_num(o, WEIR_A_STATS_ENTERS));
	n += differ("wakeups", c->wakeups, nl_num(o, WEIR_A_STATS_WAKEUPS));
	n += differ("spins", c->spins, nl_num(o, WEIR_A_STATS_SPINS));
	return n;
}

static u32 index_of(u64 low)
{
	u32 top;

	if (low < 1U << (WEIR_HIST_BITS + 1))
		return low;
	top = 63 - __builtin_clzll(low);
	return ((top - WEIR_HIST_BITS) << WEIR_HIST_BITS) +
	       (low >> (top - WEIR_HIST_BITS));
}

static unsigned int compare_hist(const struct weir_observe_hist *h,
				 const struct nl_obj *stats, int attr)
{
	struct nl_obj *o = nl_nest(stats, attr, 0);
	static struct weir_observe_hist told;
	u64 pair[2];
	const char *data;
	size_t len = 0;
	unsigned int n = 0, i;

	memset(&told, 0, sizeof(told));
	data = nl_data(o, WEIR_A_HIST_BUCKETS, &len);
	for (; len >= sizeof(pair); data += sizeof(pair), len -= sizeof(pair)) {
		memcpy(pair, data, sizeof(pair));
		told.bucket[index_of(pair[0])] = pair[1];
	}
	n += differ("count", h->count, nl_num(o, WEIR_A_HIST_COUNT));
	n += differ("sum", h->sum, nl_num(o, WEIR_A_HIST_SUM));
	n += differ("max", h->max, nl_num(o, WEIR_A_HIST_HIGHEST));
	for (i = 0; i < WEIR_HIST_BUCKETS; i++)
		n += differ("bucket", h->bucket[i], told.bucket[i]);
	free(o);
	return n;
}

/* As one processor's: the sum of all. */
static struct weir_observe_counts add_up(const struct weir_observe_counts *of)
{
	struct weir_observe_counts sum = { 0 };
	int i, nr = libbpf_num_possible_cpus();

	for (i = 0; i < nr; i++) {
#define X(field, attr, help) sum.field += of[i].field;
		WEIR_COUNTERS(X)
#undef X
		sum.enters += of[i].enters;
		sum.wakeups += of[i].wakeups;
		sum.spins += of[i].spins;
	}
	return sum;
}

static unsigned int compare_clients(const struct watch *w, const char *name, u32 nr)
{
	struct weir_observe_client_key key = { .channel = nr };
	struct weir_observe_client c;
	const struct nl_obj *o;
	unsigned int n = 0;
	size_t i;

	if (nl_dump(WEIR_CMD_CLIENT_GET, ATTRS(A_STR(WEIR_A_CLIENT_CHANNEL, name))))
		return 1;
	for (i = 0; i < nl_last.list.nr; i++) {
		o = nl_last.list.obj[i];
		key.client = nl_num(o, WEIR_A_CLIENT_ID);
		memset(&c, 0, sizeof(c));
		n += differ("client's entry",
			    bpf_map_lookup_elem(w->clients, &key, &c), 0);
		n += differ("client's accepted", c.accepted,
			    nl_num(o, WEIR_A_CLIENT_ACCEPTED));
		n += differ("refused", c.refused, nl_num(o, WEIR_A_CLIENT_REFUSED));
		n += differ("delivered", c.delivered,
			    nl_num(o, WEIR_A_CLIENT_DELIVERED));
		n += differ("acked", c.acked, nl_num(o, WEIR_A_CLIENT_ACKED));
		n += differ("failed", c.failed, nl_num(o, WEIR_A_CLIENT_FAILED));
		n += differ("dropped", c.dropped, nl_num(o, WEIR_A_CLIENT_DROPPED));
	}
	return n;
}

/*
 * The maps are read before netlink is asked for statistics, which would bring
 * them up to date.
 */
static unsigned int compare(const struct watch *w, const char *name)
{
	struct weir_observe_counts of[PROCESSORS_MAX], sum;
	static struct weir_observe_latency l;
	struct weir_observe_channel ch;
	struct weir_observe_key key;
	const struct nl_obj *o;
	unsigned int n;

	if (!find_channel(w, name, &key, &ch) ||
	    bpf_map_lookup_elem(w->processors, &key, of) ||
	    bpf_map_lookup_elem(w->latency, &key, &l)) {
		fprintf(stderr, "# %s is not in the maps\n", name);
		return 1;
	}
	sum = add_up(of);
	n = compare_clients(w, name, key.channel);
	if (nl_do(WEIR_CMD_STATS_GET, ATTRS(A_STR(WEIR_A_STATS_CHANNEL, name))))
		return 1;
	o = nl_first();
	n += compare_counts(&ch.counts, o);
	n += compare_counts(&sum, o);
	n += differ("ready", ch.ready, nl_num(o, WEIR_A_STATS_READY));
	n += differ("delayed", ch.delayed, nl_num(o, WEIR_A_STATS_DELAYED));
	n += differ("inflight", ch.inflight, nl_num(o, WEIR_A_STATS_INFLIGHT));
	n += differ("dead", ch.dead, nl_num(o, WEIR_A_STATS_DEAD));
	n += compare_hist(&l.waiting, o, WEIR_A_STATS_HIST_WAITING);
	n += compare_hist(&l.working, o, WEIR_A_STATS_HIST_WORKING);
	n += compare_hist(&l.total, o, WEIR_A_STATS_HIST_TOTAL);
	n += compare_hist(&l.redelivery, o, WEIR_A_STATS_HIST_REDELIVERY);
	n += compare_hist(&l.batch, o, WEIR_A_STATS_HIST_BATCH);
	return n;
}

/* ---- the tests ---- */

CHANNEL_FIXTURE(watch, A_U32(WEIR_A_CHANNEL_MESSAGES, 100),
		A_U32(WEIR_A_CHANNEL_INFLIGHT, 16),
		A_U32(WEIR_A_CHANNEL_BACKOFF_MIN, 0),
		A_U32(WEIR_A_CHANNEL_BACKOFF_MAX, 0),
		A_U32(WEIR_A_CHANNEL_MAX_ATTEMPTS, 60))

/* Return: whether there is anything to load. */
static bool begin(struct __test_metadata *_metadata, struct watch *w)
{
	int rc = load(w);

	if (rc == -ENOENT)
		return false;
	ASSERT_EQ(0, rc);
	ASSERT_EQ(0, attach(w));
	return true;
}

TEST_F(watch, what_was_before_is_there_and_what_comes_after)
{
	struct watch w = { .object = NULL };
	struct weir_cqe cqe;
	struct raw s, r;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_WORK));
	ASSERT_LE(0, raw_send_nums(&s, 1, 30));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, raw_next(&r, &cqe));
		ASSERT_LE(0, raw_answer(&r, i % 3 ? WEIR_OP_ACK : WEIR_OP_FAIL, 0,
					cqe.token));
	}
	if (!begin(_metadata, &w))
		SKIP(return, "observe.bpf.o was not built");
	/* The module does it by itself. */
	ASSERT_TRUE(WAIT_FOR(shown(&w, self->name, 30)));
	EXPECT_EQ(0, compare(&w, self->name));
	ASSERT_LE(0, raw_send_nums(&s, 31, 20));
	EXPECT_EQ(0, compare(&w, self->name));
	ASSERT_LE(0, raw_work_off(&r));
	EXPECT_EQ(0, compare(&w, self->name));

	/* Not watched, then watched by the same programs again. */
	detach(&w);
	ASSERT_LE(0, raw_send_nums(&s, 51, 20));
	EXPECT_NE(0, compare(&w, self->name));
	ASSERT_EQ(0, attach(&w));
	ASSERT_TRUE(WAIT_FOR(shown(&w, self->name, 70)));
	EXPECT_EQ(0, compare(&w, self->name));
	raw_close(&s);
	raw_close(&r);
	detach(&w);
	bpf_object__close(w.object);
}

static void produce(const char *name)
{
	struct raw s;
	int i;

	if (raw_open(&s, name, RAW_SEND))
		_exit(1);
	for (i = 0; i < EACH; i += 20)
		if (raw_send_nums(&s, 1 + i, 20) < 0)
			_exit(2);
	if (raw_wait_returns(&s, EACH))
		_exit(3);
	_exit(0);
}

/* Until it is killed; fails some. */
static void consume(const char *name)
{
	struct weir_cqe cqe;
	unsigned int n = 0;
	struct raw r;

	if (raw_open(&r, name, RAW_WORK))
		_exit(1);
	while (!raw_next_in(&r, 0, &cqe))
		if (cqe.type == WEIR_CQE_MSG &&
		    raw_answer(&r, ++n % 7 ? WEIR_OP_ACK : WEIR_OP_FAIL, 0,
			       cqe.token) < 0)
			_exit(2);
	_exit(3);
}

static void start(struct __test_metadata *_metadata, struct kid *k,
		  const char *name, void (*fn)(const char *name))
{
	if (kid_fork(k))
		fn(name);
	ASSERT_LT(0, k->pid);
}

TEST_F(watch, many_processes_some_of_which_die)
{
	struct kid sender[SENDERS], worker[WORKERS];
	struct watch w = { .object = NULL };
	unsigned int i;

	if (!begin(_metadata, &w))
		SKIP(return, "observe.bpf.o was not built");
	for (i = 0; i < WORKERS; i++)
		start(_metadata, &worker[i], self->name, consume);
	for (i = 0; i < SENDERS; i++)
		start(_metadata, &sender[i], self->name, produce);
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(WAIT_FOR(accepted_seen(&w, self->name) >
				     (i + 1) * EACH / 2));
		kid_kill(&worker[i]);
		start(_metadata, &worker[i], self->name, consume);
	}
	for (i = 0; i < SENDERS; i++)
		EXPECT_EQ(0, kid_end(&sender[i]));
	for (i = 0; i < WORKERS; i++)
		kid_kill(&worker[i]);
	EXPECT_EQ(SENDERS * EACH, accepted_seen(&w, self->name));
	EXPECT_EQ(0, compare(&w, self->name));
	detach(&w);
	bpf_object__close(w.object);
}

TEST_F(watch, a_channel_that_is_deleted_leaves_nothing)
{
	struct watch w = { .object = NULL };
	struct weir_observe_channel ch;
	struct weir_observe_key key;
	char other[CHAN_ROOM];
	struct raw s;

	if (!begin(_metadata, &w))
		SKIP(return, "observe.bpf.o was not built");
	ASSERT_EQ(0, chan_new(other, NO_ATTRS));
	ASSERT_EQ(0, raw_open(&s, other, RAW_SEND));
	ASSERT_LE(0, raw_send_nums(&s, 1, 3));
	ASSERT_TRUE(find_channel(&w, other, &key, &ch));
	EXPECT_EQ(4, entries_of(&w, key.channel));
	EXPECT_EQ(0, compare(&w, other));
	EXPECT_EQ(0, chan_del(other, true));
	EXPECT_EQ(0, entries_of(&w, key.channel));
	raw_close(&s);
	EXPECT_EQ(0, entries_of(&w, key.channel));
	detach(&w);
	bpf_object__close(w.object);
}

TEST_HARNESS_MAIN
