// SPDX-License-Identifier: GPL-2.0-only
/* channel: create, change, delete, pause, purge. Looking is in channel_show.c. */
#include "channel.h"

#include <errno.h>
#include <stdio.h>

#include <linux/weir_netlink.h>

#include "ctl.h"
#include "json.h"
#include "lookup.h"
#include "nl.h"
#include "report.h"
#include "settings.h"

/* ---- add and set ----------------------------------------------------------- */

static void json_done(const char *name, bool dry_run)
{
	if (!ctl.json)
		return;
	json_object_begin(NULL);
	json_string("channel", name);
	json_bool("dry_run", dry_run);
	json_object_end();
}

void channel_json_done(const char *name, const char *key, uint64_t count)
{
	if (!ctl.json)
		return;
	json_object_begin(NULL);
	json_string("channel", name);
	if (key)
		json_number(key, count);
	json_object_end();
}

/* Reads ATTR VALUE pairs into a request; NULL with @status after reporting. */
static struct nl_msg *configure(struct args *a, uint8_t cmd, const char *name,
				unsigned int *count, bool *dry_run, int *status)
{
	struct nl_msg *msg = netlink_request(cmd);

	*dry_run = false;
	netlink_put_string(msg, WEIR_A_CHANNEL_NAME, name);
	*status = settings_read(a, msg, count, dry_run);
	if (!*status)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

static int channel_add(struct args *a)
{
	unsigned int count;
	const char *name;
	struct nl_msg *msg;
	bool dry_run;
	int status, error;

	status = args_need(a, "NAME", &name);
	if (status)
		return status;
	if (!lookup_name_valid(name))
		return report(STATUS_USAGE, 0, "name",
			      "name \"%s\" is not valid; take 1 to 31 of a-z A-Z 0-9 . _ -, not beginning with a dot or dash",
			      name);
	msg = configure(a, WEIR_CMD_CHANNEL_NEW, name, &count, &dry_run, &status);
	if (!msg)
		return status;
	error = netlink_call(msg, NULL, NULL);
	if (error == -EEXIST)
		return report(STATUS_REFUSED, EEXIST, "name",
			      "exists already (EEXIST); change it with \"weirctl channel set %s ...\"",
			      name);
	if (error)
		return netlink_refused();
	json_done(name, dry_run);
	return STATUS_DONE;
}

static int channel_set(struct args *a)
{
	unsigned int count;
	const char *name;
	struct nl_msg *msg;
	bool dry_run;
	int status, error;

	/* What is wrong with the words comes before what is wrong with the name. */
	status = args_need(a, "NAME", &name);
	if (status)
		return status;
	msg = configure(a, WEIR_CMD_CHANNEL_SET, name, &count, &dry_run, &status);
	if (!msg)
		return status;
	if (!count) {
		nlmsg_free(msg);
		return usage_error("ATTR VALUE is missing%s", args_pointer());
	}
	error = netlink_call(msg, NULL, NULL);
	if (error)
		return lookup_refused(name, error);
	json_done(name, dry_run);
	return STATUS_DONE;
}

/* ---- del ------------------------------------------------------------------- */

static const struct word del_words[] = {
	{ "force", NULL, NULL, "with its messages, and ending its clients" },
	{ }
};

static int channel_del(struct args *a)
{
	struct nl_msg *msg;
	const char *name, *value;
	bool force = false;
	int status, error, i;

	status = args_need(a, "NAME", &name);
	if (status)
		return status;
	while ((i = args_word(a, del_words, "word", &value)) >= 0)
		force = true;
	if (i == WORD_BAD)
		return STATUS_USAGE;

	msg = netlink_request(WEIR_CMD_CHANNEL_DEL);
	netlink_put_string(msg, WEIR_A_CHANNEL_NAME, name);
	if (force)
		netlink_put_flag(msg, WEIR_A_CHANNEL_FORCE);
	error = netlink_call(msg, NULL, NULL);
	if (error == -EBUSY && !force)
		return netlink_refused_with("; drain it first or add \"force\"");
	if (error)
		return lookup_refused(name, error);
	channel_json_done(name, NULL, 0);
	return STATUS_DONE;
}

/* ---- pause, resume, purge ---------------------------------------------------- */

int channel_set_state(const char *name, uint32_t state)
{
	struct nl_msg *msg = netlink_request(WEIR_CMD_CHANNEL_SET);
	int error;

	netlink_put_string(msg, WEIR_A_CHANNEL_NAME, name);
	netlink_put_u32(msg, WEIR_A_CHANNEL_STATE, state);
	error = netlink_call(msg, NULL, NULL);
	return error ? lookup_refused(name, error) : STATUS_DONE;
}

static int change_state(struct args *a, uint32_t state)
{
	const char *name;
	int status;

	status = args_need(a, "NAME", &name);
	if (!status)
		status = args_end(a);
	if (!status)
		status = channel_set_state(name, state);
	if (!status)
		channel_json_done(name, NULL, 0);
	return status;
}

static int channel_pause(struct args *a)
{
	return change_state(a, WEIR_CHANNEL_STATE_PAUSED);
}

static int channel_resume(struct args *a)
{
	return change_state(a, WEIR_CHANNEL_STATE_RUNNING);
}

static const struct word purge_words[] = {
	{ "ready", NULL, NULL, "those that wait, with the delayed" },
	{ "dead", NULL, NULL, "those given up" },
	{ }
};

static void keep_count(struct nlattr **tb, void *arg)
{
	*(uint64_t *)arg = netlink_number(tb[WEIR_A_CHANNEL_COUNT]);
}

static int channel_purge(struct args *a)
{
	static const uint32_t states[] = {
		WEIR_MESSAGE_STATE_READY, WEIR_MESSAGE_STATE_DEAD
	};
	const char *name, *value;
	struct nl_msg *msg;
	uint64_t count = 0;
	int status, error, i = WORD_END;

	status = args_need(a, "NAME", &name);
	if (status)
		return status;
	if (a->count)
		i = args_word(a, purge_words, "state", &value);
	if (i == WORD_BAD || args_end(a))
		return STATUS_USAGE;

	msg = netlink_request(WEIR_CMD_CHANNEL_PURGE);
	netlink_put_string(msg, WEIR_A_CHANNEL_NAME, name);
	if (i >= 0)
		netlink_put_u32(msg, WEIR_A_CHANNEL_PURGE, states[i]);
	error = netlink_call(msg, keep_count, &count);
	if (error)
		return lookup_refused(name, error);
	channel_json_done(name, "purged", count);
	if (!ctl.json)
		printf("purged %llu\n", (unsigned long long)count);
	return STATUS_DONE;
}

static const struct cmd cmds[] = {
	{ "show", channel_show, CMD_CHANNEL, "[NAME]", NULL, NULL,
	  "all, or one with who holds what" },
	{ "add", channel_add, CMD_CHANNEL | CMD_WORDS_MANY | CMD_NEW,
	  "NAME [ATTR VALUE]...", settings_words, NULL,
	  "create it and /dev/weir/NAME" },
	{ "set", channel_set, CMD_CHANNEL | CMD_WORDS_MANY, "NAME ATTR VALUE...",
	  settings_words, NULL, "change attributes while messages flow" },
	{ "del", channel_del, CMD_CHANNEL, "NAME", del_words, NULL,
	  "delete it; force: with all that it holds" },
	{ "pause", channel_pause, CMD_CHANNEL, "NAME", NULL, NULL,
	  "take messages and hand out none" },
	{ "resume", channel_resume, CMD_CHANNEL, "NAME", NULL, NULL,
	  "run again after pause or drain" },
	{ "drain", channel_drain, CMD_CHANNEL, "NAME", NULL, NULL,
	  "refuse new messages, wait for the last" },
	{ "purge", channel_purge, CMD_CHANNEL | CMD_WORDS_ONE, "NAME", purge_words, NULL,
	  "throw messages away" },
	{ "save", channel_save, CMD_CHANNEL | CMD_FILES, "NAME FILE", NULL, NULL,
	  "pause it, and write all of it to a file" },
	{ "restore", channel_restore, CMD_FILES, "FILE [NAME]", NULL, NULL,
	  "create it anew, with its messages" },
	{ }
};

const struct object channel_object = { "channel", "channels", cmds };
