// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps the figures of all channels and clients in maps that bpftool shows by
 * name. What they show equals what "weirctl stats" and "weirctl client show"
 * say whenever no call is under way.
 *
 * How it is exact: nothing is counted here. Each event comes after the change
 * it tells of, and the program copies the module's own figures as they are at
 * that moment, under a lock of the entry. So whichever event comes last has
 * seen all changes; the first one brings all that was before it; and one that
 * is missed costs nothing, since the next one makes good for it. Counting would
 * have to begin at one moment in all programs at once.
 *
 * Why there are maps per processor all the same: they say where the work was
 * done. What an event finds to have been added is added to the entry of the
 * processor it runs on; so the sum over all processors is the same figure.
 *
 * When it is a bad idea: it costs time with each batch, and under a lock that
 * all processors share which work for one channel, as they do the channel's.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include <weir/observe.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WEIR_OBSERVE_CHANNELS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct weir_observe_key);
	__type(value, struct weir_observe_channel);
} channels SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, WEIR_OBSERVE_CHANNELS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct weir_observe_key);
	__type(value, struct weir_observe_counts);
} processors SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WEIR_OBSERVE_CHANNELS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct weir_observe_key);
	__type(value, struct weir_observe_latency);
} latency SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WEIR_OBSERVE_CLIENTS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct weir_observe_client_key);
	__type(value, struct weir_observe_client);
} clients SEC(".maps");

/* A histogram on its way from the module to its copy. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct weir_observe_hist);
} scratch SEC(".maps");

/* What a new entry begins with. */
static const char zeros[sizeof(struct weir_observe_latency)];

#define once(x) (*(const volatile typeof(x) *)&(x))

/* A member that may lie beyond the 32 KiB that one load reaches. */
#define within(member) ({						\
	typeof(&(member)) _within = &(member);				\
	barrier_var(_within);						\
	_within;							\
})

static __always_inline void raise(u64 *copy, u64 value)
{
	if (value > *copy)
		*copy = value;
}

/* ---- channels ---- */

static __always_inline struct weir_observe_channel *find_channel(const struct weir_channel *ch,
						    bool create)
{
	struct weir_observe_key key = { .channel = ch->id };
	struct weir_observe_channel *v = bpf_map_lookup_elem(&channels, &key);

	if (v || !create)
		return v;
	bpf_map_update_elem(&channels, &key, zeros, BPF_NOEXIST);
	v = bpf_map_lookup_elem(&channels, &key);
	if (v)
		bpf_probe_read_kernel_str(v->name, sizeof(v->name), ch->name);
	return v;
}

/* The part of this processor in what a channel counts. */
static __always_inline struct weir_observe_counts *
find_processor(const struct weir_channel *ch)
{
	struct weir_observe_key key = { .channel = ch->id };
	struct weir_observe_counts *v = bpf_map_lookup_elem(&processors, &key);

	if (v)
		return v;
	bpf_map_update_elem(&processors, &key, zeros, BPF_NOEXIST);
	return bpf_map_lookup_elem(&processors, &key);
}

/* Most figures are what they were. */
#define take(field, value) do {						\
	u64 _now = (value);						\
									\
	if (_now != to->field) {					\
		here->field += _now - to->field;			\
		to->field = _now;					\
	}								\
} while (0)

static __always_inline void copy_channel(struct weir_observe_channel *v,
					 struct weir_observe_counts *here,
					 const struct weir_channel *ch)
{
	const struct weir_counters *from = within(ch->eng.c);
	struct weir_observe_counts *to = &v->counts;

	bpf_spin_lock(&v->lock);
#define X(field, attr, help) take(field, once(from->field));
	WEIR_COUNTERS(X)
#undef X
	take(enters, once(within(ch->enters)->counter));
	take(wakeups, once(within(ch->wakeups)->counter));
	take(spins, once(within(ch->spins)->counter));
	v->ready = once(*within(ch->eng.lane.nr_waiting)) +
		   once(*within(ch->eng.lane.nr_suspect)) +
		   once(*within(ch->eng.lane.keys.nr_parked));
	v->delayed = once(*within(ch->eng.lane.nr_delayed));
	v->inflight = once(*within(ch->eng.nr_inflight));
	v->dead = once(*within(ch->eng.nr_dead));
	bpf_spin_unlock(&v->lock);
}

