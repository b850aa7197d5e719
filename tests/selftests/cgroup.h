/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A memory cgroup that comes and goes with a test. In every program that
 * includes it some of it is not used.
 */
#ifndef CGROUP_H
#define CGROUP_H

#include "bed.h"

#define CGROUP	"/sys/fs/cgroup"

static inline int put_text(const char *path, const char *file, const char *text)
{
	char name[128];
	int fd, ret = 0;

	snprintf(name, sizeof(name), "%s/%s", path, file);
	fd = open(name, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* The number after a word, or the first number if the word is NULL; -1. */
static inline long get_key(const char *path, const char *file, const char *key)
{
	char name[128], word[64];
	long value = -1, n;
	FILE *f;

	snprintf(name, sizeof(name), "%s/%s", path, file);
	f = fopen(name, "re");
	if (!f)
		return -1;
	if (!key && fscanf(f, "%ld", &n) == 1)
		value = n;
	while (key && fscanf(f, "%63s %ld", word, &n) == 2)
		if (!strcmp(word, key))
			value = n;
	fclose(f);
	return value;
}

/* Makes one; @path gets its folder. Return: 0 or -errno. */
static inline int cgroup_make(char path[64], const char *limit)
{
	static unsigned int nr;
	int ret;

	snprintf(path, 64, CGROUP "/weir-test-%d-%u", getpid(), nr++);
	put_text(CGROUP, "cgroup.subtree_control", "+memory");
	if (mkdir(path, 0755))
		return -errno;
	ret = put_text(path, "memory.max", limit);
	if (ret)
		rmdir(path);
	return ret;
}

static inline int cgroup_join(const char *path)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	return put_text(path, "cgroup.procs", pid);
}

/* Its processes have ended. */
static inline bool cgroup_end(const char *path)
{
	return WAIT_FOR(rmdir(path) == 0);
}

#endif /* CGROUP_H */
