// SPDX-License-Identifier: GPL-2.0-only
/* weir, all defaults but for the number of messages. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir.h>

#include "../bench.h"
#include "../process.h"
#include "jobs.h"

#define CHANNEL	"bench-jobs"

static struct weir *w;
static struct weir_msg msgs[TAKE_MAX];

static void start(uint32_t jobs)
{
	char command[128];
	char *argv[4] = { (char *)"sh", (char *)"-c", command, NULL };

	snprintf(command, sizeof(command),
		 "exec weirctl channel add " CHANNEL " messages %u max-attempts %d", jobs,
		 ATTEMPTS_MAX);
	if (process_run(argv))
		fail("weir: no channel " CHANNEL);
}

static void open_with(unsigned int flags)
{
	struct weir_opts opts = { .size = sizeof(opts), .flags = flags };
	int rc = weir_open(&w, CHANNEL, &opts);

	if (rc)
		fail("weir_open: %s", strerror(-rc));
}

static void send_all(uint32_t jobs)
{
	uint32_t i;

	open_with(WEIR_OPEN_SEND);
	for (i = 0; i < jobs; i++)
		if (weir_send(w, &i, sizeof(i), NULL) < 0)
			fail("weir_send: %s", weir_error(w));
	if (weir_flush(w, -1) < 0)
		fail("weir_flush: %s", weir_error(w));
}

static void open_worker(void)
{
	open_with(WEIR_OPEN_WORK);
}

static unsigned int take(struct job *jobs)
{
	int i, nr = weir_recvmany(w, msgs, TAKE_MAX, WAIT_MS);

	if (nr == -EINTR || nr == -ETIME || nr == -ETIMEDOUT || nr == -EAGAIN)
		return 0;
	if (nr < 0)
		fail("weir_recvmany: %s", weir_error(w));
	for (i = 0; i < nr; i++) {
		memcpy(&jobs[i].number, msgs[i].data, sizeof(jobs[i].number));
		jobs[i].handle = &msgs[i];
	}
	return (unsigned int)nr;
}

static void done(struct job *job)
{
	if (weir_ack(w, job->handle) < 0)
		fail("weir_ack: %s", weir_error(w));
}

static void stop(void)
{
	weir_channel_del(CHANNEL, 1, NULL, 0);
}

const struct broker broker_weir = {
	"weir", start, send_all, open_worker, take, done, stop
};
