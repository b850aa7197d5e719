// SPDX-License-Identifier: GPL-2.0-only
/* recv: messages to standard output, acknowledged once it took them. */
#include "recv.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "ctl.h"
#include "json.h"
#include "output.h"
#include "report.h"

#define BATCH 64

struct receiver {
	struct weir *w;
	const char *channel;
	uint64_t want;		/* 0: all there will be */
	uint64_t got;
	int timeout_ms;
	bool nul;
	bool raw;
};

static void put_json(const struct receiver *r, const struct weir_msg *m)
{
	/* Its sender could change it between the check for UTF-8 and the writing. */
	void *copy = malloc(m->len);

	if (!copy)
		abort();
	memcpy(copy, m->data, m->len);
	json_object_begin(NULL);
	json_string("channel", r->channel);
	json_number("id", m->seq);
	json_number("attempt", m->attempts);
	json_bool("redelivered", m->flags & WEIR_MSG_REDELIVERED);
	json_number("key", m->key);
	json_number("corr", m->corr);
	json_number("deadline_ns", m->deadline_ns);
	json_number("mtype", m->mtype);
	json_number("encoding", m->encoding);
	json_number("prio", m->prio);
	json_number("sender", m->src);
	json_number("len", m->len);
	json_bytes("payload", copy, m->len);
	json_object_end();
	free(copy);
}

static void put_text(const struct receiver *r, const struct weir_msg *m)
{
	fwrite(m->data, 1, m->len, stdout);
	if (!r->raw)
		putchar(r->nul ? '\0' : '\n');
}

/* Whoever read our output is gone: the messages are for somebody else then. */
static int give_back(struct receiver *r, const struct weir_msg *m, int count,
		     int error)
{
	for (int i = 0; i < count; i++)
		weir_release(r->w, &m[i], 0);
	weir_flush(r->w, -1);
	weir_close(r->w);
	r->w = NULL;
	if (error == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	clearerr(stdout);
	fprintf(stderr, "weirctl: recv %s: standard output: %s; %d message%s given back\n",
		r->channel, strerror(error), count, count == 1 ? "" : "s");
	return STATUS_REFUSED;
}

static int take(struct receiver *r, const struct weir_msg *m, int count)
{
	int error = 0;

	/* Before the last ack makes room for a message that nobody wants. */
	if (r->want && r->got + count >= r->want)
		weir_drain(r->w);
	errno = 0;
	for (int i = 0; i < count; i++) {
		if (ctl.json)
			put_json(r, &m[i]);
		else
			put_text(r, &m[i]);
	}
	error = output_flush();
	if (error)
		return give_back(r, m, count, error);
	for (int i = 0; i < count && !error; i++)
		error = weir_ack(r->w, &m[i]);
	r->got += count;
	return error ? attach_failed(r->w, error) : 0;
}

static int receive(struct receiver *r)
{
	struct weir_msg m[BATCH];
	int count, error, status = 0;

	while (!status && (!r->want || r->got < r->want)) {
		count = weir_recvmany(r->w, m, r->want ? 1 : BATCH, r->timeout_ms);
		if (count == -EINTR)
			continue;
		if (count < 0)
			return attach_failed(r->w, count);
		if (!count)
			break;
		status = take(r, m, count);
	}
	if (status)
		return status;
	do {
		error = weir_flush(r->w, -1);
	} while (error == -EINTR);
	if (error)
		return attach_failed(r->w, error);
	return r->got ? STATUS_DONE : STATUS_NOTHING;
}

enum { NUMBER, FOLLOW, TIMEOUT, NUL, RAW };

static const struct word words[] = {
	{ "-n", "N", NULL, "so many messages, else one" },
	{ "--follow", NULL, NULL, "every message there will be" },
	{ "--timeout", "TIME", NULL, "longest wait; exit 3 if none came" },
	{ "-0", NULL, NULL, "end each with NUL, not newline" },
	{ "--raw", NULL, NULL, "end each with nothing" },
	{ }
};

static int read_words(struct receiver *r, struct args *a)
{
	const char *value;
	uint64_t ns;
	int i;

	r->want = 1;
	r->timeout_ms = -1;
	while ((i = args_word(a, words, "option", &value)) >= 0) {
		if (i == NUMBER) {
			if (args_count("-n", value, UINT64_MAX, &r->want))
				return STATUS_USAGE;
			if (!r->want)
				return usage_error("-n \"0\" would receive nothing; take 1 or more");
		} else if (i == FOLLOW) {
			r->want = 0;
		} else if (i == TIMEOUT) {
			if (args_time("--timeout", value, &ns))
				return STATUS_USAGE;
			r->timeout_ms = attach_ms(ns);
		} else if (i == NUL) {
			r->nul = true;
		} else {
			r->raw = true;
		}
	}
	return i == WORD_END ? 0 : STATUS_USAGE;
}

/*
 * Signals end it as they end any program: what was received and not acknowledged
 * comes back as from any worker that died.
 */
static int recv_run(struct args *a)
{
	struct weir_opts opts = { .flags = WEIR_OPEN_WORK };
	struct receiver r = { NULL };
	int status;

	opts.size = sizeof(opts);
	status = args_need(a, "CHANNEL", &r.channel);
	if (!status)
		status = read_words(&r, a);
	if (status)
		return status;
	/* One at a time, where more would have to be given back. */
	opts.inflight = r.want ? 1 : BATCH;
	status = attach_open(&r.w, r.channel, &opts);
	if (!status) {
		signal(SIGPIPE, SIG_IGN);
		status = receive(&r);
		weir_close(r.w);
		signal(SIGPIPE, SIG_DFL);
	}
	return status;
}

static const struct cmd cmds[] = {
	{ NULL, recv_run, CMD_CHANNEL, "CHANNEL", words, NULL,
	  "print messages, acked once printed" },
	{ }
};

const struct object recv_object = { "recv", "receives", cmds };
