#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# weirctl work: a command's end is the answer for its message.
# shellcheck disable=SC2154,SC2119,SC2016,SC2317 # what lib.sh sets and runs
set -u
. "$(dirname "$0")/lib.sh"
need_module

# Works on the channel in the background; its messages are in $dir/log.
work() # ARGUMENTS...
{
	weirctl "${json[@]}" work "$channel" "$@" >"$dir/out" 2>"$dir/log" </dev/null &
	worker=$!
}
json=()

stop()
{
	kill -TERM "$worker"
	wait "$worker"
	status=$?
}

stat() # KEY
{
	weirctl -j stats show "$channel" | jq ".[0].$1"
}

stat_is() # KEY VALUE
{
	[ "$(stat "$1")" = "$2" ]
}

# ---- what a command gets ----

new_channel
weirctl send "$channel" --key 9 --type 4 'some text'
work -- sh -c "{ echo \$WEIR_CHANNEL \$WEIR_ID \$WEIR_ATTEMPT \$WEIR_KEY \$WEIR_PRIORITY \$WEIR_TYPE; cat; } >$dir/got"
wait_until stat_is acked 1
stop
same "environment and standard input" "$channel 1 1 9 0 4/some text" "$(paste -sd/ "$dir/got")"
same "SIGTERM ends it with 0" 0 "$status"
same "nothing is said" "" "$(<"$dir/log")"
weirctl send "$channel" x
work cat
wait_until stat_is acked 2
stop
same "standard output passes" x "$(<"$dir/out")"

# ---- answers ----

new_channel backoff 1ms..1ms max-attempts 3
weirctl send "$channel" x
work --delay 1h -- sh -c 'echo busy >&2; exit 75'
wait_until is "$channel" delayed 1
stop
same "75 releases, not counted" "0 1" \
	"$(weirctl -j message peek "$channel" 1 | jq -r '"\(.attempt) \(.deliveries)"')"
same "standard error is shown" busy "$(<"$dir/log")"
weirctl channel purge "$channel" >/dev/null

weirctl send "$channel" x
work -- sh -c 'echo first >&2; echo >&2; printf "no such picture" >&2; exit 65'
wait_until is "$channel" dead 1
stop
same "65 rejects, the last line is the reason" "rejected no such picture" \
	"$(weirctl -j message show "$channel" | jq -r '.[0] | "\(.reason) \(.reason_text)"')"
like "which is told" "first*no such picture*weirctl: work $channel: message 2 rejected" "$(<"$dir/log")"
weirctl channel purge "$channel" >/dev/null

weirctl send "$channel" x
work -- sh -c 'exit 3'
wait_until is "$channel" dead 1
stop
same "anything else fails it, max-attempts times" "attempts 3" \
	"$(weirctl -j message show "$channel" | jq -r '.[0] | "\(.reason) \(.attempt)"')"
like "which is told" "*message 3 failed, attempt 3: sh: exit status 3" "$(<"$dir/log")"
weirctl channel purge "$channel" >/dev/null

weirctl send "$channel" x
work -- sh -c 'kill -KILL $$'
wait_until is "$channel" dead 1
stop
like "so does a signal" "*message 4 failed, attempt 1: sh: ended by signal 9 (Killed)*" "$(<"$dir/log")"
weirctl channel purge "$channel" >/dev/null

weirctl channel set "$channel" max-attempts 1
weirctl send "$channel" x
work --timeout 50ms -- sleep 1000
wait_until is "$channel" dead 1
stop
like "and taking too long" "*message 5 failed, attempt 1: sleep: took too long" "$(<"$dir/log")"
weirctl channel purge "$channel" >/dev/null

# The process that it started has to go too. A slow machine needs some attempts.
weirctl channel set "$channel" max-attempts 1000
weirctl send "$channel" x
work --timeout 500ms -- sh -c "sleep 1000 & echo \$! >$dir/child; wait"
wait_until test -s "$dir/child"
child=$(<"$dir/child")
check "with what the command has started" wait_until gone "$child"
kill -TERM "$worker"
stop
weirctl channel purge "$channel" >/dev/null
weirctl channel set "$channel" max-attempts 3

# ---- several at once ----

# None of them ends before all three have begun.
new_channel
weirctl send "$channel" 1 2 3
work -j 3 -- sh -c "touch $dir/begun.\$WEIR_ID; until [ -e $dir/begun.1 -a -e $dir/begun.2 -a -e $dir/begun.3 ]; do sleep 0.02; done"
wait_until stat_is acked 3
same "three at once" 3 "$(stat acked)"
stop

weirctl send "$channel" 1 2 3 4 5
mkfifo "$dir/gate"
work --jobs 2 -- sh -c "read x <$dir/gate"
wait_until is "$channel" inflight_now 2
same "no more than jobs are taken" 3 "$(value "$channel" ready)"
exec 5<>"$dir/gate"
kill -TERM "$worker"
weirctl channel pause "$channel"
check "SIGTERM lets the commands finish" kill -0 "$worker"
printf 'go\ngo\n' >&5
wait "$worker"
same "then ends with 0" 0 $?
same "what they did counts, the rest is there" "5 3" "$(stat acked) $(value "$channel" ready)"
exec 5>&-
weirctl channel resume "$channel"

work --jobs 3 -- sleep 1000
wait_until is "$channel" inflight_now 3
weirctl channel pause "$channel"
kill -TERM "$worker"
kill -TERM "$worker"
until gone "$worker"; do kill -TERM "$worker" 2>/dev/null; sleep 0.05; done
wait "$worker"
same "a second signal does not wait" 143 $?
same "and gives all back, not counted" "3 0" "$(value "$channel" ready) \
$(weirctl -j message show "$channel" | jq 'map(.attempt) | add')"
weirctl channel resume "$channel"

# ---- death ----

weirctl channel purge "$channel" >/dev/null
weirctl send "$channel" x
work -- sh -c "echo \$\$ >$dir/pid; exec sleep 1000"
wait_until is "$channel" inflight_now 1
wait_until test -s "$dir/pid"
weirctl channel pause "$channel"
kill -KILL "$worker"
wait "$worker" 2>/dev/null
same "its death gives the message back, counted" "ready 1" \
	"$(weirctl -j message show "$channel" | jq -r '.[0] | "\(.state) \(.attempt)"')"
check "and ends the command" wait_until gone "$(<"$dir/pid")"
weirctl channel resume "$channel"
weirctl channel purge "$channel" >/dev/null

# ---- JSON ----

weirctl channel set "$channel" backoff 1h..1h
json=(-j)
weirctl send "$channel" 0 75 65 1
work --delay 1h -- sh -c 'exit $(cat)'
wait_until eval 'stat_is acked 6 && is "$channel" dead 1 && is "$channel" delayed 2'
stop
same "the summary in JSON" "1 1 1 1" \
	"$(jq -r '"\(.acked) \(.released) \(.rejected) \(.failed)"' "$dir/out")"
weirctl channel purge "$channel" >/dev/null
same "the books are right" true "$(stat exact)"
finish
