// SPDX-License-Identifier: GPL-2.0-only
/* message: look at single messages, and step in. */
#include "message.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <linux/weir_netlink.h>

#include "attrs.h"
#include "ctl.h"
#include "json.h"
#include "lookup.h"
#include "nl.h"
#include "output.h"
#include "units.h"

#define HEX_WIDTH 16

/* ---- show ------------------------------------------------------------------ */

enum { STATE, OLDER, LIMIT };

static const struct word show_words[] = {
	{ "state", "STATE", attrs_message_state, "only those in this state" },
	{ "older", "AGE", NULL, "only those accepted so long ago" },
	{ "limit", "N", NULL, "so many at most" },
	{ }
};

/* Who has it, when it is due, or why it died. */
static void put_detail(struct nlattr **tb)
{
	const char *why = netlink_text(tb[WEIR_A_MESSAGE_REASON_TEXT]);
	char text[UNITS_TEXT];

	switch (netlink_number(tb[WEIR_A_MESSAGE_STATE])) {
	case WEIR_MESSAGE_STATE_INFLIGHT:
		table_cell("%s (pid %u) for %s",
			   netlink_text(tb[WEIR_A_MESSAGE_HOLDER_COMM]),
			   (unsigned int)netlink_number(tb[WEIR_A_MESSAGE_HOLDER_PID]),
			   units_time(text, netlink_number(tb[WEIR_A_MESSAGE_HELD])));
		break;
	case WEIR_MESSAGE_STATE_DELAYED:
		table_cell("due in %s",
			   units_time(text, netlink_number(tb[WEIR_A_MESSAGE_DUE])));
		break;
	case WEIR_MESSAGE_STATE_DEAD:
		table_cell("%s%s%s", attrs_choice(attrs_reason,
			   netlink_number(tb[WEIR_A_MESSAGE_REASON])),
			   *why ? ": " : "", why);
		break;
	default:
		table_cell("%s", "");
	}
}

static void put_row(struct nlattr **tb, void *arg)
{
	const bool *prio = arg;
	char text[UNITS_TEXT];

	table_cell("%llu", (unsigned long long)netlink_number(tb[WEIR_A_MESSAGE_ID]));
	table_cell("%s", attrs_choice(attrs_message_state,
				      netlink_number(tb[WEIR_A_MESSAGE_STATE])));
	table_cell("%s", units_age(text, netlink_number(tb[WEIR_A_MESSAGE_AGE])));
	table_cell("%s", units_size(text, netlink_number(tb[WEIR_A_MESSAGE_LEN])));
	table_cell("%u", (unsigned int)netlink_number(tb[WEIR_A_MESSAGE_ATTEMPT]));
	if (*prio)
		table_cell("%u", (unsigned int)netlink_number(tb[WEIR_A_MESSAGE_PRIO]));
	table_cell("%llu", (unsigned long long)netlink_number(tb[WEIR_A_MESSAGE_KEY]));
	put_detail(tb);
	table_row_end();
}

static void put_json(struct nlattr **tb, void *arg)
{
	(void)arg;
	json_object_begin(NULL);
	attrs_json(ATTRS_MESSAGE, tb);
	json_object_end();
}

static int read_filter(struct args *a, struct nl_msg *msg)
{
	const char *value;
	uint64_t number;
	uint32_t state;
	int i;

	while ((i = args_word(a, show_words, "filter", &value)) >= 0) {
		if (i == STATE) {
			if (args_choice("state", value, attrs_message_state, &state))
				return STATUS_USAGE;
			netlink_put_u32(msg, WEIR_A_MESSAGE_STATE, state);
		} else if (i == OLDER) {
			if (args_time("older", value, &number))
				return STATUS_USAGE;
			netlink_put_u64(msg, WEIR_A_MESSAGE_OLDER, number);
		} else {
			if (args_count("limit", value, UINT32_MAX, &number))
				return STATUS_USAGE;
			netlink_put_u32(msg, WEIR_A_MESSAGE_LIMIT, number);
		}
	}
	return i == WORD_END ? 0 : STATUS_USAGE;
}

static void keep_priorities(struct nlattr **tb, void *arg)
{
	*(bool *)arg = netlink_number(tb[WEIR_A_CHANNEL_PRIORITIES]) > 1;
}

/* A refusal here is reported by the request for the messages. */
static bool has_priorities(const char *channel)
{
	struct nl_msg *msg = netlink_request(WEIR_CMD_CHANNEL_GET);
	bool more = false;

	netlink_put_string(msg, WEIR_A_CHANNEL_NAME, channel);
	netlink_call(msg, keep_priorities, &more);
	return more;
}

