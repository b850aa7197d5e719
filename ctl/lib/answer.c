// SPDX-License-Identifier: LGPL-2.1 OR MIT
#include <string.h>

#include "answer.h"
#include "ring.h"

#define DELAY_MAX_MS	86400000U

int weir_answers_push(struct weir *w, bool wait)
{
	int rc;

	if (!w->answers.nr)
		return 0;
	rc = weir_ring_reserve(w, 1, wait);
	if (rc)
		return rc;
	*weir_ring_slot(w, 0) = w->answers;
	weir_ring_publish(w, 1);
	w->answers = (struct weir_sqe) { 0 };
	return 0;
}

int weir_answers_open(struct weir *w, uint8_t op, uint32_t delay_ms)
{
	struct weir_sqe *sqe = &w->answers;
	int rc;

	if (sqe->nr == WEIR_VEC_MAX || sqe->op != op ||
	    sqe->delay_ms != delay_ms) {
		rc = weir_answers_push(w, !w->nonblock);
		if (rc)
			return rc;
		sqe->op = op;
		sqe->delay_ms = delay_ms;
	}
	return 0;
}

void weir_answers_add(struct weir *w, uint32_t token)
{
	w->answers.token[w->answers.nr++] = token;
}

static int answer(struct weir *w, uint8_t op, const struct weir_msg *msg,
		  uint32_t delay_ms)
{
	int rc;

	rc = weir_check_worker(w);
	if (rc)
		return rc;
	if (delay_ms > DELAY_MAX_MS)
		return weir_refuse(w, -EINVAL,
				   "delay of %u ms: at most %u (a day)",
				   delay_ms, DELAY_MAX_MS);
	rc = weir_answers_open(w, op, delay_ms);
	if (!rc)
		weir_answers_add(w, msg->token);
	return rc;
}

int weir_ack(struct weir *w, const struct weir_msg *msg)
{
	return answer(w, WEIR_OP_ACK, msg, 0);
}

int weir_fail(struct weir *w, const struct weir_msg *msg, uint32_t delay_ms)
{
	return answer(w, WEIR_OP_FAIL, msg, delay_ms);
}

int weir_release(struct weir *w, const struct weir_msg *msg, uint32_t delay_ms)
{
	return answer(w, WEIR_OP_RELEASE, msg, delay_ms);
}

int weir_extend(struct weir *w, const struct weir_msg *msg, uint32_t ms)
{
	int rc = answer(w, WEIR_OP_EXTEND, msg, ms);

	/* It is of no use later, with the next messages. */
	return rc ? rc : weir_submit(w);
}

/* ---- reject ---- */

/* Bytes of @text up to @max that end between two characters. */
static uint32_t cut(const char *text, uint32_t max)
{
	size_t len = strnlen(text, max + 1);

	if (len <= max)
		return (uint32_t)len;
	len = max;
	while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return (uint32_t)len;
}

int weir_reject(struct weir *w, const struct weir_msg *msg, const char *why)
{
	uint32_t i, len, part, slots = WEIR_REASON_SLOTS;
	struct weir_sqe *sqe;
	int rc;

	rc = weir_check_worker(w);
	if (rc)
		return rc;
	if (!why)
		why = "";
	if (slots > w->sq_entries - 1)
		slots = w->sq_entries - 1;
	len = cut(why, WEIR_REASON_HEAD + slots * (uint32_t)sizeof(*sqe));
	slots = 0;
	if (len > WEIR_REASON_HEAD)
		slots = (len - WEIR_REASON_HEAD + 63) / 64;
	rc = weir_ring_reserve(w, 1 + slots, !w->nonblock);
	if (rc)
		return rc;
	sqe = weir_ring_slot(w, 0);
	*sqe = (struct weir_sqe) {
		.op = WEIR_OP_REJECT,
		.nr = (uint8_t)slots,
		.len = len,
		.rtoken = msg->token,
	};
	part = len < WEIR_REASON_HEAD ? len : WEIR_REASON_HEAD;
	memcpy(sqe->reason, why, part);
	/* The rest is plain text, each slot by itself: they may wrap around. */
	for (i = 1; i <= slots; i++) {
		why += part;
		len -= part;
		part = len < sizeof(*sqe) ? len : (uint32_t)sizeof(*sqe);
		sqe = weir_ring_slot(w, i);
		memset(sqe, 0, sizeof(*sqe));
		memcpy(sqe, why, part);
	}
	weir_ring_publish(w, 1 + slots);
	return 0;
}
