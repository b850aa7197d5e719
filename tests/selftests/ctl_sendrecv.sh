#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# weirctl send and recv: what goes in comes out, byte for byte, and is acknowledged
# only when it is out.
# shellcheck disable=SC2154,SC2119,SC2016,SC2317 # what lib.sh sets and runs
set -u
. "$(dirname "$0")/lib.sh"
need_module

new_channel
all() # OPTIONS...: everything that is ready
{
	weirctl recv "$channel" -n "$(value "$channel" ready)" "$@" </dev/null
}

# ---- sources ----

check "arguments" weirctl send "$channel" one 'two words' -- --three
same "are messages" "one/two words/--three" "$(all | paste -sd/)"
printf 'a\nb\r\n\303\244\nlast' | weirctl send "$channel"
same "lines are messages, the last without its end too" 0 $?
all >"$dir/out"
printf 'a\nb\r\n\303\244\nlast\n' | cmp - "$dir/out" >/dev/null
same "and come back as they were" 0 $?
printf 'a\nb\0c\0' | weirctl send "$channel" -0
same "NUL records are messages" "a b/c/" "$(all -0 | tr '\0\n' '/ ')"
weirctl send "$channel" </dev/null
same "no input is no message" "0 0" "$? $(value "$channel" ready)"

seq 70000 >"$dir/numbers"
weirctl send "$channel" <"$dir/numbers" &
sender=$!
timeout 400 weirctl recv "$channel" -n 70000 >"$dir/out"
same "70000 lines, more than the channel holds," 0 $?
wait $sender
same "are sent" 0 $?
cmp "$dir/numbers" "$dir/out" >/dev/null
same "and arrive in order" 0 $?

head -c 1048576 /dev/urandom >"$dir/a"
head -c 4097 /dev/urandom >"$dir/b"
check "files" weirctl send "$channel" --file "$dir/a" "$dir/b"
weirctl recv "$channel" --raw >"$dir/a.out"
weirctl recv "$channel" --raw >"$dir/b.out"
cmp "$dir/a" "$dir/a.out" >/dev/null && cmp "$dir/b" "$dir/b.out" >/dev/null
same "are messages, byte for byte" 0 $?
weirctl send "$channel" --file <(echo -n piped)
same "so is what a pipe gives" piped "$(all)"

# ---- what is refused ----

printf 'x\n%0300d\ny\n' 1 >"$dir/in"
weirctl channel set "$channel" message-max 256B
run bash -c "weirctl send $channel <$dir/in"
same "too long: said" "weirctl: send $channel: message 2 is 300B, message-max is 256B (EMSGSIZE); 1 sent" "$err"
same "too long: status, and what came before is sent" "1 1" "$status $(value "$channel" ready)"
refused 1 "send $channel: message 2 is empty (EINVAL); 1 of 3 sent" \
	weirctl send "$channel" a "" b
refused 1 "send $channel: $dir/none: No such file or directory (ENOENT); 0 of 1 sent" \
	weirctl send "$channel" --file "$dir/none"
refused 1 "send $channel: $dir: Is a directory (EISDIR); 0 of 1 sent" \
	weirctl send "$channel" --file "$dir"
weirctl channel purge "$channel" >/dev/null
weirctl channel set "$channel" message-max 1M

weirctl channel set "$channel" messages 3 overflow error
run weirctl send "$channel" 1 2 3 4 5
like "a full channel refuses" "1 weirctl: send $channel: * (ENOBUFS); 3 of 5 sent" "$status $err"
weirctl channel set "$channel" overflow block
weirctl send "$channel" 4 5 &
sender=$!
wait_until eval '[ "$(weirctl -j client show "$channel" | jq "map(select(.role == \"send\")) | length")" = 1 ]'
check "or blocks" kill -0 $sender
same "until there is room" "1/2/3/4/5" "$(weirctl recv "$channel" -n 5 | paste -sd/)"
wait $sender
same "then goes on" 0 $?
weirctl channel set "$channel" messages 65536

weirctl channel drain "$channel"
run weirctl send "$channel" x
like "a draining channel refuses" "1 weirctl: send $channel: * (ESHUTDOWN); 0 of 1 sent" "$status $err"
weirctl channel resume "$channel"

# ---- recv ----

expect_exit "nothing comes" 3 weirctl recv "$channel" --timeout 30ms
same "and nothing is said" "/" "$out/$err"
weirctl send "$channel" 1 2 3
expect_exit "fewer than asked for" 0 weirctl recv "$channel" -n 9 --timeout 100ms
same "is what there is" "1 2 3" "$(xargs <<<"$out")"
weirctl send "$channel" 1 2 3
run weirctl recv "$channel" -n 2
same "no more is taken than asked for" "1 2 / 1" "$(xargs <<<"$out") / $(value "$channel" ready)"
weirctl recv "$channel" --follow >"$dir/follow" &
follower=$!
weirctl send "$channel" 4
wait_until grep -qx 4 "$dir/follow"
same "follow" "3 4" "$(xargs <"$dir/follow")"
check "goes on" kill -0 $follower
wait_until is "$channel" inflight_now 0
kill -TERM $follower
wait $follower
same "and ends by a signal" 143 $?
wait_until is "$channel" inflight_now 0
same "with all acknowledged" "0 0" "$(value "$channel" ready) $(value "$channel" dead)"

