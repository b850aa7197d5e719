// SPDX-License-Identifier: GPL-2.0-only
/* policy: who decides which worker gets a message. */
#include "policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/weir_netlink.h>

#include "attrs.h"
#include "ctl.h"
#include "json.h"
#include "lookup.h"
#include "nl.h"
#include "output.h"
#include "program.h"
#include "report.h"
#include "suggest.h"
#include "units.h"

/* ---- show ------------------------------------------------------------------ */

static unsigned long long number(struct nlattr **tb, int attr)
{
	return netlink_number(tb[attr]);
}

static void put_json_name(struct nlattr *attr, void *arg)
{
	(void)arg;
	json_string(NULL, netlink_text(attr));
}

static void put_json(struct nlattr **tb, void *arg)
{
	(void)arg;
	json_object_begin(NULL);
	attrs_json(ATTRS_POLICY, tb);
	json_array_begin("channel");
	netlink_each(WEIR_A_POLICY_CHANNEL, put_json_name, NULL);
	json_array_end();
	json_object_end();
}

static uint64_t kind(struct nlattr **tb)
{
	return netlink_number(tb[WEIR_A_POLICY_KIND]);
}

static const char *exit_reason(struct nlattr **tb)
{
	return attrs_choice(attrs_policy_exit,
			    netlink_number(tb[WEIR_A_POLICY_EXIT_REASON]));
}

static const char *span(struct nlattr **tb, int attr, char *text)
{
	return number(tb, WEIR_A_POLICY_CALLS) ? units_time(text, number(tb, attr)) : "-";
}

static void put_costs(struct nlattr **tb)
{
	char text[UNITS_TEXT];

	if (kind(tb) == WEIR_POLICY_KIND_BUILTIN) {
		for (int i = 0; i < 5; i++)
			table_cell("-");
		return;
	}
	table_cell("%llu", number(tb, WEIR_A_POLICY_CALLS));
	table_cell("%llu", number(tb, WEIR_A_POLICY_ERRORS));
	table_cell("%s", span(tb, WEIR_A_POLICY_TIME_AVERAGE, text));
	table_cell("%s", span(tb, WEIR_A_POLICY_TIME_HIGHEST, text));
	table_cell("%s", number(tb, WEIR_A_POLICY_EXITS) ? exit_reason(tb) : "-");
}

static void put_row(struct nlattr **tb, void *arg)
{
	(void)arg;
	table_cell("%s", netlink_text(tb[WEIR_A_POLICY_NAME]));
	table_cell("%s", attrs_choice(attrs_policy_kind, kind(tb)));
	table_cell("%llu", number(tb, WEIR_A_POLICY_CHANNELS));
	put_costs(tb);
	table_row_end();
}

static int show_all(void)
{
	static const char *const headings[] = {
		"<NAME", "<KIND", "CHANNELS", "CALLS", "ERRORS", "AVERAGE",
		"LONGEST", "<EXIT", NULL
	};
	int error;

	if (ctl.json)
		json_array_begin(NULL);
	else
		table_begin(headings);
	error = netlink_dump(netlink_request(WEIR_CMD_POLICY_GET),
			     ctl.json ? put_json : put_row, NULL);
	if (error)
		return netlink_refused();
	if (ctl.json)
		json_array_end();
	else
		table_end();
	return STATUS_DONE;
}

static void put_channel(struct nlattr *attr, void *arg)
{
	(void)arg;
	printf(" %s", netlink_text(attr));
}

static void put_exit(struct nlattr **tb)
{
	char age[UNITS_TEXT], text[UNITS_TEXT];

	printf("  exits %llu, the last %s ago: channel %s, %s",
	       number(tb, WEIR_A_POLICY_EXITS),
	       units_age(age, number(tb, WEIR_A_POLICY_EXIT_AGE)),
	       netlink_text(tb[WEIR_A_POLICY_EXIT_CHANNEL]), exit_reason(tb));
	printf(" after %llu calls, %llu errors, %s at most\n",
	       number(tb, WEIR_A_POLICY_EXIT_CALLS),
	       number(tb, WEIR_A_POLICY_EXIT_ERRORS),
	       units_time(text, number(tb, WEIR_A_POLICY_EXIT_HIGHEST)));
}

