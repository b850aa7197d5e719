// SPDX-License-Identifier: GPL-2.0-only
/* Names and kinds of netlink attributes, for error messages and for JSON. */
#include "attrs.h"

#include <stdio.h>
#include <string.h>

#include <linux/genetlink.h>

#include "json.h"
#include "nl.h"

enum kind {
	ASKED,		/* only in requests: no key in JSON */
	OWN,		/* written by the object's own code */
	NUMBER,
	NS,
	MS,
	TEXT,
	MODE,
	YES_NO,
	CHOICE,
};

struct def {
	unsigned int attr;
	enum kind kind;
	const char *name;
	const char *const *words;
};

const char *const attrs_overflow[] = {
	"block", "error", "drop-new", "drop-old", NULL
};

const char *const attrs_delivery[] = { "queue", "fanout", NULL };
const char *const attrs_channel_state[] = {
	"running", "paused", "draining", NULL
};

/* These begin at 1. */
const char *const attrs_message_state[] = {
	"", "ready", "delayed", "inflight", "dead", NULL
};

const char *const attrs_reason[] = {
	"", "attempts", "rejected", "killed", "redeliveries", "expired", NULL
};

const char *const attrs_policy_kind[] = { "builtin", "bpf", "gone", NULL };
const char *const attrs_policy_exit[] = {
	"", "errors", "slow", "unloaded", NULL
};

/* A set of flags. */
static const char *const roles[] = { "none", "send", "work", "send+work", NULL };

