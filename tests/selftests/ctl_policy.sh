#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# weirctl policy: load, show, unload, and what is refused with nothing changed.
set -u
. "$(dirname "$0")/lib.sh"

need_module
objects=$top/build/bpf
bad=$top/build/selftests/bpf
pins=/sys/fs/bpf/weir
[ -e /sys/kernel/btf/weir ] || skip "/sys/kernel/btf/weir: the module has no types"
[ -e "$objects/route.bpf.o" ] || skip "$objects/route.bpf.o: programs were not built"
[ -e "$bad/mute.bpf.o" ] || skip "$bad/mute.bpf.o: programs were not built"
run weirctl policy load /dev/null/none
[[ $err != *"without libbpf"* ]] || skip "weirctl was built without libbpf"

unload_all()
{
	local pin
	for pin in "$pins"/policy-*; do
		[ ! -e "$pin" ] || weirctl policy unload "${pin#"$pins"/policy-}"
	done
}
trap 'unload_all; clean_up' EXIT
unload_all

# Names of policies that are loaded.
loaded()
{
	weirctl -j policy show | jq -r '.[] | select(.kind == "bpf").name' | xargs
}

# of NAME KEY
of()
{
	weirctl -j policy show "$1" | jq -r ".[0].$2"
}

# ---- which there are ----

run weirctl -j policy show
same "those that come with the module" \
	"least-loaded least-inflight round-robin key-hash" \
	"$(jq -r '.[] | select(.kind == "builtin").name' <<<"$out" | xargs)"
same "keys of a policy" \
	"name kind channels calls errors time_ns time_average_ns time_highest_ns exits exit_reason exit_channel exit_age_ns exit_calls exit_errors exit_average_ns exit_highest_ns channel" \
	"$(jq -r '.[0] | keys_unsorted[]' <<<"$out" | xargs)"

# ---- load, use, unload ----

new_channel inflight 8
one=$channel
new_channel
two=$channel
check "a policy is loaded by its bare name" weirctl policy load ratelimit "$one" "$two"
same "it says nothing" "" "$out$err"
same "it is loaded" ratelimit "$(loaded)"
same "both channels use it" "$one $two" "$(of ratelimit 'channel[]' | xargs)"
same "the channel says so" ratelimit "$(value "$one" policy)"
check "its link is pinned" test -e "$pins/policy-ratelimit"
check "a limit is set through bpftool" bpftool map update name rates \
	key 255 255 255 255 value 0 0 0 0 0 0 0 0 3 0 0 0 0 0 0 0
weirctl send "$one" a b c d e 2>/dev/null
same "it limits" 3 "$(value "$one" ready)"
weirctl send "$two" a b c d e 2>/dev/null
same "and each channel for itself" 3 "$(value "$two" ready)"
same "what it refused is counted" 2 "$(weirctl -j stats show "$one" | jq '.[0].refused_policy')"
same "its calls are counted" true "$(of ratelimit 'calls >= 8 and .[0].time_ns > 0')"
run weirctl policy show ratelimit
like "it is shown" "policy ratelimit  bpf
  channels 2: $one $two
  calls [1-9]*, errors 0, * each, * at most" "$out"
refused 1 'policy load: ratelimit: a policy "ratelimit" is loaded already (EEXIST); unload it first' \
	weirctl policy load ratelimit
check "a channel may leave it" weirctl channel set "$two" policy round-robin
same "and is not counted any more" 1 "$(of ratelimit channels)"
check "it is unloaded" weirctl policy unload ratelimit
same "none is left" "" "$(loaded)"
same "its channel goes on with least-loaded" least-loaded "$(value "$one" policy)"
same "the other as it was" round-robin "$(value "$two" policy)"
same "the record says why" "unloaded $one" "$(of ratelimit 'exit_reason') $(of ratelimit exit_channel)"
same "messages stay" 3 "$(value "$one" ready)"
refused 1 'policy unload: no policy "ratelimit"' weirctl policy unload ratelimit

# ---- several, by file, and in JSON ----

run weirctl -j policy load "$bad/both.bpf.o"
same "what was loaded in JSON" '{"policies":["left","right"]}' "$out"
check "another one beside it" weirctl policy load "$objects/deadline.bpf.o"
same "all are there" "left right deadline" "$(loaded)"
same "completion knows them" "policy-deadline policy-left policy-right" \
	"$(cd "$pins" && echo policy-*)"
same "and offers them" "deadline left right" "$(weirctl help words policy unload | sort | xargs)"
same "and what can be loaded" "deadline ratelimit route" \
	"$(weirctl help words policy load | grep -xE 'deadline|ratelimit|route' | sort | xargs)"
run weirctl -j policy unload left
same "what was unloaded in JSON" '{"policy":"left"}' "$out"
check "and the rest" weirctl policy unload right
check "of them" weirctl policy unload deadline

# ---- ejection ----

