/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a worker is told of a message.
 */
#ifndef _WEIR_CORE_DELIVERY_H
#define _WEIR_CORE_DELIVERY_H

#include "peer.h"

/**
 * weir_delivery_post - write a message's completion entry
 * @p: worker with rings; its engine is locked
 * @msg: message
 * @token: names the delivery
 * @ahead: place, from the ring's tail
 */
static __always_inline void weir_delivery_post(struct weir_peer *p,
					       const struct weir_msg *msg,
					       u32 token, u32 ahead)
{
	struct weir_cqe *cqe = weir_ring_slot(&p->rings, ahead);

	/* All of it: nothing of what was there may be left. */
	cqe->type = WEIR_CQE_MSG;
	cqe->flags = msg->deliveries > 1 ? WEIR_CQE_REDELIVERED : 0;
	cqe->prio = msg->prio;
	cqe->nr = 0;
	cqe->len = msg->len;
	cqe->addr = weir_msg_buf(msg) + msg->off;
	cqe->key = msg->key;
	cqe->corr = msg->corr;
	cqe->deadline_ns = msg->deadline;
	cqe->token = token;
	cqe->src = msg->src;
	cqe->seq = msg->seq;
	cqe->attempts = msg->attempts + 1;
	cqe->mtype = msg->mtype;
	cqe->encoding = msg->encoding;
	cqe->resv0[0] = 0;
	cqe->resv0[1] = 0;
	cqe->resv0[2] = 0;
}

#endif /* _WEIR_CORE_DELIVERY_H */
