#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# weirctl without a module: help, man page and completion agree; wrong use is
# refused before anything is tried.
set -u
. "$(dirname "$0")/lib.sh"

command -v weirctl >/dev/null || skip "no weirctl"
man=$top/ctl/man/weirctl.8
[ -e "$man" ] || skip "no $man"

# ---- help, man page and completion ----

# Rendered as one line of single blanks.
manual=$(mandoc -T ascii "$man" | sed 's/.\x08//g' | tr -s ' \n' '  ')
missing=()
while read -r usage; do
	[[ $manual == *"$usage"* ]] || missing+=("$usage")
done < <(weirctl -j help | jq -r '.commands[].usage')
same "the man page has every command as help shows it" "" "${missing[*]}"

missing=()
while read -r word; do
	[[ $manual =~ [^a-z-]"$word"[^a-z-] ]] || missing+=("$word")
done < <(weirctl -j help | jq -r '(.options, .commands[].words)[].name' | sort -u)
same "the man page has every word" "" "${missing[*]}"

check "the man page is well-formed" mandoc -T lint -W warning "$man"

missing=()
while read -r object command; do
	[ "$command" != null ] || command=
	# shellcheck disable=SC2086
	want=$(weirctl -j help "$object" $command | jq -r '.words[].name' | sort)
	# shellcheck disable=SC2086
	have=$(weirctl help words "$object" $command x y | sort)
	[ "$want" = "$have" ] || missing+=("$object $command")
done < <(weirctl -j help | jq -r '.commands[] | "\(.object) \(.command)"' | grep -v '^help')
same "completion offers the words of help" "" "${missing[*]}"

wide=$(for object in '' $(weirctl help words | grep '^[a-z]'); do
	# shellcheck disable=SC2086
	weirctl help $object
	[ -z "$object" ] || for command in $(weirctl help words "$object"); do
		weirctl help "$object" "$command"
	done
done 2>/dev/null | awk 'length > 80')
same "help fits the screen" "" "$wide"

# What the shell offers after the words, the last of which is begun.
# shellcheck disable=SC2034
offers()
{
	COMP_WORDS=(weirctl "$@") COMP_CWORD=$# COMPREPLY=()
	_weirctl
	echo "${COMPREPLY[*]}"
}
# shellcheck disable=SC1091
. "$top/ctl/completion/weirctl.bash"
same "completion of an object" "channel client" "$(offers c)"
same "completion of a command" "pause purge" "$(offers channel p)"
same "completion behind an option" "show" "$(offers -j pool sh)"
same "completion of an attribute" "message-max messages" \
	"$(offers channel set x me | tr ' ' '\n' | grep message | sort | xargs)"
same "completion of a value" "block error drop-new drop-old" "$(offers channel add x overflow '')"
same "completion of an option" "--wait" "$(offers send x --w)"

# ---- wrong use ----

help='  (weirctl help)'
add='  (weirctl help channel add)'
refused 2 "object \"chanel\" is unknown; did you mean \"channel\"?$help" weirctl chanel
refused 2 "object \"xyzzy\" is unknown$help" weirctl xyzzy
refused 2 "object \"c\" may be channel or client$help" weirctl c
refused 2 "option \"-x\" is unknown$help" weirctl -x
refused 2 'channel: command "shwo" is unknown; did you mean "show"?  (weirctl help channel)' \
	weirctl channel shwo
refused 2 "channel add: NAME is missing$add" weirctl channel add
refused 2 'channel add jobs: linger "10" has no unit; write 10us, 10ms or 10s' \
	weirctl channel add jobs linger 10
refused 2 'channel add jobs: message-max "5" has no unit; write 5B, 5K or 5M' \
	weirctl channel add jobs message-max 5
refused 2 'channel add jobs: message-max "5ms" is not a size; write 10B, 10K or 10M' \
	weirctl channel add jobs message-max 5ms
refused 2 'channel add jobs: linger "-1s" is not a time; write 10us, 10ms or 10s' \
	weirctl channel add jobs linger -1s
refused 2 'channel add jobs: message-max "99999999999T" is too large' \
	weirctl channel add jobs message-max 99999999999T
refused 2 'channel add jobs: batch "4294967296" is too large' \
	weirctl channel add jobs batch 4294967296
refused 2 'channel add jobs: batch "99999999999999999999" is too large' \
	weirctl channel add jobs batch 99999999999999999999
refused 2 'channel add jobs: memory "64M" is not a range; write 1M..64M' \
	weirctl channel add jobs memory 64M
refused 2 'channel add jobs: memory "64" has no unit; write 64B, 64K or 64M' \
	weirctl channel add jobs memory 1M..64