static const struct def channel_defs[] = {
	{ WEIR_A_CHANNEL_NAME, TEXT, "name" },
	{ WEIR_A_CHANNEL_ID, NUMBER, "id" },
	{ WEIR_A_CHANNEL_UID, NUMBER, "uid" },
	{ WEIR_A_CHANNEL_GID, NUMBER, "gid" },
	{ WEIR_A_CHANNEL_PERM, MODE, "perm" },
	{ WEIR_A_CHANNEL_MESSAGES, NUMBER, "messages" },
	{ WEIR_A_CHANNEL_MEMORY_MIN, NUMBER, "memory-min" },
	{ WEIR_A_CHANNEL_MEMORY_MAX, NUMBER, "memory-max" },
	{ WEIR_A_CHANNEL_MESSAGE_MAX, NUMBER, "message-max" },
	{ WEIR_A_CHANNEL_OVERFLOW, CHOICE, "overflow", attrs_overflow },
	{ WEIR_A_CHANNEL_INFLIGHT, NUMBER, "inflight" },
	{ WEIR_A_CHANNEL_BATCH, NUMBER, "batch" },
	{ WEIR_A_CHANNEL_BATCH_MIN, NUMBER, "batch-min" },
	{ WEIR_A_CHANNEL_BATCH_MAX, NUMBER, "batch-max" },
	{ WEIR_A_CHANNEL_BATCH_BYTES, NUMBER, "batch-bytes" },
	{ WEIR_A_CHANNEL_BATCH_COST, NUMBER, "batch-cost" },
	{ WEIR_A_CHANNEL_LINGER, NS, "linger" },
	{ WEIR_A_CHANNEL_PRIORITIES, NUMBER, "priorities" },
	{ WEIR_A_CHANNEL_PRIORITY_BURST, NUMBER, "priority-burst" },
	{ WEIR_A_CHANNEL_DELIVERY, CHOICE, "mode", attrs_delivery },
	{ WEIR_A_CHANNEL_POLICY, TEXT, "policy" },
	{ WEIR_A_CHANNEL_POLICY_ERRORS, NUMBER, "policy-errors" },
	{ WEIR_A_CHANNEL_POLICY_BUDGET, NS, "policy-budget" },
	{ WEIR_A_CHANNEL_WEIGHT_LOAD, NUMBER, "weight-load" },
	{ WEIR_A_CHANNEL_WEIGHT_QUEUE, NUMBER, "weight-queue" },
	{ WEIR_A_CHANNEL_LOAD_INTERVAL, MS, "load-interval" },
	{ WEIR_A_CHANNEL_MAX_ATTEMPTS, NUMBER, "max-attempts" },
	{ WEIR_A_CHANNEL_BACKOFF_MIN, MS, "backoff-min" },
	{ WEIR_A_CHANNEL_BACKOFF_MAX, MS, "backoff-max" },
	{ WEIR_A_CHANNEL_DEAD_MAX, NUMBER, "dead-max" },
	{ WEIR_A_CHANNEL_REDELIVER_MAX, NUMBER, "redeliver-max" },
	{ WEIR_A_CHANNEL_ZEROCOPY, YES_NO, "zerocopy" },
	{ WEIR_A_CHANNEL_SENDER_MAX, NUMBER, "sender-max" },
	{ WEIR_A_CHANNEL_TTL, NS, "ttl" },
	{ WEIR_A_CHANNEL_ACK_TIMEOUT, NS, "ack-timeout" },
	{ WEIR_A_CHANNEL_SPIN, NS, "spin" },
	{ WEIR_A_CHANNEL_CLIENTS_MAX, NUMBER, "clients-max" },
	{ WEIR_A_CHANNEL_CLIENT_MEMORY, NUMBER, "client-memory" },
	{ WEIR_A_CHANNEL_UID_MEMORY, NUMBER, "uid-memory" },
	{ WEIR_A_CHANNEL_POOL_INTERVAL, MS, "pool-interval" },
	{ WEIR_A_CHANNEL_POOL_HIGH, NUMBER, "pool-high" },
	{ WEIR_A_CHANNEL_POOL_GROW, NUMBER, "pool-grow" },
	{ WEIR_A_CHANNEL_POOL_LOW, NUMBER, "pool-low" },
	{ WEIR_A_CHANNEL_POOL_SHRINK, NUMBER, "pool-shrink" },
	{ WEIR_A_CHANNEL_PREFILL, OWN, "prefill" },
	{ WEIR_A_CHANNEL_MEMORY_CGROUP, TEXT, "memory-cgroup" },
	{ WEIR_A_CHANNEL_STATE, CHOICE, "state", attrs_channel_state },
	{ WEIR_A_CHANNEL_FEED, NUMBER, "feed" },
	{ WEIR_A_CHANNEL_FEED_SIZE, NUMBER, "feed-size" },
	{ WEIR_A_CHANNEL_FORCE, ASKED, "force" },
	{ WEIR_A_CHANNEL_DRY_RUN, ASKED, "dry-run" },
	{ WEIR_A_CHANNEL_AGE, NS, "age" },
	{ WEIR_A_CHANNEL_WORKERS, NUMBER, "workers" },
	{ WEIR_A_CHANNEL_WORKERS_BUSY, NUMBER, "workers-busy" },
	{ WEIR_A_CHANNEL_PRODUCERS, NUMBER, "producers" },
	{ WEIR_A_CHANNEL_READY, NUMBER, "ready" },
	{ WEIR_A_CHANNEL_DELAYED, NUMBER, "delayed" },
	{ WEIR_A_CHANNEL_INFLIGHT_NOW, NUMBER, "inflight-now" },
	{ WEIR_A_CHANNEL_DEAD, NUMBER, "dead" },
	{ WEIR_A_CHANNEL_OLDEST_READY, NS, "oldest-ready" },
	{ WEIR_A_CHANNEL_OLDEST_INFLIGHT, NS, "oldest-inflight" },
	{ WEIR_A_CHANNEL_OLDEST_ID, NUMBER, "oldest-id" },
	{ WEIR_A_CHANNEL_OLDEST_PID, NUMBER, "oldest-pid" },
	{ WEIR_A_CHANNEL_OLDEST_COMM, TEXT, "oldest-comm" },
	{ WEIR_A_CHANNEL_OLDEST_ATTEMPT, NUMBER, "oldest-attempt" },
	{ WEIR_A_CHANNEL_MEMORY_USED, NUMBER, "memory-used" },
	{ WEIR_A_CHANNEL_MEMORY_POPULATED, NUMBER, "memory-populated" },
	{ WEIR_A_CHANNEL_MEMORY_PEAK, NUMBER, "memory-peak" },
	{ WEIR_A_CHANNEL_PURGE, ASKED, "purge" },
	{ }
};

