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
	policy=least-loaded policy_errors=64 policy_budget_ns=100000 weight_load=700 weight_queue=300 \
	load_interval_ns=100000000 max_attempts=5 backoff_min_ns=100000000 \
	backoff_max_ns=30000000000 dead_max=10000 redeliver_max=1000 zerocopy=true \
	sender_max=100 ttl_ns=0 ack_timeout_ns=0 batch_min=1 batch_max=256 batch_bytes=0 batch_cost=0 \
	priority_burst=64 spin_ns=20000 clients_max=1024 client_memory=0 uid_memory=0 \
	pool_interval_ns=100000000 pool_high=800 pool_grow=250 pool_low=250 \
	pool_shrink=125 prefill=[] feed=0 feed_size=256 memory_cgroup=null state=running perm=0660; do
	same "default ${pair%%=*}" "${pair#*=}" "$(value "$a" "${pair%%=*}")"
done

new_channel perm daemon:mail:0640 messages 77 memory 2M..33M message-max 5000B \
	overflow error inflight 9 batch 13 linger 1500us policy round-robin \
	weight-load 100 weight-queue 900 load-interval 50ms max-attempts 3 \
	backoff 7ms..11s dead-max 21 redeliver-max 99 ack-timeout 90s
b=$channel
same "rights of the device file" "640 daemon mail" "$(stat -c '%a %U %G' "/dev/weir/$b")"

# The attribute lines stand between the first line and "now".
attributes()
{
	weirctl channel show "$1" | sed '1d;/^  now/,$d'
}
same "what hardly anybody changes is left out" 3 "$(attributes "$a" | wc -l)"
new_channel
weirctl channel del "$channel"
# shellcheck disable=SC2046
check "channel add takes back what channel show prints" \
	weirctl channel add "$channel" $(attributes "$b")
same "and makes the same" "$(attributes "$b")" "$(attributes "$channel")"
like "which is all that was given" "*perm daemon:mail:0640 messages 77 memory 2M..33M message-max 5000B overflow error sender-max 100% inflight 9 batch 13 linger 1500us*policy round-robin*backoff 7ms..11s*" \
	"$(attributes "$channel" | xargs)"

# Everything at something else than its default, in units that come back.
rest=(messages 100 memory 1M..32M message-max 64K overflow drop-new sender-max 30%
	inflight auto batch auto linger 0 priorities 8 mode fanout ttl 90s zerocopy off
	batch-min 2 batch-max 99 batch-bytes 1536K batch-cost 18446744073709551615
	priority-burst 7 policy-errors 8 policy-budget 9us spin 1500ns clients-max 12 client-memory 1M uid-memory 2M
	pool-interval 250ms pool-high 87.5% pool-grow 0 pool-low 12% pool-shrink 0.1% feed 20 feed-size 1K)
new_channel "${rest[@]}"
c=$channel
for pair in overflow=drop-new sender_max=30 batch=0 priorities=8 mode=fanout \
	ttl_ns=90000000000 zerocopy=false batch_min=2 batch_max=99 batch_bytes=1572864 \
	priority_burst=7 policy_errors=8 policy_budget_ns=9000 spin_ns=1500 clients_max=12 client_memory=1048576 \
	uid_memory=2097152 pool_interval_ns=250000000 pool_high=875 pool_grow=0 \
	pool_low=120 pool_shrink=1 feed=20 feed_size=1024; do
	same "given ${pair%%=*}" "${pair#*=}" "$(value "$c" "${pair%%=*}")"
done
for ((i = 0; i < ${#rest[@]}; i += 2)); do
	[ "${rest[i]}" != pool-grow ] || rest[i + 1]=0%
	like "shown: ${rest[i]}" "* ${rest[i]} ${rest[i + 1]} *" \
		" $(attributes "$c" | tr -s ' \n' '  ') "
done
new_channel
weirctl channel del "$channel"
# shellcheck disable=SC2046
check "channel add takes all of it back" weirctl channel add "$channel" $(attributes "$c")
same "and makes the same of it" "$(attributes "$c")" "$(attributes "$channel")"

check "all that can be set is set" weirctl channel set "$a" overflow drop-old sender-max 50% \
	batch auto ttl 1h ack-timeout off zerocopy off batch-min 3 batch-max 4 batch-bytes 1K batch-cost 5 \
	priority-burst 6 spin 0 clients-max 7 client-memory 8M uid-memory 9M \
	pool-interval 10ms pool-high 100% pool-grow 1% pool-low 99.9% pool-shrink 100% feed 5 feed-size 300B
like "set is shown" "* sender-max 50% *batch auto*ttl 1h*batch-min 3 *spin 0 *pool-low 99.9% *" \
	"$(attributes "$a" | tr -s ' \n' '  ')"
check "and set back" weirctl channel set "$a" overflow block sender-max 100% ttl off ack-timeout off \
	zerocopy on batch-min 1 batch-max 256 batch-bytes 0 batch-cost 0 priority-burst 64 \
	spin 20us clients-max 1024 client-memory 0 uid-memory 0 pool-interval 100ms \
	pool-high 80% pool-grow 25% pool-low 25% pool-shrink 12.5% feed 0 feed-size 256B
same "is not shown again" 3 "$(attributes "$a" | wc -l)"

# ---- profiles ----

for profile in swarm:50:10000000 rpc:10:50000000 bulk:256:5000000; do
	new_channel profile "${profile%%:*}"
	same "profile ${profile%%:*}" "${profile#*:}" \
		"$(value "$channel" batch):$(value "$channel" linger_ns)"
done
new_channel profile bulk batch 7
same "what follows a profile wins" "7 5000000" \
	"$(value "$channel" batch) $(value "$channel" linger_ns)"
new_channel batch 7 profile rpc
same "and a profile over what it follows" 10 "$(value "$channel" batch)"
check "a profile is set" weirctl channel set "$channel" profile swarm
same "later too" "50 10000000" "$(value "$channel" batch) $(value "$channel" linger_ns)"
same "it is not shown as such" 0 "$(weirctl channel show "$channel" | grep -c profile)"

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
like "and a line for each" "*$a *0/0 *64K/128M *ok*" "$(grep "^$a " <<<"$out")"
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
