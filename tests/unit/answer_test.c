// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

struct fixture {
	struct world w;
	struct client *p;
	struct client *v;
};

static void setup(struct fixture *f, const struct weir_config *cfg)
{
	world_init(&f->w, cfg);
	f->p = producer(&f->w);
	f->v = worker(&f->w);
}

static struct weir_cqe send_and_get(struct fixture *f)
{
	send_one(f->p);
	return msg_get(f->v);
}

/* Time goes on to the next alarm, and not a nanosecond before. */
static u64 wait_for_due(struct fixture *f)
{
	u64 ns = f->w.e.alarm - f->w.now;

	CHECK_LT(0, ns);
	world_tick(&f->w, ns - 1);
	cqe_none(f->v);
	world_tick(&f->w, 1);
	return ns;
}

TEST(acked_message_leaves_and_its_buffer_returns)
{
	struct weir_cqe cqe;
	struct fixture f;
	u32 before;

	setup(&f, NULL);
	before = f.p->nr_free;
	cqe = send_and_get(&f);
	CHECK_EQ(f.p->p.unsettled, 1);
	answer(f.v, WEIR_OP_ACK, cqe.token);
	cqe_none(f.v);
	CHECK(weir_engine_empty(&f.w.e));
	CHECK_EQ(f.w.e.c.acked, 1);
	CHECK_EQ(f.v->p.acked, 1);
	CHECK_EQ(f.p->p.settled_acked, 1);
	CHECK_EQ(f.p->p.unsettled, 0);
	CHECK_EQ(returns_get(f.p), 1);
	CHECK_EQ(f.p->nr_free, before);
	world_exit(&f.w);
}

TEST(one_entry_acks_up_to_14_messages)
{
	struct weir_sqe *s;
	struct fixture f;
	u32 i;

	setup(&f, NULL);
	send_many(f.p, 20);
	CHECK_EQ(enter_want(f.v), 0);
	msg_get(f.v);	/* alone, the others came later */
	CHECK_EQ(enter_want(f.v), 0);
	s = sqe_next(f.v, WEIR_OP_ACK);
	s->nr = 14;
	for (i = 0; i < 14; i++)
		s->token[i] = msg_get(f.v).token;
	CHECK_EQ(enter(f.v), 1);
	CHECK_EQ(f.w.e.c.acked, 14);
	CHECK_EQ(returns_get(f.p), 14);
	world_exit(&f.w);
}

TEST(fail_backs_off_twice_as_long_each_time_up_to_the_limit)
{
	static const u64 ms[] = { 100, 200, 400, 800, 1000, 1000 };
	struct weir_config cfg = world_config;
	struct weir_cqe cqe;
	struct fixture f;
	u32 i;

	cfg.backoff_max = 1000;
	cfg.max_attempts = 100;
	setup(&f, &cfg);
	cqe = send_and_get(&f);
	for (i = 0; i < ARRAY_SIZE(ms); i++) {
		CHECK_EQ(cqe.attempts, i + 1);
		CHECK_EQ(!!(cqe.flags & WEIR_CQE_REDELIVERED), i > 0);
		answer(f.v, WEIR_OP_FAIL, cqe.token);
		CHECK_EQ(f.w.e.lane.nr_delayed, 1);
		CHECK_EQ(wait_for_due(&f), ms[i] * MS);
		cqe = msg_get(f.v);
	}
	CHECK_EQ(f.w.e.c.failed, i);
	CHECK_EQ(f.w.e.c.redelivered, i);
	CHECK_EQ(f.v->p.failed, i);
	world_exit(&f.w);
}

TEST(back_off_stays_at_its_limit_however_many_attempts)
{
	struct weir_config cfg = world_config;
	struct weir_cqe cqe;
	struct fixture f;
	u32 i;

	cfg.max_attempts = 65535;
	cfg.redeliver_max = 65535;
	setup(&f, &cfg);
	cqe = send_and_get(&f);
	for (i = 0; i < 100; i++) {
		answer(f.v, WEIR_OP_FAIL, cqe.token);
		CHECK_LE(wait_for_due(&f), 30000 * MS);
		cqe = msg_get(f.v);
	}
	CHECK_EQ(cqe.attempts, 101);
	world_exit(&f.w);
}

