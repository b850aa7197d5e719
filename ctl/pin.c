// SPDX-License-Identifier: GPL-2.0-only
/* Pins: what keeps a policy when the tool that loaded it has gone. */
#include "pin.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "ctl.h"
#include "report.h"

#define MOUNT "/sys/fs/bpf"
#define PREFIX "policy-"

static bool is_bpffs(void)
{
	struct statfs fs;

	return !statfs(MOUNT, &fs) && fs.f_type == BPF_FS_MAGIC;
}

int pin_prepare(void)
{
	if (!is_bpffs() && mount("bpf", MOUNT, "bpf", 0, "mode=0700"))
		return report(STATUS_REFUSED, errno, NULL,
			      MOUNT " is not mounted, and mounting it failed: %s (%s)",
			      strerror(errno), report_errno(errno));
	if (mkdir(PIN_FOLDER, 0755) && errno != EEXIST)
		return report(STATUS_REFUSED, errno, NULL,
			      PIN_FOLDER " cannot be made: %s (%s)", strerror(errno),
			      report_errno(errno));
	return 0;
}

void pin_path(char *path, size_t size, const char *policy)
{
	snprintf(path, size, PIN_FOLDER "/" PREFIX "%s", policy);
}

void pin_each(void (*fn)(const char *policy, void *arg), void *arg)
{
	const size_t start = strlen(PREFIX);
	const struct dirent *entry;
	DIR *dir = opendir(PIN_FOLDER);

	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, PREFIX, start))
			fn(entry->d_name + start, arg);
	if (dir)
		closedir(dir);
}