static void put_text(struct nlattr **tb, void *arg)
{
	char average[UNITS_TEXT], highest[UNITS_TEXT];

	(void)arg;
	printf("policy %s  %s\n", netlink_text(tb[WEIR_A_POLICY_NAME]),
	       attrs_choice(attrs_policy_kind, kind(tb)));
	printf("  channels %llu", number(tb, WEIR_A_POLICY_CHANNELS));
	fputs(tb[WEIR_A_POLICY_CHANNEL] ? ":" : "", stdout);
	netlink_each(WEIR_A_POLICY_CHANNEL, put_channel, NULL);
	putchar('\n');
	if (kind(tb) == WEIR_POLICY_KIND_BUILTIN)
		return;
	printf("  calls %llu, errors %llu, %s each, %s at most\n",
	       number(tb, WEIR_A_POLICY_CALLS), number(tb, WEIR_A_POLICY_ERRORS),
	       span(tb, WEIR_A_POLICY_TIME_AVERAGE, average),
	       span(tb, WEIR_A_POLICY_TIME_HIGHEST, highest));
	if (number(tb, WEIR_A_POLICY_EXITS))
		put_exit(tb);
}

/* ---- which there are --------------------------------------------------------- */

static void offer(struct nlattr **tb, void *arg)
{
	if (kind(tb) != WEIR_POLICY_KIND_GONE)
		suggest_offer(arg, netlink_text(tb[WEIR_A_POLICY_NAME]));
}

static int unknown(const char *name)
{
	struct suggest s;
	char text[96];

	suggest_init(&s, name);
	netlink_dump(netlink_request(WEIR_CMD_POLICY_GET), offer, &s);
	return report(STATUS_REFUSED, ENOENT, "policy", "no policy \"%s\"%s", name,
		      suggest_text(&s, text, sizeof(text)));
}

static int get(const char *name, netlink_fn fn, void *arg)
{
	struct nl_msg *msg = netlink_request(WEIR_CMD_POLICY_GET);

	netlink_put_string(msg, WEIR_A_POLICY_NAME, name);
	return netlink_call(msg, fn, arg);
}

static int show_one(const char *name)
{
	int error;

	if (ctl.json)
		json_array_begin(NULL);
	error = get(name, ctl.json ? put_json : put_text, NULL);
	if (error)
		return error == -ENOENT ? unknown(name) : netlink_refused();
	if (ctl.json)
		json_array_end();
	return STATUS_DONE;
}

static int policy_show(struct args *a)
{
	const char *name = args_next(a);

	if (args_end(a))
		return STATUS_USAGE;
	return name ? show_one(name) : show_all();
}

static void keep_kind(struct nlattr **tb, void *arg)
{
	*(uint64_t *)arg = kind(tb);
}

/* ---- load ------------------------------------------------------------------- */

/* A channel that is to use it, and what it used before. */
struct user {
	const char *name;
	char before[64];
};

static void keep_policy(struct nlattr **tb, void *arg)
{
	struct user *user = arg;

	snprintf(user->before, sizeof(user->before), "%s",
		 netlink_text(tb[WEIR_A_CHANNEL_POLICY]));
}

static int read_user(struct args *a, struct user *user)
{
	struct nl_msg *msg;
	int error;

	user->name = args_next(a);
	report_about("policy load: channel %s", user->name);
	if (!lookup_name_valid(user->name))
		return lookup_unknown(user->name);
	msg = netlink_request(WEIR_CMD_CHANNEL_GET);
	netlink_put_string(msg, WEIR_A_CHANNEL_NAME, user->name);
	error = netlink_call(msg, keep_policy, user);
	return error ? lookup_refused(user->name, error) : 0;
}

static int set_policy(const char *channel, const char *policy)
{
	struct nl_msg *msg = netlink_request(WEIR_CMD_CHANNEL_SET);

	netlink_put_string(msg, WEIR_A_CHANNEL_NAME, channel);
	netlink_put_string(msg, WEIR_A_CHANNEL_POLICY, policy);
	return netlink_call(msg, NULL, NULL);
}