TEST(back_off_0_is_at_once_for_ever)
{
	struct weir_config cfg = world_config;
	struct weir_cqe cqe;
	struct fixture f;
	u32 i;

	cfg.max_attempts = 100;
	cfg.backoff_min = 0;
	setup(&f, &cfg);
	cqe = send_and_get(&f);
	for (i = 0; i < 50; i++) {
		answer(f.v, WEIR_OP_FAIL, cqe.token);
		cqe = msg_get(f.v);
	}
	world_exit(&f.w);
}

TEST(worker_may_name_the_delay)
{
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f, NULL);
	cqe = send_and_get(&f);
	answer_after(f.v, WEIR_OP_FAIL, cqe.token, 7);
	CHECK_EQ(wait_for_due(&f), 7 * MS);
	cqe = msg_get(f.v);
	CHECK_EQ(cqe.attempts, 2);
	answer_after(f.v, WEIR_OP_RELEASE, cqe.token, 86400000);
	CHECK_EQ(wait_for_due(&f), 86400000 * MS);
	CHECK_EQ(msg_get(f.v).attempts, 2);
	world_exit(&f.w);
}

TEST(message_is_dead_when_its_attempts_are_used_up)
{
	struct weir_cqe cqe;
	struct fixture f;
	struct weir_msg *m;
	u32 i;

	setup(&f, NULL);
	cqe = send_and_get(&f);
	for (i = 1; i < 5; i++) {
		answer(f.v, WEIR_OP_FAIL, cqe.token);
		wait_for_due(&f);
		cqe = msg_get(f.v);
		CHECK_EQ(cqe.attempts, i + 1);
	}
	answer(f.v, WEIR_OP_FAIL, cqe.token);
	m = world_msg(&f.w, 1);
	CHECK_EQ(m->state, WEIR_MSG_DEAD);
	CHECK_EQ(m->reason, WEIR_DEAD_REASON_ATTEMPTS);
	CHECK_EQ(m->attempts, 5);
	CHECK(!m->text);
	CHECK_EQ(f.w.e.c.died_attempts, 1);
	CHECK_EQ(f.p->p.settled_dead, 1);
	CHECK_EQ(f.p->p.unsettled, 0);
	CHECK_EQ(returns_get(f.p), 0);
	CHECK_EQ(f.w.e.alarm, U64_MAX);
	world_exit(&f.w);
}

TEST(release_is_not_counted_and_keeps_its_place)
{
	struct weir_cqe cqe;
	struct fixture f;
	u32 i;

	setup(&f, NULL);
	for (i = 0; i < 3; i++)
		sqe_send(f.p, 1);
	enter(f.p);
	for (i = 0; i < 10; i++) {
		cqe = msg_get(f.v);
		CHECK_EQ(cqe.seq, 1);
		CHECK_EQ(cqe.attempts, 1);
		answer(f.v, WEIR_OP_RELEASE, cqe.token);
		while (unread(f.v))	/* those that came with it the first time */
			cqe = msg_get(f.v);
		CHECK_EQ(enter_want(f.v), 0);
		if (cqe.seq != 1)
			break;
	}
	CHECK_EQ(f.w.e.c.released, i + 1);
	CHECK_EQ(f.w.e.c.failed, 0);
	world_exit(&f.w);
}

TEST(released_too_often_is_dead)
{
	struct weir_config cfg = world_config;
	struct weir_cqe cqe;
	struct fixture f;
	u32 i;

	cfg.redeliver_max = 7;
	setup(&f, &cfg);
	cqe = send_and_get(&f);
	for (i = 1; i < 7; i++) {
		answer(f.v, WEIR_OP_RELEASE, cqe.token);
		cqe = msg_get(f.v);
	}
	answer(f.v, WEIR_OP_RELEASE, cqe.token);
	cqe_none(f.v);
	CHECK_EQ(f.w.e.c.died_redeliveries, 1);
	CHECK_EQ(f.w.e.c.delivered, 7);
	CHECK_EQ(world_msg(&f.w, 1)->reason, WEIR_DEAD_REASON_REDELIVERIES);
	world_exit(&f.w);
}

TEST(token_can_be_answered_once)
{
	struct weir_cqe cqe, res;
	struct fixture f;
	u32 op;

	setup(&f, NULL);
	cqe = send_and_get(&f);
	answer(f.v, WEIR_OP_ACK, cqe.token);
	for (op = WEIR_OP_ACK; op <= WEIR_OP_REJECT; op++) {
		answer(f.v, op, cqe.token);
		res = cqe_get(f.v, WEIR_CQE_RESULT);
		CHECK_EQ(res.res, -ESTALE);
		CHECK_EQ(res.nr, 1);
		CHECK_EQ(res.rtoken, cqe.token);
		CHECK_EQ(res.op, op);
	}
	CHECK_EQ(f.w.e.c.stale, 4);
	CHECK_EQ(f.w.e.c.acked, 1);
	world_exit(&f.w);
}

