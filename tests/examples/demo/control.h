/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdint.h>
#include <linux/weir_netlink.h>

#include "hist.h"

struct mnl_socket;

/*
 * A conversation with the kernel's netlink family "weir": what libweir leaves to
 * tools.
 */
struct control {
	struct mnl_socket	*socket;
	uint32_t		seq;
	uint16_t		family;
	char			refusal[256];	/* the kernel's words for the last error */
};

/* Counters by their attribute number. */
struct stats {
	uint64_t	value[WEIR_A_STATS_MAX + 1];
	struct hist	total, redelivery;
};

struct dead_message {
	uint64_t	id;
	uint32_t	reason;		/* enum weir_dead_reason */
	uint32_t	attempt;
};

int control_open(struct control *control);
void control_close(struct control *control);
int control_channel_purge(struct control *control, const char *channel);
int control_stats(struct control *control, const char *channel, struct stats *stats);
int control_held_by(struct control *control, const char *channel, uint32_t pid);
int control_dead(struct control *control, const char *channel,
		 struct dead_message *dead, int max);

#endif
