// SPDX-License-Identifier: GPL-2.0-only
/* Help from the same tables that the commands are read with. */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "complete.h"
#include "ctl.h"
#include "json.h"

#define USAGE_MAX 400
#define COLUMN 36

static int help_run(struct args *a);

static const struct cmd cmds[] = {
	{ NULL, help_run, 0, "[OBJECT [COMMAND]]", NULL, NULL,
	  "this, or all about one command" },
	{ }
};

const struct object help_object = { "help", "help", cmds };

/* "ready|delayed|inflight|dead" */
static size_t put_choices(char *buf, size_t size, const struct word *w)
{
	size_t used = 0;

	if (!w->choices)
		return snprintf(buf, size, "%s", w->value);
	for (const char *const *c = w->choices; *c && used < size; c++)
		if (**c)
			used += snprintf(buf + used, size - used, "%s%s",
					 used ? "|" : "", *c);
	return used;
}

/* "message show CHANNEL [state ready|dead] [limit N]" */
static void make_usage(char *buf, size_t size, const struct object *object,
		       const struct cmd *cmd)
{
	size_t used = snprintf(buf, size, "%s%s%s%s%s", object->name,
			       cmd->name ? " " : "", cmd->name ? cmd->name : "",
			       *cmd->args ? " " : "", cmd->args);

	for (const struct word *w = cmd->words; w && w->name && used < size; w++) {
		if (cmd->flags & CMD_WORDS_MANY)
			break;
		if (cmd->flags & CMD_WORDS_ONE) {
			used += snprintf(buf + used, size - used, "%s%s%s",
					 w == cmd->words ? " [" : "|", w->name,
					 w[1].name ? "" : "]");
			continue;
		}
		used += snprintf(buf + used, size - used, " [%s", w->name);
		if (w->value && used < size) {
			used += snprintf(buf + used, size - used, " ");
			used += put_choices(buf + used, size - used, w);
		}
		if (used < size)
			used += snprintf(buf + used, size - used, "]");
	}
	if (cmd->tail && used < size)
		snprintf(buf + used, size - used, " %s", cmd->tail);
}

/* Two columns, or two lines where the first is long. */
static void put_pair(const char *left, const char *right)
{
	int width = strlen(left);

	if (width < COLUMN - 1)
		printf("  %-*s %s\n", COLUMN - 1, left, right);
	else
		printf("  %s\n  %*s %s\n", left, COLUMN - 1, "", right);
}

static void put_object(const struct object *object)
{
	char usage[USAGE_MAX];

	for (const struct cmd *cmd = object->cmds; cmd->run; cmd++) {
		make_usage(usage, sizeof(usage), object, cmd);
		put_pair(usage, cmd->help);
	}
}

static void put_words(const struct word *words)
{
	char text[USAGE_MAX];

	for (; words && words->name; words++) {
		size_t used = snprintf(text, sizeof(text), "%s ", words->name);

		if (words->value)
			put_choices(text + used, sizeof(text) - used, words);
		put_pair(text, words->help ? words->help : "");
	}
}

/* ---- JSON ------------------------------------------------------------------ */

static void json_words(const char *key, const struct word *words)
{
	json_array_begin(key);
	for (; words && words->name; words++) {
		json_object_begin(NULL);
		json_string("name", words->name);
		json_string("value", words->value);
		json_string("help", words->help);
		json_object_end();
	}
	json_array_end();
}

static void json_cmd(const struct object *object, const struct cmd *cmd)
{
	char usage[USAGE_MAX];

	make_usage(usage, sizeof(usage), object, cmd);
	json_object_begin(NULL);
	json_string("object", object->name);
	json_string("command", cmd->name);
	json_string("usage", usage);
	json_string("help", cmd->help);
	json_words("words", cmd->words);
	json_object_end();
}

static int json_help(const struct object *object)
{
	json_object_begin(NULL);
	json_words("options", ctl_options);
	json_array_begin("commands");
	for (const struct object *const *o = args_objects; *o; o++)
		for (const struct cmd *cmd = (*o)->cmds; cmd->run; cmd++)
			if (!object || object == *o)
				json_cmd(*o, cmd);
	json_array_end();
	json_object_end();
	return STATUS_DONE;
}

/* ---- text ------------------------------------------------------------------ */

int help_print(void)
{
	if (ctl.json)
		return json_help(NULL);
	puts("weirctl [OPTION]... [OBJECT [COMMAND]] ...");
	puts("Controls weir message channels. Words may be cut short as long as they are");
	puts("unambiguous; list is show; without arguments: channel show.\n");
	for (const struct object *const *o = args_objects; *o; o++)
		put_object(*o);
	puts("\nOptions:");
	put_words(ctl_options);
	puts("\nSizes (B K M G T), times (ns us ms s m h d) and shares (%) carry their unit.");
	puts("Exit status: 0 done, 1 refused or failed, 2 wrong use, 3 nothing came in time,");
	puts("4 module missing or incompatible, 128+n ended by signal n.");
	return STATUS_DONE;
}

int help_object_print(const struct object *object)
{
	if (ctl.json)
		return json_help(object);
	put_object(object);
	return STATUS_DONE;
}

static int help_cmd(const struct object *object, const struct cmd *cmd)
{
	char usage[USAGE_MAX];

	make_usage(usage, sizeof(usage), object, cmd);
	if (ctl.json) {
		json_cmd(object, cmd);
		return STATUS_DONE;
	}
	put_pair(usage, cmd->help);
	if (cmd->words)
		putchar('\n');
	put_words(cmd->words);
	return STATUS_DONE;
}

static int help_run(struct args *a)
{
	const char *names[16];
	const struct object *object;
	int i;

	if (!a->count)
		return help_print();
	if (!strcmp(a->word[0], "words")) {
		args_next(a);
		return complete_print(a);
	}
	args_set_pointer(NULL, NULL);
	for (i = 0; args_objects[i]; i++)
		names[i] = args_objects[i]->name;
	names[i] = NULL;
	i = args_match(args_next(a), names, "object");
	if (i < 0)
		return STATUS_USAGE;
	object = args_objects[i];
	if (!object->cmds[0].name)
		return args_end(a) ? STATUS_USAGE : help_cmd(object, object->cmds);
	if (!a->count)
		return help_object_print(object);

	for (i = 0; object->cmds[i].run; i++)
		names[i] = object->cmds[i].name;
	names[i] = NULL;
	i = args_match(args_next(a), names, "command");
	if (i < 0 || args_end(a))
		return STATUS_USAGE;
	return help_cmd(object, &object->cmds[i]);
}