TEST(another_workers_token_is_stale)
{
	struct client *thief;
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f, NULL);
	cqe = send_and_get(&f);
	thief = worker(&f.w);
	answer(thief, WEIR_OP_ACK, cqe.token);
	CHECK_EQ(result_get(thief), -ESTALE);
	CHECK_EQ(f.w.e.c.acked, 0);
	answer(f.v, WEIR_OP_ACK, cqe.token);
	cqe_none(f.v);
	CHECK_EQ(f.w.e.c.acked, 1);
	world_exit(&f.w);
}

TEST(stale_tokens_in_a_vector_are_counted_and_the_others_applied)
{
	struct weir_cqe a, res;
	struct weir_sqe *s;
	struct fixture f;

	setup(&f, NULL);
	a = send_and_get(&f);
	s = sqe_answer(f.v, WEIR_OP_ACK, 0xdead);
	s->nr = 4;
	s->token[1] = a.token;
	s->token[2] = a.token;
	s->token[3] = 0;
	s->flags = WEIR_SQE_RESULT;
	CHECK_EQ(enter(f.v), 1);
	res = cqe_get(f.v, WEIR_CQE_RESULT);
	CHECK_EQ(res.res, -ESTALE);
	CHECK_EQ(res.nr, 3);
	CHECK_EQ(res.rtoken, 0xdead);
	CHECK_EQ(f.w.e.c.acked, 1);
	world_exit(&f.w);
}

TEST(answer_after_it_was_taken_away_is_stale)
{
	struct client *other;
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f, NULL);
	cqe = send_and_get(&f);
	other = worker(&f.w);
	client_stop(f.v, true);
	world_lock(&f.w);
	CHECK(weir_ledger_release(&f.w.e, world_msg(&f.w, 1), f.w.now));
	world_unlock(&f.w);
	CHECK_EQ(msg_get(other).seq, 1);
	answer(f.v, WEIR_OP_ACK, cqe.token);
	CHECK_EQ(result_get(f.v), -ESTALE);
	CHECK_EQ(f.w.e.c.acked, 0);
	CHECK_EQ(f.w.e.c.taken, 1);
	world_exit(&f.w);
}

/* ---- rejection ---- */

/* Puts a text into an entry and the slots behind it, as the user does. */
static void reject_with(struct client *c, u32 token, const char *text, u32 len)
{
	u32 extra = len > WEIR_REASON_HEAD ?
		    DIV_ROUND_UP(len - WEIR_REASON_HEAD, 64) : 0;
	struct weir_sqe *s = sqe_next(c, WEIR_OP_REJECT);
	u32 i, done;

	s->rtoken = token;
	s->len = len;
	s->nr = extra;
	done = min_t(u32, len, WEIR_REASON_HEAD);
	memcpy(s->reason, text, done);
	for (i = 0; i < extra; i++, done += 64) {
		s = sqe_next(c, 0);
		memcpy(s, text + done, min_t(u32, len - done, 64));
	}
	CHECK_EQ(enter(c), 1 + extra);
}

static void check_text(struct fixture *f, const char *sent, u32 len,
		       const char *kept)
{
	struct weir_cqe cqe = send_and_get(f);
	struct weir_msg *m;

	reject_with(f->v, cqe.token, sent, len);
	cqe_none(f->v);
	m = world_msg(&f->w, cqe.seq);
	CHECK_EQ(m->state, WEIR_MSG_DEAD);
	CHECK_EQ(m->reason, WEIR_DEAD_REASON_REJECTED);
	if (!kept) {
		CHECK(!m->text);
		return;
	}
	CHECK(m->text);
	if (strcmp(m->text, kept))
		unit_fail(__FILE__, __LINE__, "'%s' and not '%s'", m->text,
			  kept);
}

TEST(rejected_message_is_dead_at_once_with_the_workers_words)
{
	struct fixture f;

	setup(&f, NULL);
	check_text(&f, "no such file", 12, "no such file");
	check_text(&f, "", 0, NULL);
	CHECK_EQ(f.w.e.c.rejected, 2);
	CHECK_EQ(f.w.e.c.died_rejected, 2);
	CHECK_EQ(f.w.e.c.redelivered, 0);
	world_exit(&f.w);
}

