/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a channel is told, apart from its name and rights: the attributes of
 * weir.yaml that the engine and the pool obey. All validated before they get
 * here.
 */
#ifndef _WEIR_CORE_CONFIG_H
#define _WEIR_CORE_CONFIG_H

#include "port.h"

enum weir_policy_id {
	WEIR_POLICY_LEAST_LOADED,
	WEIR_POLICY_LEAST_INFLIGHT,
	WEIR_POLICY_ROUND_ROBIN,
	WEIR_NR_POLICIES,
};

/**
 * struct weir_config - attributes of a channel, in the units of weir.yaml
 * @inflight: 0 for auto.
 */
struct weir_config {
	u64 memory_min;
	u64 memory_max;
	u64 linger;
	u32 messages;
	u32 message_max;
	u32 overflow;
	u32 inflight;
	u32 batch;
	u32 policy;
	u32 weight_load;
	u32 weight_queue;
	u32 load_interval;
	u32 max_attempts;
	u32 backoff_min;
	u32 backoff_max;
	u32 dead_max;
	u32 redeliver_max;
	u32 state;
};

#endif /* _WEIR_CORE_CONFIG_H */
