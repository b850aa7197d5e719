/* SPDX-License-Identifier: GPL-2.0-only */
/* What is in the messages. */
#ifndef BENCH_PAYLOAD_H
#define BENCH_PAYLOAD_H

#include "bench.h"

/**
 * payload_next() - length of the next message
 * @l: the sender's link
 *
 * One in board->period carries the time in its first bytes, and is one byte
 * shorter than the others: so a receiver need not look into the others.
 */
size_t payload_next(struct link *l);

/* Writes that message. */
void payload_fill(struct link *l, void *p, size_t len);

/* Both, for whoever has cell->size bytes anyway. */
size_t payload_write(struct link *l, void *p);

/* A message has come: the receiver's part of the same. */
void payload_read(struct link *l, const void *p, size_t len);

/* @nr buffers of @size bytes, all pages of them present. */
void *payload_buffers(unsigned int nr, size_t size);

#endif
