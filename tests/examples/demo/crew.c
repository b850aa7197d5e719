// SPDX-License-Identifier: GPL-2.0-only
#include "crew.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "demo.h"
#include "producer.h"
#include "worker.h"

int crew_open(struct crew *crew, const struct demo *demo)
{
	*crew = (struct crew){ .demo = demo };
	if (pipe2(crew->lifeline, O_CLOEXEC))
		return -errno;
	/* Children that lose their parent come to us, so that none is left over. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		return -errno;
	return 0;
}

/*
 * In the new process: end with the supervisor, even if it is killed, and leave no
 * core file when crashing on purpose, for the kernel frees nothing while it writes one.
 */
static void settle_in(struct crew *crew, pid_t supervisor)
{
	struct rlimit none = { 0, 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != supervisor)
		_exit(1);
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	close(crew->lifeline[1]);
}

int crew_start_worker(struct crew *crew, int seat)
{
	struct seat *place = &crew->demo->board->worker[seat];
	pid_t supervisor = getpid(), pid;

	place->holding = NO_FILE;
	place->want_child = 0;
	place->child = 0;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		settle_in(crew, supervisor);
		_exit(worker_run(crew->demo, seat, crew->lifeline[0]));
	}
	if (pid < 0)
		return -errno;
	crew->worker[seat] = pid;
	return 0;
}

int crew_start_producer(struct crew *crew, int seat)
{
	pid_t supervisor = getpid(), pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		settle_in(crew, supervisor);
		_exit(producer_run(crew->demo, seat));
	}
	if (pid < 0)
		return -errno;
	crew->producer[seat] = pid;
	return 0;
}

static int leave_seat(pid_t *seats, int nr, pid_t pid)
{
	for (int i = 0; i < nr; i++) {
		if (seats[i] == pid) {
			seats[i] = 0;
			return i;
		}
	}
	return -1;
}

/* One that has ended, if any; without waiting. */
bool crew_reap(struct crew *crew, struct ended *ended)
{
	while ((ended->pid = waitpid(-1, &ended->status, WNOHANG)) > 0) {
		ended->producer = false;
		ended->seat = leave_seat(crew->worker, NR_WORKERS, ended->pid);
		if (ended->seat >= 0)
			return true;
		ended->producer = true;
		ended->seat = leave_seat(crew->producer, NR_PRODUCERS, ended->pid);
		if (ended->seat >= 0)
			return true;
	}
	return false;
}

bool crew_has_producers(const struct crew *crew)
{
	for (int i = 0; i < NR_PRODUCERS; i++)
		if (crew->producer[i])
			return true;
	return false;
}

bool crew_has_workers(const struct crew *crew)
{
	for (int i = 0; i < NR_WORKERS; i++)
		if (crew->worker[i])
			return true;
	return false;
}

/* Lets those end that workers have left behind. */
void crew_release_children(struct crew *crew)
{
	if (crew->lifeline[1])
		close(crew->lifeline[1]);
	crew->lifeline[1] = 0;
}

/* Ends all who are left, and waits for them. */
void crew_close(struct crew *crew)
{
	crew_release_children(crew);
	for (int i = 0; i < NR_WORKERS; i++)
		if (crew->worker[i])
			kill(crew->worker[i], SIGKILL);
	for (int i = 0; i < NR_PRODUCERS; i++)
		if (crew->producer[i])
			kill(crew->producer[i], SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	close(crew->lifeline[0]);
}
