// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

#define TOP	(1ULL << WEIR_HIST_TOP)

static void check_value(u64 v)
{
	u32 i = weir_hist_index(v);
	u64 low, next;

	CHECK_LT(i, WEIR_HIST_BUCKETS);
	low = weir_hist_low(i);
	if (low > v)
		unit_fail(__FILE__, __LINE__, "%llu counts as %llu",
			  (unsigned long long)v, (unsigned long long)low);
	if (v >= TOP) {
		CHECK_EQ(i, WEIR_HIST_BUCKETS - 1);
		return;
	}
	if (i == WEIR_HIST_BUCKETS - 1)
		return;
	next = weir_hist_low(i + 1);
	if (v >= next)
		unit_fail(__FILE__, __LINE__, "%llu belongs above %llu",
			  (unsigned long long)v, (unsigned long long)next);
	CHECK_LE(next - low, low / 8 > 1 ? low / 8 : 1);
}

TEST(value_lies_in_its_bucket_and_buckets_are_narrow)
{
	u64 v, top;
	u32 i;

	for (v = 0; v < 100000; v++)
		check_value(v);
	for (i = 0; i < 64; i++) {
		top = 1ULL << i;
		for (v = top - 3 < top ? top - 3 : 0; v < top + 3; v++)
			check_value(v);
		check_value(top + top / 2);
		check_value(top + top / 3);
	}
	check_value(U64_MAX);
}

TEST(every_bucket_is_the_index_of_its_least_value)
{
	u32 i;

	for (i = 0; i < WEIR_HIST_BUCKETS; i++)
		CHECK_EQ(weir_hist_index(weir_hist_low(i)), i);
	for (i = 1; i < WEIR_HIST_BUCKETS; i++)
		CHECK_LT(weir_hist_low(i - 1), weir_hist_low(i));
}

TEST(count_sum_and_maximum_are_exact)
{
	struct weir_hist h = { 0 };
	u64 all = 0;
	u32 i;

	weir_hist_add(&h, 7);
	weir_hist_add(&h, 100000);
	weir_hist_add(&h, 3);
	CHECK_EQ(h.count, 3);
	CHECK_EQ(h.sum, 100010);
	CHECK_EQ(h.max, 100000);
	for (i = 0; i < WEIR_HIST_BUCKETS; i++)
		all += h.bucket[i];
	CHECK_EQ(all, 3);
}

/* What bpf/observe.bpf.c does, with the same rule for when the trail is enough. */
static bool follow(struct weir_hist *copy, const struct weir_hist *h)
{
	bool enough = h->steps - copy->steps <= WEIR_HIST_TRAIL - 2;
	u32 i, index;

	for (i = 0; enough && i < WEIR_HIST_TRAIL; i++) {
		index = h->trail >> i * WEIR_HIST_TRAIL_BITS &
			((1U << WEIR_HIST_TRAIL_BITS) - 1);
		copy->bucket[index] = h->bucket[index];
	}
	if (!enough)
		memcpy(copy->bucket, h->bucket, sizeof(h->bucket));
	copy->steps = h->steps;
	return enough;
}

TEST(the_trail_names_every_bucket_that_has_changed)
{
	struct weir_hist h = { 0 }, copy = { 0 };
	u32 i, short_ways = 0;
	u64 v = 0, chance = 88172645463325252ULL;

	for (i = 0; i < 20000; i++) {
		chance ^= chance << 13;
		chance ^= chance >> 7;
		chance ^= chance << 17;
		if (chance % 3 == 0)
			v = chance >> (chance % 61);
		weir_hist_add(&h, v);
		if (chance % 4)
			continue;
		short_ways += follow(&copy, &h);
		CHECK(!memcmp(copy.bucket, h.bucket, sizeof(h.bucket)));
	}
	CHECK_LT(1000, short_ways);
	CHECK_LT(short_ways, i);
}
