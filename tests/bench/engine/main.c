// SPDX-License-Identifier: GPL-2.0-only
/*
 * engine BATCH WORKERS KEYS PRIORITIES [MESSAGES [REPETITIONS]]
 *
 * Prints, for each step, a line: name, messages, ns per message. The ns are
 * those of the repetition that was disturbed least. Exit status 4: the engine
 * has no such thing as was asked for.
 *
 * A worker holds one batch, and in the runs of single steps and of "together"
 * all workers are busy: the one whose turn it is answers its batch and gets the
 * next. In the run of "idle" none is, so that a batch is shared among them all.
 */
#include "step.h"

#define SENDER_CQ	8	/* small: the runs of single steps fill it */

static u32 in_flight(const struct rig *r)
{
	return r->nr_bufs - r->nr_free;
}

/* Gives each worker its batch, without keys. */
static void fill(struct rig *r)
{
	u32 all = r->load.batch * r->load.workers, i, tries;

	for (i = 0; i < r->load.workers; i++) {
		rig_write_sends(r, r->load.batch, true);
		step_enter(r, STEP_SUBMIT, &r->sender, 0);
	}
	for (tries = 0; r->e.nr_inflight < all; tries++) {
		if (tries == r->load.batch)
			rig_fail("workers hold %llu messages instead of %u",
				 (unsigned long long)r->e.nr_inflight, all);
		for (i = 0; i < r->load.workers; i++)
			step_enter(r, STEP_ACK, &r->workers[i], 256);
	}
	for (i = 0; i < r->load.workers; i++)
		rig_read(r, &r->workers[i]);
}

/*
 * How many of the workers take turns. A key that is in flight holds up the
 * messages behind it, so only so many keyed batches are under way that none
 * meets its own key again; the other workers stay with what fill() gave them.
 */
static u32 turns(const struct load *l)
{
	u32 n = l->workers;

	if (l->keys && n * l->batch > l->keys / 2)
		n = l->keys / 2 / l->batch;
	return n ? n : 1;
}

/* Both sides of one batch, each step by itself. Return: messages. */
static u32 run_steps(struct rig *r, struct side *worker)
{
	u32 before = in_flight(r), n;

	rig_pause(r, true);
	rig_write_nops(r, SENDER_CQ);
	if (rig_enter(r, &r->sender, 0) != SENDER_CQ)
		rig_fail("the completion ring was not empty");
	rig_wake(r);
	rig_write_acks(worker);
	step_enter(r, STEP_ACK, worker, 0);
	rig_read(r, &r->sender);
	step_enter(r, STEP_RETURN, &r->sender, 0);
	rig_read(r, &r->sender);
	n = before - in_flight(r);
	rig_write_sends(r, n, false);
	step_enter(r, STEP_SUBMIT, &r->sender, 0);
	rig_pause(r, false);
	step_finish(r, STEP_DISPATCH);
	rig_read(r, worker);
	return n;
}

static u32 run_together(struct rig *r, struct side *worker)
{
	u32 n = r->load.batch;

	rig_write_sends(r, n, false);
	step_enter(r, STEP_TOGETHER, &r->sender, 0);
	rig_write_acks(worker);
	step_enter(r, STEP_TOGETHER, worker, 1);
	rig_read(r, worker);
	rig_read(r, &r->sender);
	return n;
}

static u32 run_idle(struct rig *r)
{
	u32 n = r->load.batch, i;

	rig_write_sends(r, n, false);
	step_enter(r, STEP_IDLE, &r->sender, 0);
	for (i = 0; i < r->load.workers; i++) {
		rig_read(r, &r->workers[i]);
		if (!r->workers[i].nr_tokens)
			continue;
		rig_write_acks(&r->workers[i]);
		step_enter(r, STEP_IDLE, &r->workers[i], 1);
	}
	rig_read(r, &r->sender);
	if (in_flight(r))
		rig_fail("%u messages stayed", in_flight(r));
	return n;
}

