/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels that are supported, and nothing else: the
 * only file with version tests.
 */
#ifndef _WEIR_COMPAT_H
#define _WEIR_COMPAT_H

#include <linux/btf.h>
#include <linux/hrtimer.h>
#include <linux/io_uring/cmd.h>
#include <linux/version.h>
#include <net/sock.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
static inline kuid_t sk_uid(const struct sock *sk)
{
	return sk->sk_uid;
}
#endif

/* The third argument was for rings with large completions. */
static inline void weir_uring_cmd_done(struct io_uring_cmd *cmd, int ret,
				       unsigned int issue_flags)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
	io_uring_cmd_done(cmd, ret, 0, issue_flags);
#else
	io_uring_cmd_done(cmd, ret, issue_flags);
#endif
}

/* Later kernels take trusted arguments for granted. */
#ifndef KF_TRUSTED_ARGS
#define KF_TRUSTED_ARGS	0
#endif

#endif /* _WEIR_COMPAT_H */
