/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a channel is told, apart from its name and rights: the attributes of
 * weir.yaml that the engine and the pool obey. All validated before they get
 * here.
 */
#ifndef _WEIR_CORE_CONFIG_H
#define _WEIR_CORE_CONFIG_H

#include "port.h"

/* Those that come with the module. */
enum weir_policy_id {
	WEIR_POLICY_LEAST_LOADED,
	WEIR_POLICY_LEAST_INFLIGHT,
	WEIR_POLICY_ROUND_ROBIN,
	WEIR_POLICY_KEY_HASH,
	WEIR_NR_POLICIES,
};

/**
 * struct weir_config - attributes of a channel, in the units of weir.yaml
 * @inflight: 0 for auto. @batch: 0 for auto, between @batch_min and @batch_max.
 * @batch_bytes: @batch_cost: @ttl: @ack_timeout: @client_memory: @uid_memory: 0 for none.
 * @policy: what decides where the engine has no other; see struct weir_hook.
 *	@policy_errors, @policy_budget: for that other.
 * @prefill: buffers of each class to have ready.
 * @feed: records of @feed_size bytes for BPF programs; 0 for none.
 */
struct weir_config {
	u64 memory_min;
	u64 memory_max;
	u64 client_memory;
	u64 uid_memory;
	u64 linger;
	u64 batch_bytes;
	u64 batch_cost;
	u64 ttl;
	u64 ack_timeout;
	u32 prefill[WEIR_NR_CLASSES];
	u32 clients_max;
	u32 pool_interval;
	u32 pool_high;
	u32 pool_grow;
	u32 pool_low;
	u32 pool_shrink;
	u32 priorities;
	u32 priority_burst;
	u32 delivery;
	u32 zerocopy;
	u32 sender_max;
	u32 spin;
	u32 batch_min;
	u32 batch_max;
	u32 messages;
	u32 message_max;
	u32 overflow;
	u32 inflight;
	u32 batch;
	u32 policy;
	u32 policy_errors;
	u32 policy_budget;
	u32 weight_load;
	u32 weight_queue;
	u32 load_interval;
	u32 max_attempts;
	u32 backoff_min;
	u32 backoff_max;
	u32 dead_max;
	u32 redeliver_max;
	u32 state;
	u32 feed;
	u32 feed_size;
};

#endif /* _WEIR_CORE_CONFIG_H */
