// SPDX-License-Identifier: GPL-2.0-only
/*
 * nng over ipc: push to each worker's pull. Its pub drops what a subscriber has
 * no room for, so fan-out is a push of a copy to each. Messages are written in
 * place.
 */
#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <stdio.h>
#include <stdlib.h>

#include "payload.h"

#define RETRY_NS	1000000

struct state {
	nng_socket socket[PRODUCERS_MAX];
	unsigned int nr_sockets;
	int flags;
};

static void check(int rc, const char *what)
{
	if (rc)
		fail("%s: %s", what, nng_strerror(rc));
}

static void name_of(char *name, size_t size, const struct link *l,
		    unsigned int index)
{
	snprintf(name, size, "abstract://weir-bench-%u-%u", l->channel, index);
}

static void dial(nng_socket socket, const struct link *l, unsigned int index)
{
	char name[64];
	int rc;

	name_of(name, sizeof(name), l, index);
	/* The listener may not be there yet. */
	while ((rc = nng_dial(socket, name, NULL, 0)) == NNG_ECONNREFUSED ||
	       rc == NNG_ENOENT)
		sleep_ns(RETRY_NS);
	check(rc, "nng_dial");
}

static void open_sender(struct link *l, struct state *s, int depth)
{
	unsigned int i;

	s->nr_sockets = cell_lanes(l->cell);
	for (i = 0; i < s->nr_sockets; i++) {
		check(nng_push0_open(&s->socket[i]), "nng_push0_open");
		nng_socket_set_int(s->socket[i], NNG_OPT_SENDBUF, depth);
	}
	for (i = 0; i < l->cell->workers; i++)
		dial(s->socket[s->nr_sockets > 1 ? i : 0], l, i);
}

static void open_receiver(struct link *l, struct state *s, int depth)
{
	char name[64];

	s->nr_sockets = 1;
	check(nng_pull0_open(&s->socket[0]), "nng_pull0_open");
	nng_socket_set_int(s->socket[0], NNG_OPT_RECVBUF, depth);
	check(nng_socket_set_size(s->socket[0], NNG_OPT_RECVMAXSZ, 0),
	      "NNG_OPT_RECVMAXSZ");
	name_of(name, sizeof(name), l, l->index);
	check(nng_listen(s->socket[0], name, NULL, 0), "nng_listen");
}

static void open_link(struct link *l)
{
	struct state *s = calloc(1, sizeof(*s));
	int depth = (int)(cell_depth(l->cell) / l->cell->producers);

	l->state = s;
	s->flags = l->cell->blocking ? 0 : (int)NNG_FLAG_NONBLOCK;
	if (l->role == SENDER)
		open_sender(l, s, depth);
	else
		open_receiver(l, s, depth);
}

static void send_one(const struct state *s, unsigned int i, nng_msg *msg)
{
	int rc;

	while ((rc = nng_sendmsg(s->socket[i], msg, s->flags)))
		if (rc != NNG_EAGAIN && rc != NNG_EINTR)
			check(rc, "nng_sendmsg");
}

static void send_batch(struct link *l, unsigned int nr)
{
	struct state *s = l->state;
	nng_msg *msg, *copy;
	unsigned int i;
	size_t len;

	while (nr--) {
		len = payload_next(l);
		check(nng_msg_alloc(&msg, len), "nng_msg_alloc");
		payload_fill(l, nng_msg_body(msg), len);
		for (i = 1; i < s->nr_sockets; i++) {
			check(nng_msg_dup(&copy, msg), "nng_msg_dup");
			send_one(s, i, copy);
		}
		send_one(s, 0, msg);
	}
}

static unsigned int receive(struct link *l, unsigned int max)
{
	struct state *s = l->state;
	unsigned int nr = 0;
	nng_msg *msg;
	int rc;

	while (nr < max) {
		rc = nng_recvmsg(s->socket[0], &msg,
				 nr ? (int)NNG_FLAG_NONBLOCK : s->flags);
		if (rc == NNG_EAGAIN || rc == NNG_EINTR)
			break;
		check(rc, "nng_recvmsg");
		payload_read(l, nng_msg_body(msg), nng_msg_len(msg));
		nng_msg_free(msg);
		nr++;
	}
	return nr;
}

const struct system system_nng = {
	.name = "nng",
	.sleeps = true,
	.spins = true,
	.open = open_link,
	.send = send_batch,
	.receive = receive,
};
