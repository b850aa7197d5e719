/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The counters of a channel, once for all: engine, netlink and BPF.
 *
 * WEIR_COUNTERS(X) calls X(field, ATTR, help) for each; ATTR is the end of the
 * netlink attribute's name, WEIR_A_STATS_<ATTR>. All are monotonic, u64, and
 * written under the engine's lock, unless the help says otherwise.
 */
#ifndef _WEIR_COUNTERS_H
#define _WEIR_COUNTERS_H

#define WEIR_COUNTERS(X)						\
	X(accepted, ACCEPTED, "messages accepted")			\
	X(acked, ACKED, "messages acknowledged")			\
	X(dropped, DROPPED, "messages dropped by a limit")		\
	X(purged, PURGED, "messages purged by hand or deletion")	\
	X(joined, JOINED, "reserved, 0")				\
	X(forwarded, FORWARDED, "reserved, 0")				\
	X(bytes, BYTES, "payload bytes accepted")			\
	X(refused, REFUSED, "sends refused, all reasons")		\
	X(refused_full, REFUSED_FULL, "sends refused, channel full")	\
	X(refused_invalid, REFUSED_INVALID, "sends refused, bad entry")	\
	X(refused_share, REFUSED_SHARE, "sends refused, sender-max reached") \
	X(dropped_new, DROPPED_NEW, "of those dropped, by drop-new")	\
	X(dropped_old, DROPPED_OLD, "of those dropped, by drop-old")	\
	X(dropped_slow, DROPPED_SLOW, "of those dropped, subscriber too slow") \
	X(dropped_nobody, DROPPED_NOBODY, "of those dropped, no subscriber") \
	X(blocked, BLOCKED, "times a sender met a full channel")	\
	X(delivered, DELIVERED, "deliveries made")			\
	X(batches, BATCHES, "batches delivered")			\
	X(redelivered, REDELIVERED, "deliveries that came back")	\
	X(crashed_seen, CRASHED_SEEN, "of these, seen by a worker that died") \
	X(crashed_unseen, CRASHED_UNSEEN, "of these, not seen by it")	\
	X(failed, FAILED, "of these, failed by a worker")		\
	X(released, RELEASED, "of these, released by a worker")		\
	X(taken, TAKEN, "of these, taken by hand or at detach")		\
	X(overdue, OVERDUE, "of these, not answered in time")		\
	X(rejected, REJECTED, "messages rejected by a worker")		\
	X(died_attempts, DIED_ATTEMPTS, "died, attempts used up")	\
	X(died_rejected, DIED_REJECTED, "died, rejected")		\
	X(died_killed, DIED_KILLED, "died, killed by hand")		\
	X(died_redeliveries, DIED_REDELIVERIES, "died, redelivered too often") \
	X(died_expired, DIED_EXPIRED, "died, deadline passed")		\
	X(requeued, REQUEUED, "dead messages made ready again")		\
	X(stale, STALE, "answers for messages not held")		\
	X(ring_errors, RING_ERRORS, "rings with an impossible tail or head") \
	X(promises, PROMISES, "times a sender needed not call")		\
	X(sweeps, SWEEPS, "looks at such a sender's ring")		\
	X(deaths, DEATHS, "clients whose process ended")		\
	X(refused_policy, REFUSED_POLICY, "of refused_full, by the policy") \
	X(policy_errors, POLICY_ERRORS, "policy's answers that could not be followed") \
	X(fed, FED, "of those accepted, from BPF programs")		\
	X(fed_refused, FED_REFUSED, "of those refused, from BPF programs")

#endif /* _WEIR_COUNTERS_H */
