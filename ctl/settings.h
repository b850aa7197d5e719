/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_SETTINGS_H
#define CTL_SETTINGS_H

#include <stdbool.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "args.h"

/* The attributes of a channel that can be written, as ATTR VALUE words. */
extern const struct word settings_words[];

/*
 * Reads what is left of the command line into @msg. Returns 0, or a status after
 * reporting. @count: how many there were; @dry_run: only try.
 */
int settings_read(struct args *a, struct nl_msg *msg, unsigned int *count,
		  bool *dry_run);

/*
 * Prints them in lines, so that settings_read() takes them back and makes the
 * same channel: what is rarely changed is left out where it is as without it.
 */
void settings_print(struct nlattr **tb);

/* The same one by one. */
void settings_each(struct nlattr **tb, void (*fn)(const char *name,
		   const char *value, void *arg), void *arg);

#endif