static const struct def pool_defs[] = {
	{ WEIR_A_POOL_NAME, TEXT, "name" },
	{ WEIR_A_POOL_FLOOR, NUMBER, "floor" },
	{ WEIR_A_POOL_LIMIT, NUMBER, "limit" },
	{ WEIR_A_POOL_POPULATED, NUMBER, "populated" },
	{ WEIR_A_POOL_USED, NUMBER, "used" },
	{ WEIR_A_POOL_FREE, NUMBER, "free" },
	{ WEIR_A_POOL_FREEING, NUMBER, "freeing" },
	{ WEIR_A_POOL_PEAK, NUMBER, "peak" },
	{ WEIR_A_POOL_LEDGER, NUMBER, "ledger" },
	{ WEIR_A_POOL_HITS, NUMBER, "hits" },
	{ WEIR_A_POOL_MISSES, NUMBER, "misses" },
	{ WEIR_A_POOL_REFUSED, NUMBER, "refused" },
	{ WEIR_A_POOL_PINNED, NUMBER, "pinned" },
	{ WEIR_A_POOL_GROWS, NUMBER, "grows" },
	{ WEIR_A_POOL_SHRINKS, NUMBER, "shrinks" },
	{ WEIR_A_POOL_RECALLED, NUMBER, "recalled" },
	{ WEIR_A_POOL_CACHED, NUMBER, "cached" },
	{ WEIR_A_POOL_CLASS, OWN, "class" },
	{ WEIR_A_POOL_CACHE, OWN, "cache" },
	{ }
};

static const struct def pool_class_defs[] = {
	{ WEIR_A_POOL_CLASS_SIZE, NUMBER, "size" },
	{ WEIR_A_POOL_CLASS_BLOCK_SIZE, NUMBER, "block-size" },
	{ WEIR_A_POOL_CLASS_BLOCKS, NUMBER, "blocks" },
	{ WEIR_A_POOL_CLASS_BUFFERS_BUSY, NUMBER, "buffers-busy" },
	{ WEIR_A_POOL_CLASS_BUFFERS, NUMBER, "buffers" },
	{ }
};

static const struct def pool_cache_defs[] = {
	{ WEIR_A_POOL_CACHE_CPU, NUMBER, "cpu" },
	{ WEIR_A_POOL_CACHE_BLOCKS, NUMBER, "blocks" },
	{ WEIR_A_POOL_CACHE_BYTES, NUMBER, "bytes" },
	{ WEIR_A_POOL_CACHE_HITS, NUMBER, "hits" },
	{ WEIR_A_POOL_CACHE_MISSES, NUMBER, "misses" },
	{ }
};

static const struct def client_defs[] = {
	{ WEIR_A_CLIENT_CHANNEL, TEXT, "channel" },
	{ WEIR_A_CLIENT_ID, NUMBER, "id" },
	{ WEIR_A_CLIENT_PID, NUMBER, "pid" },
	{ WEIR_A_CLIENT_COMM, TEXT, "comm" },
	{ WEIR_A_CLIENT_UID, NUMBER, "uid" },
	{ WEIR_A_CLIENT_ROLE, CHOICE, "role", roles },
	{ WEIR_A_CLIENT_AGE, NS, "age" },
	{ WEIR_A_CLIENT_INFLIGHT, NUMBER, "inflight" },
	{ WEIR_A_CLIENT_INFLIGHT_LIMIT, NUMBER, "inflight-limit" },
	{ WEIR_A_CLIENT_LOAD, NUMBER, "load" },
	{ WEIR_A_CLIENT_IDLE, YES_NO, "idle" },
	{ WEIR_A_CLIENT_DELIVERED, NUMBER, "delivered" },
	{ WEIR_A_CLIENT_ACKED, NUMBER, "acked" },
	{ WEIR_A_CLIENT_FAILED, NUMBER, "failed" },
	{ WEIR_A_CLIENT_ACCEPTED, NUMBER, "accepted" },
	{ WEIR_A_CLIENT_UNSETTLED, NUMBER, "unsettled" },
	{ WEIR_A_CLIENT_REFUSED, NUMBER, "refused" },
	{ WEIR_A_CLIENT_MEMORY, NUMBER, "memory" },
	{ WEIR_A_CLIENT_WAITING, NUMBER, "waiting" },
	{ WEIR_A_CLIENT_DROPPED, NUMBER, "dropped" },
	{ WEIR_A_CLIENT_DIED, OWN, "died" },
	{ }
};

