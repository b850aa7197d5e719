#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# weirctl channel save and restore: all that a channel is and holds survives its
# deletion, and the module's, byte by byte.
# shellcheck disable=SC2154,SC2119,SC2016,SC2317 # what lib.sh sets and runs
set -u
. "$(dirname "$0")/lib.sh"
need_module
ko=${WEIR_KO:-$top/build/${WEIR_KERNEL:-lts}/weir.ko}
file=$dir/saved

# All of each message but its age, in order.
messages() # CHANNEL
{
	weirctl -j message show "$1" | jq -r 'map(.id) | sort | .[]' |
		sed "s/^/message peek $1 /" | weirctl -j -batch - |
		jq -c '[.state, .len, .key, .prio, .corr, .mtype, .encoding, .cost, .attempt,
			.deliveries, .reason, .reason_text, .payload, (.payload_base64 // "")[:32],
			(.due_ns // 0) > 0, (.deadline_ns // 0) > 0]'
}

settings() # CHANNEL
{
	weirctl channel show "$1" | sed -n '/^  [a-z]* [^ ]/{/^  now /q;p}'
}

reload()
{
	wait_until rmmod weir && insmod "$ko"
}

# ---- a channel with messages of every kind ----

new_channel memory 2M..32M priorities 3 backoff 1h..1h max-attempts 4 sender-max 90% \
	ttl 2h client-memory 16M overflow error batch-cost 77
head -c 300000 /dev/urandom >"$dir/long"
printf 'a\0b\377' >"$dir/binary"
weirctl send "$channel" to-fail to-reject
weirctl work "$channel" -- sh -c 'read -r x; [ "$x" = to-fail ] || { echo not mine >&2; exit 65; }; exit 1' \
	2>"$dir/work" &
wait_until is "$channel" dead 1 && wait_until is "$channel" delayed 1
kill %1
wait
weirctl send "$channel" --priority 2 --key 18446744073709551615 --type 7 --cost 9 least
weirctl send "$channel" --ttl 1h first
weirctl send "$channel" --delay 1h later
weirctl send "$channel" --file "$dir/long" "$dir/binary"
wait_until is "$channel" inflight_now 0
before=$(messages "$channel")
conf=$(settings "$channel")
same "there are messages of every kind" "4 1 2" \
	"$(weirctl -j channel show "$channel" | jq -r '.[0] | "\(.ready) \(.dead) \(.delayed)"')"
same "with a past" "dead not mine" "$(head -n 2 <<<"$before" | jq -r 'select(.[0] == "dead") | "\(.[0]) \(.[11])"')"
check "it is saved" weirctl channel save "$channel" "$file"
same "and says how many" "saved 7" "$out"
same "it is paused" paused "$(value "$channel" state)"
same "the file is the saver's own" 600 "$(stat -c %a "$file")"
cp "$file" "$dir/first"
check "it can be saved again" weirctl channel save "$channel" "$file"
same "only the clock has moved" "$(jq -cR 'fromjson? | objects | del(.saved_ns, .due_ns, .deadline_ns, .state)' <"$dir/first" | sort)" \
	"$(jq -cR 'fromjson? | objects | del(.saved_ns, .due_ns, .deadline_ns, .state)' <"$file" | sort)"
cp "$dir/first" "$file"

# ---- back under another name, then in a new module ----

other=$channel-other
channels+=("$other")
check "it is restored under another name" weirctl channel restore "$file" "$other"
same "and says how many" "restored 7" "$out"
same "each message is as it was" "$before" "$(messages "$other")"
same "each setting is as it was" "$conf" "$(settings "$other")"
same "it runs, as it did" running "$(value "$other" state)"
same "the ledger is even" "7 0 0" \
	"$(weirctl -j stats show "$other" | jq -r '.[0] | [.accepted, .acked, .dropped] | join(" ")')"
expect_exit "a name that is taken" 1 weirctl channel restore "$file"
like "is told" "*$channel exists already (EEXIST); delete it, or restore under another name" "$err"
weirctl channel del "$other" force
weirctl channel del "$channel" force

check "the module goes and comes" reload
check "it is restored" weirctl channel restore "$file"
same "after an unload each message is as it was" "$before" "$(messages "$channel")"
same "after an unload each setting is as it was" "$conf" "$(settings "$channel")"
weirctl recv "$channel" -n 4 >"$dir/got"
same "payload is what it was, byte by byte, and the most urgent comes first" \
	"$( (echo first; cat "$dir/long"; echo; cat "$dir/binary"; echo; echo least) | sha256sum)" \
	"$(sha256sum <"$dir/got")"
weirctl channel del "$channel" force

# ---- more than fits one look, over several rings ----

new_channel memory 1M..32M
seq 1 20000 | weirctl send "$channel"
check "20000 are saved" weirctl channel save "$channel" "$file"
weirctl channel del "$channel" force
check "and restored" weirctl -j channel restore "$file"
same "with their number in JSON" 20000 "$(jq .restored <<<"$out")"
weirctl channel resume "$channel"
weirctl recv "$channel" -n 20000 >"$dir/got"
same "in their order" "$(seq 1 20000 | sha256sum)" "$(sha256sum <"$dir/got")"
weirctl channel del "$channel" force

# ---- what has changed meanwhile ----

# Everything was saved long ago.
sed '1s/"saved_ns":[0-9]*/"saved_ns":1/' "$dir/first" >"$file"
check "deadlines go on" weirctl channel restore "$file" "$channel"
same "what was dead is, and all else is now" "1 rejected 6 expired " \
	"$(weirctl -j message show "$channel" | jq -r '.[].reason' | sort -r | uniq -c | awk '{printf "%s %s ", $1, $2}')"
weirctl channel del "$channel" force

new_channel backoff 1h..1h
weirctl send "$channel" --key 5 a b
weirctl send "$channel" --file "$dir/long"
weirctl work "$channel" -- false 2>"$dir/work" &
wait_until is "$channel" delayed 2
kill %1
wait
weirctl channel set "$channel" max-attempts 1 message-max 64K
weirctl channel save "$channel" "$file" >"$dir/out"
weirctl channel del "$channel" force
check "what would not be taken now comes back" weirctl channel restore "$file"
same "limits are as they were" "1 65536" \
	"$(weirctl -j channel show "$channel" | jq -r '.[0] | "\(.max_attempts) \(.message_max)"')"
same "the first of a key still is" "a b" "$(weirctl recv "$channel" -n 2 | xargs)"
weirctl channel del "$channel" force

new_channel mode fanout
weirctl channel pause "$channel"
weirctl send "$channel" news
weirctl channel save "$channel" "$file" >"$dir/out"
weirctl channel del "$channel" force
sed -i '1s/"state":"paused"/"state":"running"/' "$file"
check "a fan-out" weirctl channel restore "$file"
like "waits for its subscribers" "*$channel is paused until*" "$err"
same "with what it has" "paused 1" \
	"$(weirctl -j channel show "$channel" | jq -r '.[0] | "\(.state) \(.ready)"')"

# ---- a save that fails ----

new_channel
weirctl send "$channel" --file "$dir/long"
mkdir "$dir/small"
mount -t tmpfs -o size=64k none "$dir/small"
expect_exit "a file system that is full" 1 weirctl channel save "$channel" "$dir/small/file"
like "is told" "*No space left on device (ENOSPC)" "$err"
same "no file is left" "" "$(ls "$dir/small")"
umount "$dir/small"
same "and the channel runs on" running "$(value "$channel" state)"
weirctl work "$channel" -- sleep 1000 2>"$dir/work" &
wait_until is "$channel" inflight_now 1
weirctl channel save "$channel" "$dir/late" 2>"$dir/err" &
saver=$!
# It pauses the channel after it has begun to catch signals.
wait_until is "$channel" state paused
kill -INT "$saver"
wait "$saver"
same "a save that is ended while it waits for a worker" 1 $?
like "says so" "*ended by SIGINT (EINTR)" "$(<"$dir/err")"
same "and leaves no file" "" "$(find "$dir" -name "late*")"
same "and the channel runs on" running "$(value "$channel" state)"
kill -KILL %1
wait
weirctl channel del "$channel" force

# ---- nothing to save ----

new_channel
check "an empty one is saved" weirctl channel save "$channel" "$file"
weirctl channel del "$channel"
check "and restored" weirctl channel restore "$file"
same "empty" 0 "$(value "$channel" ready)"

# ---- refusals ----

refused 1 "channel save $channel: /nowhere/x: No such file or directory (ENOENT)" \
	weirctl channel save "$channel" /nowhere/x
same "a file that cannot be written pauses nothing" running "$(value "$channel" state)"
refused 1 "channel restore: /nowhere/x: No such file or directory (ENOENT)" \
	weirctl channel restore /nowhere/x
weirctl send "$channel" one two
weirctl channel save "$channel" "$file" >"$dir/out"
weirctl channel del "$channel" force
for size in 1 30 "$(($(stat -c %s "$file") - 2))"; do
	head -c "$size" "$file" >"$dir/cut"
	expect_exit "a file of its first $size bytes" 1 weirctl channel restore "$dir/cut"
	expect_exit "makes no channel" 1 weirctl channel show "$channel"
done
sed 's/"messages":2/"messages":3/' "$file" >"$dir/bad"
refused 1 "channel restore: $dir/bad: has other messages than its end says" \
	weirctl channel restore "$dir/bad"
sed 's/"prio":[0-9]*,//; s/"message":1,/"message":1,"prio":200,/' "$file" >"$dir/bad"
expect_exit "a priority that the channel has not" 1 weirctl channel restore "$dir/bad"
like "is told" "*out of range, such as the priority*" "$err"
expect_exit "and leaves no channel behind" 1 weirctl channel show "$channel"
sed 's/"weir_channel":1/"weir_channel":2/' "$file" >"$dir/bad"
refused 1 "channel restore: $dir/bad: was saved by a later weirctl" \
	weirctl channel restore "$dir/bad"
sed '1s/"batch":"[^"]*"/"batch":null/' "$file" >"$dir/bad"
refused 1 "channel restore: $dir/bad: the value of batch is no text, or too long" \
	weirctl channel restore "$dir/bad"
sed '1s/"settings":{/"settings":{"colour":"red",/' "$file" >"$dir/bad"
expect_exit "a setting that there is not" 2 weirctl channel restore "$dir/bad"
like "is named" '*"colour"*' "$err"
expect_exit "a file that is none" 1 weirctl channel restore /etc/passwd
like "is told" "*/etc/passwd: is no saved channel" "$err"

finish
