// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bounded queue in shared memory, for several producers and workers: a slot is
 * claimed by a compare-and-swap, handed over by its sequence number; who finds
 * it empty or full sleeps in a futex (or not, in the spinning mode). Payload is
 * written and read in place. A batch wakes once.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "payload.h"
#include "process.h"

struct slot {
	_Atomic uint64_t turn;	/* pos: free for it; pos + 1: has a message */
	size_t len;
};

/* What one side sleeps on, and the other wakes. */
struct gate {
	_Alignas(64) _Atomic uint32_t events;
	_Atomic uint32_t sleepers;
};

struct queue {
	_Alignas(64) _Atomic uint64_t head;
	_Alignas(64) _Atomic uint64_t tail;
	struct gate filled, emptied;
	_Alignas(64) struct slot slot[];
};

struct state {
	struct queue *queue[PRODUCERS_MAX];
	unsigned int nr_queues;
	uint64_t depth;
};

static struct queue *queues[2][PRODUCERS_MAX];

static size_t head_bytes(uint64_t depth)
{
	return (sizeof(struct queue) + depth * sizeof(struct slot) + 4095) & ~4095UL;
}

static struct queue *create(uint64_t depth, size_t size)
{
	struct queue *q = mmap(NULL, head_bytes(depth) + depth * size,
			       PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t i;

	if (q == MAP_FAILED)
		fail("mmap: errno %d", errno);
	for (i = 0; i < depth; i++)
		q->slot[i].turn = i;
	return q;
}

static void prepare(const struct cell *cell)
{
	unsigned int i, j;

	for (i = 0; i < 2; i++)
		for (j = 0; j < cell_lanes(cell); j++)
			queues[i][j] = create(cell_depth(cell), cell->size);
}

static void open_link(struct link *l)
{
	unsigned int i, lanes = cell_lanes(l->cell);
	struct state *s = calloc(1, sizeof(*s));

	l->state = s;
	s->depth = cell_depth(l->cell);
	s->nr_queues = l->role == SENDER ? lanes : 1;
	for (i = 0; i < s->nr_queues; i++)
		s->queue[i] = queues[l->channel][l->role == SENDER ? i :
						 lanes > 1 ? l->index : 0];
}

static void *data_of(const struct link *l, struct queue *q, uint64_t pos)
{
	uint64_t depth = ((struct state *)l->state)->depth;

	return (char *)q + head_bytes(depth) + (pos & (depth - 1)) * l->cell->size;
}

/* ---- gates ---- */

static void wake(struct gate *g, unsigned int nr)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&g->sleepers, memory_order_relaxed))
		return;
	atomic_fetch_add(&g->events, 1);
	word_wake(&g->events, (int)nr);
}

static bool ready(struct state *s, struct queue *q, bool sender)
{
	uint64_t pos = atomic_load(sender ? &q->tail : &q->head);
	uint64_t turn = atomic_load(&q->slot[pos & (s->depth - 1)].turn);

	/* Older than the position asked about: not yet. */
	return (int64_t)(turn - (pos + !sender)) >= 0;
}

static void sleep_at(struct state *s, struct queue *q, bool sender)
{
	struct gate *g = sender ? &q->emptied : &q->filled;
	uint32_t seen;

	atomic_fetch_add(&g->sleepers, 1);
	seen = atomic_load(&g->events);
	if (!ready(s, q, sender))
		word_wait(&g->events, seen, 0);
	atomic_fetch_sub(&g->sleepers, 1);
}

/* ---- slots ---- */

/* Claims the next slot whose turn has come, false if there is none. */
static bool claim(struct state *s, struct queue *q, bool sender, uint64_t *at)
{
	_Atomic uint64_t *end = sender ? &q->tail : &q->head;
	uint64_t pos = atomic_load_explicit(end, memory_order_relaxed);
	int64_t ahead;

	for (;;) {
		struct slot *slot = &q->slot[pos & (s->depth - 1)];

		ahead = (int64_t)(atomic_load_explicit(&slot->turn,
						       memory_order_acquire) -
				  (pos + !sender));
		if (ahead < 0)
			return false;
		if (ahead > 0)
			pos = atomic_load_explicit(end, memory_order_relaxed);
		else if (atomic_compare_exchange_weak(end, &pos, pos + 1))
			break;
	}
	*at = pos;
	return true;
}

static void pass_on(struct state *s, struct queue *q, uint64_t pos, uint64_t turn)
{
	atomic_store_explicit(&q->slot[pos & (s->depth - 1)].turn, turn,
			      memory_order_release);
}

static void send_one(struct link *l, struct queue *q, size_t len)
{
	struct state *s = l->state;
	uint64_t pos;

	while (!claim(s, q, true, &pos)) {
		wake(&q->filled, l->cell->workers);
		if (l->cell->blocking)
			sleep_at(s, q, true);
	}
	payload_fill(l, data_of(l, q, pos), len);
	q->slot[pos & (s->depth - 1)].len = len;
	pass_on(s, q, pos, pos + 1);
}

static void send_batch(struct link *l, unsigned int nr)
{
	struct state *s = l->state;
	unsigned int i, j;
	size_t len;

	for (i = 0; i < nr; i++) {
		len = payload_next(l);
		for (j = 0; j < s->nr_queues; j++)
			send_one(l, s->queue[j], len);
	}
	for (j = 0; j < s->nr_queues; j++)
		wake(&s->queue[j]->filled, nr);
}

static unsigned int receive(struct link *l, unsigned int max)
{
	struct state *s = l->state;
	struct queue *q = s->queue[0];
	unsigned int nr = 0;
	uint64_t pos;

	for (; nr < max && claim(s, q, false, &pos); nr++) {
		payload_read(l, data_of(l, q, pos),
			     q->slot[pos & (s->depth - 1)].len);
		pass_on(s, q, pos, pos + s->depth);
	}
	if (nr)
		wake(&q->emptied, nr);
	else if (l->cell->blocking)
		sleep_at(s, q, false);
	return nr;
}

const struct system system_futex = {
	.name = "futex",
	.sleeps = true,
	.spins = true,
	.prepare = prepare,
	.open = open_link,
	.send = send_batch,
	.receive = receive,
};