static __always_inline void copy_wakeups(struct weir_observe_channel *v,
					 struct weir_observe_counts *here,
					 const struct weir_channel *ch)
{
	struct weir_observe_counts *to = &v->counts;

	bpf_spin_lock(&v->lock);
	take(wakeups, once(within(ch->wakeups)->counter));
	bpf_spin_unlock(&v->lock);
}

/* ---- histograms ---- */

/* Of one histogram: the buckets that may have changed since the last look. */
struct changes {
	u64 value[WEIR_HIST_TRAIL];
	u32 index[WEIR_HIST_TRAIL];
};

static __always_inline void copy_all(struct weir_observe_latency *l, struct weir_observe_hist *to,
				     u32 *steps, const struct weir_hist *h, u64 count)
{
	u32 zero = 0, seen = once(h->steps), i;
	struct weir_observe_hist *s = bpf_map_lookup_elem(&scratch, &zero);

	if (!s)
		return;
	s->count = count;
	s->sum = once(h->sum);
	s->max = once(h->max);
	bpf_probe_read_kernel(s->bucket, sizeof(s->bucket), &h->bucket);
	bpf_spin_lock(&l->lock);
	raise(&to->count, s->count);
	raise(&to->sum, s->sum);
	raise(&to->max, s->max);
	for (i = 0; i < WEIR_HIST_BUCKETS; i++)
		raise(&to->bucket[i], s->bucket[i]);
	if ((s32)(seen - *steps) > 0)
		*steps = seen;
	bpf_spin_unlock(&l->lock);
}

static __always_inline void copy_some(struct weir_observe_latency *l, struct weir_observe_hist *to,
				      u32 *steps, const struct weir_hist *h, u64 count,
				      u32 seen, u64 trail, u32 back)
{
	u64 sum = once(h->sum), max = once(h->max);
	struct changes c;
	u32 i;

	for (i = 0; i < WEIR_HIST_TRAIL; i++) {
		c.index[i] = i <= back ?
			     trail >> i * WEIR_HIST_TRAIL_BITS &
			     ((1 << WEIR_HIST_TRAIL_BITS) - 1) :
			     WEIR_HIST_BUCKETS;
		c.value[i] = 0;
		if (c.index[i] < WEIR_HIST_BUCKETS)
			bpf_probe_read_kernel(&c.value[i], sizeof(u64),
					      (void *)&h->bucket +
					      c.index[i] * sizeof(u64));
	}
	bpf_spin_lock(&l->lock);
	raise(&to->count, count);
	raise(&to->sum, sum);
	raise(&to->max, max);
	for (i = 0; i < WEIR_HIST_TRAIL; i++)
		if (c.index[i] < WEIR_HIST_BUCKETS)
			raise(&to->bucket[c.index[i]], c.value[i]);
	if ((s32)(seen - *steps) > 0)
		*steps = seen;
	bpf_spin_unlock(&l->lock);
}

/*
 * The trail names the bucket that was the last one at the last look and all
 * since, unless there were too many. The module stores it before the steps, so
 * it may be one step further than these are afterwards: no look goes further back.
 *
 * The count is read before all else, and the module writes it after all else: what
 * has changed and is not seen here will be found by its count.
 */
static __always_inline void copy_hist(struct weir_observe_latency *l, struct weir_observe_hist *to,
				      u32 *steps, const struct weir_hist *h)
{
	u32 from = once(*steps), seen, last;
	u64 count = once(h->count), trail;

	if (count == once(to->count))
		return;
	seen = once(h->steps);
	trail = once(h->trail);
	last = once(h->steps);
	if (last - from > WEIR_HIST_TRAIL - 2)
		copy_all(l, to, steps, h, count);
	else
		copy_some(l, to, steps, h, count, seen, trail,
			  last - from + 1);
}