static const struct def message_defs[] = {
	{ WEIR_A_MESSAGE_CHANNEL, TEXT, "channel" },
	{ WEIR_A_MESSAGE_ID, NUMBER, "id" },
	{ WEIR_A_MESSAGE_STATE, CHOICE, "state", attrs_message_state },
	{ WEIR_A_MESSAGE_LEN, NUMBER, "len" },
	{ WEIR_A_MESSAGE_KEY, NUMBER, "key" },
	{ WEIR_A_MESSAGE_PRIO, NUMBER, "prio" },
	{ WEIR_A_MESSAGE_ATTEMPT, NUMBER, "attempt" },
	{ WEIR_A_MESSAGE_DELIVERIES, NUMBER, "deliveries" },
	{ WEIR_A_MESSAGE_AGE, NS, "age" },
	{ WEIR_A_MESSAGE_HELD, NS, "held" },
	{ WEIR_A_MESSAGE_DUE, NS, "due" },
	{ WEIR_A_MESSAGE_HOLDER, NUMBER, "holder" },
	{ WEIR_A_MESSAGE_HOLDER_PID, NUMBER, "holder-pid" },
	{ WEIR_A_MESSAGE_HOLDER_COMM, TEXT, "holder-comm" },
	{ WEIR_A_MESSAGE_SENDER, NUMBER, "sender" },
	{ WEIR_A_MESSAGE_SENDER_UID, NUMBER, "sender-uid" },
	{ WEIR_A_MESSAGE_REASON, CHOICE, "reason", attrs_reason },
	{ WEIR_A_MESSAGE_REASON_TEXT, TEXT, "reason-text" },
	{ WEIR_A_MESSAGE_PAYLOAD, OWN, "payload" },
	{ WEIR_A_MESSAGE_OLDER, ASKED, "older" },
	{ WEIR_A_MESSAGE_LIMIT, ASKED, "limit" },
	{ WEIR_A_MESSAGE_ALL, ASKED, "all" },
	{ WEIR_A_MESSAGE_CORR, NUMBER, "corr" },
	{ WEIR_A_MESSAGE_MTYPE, NUMBER, "mtype" },
	{ WEIR_A_MESSAGE_ENCODING, NUMBER, "encoding" },
	{ WEIR_A_MESSAGE_COST, NUMBER, "cost" },
	{ WEIR_A_MESSAGE_DEADLINE, NS, "deadline" },
	{ WEIR_A_MESSAGE_OFFSET, ASKED, "offset" },
	{ WEIR_A_MESSAGE_PAYLOAD_MAX, ASKED, "payload-max" },
	{ }
};

