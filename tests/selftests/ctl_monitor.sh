#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# weirctl monitor: what happens is told, once, in order.
# shellcheck disable=SC2154,SC2119,SC2016,SC2317 # what lib.sh sets and runs
set -u
. "$(dirname "$0")/lib.sh"
need_module

name=m$$
channels+=("$name")
weirctl -j monitor "$name" >"$dir/json" &
weirctl monitor "$name" >"$dir/text" &

seen() # EVENT [JQ-CONDITION]
{
	jq -se "map(select(.event == \"$1\" and (${2:-true}))) | length > 0" "$dir/json"
}

event() # NAME EVENT [JQ-CONDITION]
{
	if wait_until seen "$2" "${3:-true}"; then ok "$1"; else not_ok "$1" "$(<"$dir/json")"; fi
}

# They listen when the first of something repeated is heard: of two events that
# come one after the other, since they may begin to between these.
hear()
{
	weirctl channel add "$name" messages 3 overflow error
	weirctl channel del "$name"
	grep -q channel-add "$dir/json" && grep -q channel-add "$dir/text"
}
wait_until hear
event "a channel is created" channel-add ".name == \"$name\""
event "a channel is deleted" channel-del ".name == \"$name\""

weirctl channel add "$name" messages 3 overflow error max-attempts 1
weirctl channel set "$name" batch 3
event "a channel is changed" channel-set ".batch == 3"
weirctl send "$name" 1 2 3 4 2>/dev/null
event "a client comes" client-attach ".comm == \"weirctl\" and .role == \"send\""
event "a client goes" client-detach ".comm == \"weirctl\""
event "a channel is full" channel-full ".name == \"$name\""
weirctl message kill "$name" 1 >/dev/null
event "a message dies" message-dead '.id == 1 and .reason == "killed"'
weirctl work "$name" -- sh -c 'echo why >&2; exit 65' 2>/dev/null &
worker=$!
event "with the worker's reason" message-dead '.reason_text == "why"'
wait_until is "$name" dead 3
kill -KILL $worker
event "a process ends" client-detach ".died and .pid == $worker"
weirctl channel drain "$name"
weirctl channel del "$name" force
weirctl channel add "$name"
weirctl send "$name" x
weirctl channel drain "$name" &
wait_until is "$name" state draining
weirctl recv "$name" >/dev/null
event "a draining channel is empty" channel-empty ".name == \"$name\""
wait $!
same "which ends a drain" 0 $?

new_channel
weirctl channel set "$name" batch 5
event "another channel" channel-set ".batch == 5"
same "is not told" 0 "$(jq -s "map(select((.name // .channel) != \"$name\")) | length" "$dir/json")"
wait_until grep -q 'message-dead .*rejected: why' "$dir/text"
like "in words" "*:*:*.* message-dead   $name  id 1  attempt * killed*" "$(<"$dir/text")"
finish