TEST(words_of_a_rejection_span_slots_and_the_rings_end)
{
	static const u32 lens[] = {
		51, 52, 53, 115, 116, 117, 180, 181, 243, 244,
	};
	char text[WEIR_REASON_MAX + 1];
	struct client *v;
	struct fixture f;
	u32 i, k;

	setup(&f, NULL);
	client_end(f.v, WEIR_END_DETACH);
	/* 8 slots and up to 4 to a rejection: all ways to wrap come. */
	v = client_new(&f.w, WEIR_ROLE_WORK, 8, 8, 1);
	f.v = v;
	for (k = 0; k < 7; k++)
		for (i = 0; i < ARRAY_SIZE(lens); i++) {
			u32 n;

			for (n = 0; n < lens[i]; n++)
				text[n] = '!' + (n + i + k) % 90;
			text[n] = '\0';
			check_text(&f, text, lens[i], text);
			if (i == k) {
				sqe_next(v, WEIR_OP_NOP);
				enter(v);
			}
		}
	world_exit(&f.w);
}

TEST(control_characters_of_a_rejection_become_blanks)
{
	struct fixture f;

	setup(&f, NULL);
	check_text(&f, "a\nb\0c\033[1m\177d", 11, "a b c [1m d");
	check_text(&f, "gr\xc3\xb6\xc3\x9f", 6, "gr\xc3\xb6\xc3\x9f");
	world_exit(&f.w);
}

TEST(rejection_needs_no_memory)
{
	struct fixture f;

	setup(&f, NULL);
	port_user_allocs = 0;
	check_text(&f, "words", 5, NULL);
	CHECK_EQ(f.w.e.c.died_rejected, 1);
	world_exit(&f.w);
}

TEST(slots_of_a_rejection_are_not_taken_for_entries)
{
	struct weir_cqe cqe[2];
	struct weir_sqe *s;
	struct fixture f;

	setup(&f, NULL);
	cqe[0] = send_and_get(&f);
	s = sqe_answer(f.v, WEIR_OP_REJECT, cqe[0].token);
	s->nr = 2;
	s->len = 180;
	sqe_answer(f.v, WEIR_OP_ACK, cqe[0].token);
	sqe_answer(f.v, 200, 1);
	sqe_next(f.v, WEIR_OP_NOP)->flags = WEIR_SQE_RESULT;
	CHECK_EQ(enter(f.v), 4);
	CHECK_EQ(f.w.e.c.acked, 0);
	CHECK_EQ(f.w.e.c.rejected, 1);
	cqe[1] = cqe_get(f.v, WEIR_CQE_RESULT);
	CHECK_EQ(cqe[1].op, WEIR_OP_NOP);
	CHECK_EQ(cqe[1].sqe_index, 3);
	cqe_none(f.v);
	world_exit(&f.w);
}

TEST(rejection_is_taken_whole_or_not_at_all)
{
	struct weir_sqe *s;
	struct fixture f;

	setup(&f, NULL);
	s = sqe_answer(f.v, WEIR_OP_REJECT, send_and_get(&f).token);
	s->nr = 2;
	s->len = 180;
	memset(s->reason, 'x', WEIR_REASON_HEAD);
	memset(sqe_next(f.v, 0), 'x', sizeof(*s));
	memset(sqe_next(f.v, 0), 'x', sizeof(*s));
	CHECK_EQ(enter_max(f.v, 2), 0);
	CHECK_EQ(f.w.e.c.rejected, 0);
	CHECK_EQ(enter_max(f.v, 3), 3);
	CHECK_EQ(f.w.e.c.rejected, 1);
	CHECK_EQ(strlen(world_msg(&f.w, 1)->text), 180);
	cqe_none(f.v);
	world_exit(&f.w);
}

TEST(slots_of_a_refused_rejection_are_not_taken_for_entries)
{
	struct weir_cqe cqe, res;
	struct weir_sqe *s;
	struct fixture f;

	setup(&f, NULL);
	cqe = send_and_get(&f);
	s = sqe_answer(f.v, WEIR_OP_REJECT, cqe.token);
	s->nr = 1;
	s->len = 500;
	sqe_answer(f.v, WEIR_OP_ACK, cqe.token);
	CHECK_EQ(enter(f.v), 2);
	res = cqe_get(f.v, WEIR_CQE_RESULT);
	CHECK_EQ(res.res, -EINVAL);
	CHECK_EQ(res.op, WEIR_OP_REJECT);
	cqe_none(f.v);
	CHECK_EQ(f.w.e.c.acked, 0);
	world_exit(&f.w);
}

