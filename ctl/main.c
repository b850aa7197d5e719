// SPDX-License-Identifier: GPL-2.0-only
/* weirctl: options, and the table of objects and commands. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "batch.h"
#include "channel.h"
#include "client.h"
#include "ctl.h"
#include "help.h"
#include "message.h"
#include "monitor.h"
#include "observe.h"
#include "output.h"
#include "policy.h"
#include "pool.h"
#include "recv.h"
#include "report.h"
#include "scheduler.h"
#include "send.h"
#include "stats.h"
#include "work.h"

#ifndef WEIRCTL_VERSION
#define WEIRCTL_VERSION "0"
#endif

struct ctl ctl;

const struct object *const args_objects[] = {
	&channel_object, &client_object, &message_object, &pool_object,
	&policy_object, &scheduler_object, &stats_object, &send_object, &recv_object,
	&work_object, &monitor_object, &observe_object, &help_object, NULL
};

const struct word ctl_options[] = {
	{ "-j", NULL, NULL, "JSON" },
	{ "-p", NULL, NULL, "JSON, indented for people" },
	{ "-d", NULL, NULL, "netlink messages, BPF logs on stderr" },
	{ "-V", NULL, NULL, "print the version" },
	{ "-h", NULL, NULL, "help" },
	{ "-batch", "FILE", NULL, "run the commands in FILE; - is input" },
	{ }
};

enum { OPTION_JSON, OPTION_PRETTY, OPTION_DEBUG, OPTION_VERSION, OPTION_HELP,
	OPTION_BATCH };

static const struct object *find_object(const char *text)
{
	const char *names[16];
	int i;

	for (i = 0; args_objects[i]; i++)
		names[i] = args_objects[i]->name;
	names[i] = NULL;
	i = args_match(text, names, "object");
	return i < 0 ? NULL : args_objects[i];
}

static const struct cmd *find_cmd(const struct object *object, const char *text)
{
	const char *names[16];
	int i;

	if (!strcmp(text, "list"))
		text = "show";
	if (!strcmp(text, "help"))
		return &help_object.cmds[0];
	for (i = 0; object->cmds[i].run; i++)
		names[i] = object->cmds[i].name;
	names[i] = NULL;
	i = args_match(text, names, "command");
	return i < 0 ? NULL : &object->cmds[i];
}

/* "channel add jobs": what a refusal is about. */
static void set_about(const struct object *object, const struct cmd *cmd,
		      const struct args *a)
{
	bool named = cmd->flags & CMD_CHANNEL && a->count && a->word[0][0] != '-';

	report_about("%s%s%s%s%s", object->name, cmd->name ? " " : "",
		     cmd->name ? cmd->name : "", named ? " " : "",
		     named ? a->word[0] : "");
}

int ctl_run(struct args *a)
{
	const struct object *object = &channel_object;
	const struct cmd *cmd;

	report_about("%s", "");
	args_set_pointer(NULL, NULL);
	if (a->count)
		object = find_object(args_next(a));
	if (!object)
		return STATUS_USAGE;

	cmd = &object->cmds[0];
	if (cmd->name) {
		report_about("%s", object->name);
		args_set_pointer(object->name, NULL);
		if (a->count)
			cmd = find_cmd(object, args_next(a));
		if (!cmd)
			return STATUS_USAGE;
		if (cmd == &help_object.cmds[0])
			return help_object_print(object);
	}
	set_about(object, cmd, a);
	args_set_pointer(object->name, cmd->name);
	return cmd->run(a);
}

static int version(void)
{
	printf("weirctl %s\n", WEIRCTL_VERSION);
	return STATUS_DONE;
}

/* Long forms for those who expect them. */
static const char *short_form(const char *option)
{
	static const char *const forms[][2] = {
		{ "--json", "-j" }, { "--pretty", "-p" }, { "--debug", "-d" },
		{ "--version", "-V" }, { "--help", "-h" }, { "--batch", "-batch" },
		{ "-b", "-batch" },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (!strcmp(option, forms[i][0]))
			return forms[i][1];
	return option;
}

/* Reads the options; @batch receives the file. Returns an exit status, or -1. */
static int read_options(struct args *a, const char **batch)
{
	const char *names[WORDS_MAX + 1];

	args_names(ctl_options, names);
	while (a->count && a->word[0][0] == '-' && a->word[0][1]) {
		switch (args_match(short_form(args_next(a)), names, "option")) {
		case OPTION_JSON:
			ctl.json = true;
			break;
		case OPTION_PRETTY:
			ctl.json = ctl.pretty = true;
			break;
		case OPTION_DEBUG:
			ctl.debug = true;
			break;
		case OPTION_VERSION:
			return version();
		case OPTION_HELP:
			return help_print();
		case OPTION_BATCH:
			*batch = args_next(a);
			if (!*batch)
				return usage_error("-batch needs a value: FILE%s",
						   args_pointer());
			break;
		default:
			return STATUS_USAGE;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct args a = { argc > 0 ? argc - 1 : 0, argv + 1 };
	const char *batch = NULL;
	int status, error;

	setlocale(LC_CTYPE, "");
	args_set_pointer(NULL, NULL);
	status = read_options(&a, &batch);
	if (status < 0 && batch)
		status = args_end(&a) ? STATUS_USAGE : batch_run(batch);
	else if (status < 0)
		status = ctl_run(&a);

	errno = 0;
	error = output_flush();
	if (error && status == STATUS_DONE) {
		fprintf(stderr, "weirctl: standard output: %s\n", strerror(error));
		status = STATUS_REFUSED;
	}
	return status;
}