/* There may be millions, and they move. */
static int message_show(struct args *a)
{
	static const char *const headings[] = {
		"ID", "<STATE", "AGE", "SIZE", "ATTEMPT", "KEY", "<DETAIL", NULL
	};
	static const char *const with_prio[] = {
		"ID", "<STATE", "AGE", "SIZE", "ATTEMPT", "PRIO", "KEY", "<DETAIL",
		NULL
	};
	struct nl_msg *msg;
	const char *name;
	bool prio;
	int error;

	if (args_need(a, "CHANNEL", &name))
		return STATUS_USAGE;
	msg = netlink_request(WEIR_CMD_MESSAGE_GET);
	netlink_put_string(msg, WEIR_A_MESSAGE_CHANNEL, name);
	if (read_filter(a, msg)) {
		nlmsg_free(msg);
		return STATUS_USAGE;
	}
	prio = !ctl.json && has_priorities(name);
	if (ctl.json)
		json_array_begin(NULL);
	else
		table_begin(prio ? with_prio : headings);
	error = netlink_stream(msg, WEIR_A_MESSAGE_ID, ctl.json ? put_json : put_row,
			       &prio);
	if (error)
		return lookup_refused(name, error);
	if (ctl.json)
		json_array_end();
	else
		table_end();
	return STATUS_DONE;
}

/* ---- peek ------------------------------------------------------------------ */

static void put_hex(const unsigned char *data, size_t size)
{
	for (size_t at = 0; at < size; at += HEX_WIDTH) {
		printf("  %06zx ", at);
		for (size_t i = at; i < at + HEX_WIDTH; i++) {
			if (i < size)
				printf(" %02x", data[i]);
			else
				fputs("   ", stdout);
		}
		fputs("  ", stdout);
		for (size_t i = at; i < at + HEX_WIDTH && i < size; i++)
			putchar(isprint(data[i]) && data[i] < 0x80 ? data[i] : '.');
		putchar('\n');
	}
}

static void put_payload(const struct nlattr *payload, uint64_t length)
{
	const unsigned char *data = nla_data(payload);
	size_t size = nla_len(payload);
	char a[UNITS_TEXT], b[UNITS_TEXT];

	if (size < length)
		printf("payload, the first %s of %s:\n", units_size(a, size),
		       units_size(b, length));
	else
		puts("payload:");
	if (!text_is_safe(data, size)) {
		put_hex(data, size);
		return;
	}
	fwrite(data, 1, size, stdout);
	if (size && data[size - 1] != '\n')
		putchar('\n');
}

static void put_state(struct nlattr **tb)
{
	uint64_t state = netlink_number(tb[WEIR_A_MESSAGE_STATE]);
	char text[UNITS_TEXT];

	printf("  %s", attrs_choice(attrs_message_state, state));
	if (state == WEIR_MESSAGE_STATE_INFLIGHT) {
		fputs(" with ", stdout);
		put_safe(stdout, netlink_text(tb[WEIR_A_MESSAGE_HOLDER_COMM]));
		printf(" (pid %u, client %u) for %s",
		       (unsigned int)netlink_number(tb[WEIR_A_MESSAGE_HOLDER_PID]),
		       (unsigned int)netlink_number(tb[WEIR_A_MESSAGE_HOLDER]),
		       units_time(text, netlink_number(tb[WEIR_A_MESSAGE_HELD])));
		if (tb[WEIR_A_MESSAGE_DUE])
			printf(", taken back in %s",
			       units_time(text, netlink_number(tb[WEIR_A_MESSAGE_DUE])));
	} else if (state == WEIR_MESSAGE_STATE_DELAYED) {
		printf(", due in %s",
		       units_time(text, netlink_number(tb[WEIR_A_MESSAGE_DUE])));
	} else if (state == WEIR_MESSAGE_STATE_DEAD) {
		printf(", %s", attrs_choice(attrs_reason,
					    netlink_number(tb[WEIR_A_MESSAGE_REASON])));
		if (*netlink_text(tb[WEIR_A_MESSAGE_REASON_TEXT]))
			fputs(": ", stdout);
		put_safe(stdout, netlink_text(tb[WEIR_A_MESSAGE_REASON_TEXT]));
	}
	putchar('\n');
}

