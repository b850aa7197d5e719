// SPDX-License-Identifier: GPL-2.0-only
/* client: who is attached to which channel. */
#include "client.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>

#include <linux/weir_netlink.h>

#include "attrs.h"
#include "ctl.h"
#include "json.h"
#include "lookup.h"
#include "nl.h"
#include "output.h"
#include "report.h"
#include "units.h"

static const char *role_word(uint64_t role)
{
	static const char *const words[] = { "-", "send", "work", "both" };

	return role < 4 ? words[role] : "?";
}

static const char *user_name(uint32_t uid, char *buf, size_t size)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		snprintf(buf, size, "%s", pw->pw_name);
	else
		snprintf(buf, size, "%u", uid);
	return buf;
}

static void put_worker_cells(struct nlattr **tb)
{
	if (!(netlink_number(tb[WEIR_A_CLIENT_ROLE]) & WEIR_CLIENT_ROLE_WORK)) {
		for (int i = 0; i < 5; i++)
			table_cell("-");
		return;
	}
	table_cell("%llu/%llu",
		   (unsigned long long)netlink_number(tb[WEIR_A_CLIENT_INFLIGHT]),
		   (unsigned long long)netlink_number(tb[WEIR_A_CLIENT_INFLIGHT_LIMIT]));
	table_cell("%u%%", (unsigned int)netlink_number(tb[WEIR_A_CLIENT_LOAD]) / 10);
	table_cell("%llu", (unsigned long long)netlink_number(tb[WEIR_A_CLIENT_ACKED]));
	table_cell("%llu", (unsigned long long)netlink_number(tb[WEIR_A_CLIENT_FAILED]));
	table_cell("%llu", (unsigned long long)netlink_number(tb[WEIR_A_CLIENT_DROPPED]));
}

static void put_row(struct nlattr **tb, void *arg)
{
	char text[UNITS_TEXT], user[64];

	(void)arg;
	table_cell("%s", netlink_text(tb[WEIR_A_CLIENT_CHANNEL]));
	table_cell("%u", (unsigned int)netlink_number(tb[WEIR_A_CLIENT_ID]));
	table_cell("%u", (unsigned int)netlink_number(tb[WEIR_A_CLIENT_PID]));
	table_cell("%s", netlink_text(tb[WEIR_A_CLIENT_COMM]));
	table_cell("%s", user_name(netlink_number(tb[WEIR_A_CLIENT_UID]), user,
				   sizeof(user)));
	table_cell("%s", role_word(netlink_number(tb[WEIR_A_CLIENT_ROLE])));
	put_worker_cells(tb);
	table_cell("%llu", (unsigned long long)netlink_number(tb[WEIR_A_CLIENT_ACCEPTED]));
	table_cell("%llu", (unsigned long long)netlink_number(tb[WEIR_A_CLIENT_UNSETTLED]));
	table_cell("%llu", (unsigned long long)netlink_number(tb[WEIR_A_CLIENT_WAITING]));
	table_cell("%s", units_size(text, netlink_number(tb[WEIR_A_CLIENT_MEMORY])));
	table_cell("%s", units_age(text, netlink_number(tb[WEIR_A_CLIENT_AGE])));
	table_row_end();
}

static void put_json(struct nlattr **tb, void *arg)
{
	(void)arg;
	json_object_begin(NULL);
	attrs_json(ATTRS_CLIENT, tb);
	json_object_end();
}

static int client_show(struct args *a)
{
	static const char *const headings[] = {
		"<CHANNEL", "ID", "PID", "<NAME", "<USER", "<ROLE", "HOLDS", "LOAD",
		"ACKED", "FAILED", "DROPPED", "SENT", "UNSETTLED", "WAITING",
		"MEMORY", "AGE", NULL
	};
	struct nl_msg *msg;
	const char *name = NULL;
	int status, error;

	if (a->count) {
		status = lookup_need(a, &name);
		if (status || args_end(a))
			return status ? status : STATUS_USAGE;
	}
	msg = netlink_request(WEIR_CMD_CLIENT_GET);
	if (name)
		netlink_put_string(msg, WEIR_A_CLIENT_CHANNEL, name);
	if (ctl.json)
		json_array_begin(NULL);
	else
		table_begin(headings);
	error = netlink_dump(msg, ctl.json ? put_json : put_row, NULL);
	if (error)
		return lookup_refused(name, error);
	if (ctl.json)
		json_array_end();
	else
		table_end();
	return STATUS_DONE;
}

static void json_kicked(const char *channel, const char *key, uint64_t value)
{
	if (!ctl.json)
		return;
	json_object_begin(NULL);
	if (channel)
		json_string("channel", channel);
	json_number(key, value);
	json_object_end();
}

/* kick PID: all that a process has; kick CHANNEL ID: one. */
static int client_kick(struct args *a)
{
	const char *first, *second, *channel = NULL;
	uint64_t number;
	struct nl_msg *msg;
	int status, error;

	status = args_need(a, "PID or CHANNEL ID", &first);
	if (status)
		return status;
	second = args_next(a);
	if (args_end(a))
		return STATUS_USAGE;
	if (second)
		channel = first;
	if (args_count(second ? "ID" : "PID", second ? second : first, UINT32_MAX,
		       &number))
		return STATUS_USAGE;

	msg = netlink_request(WEIR_CMD_CLIENT_KICK);
	if (channel) {
		netlink_put_string(msg, WEIR_A_CLIENT_CHANNEL, channel);
		netlink_put_u32(msg, WEIR_A_CLIENT_ID, number);
	} else {
		netlink_put_u32(msg, WEIR_A_CLIENT_PID, number);
	}
	error = netlink_call(msg, NULL, NULL);
	if (error)
		return lookup_refused(channel, error);
	json_kicked(channel, channel ? "id" : "pid", number);
	return STATUS_DONE;
}

static const struct cmd cmds[] = {
	{ "show", client_show, CMD_CHANNEL, "[CHANNEL]", NULL, NULL,
	  "who is attached, and what it holds" },
	{ "kick", client_kick, 0, "PID|CHANNEL ID", NULL, NULL,
	  "end clients as if their process had died" },
	{ }
};

const struct object client_object = { "client", "clients", cmds };
