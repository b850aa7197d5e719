#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Loading and unloading: refused while a client is attached or a message is
# held, or a BPF program sends; fine with idle channels, and again and again. Takes the module from
# $WEIR_KO; runs alone, as it unloads what others use.
# shellcheck disable=SC2317 # functions that only ok() calls
set -u

top=$(cd "$(dirname "$0")/../.." && pwd)
ko=${WEIR_KO:-$top/build/${WEIR_KERNEL:-lts}/weir.ko}
tool=$top/build/selftests/modtool
number=0 failed=0
channel=test-module
object=$top/build/bpf/exec_feed.bpf.o
pins=/sys/fs/bpf/test-module

skip()
{
	echo "1..0 # SKIP $*"
	exit 4
}

# ok NAME COMMAND... - one case by the command's exit status
ok()
{
	local name=$1
	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number $name"
	else
		echo "not ok $number $name"
		failed=$((failed + 1))
	fi
}

loaded()
{
	grep -q '^weir ' /proc/modules
}

# What was closed a moment ago may still be on its way out; what is refused for
# good is refused at every attempt.
unload()
{
	local end=$((SECONDS + 60))
	until rmmod weir 2>/dev/null; do
		loaded || return 0
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

refused()
{
	local said
	said=$(LC_ALL=C rmmod weir 2>&1) && return 1
	loaded && [[ $said == *"in use"* || $said == *"temporarily unavailable"* ]]
}

clean_up()
{
	[ -z "$job" ] || kill "$job" 2>/dev/null
	loaded || insmod "$ko"
	"$tool" clear
	unfeed
	rm -rf "$tmp"
}

[ "$(id -u)" = 0 ] || skip "not root"
[ -r "$ko" ] || skip "no module at $ko"
[ -x "$tool" ] || skip "no $tool"
loaded || insmod "$ko" || exit 1
job=
tmp=$(mktemp -d)
trap clean_up EXIT

# attach ROLE - a client in the background, until its standard input ends
attach()
{
	mkfifo "$tmp/in"
	"$tool" attach "$channel" "$1" <"$tmp/in" >"$tmp/out" &
	job=$!
	exec 7>"$tmp/in"
	rm "$tmp/in"
	until grep -qs attached "$tmp/out"; do
		kill -0 "$job" || return 1
		sleep 0.01
	done
}

detach()
{
	exec 7>&-
	wait "$job"
	job=
}

again()
{
	local i
	for ((i = 0; i < 10; i++)); do
		insmod "$ko" && "$tool" add "$channel" &&
			"$tool" send "$channel" && "$tool" purge "$channel" &&
			unload || return 1
	done
}

# The sample in bpf/, as a person would use it.
feed()
{
	mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf || return 1
	bpftool prog loadall "$object" "$pins" autoattach
}

unfeed()
{
	rm -rf "${pins:?}"
}

# Where nothing can be loaded there is nothing to refuse.
if_fed() # NAME COMMAND...
{
	if [ -r "$object" ] && command -v bpftool >/dev/null; then
		ok "$@"
	else
		number=$((number + 1))
		echo "ok $number $1 # SKIP no bpftool, or no $object"
	fi
}

# What tests before this one were killed over.
unfeed
"$tool" clear

echo "TAP version 13"
echo "1..20"
ok "an idle module unloads" unload
ok "it is gone" test ! -e /dev/weir
ok "it loads again" insmod "$ko"
ok "a channel can be made" "$tool" add "$channel"
ok "a client attaches" attach work
ok "unloading is refused with a client" refused
ok "the client ends" detach
ok "a message is accepted" "$tool" send "$channel"
ok "unloading is refused with a message" refused
ok "the message goes" "$tool" purge "$channel"
ok "an idle channel does not keep it" unload
ok "its device is gone" test ! -e "/dev/weir/$channel"
ok "it loads once more" insmod "$ko"
if_fed "a BPF program attaches" feed
if_fed "unloading is refused with a BPF program" refused
ok "a channel is made for it" "$tool" add "$channel"
if_fed "the program goes" unfeed
ok "a channel does not keep it" unload
ok "ten times in a row" again
ok "and is left loaded" insmod "$ko"
exit $((failed != 0))
