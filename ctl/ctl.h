/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdbool.h>

/* Exit statuses, which every command returns; 128 + n is the signal n. */
enum status {
	STATUS_DONE,
	STATUS_REFUSED,	/* or failed */
	STATUS_USAGE,	/* nothing was tried */
	STATUS_NOTHING,	/* nothing came in time */
	STATUS_MODULE,	/* missing or incompatible */
};

struct ctl {
	bool json;
	bool pretty;
	bool debug;
	bool input_used;	/* standard input holds the batch */
};

extern struct ctl ctl;

struct args;

/* Runs one command: OBJECT COMMAND ...; returns its exit status. */
int ctl_run(struct args *a);

#endif
