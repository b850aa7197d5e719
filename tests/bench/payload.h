/* SPDX-License-Identifier: GPL-2.0-only */
/* What is in the messages. */
#ifndef BENCH_PAYLOAD_H
#define BENCH_PAYLOAD_H

#include "bench.h"

/* Out of line: what few messages need. */
void payload_stamp(void *p);
void payload_time(struct link *l, const void *p, size_t len);
void payload_touch(void *p, size_t len, unsigned int value);
uint64_t payload_sum(const void *p, size_t len);

/**
 * payload_next() - length of the next message
 * @l: the sender's link
 *
 * One in board->period carries the time in its first bytes, and is one byte
 * shorter than the others: so a receiver need not look into the others.
 */
static inline size_t payload_next(struct link *l)
{
	if (!l->countdown || --l->countdown)
		return l->size;
	l->countdown = board->period;
	return l->size - 1;
}

/* Writes that message. */
static inline void payload_fill(struct link *l, void *p, size_t len)
{
	if (l->touched)
		payload_touch(p, len, l->countdown);
	if (len < l->size)
		payload_stamp(p);
}

/* Both, for whoever has cell->size bytes anyway. */
static inline size_t payload_write(struct link *l, void *p)
{
	size_t len = payload_next(l);

	payload_fill(l, p, len);
	return len;
}

/* A message has come: the receiver's part of the same. */
static inline void payload_read(struct link *l, const void *p, size_t len)
{
	if (l->touched)
		l->sum += payload_sum(p, len);
	if (len != l->size)
		payload_time(l, p, len);
}

/* @nr buffers of @size bytes, all pages of them present. */
void *payload_buffers(unsigned int nr, size_t size);

#endif
