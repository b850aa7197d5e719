#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# weirctl message: messages are found by state, age and id, and can be moved by hand.
# shellcheck disable=SC2154,SC2119,SC2016,SC2317 # what lib.sh sets and runs
set -u
. "$(dirname "$0")/lib.sh"
need_module

messages() # [FILTER...]: their ids
{
	weirctl -j message show "$channel" "$@" | jq -r '.[].id' | xargs
}

one() # ID KEY
{
	weirctl -j message peek "$channel" "$1" | jq -r ".$2"
}

# ---- show and peek ----

new_channel backoff 1h..1h
weirctl channel pause "$channel"
weirctl send "$channel" --key 7 first second
printf 'a\0b\377' >"$dir/binary"
weirctl send "$channel" --file "$dir/binary"
same "all are shown" "1 2 3" "$(messages)"
same "by state" "1 2 3" "$(messages state ready)"
same "an empty state" "" "$(messages state dead)"
same "limited" 2 "$(messages limit 2 | wc -w)"
same "by age: the old" "1 2 3" "$(messages older 1us)"
same "by age: none so old" "" "$(messages older 1h)"
run weirctl message show "$channel"
like "the table has a head" "*ID *STATE *AGE *SIZE *ATTEMPT *KEY *DETAIL" "$(head -n 1 <<<"$out")"
same "and a line for each" 4 "$(wc -l <<<"$out")"

same "peek: payload" first "$(one 1 payload)"
same "peek: length" 6 "$(one 2 len)"
same "peek: key" 7 "$(one 2 key)"
same "peek: state" ready "$(one 2 state)"
same "peek: sender" 0 "$(one 2 sender_uid)"
same "peek: bytes that are no text" "$(base64 "$dir/binary")" "$(one 3 payload_base64)"
run weirctl message peek "$channel" 3
like "on a terminal they are harmless" "*00 62 ff*a.b.*" "$out"
run weirctl message peek "$channel" 1
like "peek as text" "message 1 of $channel *ready*attempt 0 *key 7 *uid 0*payload:*first" "$out"

head -c 20000 /dev/zero | tr '\0' x >"$dir/long"
weirctl send "$channel" --file "$dir/long"
same "peek shows the beginning of a long one" 16384 "$(one 4 payload | tr -d '\n' | wc -c)"
like "and says so" "*payload, the first 16K of 19.5K:*" "$(weirctl message peek "$channel" 4)"

# ---- inflight and delayed ----

weirctl channel resume "$channel"
weirctl work "$channel" -- sleep 1000 2>"$dir/work" &
worker=$!
wait_until is "$channel" inflight_now 1
held=$(messages state inflight)
same "the oldest is with the worker" 1 "$held"
same "its holder" "$worker weirctl" "$(one 1 holder_pid) $(one 1 holder_comm)"
same "its attempt" 1 "$(one 1 attempt)"
like "in words" "*inflight with weirctl (pid $worker, client *" "$(weirctl message peek "$channel" 1)"
like "and in the channel" "*oldest inflight *: id 1, weirctl (pid $worker), attempt 1*weirctl (pid $worker, client *) holds 1 of *" \
	"$(weirctl channel show "$channel")"

# The command gets no signal: its answer comes too late.
weirctl channel pause "$channel"
run weirctl message release "$channel" 1
same "release takes it away" "released 1" "$out"
same "not counted" "ready 0" "$(one 1 state) $(one 1 attempt)"
refused 1 "message release $channel: kernel: message 1 is ready (EINVAL, nothing changed)" \
	weirctl message release "$channel" 1
kill -KILL $worker
wait $worker 2>/dev/null
weirctl channel resume "$channel"

# Message 2 fails and waits for an hour.
weirctl message kill "$channel" 1 >/dev/null
weirctl work "$channel" -- false 2>/dev/null &
worker=$!
wait_until is "$channel" delayed 3
kill $worker
wait $worker
same "failed ones are delayed" "2 3 4" "$(messages state delayed)"
like "until their time" "*delayed, due in *m*" "$(weirctl message peek "$channel" 2)"
run weirctl message release "$channel" all
same "release makes them ready" "released 3" "$out"
same "all of them" "2 3 4" "$(messages state ready)"
same "with their attempts" 1 "$(one 2 attempt)"

# ---- dead ----

same "killed ones are dead" 1 "$(messages state dead)"
same "with a reason" killed "$(one 1 reason)"
run weirctl message kill "$channel" all
same "kill all" "killed 3" "$out"
same "all are dead" "1 2 3 4" "$(messages state dead)"
refused 1 "message kill $channel: kernel: message 2 is dead (EINVAL, nothing changed)" \
	weirctl message kill "$channel" 2
run weirctl -j message requeue "$channel" 2
same "requeue one" 1 "$(jq .requeued <<<"$out")"
same "it is ready, with no attempt" "ready 0" "$(one 2 state) $(one 2 attempt)"
run weirctl message requeue "$channel" all
same "requeue all" "requeued 3" "$out"
run weirctl message requeue "$channel" all
same "requeue of none" "requeued 0" "$out"
same "the books are right" true "$(weirctl -j stats show "$channel" | jq '.[0].exact')"

# Reasons from a worker, that would move a terminal's cursor.
weirctl channel purge "$channel" >/dev/null
weirctl send "$channel" x
weirctl work "$channel" -- sh -c 'printf "bad \033[2J thing\n" >&2; exit 65' 2>/dev/null &
worker=$!
wait_until is "$channel" dead 1
kill $worker
wait $worker
like "a reason is shown without its control characters" "*rejected: bad [ ?]\[2J thing" \
	"$(weirctl message show "$channel")"
same "nor are they in JSON" "bad  [2J thing" \
	"$(weirctl -j message show "$channel" | jq -r '.[0].reason_text')"

# ---- clients ----

new_channel
weirctl send "$channel" x
weirctl work "$channel" -- sh -c "touch $dir/begun; exec sleep 1000" 2>"$dir/err2" &
worker=$!
wait_until test -e "$dir/begun"
wait_until is "$channel" inflight_now 1
client=$(weirctl -j client show "$channel")
same "the client is shown" "$worker weirctl 1 work" \
	"$(jq -r '.[0] | "\(.pid) \(.comm) \(.inflight) \(.role)"' <<<"$client")"
weirctl channel pause "$channel"
check "a client is kicked by pid" weirctl client kick "$worker"
wait $worker
same "and told" "1 weirctl: work $channel: the channel was deleted, or this worker kicked (ESHUTDOWN)" \
	"$? $(<"$dir/err2")"
same "its message is ready" 1 "$(value "$channel" ready)"

weirctl channel resume "$channel"
weirctl work "$channel" -- sleep 1000 2>/dev/null &
worker=$!
wait_until is "$channel" inflight_now 1
weirctl channel pause "$channel"
id=$(weirctl -j client show "$channel" | jq '.[0].id')
check "a client is kicked by id" weirctl client kick "$channel" "$id"
wait $worker
same "its message is ready too" 1 "$(value "$channel" ready)"
finish
