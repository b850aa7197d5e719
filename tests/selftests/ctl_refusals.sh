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
out_of_range batch 4096 4096 0..1024
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
out_of_range batch-min 0 0 1..1024
out_of_range batch-max 1025 1025 1..1024
out_of_range priorities 0 0 1..8
out_of_range priorities 9 9 1..8
out_of_range priority-burst 0 0 1..65535
out_of_range priority-burst 65536 65536 1..65535
out_of_range sender-max 0% 0 1..100
out_of_range sender-max 101% 101 1..100
out_of_range ttl 8d 691200000000000 0..604800000000000
out_of_range ack-timeout 8d 691200000000000 0..604800000000000
refused 1 "channel add x: kernel: ack-timeout 10000 is neither 0 nor at least 1000000 ($nothing)" \
	weirctl channel add x ack-timeout 10us
refused 1 "channel add x: kernel: ack-timeout contradicts delivery fanout ($nothing)" \
	weirctl channel add x ack-timeout 1s mode fanout
out_of_range spin 1000001ns 1000001 0..1000000
out_of_range clients-max 0 0 1..1024
out_of_range clients-max 1025 1025 1..1024
out_of_range client-memory 17G 18253611008 0..17179869184
out_of_range uid-memory 17G 18253611008 0..17179869184
out_of_range pool-interval 9ms 9 10..60000
out_of_range pool-interval 61s 61000 10..60000
out_of_range pool-high 0% 0 1..1000
out_of_range pool-high 100.1% 1001 1..1000
out_of_range pool-grow 200% 2000 0..1000
out_of_range pool-low 100% 1000 0..999
out_of_range pool-shrink 100.1% 1001 0..1000
out_of_range feed 4097 4097 0..4096
out_of_range feed-size 0 0 1..65536
out_of_range feed-size 65K 66560 1..65536
refused 1 "channel add x: kernel: feed-size 2000 contradicts message-max 1000 ($nothing)" \
	weirctl channel add x feed 1 feed-size 2000B message-max 1000B
refused 1 "channel add x: kernel: feed 4096 of feed-size 65536 takes 268435456 bytes, memory-max is 67108864 ($nothing)" \
	weirctl channel add x feed 4096 feed-size 64K
refused 1 "channel add x: kernel: batch-min 9 contradicts batch-max 8 ($nothing)" \
	weirctl channel add x batch-min 9 batch-max 8
refused 1 "channel set $c: kernel: batch-min 257 contradicts batch-max 256 ($nothing)" \
	weirctl channel set "$c" batch-min 257
refused 1 "channel add x: kernel: pool-low 500 contradicts pool-high 500 ($nothing)" \
	weirctl channel add x pool-high 50% pool-low 50%
refused 1 "channel add x: kernel: client-memory 65536 cannot hold a message of 1048576; it needs 1048576 ($nothing)" \
	weirctl channel add x client-memory 64K
refused 1 "channel add x: kernel: uid-memory 65536 cannot hold a message of 1048576; it needs 1048576 ($nothing)" \
	weirctl channel add x uid-memory 64K
refused 1 "channel add x: kernel: sender-max 1% of memory-max 67108864 cannot hold a message of 1048576 ($nothing)" \
	weirctl channel add x sender-max 1%
refused 1 "channel set $c: kernel: batch 1025 is out of range 0..1024 ($nothing)" \
	weirctl channel set "$c" batch 1025
refused 1 "channel add x: kernel: no policy \"best\" ($nothing)" \
	weirctl channel add x policy best
refused 1 "channel add x: kernel: memory-min 2097152 contradicts memory-max 1048576 ($nothing)" \
	weirctl channel add x memory 2M..1M
refused 1 "channel add x: kernel: backoff-min 2000 contradicts backoff-max 1000 ($nothing)" \
	weirctl channel add x backoff 2s..1s
refused 1 "channel add x: kernel: memory-max 262144 cannot hold a message of 1048576; it needs 1048576 ($nothing)" \
	weirctl channel add x memory 64K..256K
refused 1 "channel set $c: kernel: priorities 2 cannot be changed (EBUSY, nothing changed)" \
	weirctl channel set "$c" priorities 2
refused 1 "channel set $c: kernel: delivery 1 cannot be changed (EBUSY, nothing changed)" \
	weirctl channel set "$c" mode fanout
refused 1 "channel set $c: kernel: memory-min 2097152 cannot be changed (EBUSY, nothing changed)" \
	weirctl channel set "$c" memory 2M..64M
check "nothing was created" test ! -e /dev/weir/x
same "nothing was changed" "64 1048576" "$(value "$c" batch) $(value "$c" memory_min)"

run weirctl -j channel add x batch 4096
same "a refusal in JSON" \
	'{"error":"channel add x: kernel: batch 4096 is out of range 0..1024 (EINVAL, nothing changed)","errno":"EINVAL","attribute":"batch"}' \
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
for pair in 'sender-max 50%' 'clients-max 5' 'client-memory 8M' 'uid-memory 8M' 'spin 5us' 'feed 8' 'feed-size 1K'; do
	# shellcheck disable=SC2086
	refused 1 "channel set $c: kernel: changing this needs CAP_NET_ADMIN (EPERM, nothing changed); try sudo" \
		as_nobody weirctl channel set "$c" $pair
done
expect_exit "also what order and batches need" 0 as_nobody weirctl channel set "$c" \
	priority-burst 5 ttl 1h batch auto batch-min 2 overflow drop-old zerocopy off
weirctl channel set "$c" overflow block zerocopy on
expect_exit "and send" 0 as_nobody weirctl send "$c" x
finish
