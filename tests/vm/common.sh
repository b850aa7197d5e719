# SPDX-License-Identifier: GPL-2.0
# Sourced by the scripts beside it: where things are, and who may run them.
# shellcheck shell=bash

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/weir

# Inside the root folder and the VM both trees are always seen here, so that
# debug information and dependency files agree whoever built them.
# shellcheck disable=SC2034
{
	in_top=/weir
	in_cache=/cache
}

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# Mount namespaces, chroot and virtiofsd need root.
need_root()
{
	[ "$(id -u)" = 0 ] && return
	command -v sudo >/dev/null || die "needs root (or sudo)"
	exec sudo env "HOME=$HOME" "XDG_CACHE_HOME=${cache%/weir}" "$0" "$@"
}

# One builder at a time for a thing in the cache; the others wait, then find it.
# The lock goes with the process. Held on a descriptor that children inherit.
lock_cache()
{
	mkdir -p "$cache"
	exec 9>"$cache/$1.lock"
	flock 9
}

hash_of()
{
	cat "$@" | sha256sum | cut -c1-12
}
