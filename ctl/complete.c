// SPDX-License-Identifier: GPL-2.0-only
/* What may come next on a command line, for the shell. */
#include "complete.h"

#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "find.h"
#include "lookup.h"
#include "pin.h"

static void put(const char *name, void *arg)
{
	(void)arg;
	puts(name);
}

static int find_object(const char *text)
{
	const char *names[16];
	int i;

	for (i = 0; args_objects[i]; i++)
		names[i] = args_objects[i]->name;
	names[i] = NULL;
	return args_find(text, names);
}

static int find_cmd(const struct object *object, const char *text)
{
	const char *names[16];
	int i;

	for (i = 0; object->cmds[i].run; i++)
		names[i] = object->cmds[i].name;
	names[i] = NULL;
	return args_find(strcmp(text, "list") ? text : "show", names);
}

static bool used(const struct args *a, const char *name)
{
	for (int i = 0; i < a->count; i++)
		if (!strcmp(a->word[i], name))
			return true;
	return false;
}

/* After the command: its channel, the value of the last word, or more words. */
static void put_arguments(const struct cmd *cmd, const struct args *a)
{
	const char *names[WORDS_MAX + 1];
	const struct word *w;
	int last;

	if (cmd->flags & CMD_CHANNEL && !a->count) {
		if (!(cmd->flags & CMD_NEW))
			lookup_channels(put, NULL);
		return;
	}
	if (cmd->flags & CMD_PROGRAM)
		a->count ? lookup_channels(put, NULL) : find_programs(put, NULL);
	if (cmd->flags & CMD_POLICY && !a->count)
		pin_each(put, NULL);
	if (cmd->flags & CMD_ID && a->count == 1)
		puts("all");
	args_names(cmd->words, names);
	last = a->count ? args_find(a->word[a->count - 1], names) : FIND_NONE;
	if (last >= 0 && cmd->words[last].value) {
		for (const char *const *c = cmd->words[last].choices; c && *c; c++)
			if (**c)
				puts(*c);
		return;
	}
	for (w = cmd->words; w && w->name; w++)
		if (!used(a, w->name))
			puts(w->name);
}

static void put_first(void)
{
	for (int i = 0; args_objects[i]; i++)
		puts(args_objects[i]->name);
	for (const struct word *w = ctl_options; w->name; w++)
		puts(w->name);
}

int complete_print(struct args *a)
{
	const struct object *object;
	int i;

	if (!a->count) {
		put_first();
		return STATUS_DONE;
	}
	i = find_object(args_next(a));
	if (i < 0)
		return STATUS_DONE;
	object = args_objects[i];
	if (!strcmp(object->name, "help")) {
		for (i = 0; !a->count && args_objects[i]; i++)
			puts(args_objects[i]->name);
		return STATUS_DONE;
	}
	if (!object->cmds[0].name) {
		put_arguments(&object->cmds[0], a);
		return STATUS_DONE;
	}
	if (!a->count) {
		for (i = 0; object->cmds[i].run; i++)
			puts(object->cmds[i].name);
		return STATUS_DONE;
	}
	i = find_cmd(object, args_next(a));
	if (i >= 0)
		put_arguments(&object->cmds[i], a);
	return STATUS_DONE;
}