refused 2 'channel add jobs: backoff "10us" is finer than 1ms' \
	weirctl channel add jobs backoff 10us..1s
refused 2 'channel add jobs: perm "root" is not USER:GROUP:MODE; write root:root:0660' \
	weirctl channel add jobs perm root
refused 2 'channel add jobs: perm "root:root:9" has no octal mode; write 0660' \
	weirctl channel add jobs perm root:root:9
refused 2 'channel add jobs: perm "nosuchuser:root:0660" names a user that does not exist' \
	weirctl channel add jobs perm nosuchuser:root:0660
refused 2 "channel add jobs: attribute \"lingre\" is unknown; did you mean \"linger\"?$add" \
	weirctl channel add jobs lingre 10ms
refused 2 "channel add jobs: overflow \"blok\" is unknown; did you mean \"block\"?$add" \
	weirctl channel add jobs overflow blok
refused 2 "channel add jobs: overflow needs a value: block, error, drop-new or drop-old$add" \
	weirctl channel add jobs overflow
refused 2 'channel add jobs: sender-max "30" has no unit; write 30%' \
	weirctl channel add jobs sender-max 30
refused 2 'channel add jobs: sender-max "12.5%" is finer than 1%' \
	weirctl channel add jobs sender-max 12.5%
refused 2 'channel add jobs: pool-high "12.5" has no unit; write 12.5%' \
	weirctl channel add jobs pool-high 12.5
refused 2 'channel add jobs: pool-high "12.55%" is finer than 0.1%' \
	weirctl channel add jobs pool-high 12.55%
refused 2 'channel add jobs: pool-low "half" is not a percentage; write 50% or 12.5%' \
	weirctl channel add jobs pool-low half
refused 2 'channel add jobs: pool-low "12.%" is not a percentage; write 50% or 12.5%' \
	weirctl channel add jobs pool-low 12.%
refused 2 'channel add jobs: pool-grow "429496730%" is too large' \
	weirctl channel add jobs pool-grow 429496730%
refused 2 'channel add jobs: pool-grow "99999999999999999999%" is too large' \
	weirctl channel add jobs pool-grow 99999999999999999999%
refused 2 'channel add jobs: pool-interval "1us" is finer than 1ms' \
	weirctl channel add jobs pool-interval 1us
refused 2 'channel add jobs: batch "automatic" is not a number' \
	weirctl channel add jobs batch automatic
refused 2 'channel add jobs: batch-cost "18446744073709551616" is too large' \
	weirctl channel add jobs batch-cost 18446744073709551616
refused 2 'channel add jobs: batch-bytes "10" has no unit; write 10B, 10K or 10M' \
	weirctl channel add jobs batch-bytes 10
refused 2 'channel add jobs: client-memory "10" has no unit; write 10B, 10K or 10M' \
	weirctl channel add jobs client-memory 10
refused 2 'channel add jobs: spin "20" has no unit; write 20us, 20ms or 20s' \
	weirctl channel add jobs spin 20
refused 2 'channel add jobs: spin "5s" is too large' weirctl channel add jobs spin 5s
refused 2 'channel add jobs: ttl "never" is not a time; write 10us, 10ms or 10s' \
	weirctl channel add jobs ttl never
refused 2 'channel add jobs: prefill "1K" is not SIZE:N; write 1K:500,8K:200' \
	weirctl channel add jobs prefill 1K
refused 2 'channel add jobs: prefill "" is not SIZE:N; write 1K:500,8K:200' \
	weirctl channel add jobs prefill 1K:500,
refused 2 'channel add jobs: prefill "8" has no unit; write 8B, 8K or 8M' \
	weirctl channel add jobs prefill 1K:500,8:200
refused 2 'channel add jobs: prefill "many" is not a number' \
	weirctl channel add jobs prefill 1K:many
refused 2 "channel add jobs: mode \"topic\" is unknown$add" weirctl channel add jobs mode topic
refused 2 "channel add jobs: overflow \"drop\" may be drop-new or drop-old$add" \
	weirctl channel add jobs overflow drop
refused 2 "channel add jobs: profile \"slow\" is unknown$add" \
	weirctl channel add jobs profile slow
refused 2 'channel add jobs: batch is given twice' weirctl channel add jobs batch 1 batch 2
bad='is not valid; take 1 to 31 of a-z A-Z 0-9 . _ -, not beginning with a dot or dash'
refused 2 "channel add .x: name \".x\" $bad" weirctl channel add .x
refused 2 "channel add a/b: name \"a/b\" $bad" weirctl channel add a/b
long=$(printf 'a%.0s' {1..32})
refused 2 "channel add $long: name \"$long\" $bad" weirctl channel add "$long"
refused 2 'channel set jobs: ATTR VALUE is missing  (weirctl help channel set)' \
	weirctl channel set jobs
