/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The same calls by another way: WEIR_VIA=uring has raw_enter() submit by
 * IORING_OP_URING_CMD and wait by IORING_OP_POLL_ADD.
 */
#ifndef VIA_H
#define VIA_H

#include "raw.h"

struct io_uring_sqe;

bool via_uring(void);
int via_enter(struct raw *r, uint32_t flags, uint32_t submit, uint32_t min,
	      uint64_t timeout_ns);
void via_prep_submit(struct io_uring_sqe *sqe, int fd, uint32_t to_submit);

#endif /* VIA_H */
