/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: one event for a batch at each hop, never one for a message.
 *
 * All are fired with bottom halves off and no lock of ours held, in an RCU read
 * section in which channel and peer stay. So a program attached to one may use
 * the module, and no event of a processor is lost because another one of it is
 * being handled.
 *
 * Hops: what one call has brought about, as differences of the channel's
 * counters. Figures: weir_channel and weir_client say that the figures of a
 * channel or a client have changed, and come after the change: who then copies
 * them from the structures is never behind once all is quiet. See trace.c.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM weir

#if !defined(_WEIR_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _WEIR_TRACE_H

#include <linux/tracepoint.h>

#include "channel.h"

#ifndef WEIR_TRACE_ONCE
#define WEIR_TRACE_ONCE
/* For callers that have found the tracepoint enabled. */
void weir_trace_hops(const struct weir_channel *ch, const struct weir_peer *p,
		     struct weir_counters *batch);
void weir_trace_deliver(const struct weir_channel *ch,
			const struct weir_peer *p, u32 read);
void weir_trace_resize(const struct weir_channel *ch, u64 before, u64 after);
void weir_trace_eject(const struct weir_channel *ch, const char *policy,
		      const char *reason);
void weir_trace_channel(const struct weir_channel *ch,
			const struct weir_peer *p, bool gone);
void weir_trace_client(const struct weir_channel *ch,
		       const struct weir_peer *p);

void weir_trace_figures(struct weir_channel *ch);
void weir_trace_exit(void);
int weir_trace_watch_channels(void);
void weir_trace_unwatch_channels(void);
int weir_trace_watch_clients(void);
void weir_trace_unwatch_clients(void);
#endif

#define WEIR_TRACE_NAME		(WEIR_NAME_MAX + 1)

/* A client's messages were accepted, or were not. */
TRACE_EVENT(weir_submit,
	TP_PROTO(const struct weir_channel *ch, const struct weir_peer *peer,
		 const struct weir_counters *batch),
	TP_ARGS(ch, peer, batch),
	TP_STRUCT__entry(
		__array(char, channel, WEIR_TRACE_NAME)
		__field(u32, client)
		__field(u64, accepted)
		__field(u64, bytes)
		__field(u64, refused)
		__field(u64, dropped)
	),
	TP_fast_assign(
		strscpy(__entry->channel, ch->name, WEIR_TRACE_NAME);
		__entry->client = peer->id;
		__entry->accepted = batch->accepted;
		__entry->bytes = batch->bytes;
		__entry->refused = batch->refused;
		__entry->dropped = batch->dropped;
	),
	TP_printk("channel=%s client=%u accepted=%llu bytes=%llu refused=%llu dropped=%llu",
		  __entry->channel, __entry->client, __entry->accepted,
		  __entry->bytes, __entry->refused, __entry->dropped)
);

/* Messages were given to workers. */
TRACE_EVENT(weir_dispatch,
	TP_PROTO(const struct weir_channel *ch, const struct weir_peer *peer,
		 const struct weir_counters *batch),
	TP_ARGS(ch, peer, batch),
	TP_STRUCT__entry(
		__array(char, channel, WEIR_TRACE_NAME)
		__field(u32, client)
		__field(u64, delivered)
		__field(u64, batches)
		__field(u64, ready)
	),
	TP_fast_assign(
		strscpy(__entry->channel, ch->name, WEIR_TRACE_NAME);
		__entry->client = peer->id;
		__entry->delivered = batch->delivered;
		__entry->batches = batch->batches;
		__entry->ready = weir_lane_ready(&ch->eng.lane);
	),
	TP_printk("channel=%s client=%u delivered=%llu batches=%llu ready=%llu",
		  __entry->channel, __entry->client, __entry->delivered,
		  __entry->batches, __entry->ready)
);

