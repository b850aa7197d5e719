#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The benchmark's program, a few short cells of each system: do its counts add up,
# is its JSON what the report wants? How fast anything is does not matter here.
# shellcheck disable=SC2154 # what lib.sh sets
set -u
. "$(dirname "$0")/lib.sh"
need_module
cells=$top/build/bench/cells
[ -x "$cells" ] || skip "$cells is missing"
[ -e /sys/kernel/tracing/events/raw_syscalls ] || skip "no tracefs"
[ "${WEIR_KERNEL:-}" != debug ] || skip "of no use on a kernel that is slow on purpose"

# In them a run fails that lost a message, got one twice, or was not acknowledged.
measure() # NAME OPTION...
{
	local name=$1
	shift
	run "$cells" --output "$dir" --ms 10 --runs 1 --size 64 "$@"
	if [ "$status" = 0 ]; then ok "$name"; else not_ok "$name" "$(show_run)"; fi
}

# A filter that is true of all that was measured.
holds() # NAME FILTER
{
	if jq -e "$2" "$dir/bench.json" >/dev/null; then
		ok "$1"
	else
		not_ok "$1" "$2" "$(jq -c ".[]" "$dir/bench.json")"
	fi
}

complete() # NAME
{
	same "$1: nothing is left out" "[]" \
		"$(jq -c '[.left_out[] | "\(.system): \(.why)"]' "$dir/bench-machine.json")"
	holds "$1: all keys" 'length > 0 and all(
		([keys_unsorted[]] | contains(["system", "scenario", "size", "batch",
		"touched", "blocking", "producers", "workers", "ns_per_msg", "p50_ns",
		"p95_ns", "p99_ns", "max_ns", "syscalls_per_msg", "wakeups_per_msg",
		"cpu_s_per_million"])))'
	holds "$1: figures are possible" 'all(.messages > 0 and .timed > 0 and
		.ns_per_msg > 0 and .ns_per_msg_min <= .ns_per_msg and
		.ns_per_msg <= .ns_per_msg_max and .p50_ns <= .p95_ns and
		.p95_ns <= .p99_ns and .p99_ns <= .max_ns and .syscalls_per_msg > 0)'
}

measure throughput --quick --scenario throughput --batch 64 --shape 1x1
complete throughput
holds "all systems" 'map(.system) | unique == (["weir", "pipe", "unix", "mqueue",
	"zeromq", "nng", "futex", "spsc", "beanstalkd", "redis"] | sort)'
holds "system calls are counted: a queue needs them for each message" \
	'map(select(.system == "mqueue")) | length > 0 and all(.syscalls_per_msg >= 1)'
holds "those that spin do not say that they block" \
	'map(select(.system == "spsc")) | length > 0 and all(.blocking | not)'

measure crowd --scenario throughput --batch 64 --shape 4x4 --only weir,unix,futex
complete crowd
measure "round trip" --scenario roundtrip --batch 1 --only weir,pipe
complete "round trip"
measure fan-out --scenario fanout --batch 64 --only zeromq,redis,pipe
complete fan-out

# Ten of them, one more that is looked for when wait4() has returned.
measure redelivery --scenario redelivery --only weir
complete redelivery
holds "it is there when wait4() returns, grandchild or not" \
	'length == 2 and all(.waits > 0 and .before_wait == .waits)'

expect_exit "a system that does not exist" 2 "$cells" --only weir,quic
like "is named" '*no cell has --only "quic"*' "$err"
expect_exit "a size that is not measured" 2 "$cells" --size 65
expect_exit "no runs" 2 "$cells" --runs 0
expect_exit "a word too much" 2 "$cells" weir
finish
