// SPDX-License-Identifier: GPL-2.0-only
/*
 * Valkey (or Redis) Streams over a Unix socket: XADD, XREADGROUP, XACK, a batch
 * of them pipelined. Acknowledged entries are deleted, else the stream only
 * grows. Fan-out is a consumer group for each worker. There is no word of a
 * consumer's death: others take over what has been idle for long enough
 * (XAUTOCLAIM), here a second.
 */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "payload.h"
#include "process.h"
#include "server.h"

#define SOCKET		"/run/weir-bench-redis"
#define MIN_IDLE_MS	1000
#define POLL_NS		10000000

static struct server server = { .path = SOCKET };

struct state {
	redisContext *context;
	char key[16];
	char group[16];
	char consumer[16];
	char *payload;
};

static redisContext *connect_to_it(void)
{
	redisContext *c = redisConnectUnix(SOCKET);

	if (!c || c->err)
		fail("redis: %s", c ? c->errstr : "no memory");
	return c;
}

static void check(redisContext *c, const redisReply *r, const char *what)
{
	if (!r)
		fail("redis: %s: %s", what, c->errstr);
	if (r->type == REDIS_REPLY_ERROR)
		fail("redis: %s: %s", what, r->str);
}

static redisReply *get_reply(redisContext *c, const char *what)
{
	void *r = NULL;

	redisGetReply(c, &r);
	check(c, r, what);
	return r;
}

static void prepare(const struct cell *cell)
{
	redisContext *c = connect_to_it();
	unsigned int i, j;

	freeReplyObject(redisCommand(c, "FLUSHALL"));
	for (i = 0; i < 2; i++)
		for (j = 0; j < cell_lanes(cell); j++) {
			redisReply *r = redisCommand(c,
				"XGROUP CREATE bench%u group%u 0 MKSTREAM", i, j);

			check(c, r, "XGROUP");
			freeReplyObject(r);
		}
	redisFree(c);
}

static void open_link(struct link *l)
{
	struct state *s = calloc(1, sizeof(*s));
	bool fanout = l->cell->scenario == FANOUT;

	l->state = s;
	s->context = connect_to_it();
	snprintf(s->key, sizeof(s->key), "bench%u", l->channel);
	snprintf(s->group, sizeof(s->group), "group%u", fanout ? l->index : 0);
	snprintf(s->consumer, sizeof(s->consumer), "worker%u", l->index);
	if (l->role == SENDER)
		s->payload = payload_buffers(l->cell->batch, l->cell->size);
}

static void send_batch(struct link *l, unsigned int nr)
{
	struct state *s = l->state;
	size_t len[] = { 4, strlen(s->key), 1, 1, 0 };
	const char *argv[5];
	unsigned int i;

	argv[0] = "XADD";
	argv[1] = s->key;
	argv[2] = "*";
	argv[3] = "d";
	for (i = 0; i < nr; i++) {
		char *p = s->payload + i * l->cell->size;

		argv[4] = p;
		len[4] = payload_write(l, p);
		if (redisAppendCommandArgv(s->context, 5, argv, len))
			fail("redis: XADD: %s", s->context->errstr);
	}
	for (i = 0; i < nr; i++)
		freeReplyObject(get_reply(s->context, "XADD"));
}

/* Acknowledges entries, each [id, [field, value]], and deletes them. */
static void acknowledge(struct link *l, struct state *s, const redisReply *list)
{
	size_t i, nr = list->elements, argc = 3;
	const char *argv[3 + nr];

	argv[0] = "XACK";
	argv[1] = s->key;
	argv[2] = s->group;
	for (i = 0; i < nr; i++)
		argv[argc++] = list->element[i]->element[0]->str;
	redisAppendCommandArgv(s->context, (int)argc, argv, NULL);
	/* The other groups still need them. */
	if (l->cell->scenario != FANOUT) {
		argv[1] = "XDEL";
		argv[2] = s->key;
		redisAppendCommandArgv(s->context, (int)argc - 1, argv + 1, NULL);
		freeReplyObject(get_reply(s->context, "XACK"));
		freeReplyObject(get_reply(s->context, "XDEL"));
		return;
	}
	freeReplyObject(get_reply(s->context, "XACK"));
}

static unsigned int take(struct link *l, struct state *s, const redisReply *list)
{
	const redisReply *value;
	size_t i;

	for (i = 0; i < list->elements; i++) {
		value = list->element[i]->element[1]->element[1];
		payload_read(l, value->str, value->len);
	}
	if (list->elements && !l->hold)
		acknowledge(l, s, list);
	return (unsigned int)list->elements;
}

static unsigned int receive(struct link *l, unsigned int max)
{
	struct state *s = l->state;
	redisReply *r;
	unsigned int nr = 0;

	r = redisCommand(s->context,
			 "XREADGROUP GROUP %s %s COUNT %u BLOCK 0 STREAMS %s >",
			 s->group, s->consumer, max, s->key);
	check(s->context, r, "XREADGROUP");
	if (r->type == REDIS_REPLY_ARRAY && r->elements)
		nr = take(l, s, r->element[0]->element[1]);
	freeReplyObject(r);
	return nr;
}

static unsigned int reclaim(struct link *l, unsigned int max)
{
	struct state *s = l->state;
	unsigned int nr;
	redisReply *r;

	r = redisCommand(s->context, "XAUTOCLAIM %s %s %s %u 0 COUNT %u", s->key,
			 s->group, s->consumer, MIN_IDLE_MS, max);
	check(s->context, r, "XAUTOCLAIM");
	nr = take(l, s, r->element[1]);
	freeReplyObject(r);
	if (!nr)
		sleep_ns(POLL_NS);
	return nr;
}

/* ---- the server ---- */

static void start(void)
{
	static char *const valkey[] = {
		(char *)"valkey-server", (char *)"--port", (char *)"0",
		(char *)"--unixsocket", (char *)SOCKET,
		(char *)"--save", (char *)"", (char *)"--appendonly", (char *)"no",
		(char *)"--dir", (char *)"/tmp", NULL
	};

	server_go(&server, valkey);
}

static pid_t pid_of_server(void)
{
	return server.pid;
}

static void clean(void)
{
	server_halt(&server);
}

const struct system system_redis = {
	.name = "redis",
	.sleeps = true,
	.start = start,
	.prepare = prepare,
	.open = open_link,
	.send = send_batch,
	.receive = receive,
	.reclaim = reclaim,
	.server = pid_of_server,
	.clean = clean,
};
