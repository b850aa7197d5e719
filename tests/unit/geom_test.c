// SPDX-License-Identifier: GPL-2.0-only
/* Pool arithmetic and the map of the window. */
#include "world.h"

TEST(classes_are_those_of_the_design)
{
	static const u32 size[] = {
		256, 1024, 8192, 65536, 1 << 20, 4 << 20, 16 << 20,
	};
	static const u32 block[] = {
		65536, 65536, 65536, 65536, 1 << 20, 16 << 20, 16 << 20,
	};
	u32 i;

	CHECK_EQ(ARRAY_SIZE(size), WEIR_NR_CLASSES);
	for (i = 0; i < WEIR_NR_CLASSES; i++) {
		CHECK_EQ(weir_class_size(i), size[i]);
		CHECK_EQ(weir_block_size(i), block[i]);
		CHECK_EQ(weir_zone_bytes(weir_zone_of_class(i)), block[i]);
		CHECK_EQ(weir_block_bufs(i) * size[i], weir_block_size(i));
		CHECK_EQ(size[i] % WEIR_BUF_UNIT, 0);
	}
}

TEST(smallest_class_that_fits_is_taken)
{
	u32 i, len;

	CHECK_EQ(weir_class_for(1), 0);
	CHECK_EQ(weir_class_for(WEIR_MESSAGE_MAX), WEIR_NR_CLASSES - 1);
	for (i = 0; i < WEIR_NR_CLASSES; i++) {
		CHECK_EQ(weir_class_for(weir_class_size(i)), i);
		if (i + 1 < WEIR_NR_CLASSES)
			CHECK_EQ(weir_class_for(weir_class_size(i) + 1), i + 1);
	}
	for (len = 1; len <= WEIR_MESSAGE_MAX; len += 997)
		CHECK_LE(len, weir_class_size(weir_class_for(len)));
}

TEST(slots_fill_the_zones_without_overlap)
{
	u32 zone;

	for (zone = 0; zone < WEIR_ZONES; zone++) {
		u32 last = weir_zone_slots(zone) - 1;

		CHECK_EQ(weir_slot_addr(zone, 0), zone * WEIR_ZONE_SIZE);
		CHECK_EQ(weir_slot_addr(zone, last) +
			 (1ULL << weir_zone_shift(zone)),
			 (zone + 1) * WEIR_ZONE_SIZE);
		CHECK_LT(last >> WEIR_LEAF_SHIFT, WEIR_LEAVES);
	}
	CHECK_EQ(WEIR_WINDOW_SIZE / WEIR_BUF_UNIT >> 32, 0);
}

static struct weir_map map;

static struct weir_block *put(u32 zone, u32 slot)
{
	struct weir_block ***leaf = &map.leaf[zone][slot >> WEIR_LEAF_SHIFT];
	struct weir_block *b = calloc(1, sizeof(*b));

	if (!*leaf)
		*leaf = calloc(WEIR_LEAF_SIZE, sizeof(**leaf));
	CHECK(b && *leaf);
	b->addr = weir_slot_addr(zone, slot);
	(*leaf)[slot & (WEIR_LEAF_SIZE - 1)] = b;
	return b;
}

TEST(map_finds_a_block_by_any_of_its_bytes)
{
	static const u32 slots[] = { 0, 1, 511, 512, 1000, 1023 };
	u32 zone, i, k;

	for (zone = 0; zone < WEIR_ZONES; zone++)
		for (i = 0; i < ARRAY_SIZE(slots); i++) {
			struct weir_block *b = put(zone, slots[i]);
			u64 size = 1ULL << weir_zone_shift(zone);

			CHECK(weir_map_find(&map, b->addr) == b);
			CHECK(weir_map_find(&map, b->addr + size / 2) == b);
			CHECK(weir_map_find(&map, b->addr + size - 1) == b);
			map.leaf[zone][slots[i] >> WEIR_LEAF_SHIFT]
				[slots[i] & (WEIR_LEAF_SIZE - 1)] = NULL;
			CHECK(!weir_map_find(&map, b->addr));
			free(b);
		}
	for (zone = 0; zone < WEIR_ZONES; zone++)
		for (k = 0; k < WEIR_LEAVES; k++)
			free(map.leaf[zone][k]);
}

TEST(map_finds_nothing_where_nothing_is)
{
	memset(&map, 0, sizeof(map));
	CHECK(!weir_map_find(&map, 0));
	CHECK(!weir_map_find(&map, WEIR_ZONE_SIZE - 1));
	CHECK(!weir_map_find(&map, WEIR_ZONE_SIZE));
	CHECK(!weir_map_find(&map, WEIR_WINDOW_SIZE - 1));
	CHECK(!weir_map_find(&map, WEIR_WINDOW_SIZE));
	CHECK(!weir_map_find(&map, U64_MAX));
}

TEST(buffer_address_and_message_agree)
{
	struct client *c;
	struct world w;
	u32 cls, i;

	world_init(&w, NULL);
	c = client_new(&w, WEIR_ROLE_SEND, 8, 8, 1);
	for (cls = 0; cls < WEIR_NR_CLASSES; cls++) {
		struct weir_block *b = client_grant(c, cls);

		CHECK_EQ(b->nr, weir_block_bufs(cls));
		for (i = 0; i < b->nr; i++) {
			u64 addr = weir_msg_buf(&b->msgs[i]);

			CHECK_EQ(weir_msg_index(&b->msgs[i]), i);
			CHECK(weir_map_find(&w.map, addr) == b);
			CHECK_EQ(addr, b->addr + i * weir_class_size(cls));
			CHECK_EQ(addr % WEIR_BUF_UNIT, 0);
		}
	}
	world_exit(&w);
}
