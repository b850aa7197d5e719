#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Observation: what bpftool shows of the maps is what weirctl says, number by
# number, after traffic before, while and between; with and without weirctl.
cd "$(dirname "$0")" || exit 1
# shellcheck source=tests/selftests/lib.sh
. ./lib.sh
need_module
command -v bpftool >/dev/null || skip "no bpftool"
[ -e /sys/kernel/btf/weir ] || skip "the kernel has no BTF of the module"
object=$top/build/bpf/observe.bpf.o
[ -e "$object" ] || skip "$object was not built"
pins=/sys/fs/bpf/weir

# What is left over would be taken for ours.
end_observation()
{
	local name
	weirctl observe off >/dev/null 2>&1
	for name in "$pins"/observe_* "$pins"/{channels,processors,latency,clients,scratch}; do
		rm -f "$name"
	done
}
trap 'end_observation; clean_up' EXIT
end_observation

dump() # MAP
{
	bpftool -j map dump pinned "$pins/$1" | jq -c '[.[].formatted]'
}

# Both in one form: number by number, bucket by bucket.
forms='
def low: if . < 16 then . else (8 + . % 8) * pow(2; (. / 8 | floor) - 1) end;
def mapped: { count, sum, max, buckets: [.bucket | to_entries[]
	| select(.value > 0) | [(.key | low), .value]] };
def told: { count, sum: (.sum // .sum_ns), max: (.max // .max_ns), buckets };
def waits: { ready, delayed, inflight, dead };
'

# The maps are read first: asking for statistics would bring them up to date.
observed() # CHANNEL
{
	local channels processors latency
	channels=$(dump channels)
	processors=$(dump processors)
	latency=$(dump latency)
	jq -nS --arg name "$1" --argjson c "$channels" --argjson p "$processors" \
		--argjson l "$latency" "$forms"'
		($c[] | select(.value.name == $name)) as $ch |
		($p[] | select(.key == $ch.key)) as $of |
		($l[] | select(.key == $ch.key).value) as $h |
		{ counts: $ch.value.counts, waits: ($ch.value | waits),
		  sum: ([$of.values[].value | to_entries[]] | group_by(.key)
			| map({ key: .[0].key, value: (map(.value) | add) })
			| from_entries) }
		+ ($h | { waiting, working, total, redelivery, batch }
			| map_values(mapped))'
}

counted() # CHANNEL
{
	weirctl -j stats show "$1" | jq -S "$forms"'.[0] |
		del(.channel, .exact, .latency, .batch, .ready, .delayed,
			.inflight, .dead, .feed_missed, .feed_taken) as $counts |
		{ counts: $counts, waits: waits, sum: $counts,
		  batch: (.batch | told) } + (.latency | map_values(told))'
}

agree() # NAME CHANNEL
{
	observed "$2" >"$dir/observed"
	counted "$2" >"$dir/counted"
	if [ -s "$dir/observed" ] && diff -u "$dir/counted" "$dir/observed" >"$dir/diff"; then
		ok "$1"
	else
		not_ok "$1" "$(<"$dir/diff")"
	fi
}

observed_clients() # CHANNEL
{
	local channels
	channels=$(dump channels)
	dump clients | jq -cS --arg name "$1" --argjson c "$channels" '
		($c[] | select(.value.name == $name).key.channel) as $nr |
		[.[] | select(.key.channel == $nr) | { id: .key.client } +
			(.value | { accepted, refused, delivered, acked, failed, dropped })]
		| sort_by(.id)'
}

counted_clients() # CHANNEL
{
	weirctl -j client show "$1" | jq -cS '[.[] | { id, accepted, refused,
		delivered, acked, failed, dropped }] | sort_by(.id)'
}

clients_agree() # NAME CHANNEL
{
	local seen
	seen=$(observed_clients "$2")
	same "$1" "$(counted_clients "$2")" "$seen"
}

# ---- what was before -----------------------------------------------------------

new_channel messages 400 overflow error max-attempts 2 backoff 0ms..0ms
busy=$channel
# Some of everything: sent, refused, failed until dead, thrown away.
seq 405 | weirctl send "$busy" >/dev/null 2>&1
weirctl recv "$busy" -n 100 >/dev/null
weirctl channel purge "$busy" ready >/dev/null
weirctl send "$busy" poison
timeout 60 weirctl work "$busy" -- false >/dev/null 2>&1 &
wait_until is "$busy" dead 1 || not_ok "a message dies"
kill %1
wait
new_channel
quiet=$channel
weirctl send "$quiet" one