weirctl channel set "$one" policy-errors 2
check "a faulty policy" weirctl policy load "$objects/fault.bpf.o" "$one"
check "is told to err" bpftool map update name fault_mode key 0 0 0 0 value 1 0 0 0
weirctl monitor "$one" >"$dir/events" &
monitor=$!
# Some event shows that it listens.
listens()
{
	weirctl channel set "$one" batch 1
	[ -s "$dir/events" ]
}
wait_until listens || not_ok "the monitor listens"
weirctl recv "$one" -n 3 --timeout 20s >/dev/null
is_out()
{
	is "$one" policy least-loaded && grep -q "policy-eject *$one  fault: errors" "$dir/events"
}
check "it is out, and told so" wait_until is_out
kill "$monitor"
same "the record says why" errors "$(of fault exit_reason)"
run weirctl policy show fault
like "and shows it" "*
  exits [1-9]*, the last * ago: channel $one, errors after * calls, [1-9]* errors, * at most" "$out"
check "an ejected policy is unloaded" weirctl policy unload fault

# ---- what is refused ----

cd "$bad" || exit
about="policy load:"
# Which arguments, each kernel says in its own words.
run weirctl policy load beyond.bpf.o
like "what reads beyond a message is refused" "weirctl: $about beyond.bpf.o: the kernel's verifier refuses \"select\": * memory, len pair leads to invalid memory access (EINVAL; its log with -d)" "$err"
same "as a refusal" 1 "$status"
refused 1 "$about flags.bpf.o: policy \"flags\" has a flag that is unknown to the weir module (EOPNOTSUPP)" \
	weirctl policy load flags.bpf.o
refused 1 "$about longname.bpf.o: the policy's name \"0123456789abcdef\" is too long; 15 bytes are the most" \
	weirctl policy load longname.bpf.o
refused 1 "$about nameless.bpf.o: policy \"nameless\" has no name" weirctl policy load nameless.bpf.o
refused 1 "$about mute.bpf.o: policy \"mute\": callback \"select\" is missing" \
	weirctl policy load mute.bpf.o
refused 1 "$about later.bpf.o: policy \"later\": callback \"guess\" is unknown to the weir module" \
	weirctl policy load later.bpf.o
refused 1 "$about sleepable.bpf.o: policy \"sleepable\": callback \"select\" is sleepable; put it in SEC(\"struct_ops\")" \
	weirctl policy load sleepable.bpf.o
refused 1 "$about twins.bpf.o: it holds policy \"twin\" twice" weirctl policy load twins.bpf.o
refused 1 "$about unlinked.bpf.o: policy \"unlinked\" cannot be linked; put it in SEC(\".struct_ops.link\")" \
	weirctl policy load unlinked.bpf.o
refused 1 "$about builtin.bpf.o: a policy \"round-robin\" is built in (EEXIST)" \
	weirctl policy load builtin.bpf.o
refused 1 "$about nothing.bpf.o: it holds no policy: no struct weir_policy_ops in it" \
	weirctl policy load nothing.bpf.o
refused 1 "$about other.bpf.o: it holds a tcp_congestion_ops, which is no policy" \
	weirctl policy load other.bpf.o
refused 1 "$about ../lib.sh: it is no BPF object (ENOEXEC); -d says more" \
	weirctl policy load ../lib.sh
refused 1 "$about dedline: no such file; did you mean \"deadline\"?" weirctl policy load dedline
refused 1 "$about channel ${one}x: no such channel; did you mean \"$one\"?" \
	weirctl policy load deadline "$one" "${one}x"
refused 1 "$about both.bpf.o holds 2 policies; load it without channels, and give each its own with \"weirctl channel set\"" \
	weirctl policy load both.bpf.o "$one"
refused 1 'policy unload: policy "key-hash" is built in and stays' weirctl policy unload key-hash
refused 1 'policy unload: no policy "dedline"' weirctl policy unload dedline
refused 2 'policy load: FILE is missing  (weirctl help policy load)' weirctl policy load
refused 2 'policy unload: NAME is missing  (weirctl help policy unload)' weirctl policy unload
refused 2 'policy unload: "b" is one word too many  (weirctl help policy unload)' \
	weirctl policy unload a b
refused 1 "$about $objects/deadline.bpf.o: loading BPF is not permitted (EPERM); try sudo" \
	setpriv --reuid 65534 --regid 65534 --clear-groups weirctl policy load "$objects/deadline.bpf.o"

# A channel that does not take it: neither the others nor the policy are changed.
check "a policy that" weirctl policy load "$objects/fault.bpf.o"
bpftool map update name fault_mode key 0 0 0 0 value 9 0 0 0
refused 1 'channel set '"$two"': kernel: policy "fault" refuses this channel: error 12 (ENOMEM, nothing changed)' \
	weirctl channel set "$two" policy fault
check "refuses a channel" weirctl policy unload fault
same "nothing is left of all that" "" "$(loaded)$(find "$pins" -name "policy*")"
same "and nothing changed" "least-loaded round-robin" "$(value "$one" policy) $(value "$two" policy)"

run weirctl -d policy load beyond.bpf.o
like "-d shows the verifier's log" "*call bpf_weir_msg_payload*processed * insns*" "$err"
finish
