// SPDX-License-Identifier: GPL-2.0-only
#include "server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench.h"
#include "process.h"

#define STEP_NS		2000000ULL
#define TRIES		10000

static int try_connect(const struct server *s)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", s->path);
	if (fd < 0 || !connect(fd, (void *)&addr, sizeof(addr)))
		return fd;
	close(fd);
	return -1;
}

void server_go(struct server *s, char *const argv[])
{
	int fd, tries = TRIES;

	if (s->pid) {
		kill(s->pid, SIGCONT);
		return;
	}
	unlink(s->path);
	s->pid = process_server(argv);
	while ((fd = try_connect(s)) < 0) {
		if (!--tries)
			fail("%s does not answer on %s", argv[0], s->path);
		sleep_ns(STEP_NS);
	}
	close(fd);
}

void server_halt(struct server *s)
{
	if (board->good) {
		kill(s->pid, SIGSTOP);
		return;
	}
	process_end(s->pid);
	s->pid = 0;
}

int server_connect(const struct server *s)
{
	int fd = try_connect(s);

	if (fd < 0)
		fail("%s: errno %d", s->path, errno);
	return fd;
}
