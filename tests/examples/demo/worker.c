// SPDX-License-Identifier: GPL-2.0-only
#include "worker.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir.h>

#include "demo.h"

#define LOOK_UP_MS	200	/* how often an idle worker looks whether to go home */

struct worker {
	const struct demo	*demo;
	struct weir		*weir;
	struct seat		*seat;
	EVP_MD			*sha256;
	struct record		*last;		/* its ack goes out with the next recv */
};

/*
 * A child with copies of all descriptors, the client's among them, that does
 * nothing and outlives its parent: until the supervisor closes the lifeline.
 */
static void leave_child(struct worker *worker, int lifeline)
{
	pid_t pid = fork();
	char byte;

	if (pid == 0) {
		while (read(lifeline, &byte, 1) < 0 && errno == EINTR)
			;
		_exit(0);
	}
	worker->seat->want_child = 0;
	worker->seat->child = pid;
}

/* What no retry can cure. Not SIGKILL: so that the two kinds of death differ. */
static _Noreturn void crash(struct board *board, const struct weir_msg *msg)
{
	board->poison_id = msg->seq;
	abort();
}

static bool hash(struct worker *worker, const struct weir_msg *msg, unsigned char *digest)
{
	size_t len = msg->mtype == TYPE_EMPTY_FILE ? 0 : msg->len;

	return EVP_Digest(msg->data, len, digest, NULL, worker->sha256, NULL) == 1;
}

/* Hashes the message where it lies, and notes the result before it is answered. */
static int work(struct worker *worker, const struct weir_msg *msg)
{
	struct board *board = worker->demo->board;
	uint64_t taken_ns = now_ns();
	struct record *record;

	if (msg->corr >= worker->demo->files.nr)
		return -ERANGE;
	worker->seat->holding = msg->corr;
	if (msg->corr == board->poison)
		crash(board, msg);
	record = board_record(board);
	if (!record)
		return -ENOSPC;
	record->file = msg->corr;
	record->id = msg->seq;
	record->taken_ns = taken_ns;
	record->attempt = msg->attempts;
	record->redelivered = msg->flags & WEIR_MSG_REDELIVERED;
	if (!hash(worker, msg, record->digest))
		return -EIO;
	record->state = RECORD_WRITTEN;
	worker->seat->holding = NO_FILE;
	worker->last = record;
	return weir_ack(worker->weir, msg);
}

static int work_all(struct worker *worker, int lifeline)
{
	struct weir_msg msg;
	int ret = 0;

	while (ret >= 0) {
		ret = weir_recv(worker->weir, &msg, LOOK_UP_MS);
		if (ret >= 0 && worker->last) {
			worker->last->state = RECORD_ANSWERED;
			worker->last = NULL;
		}
		if (worker->seat->want_child)
			leave_child(worker, lifeline);
		if (ret == 1)
			ret = work(worker, &msg);
		else if (ret == -EINTR)
			ret = 0;
		else if (ret == 0 && worker->demo->board->stop)
			return 0;
	}
	return ret;
}

/* Returns the exit status of the process. */
int worker_run(const struct demo *demo, int seat, int lifeline)
{
	struct weir_opts opts = { .size = sizeof(opts), .flags = WEIR_OPEN_WORK };
	struct worker worker = {
		.demo = demo,
		.seat = &demo->board->worker[seat],
		.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL),
	};
	int ret = worker.sha256 ? weir_open(&worker.weir, demo->channel, &opts) : -ENOSYS;

	if (!ret)
		ret = work_all(&worker, lifeline);
	if (ret)
		fprintf(stderr, "demo: worker %d: error %d: %s\n", seat + 1, ret,
			weir_error(worker.weir));
	weir_close(worker.weir);
	EVP_MD_free(worker.sha256);
	return ret ? 1 : 0;
}
