/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The unit tests' port, but for what would cost more than in the kernel:
 *
 * - a lock is what the kernel's is when nobody contends: one locked exchange to
 *   take it, one store to drop it. Checks are left to the unit tests;
 * - to find a bit is one instruction; tools/include has loops;
 * - an index is bounded by a comparison and a mask.
 */
#ifndef _WEIR_BENCH_PORT_USER_H
#define _WEIR_BENCH_PORT_USER_H

#define _TOOLS_LINUX_ASM_GENERIC_BITOPS___FFS_H_
#define _ASM_GENERIC_BITOPS___FLS_H_
#define _ASM_GENERIC_BITOPS_FLS_H_
#define _ASM_GENERIC_BITOPS_FLS64_H_

static inline unsigned long __ffs(unsigned long x)
{
	return __builtin_ctzl(x);
}

static inline unsigned long __fls(unsigned long x)
{
	return 63 - __builtin_clzl(x);
}

static inline int fls(unsigned int x)
{
	return x ? 32 - __builtin_clz(x) : 0;
}

static inline int fls64(unsigned long x)
{
	return x ? 64 - __builtin_clzl(x) : 0;
}

#include "../../unit/port_user.h"

#ifdef __x86_64__
#undef array_index_nospec
#define array_index_nospec(index, size) ({				\
	__auto_type _nospec_i = (index);				\
	u64 _nospec_mask;						\
									\
	asm volatile("cmp %1, %2; sbb %0, %0" : "=r" (_nospec_mask) :	\
		     "g" ((u64)(size)), "r" ((u64)_nospec_i) : "cc");	\
	(__typeof__(_nospec_i))(_nospec_i & _nospec_mask); })
#endif

struct bench_lock {
	u32 taken;
};

#undef spinlock_t
#undef spin_lock
#undef spin_unlock
#undef lockdep_assert_held
#define spinlock_t		struct bench_lock
#define spin_lock_init(lock)	((lock)->taken = 0)
#define spin_lock(lock)		bench_lock(lock)
#define spin_unlock(lock)	bench_unlock(lock)
#define lockdep_assert_held(lock)	((void)(lock))

/* There is one thread: a lock that is taken stays so. */
static inline void bench_lock(struct bench_lock *lock)
{
	u32 unlocked = 0;

	if (!__atomic_compare_exchange_n(&lock->taken, &unlocked, 1, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		abort();
}

static inline void bench_unlock(struct bench_lock *lock)
{
	__atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}

#endif /* _WEIR_BENCH_PORT_USER_H */