static void peek_text(struct nlattr **tb, void *arg)
{
	uint64_t length = netlink_number(tb[WEIR_A_MESSAGE_LEN]);
	unsigned int sender = netlink_number(tb[WEIR_A_MESSAGE_SENDER]);
	char age[UNITS_TEXT], size[UNITS_TEXT], who[32] = "write(2)";

	(void)arg;
	printf("message %llu of %s  %s old  %s\n",
	       (unsigned long long)netlink_number(tb[WEIR_A_MESSAGE_ID]),
	       netlink_text(tb[WEIR_A_MESSAGE_CHANNEL]),
	       units_age(age, netlink_number(tb[WEIR_A_MESSAGE_AGE])),
	       units_size(size, length));
	put_state(tb);
	if (sender)
		snprintf(who, sizeof(who), "client %u", sender);
	printf("  attempt %u  deliveries %u  key %llu  priority %u  sent by %s, uid %u\n",
	       (unsigned int)netlink_number(tb[WEIR_A_MESSAGE_ATTEMPT]),
	       (unsigned int)netlink_number(tb[WEIR_A_MESSAGE_DELIVERIES]),
	       (unsigned long long)netlink_number(tb[WEIR_A_MESSAGE_KEY]),
	       (unsigned int)netlink_number(tb[WEIR_A_MESSAGE_PRIO]), who,
	       (unsigned int)netlink_number(tb[WEIR_A_MESSAGE_SENDER_UID]));
	if (tb[WEIR_A_MESSAGE_PAYLOAD])
		put_payload(tb[WEIR_A_MESSAGE_PAYLOAD], length);
}

static void peek_json(struct nlattr **tb, void *arg)
{
	const struct nlattr *payload = tb[WEIR_A_MESSAGE_PAYLOAD];

	(void)arg;
	json_object_begin(NULL);
	attrs_json(ATTRS_MESSAGE, tb);
	if (payload)
		json_bytes("payload", nla_data(payload), nla_len(payload));
	else
		json_string("payload", NULL);
	json_object_end();
}

static int message_peek(struct args *a)
{
	const char *name, *id;
	struct nl_msg *msg;
	uint64_t number;
	int error;

	if (args_need(a, "CHANNEL", &name) || args_need(a, "ID", &id) ||
	    args_end(a) || args_count("ID", id, UINT64_MAX, &number))
		return STATUS_USAGE;
	msg = netlink_request(WEIR_CMD_MESSAGE_GET);
	netlink_put_string(msg, WEIR_A_MESSAGE_CHANNEL, name);
	netlink_put_u64(msg, WEIR_A_MESSAGE_ID, number);
	error = netlink_call(msg, ctl.json ? peek_json : peek_text, NULL);
	return error ? lookup_refused(name, error) : STATUS_DONE;
}

/* ---- release, requeue, kill -------------------------------------------------- */

static void keep_count(struct nlattr **tb, void *arg)
{
	*(uint64_t *)arg = netlink_number(tb[WEIR_A_MESSAGE_COUNT]);
}

static void say_count(const char *name, const char *done, uint64_t count)
{
	if (ctl.json) {
		json_object_begin(NULL);
		json_string("channel", name);
		json_number(done, count);
		json_object_end();
	} else {
		printf("%s %llu\n", done, (unsigned long long)count);
	}
}

static int change(struct args *a, uint8_t cmd, const char *done)
{
	const char *name, *which;
	uint64_t id = 0, count = 0;
	struct nl_msg *msg;
	bool all;
	int error;

	if (args_need(a, "CHANNEL", &name) || args_need(a, "ID or all", &which) ||
	    args_end(a))
		return STATUS_USAGE;
	all = !strcmp(which, "all");
	if (!all && args_count("ID", which, UINT64_MAX, &id))
		return STATUS_USAGE;
	msg = netlink_request(cmd);
	netlink_put_string(msg, WEIR_A_MESSAGE_CHANNEL, name);
	if (all)
		netlink_put_flag(msg, WEIR_A_MESSAGE_ALL);
	else
		netlink_put_u64(msg, WEIR_A_MESSAGE_ID, id);
	error = netlink_call(msg, keep_count, &count);
	if (error)
		return lookup_refused(name, error);
	say_count(name, done, count);
	return STATUS_DONE;
}

static int message_release(struct args *a)
{
	return change(a, WEIR_CMD_MESSAGE_RELEASE, "released");
}

static int message_requeue(struct args *a)
{
	return change(a, WEIR_CMD_MESSAGE_REQUEUE, "requeued");
}

static int message_kill(struct args *a)
{
	return change(a, WEIR_CMD_MESSAGE_KILL, "killed");
}

static const struct cmd cmds[] = {
	{ "show", message_show, CMD_CHANNEL, "CHANNEL", show_words, NULL,
	  "who holds them, since when, why dead" },
	{ "peek", message_peek, CMD_CHANNEL, "CHANNEL ID", NULL, NULL,
	  "all about one, with its first 16K" },
	{ "release", message_release, CMD_CHANNEL | CMD_ID, "CHANNEL ID|all", NULL, NULL,
	  "take back from workers, end a delay" },
	{ "requeue", message_requeue, CMD_CHANNEL | CMD_ID, "CHANNEL ID|all", NULL, NULL,
	  "make dead ones ready, attempts at 0" },
	{ "kill", message_kill, CMD_CHANNEL | CMD_ID, "CHANNEL ID|all", NULL, NULL,
	  "make others dead" },
	{ }
};

const struct object message_object = { "message", "messages", cmds };