static u64 run(struct rig *r, enum step what, u64 messages)
{
	u32 n, turn = 0, nr_turns = turns(&r->load);
	u64 done = 0;

	while (done < messages) {
		switch (what) {
		case STEP_TOGETHER:
			n = run_together(r, &r->workers[turn]);
			break;
		case STEP_IDLE:
			n = run_idle(r);
			break;
		default:
			n = run_steps(r, &r->workers[turn]);
		}
		if (!n)
			rig_fail("%s: a worker has nothing to do",
				 step_name[what]);
		done += n;
		turn = (turn + 1) % nr_turns;
	}
	return done;
}

static void keep_least(double *least, u64 done)
{
	u32 i;

	for (i = 0; i < NR_STEPS; i++)
		if (least[i] < 0 || (double)step_ns[i] / done < least[i])
			least[i] = (double)step_ns[i] / done;
}

/* Prints the steps @from to @to; the rig is driven for the first of them. */
static void measure(const struct load *l, enum step from, enum step to,
		    u64 messages, u32 repetitions)
{
	struct rig *r = rig_new(l, from == STEP_SUBMIT ? SENDER_CQ : 512);
	double least[NR_STEPS] = { -1, -1, -1, -1, -1, -1 };
	u64 done = 0;
	u32 i;

	step_measured = false;
	if (from != STEP_IDLE)
		fill(r);
	/* Until all that takes turns has had one. */
	run(r, from, (u64)l->batch * l->workers + l->keys);
	step_measured = true;
	for (i = 0; i < repetitions; i++) {
		step_calibrate();
		step_clear();
		done = run(r, from, messages);
		keep_least(least, done);
	}
	if (!weir_engine_balanced(&r->e) || r->e.c.accepted != r->sent)
		rig_fail("a message was lost");
	for (i = from; i <= to; i++)
		printf("%s %llu %.2f\n", step_name[i],
		       (unsigned long long)done * repetitions, least[i]);
	rig_free(r);
}

/* Two messages of one key and the last priority; each worker could take one. */
static void probe(const struct load *asked)
{
	struct load l = { .batch = 1, .workers = 2, .keys = 1,
			  .priorities = asked->priorities };
	struct rig *r = rig_new(&l, 512);
	u32 i;

	for (i = 0; i < 2; i++) {
		rig_write_sends(r, 1, false);
		r->sender.sqes[i].prio = l.priorities - 1;
		rig_enter(r, &r->sender, 0);
		rig_wake(r);
	}
	if (r->e.c.refused)
		exit(4);
	if (asked->keys && r->workers[0].p.tags.used &&
	    r->workers[1].p.tags.used)
		exit(4);
	rig_free(r);
}

static u32 number(const char *s, u32 lowest, u32 highest)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	if (*end || end == s || n < lowest || n > highest)
		rig_fail("%s: not a number from %u to %u", s, lowest, highest);
	return n;
}

int main(int argc, char **argv)
{
	struct load l;
	u32 messages, repetitions;

	if (argc < 5 || argc > 7)
		rig_fail("BATCH WORKERS KEYS PRIORITIES [MESSAGES [REPETITIONS]]");
	l.batch = number(argv[1], 1, 64);
	l.workers = number(argv[2], 1, 1023);
	l.keys = number(argv[3], 0, 1 << 20);
	l.priorities = number(argv[4], 1, 8);
	messages = number(argc > 5 ? argv[5] : "200000", 1, U32_MAX);
	repetitions = number(argc > 6 ? argv[6] : "5", 1, 1000);
	probe(&l);
	measure(&l, STEP_SUBMIT, STEP_RETURN, messages, repetitions);
	measure(&l, STEP_TOGETHER, STEP_TOGETHER, messages, repetitions);
	measure(&l, STEP_IDLE, STEP_IDLE, messages, repetitions);
	return 0;
}
