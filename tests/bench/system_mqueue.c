// SPDX-License-Identifier: GPL-2.0-only
/* POSIX message queues: a message per call, they have no batches. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "payload.h"

#define NAME_SIZE	32

struct state {
	mqd_t queue[PRODUCERS_MAX];
	unsigned int nr_queues;
	char *buffers;
};

static char *name_of(char *name, unsigned int channel, unsigned int lane)
{
	snprintf(name, NAME_SIZE, "/weir-bench-%u-%u", channel, lane);
	return name;
}

static void allow(const char *what, unsigned long value)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/fs/mqueue/%s", what);
	f = fopen(path, "w");
	if (!f)
		fail("%s: errno %d", path, errno);
	fprintf(f, "%lu\n", value);
	fclose(f);
}

static void prepare(const struct cell *cell)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct mq_attr attr = {
		.mq_maxmsg = cell_depth(cell),
		.mq_msgsize = (long)cell->size,
	};
	unsigned int i, j;
	char name[NAME_SIZE];
	mqd_t queue;

	allow("msg_max", 65536);
	allow("msgsize_max", 1 << 24);
	if (setrlimit(RLIMIT_MSGQUEUE, &all))
		fail("RLIMIT_MSGQUEUE: errno %d", errno);
	for (i = 0; i < 2; i++)
		for (j = 0; j < cell_lanes(cell); j++) {
			queue = mq_open(name_of(name, i, j), O_CREAT | O_RDWR,
					0600, &attr);
			if (queue == (mqd_t)-1)
				fail("mq_open: errno %d", errno);
			mq_close(queue);
		}
}

static void open_link(struct link *l)
{
	int flags = (l->role == SENDER ? O_WRONLY : O_RDONLY) |
		    (l->cell->blocking ? 0 : O_NONBLOCK);
	unsigned int i, lane, lanes = cell_lanes(l->cell);
	struct state *s = calloc(1, sizeof(*s));
	char name[NAME_SIZE];

	l->state = s;
	s->nr_queues = l->role == SENDER ? lanes : 1;
	for (i = 0; i < s->nr_queues; i++) {
		lane = l->role == SENDER ? i : lanes > 1 ? l->index : 0;
		s->queue[i] = mq_open(name_of(name, l->channel, lane), flags);
		if (s->queue[i] == (mqd_t)-1)
			fail("mq_open: errno %d", errno);
	}
	s->buffers = payload_buffers(l->cell->batch, l->cell->size);
}

static void send_one(mqd_t queue, const char *p, size_t len)
{
	while (mq_send(queue, p, len, 0))
		if (errno != EAGAIN && errno != EINTR)
			fail("mq_send: errno %d", errno);
}

static void send_batch(struct link *l, unsigned int nr)
{
	struct state *s = l->state;
	unsigned int i, j;
	size_t len;
	char *p;

	for (i = 0; i < nr; i++) {
		p = s->buffers + i * l->cell->size;
		len = payload_write(l, p);
		for (j = 0; j < s->nr_queues; j++)
			send_one(s->queue[j], p, len);
	}
}

static unsigned int receive(struct link *l, unsigned int max)
{
	struct state *s = l->state;
	ssize_t len = mq_receive(s->queue[0], s->buffers, l->cell->size, NULL);

	(void)max;
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (len < 0)
		fail("mq_receive: errno %d", errno);
	payload_read(l, s->buffers, (size_t)len);
	return 1;
}

static void clean(void)
{
	unsigned int i, j;
	char name[NAME_SIZE];

	for (i = 0; i < 2; i++)
		for (j = 0; j < PRODUCERS_MAX; j++)
			mq_unlink(name_of(name, i, j));
}

const struct system system_mqueue = {
	.name = "mqueue",
	.sleeps = true,
	.spins = true,
	.prepare = prepare,
	.open = open_link,
	.send = send_batch,
	.receive = receive,
	.clean = clean,
};
