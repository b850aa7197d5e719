// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

#define NR	64

struct fixture {
	struct weir_lane lane;
	struct weir_msg msg[NR];
};

static void fixture_init(struct fixture *f)
{
	u32 i;

	memset(f, 0, sizeof(*f));
	weir_lane_init(&f->lane);
	for (i = 0; i < NR; i++)
		f->msg[i].seq = i + 1;
}

static u64 take_first(struct fixture *f)
{
	struct weir_msg *m = weir_lane_first(&f->lane);

	if (!m)
		return 0;
	weir_lane_remove(&f->lane, m);
	return m->seq;
}

TEST(new_messages_leave_first_in_first_out)
{
	struct fixture f;
	u32 i;

	fixture_init(&f);
	CHECK(!weir_lane_first(&f.lane));
	for (i = 0; i < 5; i++)
		weir_lane_append(&f.lane, &f.msg[i]);
	CHECK_EQ(weir_lane_ready(&f.lane), 5);
	CHECK_EQ(f.msg[0].state, WEIR_MSG_READY);
	for (i = 0; i < 5; i++)
		CHECK_EQ(take_first(&f), i + 1);
	CHECK_EQ(weir_lane_ready(&f.lane), 0);
	CHECK(!weir_lane_first(&f.lane));
}

TEST(redelivered_return_by_sequence_before_new_ones)
{
	static const u32 order[] = { 4, 1, 3, 0, 2 };
	struct fixture f;
	u32 i;

	fixture_init(&f);
	weir_lane_append(&f.lane, &f.msg[5]);
	for (i = 0; i < 5; i++)
		weir_lane_redo(&f.lane, &f.msg[order[i]]);
	weir_lane_append(&f.lane, &f.msg[6]);
	for (i = 0; i < 7; i++)
		CHECK_EQ(take_first(&f), i + 1);
}

TEST(suspects_are_apart_and_by_sequence)
{
	static const u32 order[] = { 4, 1, 3 };
	struct weir_msg *m;
	struct fixture f;
	u32 i;

	fixture_init(&f);
	weir_lane_redo(&f.lane, &f.msg[0]);
	for (i = 0; i < 3; i++) {
		f.msg[order[i]].flags = WEIR_MSG_SUSPECT;
		weir_lane_redo(&f.lane, &f.msg[order[i]]);
	}
	CHECK_EQ(weir_lane_ready(&f.lane), 4);
	CHECK_EQ(f.lane.nr_suspect, 3);
	CHECK_EQ(weir_lane_first(&f.lane)->seq, 1);
	for (i = 2; (m = weir_lane_suspect(&f.lane)); i += i < 4 ? 2 : 1) {
		CHECK_EQ(m->seq, i);
		weir_lane_remove(&f.lane, m);
	}
	CHECK_EQ(f.lane.nr_suspect, 0);
	CHECK_EQ(take_first(&f), 1);
}

TEST(delayed_are_ordered_by_time_then_sequence)
{
	static const struct { u32 i; u64 due; } put[] = {
		{ 3, 50 }, { 0, 70 }, { 2, 50 }, { 1, 60 }, { 4, 10 },
	};
	static const u32 out[] = { 5, 3, 4, 2, 1 };
	struct weir_msg *m;
	struct fixture f;
	u32 i;

	fixture_init(&f);
	for (i = 0; i < 5; i++)
		weir_lane_delay(&f.lane, &f.msg[put[i].i], put[i].due);
	CHECK_EQ(f.lane.nr_delayed, 5);
	CHECK_EQ(weir_lane_ready(&f.lane), 0);
	CHECK(!weir_lane_first(&f.lane) && !weir_lane_suspect(&f.lane));
	for (i = 0; i < 5; i++) {
		m = weir_lane_first_delayed(&f.lane);
		CHECK_EQ(m->state, WEIR_MSG_DELAYED);
		CHECK_EQ(m->seq, out[i]);
		weir_lane_remove(&f.lane, m);
	}
	CHECK(!weir_lane_first_delayed(&f.lane));
}

TEST(any_message_can_be_taken_out_of_the_middle)
{
	struct weir_lane *l;
	struct fixture f;
	u32 i;

	fixture_init(&f);
	l = &f.lane;
	for (i = 0; i < NR; i++) {
		switch (i % 4) {
		case 0:
			weir_lane_append(l, &f.msg[i]);
			break;
		case 1:
			weir_lane_redo(l, &f.msg[i]);
			break;
		case 2:
			f.msg[i].flags = WEIR_MSG_SUSPECT;
			weir_lane_redo(l, &f.msg[i]);
			break;
		case 3:
			weir_lane_delay(l, &f.msg[i], 1000 - i % 7);
			break;
		}
	}
	for (i = 0; i < NR; i++)	/* 13 has no factor in common with NR */
		weir_lane_remove(l, &f.msg[i * 13 % NR]);
	CHECK_EQ(weir_lane_ready(l) + l->nr_delayed, 0);
	CHECK_EQ(l->nr_waiting + l->nr_suspect, 0);
	CHECK_EQ(l->busy, 0);
	CHECK(!weir_lane_first(l) && !weir_lane_suspect(l));
	for (i = 0; i < NR; i++)
		CHECK(!(f.msg[i].flags & WEIR_MSG_FIFO));
}