refused 2 'channel del jobs: word "fore" is unknown; did you mean "force"?  (weirctl help channel del)' \
	weirctl channel del jobs fore
refused 2 'pool show a: "b" is one word too many  (weirctl help pool show)' \
	weirctl pool show a b
refused 2 'client kick: PID "abc" is not a number' weirctl client kick abc
refused 2 'message peek jobs: ID "x" is not a number' weirctl message peek jobs x
refused 2 'message show jobs: older "10" has no unit; write 10us, 10ms or 10s' \
	weirctl message show jobs older 10
refused 2 'stats show: --watch "1" has no unit; write 1us, 1ms or 1s' \
	weirctl stats show --watch 1
refused 2 'send jobs: option "--wiat" is unknown; did you mean "--wait"?  (weirctl help send)' \
	weirctl send jobs --wiat
refused 2 'send jobs: --file needs a value: FILE  (weirctl help send)' weirctl send jobs --file
refused 2 'send jobs: -0 is about standard input, which is not read  (weirctl help send)' \
	weirctl send jobs -0 x
refused 2 'send jobs: the value of --priority is missing  (weirctl help send)' \
	weirctl send jobs x --priority
refused 2 'send jobs: --priority "urgent" is not a number' weirctl send jobs --priority urgent x
refused 2 'send jobs: --priority "256" is too large' weirctl send jobs --priority 256 x
refused 2 'send jobs: --key "cats" is not a number' weirctl send jobs --key cats x
refused 2 'send jobs: --type "65536" is too large' weirctl send jobs --type 65536 x
refused 2 'send jobs: --cost "4294967296" is too large' weirctl send jobs --cost 4294967296 x
refused 2 'send jobs: --delay "5" has no unit; write 5us, 5ms or 5s' weirctl send jobs --delay 5 x
refused 2 'send jobs: --delay "5us" is finer than 1ms' weirctl send jobs --delay 5us x
refused 2 'send jobs: --delay "25h" is too large; 1d is the most' weirctl send jobs --delay 25h x
refused 2 'send jobs: --ttl "5" has no unit; write 5us, 5ms or 5s' weirctl send jobs --ttl 5 x
refused 2 'recv jobs: -n "0" would receive nothing; take 1 or more' weirctl recv jobs -n 0
refused 2 'work jobs: CMD is missing  (weirctl help work)' weirctl work jobs -j 4
refused 2 'work jobs: ./nosuch: No such file or directory' weirctl work jobs -- ./nosuch
refused 2 'work jobs: --jobs "0" is out of range 1..1024' weirctl work jobs --jobs 0 -- cat

# ---- JSON, batch, the rest ----

run weirctl -j channel add jobs linger 10
same "wrong use in JSON" 2 "$status"
same "its attribute" linger "$(jq -r .attribute <<<"$out")"
same "its errno" null "$(jq -r .errno <<<"$out")"
like "its text" 'channel add jobs: linger "10" has no unit*' "$(jq -r .error <<<"$out")"

expect_exit "version" 0 weirctl -V
like "its text" "weirctl [0-9]*" "$out"
expect_exit "-h is help" 0 weirctl -h
same "and the same" "$(weirctl help)" "$out"
check "words may be cut short" weirctl he ch a

cat >"$dir/batch" <<'END'
# comment
help words   channel 'set' x overflow	# another

channel add "a b"
help words pool
END
refused_text="$dir/batch:4: channel add a b: name \"a b\" $bad"
run weirctl -batch "$dir/batch"
same "a batch ends with the first error" "2:weirctl: $refused_text" "$status:$err"
same "what stood before it ran" "block error drop-new drop-old" "$(xargs <<<"$out")"
refused 1 "$dir/none: No such file or directory" weirctl -batch "$dir/none"
echo "help words 'x" >"$dir/batch"
refused 2 "$dir/batch:1: a quote is not closed" weirctl -batch "$dir/batch"

expect_exit "a full disk is noticed" 1 bash -c 'weirctl help >/dev/full'

# ---- no module ----

if [ ! -e /sys/module/weir ]; then
	none="the weir module is not loaded: sudo insmod weir.ko"
	for command in "" "channel show" "client show" "pool show" "stats show" monitor \
		"message show jobs" "channel add jobs" "send jobs x" "recv jobs" \
		"channel drain jobs" "work jobs cat"; do
		# shellcheck disable=SC2086
		refused 4 "$none" weirctl $command
	done
	run weirctl -j channel show
	same "no module in JSON" "4:$none" "$status:$(jq -r .error <<<"$out")"
fi
finish
