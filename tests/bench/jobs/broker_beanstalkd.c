// SPDX-License-Identifier: GPL-2.0-only
/*
 * beanstalkd over a Unix socket, by its text protocol. A job comes back when its
 * worker's connection is closed, or RETRY_MS after it was reserved; a worker buries
 * what was reserved too often.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../bench.h"
#include "../server.h"
#include "jobs.h"

#define SOCKET	"/run/weir-bench-jobs-beanstalkd"

static struct server server = { .path = SOCKET };
static FILE *in, *out;

static void start(uint32_t jobs)
{
	static char *const argv[] = {
		(char *)"beanstalkd", (char *)"-l", (char *)"unix:" SOCKET, NULL
	};

	(void)jobs;
	server_go(&server, argv);
}

static void open_it(void)
{
	int fd = server_connect(&server);

	in = fdopen(fd, "r");
	out = fdopen(dup(fd), "w");
	if (!in || !out)
		fail("beanstalkd: no memory");
}

static void line(char *text, size_t size)
{
	fflush(out);
	if (!fgets(text, (int)size, in))
		fail("beanstalkd: the connection has ended");
}

static void expect(const char *word)
{
	char text[256];

	line(text, sizeof(text));
	if (strncmp(text, word, strlen(word)))
		fail("beanstalkd: \"%s\", expected \"%s\"", text, word);
}

static void send_all(uint32_t jobs)
{
	uint32_t i;

	open_it();
	for (i = 0; i < jobs; i++) {
		char number[16];
		int len = snprintf(number, sizeof(number), "%u", i);

		fprintf(out, "put 0 0 %d %d\r\n%s\r\n", RETRY_MS / 1000, len, number);
		expect("INSERTED");
	}
}

static unsigned int reserves(uint64_t id)
{
	char text[256];
	unsigned int found, nr = 0;
	size_t len, seen = 0;

	fprintf(out, "stats-job %llu\r\n", (unsigned long long)id);
	line(text, sizeof(text));
	if (sscanf(text, "OK %zu", &len) != 1)
		return 0;
	while (seen < len + 2) {
		line(text, sizeof(text));
		seen += strlen(text);
		if (sscanf(text, "reserves: %u", &found) == 1)
			nr = found;
	}
	return nr;
}

/* Return: whether there was one. */
static bool take_one(struct job *job)
{
	unsigned long long id;
	char text[256];
	size_t len;

	line(text, sizeof(text));
	/* DEADLINE_SOON: what it holds is about to be taken away. */
	if (!strncmp(text, "TIMED_OUT", 9) || !strncmp(text, "DEADLINE_SOON", 13))
		return false;
	if (sscanf(text, "RESERVED %llu %zu", &id, &len) != 2)
		fail("beanstalkd: \"%s\"", text);
	line(text, sizeof(text));
	job->number = (uint32_t)strtoul(text, NULL, 10);
	job->id = id;
	return true;
}

static unsigned int take(struct job *jobs)
{
	unsigned int i, nr = 0, kept = 0;

	/* In whole seconds. */
	fprintf(out, "reserve-with-timeout 1\r\n");
	for (i = 1; i < TAKE_MAX; i++)
		fprintf(out, "reserve-with-timeout 0\r\n");
	for (i = 0; i < TAKE_MAX; i++)
		nr += take_one(&jobs[nr]);
	for (i = 0; i < nr; i++) {
		if (reserves(jobs[i].id) <= ATTEMPTS_MAX) {
			jobs[kept++] = jobs[i];
			continue;
		}
		fprintf(out, "bury %llu 0\r\n", (unsigned long long)jobs[i].id);
		expect("");
	}
	return kept;
}

/* NOT_FOUND: it took too long, and somebody else has it by now. */
static void done(struct job *job)
{
	fprintf(out, "delete %llu\r\n", (unsigned long long)job->id);
	expect("");
}

static void stop(void)
{
	server_halt(&server);
}

const struct broker broker_beanstalkd = {
	"beanstalkd", start, send_all, open_it, take, done, stop
};
