// SPDX-License-Identifier: GPL-2.0-only
/*
 * weir through its library: messages written and read in place, each one
 * acknowledged, its buffer returned. In the spinning mode nobody sleeps, and
 * asks by a system call when there is nothing in the ring.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/weir.h>
#include <weir.h>

#include "payload.h"
#include "process.h"
#include "system_weir.h"

#define MEMORY_MAX	(256U << 20)

struct state {
	struct weir *w;
	struct weir_msg *msgs;
	uint64_t nr;
};

const char *weir_attributes = "";

void weir_channel_name(char *name, unsigned int channel)
{
	snprintf(name, WEIR_CHANNEL_SIZE, "bench-%u", channel);
}

/* The classes of buffers, as weirctl writes them. */
static const char *class_for(size_t size, size_t *bytes)
{
	static const struct {
		const char *word;
		size_t bytes;
	} classes[] = {
		{ "256B", 256 }, { "1K", 1 << 10 }, { "8K", 8 << 10 },
		{ "64K", 64 << 10 }, { "1M", 1 << 20 },
	};
	size_t i = 0;

	while (classes[i].bytes < size)
		i++;
	*bytes = classes[i].bytes;
	return classes[i].word;
}

/*
 * The buffers are there before the clock runs, as everybody's are: as many as
 * can wait, and those in the hands of the others.
 */
static int add(const struct cell *cell, unsigned int channel)
{
	char command[256], name[WEIR_CHANNEL_SIZE];
	size_t bytes, nr = (size_t)cell_depth(cell) * cell->producers +
			   cell->batch * (cell->producers + cell->workers);
	const char *word = class_for(cell->size, &bytes);
	char *argv[4] = { NULL };

	argv[0] = (char *)"sh";
	argv[1] = (char *)"-c";
	argv[2] = command;
	if (nr > MEMORY_MAX / 8 * 7 / bytes)
		nr = MEMORY_MAX / 8 * 7 / bytes;
	weir_channel_name(name, channel);
	snprintf(command, sizeof(command),
		 "exec weirctl channel add %s messages %u memory 1M..%uM prefill %s:%zu%s %s",
		 name, cell_depth(cell), MEMORY_MAX >> 20, word, nr,
		 cell->scenario == FANOUT ? " mode fanout" : "",
		 weir_attributes);
	return process_run(argv);
}

static void prepare(const struct cell *cell)
{
	unsigned int i, nr = cell->scenario == ROUNDTRIP ? 2 : 1;
	int status;

	for (i = 0; i < nr; i++) {
		status = add(cell, i);
		if (status && cell->scenario == FANOUT)
			fail("this version has no mode fanout");
		if (status)
			fail("weirctl channel add: exit status %d", status);
	}
}

static void check(const struct state *s, int rc, const char *what)
{
	if (rc < 0)
		fail("%s: %s", what, weir_error(s->w));
}

/*
 * Who is slow loses messages of a fan-out, and so is given room for all that the
 * producer has buffers for: then it is the producer who waits.
 */
static void fan_out(const struct link *l, struct weir_opts *opts)
{
	size_t bytes;

	if (l->role == SENDER) {
		class_for(l->cell->size, &bytes);
		opts->block_max = bytes * cell_depth(l->cell);
		return;
	}
	opts->inflight = 2 * cell_depth(l->cell);
	opts->cq_entries = 2 * opts->inflight;
}

static void open_link(struct link *l)
{
	struct weir_opts opts = {
		.size = sizeof(opts),
		.flags = l->role == SENDER ? WEIR_OPEN_SEND : WEIR_OPEN_WORK,
	};
	struct state *s = calloc(1, sizeof(*s));
	char name[WEIR_CHANNEL_SIZE];
	int rc;

	l->state = s;
	if (!l->cell->blocking)
		opts.flags |= WEIR_OPEN_NONBLOCK;
	if (l->cell->scenario == FANOUT)
		fan_out(l, &opts);
	weir_channel_name(name, l->channel);
	rc = weir_open(&s->w, name, &opts);
	if (rc)
		fail("weir_open: %s", strerror(-rc));
	s->msgs = calloc(l->cell->batch, sizeof(*s->msgs));
}

/* Until it works: in the spinning mode it says that it does not yet. */
static void loan(const struct state *s, size_t len, void **buf)
{
	int rc;

	while ((rc = weir_loan(s->w, len, buf)) == -EAGAIN)
		;
	check(s, rc, "weir_loan");
}

static void put(const struct state *s, void *buf, size_t len)
{
	int rc;

	while ((rc = weir_put(s->w, buf, len, NULL)) == -EAGAIN)
		;
	check(s, rc, "weir_put");
}

static void send_batch(struct link *l, unsigned int nr)
{
	struct state *s = l->state;
	void *buf;
	size_t len;
	int rc;

	s->nr += nr;
	while (nr--) {
		len = payload_next(l);
		loan(s, len, &buf);
		payload_fill(l, buf, len);
		put(s, buf, len);
	}
	rc = weir_submit(s->w);
	/* No room: the rest stays in the ring, and goes with a later batch. */
	if (rc != -EAGAIN)
		check(s, rc, "weir_submit");
}

static unsigned int receive(struct link *l, unsigned int max)
{
	struct state *s = l->state;
	int i, nr = weir_recvmany(s->w, s->msgs, max, l->cell->blocking ? -1 : 0);

	if (nr == -EINTR)
		return 0;
	check(s, nr, "weir_recvmany");
	for (i = 0; i < nr; i++) {
		payload_read(l, s->msgs[i].data, s->msgs[i].len);
		if (!l->hold)
			check(s, weir_ack(s->w, &s->msgs[i]), "weir_ack");
	}
	return (unsigned int)nr;
}

/*
 * Until all is acknowledged. Not by weir_settle(), which then gives memory back as
 * well: the clock stops with the last acknowledgement.
 */
static void finish(struct link *l)
{
	struct weir_settle settle = { .size = sizeof(settle) };
	struct state *s = l->state;

	check(s, weir_flush(s->w, -1), "weir_flush");
	if (ioctl(weir_fd(s->w), WEIR_IOC_SETTLE, &settle))
		fail("WEIR_IOC_SETTLE: %s", strerror(errno));
	if (settle.unsettled ||
	    (l->cell->scenario != FANOUT && settle.acked != s->nr))
		fail("%llu messages were sent, %llu acknowledged",
		     (unsigned long long)s->nr,
		     (unsigned long long)settle.acked);
}

static void clean(void)
{
	char name[WEIR_CHANNEL_SIZE];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		weir_channel_name(name, i);
		weir_channel_del(name, 1, NULL, 0);
	}
}

const struct system system_weir = {
	.name = "weir",
	.sleeps = true,
	.spins = true,
	.prepare = prepare,
	.open = open_link,
	.send = send_batch,
	.receive = receive,
	.finish = finish,
	.clean = clean,
};
