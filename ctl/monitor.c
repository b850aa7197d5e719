// SPDX-License-Identifier: GPL-2.0-only
/* monitor: what happens to channels, as it happens. */
#include "monitor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <linux/weir_netlink.h>

#include "attrs.h"
#include "ctl.h"
#include "json.h"
#include "lookup.h"
#include "nl.h"
#include "output.h"
#include "report.h"
#include "units.h"

struct event {
	uint8_t cmd;
	enum attrs_set set;
	const char *name;
};

static const struct event events[] = {
	{ WEIR_CMD_CHANNEL_ADD_NTF, ATTRS_CHANNEL, "channel-add" },
	{ WEIR_CMD_CHANNEL_SET_NTF, ATTRS_CHANNEL, "channel-set" },
	{ WEIR_CMD_CHANNEL_DEL_NTF, ATTRS_CHANNEL, "channel-del" },
	{ WEIR_CMD_CHANNEL_FULL_NTF, ATTRS_CHANNEL, "channel-full" },
	{ WEIR_CMD_CHANNEL_EMPTY_NTF, ATTRS_CHANNEL, "channel-empty" },
	{ WEIR_CMD_CLIENT_ATTACH_NTF, ATTRS_CLIENT, "client-attach" },
	{ WEIR_CMD_CLIENT_DETACH_NTF, ATTRS_CLIENT, "client-detach" },
	{ WEIR_CMD_MESSAGE_DEAD_NTF, ATTRS_MESSAGE, "message-dead" },
	{ WEIR_CMD_POLICY_EJECT_NTF, ATTRS_POLICY, "policy-eject" },
};

static const char *channel_of(const struct event *e, struct nlattr **tb)
{
	if (e->set == ATTRS_CHANNEL)
		return netlink_text(tb[WEIR_A_CHANNEL_NAME]);
	if (e->set == ATTRS_CLIENT)
		return netlink_text(tb[WEIR_A_CLIENT_CHANNEL]);
	if (e->set == ATTRS_POLICY)
		return netlink_text(tb[WEIR_A_POLICY_EXIT_CHANNEL]);
	return netlink_text(tb[WEIR_A_MESSAGE_CHANNEL]);
}

static void put_time(void)
{
	struct timespec ts;
	char text[32];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	localtime_r(&ts.tv_sec, &tm);
	strftime(text, sizeof(text), "%H:%M:%S", &tm);
	printf("%s.%03ld ", text, ts.tv_nsec / 1000000);
}

static void put_channel(struct nlattr **tb)
{
	printf("  %s  ready %llu  delayed %llu  inflight %llu  dead %llu",
	       attrs_choice(attrs_channel_state,
			    netlink_number(tb[WEIR_A_CHANNEL_STATE])),
	       (unsigned long long)netlink_number(tb[WEIR_A_CHANNEL_READY]),
	       (unsigned long long)netlink_number(tb[WEIR_A_CHANNEL_DELAYED]),
	       (unsigned long long)netlink_number(tb[WEIR_A_CHANNEL_INFLIGHT_NOW]),
	       (unsigned long long)netlink_number(tb[WEIR_A_CHANNEL_DEAD]));
}

static void put_client(const struct event *e, struct nlattr **tb)
{
	uint64_t role = netlink_number(tb[WEIR_A_CLIENT_ROLE]);

	printf("  id %u  ", (unsigned int)netlink_number(tb[WEIR_A_CLIENT_ID]));
	put_safe(stdout, netlink_text(tb[WEIR_A_CLIENT_COMM]));
	printf(" (pid %u)", (unsigned int)netlink_number(tb[WEIR_A_CLIENT_PID]));
	if (role & WEIR_CLIENT_ROLE_SEND)
		fputs("  sends", stdout);
	if (role & WEIR_CLIENT_ROLE_WORK)
		fputs("  works", stdout);
	if (e->cmd != WEIR_CMD_CLIENT_DETACH_NTF)
		return;
	if (netlink_number(tb[WEIR_A_CLIENT_DIED]))
		fputs("  its process ended", stdout);
	printf("  held %u", (unsigned int)netlink_number(tb[WEIR_A_CLIENT_INFLIGHT]));
}

static void put_message(struct nlattr **tb)
{
	const char *why = netlink_text(tb[WEIR_A_MESSAGE_REASON_TEXT]);

	printf("  id %llu  attempt %u  %s",
	       (unsigned long long)netlink_number(tb[WEIR_A_MESSAGE_ID]),
	       (unsigned int)netlink_number(tb[WEIR_A_MESSAGE_ATTEMPT]),
	       attrs_choice(attrs_reason,
			    netlink_number(tb[WEIR_A_MESSAGE_REASON])));
	if (*why)
		fputs(": ", stdout);
	put_safe(stdout, why);
}

static void put_policy(struct nlattr **tb)
{
	printf("  %s: %s", netlink_text(tb[WEIR_A_POLICY_NAME]),
	       attrs_choice(attrs_policy_exit,
			    netlink_number(tb[WEIR_A_POLICY_EXIT_REASON])));
}

static void put_text(const struct event *e, struct nlattr **tb)
{
	put_time();
	printf("%-13s  %s", e->name, channel_of(e, tb));
	if (e->set == ATTRS_CLIENT)
		put_client(e, tb);
	else if (e->set == ATTRS_MESSAGE)
		put_message(tb);
	else if (e->set == ATTRS_POLICY)
		put_policy(tb);
	else if (e->cmd != WEIR_CMD_CHANNEL_DEL_NTF)
		put_channel(tb);
	putchar('\n');
}

static void put_json(const struct event *e, struct nlattr **tb)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	json_object_begin(NULL);
	json_string("event", e->name);
	json_number("time_ns", ts.tv_sec * 1000000000ULL + ts.tv_nsec);
	attrs_json(e->set, tb);
	if (e->cmd == WEIR_CMD_CLIENT_DETACH_NTF)
		json_bool("died", netlink_number(tb[WEIR_A_CLIENT_DIED]));
	json_object_end();
}

static void on_event(uint8_t cmd, struct nlattr **tb, void *arg)
{
	const char *only = arg;

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		const struct event *e = &events[i];

		if (e->cmd != cmd || (only && strcmp(only, channel_of(e, tb))))
			continue;
		if (ctl.json)
			put_json(e, tb);
		else
			put_text(e, tb);
	}
}

static void say_lost(void)
{
	if (ctl.json) {
		json_object_begin(NULL);
		json_string("event", "lost");
		json_object_end();
	} else {
		put_time();
		puts("lost           some events came too fast to be read");
	}
}

/* A name that does not exist yet is fine: it may come. */
static int monitor_run(struct args *a)
{
	char *only = args_next(a);
	struct pollfd pfd;
	int error;

	if (args_end(a))
		return STATUS_USAGE;
	pfd = (struct pollfd){ netlink_events_open(), POLLIN, 0 };
	if (pfd.fd < 0)
		return netlink_refused();
	for (;;) {
		error = netlink_events_read(on_event, only);
		if (error == -ENOBUFS)
			say_lost();
		else if (error)
			return netlink_refused();
		if (fflush(stdout))
			return STATUS_REFUSED;
		if (poll(&pfd, 1, -1) < 0 && errno != EINTR)
			return report(STATUS_REFUSED, errno, NULL, "%s",
				      strerror(errno));
	}
}

static const struct cmd cmds[] = {
	{ NULL, monitor_run, CMD_CHANNEL, "[CHANNEL]", NULL, NULL,
	  "print events as they happen" },
	{ }
};

const struct object monitor_object = { "monitor", "events", cmds };