static __always_inline void copy_latency(const struct weir_channel *ch)
{
	struct weir_observe_key key = { .channel = ch->id };
	struct weir_observe_latency *l = bpf_map_lookup_elem(&latency, &key);

	if (!l) {
		bpf_map_update_elem(&latency, &key, zeros, BPF_NOEXIST);
		l = bpf_map_lookup_elem(&latency, &key);
		if (!l)
			return;
	}
	copy_hist(l, &l->waiting, &l->steps[0],
		  within(ch->eng.hist[WEIR_HIST_WAITING]));
	copy_hist(l, &l->working, &l->steps[1],
		  within(ch->eng.hist[WEIR_HIST_WORKING]));
	copy_hist(l, &l->total, &l->steps[2], within(ch->eng.hist[WEIR_HIST_TOTAL]));
	copy_hist(l, &l->redelivery, &l->steps[3],
		  within(ch->eng.hist[WEIR_HIST_REDELIVERY]));
	copy_hist(l, &l->batch, &l->steps[4], within(ch->eng.hist[WEIR_HIST_BATCH]));
}

static __always_inline void forget_channel(const struct weir_channel *ch)
{
	struct weir_observe_key key = { .channel = ch->id };

	bpf_map_delete_elem(&channels, &key);
	bpf_map_delete_elem(&processors, &key);
	bpf_map_delete_elem(&latency, &key);
}

/* ---- clients ---- */

static __always_inline struct weir_observe_client *find_client(const struct weir_peer *peer,
						  struct weir_observe_client_key *key)
{
	struct weir_observe_client *v = bpf_map_lookup_elem(&clients, key);

	if (v)
		return v;
	bpf_map_update_elem(&clients, key, zeros, BPF_NOEXIST);
	v = bpf_map_lookup_elem(&clients, key);
	if (v) {
		v->role = peer->role;
		v->uid = once(peer->uid);
	}
	return v;
}

/* A client that has ended has no entry, whoever is late. */
static __always_inline void copy_client(const struct weir_channel *ch,
					const struct weir_peer *peer)
{
	struct weir_observe_client_key key = { .channel = ch->id, .client = peer->id };
	struct weir_observe_client *v;

	if (peer->kernel || !key.client)
		return;
	v = once(peer->gone) ? NULL : find_client(peer, &key);
	if (v) {
		bpf_spin_lock(&v->lock);
		v->accepted = once(peer->accepted);
		v->refused = once(peer->refused);
		v->delivered = once(peer->delivered);
		v->acked = once(peer->acked);
		v->failed = once(peer->failed);
		v->dropped = once(peer->dropped);
		bpf_spin_unlock(&v->lock);
	}
	if (once(peer->gone))
		bpf_map_delete_elem(&clients, &key);
}

/* ---- events: neither pointer is ever NULL, but the verifier wants to see it ---- */

SEC("tp_btf/weir_channel")
int BPF_PROG(observe_channel, const struct weir_channel *ch,
	     const struct weir_peer *peer, bool gone)
{
	struct weir_observe_counts *here;
	struct weir_observe_channel *v;

	if (!ch || !peer)
		return 0;
	if (gone || once(ch->eng.closed)) {
		forget_channel(ch);
		copy_client(ch, peer);
		return 0;
	}
	v = find_channel(ch, true);
	here = find_processor(ch);
	if (v && here)
		copy_channel(v, here, ch);
	copy_latency(ch);
	copy_client(ch, peer);
	/* It may have been forgotten, and then made anew here. */
	if (once(ch->eng.closed))
		forget_channel(ch);
	return 0;
}

SEC("tp_btf/weir_client")
int BPF_PROG(observe_client, const struct weir_channel *ch,
	     const struct weir_peer *peer)
{
	struct weir_observe_counts *here;
	struct weir_observe_channel *v;

	if (!ch || !peer)
		return 0;
	v = find_channel(ch, false);
	if (v && (u64)once(within(ch->wakeups)->counter) != once(v->counts.wakeups)) {
		here = find_processor(ch);
		if (here)
			copy_wakeups(v, here, ch);
	}
	copy_client(ch, peer);
	return 0;
}
