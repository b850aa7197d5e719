/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_FAULT_H
#define CTL_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include <netlink/msg.h>

/* Beyond every errno: what is wrong is the module itself. */
enum { FAULT_NO_MODULE = 4096, FAULT_OTHER_MODULE };

/* The last refusal, which netlink_refused() reports. */
struct fault {
	int error;		/* an errno, or of the above */
	uint8_t cmd;
	int attr;		/* 0: none */
	bool missing;		/* it is the one that was missing */
	unsigned int version;	/* of another module */
	char text[256];
};

extern struct fault fault;

/* Reads the extended part of an answer to @request. */
void fault_read(struct nl_msg *request, struct nlattr *first, int length);

/* The same where it stands behind an error or acknowledgement, if it does. */
void fault_read_ack(struct nl_msg *request, const struct nlmsgerr *error);

#endif
