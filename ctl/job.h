/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_JOB_H
#define CTL_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/weir.h"

#define JOB_LINE 512

/* A command at work on one message. */
struct job {
	struct weir_msg msg;
	pid_t pid;		/* 0: the place is free */
	int err;		/* where its standard error comes out */
	uint64_t deadline;	/* on CLOCK_MONOTONIC in ns; 0: none */
	bool late;		/* the deadline has passed: asked to end */
	bool unwanted;		/* ended by us: its message is given back */
	char line[JOB_LINE];	/* what it wrote since the last newline */
	size_t used;
	char last[JOB_LINE];	/* the last line that was not empty */
};

/* 0, or -errno: nothing was started. */
int job_start(struct job *job, const char *channel, char **command,
	      const struct weir_msg *msg);

/* Passes on what the command wrote to its standard error. */
void job_relay(struct job *job);

/* True once it has ended; @status is as wait(2) gives it. */
bool job_ended(struct job *job, int *status);

/* To the command and what it started. */
void job_signal(const struct job *job, int signal);

/* Whether @command can be run at all: 0 or -errno. */
int job_check(const char *command);

#endif
