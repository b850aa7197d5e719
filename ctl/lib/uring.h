/* SPDX-License-Identifier: LGPL-2.1 OR MIT */
/* Submission and waiting through io_uring: see uring.c. */
#ifndef WEIR_LIB_URING_H
#define WEIR_LIB_URING_H

#include "handle.h"

#pragma GCC visibility push(hidden)

/* Sets w->uring, or w->no_uring to the reason why not. Never an error. */
void weir_uring_init(struct weir *w);
void weir_uring_exit(struct weir *w);

/* WEIR_IOC_ENTER with no flags but WAIT or SQ_WAIT; returns what that returns. */
int weir_uring_enter(struct weir *w, uint32_t flags, uint32_t to_submit,
		     uint32_t min_complete, uint64_t timeout_ns);

#pragma GCC visibility pop

#endif /* WEIR_LIB_URING_H */
