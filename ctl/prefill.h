/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_PREFILL_H
#define CTL_PREFILL_H

#include <stdio.h>

#include <netlink/msg.h>

/* "1K:500,8K:200": buffers to have ready, by their size, into a request. */
int prefill_read(struct nl_msg *msg, const char *name, const char *text);

/* The same out of the answer that a callback is shown; nothing if it has none. */
void prefill_print(FILE *out);
void prefill_json(void);

#endif
