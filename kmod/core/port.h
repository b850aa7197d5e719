/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that the engine needs from its surroundings. In the kernel these are the
 * kernel's own headers; in user space tests/unit/port_user.h brings the same
 * names (lists and trees from the kernel source's tools/include, a lock on
 * pthreads, C11 fences). The engine includes nothing else.
 *
 * The engine never sleeps, never prints and never allocates, with one
 * exception: weir_port_strndup() for the text of a rejection. It does not know
 * payloads; weir_port_copy() does.
 */
#ifndef _WEIR_CORE_PORT_H
#define _WEIR_CORE_PORT_H

#ifdef __KERNEL__
#include <linux/array_size.h>
#include <linux/bitops.h>
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/hash.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/types.h>

static inline char *weir_port_strndup(const char *s, size_t len)
{
	return kmemdup_nul(s, len, GFP_NOWAIT | __GFP_NOWARN | __GFP_ACCOUNT);
}

static inline void weir_port_strfree(char *s)
{
	kfree(s);
}

/* ns, of the clock that all others are: CLOCK_MONOTONIC. */
static inline u64 weir_port_clock(void)
{
	return ktime_get_ns();
}
#else
#include "port_user.h"
#endif

struct weir_msg;

/**
 * weir_port_copy - copy a message's payload
 * @to: as long as @from
 * @from: may be changing; what is read is read once
 */
void weir_port_copy(struct weir_msg *to, const struct weir_msg *from);

#include <linux/weir.h>
#include <linux/weir_netlink.h>

#endif /* _WEIR_CORE_PORT_H */
