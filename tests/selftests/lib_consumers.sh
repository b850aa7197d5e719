#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The library as a package: installed into a folder, found by pkg-config, used
# from C and C++, shared and static; what it exports is what its header says.
# shellcheck disable=SC2317 # functions are called by check
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
nr=0 failed=0

skip()
{
	echo "1..0 # SKIP $*"
	exit 4
}

for tool in cc c++ make pkg-config nm; do
	command -v "$tool" >/dev/null || skip "no $tool"
done

check() # NAME COMMAND...
{
	local name=$1 word=ok
	shift
	nr=$((nr + 1))
	"$@" >"$dir/log" 2>&1 || { word="not ok" failed=1; }
	echo "$word $nr $name"
	[ "$word" = ok ] || sed 's/^/# /' "$dir/log"
}

install_it()
{
	make -s -C "$top/ctl/lib" install DESTDIR="$dir/root" PREFIX=/opt/weir
}

lib=$dir/root/opt/weir/lib
pc() # PKG-CONFIG-ARGUMENTS
{
	PKG_CONFIG_PATH=$lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dir/root \
		pkg-config "$@" libweir
}

cat >"$dir/use.c" <<'END'
#include <stdio.h>
#include <weir.h>

int main(void)
{
	struct weir_opts opts = { .size = sizeof(opts), .flags = WEIR_OPEN_SEND };
	struct weir *w;

	if (weir_open(&w, "lib-no-such-channel", &opts) >= 0 || w)
		return 1;
	weir_close(w);
	puts(weir_error(w));
	return 0;
}
END

# All that the header declares, called by nobody, but linked.
cat >"$dir/all.cpp" <<'END'
#include <weir.h>
#include <linux/weir_netlink.h>
#include <linux/weir.h>

void *all[] = {
	(void *)weir_open, (void *)weir_open_fd, (void *)weir_close,
	(void *)weir_fd, (void *)weir_error, (void *)weir_send,
	(void *)weir_loan, (void *)weir_put, (void *)weir_abort,
	(void *)weir_submit, (void *)weir_flush, (void *)weir_settle,
	(void *)weir_recv, (void *)weir_recvmany, (void *)weir_ack,
	(void *)weir_fail, (void *)weir_release, (void *)weir_reject,
	(void *)weir_extend,
	(void *)weir_drain, (void *)weir_channel_add,
	(void *)weir_channel_del,
};

int main()
{
	struct weir_msg msg = {};
	struct weir_meta meta = {};
	struct weir_channel_opts opts = {};

	meta.defer_ms = opts.priorities = opts.sender_max = opts.ttl_ns = 0;
	for (void *f : all)
		if (!f)
			return 1;
	return msg.attempts + meta.prio + meta.defer_ms;
}
END

build() # COMPILER SOURCE PROGRAM
{
	local flags
	read -ra flags <<<"$(pc --cflags --libs)"
	"$1" -Wall -Wextra -Werror -O1 -o "$dir/$3" "$2" "${flags[@]}"
}

shared()
{
	build "$@" && LD_LIBRARY_PATH=$lib "$dir/$3"
}

static()
{
	local flags
	read -ra flags <<<"$(pc --static --cflags --libs)"
	cc -Wall -Wextra -Werror -O1 -o "$dir/static" "$dir/use.c" \
		"${flags[@]/#-lweir/-l:libweir.a}" && "$dir/static"
}

cpp()
{
	local flags
	read -ra flags <<<"$(pc --cflags --libs)"
	c++ -Wall -Wextra -Werror -O1 -I"$top/include/uapi" \
		-o "$dir/all" "$dir/all.cpp" "${flags[@]}" &&
	LD_LIBRARY_PATH=$lib "$dir/all"
}

headers_get_along() # HEADER...
{
	local lang
	for lang in c c++; do
		printf '#include <%s>\n' "$@" |
			cc -x "$lang" -Wall -Wextra -Werror -fsyntax-only \
			-I"$top/include/uapi" -I"$dir/root/opt/weir/include" - ||
			return
	done
}

exports()
{
	nm -D --defined-only "$lib/libweir.so" |
		awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' | sort >"$dir/so"
	awk -F'[ \t;]+' '/^\tweir_/ { print $2 }' \
		"$top/ctl/lib/libweir.map" | sort >"$dir/map"
	cc -aux-info "$dir/aux" -fsyntax-only -x c \
		"$dir/root/opt/weir/include/weir.h" &&
	grep -o 'weir_[a-z_]* (' "$dir/aux" | tr -d ' (' | sort >"$dir/header" &&
	diff "$dir/so" "$dir/map" && diff "$dir/so" "$dir/header" &&
	[ -s "$dir/so" ]
}

static_exports()
{
	nm --extern-only --defined-only "$lib/libweir.a" |
		awk '$2 ~ /[A-Z]/ { print $3 }' | sort >"$dir/a"
	diff "$dir/map" "$dir/a"
}

soname()
{
	readelf -d "$lib/libweir.so" | grep 'SONAME.*\[libweir.so.0\]' &&
	[ -e "$lib/libweir.so.0" ]
}

short() # PROGRAM: one screen, as the readme promises
{
	[ "$(wc -l <"$top/tests/examples/$1.c")" -le 25 ]
}

echo "TAP version 13"
echo "1..14"
check "installs" install_it
check "has its soname" soname
check "used from C" shared cc "$dir/use.c" use
check "used from C, static" static
check "used from C++" cpp
check "exports what header and map say" exports
check "static library exports the same" static_exports
check "headers in one order" headers_get_along weir.h linux/weir.h linux/weir_netlink.h
check "headers in the other" headers_get_along linux/weir_netlink.h linux/weir.h weir.h
check "the version is known" pc --modversion
for hello in hello_producer hello_worker; do
	check "$hello compiles" build cc "$top/tests/examples/$hello.c" $hello
	check "$hello is short" short $hello
done
exit $failed
