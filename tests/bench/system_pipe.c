// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pipes. Messages longer than PIPE_BUF of several writers would mix, and several
 * readers would tear them: each producer has a worker of its own. A message is
 * its length, then its bytes; a batch is one writev().
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "payload.h"

#define PIPE_BYTES	(1 << 20)
#define IOV_MAX_	1024

static int pipes[2][PRODUCERS_MAX][2];

struct state {
	int fd[PRODUCERS_MAX];
	unsigned int nr_fds;
	char *buffer;
	size_t size;		/* of the buffer, or of one message in it */
	size_t begin, end;	/* what was read and not taken */
};

static const char *cannot(const struct cell *cell)
{
	if (cell->scenario == THROUGHPUT && cell->producers != cell->workers)
		return "a pipe has one reader here";
	return NULL;
}

static void prepare(const struct cell *cell)
{
	int flags = O_CLOEXEC | (cell->blocking ? 0 : O_NONBLOCK);
	unsigned int i, j;

	for (i = 0; i < 2; i++)
		for (j = 0; j < PRODUCERS_MAX; j++) {
			if (pipe2(pipes[i][j], flags))
				fail("pipe: errno %d", errno);
			/* What is not allowed stays at its default. */
			fcntl(pipes[i][j][1], F_SETPIPE_SZ, PIPE_BYTES);
		}
}

static void open_link(struct link *l)
{
	const struct cell *cell = l->cell;
	struct state *s = calloc(1, sizeof(*s));
	unsigned int i, copies = cell_lanes(cell);

	l->state = s;
	s->nr_fds = l->role == SENDER ? copies : 1;
	for (i = 0; i < s->nr_fds; i++)
		s->fd[i] = pipes[l->channel][copies > 1 && l->role == SENDER ?
					     i : l->index][l->role == SENDER];
	s->size = cell->size;
	if (l->role == RECEIVER)
		s->size = cell->batch * (sizeof(uint32_t) + cell->size);
	s->buffer = payload_buffers(l->role == SENDER ? cell->batch : 1,
				    s->size);
}

static void write_all(int fd, struct iovec *v, unsigned int nr)
{
	ssize_t done;

	while (nr) {
		done = writev(fd, v, (int)(nr < IOV_MAX_ ? nr : IOV_MAX_));
		if (done < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (done < 0)
			fail("writev: errno %d", errno);
		for (; nr && (size_t)done >= v->iov_len; v++, nr--)
			done -= (ssize_t)v->iov_len;
		if (nr) {
			v->iov_base = (char *)v->iov_base + done;
			v->iov_len -= (size_t)done;
		}
	}
}

static void send_batch(struct link *l, unsigned int nr)
{
	struct iovec first[2 * nr], v[2 * nr];
	struct state *s = l->state;
	uint32_t len[nr];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		char *p = s->buffer + i * s->size;

		len[i] = (uint32_t)payload_write(l, p);
		first[2 * i] = (struct iovec) { &len[i], sizeof(len[i]) };
		first[2 * i + 1] = (struct iovec) { p, len[i] };
	}
	for (i = 0; i < s->nr_fds; i++) {
		memcpy(v, first, sizeof(v));
		write_all(s->fd[i], v, 2 * nr);
	}
}

static unsigned int take(struct link *l, struct state *s, unsigned int max)
{
	unsigned int nr = 0;
	uint32_t len;

	while (nr < max && s->end - s->begin >= sizeof(len)) {
		memcpy(&len, s->buffer + s->begin, sizeof(len));
		if (s->end - s->begin - sizeof(len) < len)
			break;
		payload_read(l, s->buffer + s->begin + sizeof(len), len);
		s->begin += sizeof(len) + len;
		nr++;
	}
	return nr;
}

/* Room for one whole message at least. */
static void make_room(struct state *s, size_t message)
{
	if (s->begin == s->end)
		s->begin = s->end = 0;
	if (s->size - s->begin >= message)
		return;
	memmove(s->buffer, s->buffer + s->begin, s->end - s->begin);
	s->end -= s->begin;
	s->begin = 0;
}

static unsigned int receive(struct link *l, unsigned int max)
{
	struct state *s = l->state;
	unsigned int nr;
	ssize_t got;

	for (;;) {
		nr = take(l, s, max);
		if (nr)
			return nr;
		make_room(s, sizeof(uint32_t) + l->cell->size);
		got = read(s->fd[0], s->buffer + s->end, s->size - s->end);
		if (got > 0)
			s->end += (size_t)got;
		else if (got < 0 && errno == EAGAIN)
			return 0;
		else if (got == 0 || errno != EINTR)
			fail("read: errno %d", got ? errno : 0);
	}
}

const struct system system_pipe = {
	.name = "pipe",
	.sleeps = true,
	.spins = true,
	.cannot = cannot,
	.prepare = prepare,
	.open = open_link,
	.send = send_batch,
	.receive = receive,
};
