// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

static struct weir_tag mem[WEIR_INFLIGHT_MAX];
static struct weir_msg msgs[4];

TEST(token_names_its_message)
{
	struct weir_tags t;
	u32 a, b;

	weir_tags_init(&t, mem, 4);
	a = weir_tag_take(&t, &msgs[0], 7);
	b = weir_tag_take(&t, &msgs[1], 8);
	CHECK(a && b && a != b);
	CHECK(weir_tag_find(&t, a)->msg == &msgs[0]);
	CHECK_EQ(weir_tag_find(&t, a)->pos, 7);
	CHECK(weir_tag_find(&t, b)->msg == &msgs[1]);
	CHECK_EQ(t.used, 2);
}

TEST(token_is_stale_after_the_drop)
{
	struct weir_tags t;
	u32 a, b;

	weir_tags_init(&t, mem, 1);
	a = weir_tag_take(&t, &msgs[0], 0);
	weir_tag_drop(&t, weir_tag_find(&t, a));
	CHECK(!weir_tag_find(&t, a));
	b = weir_tag_take(&t, &msgs[0], 0);
	CHECK(a != b);
	CHECK(!weir_tag_find(&t, a));
	CHECK(weir_tag_find(&t, b)->msg == &msgs[0]);
}

TEST(wild_tokens_name_nothing)
{
	struct weir_tags t;
	u32 a, i;

	weir_tags_init(&t, mem, 3);
	CHECK(!weir_tag_find(&t, 0));
	a = weir_tag_take(&t, &msgs[0], 0);
	CHECK(!weir_tag_find(&t, 0));
	CHECK(!weir_tag_find(&t, U32_MAX));
	for (i = 0; i < 32; i++)
		CHECK(!weir_tag_find(&t, a ^ 1U << i));
}

TEST(all_tags_can_be_taken_and_come_back)
{
	static u32 token[WEIR_INFLIGHT_MAX];
	struct weir_tags t;
	u32 i, round;

	weir_tags_init(&t, mem, WEIR_INFLIGHT_MAX);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < WEIR_INFLIGHT_MAX; i++) {
			token[i] = weir_tag_take(&t, &msgs[i & 3], i);
			CHECK(token[i]);
		}
		CHECK_EQ(t.used, WEIR_INFLIGHT_MAX);
		CHECK_EQ(t.free, WEIR_INFLIGHT_MAX);
		for (i = 0; i < WEIR_INFLIGHT_MAX; i++) {
			CHECK_EQ(weir_tag_find(&t, token[i])->pos, i);
			weir_tag_drop(&t, weir_tag_find(&t, token[i]));
		}
		CHECK_EQ(t.used, 0);
	}
}

TEST(generation_wraps_without_a_token_of_0)
{
	u32 i, token, last = 0, n = (U32_MAX >> WEIR_TAG_BITS) + 5;
	struct weir_tags t;

	weir_tags_init(&t, mem, 1);
	for (i = 0; i < n; i++) {
		token = weir_tag_take(&t, &msgs[0], 0);
		CHECK(token && token != last);
		CHECK(weir_tag_find(&t, token));
		weir_tag_drop(&t, weir_tag_find(&t, token));
		last = token;
	}
}
