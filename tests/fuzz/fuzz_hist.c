// SPDX-License-Identifier: GPL-2.0-only
/* Every value falls into the bucket that says so, and none is lost. */
#include <stdlib.h>

#include "fuzz.h"
#include "hist.h"
#include "test.h"

static void check_bucket(u64 v)
{
	u32 i = weir_hist_index(v);

	CHECK_LT(i, WEIR_HIST_BUCKETS);
	CHECK(weir_hist_low(i) <= v);
	if (i + 1 == WEIR_HIST_BUCKETS)
		return;
	CHECK(v < weir_hist_low(i + 1));
	/* An eighth of the value is the most that a bucket is wide. */
	CHECK(weir_hist_low(i + 1) - weir_hist_low(i) <= 1 + weir_hist_low(i) / 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_hist *h = calloc(1, sizeof(*h));
	struct food f = { data, size };
	u64 v, sum = 0, max = 0, n = 0, i, all = 0;

	while (f.left) {
		/* Small ones are rare where all bits are random. */
		v = eat_u64(&f) >> (eat_u8(&f) & 63);
		check_bucket(v);
		weir_hist_add(h, v);
		sum += v;
		max = v > max ? v : max;
		n++;
	}
	for (i = 0; i < WEIR_HIST_BUCKETS; i++)
		all += h->bucket[i];
	CHECK(all == n && h->count == n && h->sum == sum && h->max == max);
	free(h);
	return 0;
}
