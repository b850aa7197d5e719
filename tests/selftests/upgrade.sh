#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Old programs with this module, and this tree's programs with an old module. The old
# ones are those of upgrade/first.tar.xz, the first whose structs have the layout that
# is kept since; tests/run builds them into build/first. Unloads the module, so it runs
# alone, and only where the old one was built for this kernel.
# shellcheck disable=SC2154 # what lib.sh sets
set -u
. "$(dirname "$0")/lib.sh"
need_module
first=$top/build/first
old_ko=$first/lts/weir.ko
new_ko=${WEIR_KO:-$top/build/${WEIR_KERNEL:-lts}/weir.ko}
[ -e "$old_ko" ] || skip "$old_ko: the old module was not built"
[ "$(modinfo -F vermagic "$old_ko")" = "$(modinfo -F vermagic "$new_ko")" ] ||
	skip "the old module is for another kernel"
[ -x "$first/build/bin/demo" ] || skip "the old programs were not built"

# Whatever happens, others find the module that they test.
restore()
{
	local status=$?
	if [ -n "$changed" ]; then
		rmmod weir 2>/dev/null
		insmod "$new_ko"
	fi
	return "$status"
}
changed=
trap 'restore; clean_up' EXIT

old() # COMMAND...
{
	LD_LIBRARY_PATH=$first/build/lib PATH=$first/build/bin:$PATH "$@"
}

new()
{
	"$@"
}

change_module() # FILE
{
	wait_until rmmod weir && insmod "$1"
}

# Whoever sends and whoever works, what comes is what was sent.
exchange() # SENDER WORKER
{
	local name="$1 programs send, $2 ones work" channel=upgrade-$1-$2
	head -c 700000 /dev/urandom >"$dir/large"
	channels+=("$channel")
	check "$name: a channel" "$1" weirctl channel add "$channel"
	check "$name: lines" "$1" weirctl send "$channel" one two
	check "$name: a large file" "$1" weirctl send "$channel" --file "$dir/large"
	run "$2" weirctl recv "$channel" -n 2
	same "$name: they come" "one two" "${out//$'\n'/ }"
	"$2" weirctl recv "$channel" >"$dir/came" 2>"$dir/err"
	# recv ends what it prints with a newline.
	check "$name: byte for byte" cmp -n 700000 "$dir/large" "$dir/came"
	check "$name: it is deleted" "$1" weirctl channel del "$channel" force
}

# Files hashed by workers that crash and are killed: its exit status is the verdict.
main_job() # NAME PROGRAMS
{
	rm -f "$dir/demo.json"
	check "$1" "$2" demo --limit 1000 --json "$dir/demo.json"
	same "$1: nothing is lost" 0 "$(jq .lost "$dir/demo.json")"
	same "$1: nothing is done twice" 0 "$(jq .duplicated "$dir/demo.json")"
}

main_job "the old main job with this module" old
exchange old new
exchange new old
exchange old old

changed=1
check "the old module is loaded" change_module "$old_ko"
main_job "this tree's main job with the old module" new
exchange new new
exchange old new
exchange new old

# It has all that the old module knows, and says so of what it does not.
new_channel messages 100 max-attempts 3
for words in "channel show" "channel show $channel" "client show" "message show $channel" \
	"pool show" "stats show" "-j channel show"; do
	# shellcheck disable=SC2086 # words
	check "this weirctl asks the old module: $words" weirctl $words
done
# What it does not have is no zero.
same "an attribute that it has" 100 "$(value "$channel" messages)"
expect_exit "an attribute that it has not" 1 weirctl channel set "$channel" ack-timeout 5s
like "the refusal is not about something else" '*ack-timeout*' "$err"
like "the old module's own words reach the user" '*priorities 2 is not supported*' \
	"$(weirctl channel set "$channel" priorities 2 2>&1)"
expect_exit "a command that it has not" 4 weirctl policy show
like "is named, with the reason" '*module does not know this command*older*' "$err"

weirctl channel del "$channel" force
check "this module is loaded again" change_module "$new_ko"
changed=
check "and works" weirctl channel show
finish
