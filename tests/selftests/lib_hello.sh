#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The two programs a newcomer starts from, against a real channel.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
channel=hello-$$
worker=
PATH=$top/build/bin:$PATH
export LD_LIBRARY_PATH=$top/build/lib

clean_up()
{
	[ -z "$worker" ] || kill "$worker" 2>/dev/null
	weirctl channel del "$channel" force >/dev/null 2>&1
	rm -rf "$dir"
}
trap clean_up EXIT

skip()
{
	echo "1..0 # SKIP $*"
	exit 4
}

fail()
{
	echo "not ok 1 hello"
	printf '# %s\n' "$@"
	exit 1
}

[ -e /sys/module/weir ] || skip "/sys/module/weir: the module is not loaded"
command -v cc >/dev/null || skip "no cc"

echo "TAP version 13"
echo "1..1"
for hello in hello_producer hello_worker; do
	cc -Wall -Wextra -Werror -I"$top/ctl/lib" -o "$dir/$hello" \
		"$top/tests/examples/$hello.c" -L"$top/build/lib" -lweir ||
		fail "$hello does not compile"
done
error=$("$dir/hello_producer" "$channel" 2>&1) &&
	fail "producer found a channel that does not exist"
[[ $error == "No such file or directory"* ]] || fail "$error"

weirctl channel add "$channel" || fail "no channel"
"$dir/hello_worker" "$channel" >"$dir/out" &
worker=$!
"$dir/hello_producer" "$channel" || fail "producer: exit status $?"

printf 'hello %d\n' {1..10} >"$dir/expected"
end=$((SECONDS + 60))
until cmp -s "$dir/out" "$dir/expected" || [ "$SECONDS" -ge "$end" ]; do
	kill -0 $worker || fail "worker ended"
	sleep 0.01
done
diff "$dir/expected" "$dir/out" >"$dir/diff" || fail "$(cat "$dir/diff")"

# The last ack goes out with the recv that sleeps: then nothing is held.
end=$((SECONDS + 60))
until [ "$(weirctl -j channel show "$channel" | jq '.[0].inflight_now')" = 0 ] ||
	[ "$SECONDS" -ge "$end" ]; do
	sleep 0.1
done
kill $worker
wait $worker
worker=
weirctl channel del "$channel" || fail "the channel holds messages"
echo "ok 1 hello"