/* All of them, or none. */
static int set_users(const struct user *user, int users, const char *policy)
{
	int error, status;

	for (int i = 0; i < users; i++) {
		error = set_policy(user[i].name, policy);
		if (!error)
			continue;
		report_about("policy load: channel %s", user[i].name);
		status = lookup_refused(user[i].name, error);
		while (i--)
			set_policy(user[i].name, user[i].before);
		return status;
	}
	return 0;
}

/* 0 or a status after reporting. */
static int check_name(const char *name, const char *file)
{
	uint64_t kind = WEIR_POLICY_KIND_GONE;
	int error = get(name, keep_kind, &kind);

	if (error && error != -ENOENT)
		return netlink_refused();
	switch (kind) {
	case WEIR_POLICY_KIND_GONE:
		return 0;
	case WEIR_POLICY_KIND_BUILTIN:
		return report(STATUS_REFUSED, EEXIST, "policy",
			      "%s: a policy \"%s\" is built in (EEXIST)", file,
			      name);
	default:
		return report(STATUS_REFUSED, EEXIST, "policy",
			      "%s: a policy \"%s\" is loaded already (EEXIST); unload it first",
			      file, name);
	}
}

/* Names are free, and there is one policy if channels are to use it. */
static int check_names(const struct program *p, const char *file, int users)
{
	int status = 0;

	if (users && program_count(p) > 1)
		return report(STATUS_REFUSED, EINVAL, "channel",
			      "%s holds %zu policies; load it without channels, and give each its own with \"weirctl channel set\"",
			      file, program_count(p));
	for (size_t i = 0; !status && i < program_count(p); i++)
		status = check_name(program_name(p, i), file);
	return status;
}

static void json_loaded(const struct program *p)
{
	json_object_begin(NULL);
	json_array_begin("policies");
	for (size_t i = 0; i < program_count(p); i++)
		json_string(NULL, program_name(p, i));
	json_array_end();
	json_object_end();
}

static int load(const char *file, const struct user *user, int users)
{
	struct program *p;
	int status;

	report_about("policy load");
	status = program_open(file, &p);
	status = status ?: check_names(p, file, users);
	if (!status)
		status = program_load(p);
	if (!status && users) {
		status = set_users(user, users, program_name(p, 0));
		if (status)
			program_undo(p);
	}
	if (!status && ctl.json)
		json_loaded(p);
	program_close(p);
	return status;
}

static int policy_load(struct args *a)
{
	int status, users = 0;
	struct user *user;
	const char *file;

	status = args_need(a, "FILE", &file) ?: netlink_check_module();
	if (status)
		return status;
	user = calloc(a->count + 1, sizeof(*user));
	if (!user)
		abort();
	while (!status && a->count)
		status = read_user(a, &user[users++]);
	if (!status)
		status = load(file, user, users);
	free(user);
	return status;
}

/* ---- unload ------------------------------------------------------------------ */

static int policy_unload(struct args *a)
{
	const char *name;
	uint64_t kind;
	int error;
	int status;

	status = args_need(a, "NAME", &name);
	if (status || args_end(a))
		return STATUS_USAGE;
	error = get(name, keep_kind, &kind);
	if (error && error != -ENOENT)
		return netlink_refused();
	if (error || kind == WEIR_POLICY_KIND_GONE)
		return unknown(name);
	if (kind == WEIR_POLICY_KIND_BUILTIN)
		return report(STATUS_REFUSED, EINVAL, "policy",
			      "policy \"%s\" is built in and stays", name);
	status = program_unload(name);
	if (!status && ctl.json) {
		json_object_begin(NULL);
		json_string("policy", name);
		json_object_end();
	}
	return status;
}

static const struct cmd cmds[] = {
	{ "show", policy_show, CMD_POLICY, "[NAME]", NULL, NULL,
	  "who decides, for whom, at what cost" },
	{ "load", policy_load, CMD_PROGRAM, "FILE [CHANNEL]...", NULL, NULL,
	  "a policy in BPF; channels to use it" },
	{ "unload", policy_unload, CMD_POLICY, "NAME", NULL, NULL,
	  "its channels go on with least-loaded" },
	{ }
};

const struct object policy_object = { "policy", "policies", cmds };
