// SPDX-License-Identifier: GPL-2.0-only
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

void process_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (cpu == CPU_ANY) {
		CPU_SET(CPU_PRODUCER, &set);
		CPU_SET(CPU_WORKER, &set);
	} else {
		CPU_SET((size_t)cpu, &set);
	}
	if (sched_setaffinity(0, sizeof(set), &set) && cpu != CPU_ANY)
		fail("cannot run on CPU %d: errno %d", cpu, errno);
}

pid_t process_fork(int cpu)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		fail("fork: errno %d", errno);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	process_pin(cpu);
	return 0;
}

void process_end(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void quiet(void)
{
	int fd = open("/dev/null", O_RDWR);

	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
}

int process_run(char *const argv[])
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		quiet();
		execvp(argv[0], argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

pid_t process_server(char *const argv[])
{
	pid_t pid = process_fork(CPU_ANY);

	if (pid)
		return pid;
	quiet();
	execvp(argv[0], argv);
	_exit(127);
}

void word_wait(_Atomic uint32_t *word, uint32_t value, uint64_t ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000),
	};

	syscall(SYS_futex, word, FUTEX_WAIT, value, ns ? &ts : NULL, NULL, 0);
}

void word_wake(_Atomic uint32_t *word, int nr)
{
	syscall(SYS_futex, word, FUTEX_WAKE, nr, NULL, NULL, 0);
}
