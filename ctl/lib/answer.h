/* SPDX-License-Identifier: LGPL-2.1 OR MIT */
/* A worker's answers, gathered into vectors. */
#ifndef WEIR_LIB_ANSWER_H
#define WEIR_LIB_ANSWER_H

#include "handle.h"

#pragma GCC visibility push(hidden)

/**
 * weir_answers_push() - publish the answers being gathered
 * @w: the handle
 * @wait: sleep for a slot if need be
 *
 * Return: 0 none is left; below 0 as weir_ring_reserve(): they still are.
 */
int weir_answers_push(struct weir *w, bool wait);

/**
 * weir_answers_open() - make sure that one more answer can be added
 * @w: the handle
 * @op: enum weir_op
 * @delay_ms: its delay
 *
 * Return: as weir_answers_push().
 */
int weir_answers_open(struct weir *w, uint8_t op, uint32_t delay_ms);

/* Adds the answer that weir_answers_open() was called for. */
void weir_answers_add(struct weir *w, uint32_t token);

#pragma GCC visibility pop

#endif /* WEIR_LIB_ANSWER_H */
