// SPDX-License-Identifier: GPL-2.0-only
/* Names of channels: which there are, and which was meant. */
#include "lookup.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "args.h"
#include "ctl.h"
#include "nl.h"
#include "report.h"
#include "suggest.h"

#define DEVICES "/dev/weir"
#define NAME_LENGTH 31

void lookup_channels(void (*fn)(const char *name, void *arg), void *arg)
{
	DIR *dir = opendir(DEVICES);
	const struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (lookup_name_valid(entry->d_name))
			fn(entry->d_name, arg);
	closedir(dir);
}

bool lookup_name_valid(const char *name)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t length = strlen(name);

	return length && length <= NAME_LENGTH && name[0] != '.' &&
	       name[0] != '-' && strspn(name, letters) == length;
}

static void consider(const char *name, void *arg)
{
	suggest_offer(arg, name);
}

int lookup_unknown(const char *name)
{
	struct suggest s;
	char text[96];

	suggest_init(&s, name);
	lookup_channels(consider, &s);
	return report(STATUS_REFUSED, ENODEV, "channel", "no such channel%s",
		      suggest_text(&s, text, sizeof(text)));
}

int lookup_refused(const char *name, int error)
{
	return name && error == -ENODEV ? lookup_unknown(name) : netlink_refused();
}

/* A name that cannot exist needs no kernel to tell. */
int lookup_need(struct args *a, const char **name)
{
	int status = args_need(a, "CHANNEL", name);

	if (status || lookup_name_valid(*name))
		return status;
	status = netlink_check_module();
	return status ? status : lookup_unknown(*name);
}
