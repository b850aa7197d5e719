// SPDX-License-Identifier: GPL-2.0-only
#include "hist.h"

/**
 * weir_hist_low - the least value that a bucket counts
 * @index: 0..WEIR_HIST_BUCKETS-1
 *
 * Return: nanoseconds.
 */
u64 weir_hist_low(u32 index)
{
	u32 top;

	if (index < (1U << (WEIR_HIST_BITS + 1)))
		return index;
	top = (index >> WEIR_HIST_BITS) + WEIR_HIST_BITS - 1;
	index = (index & ((1U << WEIR_HIST_BITS) - 1)) | 1U << WEIR_HIST_BITS;
	return (u64)index << (top - WEIR_HIST_BITS);
}
