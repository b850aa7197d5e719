#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# weirctl -j and -p: every command writes JSON that others can read.
# shellcheck disable=SC2154,SC2119,SC2016,SC2317 # what lib.sh sets and runs
set -u
. "$(dirname "$0")/lib.sh"
need_module
command -v python3 >/dev/null || skip "no python3"

# Each line is a value of its own for -j; the whole for -p.
valid='
import json, sys
text = sys.stdin.buffer.read().decode("utf-8")
parts = [text] if sys.argv[1] == "-p" else text.splitlines()
values = [json.loads(part) for part in parts]
assert values, "nothing"
'
is_json() # -j|-p
{
	python3 -c "$valid" "$1" 2>&1
}

both() # ARGUMENTS...
{
	local format
	for format in -j -p; do
		run weirctl $format "$@"
		same "$format $1 ${2:-} is JSON" "" "$(is_json $format <<<"$out")"
	done
}

new_channel
printf 'nasty "\\ \t \001 \177 \303\244 \xf0\x9f\x90\x9f' >"$dir/nasty"
printf 'broken \303( \355\240\200 \0 end' >"$dir/broken"
weirctl channel pause "$channel"
weirctl send "$channel" --file "$dir/nasty" "$dir/broken"

both help
both help channel add
both channel show
both channel show "$channel"
both client show
both client show "$channel"
both message show "$channel"
both message peek "$channel" 1
both message peek "$channel" 2
both pool show
both pool show "$channel"
both stats show
both stats show "$channel"
both channel set "$channel" batch 3
both channel add "$channel"
both channel show nosuch
both message kill "$channel" 1
both nonsense

same "text comes back as it was" "$(base64 -w0 <"$dir/nasty")" \
	"$(weirctl -j message peek "$channel" 1 | jq -rj .payload | base64 -w0)"
same "so do other bytes" "$(base64 -w0 <"$dir/broken")" \
	"$(weirctl -j message peek "$channel" 2 | jq -r .payload_base64)"

weirctl channel resume "$channel"
weirctl message requeue "$channel" all >/dev/null
weirctl -j recv "$channel" -n 2 >"$dir/out"
same "recv writes a line for each" "2 " "$(wc -l <"$dir/out") $(is_json -j <"$dir/out")"
weirctl -j channel show nosuch >"$dir/out"
same "a refusal is all that is written" "1 " "$(wc -l <"$dir/out") $(is_json -j <"$dir/out")"

# The keys are an interface.
keys() # JQ-PATH ARGUMENTS...
{
	weirctl -j "${@:2}" | jq -r "$1 | keys_unsorted | join(\" \")"
}
same "keys of a channel" "name id uid gid perm messages memory_min memory_max message_max overflow inflight batch batch_min batch_max batch_bytes batch_cost linger_ns priorities priority_burst mode policy policy_errors policy_budget_ns weight_load weight_queue load_interval_ns max_attempts backoff_min_ns backoff_max_ns dead_max redeliver_max zerocopy sender_max ttl_ns ack_timeout_ns spin_ns clients_max client_memory uid_memory pool_interval_ns pool_high pool_grow pool_low pool_shrink memory_cgroup state feed feed_size age_ns workers workers_busy producers ready delayed inflight_now dead oldest_ready_ns oldest_inflight_ns oldest_id oldest_pid oldest_comm oldest_attempt memory_used memory_populated memory_peak prefill" \
	"$(keys '.[0]' channel show "$channel")"
same "keys of statistics" "channel accepted acked dead dropped purged joined forwarded ready delayed inflight bytes refused refused_full refused_invalid refused_share dropped_new dropped_old dropped_slow dropped_nobody blocked delivered batches redelivered crashed_seen crashed_unseen failed released taken overdue rejected died_attempts died_rejected died_killed died_redeliveries died_expired requeued stale ring_errors enters wakeups spins promises sweeps deaths refused_policy policy_errors fed fed_refused feed_missed feed_taken exact latency batch" \
	"$(keys '.[0]' stats show "$channel")"
same "keys of a latency" "count sum_ns p50_ns p95_ns p99_ns p999_ns max_ns buckets" \
	"$(keys '.[0].latency.total' stats show "$channel")"
same "keys of a pool" "name floor limit populated used free freeing peak ledger hits misses refused pinned grows shrinks recalled cached class cache" \
	"$(keys '.[0]' pool show "$channel")"
same "keys of a size" "size block_size blocks buffers_busy buffers" \
	"$(keys '.[0].class[0]' pool show "$channel")"
weirctl channel pause "$channel"
weirctl send "$channel" x
same "keys of a message" "channel id state len key prio attempt deliveries age_ns held_ns due_ns holder holder_pid holder_comm sender sender_uid reason reason_text corr mtype encoding cost deadline_ns" \
	"$(keys '.[0]' message show "$channel")"

# Numbers add up, and percentiles are within the samples.
weirctl channel resume "$channel"
seq 500 | weirctl send "$channel"
weirctl recv "$channel" -n 501 >/dev/null
run weirctl -j stats show "$channel"
same "the books" true "$(jq '.[0] | .exact and .accepted == .acked + .dead + .dropped + .purged + .joined + .forwarded + .ready + .delayed + .inflight' <<<"$out")"
same "a count is the sum of its buckets" true \
	"$(jq '.[0].latency | [.waiting, .working, .total] | all(.count == (.buckets | map(.[1]) | add))' <<<"$out")"
same "percentiles are in order" true \
	"$(jq '.[0].latency | [.waiting, .working, .total] | all(.p50_ns <= .p95_ns and .p95_ns <= .p99_ns and .p99_ns <= .p999_ns and .p999_ns <= .max_ns)' <<<"$out")"
same "buckets are in order" true \
	"$(jq '.[0].latency.total.buckets | map(.[0]) | . == sort' <<<"$out")"
run weirctl stats show "$channel"
like "in words" "*accepted 50* = acked 50*   (exact)*" "$out"
finish
