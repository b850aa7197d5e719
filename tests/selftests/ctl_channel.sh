#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# weirctl channel: what is set is shown, and what is shown can be set.
# shellcheck disable=SC2154,SC2119,SC2016,SC2317 # what lib.sh sets and runs
set -u
. "$(dirname "$0")/lib.sh"
need_module

# ---- add, show, set ----

new_channel
a=$channel
check "the device file is there" test -c "/dev/weir/$a"
same "with the default rights" "660 0 0" "$(stat -c '%a %u %g' "/dev/weir/$a")"
for pair in messages=65536 memory_min=1048576 memory_max=67108864 message_max=1048576 \
	overflow=block inflight=0 batch=64 linger_ns=0 priorities=1 mode=queue \
	policy=least-loaded weight_load=700 weight_queue=300 \
	load_interval_ns=100000000 max_attempts=5 backoff_min_ns=100000000 \
	backoff_max_ns=30000000000 dead_max=10000 redeliver_max=1000 zerocopy=true \
	state=running perm=0660; do
	same "default ${pair%%=*}" "${pair#*=}" "$(value "$a" "${pair%%=*}")"
done

new_channel perm daemon:mail:0640 messages 77 memory 2M..33M message-max 5000B \
	overflow error inflight 9 batch 13 linger 1500us policy round-robin \
	weight-load 100 weight-queue 900 load-interval 50ms max-attempts 3 \
	backoff 7ms..11s dead-max 21 redeliver-max 99
b=$channel
same "rights of the device file" "640 daemon mail" "$(stat -c '%a %U %G' "/dev/weir/$b")"

# The attribute lines stand between the first line and "now".
attributes()
{
	weirctl channel show "$1" | sed -n '2,/^  now/{/^  now/!p}'
}
new_channel
weirctl channel del "$channel"
# shellcheck disable=SC2046
check "channel add takes back what channel show prints" \
	weirctl channel add "$channel" $(attributes "$b")
same "and makes the same" "$(attributes "$b")" "$(attributes "$channel")"
like "which is all that was given" "*perm daemon:mail:0640 messages 77 memory 2M..33M message-max 5000B overflow error inflight 9 batch 13 linger 1500us*policy round-robin*backoff 7ms..11s*" \
	"$(attributes "$channel" | xargs)"

check "set changes" weirctl channel set "$a" batch 7 perm :mail:0600 backoff ..9s
same "what was given" "7 9000000000" "$(value "$a" batch) $(value "$a" backoff_max_ns)"
same "also of the device file" "600 root mail" "$(stat -c '%a %U %G' "/dev/weir/$a")"
same "and nothing else" "100000000" "$(value "$a" backoff_min_ns)"
check "a range may be repeated" weirctl channel set "$a" memory 1M..128M
same "and changed at one end" 134217728 "$(value "$a" memory_max)"

check "a dry run of set" weirctl channel set "$a" batch 9 --dry-run
same "changes nothing" 7 "$(value "$a" batch)"
check "a dry run of add" weirctl channel add "$a-dry" --dry-run
expect_exit "creates nothing" 1 weirctl channel show "$a-dry"

# ---- the table ----

run weirctl channel show
like "the table has a head" "NAME *READY*INFLIGHT*STATE*" "$(head -n 1 <<<"$out")"
like "and a line for each" "*$a *0/0 *0/128M *ok*" "$(grep "^$a " <<<"$out")"
same "no argument is channel show" "$(cut -c 1-20 <<<"$out")" "$(weirctl | cut -c 1-20)"
same "so is its beginning" "$(cut -c 1-20 <<<"$out")" "$(weirctl ch sh | cut -c 1-20)"

# ---- pause, resume, purge ----

check "pause" weirctl channel pause "$a"
same "shows" paused "$(value "$a" state)"
like "in the first line too" "channel $a  /dev/weir/$a  up *  paused" \
	"$(weirctl channel show "$a" | head -n 1)"
weirctl send "$a" one two three
expect_exit "a paused channel hands out nothing" 3 weirctl recv "$a" --timeout 50ms
check "resume" weirctl channel resume "$a"
expect_exit "then it does" 0 weirctl recv "$a" --timeout 20s
same "the oldest first" one "$out"
weirctl message kill "$a" 2 >/dev/null
run weirctl channel purge "$a" ready
same "purge ready" "purged 1" "$out"
run weirctl channel purge "$a" dead
same "purge dead" "purged 1" "$out"
weirctl send "$a" one two
weirctl message kill "$a" 4 >/dev/null
run weirctl -j channel purge "$a"
same "purge both" 2 "$(jq .purged <<<"$out")"
same "the books are right" true "$(weirctl -j stats show "$a" | jq '.[0].exact')"

# ---- drain ----

check "drain of an empty channel" weirctl channel drain "$a"
same "leaves it so" draining "$(value "$a" state)"
weirctl channel resume "$a"
weirctl send "$a" x y z
weirctl channel drain "$a" 2>"$dir/drain" &
pid=$!
wait_until is "$a" state draining
run weirctl recv "$a" -n 2
check "drain waits" kill -0 $pid
run weirctl recv "$a"
wait $pid
same "drain ends after the last message" 0 $?

weirctl channel resume "$a"
weirctl send "$a" x
weirctl channel drain "$a" 2>"$dir/drain" &
pid=$!
wait_until is "$a" state draining
weirctl channel resume "$a"
wait $pid
same "drain tells if it is taken back" \
	"1 weirctl: channel drain $a: somebody made it run again (ECANCELED)" \
	"$? $(<"$dir/drain")"

weirctl channel drain "$a" 2>"$dir/drain" &
pid=$!
wait_until is "$a" state draining
weirctl channel del "$a" force
wait $pid
same "drain tells if the channel is deleted" \
	"1 weirctl: channel drain $a: somebody deleted it (ESHUTDOWN)" "$? $(<"$dir/drain")"

# ---- del ----

check "an empty channel is deleted" weirctl channel del "$b"
check "with its device file" test ! -e "/dev/weir/$b"
new_channel
weirctl send "$channel" x y
weirctl work "$channel" -- sleep 1000 2>/dev/null &
wait_until is "$channel" inflight_now 1
expect_exit "force deletes one in use" 0 weirctl channel del "$channel" force
wait $!
same "its worker is told" 1 $?

# ---- batch ----

cat >"$dir/batch" <<END
channel add b$$ batch 3
channel set b$$ batch 4
channel del b$$
END
check "a batch" weirctl -batch "$dir/batch"
expect_exit "ran to its end" 1 weirctl channel show "b$$"
finish
