#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The README's terminal sessions, run as printed: the same output, but for
# times and process ids. After a command in the background the session goes on
# when a message is held.
cd "$(dirname "$0")/../.." || exit 1
set -o pipefail

session=$(awk '/^```console$/ { on = 1; next } /^```$/ { on = 0 } on' README.md)
if [ -z "$session" ]; then
	echo "1..1"
	echo "not ok 1 - README has a session"
	exit 1
fi
if ! command -v weirctl >/dev/null || [ ! -e /sys/module/weir ]; then
	echo "1..0 # SKIP no weirctl on the path, or the module is not loaded"
	exit 4
fi

# Times, process ids and the blanks that line them up are not the same twice.
normal()
{
	sed -E 's/[0-9]+(\.[0-9]+)?(ns|us|ms|s)\b/TIME/g; s/pid [0-9]+/pid N/g; s/ +/ /g; s/ $//'
}

held()
{
	# A worker that has read its message has a child.
	weirctl message show jobs state inflight | grep -q inflight && pgrep -P "$!" >/dev/null
}

# Nothing here may start a process in the background, not even <(...): the
# session's $! is that of its own command.
wait_until()
{
	local end=$((SECONDS + 60))
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

out=$(mktemp)
clean_up()
{
	rm -f "$out"
	weirctl channel del jobs force
	weirctl channel del calls force
	weirctl policy unload ratelimit
	weirctl observe off
}
trap 'clean_up >/dev/null 2>&1' EXIT
while IFS= read -r line; do
	case $line in
	'$ '*)
		echo "$line"
		eval "${line#'$ '}"
		[[ $line != *'&' ]] || wait_until held || echo "nothing is held"
		;;
	esac
done <<<"$session" >"$out" 2>&1

echo "1..1"
if diff -u <(normal <<<"$session") <(normal <"$out") >"$out.diff"; then
	echo "ok 1 - the README's session is as printed"
	status=0
else
	sed 's/^/# /' "$out.diff"
	echo "not ok 1 - the README's session is as printed"
	status=1
fi
rm -f "$out.diff"
pkill -f '^sleep 1000$'
exit $status
