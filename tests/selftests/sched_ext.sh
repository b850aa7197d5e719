#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The CPU scheduler in BPF: where the kernel has no sched_ext, a clear message;
# else turned on, used under neighbours that want all CPUs, turned off, and ended
# in all other ways there are.
# shellcheck disable=SC2154 # what lib.sh sets
set -u
. "$(dirname "$0")/lib.sh"
need_module
load=$top/build/bench/load
sysfs=/sys/kernel/sched_ext
pins=/sys/fs/bpf/weir/scheduler

[ -e "$top/build/bpf/scx_weir.bpf.o" ] || skip "build/bpf/scx_weir.bpf.o is missing"

if [ ! -e $sysfs/state ]; then
	text="kernel $(uname -r) has no sched_ext: it takes one built with"
	text+=" CONFIG_SCHED_CLASS_EXT (Linux 6.12 or newer)"
	for command in show on off; do
		refused 1 "scheduler $command: $text" weirctl scheduler "$command"
	done
	run weirctl -j scheduler on
	same "the same in JSON" "1 EOPNOTSUPP" "$status $(jq -r .errno <<<"$out")"
	finish
fi
[ -x "$load" ] || skip "$load is missing"

# All of them have used CPU time.
busy()
{
	local pid n=0
	for pid in $(pgrep -P "$stress"); do
		[ "$(sed 's/.*) //' "/proc/$pid/stat" | awk '{ print ($12 + $13 > 5) }')" != 1 ] ||
			n=$((n + 1))
	done
	[ "$n" -ge $((2 * $(nproc))) ]
}

neighbours()
{
	stress-ng --cpu $((2 * $(nproc))) --cpu-method int64 --quiet >/dev/null 2>&1 &
	stress=$!
	wait_until busy || not_ok "neighbours run"
}

# It ends its children, too.
end_neighbours()
{
	kill "$stress"
	wait "$stress"
}

clean_up_scheduler()
{
	local status=$?
	weirctl scheduler off >/dev/null 2>&1
	(exit "$status")
	clean_up
}
trap clean_up_scheduler EXIT

key() # KEY
{
	weirctl -j scheduler show | jq -r ".[0].$1"
}

state_is() # STATE
{
	[ "$(key state)" = "$1" ]
}

more() # KEY THAN
{
	[ "$(key "$1")" -gt "$2" ]
}

# ---- on ----

same "it is off at first" off "$(key state)"
check "off while it is off" weirctl scheduler off
check "on" weirctl scheduler on
same "it outlives the tool" "enabled weir" "$(<$sysfs/state) $(<$sysfs/root/ops)"
check "on while it is on" weirctl scheduler on
same "its state" on "$(key state)"
same "rmmod is refused" 1 "$(rmmod weir 2>/dev/null; echo $?)"

# ---- at work ----

neighbours
new_channel
check "a steady trickle is all acknowledged" "$load" "$channel" 2 200 5000 500
check "who has messages is put before others" more prioritised 0
check "and takes CPUs from them" more preempted 0
check "others run as well" more others 0

# As many workers as CPUs, that never come to rest: the others have their turn.
new_channel
check "so is a flood" "$load" "$channel" "$(nproc)" 100 1000 20000
check "others had waited long enough" more forced 0
same "nothing is left" "300 0" "$(weirctl -j stats show | jq -r \
	'"\([.[].acked] | add) \([.[] | .ready + .inflight + .delayed + .dead] | add)"')"
end_neighbours
same "the kernel's watchdog had no reason" "on null" "$(key state) $(key last_exit)"
check "counters can be read without weirctl" bpftool map dump pinned $pins/counters
like "and have names" '*"prioritised":*' "$out"

cpu=/sys/devices/system/cpu/cpu1/online
if [ -w $cpu ]; then
	echo 0 >$cpu
	same "a CPU may go" on "$(key state)"
	echo 1 >$cpu
	same "and come back" on "$(key state)"
fi

# ---- off, and ended otherwise ----

check "off" weirctl scheduler off
same "the kernel's own is back" disabled "$(<$sysfs/state)"
same "its end is remembered" "unregistered from user space" "$(key last_exit.reason)"
like "and shown" "scheduler off*last exit*ago: unregistered*" "$(weirctl scheduler show)"

check "on again" weirctl scheduler on
same "the last end is forgotten" null "$(key last_exit)"
echo S >/proc/sysrq-trigger
check "ended by the kernel" wait_until state_is ended
# Only then all is told of it, and another may begin.
check "to the end" wait_until grep -qx disabled $sysfs/state
like "with its reason" "*sysrq*" "$(key last_exit.reason)"
check "on after that" weirctl scheduler on
same "it is" on "$(key state)"
rm $pins/link
check "without its pin it ends" wait_until state_is off

# The tool is killed at any point: the scheduler is on, or it is not.
for ((i = 0; i < 5; i++)); do
	weirctl scheduler on &
	sleep "0.0$((RANDOM % 10))"
	kill -KILL $! 2>/dev/null
	wait $! 2>/dev/null
	wait_until weirctl scheduler off || break
	wait_until state_is off || break
done
same "a tool that is killed leaves nothing half done" 5 "$i"

# ---- rights ----

bare=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all)
run "${bare[@]}" weirctl scheduler on
like "who may not is told" "1 weirctl: scheduler on: *; try sudo" "$status $err"
weirctl scheduler on
run "${bare[@]}" weirctl scheduler off
like "also to turn it off" "1 weirctl: scheduler off: *; try sudo" "$status $err"
expect_exit "anybody sees whether it is on" 0 "${bare[@]}" weirctl scheduler show
same "and that it is" "scheduler on" "$out"
check "off at last" weirctl scheduler off

# ---- without the module ----

for name in "${channels[@]}"; do
	weirctl channel del "$name" force
done
channels=()
check "the module can be unloaded" wait_until rmmod weir
run weirctl scheduler on
like "on needs it" "4 weirctl: the weir module is not loaded*" "$status $err"
check "it is loaded again" insmod "$top/build/$WEIR_KERNEL/weir.ko"
finish
