// SPDX-License-Identifier: GPL-2.0-only
/*
 * Valkey (or Redis) Streams over a Unix socket. There is no word of a consumer's
 * death: what has been idle for RETRY_MS is claimed by who finds nothing else, or has
 * not looked for as long; what was delivered too often is acknowledged unseen.
 */
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../bench.h"
#include "../server.h"
#include "jobs.h"

#define SOCKET	"/run/weir-bench-jobs-redis"

static struct server server = { .path = SOCKET };
static redisContext *context;
static char consumer[32];
static uint64_t looked_ns;

static redisReply *ask(const char *format, ...)
{
	redisReply *r;
	va_list args;

	va_start(args, format);
	r = redisvCommand(context, format, args);
	va_end(args);
	if (!r || r->type == REDIS_REPLY_ERROR)
		fail("redis: %s: %s", format, r ? r->str : context->errstr);
	return r;
}

static void open_it(void)
{
	context = redisConnectUnix(SOCKET);
	if (!context || context->err)
		fail("redis: %s", context ? context->errstr : "no memory");
	snprintf(consumer, sizeof(consumer), "worker%d", getpid());
	looked_ns = now_ns();
}

static void start(uint32_t jobs)
{
	static char *const valkey[] = {
		(char *)"valkey-server", (char *)"--port", (char *)"0",
		(char *)"--unixsocket", (char *)SOCKET,
		(char *)"--save", (char *)"", (char *)"--appendonly", (char *)"no",
		(char *)"--dir", (char *)"/tmp", NULL
	};

	(void)jobs;
	server_go(&server, valkey);
	open_it();
	freeReplyObject(ask("FLUSHALL"));
	freeReplyObject(ask("XGROUP CREATE jobs crew 0 MKSTREAM"));
	redisFree(context);
}

static void send_all(uint32_t jobs)
{
	uint32_t i;

	open_it();
	for (i = 0; i < jobs; i++)
		freeReplyObject(ask("XADD jobs * d %b", &i, sizeof(i)));
}

/* Times that an entry was delivered. */
static unsigned int attempts(const char *id)
{
	redisReply *r = ask("XPENDING jobs crew %s %s 1", id, id);
	unsigned int nr = 0;

	if (r->elements)
		nr = (unsigned int)r->element[0]->element[3]->integer;
	freeReplyObject(r);
	return nr;
}

static void settle(const char *id)
{
	freeReplyObject(ask("XACK jobs crew %s", id));
}

static unsigned int keep(const redisReply *list, struct job *jobs, bool claimed)
{
	unsigned int nr = 0;
	size_t i;

	for (i = 0; i < list->elements; i++) {
		const redisReply *entry = list->element[i];
		const char *id = entry->element[0]->str;

		if (claimed && attempts(id) > ATTEMPTS_MAX) {
			settle(id);
			continue;
		}
		memcpy(&jobs[nr].number, entry->element[1]->element[1]->str,
		       sizeof(jobs[nr].number));
		snprintf(jobs[nr].name, sizeof(jobs[nr].name), "%s", id);
		nr++;
	}
	return nr;
}

static unsigned int claim(struct job *jobs)
{
	redisReply *r = ask("XAUTOCLAIM jobs crew %s %d 0 COUNT %d", consumer, RETRY_MS,
			    TAKE_MAX);
	unsigned int nr = keep(r->element[1], jobs, true);

	freeReplyObject(r);
	looked_ns = now_ns();
	return nr;
}

static unsigned int take(struct job *jobs)
{
	unsigned int nr = 0;
	redisReply *r;

	if (now_ns() - looked_ns > RETRY_MS * 1000000ULL)
		nr = claim(jobs);
	if (nr)
		return nr;
	r = ask("XREADGROUP GROUP crew %s COUNT %d BLOCK %d STREAMS jobs >", consumer,
		TAKE_MAX, WAIT_MS);
	if (r->type == REDIS_REPLY_ARRAY && r->elements)
		nr = keep(r->element[0]->element[1], jobs, false);
	freeReplyObject(r);
	return nr ?: claim(jobs);
}

static void done(struct job *job)
{
	settle(job->name);
}

static void stop(void)
{
	server_halt(&server);
}

const struct broker broker_redis = {
	"redis", start, send_all, open_it, take, done, stop
};
