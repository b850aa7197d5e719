// SPDX-License-Identifier: GPL-2.0-only
/*
 * NATS JetStream over loopback (its server has no Unix sockets), its stream in memory,
 * a pull consumer with explicit acknowledgement. What is not acknowledged after
 * RETRY_MS is delivered again, ATTEMPTS_MAX times in all.
 */
#include <nats/nats.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../bench.h"
#include "../process.h"
#include "jobs.h"

#define PORT	"42217"
#define TRIES	2000
#define STEP_NS	5000000ULL

static pid_t server;
static natsConnection *connection;
static jsCtx *stream;
static natsSubscription *subscription;
static natsMsgList held;

static void check(natsStatus s, const char *what)
{
	if (s != NATS_OK)
		fail("nats: %s: %s", what, natsStatus_GetText(s));
}

static natsStatus try_connect(void)
{
	return natsConnection_ConnectTo(&connection, "nats://127.0.0.1:" PORT);
}

static void connect_to_it(void)
{
	check(try_connect(), "connect");
	check(natsConnection_JetStream(&stream, connection, NULL), "JetStream");
}

/* In a process of its own: the library has threads, which do not survive a fork. */
static void make_stream(void)
{
	const char *subject = "jobs";
	int tries = TRIES;
	jsStreamConfig config;

	while (try_connect() != NATS_OK) {
		if (!--tries)
			fail("nats-server does not answer");
		sleep_ns(STEP_NS);
	}
	check(natsConnection_JetStream(&stream, connection, NULL), "JetStream");
	jsStreamConfig_Init(&config);
	config.Name = "JOBS";
	config.Subjects = &subject;
	config.SubjectsLen = 1;
	config.Storage = js_MemoryStorage;
	config.Retention = js_WorkQueuePolicy;
	check(js_AddStream(NULL, stream, &config, NULL, NULL), "AddStream");
}

static void subscribe(void)
{
	jsSubOptions opts;

	jsSubOptions_Init(&opts);
	opts.Config.AckPolicy = js_AckExplicit;
	opts.Config.AckWait = RETRY_MS * 1000000LL;
	opts.Config.MaxDeliver = ATTEMPTS_MAX;
	check(js_PullSubscribe(&subscription, stream, "jobs", "crew", NULL, &opts, NULL),
	      "PullSubscribe");
}

static void start(uint32_t jobs)
{
	static char *const argv[] = {
		(char *)"nats-server", (char *)"-a", (char *)"127.0.0.1",
		(char *)"-p", (char *)PORT, (char *)"-js",
		(char *)"-sd", (char *)"/tmp/weir-bench-nats", NULL
	};
	int status;
	pid_t pid;

	(void)jobs;
	server = process_server(argv);
	pid = process_fork(CPU_ANY);
	if (!pid) {
		make_stream();
		subscribe();
		_exit(0);
	}
	if (waitpid(pid, &status, 0) < 0 || status)
		fail("nats: no stream");
}

static void send_all(uint32_t jobs)
{
	uint32_t i;

	connect_to_it();
	for (i = 0; i < jobs; i++)
		check(js_PublishAsync(stream, "jobs", &i, sizeof(i), NULL), "publish");
	check(js_PublishAsyncComplete(stream, NULL), "publish");
}

static void open_worker(void)
{
	connect_to_it();
	subscribe();
}

static unsigned int take(struct job *jobs)
{
	natsStatus s;
	int i;

	natsMsgList_Destroy(&held);
	s = natsSubscription_Fetch(&held, subscription, TAKE_MAX, WAIT_MS, NULL);
	if (s == NATS_TIMEOUT)
		return 0;
	check(s, "fetch");
	for (i = 0; i < held.Count; i++) {
		memcpy(&jobs[i].number, natsMsg_GetData(held.Msgs[i]),
		       sizeof(jobs[i].number));
		jobs[i].handle = held.Msgs[i];
	}
	return (unsigned int)held.Count;
}

static void done(struct job *job)
{
	check(natsMsg_Ack(job->handle, NULL), "ack");
}

static void stop(void)
{
	process_end(server);
}

const struct broker broker_nats = {
	"nats", start, send_all, open_worker, take, done, stop
};
