#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the kernel refuses, weirctl says in the kernel's own words, with what to do.
# shellcheck disable=SC2154,SC2119,SC2016,SC2317 # what lib.sh sets and runs
set -u
. "$(dirname "$0")/lib.sh"
need_module

new_channel
c=$channel
nothing="EINVAL, nothing changed"

# ---- values ----

out_of_range() # ATTRIBUTE VALUE NUMBER RANGE
{
	refused 1 "channel add x: kernel: $1 $3 is out of range $4 ($nothing)" \
		weirctl channel add x "$1" "$2"
}
out_of_range batch 4096 4096 1..1024
out_of_range batch 0 0 1..1024
out_of_range messages 0 0 1..16777216
out_of_range messages 16777217 16777217 1..16777216
out_of_range inflight 16385 16385 0..16384
out_of_range message-max 0 0 1..16777216
out_of_range message-max 17M 17825792 1..16777216
out_of_range linger 2s 2000000000 0..1000000000
out_of_range max-attempts 0 0 1..65535
out_of_range max-attempts 65536 65536 1..65535
out_of_range weight-load 1001 1001 0..1000
out_of_range weight-queue 1001 1001 0..1000
out_of_range load-interval 9ms 9 10..10000
out_of_range load-interval 11s 11000 10..10000
out_of_range dead-max 16777217 16777217 0..16777216
out_of_range redeliver-max 0 0 1..65535
refused 1 "channel set $c: kernel: batch 1025 is out of range 1..1024 ($nothing)" \
	weirctl channel set "$c" batch 1025
refused 1 "channel add x: kernel: no policy \"best\" ($nothing)" \
	weirctl channel add x policy best
refused 1 "channel add x: kernel: memory-min 2097152 contradicts memory-max 1048576 ($nothing)" \
	weirctl channel add x memory 2M..1M
refused 1 "channel add x: kernel: backoff-min 2000 contradicts backoff-max 1000 ($nothing)" \
	weirctl channel add x backoff 2s..1s
refused 1 "channel add x: kernel: memory-max 262144 cannot hold a message of 1048576; it needs 1048576 ($nothing)" \
	weirctl channel add x memory 64K..256K
refused 1 "channel add x: kernel: priorities 2 is not supported, only 1 (EOPNOTSUPP, nothing changed)" \
	weirctl channel add x priorities 2
refused 1 "channel add x: kernel: zerocopy 0 is not supported, only 1 (EOPNOTSUPP, nothing changed)" \
	weirctl channel add x zerocopy off
refused 1 "channel set $c: kernel: memory-min 2097152 cannot be changed (EBUSY, nothing changed)" \
	weirctl channel set "$c" memory 2M..64M
check "nothing was created" test ! -e /dev/weir/x
same "nothing was changed" "64 1048576" "$(value "$c" batch) $(value "$c" memory_min)"

run weirctl -j channel add x batch 4096
same "a refusal in JSON" \
	'{"error":"channel add x: kernel: batch 4096 is out of range 1..1024 (EINVAL, nothing changed)","errno":"EINVAL","attribute":"batch"}' \
	"$out"
same "its status, and nothing else" "1/" "$status/$err"

# ---- names ----

refused 1 "channel add $c: exists already (EEXIST); change it with \"weirctl channel set $c ...\"" \
	weirctl channel add "$c"
near=${c}x
for command in "channel show" "channel pause" "channel resume" "channel drain" "channel del" \
	"channel purge" "client show" "message show" "pool show" "stats show" recv; do
	# shellcheck disable=SC2086
	refused 1 "$command $near: no such channel; did you mean \"$c\"?" weirctl $command "$near"
done
refused 1 "send $near: no such channel; did you mean \"$c\"?" weirctl send "$near" x
refused 1 "work $near: no such channel; did you mean \"$c\"?" weirctl work "$near" cat
refused 1 "channel set $near: no such channel; did you mean \"$c\"?" \
	weirctl channel set "$near" batch 1
refused 1 "message peek $near: no such channel; did you mean \"$c\"?" \
	weirctl message peek "$near" 1
refused 1 "channel show unlike-any: no such channel" weirctl channel show unlike-any
refused 1 "send a/b: no such channel" weirctl send a/b x
refused 1 "message peek $c: kernel: no message 77 (ENOENT)" weirctl message peek "$c" 77
refused 1 "message kill $c: kernel: no message 77 (ENOENT, nothing changed)" \
	weirctl message kill "$c" 77
refused 1 "client kick: kernel: process 1 has no client (ENOENT, nothing changed)" \
	weirctl client kick 1
refused 1 "client kick: kernel: no client 4000000000 (ENOENT, nothing changed)" \
	weirctl client kick "$c" 4000000000

# ---- use ----

weirctl send "$c" x y
refused 1 "channel del $c: kernel: 2 ready, 0 inflight, 0 dead messages, 0 clients (EBUSY, nothing changed); drain it first or add \"force\"" \
	weirctl channel del "$c"
weirctl channel purge "$c" >/dev/null

# ---- rights ----

as_nobody() # COMMAND...
{
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}
refused 1 "channel add x: kernel: creating a channel needs CAP_NET_ADMIN (EPERM, nothing changed); try sudo" \
	as_nobody weirctl channel add x
refused 1 "channel pause $c: kernel: changing this needs CAP_NET_ADMIN or to be the channel's owner (EPERM, nothing changed); try sudo" \
	as_nobody weirctl channel pause "$c"
refused 1 "send $c: permission denied (EACCES): /dev/weir/$c is root:root:0660" \
	as_nobody weirctl send "$c" x
refused 1 "channel show $c: kernel: no right to open channel \"$c\" (EACCES)" \
	as_nobody weirctl channel show "$c"
run as_nobody weirctl channel show
same "others do not see it" "0 " "$status $(grep "^$c " <<<"$out")"
weirctl channel set "$c" perm 65534::
expect_exit "an owner may change" 0 as_nobody weirctl channel set "$c" batch 5
refused 1 "channel set $c: kernel: changing this needs CAP_NET_ADMIN (EPERM, nothing changed); try sudo" \
	as_nobody weirctl channel set "$c" messages 5
expect_exit "and send" 0 as_nobody weirctl send "$c" x
finish