/* ---- time ---- */

TEST(times_are_measured_from_the_right_moments)
{
	struct weir_cqe cqe;
	struct fixture f;

	setup(&f, NULL);
	client_stop(f.v, true);
	send_one(f.p);
	f.w.now += 10;
	client_stop(f.v, false);
	cqe = msg_get(f.v);
	f.w.now += 100;
	answer(f.v, WEIR_OP_ACK, cqe.token);
	CHECK_EQ(f.w.e.hist[WEIR_HIST_WAITING].count, 1);
	CHECK_EQ(f.w.e.hist[WEIR_HIST_WAITING].sum, 10);
	CHECK_EQ(f.w.e.hist[WEIR_HIST_WORKING].sum, 100);
	CHECK_EQ(f.w.e.hist[WEIR_HIST_TOTAL].sum, 110);
	CHECK_EQ(f.w.e.hist[WEIR_HIST_REDELIVERY].count, 0);
	CHECK_EQ(f.v->p.service, 100);
	world_exit(&f.w);
}

TEST(clock_read_before_anothers_is_no_time_at_all)
{
	struct weir_cqe cqe;
	struct fixture f;
	u32 i;

	setup(&f, NULL);
	client_stop(f.v, true);
	send_one(f.p);
	f.w.now -= 5;
	client_stop(f.v, false);
	cqe = msg_get(f.v);
	f.w.now -= 5;
	answer(f.v, WEIR_OP_ACK, cqe.token);
	for (i = 0; i < WEIR_NR_HISTS; i++) {
		if (i == WEIR_HIST_BATCH)
			continue;	/* no time */
		CHECK_EQ(f.w.e.hist[i].sum, 0);
		CHECK_EQ(f.w.e.hist[i].max, 0);
	}
	CHECK_LE(f.v->p.service, 1);
	CHECK_EQ(f.v->p.hold_ns, 0);
	world_exit(&f.w);
}

/* ---- readers inside the kernel ---- */

TEST(kernel_reader_holds_one_and_acks_it)
{
	struct client *r;
	struct fixture f;

	setup(&f, NULL);
	client_stop(f.v, true);
	r = client_kernel(&f.w, WEIR_ROLE_WORK);
	send_many(f.p, 3);
	CHECK_EQ(r->p.tags.used, 1);
	CHECK_LT(0, r->nr_woken);
	world_lock(&f.w);
	CHECK(r->tags[0].msg == world_msg(&f.w, 1));
	weir_engine_ack(&f.w.e, &r->p, &r->tags[0], f.w.now);
	world_unlock(&f.w);
	CHECK_EQ(f.w.e.c.acked, 1);
	CHECK_EQ(r->p.tags.used, 1);
	CHECK(world_msg(&f.w, 2)->holder == &r->p);
	world_exit(&f.w);
}

TEST(kernel_reader_gives_back_counted_or_not)
{
	struct client *r;
	struct fixture f;
	struct weir_msg *m;

	setup(&f, NULL);
	client_stop(f.v, true);
	r = client_kernel(&f.w, WEIR_ROLE_WORK);
	send_one(f.p);
	m = world_msg(&f.w, 1);
	world_lock(&f.w);
	weir_engine_stop(&f.w.e, &r->p, true);
	weir_engine_give_back(&f.w.e, &r->p, &r->tags[0], false, f.w.now);
	world_unlock(&f.w);
	CHECK_EQ(m->state, WEIR_MSG_READY);
	CHECK_EQ(m->attempts, 0);
	CHECK_EQ(m->deliveries, 0);	/* as if it had not been */
	CHECK_EQ(f.w.e.c.taken, 1);
	client_stop(r, false);
	CHECK(m->holder == &r->p);
	world_lock(&f.w);
	weir_engine_stop(&f.w.e, &r->p, true);
	weir_engine_give_back(&f.w.e, &r->p, &r->tags[0], true, f.w.now);
	world_unlock(&f.w);
	CHECK_EQ(m->attempts, 1);
	CHECK_EQ(f.w.e.c.crashed_seen, 1);
	CHECK_EQ(f.w.e.lane.nr_suspect, 1);
	world_exit(&f.w);
}