/* A worker comes, and has read completions since it came last. */
TRACE_EVENT(weir_deliver,
	TP_PROTO(const struct weir_channel *ch, const struct weir_peer *peer,
		 u32 read),
	TP_ARGS(ch, peer, read),
	TP_STRUCT__entry(
		__array(char, channel, WEIR_TRACE_NAME)
		__field(u32, client)
		__field(u32, read)
		__field(u32, held)
	),
	TP_fast_assign(
		strscpy(__entry->channel, ch->name, WEIR_TRACE_NAME);
		__entry->client = peer->id;
		__entry->read = read;
		__entry->held = peer->tags.used;
	),
	TP_printk("channel=%s client=%u read=%u held=%u", __entry->channel,
		  __entry->client, __entry->read, __entry->held)
);

/* A worker has answered. */
TRACE_EVENT(weir_answer,
	TP_PROTO(const struct weir_channel *ch, const struct weir_peer *peer,
		 const struct weir_counters *batch),
	TP_ARGS(ch, peer, batch),
	TP_STRUCT__entry(
		__array(char, channel, WEIR_TRACE_NAME)
		__field(u32, client)
		__field(u64, acked)
		__field(u64, failed)
		__field(u64, released)
		__field(u64, rejected)
		__field(u64, stale)
	),
	TP_fast_assign(
		strscpy(__entry->channel, ch->name, WEIR_TRACE_NAME);
		__entry->client = peer->id;
		__entry->acked = batch->acked;
		__entry->failed = batch->failed;
		__entry->released = batch->released;
		__entry->rejected = batch->rejected;
		__entry->stale = batch->stale;
	),
	TP_printk("channel=%s client=%u acked=%llu failed=%llu released=%llu rejected=%llu stale=%llu",
		  __entry->channel, __entry->client, __entry->acked,
		  __entry->failed, __entry->released, __entry->rejected,
		  __entry->stale)
);

/* Messages that were delivered came back. */
TRACE_EVENT(weir_redeliver,
	TP_PROTO(const struct weir_channel *ch, const struct weir_peer *peer,
		 const struct weir_counters *batch),
	TP_ARGS(ch, peer, batch),
	TP_STRUCT__entry(
		__array(char, channel, WEIR_TRACE_NAME)
		__field(u32, client)
		__field(u64, redelivered)
		__field(u64, crashed_seen)
		__field(u64, crashed_unseen)
		__field(u64, failed)
		__field(u64, released)
		__field(u64, taken)
	),
	TP_fast_assign(
		strscpy(__entry->channel, ch->name, WEIR_TRACE_NAME);
		__entry->client = peer->id;
		__entry->redelivered = batch->redelivered;
		__entry->crashed_seen = batch->crashed_seen;
		__entry->crashed_unseen = batch->crashed_unseen;
		__entry->failed = batch->failed;
		__entry->released = batch->released;
		__entry->taken = batch->taken;
	),
	TP_printk("channel=%s client=%u redelivered=%llu crashed_seen=%llu crashed_unseen=%llu failed=%llu released=%llu taken=%llu",
		  __entry->channel, __entry->client, __entry->redelivered,
		  __entry->crashed_seen, __entry->crashed_unseen,
		  __entry->failed, __entry->released, __entry->taken)
);

/* Messages were given up. */
TRACE_EVENT(weir_dead,
	TP_PROTO(const struct weir_channel *ch, const struct weir_peer *peer,
		 const struct weir_counters *batch),
	TP_ARGS(ch, peer, batch),
	TP_STRUCT__entry(
		__array(char, channel, WEIR_TRACE_NAME)
		__field(u32, client)
		__field(u64, attempts)
		__field(u64, rejected)
		__field(u64, killed)
		__field(u64, redeliveries)
		__field(u64, expired)
	),
	TP_fast_assign(
		strscpy(__entry->channel, ch->name, WEIR_TRACE_NAME);
		__entry->client = peer->id;
		__entry->attempts = batch->died_attempts;
		__entry->rejected = batch->died_rejected;
		__entry->killed = batch->died_killed;
		__entry->redeliveries = batch->died_redeliveries;
		__entry->expired = batch->died_expired;
	),
	TP_printk("channel=%s client=%u attempts=%llu rejected=%llu killed=%llu redeliveries=%llu expired=%llu",
		  __entry->channel, __entry->client, __entry->attempts,
		  __entry->rejected, __entry->killed, __entry->redeliveries,
		  __entry->expired)
);