weirctl send "$channel" keep
run bash -c "weirctl recv $channel >/dev/full"
same "a full disk is told" \
	"1 weirctl: recv $channel: standard output: No space left on device; 1 message given back" \
	"$status $err"
same "and takes no message" "ready 0" \
	"$(weirctl -j message show "$channel" | jq -r '.[0] | "\(.state) \(.attempt)"')"
mkfifo "$dir/broken"
exec 6<>"$dir/broken"
exec 7>"$dir/broken"
exec 6>&-
weirctl recv "$channel" --follow >&7
same "nor does a closed pipe" 141 $?
exec 7>&-
same "it is still there, uncounted" "ready 0" \
	"$(weirctl -j message show "$channel" | jq -r '.[0] | "\(.state) \(.attempt)"')"
weirctl channel purge "$channel" >/dev/null

weirctl send "$channel" --key 5 text
run weirctl -j recv "$channel"
same "recv in JSON" "text 1 5 4 false" \
	"$(jq -r '"\(.payload) \(.attempt) \(.key) \(.len) \(.redelivered)"' <<<"$out")"
weirctl send "$channel" --cost 3 --type 12 --ttl 1h text
run weirctl -j recv "$channel"
same "type and deadline come along" "12 true" \
	"$(jq -r '"\(.mtype) \(.deadline_ns > 0)"' <<<"$out")"
weirctl send "$channel" --delay 1h later
same "a delayed one waits" "0 1" "$(value "$channel" ready) $(value "$channel" delayed)"
weirctl channel purge "$channel" >/dev/null
weirctl send "$channel" --ttl 1ns late
wait_until is "$channel" dead 1
same "what comes too late is dead" expired \
	"$(weirctl -j message show "$channel" | jq -r '.[0].reason')"
like "by its name" "*dead*expired*" "$(weirctl message show "$channel")"
like "in the books too" "*died 1: *, expired 1 *" "$(weirctl stats show "$channel")"
weirctl channel purge "$channel" >/dev/null
refused 1 "send $channel: message refused: a value is out of range, such as the priority or a delay (EINVAL); 0 of 1 sent" \
	weirctl send "$channel" --priority 1 x
plain=$channel
new_channel priorities 3
weirctl send "$channel" --priority 2 last
weirctl send "$channel" middle --priority 1
weirctl send "$channel" first
same "the most urgent come first" "first/middle/last" \
	"$(for _ in 1 2 3; do weirctl recv "$channel"; done | paste -sd/)"
weirctl send "$channel" --priority 2 x
like "the priority is shown where there are some" "*ATTEMPT *PRIO *KEY *ready * 2 *" \
	"$(weirctl message show "$channel" | tr '\n' ' ')"

# ---- full, and not blocking ----

new_channel messages 3 overflow drop-new
check "a full channel may drop the new" weirctl send "$channel" 1 2 3 4 5
same "the old stay" "1/2/3" "$(all | paste -sd/)"
weirctl channel set "$channel" overflow drop-old
check "or the old" weirctl send "$channel" 1 2 3 4
same "the new stay" "2/3/4" "$(all | paste -sd/)"
like "which is told" "*dropped 3: new when full 2, old when full 1*" \
	"$(weirctl stats show "$channel")"
same "and exact" true "$(weirctl -j stats show "$channel" | jq '.[0].exact')"
new_channel messages 10 overflow error sender-max 20%
run weirctl send "$channel" 1 2 3
same "no more than a sender's share" \
	"1 weirctl: send $channel: message refused: the channel is full, has this sender's share of it, or its policy says no (ENOBUFS); 2 of 3 sent" \
	"$status $err"
check "others have theirs" weirctl send "$channel" 4 5
like "which is told too" "*refused 1: *, share 1 *" "$(weirctl stats show "$channel")"
channel=$plain
run weirctl -j send "$channel" a b
same "send in JSON" '{"channel":"'"$channel"'","sent":2}' "$out"
all >/dev/null

# ---- wait ----

weirctl send "$channel" a b --wait &
sender=$!
wait_until is "$channel" ready 2
check "wait waits" kill -0 $sender
all >/dev/null
wait $sender
same "until all are settled" 0 $?
weirctl send "$channel" a b --wait 2>"$dir/wait" &
sender=$!
wait_until is "$channel" ready 2
weirctl message kill "$channel" all >/dev/null
wait $sender
same "a dead one is a failure" \
	"1 weirctl: send $channel: of 2 messages 2 went dead; see \"weirctl message show $channel state dead\"" \
	"$? $(<"$dir/wait")"
weirctl -j send "$channel" a --wait >"$dir/wait" &
sender=$!
wait_until is "$channel" ready 1
all >/dev/null
wait $sender
same "the outcome in JSON" "1 1 0" "$(jq -r '"\(.sent) \(.acked) \(.dead)"' "$dir/wait")"
same "the books are right" true "$(weirctl -j stats show "$channel" | jq '.[0].exact')"
finish
