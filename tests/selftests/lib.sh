# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the shell tests beside it: KTAP lines, and waiting for conditions.
# shellcheck shell=bash

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PATH=$top/build/bin:$PATH
export LD_LIBRARY_PATH=$top/build/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}

dir=$(mktemp -d)
nr=0
failed=0
finished=
channels=()

# Whatever is left of a test, and of its children.
clean_up()
{
	local status=$? at=$BASH_COMMAND pid name
	for pid in $(jobs -p); do
		kill -KILL "$pid" 2>/dev/null
	done
	for name in "${channels[@]}"; do
		weirctl channel del "$name" force >/dev/null 2>&1
	done
	rm -rf "$dir"
	[ -n "$finished" ] || echo "# ended before its end, at: $at"
	[ -n "$finished" ] && exit "$status"
	exit 1
}
trap clean_up EXIT

skip() # REASON
{
	echo "1..0 # SKIP $*"
	finished=1
	exit 4
}

ok() # NAME
{
	nr=$((nr + 1))
	echo "ok $nr - $1"
}

not_ok() # NAME [LINE...]
{
	nr=$((nr + 1))
	failed=$((failed + 1))
	[ $# -lt 2 ] || printf '%s\n' "${@:2}" | sed 's/^/# /'
	echo "not ok $nr - $1"
}

# Says how many cases there were, and ends.
finish()
{
	echo "1..$nr"
	finished=1
	[ "$failed" = 0 ]
	exit
}

need_module()
{
	[ -e /sys/module/weir ] || skip "/sys/module/weir: the module is not loaded"
	[ "$(id -u)" = 0 ] || skip "not root"
}

# A new channel, deleted at the end, whose name is in $channel.
new_channel() # [ATTR VALUE]...
{
	channel=t$$-${#channels[@]}
	channels+=("$channel")
	weirctl channel add "$channel" "$@" || not_ok "channel $channel $*"
}

# Runs a command with nothing on standard input, into $out, $err and $status.
run() # COMMAND...
{
	out=$("$@" 2>"$dir/err" </dev/null)
	status=$?
	err=$(<"$dir/err")
}

show_run()
{
	printf '%s\n' "exit status $status" "out: $out" "err: $err"
}

# The command succeeds.
check() # NAME COMMAND...
{
	local name=$1
	shift
	run "$@"
	if [ "$status" = 0 ]; then ok "$name"; else not_ok "$name" "$*" "$(show_run)"; fi
}

expect_exit() # NAME STATUS COMMAND...
{
	local name=$1 want=$2
	shift 2
	run "$@"
	if [ "$status" = "$want" ]; then
		ok "$name"
	else
		not_ok "$name" "$*" "expected exit status $want" "$(show_run)"
	fi
}

# The command fails with that status and exactly that text, and prints nothing else.
refused() # STATUS TEXT COMMAND...
{
	local want=$1 text=$2 name
	shift 2
	name="$* is refused"
	run "$@"
	if [ "$status" = "$want" ] && [ "$err" = "weirctl: $text" ] && [ -z "$out" ]; then
		ok "$name"
	else
		not_ok "$name" "expected exit status $want" "expected: weirctl: $text" \
			"$(show_run)"
	fi
}

same() # NAME EXPECTED ACTUAL
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "expected: $2" "actual:   $3"
	fi
}

like() # NAME PATTERN TEXT
{
	# shellcheck disable=SC2053
	if [[ $3 == $2 ]]; then
		ok "$1"
	else
		not_ok "$1" "expected: $2" "actual:   $3"
	fi
}

# Until the command succeeds, a minute at most.
wait_until() # COMMAND...
{
	local end=$((SECONDS + 60))
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# One value of a channel: key as in its JSON form.
value() # CHANNEL KEY
{
	weirctl -j channel show "$1" | jq -r ".[0].$2"
}

is() # CHANNEL KEY VALUE
{
	[ "$(value "$1" "$2")" = "$3" ]
}

gone() # PID
{
	! kill -0 "$1" 2>/dev/null
}
