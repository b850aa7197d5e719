/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_LOOKUP_H
#define CTL_LOOKUP_H

#include <stdbool.h>

/* Every channel that has a device file. */
void lookup_channels(void (*fn)(const char *name, void *arg), void *arg);

bool lookup_name_valid(const char *name);

/* Reports that @name is no channel, and which was meant; STATUS_REFUSED. */
int lookup_unknown(const char *name);

/*
 * Reports the refusal of a netlink request about channel @name, or about none if
 * that is NULL; @error is what the request returned. Returns the exit status.
 */
int lookup_refused(const char *name, int error);

/* The next argument, an existing channel as far as its name can tell. */
struct args;
int lookup_need(struct args *a, const char **name);

#endif
