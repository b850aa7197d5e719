/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_SPIN_H
#define _WEIR_SPIN_H

#include <linux/ktime.h>
#include <linux/types.h>

/**
 * struct weir_spin - how long it is worth spinning; one per kind of wait
 * @budget: ns, 0 for not at all.
 * @skipped: waits that did not spin since the last that did.
 *
 * Both are hints: written without a lock by whoever waits.
 */
struct weir_spin {
	u32 budget;
	u32 skipped;
};

bool weir_spin(struct weir_spin *s, u32 max, const ktime_t *until,
	       bool (*done)(void *arg), void *arg);

#endif /* _WEIR_SPIN_H */