check "observe on" weirctl observe on
agree "traffic of before is in the maps" "$busy"
agree "a channel without traffic since is in them" "$quiet"

# ---- while ------------------------------------------------------------------------

# A client that stays, and holds what it was given.
weirctl work "$quiet" -- sleep 1000 >/dev/null 2>&1 &
worker=$!
wait_until is "$quiet" inflight_now 1 || not_ok "a worker gets the message"
agree "a message in flight" "$quiet"
clients_agree "the client that holds it" "$quiet"
kill -KILL "$worker"
wait "$worker" 2>/dev/null
pkill -f '^sleep 1000$'
weirctl recv "$quiet" >/dev/null
agree "a message that came back from the dead" "$quiet"
clients_agree "the dead client has gone" "$quiet"

weirctl channel set "$busy" messages 65536 overflow block
weirctl recv "$busy" -n 150 >/dev/null &
weirctl recv "$busy" -n 150 >/dev/null &
seq 150 | weirctl send "$busy" &
seq 150 | weirctl send "$busy"
wait
agree "several at once" "$busy"

new_channel mode fanout
fan=$channel
weirctl recv "$fan" --follow >/dev/null 2>&1 &
weirctl recv "$fan" --follow >/dev/null 2>&1 &
follower=$!
wait_until is "$fan" workers 2 || not_ok "two subscribe"
seq 40 | weirctl send "$fan"
all_answered()
{
	[ "$(weirctl -j stats show "$fan" | jq '.[0] | .acked + .dropped_slow')" = 80 ] &&
		is "$fan" inflight_now 0
}
wait_until all_answered || not_ok "all is answered"
agree "a channel made while observed, in a fan-out" "$fan"
clients_agree "its subscriber" "$fan"

run weirctl -j observe show
same "observe show says the same" \
	"$(weirctl -j stats show "$busy" | jq -c '.[0] | .accepted, .latency.total.p99_ns')" \
	"$(jq -c --arg name "$busy" '.[] | select(.channel == $name)
		| .accepted, .latency.total.p99_ns' <<<"$out")"

# ---- off, and on again ---------------------------------------------------------------

check "observe on, when it is" weirctl observe on
agree "nothing is lost by that" "$busy"
check "observe off" weirctl observe off
same "no pin is left" "" "$(find "$pins" -name 'observe*' -o -name channels 2>/dev/null)"
check "observe off, when it is" weirctl observe off
run weirctl -j observe show
same "observe show says so" '{"state":"off"}' "$out"
seq 50 | weirctl send "$busy"
check "observe on once more" weirctl observe on
agree "what was unobserved is there" "$busy"
clients_agree "and who was attached meanwhile" "$fan"

# ---- a channel goes --------------------------------------------------------------------

entries()
{
	for map in channels processors latency clients; do
		dump "$map"
	done | jq -s --argjson nr "$1" '[.[][].key | select(.channel == $nr)] | length'
}
nr=$(dump channels | jq --arg name "$fan" '.[] | select(.value.name == $name).key.channel')
if [ "$(entries "$nr")" -ge 4 ]; then ok "entries in all maps"; else not_ok "entries in all maps"; fi
weirctl channel del "$fan" force
wait "$follower" 2>/dev/null
same "no entry is left of a channel that was deleted" 0 "$(entries "$nr")"
weirctl observe off

# ---- without weirctl -------------------------------------------------------------------

weirctl recv "$quiet" --follow >/dev/null &
wait_until is "$quiet" workers 1 || not_ok "a client is attached"
check "bpftool loads and attaches" bpftool prog loadall "$object" "$pins" \
	autoattach pinmaps "$pins"
shown()
{
	[ "$(dump channels | jq --arg name "$1" '.[] | select(.value.name == $name)
		| .value.counts.accepted')" -gt 0 ]
}
wait_until shown "$quiet" || not_ok "the maps fill by themselves"
wait_until shown "$busy" || not_ok "those of all channels"
agree "they agree without weirctl" "$busy"
agree "also the idle channel" "$quiet"
clients_agree "and the client that was there before" "$quiet"
seq 20 | weirctl send "$quiet" --wait
agree "and go on" "$quiet"
check "weirctl ends what bpftool has begun" weirctl observe off
same "no pin of it is left" "" "$(find "$pins" -type f 2>/dev/null | grep -v "policy\|scheduler")"
finish