/* A pool has grown or shrunk by its rules. */
TRACE_EVENT(weir_resize,
	TP_PROTO(const struct weir_channel *ch, u64 before, u64 after),
	TP_ARGS(ch, before, after),
	TP_STRUCT__entry(
		__array(char, channel, WEIR_TRACE_NAME)
		__field(u64, before)
		__field(u64, after)
	),
	TP_fast_assign(
		strscpy(__entry->channel, ch->name, WEIR_TRACE_NAME);
		__entry->before = before;
		__entry->after = after;
	),
	TP_printk("channel=%s before=%llu after=%llu", __entry->channel,
		  __entry->before, __entry->after)
);

/* A policy was taken from a channel. */
TRACE_EVENT(weir_eject,
	TP_PROTO(const struct weir_channel *ch, const char *policy,
		 const char *reason),
	TP_ARGS(ch, policy, reason),
	TP_STRUCT__entry(
		__array(char, channel, WEIR_TRACE_NAME)
		__array(char, policy, 32)
		__array(char, reason, 64)
	),
	TP_fast_assign(
		strscpy(__entry->channel, ch->name, WEIR_TRACE_NAME);
		strscpy(__entry->policy, policy, 32);
		strscpy(__entry->reason, reason, 64);
	),
	TP_printk("channel=%s policy=%s reason=%s", __entry->channel,
		  __entry->policy, __entry->reason)
);

/*
 * The figures of a channel, and of the client that has made the change, may
 * have changed. @peer is the kernel's own sender if it was no client; @gone:
 * there will be no further event of this channel.
 */
TRACE_EVENT_FN(weir_channel,
	TP_PROTO(const struct weir_channel *ch, const struct weir_peer *peer,
		 bool gone),
	TP_ARGS(ch, peer, gone),
	TP_STRUCT__entry(
		__array(char, channel, WEIR_TRACE_NAME)
		__field(u32, client)
		__field(bool, gone)
	),
	TP_fast_assign(
		strscpy(__entry->channel, ch->name, WEIR_TRACE_NAME);
		__entry->client = peer->id;
		__entry->gone = gone;
	),
	TP_printk("channel=%s client=%u gone=%d", __entry->channel,
		  __entry->client, __entry->gone),
	weir_trace_watch_channels, weir_trace_unwatch_channels
);

/* Those of a client that others have changed: it was given messages, or buffers. */
TRACE_EVENT_FN(weir_client,
	TP_PROTO(const struct weir_channel *ch, const struct weir_peer *peer),
	TP_ARGS(ch, peer),
	TP_STRUCT__entry(
		__array(char, channel, WEIR_TRACE_NAME)
		__field(u32, client)
	),
	TP_fast_assign(
		strscpy(__entry->channel, ch->name, WEIR_TRACE_NAME);
		__entry->client = peer->id;
	),
	TP_printk("channel=%s client=%u", __entry->channel, __entry->client),
	weir_trace_watch_clients, weir_trace_unwatch_clients
);

#ifndef WEIR_TRACE_HOPS
#define WEIR_TRACE_HOPS
/* Does anybody want to know what a change adds to the counters? */
static inline bool weir_trace_hops_enabled(void)
{
	return trace_weir_submit_enabled() || trace_weir_dispatch_enabled() ||
	       trace_weir_answer_enabled() || trace_weir_redeliver_enabled() ||
	       trace_weir_dead_enabled();
}
#endif

#endif /* _WEIR_TRACE_H */

/* Included again by the kernel's header, which finds it by -I. */
#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
