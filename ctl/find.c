// SPDX-License-Identifier: GPL-2.0-only
/* BPF objects: where those lie that came with this tool. */
#include "find.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "report.h"
#include "suggest.h"

#define SUFFIX ".bpf.o"

/* From where the tool itself is: in the build folder, and where it is installed. */
static const char *const folders[] = { "../bpf", "../lib/weir/bpf" };

#define FOLDERS (sizeof(folders) / sizeof(folders[0]))

static bool folder_path(char *path, size_t size, size_t i)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (length < 0)
		return false;
	self[length] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return (size_t)snprintf(path, size, "%s/%s", self, folders[i]) < size;
}

static bool is_file(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode);
}

static bool find_bare(const char *name, char *path, size_t size)
{
	char folder[PATH_MAX];

	for (size_t i = 0; i < FOLDERS && !strchr(name, '/'); i++)
		if (folder_path(folder, sizeof(folder), i) &&
		    (size_t)snprintf(path, size, "%s/%s" SUFFIX, folder, name) < size &&
		    is_file(path))
			return true;
	return false;
}

static void find_in(const char *folder, void (*fn)(const char *name, void *arg),
		    void *arg)
{
	const size_t end = strlen(SUFFIX);
	const struct dirent *entry;
	char name[NAME_MAX + 1];
	DIR *dir = opendir(folder);
	size_t length;

	while (dir && (entry = readdir(dir))) {
		length = strlen(entry->d_name);
		if (length <= end || strcmp(entry->d_name + length - end, SUFFIX))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(length - end),
			 entry->d_name);
		fn(name, arg);
	}
	if (dir)
		closedir(dir);
}

void find_programs(void (*fn)(const char *name, void *arg), void *arg)
{
	char folder[PATH_MAX];

	for (size_t i = 0; i < FOLDERS; i++)
		if (folder_path(folder, sizeof(folder), i))
			find_in(folder, fn, arg);
}

static void consider(const char *name, void *arg)
{
	suggest_offer(arg, name);
}

int find_program(const char *name, char *path, size_t size)
{
	struct suggest s;
	char text[96];

	if (is_file(name) && (size_t)snprintf(path, size, "%s", name) < size)
		return 0;
	if (find_bare(name, path, size))
		return 0;
	suggest_init(&s, name);
	find_programs(consider, &s);
	return report(STATUS_REFUSED, ENOENT, "file", "%s: no such file%s", name,
		      suggest_text(&s, text, sizeof(text)));
}