static const struct def stats_defs[] = {
	{ WEIR_A_STATS_CHANNEL, TEXT, "channel" },
	{ WEIR_A_STATS_ACCEPTED, NUMBER, "accepted" },
	{ WEIR_A_STATS_ACKED, NUMBER, "acked" },
	{ WEIR_A_STATS_DEAD, NUMBER, "dead" },
	{ WEIR_A_STATS_DROPPED, NUMBER, "dropped" },
	{ WEIR_A_STATS_PURGED, NUMBER, "purged" },
	{ WEIR_A_STATS_JOINED, NUMBER, "joined" },
	{ WEIR_A_STATS_FORWARDED, NUMBER, "forwarded" },
	{ WEIR_A_STATS_READY, NUMBER, "ready" },
	{ WEIR_A_STATS_DELAYED, NUMBER, "delayed" },
	{ WEIR_A_STATS_INFLIGHT, NUMBER, "inflight" },
	{ WEIR_A_STATS_BYTES, NUMBER, "bytes" },
	{ WEIR_A_STATS_REFUSED, NUMBER, "refused" },
	{ WEIR_A_STATS_REFUSED_FULL, NUMBER, "refused-full" },
	{ WEIR_A_STATS_REFUSED_INVALID, NUMBER, "refused-invalid" },
	{ WEIR_A_STATS_REFUSED_SHARE, NUMBER, "refused-share" },
	{ WEIR_A_STATS_DROPPED_NEW, NUMBER, "dropped-new" },
	{ WEIR_A_STATS_DROPPED_OLD, NUMBER, "dropped-old" },
	{ WEIR_A_STATS_DROPPED_SLOW, NUMBER, "dropped-slow" },
	{ WEIR_A_STATS_DROPPED_NOBODY, NUMBER, "dropped-nobody" },
	{ WEIR_A_STATS_BLOCKED, NUMBER, "blocked" },
	{ WEIR_A_STATS_DELIVERED, NUMBER, "delivered" },
	{ WEIR_A_STATS_BATCHES, NUMBER, "batches" },
	{ WEIR_A_STATS_REDELIVERED, NUMBER, "redelivered" },
	{ WEIR_A_STATS_CRASHED_SEEN, NUMBER, "crashed-seen" },
	{ WEIR_A_STATS_CRASHED_UNSEEN, NUMBER, "crashed-unseen" },
	{ WEIR_A_STATS_FAILED, NUMBER, "failed" },
	{ WEIR_A_STATS_RELEASED, NUMBER, "released" },
	{ WEIR_A_STATS_TAKEN, NUMBER, "taken" },
	{ WEIR_A_STATS_OVERDUE, NUMBER, "overdue" },
	{ WEIR_A_STATS_REJECTED, NUMBER, "rejected" },
	{ WEIR_A_STATS_DIED_ATTEMPTS, NUMBER, "died-attempts" },
	{ WEIR_A_STATS_DIED_REJECTED, NUMBER, "died-rejected" },
	{ WEIR_A_STATS_DIED_KILLED, NUMBER, "died-killed" },
	{ WEIR_A_STATS_DIED_REDELIVERIES, NUMBER, "died-redeliveries" },
	{ WEIR_A_STATS_DIED_EXPIRED, NUMBER, "died-expired" },
	{ WEIR_A_STATS_REQUEUED, NUMBER, "requeued" },
	{ WEIR_A_STATS_STALE, NUMBER, "stale" },
	{ WEIR_A_STATS_RING_ERRORS, NUMBER, "ring-errors" },
	{ WEIR_A_STATS_ENTERS, NUMBER, "enters" },
	{ WEIR_A_STATS_WAKEUPS, NUMBER, "wakeups" },
	{ WEIR_A_STATS_SPINS, NUMBER, "spins" },
	{ WEIR_A_STATS_PROMISES, NUMBER, "promises" },
	{ WEIR_A_STATS_SWEEPS, NUMBER, "sweeps" },
	{ WEIR_A_STATS_DEATHS, NUMBER, "deaths" },
	{ WEIR_A_STATS_REFUSED_POLICY, NUMBER, "refused-policy" },
	{ WEIR_A_STATS_POLICY_ERRORS, NUMBER, "policy-errors" },
	{ WEIR_A_STATS_FED, NUMBER, "fed" },
	{ WEIR_A_STATS_FED_REFUSED, NUMBER, "fed-refused" },
	{ WEIR_A_STATS_FEED_MISSED, NUMBER, "feed-missed" },
	{ WEIR_A_STATS_FEED_TAKEN, NUMBER, "feed-taken" },
	{ }
};

static const struct def policy_defs[] = {
	{ WEIR_A_POLICY_NAME, TEXT, "name" },
	{ WEIR_A_POLICY_KIND, CHOICE, "kind", attrs_policy_kind },
	{ WEIR_A_POLICY_CHANNELS, NUMBER, "channels" },
	{ WEIR_A_POLICY_CHANNEL, OWN, "channel" },
	{ WEIR_A_POLICY_CALLS, NUMBER, "calls" },
	{ WEIR_A_POLICY_ERRORS, NUMBER, "errors" },
	{ WEIR_A_POLICY_TIME, NS, "time" },
	{ WEIR_A_POLICY_TIME_AVERAGE, NS, "time-average" },
	{ WEIR_A_POLICY_TIME_HIGHEST, NS, "time-highest" },
	{ WEIR_A_POLICY_EXITS, NUMBER, "exits" },
	{ WEIR_A_POLICY_EXIT_REASON, CHOICE, "exit-reason", attrs_policy_exit },
	{ WEIR_A_POLICY_EXIT_CHANNEL, TEXT, "exit-channel" },
	{ WEIR_A_POLICY_EXIT_AGE, NS, "exit-age" },
	{ WEIR_A_POLICY_EXIT_CALLS, NUMBER, "exit-calls" },
	{ WEIR_A_POLICY_EXIT_ERRORS, NUMBER, "exit-errors" },
	{ WEIR_A_POLICY_EXIT_AVERAGE, NS, "exit-average" },
	{ WEIR_A_POLICY_EXIT_HIGHEST, NS, "exit-highest" },
	{ }
};

