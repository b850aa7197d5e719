// SPDX-License-Identifier: GPL-2.0-only
/*
 * ZeroMQ over ipc: PUSH to each worker's PULL; fan-out by PUB and SUB, told to
 * wait and not to drop. It batches by itself; its messages are written in place.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "payload.h"

struct state {
	void *socket;
	int flags;
};

static void check(int rc, const char *what)
{
	if (rc < 0)
		fail("%s: %s", what, zmq_strerror(errno));
}

static void set(void *socket, int option, int value)
{
	check(zmq_setsockopt(socket, option, &value, sizeof(value)),
	      "zmq_setsockopt");
}

/* Names that vanish with their sockets. */
static void attach(struct state *s, const struct link *l, unsigned int index,
		   bool bind)
{
	char name[64];

	snprintf(name, sizeof(name), "ipc://@weir-bench-%u-%u", l->channel,
		 index);
	check(bind ? zmq_bind(s->socket, name) : zmq_connect(s->socket, name),
	      name);
}

static void await_subscribers(struct state *s, unsigned int nr)
{
	char subscription[16];

	while (nr--)
		check(zmq_recv(s->socket, subscription, sizeof(subscription), 0),
		      "zmq_recv of a subscription");
}

static void open_link(struct link *l)
{
	struct state *s = calloc(1, sizeof(*s));
	bool sender = l->role == SENDER, fanout = l->cell->scenario == FANOUT;
	int type = fanout ? sender ? ZMQ_XPUB : ZMQ_SUB :
		   sender ? ZMQ_PUSH : ZMQ_PULL;
	/* Its limits are for each connection. */
	int depth = (int)(cell_depth(l->cell) / l->cell->producers);
	unsigned int i;

	l->state = s;
	s->flags = l->cell->blocking ? 0 : ZMQ_DONTWAIT;
	s->socket = zmq_socket(zmq_ctx_new(), type);
	if (!s->socket)
		fail("zmq_socket: %s", zmq_strerror(errno));
	set(s->socket, ZMQ_SNDHWM, depth);
	set(s->socket, ZMQ_RCVHWM, depth);
	set(s->socket, ZMQ_RECONNECT_IVL, 1);
	if (!fanout && !sender)
		attach(s, l, l->index, true);
	for (i = 0; !fanout && sender && i < l->cell->workers; i++)
		attach(s, l, i, false);
	if (!fanout)
		return;
	if (sender) {
		set(s->socket, ZMQ_XPUB_NODROP, 1);
		/* Tell of each subscriber, though all want the same. */
		set(s->socket, ZMQ_XPUB_VERBOSE, 1);
	} else {
		check(zmq_setsockopt(s->socket, ZMQ_SUBSCRIBE, "", 0),
		      "zmq_setsockopt");
	}
	attach(s, l, 0, sender);
	if (sender)
		await_subscribers(s, l->cell->workers);
}

static void send_batch(struct link *l, unsigned int nr)
{
	struct state *s = l->state;
	zmq_msg_t msg;
	size_t len;

	while (nr--) {
		len = payload_next(l);
		check(zmq_msg_init_size(&msg, len), "zmq_msg_init_size");
		payload_fill(l, zmq_msg_data(&msg), len);
		while (zmq_msg_send(&msg, s->socket, s->flags) < 0)
			if (errno != EAGAIN && errno != EINTR)
				fail("zmq_msg_send: %s", zmq_strerror(errno));
	}
}

static unsigned int receive(struct link *l, unsigned int max)
{
	struct state *s = l->state;
	unsigned int nr = 0;
	zmq_msg_t msg;

	zmq_msg_init(&msg);
	while (nr < max) {
		if (zmq_msg_recv(&msg, s->socket, nr ? ZMQ_DONTWAIT : s->flags) < 0) {
			if (errno == EAGAIN || errno == EINTR)
				break;
			fail("zmq_msg_recv: %s", zmq_strerror(errno));
		}
		payload_read(l, zmq_msg_data(&msg), zmq_msg_size(&msg));
		nr++;
	}
	zmq_msg_close(&msg);
	return nr;
}

const struct system system_zeromq = {
	.name = "zeromq",
	.sleeps = true,
	.spins = true,
	.open = open_link,
	.send = send_batch,
	.receive = receive,
};
