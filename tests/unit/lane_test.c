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

/* ---- priorities ---- */

static void append(struct fixture *f, u32 i, u32 prio)
{
	f->msg[i].prio = prio;
	weir_lane_append(&f->lane, &f->msg[i]);
}

static u64 take(struct fixture *f)
{
	struct weir_msg *msg;

	return weir_lane_take(&f->lane, &msg, 1) ? msg->seq : 0;
}

TEST(most_urgent_priority_goes_first_and_in_order)
{
	struct fixture f;
	u32 i;

	fixture_init(&f);
	for (i = 0; i < 16; i++)
		append(&f, i, 7 - i % 8);
	for (i = 0; i < 16; i++)
		CHECK_EQ(take(&f), 8 - i / 2 + (i % 2 ? 8 : 0));
	CHECK_EQ(take(&f), 0);
}

TEST(redelivered_go_by_sequence_within_their_priority_alone)
{
	struct fixture f;

	fixture_init(&f);
	append(&f, 1, 0);
	append(&f, 5, 1);
	f.msg[2].prio = 1;
	weir_lane_redo(&f.lane, &f.msg[2]);
	f.msg[7].prio = 1;
	weir_lane_redo(&f.lane, &f.msg[7]);
	CHECK_EQ(take(&f), 2);
	CHECK_EQ(take(&f), 3);
	CHECK_EQ(take(&f), 6);
	CHECK_EQ(take(&f), 8);
}

TEST(no_more_than_burst_messages_pass_a_less_urgent_one)
{
	struct fixture f;
	u32 burst, i;

	for (burst = 1; burst <= 5; burst++) {
		fixture_init(&f);
		f.lane.burst = burst;
		for (i = 0; i < 40; i++)
			append(&f, i, 0);
		append(&f, 50, 1);
		append(&f, 51, 1);
		for (i = 1; i <= burst; i++)
			CHECK_EQ(take(&f), i);
		CHECK_EQ(take(&f), 51);
		for (; i <= 2 * burst; i++)
			CHECK_EQ(take(&f), i);
		CHECK_EQ(take(&f), 52);
		CHECK_EQ(take(&f), i);
	}
}

/* Of many that were passed over, the more urgent go first, each once. */
TEST(several_that_were_passed_over_go_one_after_another)
{
	struct fixture f;
	u32 i;

	fixture_init(&f);
	f.lane.burst = 3;
	for (i = 0; i < 20; i++)
		append(&f, i, 0);
	for (i = 20; i < 28; i++)
		append(&f, i, 1 + i % 4);
	for (i = 1; i <= 3; i++)
		CHECK_EQ(take(&f), i);
	CHECK_EQ(take(&f), 21);		/* priority 1 */
	CHECK_EQ(take(&f), 22);
	CHECK_EQ(take(&f), 23);
	CHECK_EQ(take(&f), 24);		/* priority 4 */
	for (i = 4; i <= 6; i++)
		CHECK_EQ(take(&f), i);
	CHECK_EQ(take(&f), 25);
}

TEST(being_passed_over_is_forgotten_when_none_is_left)
{
	struct fixture f;
	u32 i;

	fixture_init(&f);
	f.lane.burst = 3;
	for (i = 0; i < 10; i++)
		append(&f, i, 0);
	append(&f, 20, 1);
	CHECK_EQ(take(&f), 1);
	CHECK_EQ(take(&f), 2);
	weir_lane_remove(&f.lane, &f.msg[20]);	/* as when it expires */
	append(&f, 21, 1);
	for (i = 3; i <= 5; i++)
		CHECK_EQ(take(&f), i);
	CHECK_EQ(take(&f), 22);
}

TEST(oldest_is_that_of_all_priorities)
{
	struct fixture f;

	fixture_init(&f);
	CHECK(!weir_lane_oldest(&f.lane));
	append(&f, 9, 0);
	CHECK_EQ(weir_lane_oldest(&f.lane)->seq, 10);
	f.msg[3].prio = 6;
	weir_lane_redo(&f.lane, &f.msg[3]);
	append(&f, 12, 7);
	CHECK_EQ(weir_lane_oldest(&f.lane)->seq, 4);
	CHECK_EQ(weir_lane_first(&f.lane)->seq, 10);
}

