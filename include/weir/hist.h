/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The shape of a histogram, once for all: engine, BPF and tools. Log-linear:
 * values below 2^(WEIR_HIST_BITS + 1) have a bucket each, above that each power
 * of two has 2^WEIR_HIST_BITS buckets, so that a percentile read from it is off
 * by an eighth at most.
 */
#ifndef _WEIR_HIST_H
#define _WEIR_HIST_H

#define WEIR_HIST_BITS		3
#define WEIR_HIST_TOP		43	/* values from 2^43 ns (2.4 h) share a bucket */
#define WEIR_HIST_BUCKETS	((WEIR_HIST_TOP - WEIR_HIST_BITS + 1) << WEIR_HIST_BITS)

/* Of struct weir_hist's trail. */
#define WEIR_HIST_TRAIL		4	/* buckets that it names */
#define WEIR_HIST_TRAIL_BITS	16	/* of each; the last one is lowest */

#endif /* _WEIR_HIST_H */
