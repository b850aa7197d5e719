// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unix sockets, SEQPACKET: several producers and workers share a pair. A batch
 * is one sendmmsg(), one recvmmsg() that waits for the first message only.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "payload.h"

#define SOCKET_BYTES	(1 << 20)

static int pairs[2][PRODUCERS_MAX][2];

struct state {
	int fd[PRODUCERS_MAX];
	unsigned int nr_fds;
	char *buffers;
	struct iovec *v;
	struct mmsghdr *m;
};

static void prepare(const struct cell *cell)
{
	int bytes = (int)(8 * cell->size);
	unsigned int i, j;

	if (bytes < SOCKET_BYTES)
		bytes = SOCKET_BYTES;
	for (i = 0; i < 2; i++)
		for (j = 0; j < PRODUCERS_MAX; j++) {
			if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC,
				       0, pairs[i][j]))
				fail("socketpair: errno %d", errno);
			if (setsockopt(pairs[i][j][1], SOL_SOCKET,
				       SO_SNDBUFFORCE, &bytes, sizeof(bytes)))
				fail("SO_SNDBUFFORCE: errno %d", errno);
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
		s->fd[i] = pairs[l->channel][l->role == SENDER ? i : copies > 1 ?
					     l->index : 0][l->role == SENDER];
	s->buffers = payload_buffers(cell->batch, cell->size);
	s->v = calloc(cell->batch, sizeof(*s->v));
	s->m = calloc(cell->batch, sizeof(*s->m));
	for (i = 0; i < cell->batch; i++) {
		s->v[i].iov_base = s->buffers + i * cell->size;
		s->v[i].iov_len = cell->size;
		s->m[i].msg_hdr.msg_iov = &s->v[i];
		s->m[i].msg_hdr.msg_iovlen = 1;
	}
}

static void send_all(int fd, struct mmsghdr *m, unsigned int nr, int flags)
{
	ssize_t one;
	int done;

	while (nr) {
		if (nr == 1) {
			one = sendmsg(fd, &m->msg_hdr, flags);
			done = one < 0 ? -1 : 1;
		} else {
			done = sendmmsg(fd, m, nr, flags);
		}
		if (done < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (done < 0)
			fail("sendmmsg: errno %d", errno);
		m += done;
		nr -= (unsigned int)done;
	}
}

static void send_batch(struct link *l, unsigned int nr)
{
	int flags = l->cell->blocking ? 0 : MSG_DONTWAIT;
	struct state *s = l->state;
	unsigned int i;

	for (i = 0; i < nr; i++)
		s->v[i].iov_len = payload_write(l, s->v[i].iov_base);
	for (i = 0; i < s->nr_fds; i++)
		send_all(s->fd[i], s->m, nr, flags);
}

static unsigned int receive(struct link *l, unsigned int max)
{
	int got, flags = l->cell->blocking ? MSG_WAITFORONE : MSG_DONTWAIT;
	struct state *s = l->state;
	ssize_t len;
	int i;

	if (max == 1) {
		len = recv(s->fd[0], s->buffers, l->cell->size,
			   flags & MSG_DONTWAIT);
		got = len < 0 ? -1 : 1;
		s->m[0].msg_len = (unsigned int)len;
	} else {
		got = recvmmsg(s->fd[0], s->m, max, flags, NULL);
	}
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got < 0)
		fail("recvmmsg: errno %d", errno);
	for (i = 0; i < got; i++)
		payload_read(l, s->v[i].iov_base, s->m[i].msg_len);
	return (unsigned int)got;
}

const struct system system_unix = {
	.name = "unix",
	.sleeps = true,
	.spins = true,
	.prepare = prepare,
	.open = open_link,
	.send = send_batch,
	.receive = receive,
};
