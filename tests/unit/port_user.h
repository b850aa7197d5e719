/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's names that kmod/core/port.h promises, in user space. Lists,
 * trees and bit operations are the kernel's own, from tools/include of its
 * source; what is below is what these lack or do less strictly:
 *
 * - a spinlock is a pthread mutex that knows its owner: taking it twice or
 *   needing one that is not held is the end of the test;
 * - accesses that the kernel marks as racing are atomic here, so that
 *   ThreadSanitizer reports all others.
 */
#ifndef _WEIR_PORT_USER_H
#define _WEIR_PORT_USER_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bitops.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/rbtree.h>
#include <linux/types.h>

#define U8_MAX		((u8)~0U)
#define U16_MAX		((u16)~0U)
#define U32_MAX		((u32)~0U)
#define U64_MAX		((u64)~0ULL)

/* ---- arithmetic ---- */

#undef min
#undef max
#undef min_t
#undef max_t
#undef min3
#undef clamp_t

/* As there, sizes may differ and signs may not: -Wsign-compare sees to it. */
#define min(x, y) ({							\
	__auto_type _min_x = (x);					\
	__auto_type _min_y = (y);					\
	_min_x < _min_y ? _min_x : _min_y; })
#define max(x, y) ({							\
	__auto_type _max_x = (x);					\
	__auto_type _max_y = (y);					\
	_max_x > _max_y ? _max_x : _max_y; })
#define min_t(type, x, y)	min((type)(x), (type)(y))
#define max_t(type, x, y)	max((type)(x), (type)(y))
#define min3(x, y, z) ({						\
	__auto_type _min3_xy = min(x, y);				\
	min(_min3_xy, z); })
#undef clamp
#define clamp(v, lo, hi)	min(max(v, lo), hi)
#define clamp_t(type, v, lo, hi)	min_t(type, max_t(type, v, lo), hi)

/* The tools have it for a long alone, which is as wide here. */
static inline unsigned int __ffs64(u64 word)
{
	return __builtin_ctzll(word);
}

static inline u64 div_u64(u64 n, u32 by)
{
	return n / by;
}

static inline u64 div64_u64(u64 n, u64 by)
{
	return n / by;
}

#define array_index_nospec(index, size) ({				\
	__auto_type _nospec_i = (index);				\
	_nospec_i < (size) ? _nospec_i : 0; })

/* ---- memory order ---- */

#undef READ_ONCE
#undef WRITE_ONCE
#undef smp_mb
#undef smp_load_acquire
#undef smp_store_release

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
/* As the kernel defines it. */
#define smp_load_acquire(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
/* As the kernel defines it. */
#define smp_store_release(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)
/* As the kernel defines it. */
#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
/* As the kernel defines it. */
#define smp_rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
/* As the kernel defines it. */
#define smp_wmb()		__atomic_thread_fence(__ATOMIC_RELEASE)

/* ---- locks ---- */

struct port_user_lock {
	pthread_mutex_t mutex;
	const void *owner;
};

#define spinlock_t	struct port_user_lock

/* What identifies this thread: an address that is its own. */
static inline const void *port_user_self(void)
{
	return &errno;
}

static inline bool port_user_holds(spinlock_t *lock)
{
	return READ_ONCE(lock->owner) == port_user_self();
}

static inline void port_user_check(bool ok, const char *what,
				   const char *file, int line)
{
	if (ok)
		return;
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

static inline void spin_lock_init(spinlock_t *lock)
{
	pthread_mutex_init(&lock->mutex, NULL);
	lock->owner = NULL;
}

#define spin_lock(lock) do {						\
	port_user_check(!port_user_holds(lock), "lock taken twice",	\
			__FILE__, __LINE__);				\
	pthread_mutex_lock(&(lock)->mutex);				\
	WRITE_ONCE((lock)->owner, port_user_self());			\
} while (0)

#define spin_unlock(lock) do {						\
	port_user_check(port_user_holds(lock), "lock is not held",	\
			__FILE__, __LINE__);				\
	WRITE_ONCE((lock)->owner, NULL);				\
	pthread_mutex_unlock(&(lock)->mutex);				\
} while (0)

#define spin_lock_bh(lock)	spin_lock(lock)
#define spin_unlock_bh(lock)	spin_unlock(lock)

#define lockdep_assert_held(lock)					\
	port_user_check(port_user_holds(lock), "lock is not held",	\
			__FILE__, __LINE__)

/* ---- memory ---- */

/* Allocations that succeed before all others fail; < 0 for no limit. */
extern int port_user_allocs;

static inline char *weir_port_strndup(const char *s, size_t len)
{
	char *copy;

	if (!port_user_allocs)
		return NULL;
	if (port_user_allocs > 0)
		port_user_allocs--;
	copy = malloc(len + 1);
	if (!copy)
		return NULL;
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

/* What measured calls take is up to the test. */
extern u64 port_user_clock;

static inline u64 weir_port_clock(void)
{
	return READ_ONCE(port_user_clock);
}

static inline void weir_port_strfree(char *s)
{
	free(s);
}

#endif /* _WEIR_PORT_USER_H */
