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

bool lookup_channels(void (*fn)(const char *name, void *arg), void *arg)
{
	DIR *dir = opendir(DEVICES);
	const struct dirent *entry;

	if (!dir)
		return false;
	while ((entry = readdir(dir)))
		if (lookup_name_valid(entry->d_name))
			fn(entry->d_name, arg);
	closedir(dir);
	return true;
}

bool lookup_name_valid(const char *name)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t length = strlen(name);

	return length && length <= NAME_LENGTH && name[0] != '.' &&
	       name[0] != '-' && strspn(name, letters) == length;
}

struct finder {
	struct suggest suggest;
	const char *name;
	bool found;
};

static void consider(const char *name, void *arg)
{
	struct finder *f = arg;

	suggest_offer(&f->suggest, name);
	if (!strcmp(name, f->name))
		f->found = true;
}

int lookup_unknown(const char *name)
{
	struct finder f = { .name = name };
	char text[96];

	suggest_init(&f.suggest, name);
	lookup_channels(consider, &f);
	return report(STATUS_REFUSED, ENOENT, "channel", "no such channel%s",
		      suggest_text(&f.suggest, text, sizeof(text)));
}

/* ENOENT may also be about a message or client: then the kernel's words are right. */
int lookup_refused(const char *name, int error)
{
	struct finder f = { .name = name };

	if (error != -ENOENT || !name)
		return netlink_refused();
	suggest_init(&f.suggest, name);
	if (lookup_channels(consider, &f) && !f.found)
		return lookup_unknown(name);
	return netlink_refused();
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
