// SPDX-License-Identifier: GPL-2.0-only
/*
 * The limit: a ring in shared memory with one producer and one worker, that both
 * watch without a pause. An entry has 64 bytes and is written and read whole. It is
 * the message itself where that fits, else it tells where the message lies. Each side
 * publishes once per batch and keeps a copy of what it last saw of the other.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "payload.h"

#define ENTRY	64

struct entry {
	unsigned char bytes[ENTRY];
};

struct ring {
	_Alignas(64) _Atomic uint64_t head;	/* the worker's */
	_Alignas(64) _Atomic uint64_t tail;	/* the producer's */
	_Alignas(64) struct entry entry[];
};

struct state {
	struct ring *ring;
	char *data;		/* a buffer for each entry */
	uint64_t depth;
	uint64_t own;		/* position */
	uint64_t other;		/* last seen */
	size_t size;
	struct entry message;	/* as a caller would have it */
};

static void *shared[2];

static const char *cannot(const struct cell *cell)
{
	if (cell->producers > 1 || cell->workers > 1)
		return "one producer, one worker";
	return NULL;
}

static size_t ring_bytes(uint64_t depth)
{
	return (sizeof(struct ring) + depth * ENTRY + 4095) & ~4095UL;
}

static void prepare(const struct cell *cell)
{
	uint64_t depth = cell_depth(cell);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		shared[i] = mmap(NULL, ring_bytes(depth) + depth * cell->size,
				 PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (shared[i] == MAP_FAILED)
			fail("mmap: errno %d", errno);
	}
}

static void open_link(struct link *l)
{
	struct state *s = calloc(1, sizeof(*s));

	l->state = s;
	s->depth = cell_depth(l->cell);
	s->ring = shared[l->channel];
	s->data = (char *)shared[l->channel] + ring_bytes(s->depth);
	s->size = l->cell->size;
}

static struct entry *entry_of(struct state *s, uint64_t pos)
{
	return &s->ring->entry[pos & (s->depth - 1)];
}

static void put(struct link *l, struct state *s)
{
	struct entry *e = entry_of(s, s->own);
	uint64_t word[2];

	if (s->size <= ENTRY) {
		/* Its own first word tells whether a message is timed. */
		if (payload_write(l, s->message.bytes) == s->size)
			memset(&s->message, 0, sizeof(word[0]));
		*e = s->message;
	} else {
		word[0] = (s->own & (s->depth - 1)) * s->size;
		word[1] = payload_write(l, s->data + word[0]);
		memcpy(&s->message, word, sizeof(word));
		*e = s->message;
	}
	s->own++;
}

static void send_batch(struct link *l, unsigned int nr)
{
	struct state *s = l->state;

	while (nr--) {
		while (s->own - s->other >= s->depth) {
			atomic_store_explicit(&s->ring->tail, s->own,
					      memory_order_release);
			s->other = atomic_load_explicit(&s->ring->head,
							memory_order_acquire);
		}
		put(l, s);
	}
	atomic_store_explicit(&s->ring->tail, s->own, memory_order_release);
}

static void get(struct link *l, struct state *s)
{
	struct entry e = *entry_of(s, s->own++);
	uint64_t word[2];

	memcpy(word, &e, sizeof(word));
	if (s->size <= ENTRY)
		payload_read(l, e.bytes, s->size - (word[0] != 0));
	else
		payload_read(l, s->data + word[0], word[1]);
	/* Read whole, whoever needs it. */
	l->sum += e.bytes[ENTRY - 1];
	__asm__ volatile("" : : "r"(&e) : "memory");
}

static unsigned int receive(struct link *l, unsigned int max)
{
	struct state *s = l->state;
	unsigned int nr = 0;

	if (s->own == s->other)
		s->other = atomic_load_explicit(&s->ring->tail,
						memory_order_acquire);
	for (; nr < max && s->own != s->other; nr++)
		get(l, s);
	if (nr)
		atomic_store_explicit(&s->ring->head, s->own,
				      memory_order_release);
	return nr;
}

const struct system system_spsc = {
	.name = "spsc",
	.spins = true,
	.cannot = cannot,
	.prepare = prepare,
	.open = open_link,
	.send = send_batch,
	.receive = receive,
};
