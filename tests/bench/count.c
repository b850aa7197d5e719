// SPDX-License-Identifier: GPL-2.0-only
#include "count.h"

#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define TRACEPOINT "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id"

struct counter {
	int fd[2];
};

static uint64_t tracepoint(void)
{
	FILE *f = fopen(TRACEPOINT, "r");
	unsigned long long id;

	if (!f || fscanf(f, "%llu", &id) != 1)
		fail("%s: cannot be read; is tracefs mounted?", TRACEPOINT);
	fclose(f);
	return id;
}

static int open_event(pid_t pid)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_TRACEPOINT,
		.config = tracepoint(),
		.disabled = 1,
		.inherit = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1,
			      PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		fail("perf_event_open: errno %d", errno);
	return fd;
}

struct counter *counter_open(pid_t server)
{
	struct counter *c = calloc(1, sizeof(*c));

	if (!c)
		fail("no memory");
	c->fd[0] = open_event(0);
	c->fd[1] = server ? open_event(server) : -1;
	return c;
}

void counter_start(struct counter *c)
{
	int i;

	for (i = 0; i < 2; i++)
		if (c->fd[i] >= 0)
			ioctl(c->fd[i], PERF_EVENT_IOC_ENABLE, 0);
}

uint64_t counter_stop(struct counter *c)
{
	uint64_t sum = 0, value;
	int i;

	for (i = 0; i < 2; i++) {
		if (c->fd[i] < 0)
			continue;
		ioctl(c->fd[i], PERF_EVENT_IOC_DISABLE, 0);
		if (read(c->fd[i], &value, sizeof(value)) != sizeof(value))
			fail("a counter cannot be read: errno %d", errno);
		sum += value;
		close(c->fd[i]);
	}
	free(c);
	return sum;
}

static uint64_t switches(const char *path)
{
	static const char key[] = "voluntary_ctxt_switches:";
	unsigned long long value = 0;
	char line[256];
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, sizeof(key) - 1))
			sscanf(line + sizeof(key) - 1, "%llu", &value);
	if (f)
		fclose(f);
	return value;
}

uint64_t count_wakeups(const pid_t *pids, unsigned int nr)
{
	const struct dirent *e;
	uint64_t sum = 0;
	unsigned int i;
	char path[320];
	DIR *d;

	for (i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), "/proc/%d/task", pids[i]);
		d = opendir(path);
		while (d && (e = readdir(d))) {
			if (e->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "/proc/%d/task/%s/status",
				 pids[i], e->d_name);
			sum += switches(path);
		}
		if (d)
			closedir(d);
	}
	return sum;
}

uint64_t count_cpu_ns(const pid_t *pids, unsigned int nr)
{
	struct timespec ts;
	uint64_t sum = 0;
	clockid_t clock;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (clock_getcpuclockid(pids[i], &clock) ||
		    clock_gettime(clock, &ts))
			continue;
		sum += (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	}
	return sum;
}
