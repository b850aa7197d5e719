/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A server on a Unix socket. It stays for the whole benchmark, and is stopped
 * while others are measured.
 */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <sys/types.h>

struct server {
	const char *path;	/* of its socket */
	pid_t pid;
};

/* Starts it, or lets it go on; returns when its socket is there. */
void server_go(struct server *s, char *const argv[]);

/*
 * Stops it after a run. A run that failed has left something in it that would be
 * the next one's: then it ends, and the next run starts another.
 */
void server_halt(struct server *s);

/* A connection to it. */
int server_connect(const struct server *s);

#endif