TEST(spare_is_the_oldest_of_the_least_urgent_then_one_behind_a_leader)
{
	static const u64 order[] = { 2, 3, 1, 6 };
	struct weir_msg *m;
	struct fixture f;
	u32 i;

	fixture_init(&f);
	CHECK(!weir_lane_spare(&f.lane));
	append(&f, 0, 0);
	append(&f, 1, 2);
	append(&f, 2, 2);
	f.msg[3].flags = WEIR_MSG_SUSPECT;
	f.msg[3].prio = 7;
	weir_lane_redo(&f.lane, &f.msg[3]);
	f.msg[4].prio = 7;
	weir_lane_delay(&f.lane, &f.msg[4], 5);
	for (i = 5; i < 7; i++) {
		f.msg[i].key = 77;
		append(&f, i, 0);
	}
	for (i = 0; i < 4; i++) {
		m = weir_lane_spare(&f.lane);
		CHECK_EQ(m->seq, order[i]);
		weir_lane_remove(&f.lane, m);
	}
	/* 6 leads its key still, as one that is with a worker does. */
	m = weir_lane_spare(&f.lane);
	CHECK_EQ(m->seq, 7);
	weir_lane_remove(&f.lane, m);
	CHECK(!weir_lane_spare(&f.lane));
	CHECK_EQ(f.lane.nr_suspect + f.lane.nr_delayed, 2);
}

TEST(sums_of_what_may_go_are_kept)
{
	struct fixture f;
	u32 i;

	fixture_init(&f);
	for (i = 0; i < 6; i++) {
		f.msg[i].len = 10 + i;
		f.msg[i].cost = 100 + i;
	}
	append(&f, 0, 0);
	append(&f, 1, 3);
	weir_lane_redo(&f.lane, &f.msg[2]);
	weir_lane_delay(&f.lane, &f.msg[3], 1);
	f.msg[4].flags = WEIR_MSG_SUSPECT;
	weir_lane_redo(&f.lane, &f.msg[4]);
	CHECK_EQ(f.lane.nr_waiting, 3);
	CHECK_EQ(f.lane.bytes, 33);
	CHECK_EQ(f.lane.cost, 303);
	weir_lane_remove(&f.lane, &f.msg[3]);
	weir_lane_remove(&f.lane, &f.msg[4]);
	weir_lane_remove(&f.lane, &f.msg[1]);
	CHECK_EQ(f.lane.bytes, 22);
	CHECK_EQ(f.lane.cost, 202);
	take(&f);
	take(&f);
	CHECK_EQ(f.lane.bytes + f.lane.cost + f.lane.busy, 0);
}

TEST(first_to_expire_is_found_among_all_that_wait)
{
	static const u64 deadline[] = { 50, 20, 40, 10, 30 };
	struct weir_msg *m;
	struct fixture f;
	u32 i;

	fixture_init(&f);
	CHECK(!weir_lane_first_expiry(&f.lane));
	for (i = 0; i < 5; i++)
		f.msg[i].deadline = deadline[i];
	f.msg[0].key = 3;
	f.msg[1].key = 3;
	append(&f, 0, 0);
	append(&f, 1, 0);		/* parked */
	f.msg[2].flags = WEIR_MSG_SUSPECT;
	weir_lane_redo(&f.lane, &f.msg[2]);
	weir_lane_delay(&f.lane, &f.msg[3], 1000);
	weir_lane_redo(&f.lane, &f.msg[4]);
	append(&f, 5, 0);		/* without one */
	for (i = 10; i <= 50; i += 10) {
		m = weir_lane_first_expiry(&f.lane);
		CHECK_EQ(m->deadline, i);
		weir_lane_remove(&f.lane, m);
	}
	CHECK(!weir_lane_first_expiry(&f.lane));
	CHECK_EQ(weir_lane_ready(&f.lane), 1);
}
