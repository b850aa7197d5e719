// SPDX-License-Identifier: GPL-2.0-only
/*
 * beanstalkd over a Unix socket, by its text protocol. Batches are pipelined:
 * commands of a whole batch, then all the answers; what was worked on is deleted
 * (that is its acknowledgement) together with the next request. It has no
 * fan-out: a copy to each worker's own tube.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "payload.h"
#include "server.h"

#define SOCKET		"/run/weir-bench-beanstalkd"
#define LINE_SIZE	128

static struct server server = { .path = SOCKET };

struct stream {
	int fd;
	char *buffer;
	size_t size, begin, end;
};

struct state {
	struct stream stream[PRODUCERS_MAX];
	unsigned int nr_streams;
	char *payload;
	char *requests;		/* of the receiver, being gathered */
	size_t nr_requests;
};

/* ---- streams ---- */

static void fill(struct stream *s)
{
	ssize_t got;

	if (s->begin == s->end)
		s->begin = s->end = 0;
	if (s->end == s->size) {
		memmove(s->buffer, s->buffer + s->begin, s->end - s->begin);
		s->end -= s->begin;
		s->begin = 0;
	}
	got = read(s->fd, s->buffer + s->end, s->size - s->end);
	if (got <= 0)
		fail("beanstalkd: read: errno %d", got ? errno : 0);
	s->end += (size_t)got;
}

/* The next line, without its end. Valid until the next fill(). */
static char *line(struct stream *s)
{
	char *start, *end;

	for (;;) {
		start = s->buffer + s->begin;
		end = memmem(start, s->end - s->begin, "\r\n", 2);
		if (end)
			break;
		fill(s);
	}
	*end = 0;
	s->begin += (size_t)(end - start) + 2;
	return start;
}

/* @len bytes and the line's end after them. */
static char *block(struct stream *s, size_t len)
{
	char *start;

	while (s->end - s->begin < len + 2)
		fill(s);
	start = s->buffer + s->begin;
	s->begin += len + 2;
	return start;
}

static void write_all(int fd, struct iovec *v, unsigned int nr)
{
	ssize_t done;

	while (nr) {
		done = writev(fd, v, (int)nr);
		if (done < 0)
			fail("beanstalkd: write: errno %d", errno);
		for (; nr && (size_t)done >= v->iov_len; v++, nr--)
			done -= (ssize_t)v->iov_len;
		if (nr) {
			v->iov_base = (char *)v->iov_base + done;
			v->iov_len -= (size_t)done;
		}
	}
}

static void expect(struct stream *s, const char *word)
{
	const char *answer = line(s);

	if (strncmp(answer, word, strlen(word)))
		fail("beanstalkd: \"%s\", expected \"%s\"", answer, word);
}

/* ---- open ---- */

static void open_stream(struct link *l, struct stream *s, unsigned int lane)
{
	bool sender = l->role == SENDER;
	char text[LINE_SIZE];
	struct iovec v = { text, 0 };

	s->fd = server_connect(&server);
	s->size = 65536;
	if (!sender)
		s->size += l->cell->batch * (l->cell->size + LINE_SIZE);
	s->buffer = payload_buffers(1, s->size);
	v.iov_len = (size_t)snprintf(text, sizeof(text), "%s bench-%u-%u\r\n",
				     sender ? "use" : "watch", l->channel, lane);
	write_all(s->fd, &v, 1);
	expect(s, sender ? "USING" : "WATCHING");
}

static void open_link(struct link *l)
{
	unsigned int i, lanes = cell_lanes(l->cell);
	struct state *s = calloc(1, sizeof(*s));

	l->state = s;
	s->nr_streams = l->role == SENDER ? lanes : 1;
	for (i = 0; i < s->nr_streams; i++)
		open_stream(l, &s->stream[i], l->role == SENDER ? i :
			    lanes > 1 ? l->index : 0);
	if (l->role == SENDER)
		s->payload = payload_buffers(l->cell->batch, l->cell->size);
	else
		s->requests = calloc(2 * l->cell->batch + 2, LINE_SIZE);
}

/* ---- send ---- */

static void send_batch(struct link *l, unsigned int nr)
{
	struct state *s = l->state;
	char head[nr][LINE_SIZE];
	struct iovec first[3 * nr], v[3 * nr];
	unsigned int i, j;
	size_t len;

	for (i = 0; i < nr; i++) {
		char *p = s->payload + i * l->cell->size;

		len = payload_write(l, p);
		first[3 * i].iov_base = head[i];
		first[3 * i].iov_len = (size_t)snprintf(head[i], LINE_SIZE,
							"put 0 0 120 %zu\r\n", len);
		first[3 * i + 1] = (struct iovec) { p, len };
		first[3 * i + 2] = (struct iovec) { (void *)"\r\n", 2 };
	}
	for (j = 0; j < s->nr_streams; j++) {
		memcpy(v, first, sizeof(v));
		write_all(s->stream[j].fd, v, 3 * nr);
	}
	for (j = 0; j < s->nr_streams; j++)
		for (i = 0; i < nr; i++)
			expect(&s->stream[j], "INSERTED");
}

/* ---- receive ---- */

__attribute__((format(printf, 2, 3)))
static void request(struct state *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	s->nr_requests += (size_t)vsprintf(s->requests + s->nr_requests, format,
					   args);
	va_end(args);
}

static void send_requests(struct state *s)
{
	struct iovec v = { s->requests, s->nr_requests };

	write_all(s->stream[0].fd, &v, 1);
	s->nr_requests = 0;
}

static bool take(struct link *l, struct state *s, unsigned long long *id)
{
	struct stream *in = &s->stream[0];
	const char *answer = line(in);
	size_t len;

	if (!strcmp(answer, "TIMED_OUT"))
		return false;
	if (sscanf(answer, "RESERVED %llu %zu", id, &len) != 2)
		fail("beanstalkd: \"%s\"", answer);
	payload_read(l, block(in, len), len);
	return true;
}

static unsigned int receive(struct link *l, unsigned int max)
{
	struct state *s = l->state;
	unsigned long long id[max];
	unsigned int i, nr = 0;

	request(s, "reserve\r\n");
	for (i = 1; i < max; i++)
		request(s, "reserve-with-timeout 0\r\n");
	send_requests(s);
	for (i = 0; i < max; i++)
		if (take(l, s, &id[nr]))
			nr++;
	if (l->hold)
		return nr;
	for (i = 0; i < nr; i++)
		request(s, "delete %llu\r\n", id[i]);
	send_requests(s);
	for (i = 0; i < nr; i++)
		expect(&s->stream[0], "DELETED");
	return nr;
}

/* ---- the server ---- */

static void start(void)
{
	char *const argv[] = {
		(char *)"beanstalkd", (char *)"-l", (char *)"unix:" SOCKET,
		(char *)"-z", (char *)"2097152", NULL
	};

	server_go(&server, argv);
}

static pid_t pid_of_server(void)
{
	return server.pid;
}

static void clean(void)
{
	server_halt(&server);
}

const struct system system_beanstalkd = {
	.name = "beanstalkd",
	.sleeps = true,
	.start = start,
	.open = open_link,
	.send = send_batch,
	.receive = receive,
	.server = pid_of_server,
	.clean = clean,
};