_Static_assert(ATTRS_MAX >= (int)WEIR_A_STATS_MAX &&
	       ATTRS_MAX >= (int)WEIR_A_MESSAGE_MAX &&
	       ATTRS_MAX >= (int)WEIR_A_CLIENT_MAX &&
	       ATTRS_MAX >= (int)WEIR_A_POOL_MAX &&
	       ATTRS_MAX >= (int)WEIR_A_POLICY_MAX &&
	       ATTRS_MAX >= CTRL_ATTR_MAX,
	       "it is the largest");

static const struct def *const sets[] = {
	[ATTRS_CHANNEL] = channel_defs,
	[ATTRS_POOL] = pool_defs,
	[ATTRS_POOL_CLASS] = pool_class_defs,
	[ATTRS_POOL_CACHE] = pool_cache_defs,
	[ATTRS_CLIENT] = client_defs,
	[ATTRS_MESSAGE] = message_defs,
	[ATTRS_STATS] = stats_defs,
	[ATTRS_POLICY] = policy_defs,
};

const char *attrs_choice(const char *const *words, uint64_t value)
{
	while (*words && value--)
		words++;
	return *words ? *words : "?";
}

static enum attrs_set set_of(uint8_t cmd)
{
	switch (cmd) {
	case WEIR_CMD_POOL_GET:
		return ATTRS_POOL;
	case WEIR_CMD_CLIENT_GET:
	case WEIR_CMD_CLIENT_KICK:
		return ATTRS_CLIENT;
	case WEIR_CMD_MESSAGE_GET:
	case WEIR_CMD_MESSAGE_RELEASE:
	case WEIR_CMD_MESSAGE_REQUEUE:
	case WEIR_CMD_MESSAGE_KILL:
	case WEIR_CMD_MESSAGE_SET:
		return ATTRS_MESSAGE;
	case WEIR_CMD_STATS_GET:
		return ATTRS_STATS;
	case WEIR_CMD_POLICY_GET:
		return ATTRS_POLICY;
	default:
		return ATTRS_CHANNEL;
	}
}

bool attrs_is_read(uint8_t cmd)
{
	return cmd == WEIR_CMD_CHANNEL_GET || cmd == WEIR_CMD_POOL_GET ||
	       cmd == WEIR_CMD_CLIENT_GET || cmd == WEIR_CMD_MESSAGE_GET ||
	       cmd == WEIR_CMD_STATS_GET || cmd == WEIR_CMD_POLICY_GET;
}

const char *attrs_name(uint8_t cmd, unsigned int attr)
{
	for (const struct def *d = sets[set_of(cmd)]; d->name; d++)
		if (d->attr == attr)
			return d->name;
	return NULL;
}

/* "backoff-min" in milliseconds is "backoff_min_ns" for a program. */
static void make_key(char *key, size_t size, const struct def *d)
{
	bool time = d->kind == NS || d->kind == MS;

	snprintf(key, size, "%s%s", d->name, time ? "_ns" : "");
	while (*key) {
		if (*key == '-')
			*key = '_';
		key++;
	}
}

static void put_value(const char *key, const struct def *d,
		      const struct nlattr *attr)
{
	uint64_t value = netlink_number(attr);
	char mode[16];

	if (!attr) {
		json_string(key, NULL);
		return;
	}
	switch (d->kind) {
	case TEXT:
		json_string(key, netlink_text(attr));
		break;
	case CHOICE:
		json_string(key, attrs_choice(d->words, value));
		break;
	case MODE:
		snprintf(mode, sizeof(mode), "%04llo", (unsigned long long)value);
		json_string(key, mode);
		break;
	case YES_NO:
		json_bool(key, value);
		break;
	default:
		json_number(key, d->kind == MS ? value * 1000000 : value);
	}
}

void attrs_json(enum attrs_set set, struct nlattr **tb)
{
	char key[64];

	for (const struct def *d = sets[set]; d->name; d++) {
		if (d->kind == ASKED || d->kind == OWN)
			continue;
		make_key(key, sizeof(key), d);
		put_value(key, d, tb[d->attr]);
	}
}
