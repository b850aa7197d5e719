/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_FEED_H
#define BENCH_FEED_H

#define EVENT_WORDS	8	/* 64 bytes */

struct event {
	__u64 word[EVENT_WORDS];
};

/* What a program is asked for, and what it took. */
struct order {
	__u32 nr;	/* events, one after the other */
	__u32 done;	/* out */
	__u64 ns;	/* out: all of them together */
};

#endif
