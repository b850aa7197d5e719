// SPDX-License-Identifier: GPL-2.0-only
/* prefill: how many buffers of each size a channel has ready at once. */
#include "prefill.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <linux/weir_netlink.h>

#include "args.h"
#include "ctl.h"
#include "json.h"
#include "nl.h"
#include "report.h"
#include "units.h"

static int bad(const char *name, const char *text, const char *reason)
{
	return report(STATUS_USAGE, 0, name, "%s \"%s\" %s", name, text, reason);
}

static void put_class(struct nl_msg *msg, uint32_t size, uint64_t buffers)
{
	struct nlattr *nest = netlink_nest(msg, WEIR_A_CHANNEL_PREFILL);

	netlink_put_u32(msg, WEIR_A_POOL_CLASS_SIZE, size);
	netlink_put_u64(msg, WEIR_A_POOL_CLASS_BUFFERS, buffers);
	netlink_nest_end(msg, nest);
}

/* One "SIZE:N". */
static int read_class(struct nl_msg *msg, const char *name, const char *text)
{
	char size[64], *count;
	uint64_t bytes, buffers;

	snprintf(size, sizeof(size), "%s", text);
	count = strchr(size, ':');
	if (!count || strlen(text) >= sizeof(size))
		return bad(name, text, "is not SIZE:N; write 1K:500,8K:200");
	*count++ = '\0';
	if (args_size(name, size, &bytes) ||
	    args_count(name, count, UINT64_MAX, &buffers))
		return STATUS_USAGE;
	if (bytes > UINT32_MAX)
		return bad(name, size, "is too large");
	put_class(msg, bytes, buffers);
	return 0;
}

int prefill_read(struct nl_msg *msg, const char *name, const char *text)
{
	char all[1024], *next = all, *one;
	int status = 0;

	snprintf(all, sizeof(all), "%s", text);
	if (strlen(text) >= sizeof(all))
		return bad(name, text, "is too long");
	while (!status && (one = strsep(&next, ",")))
		status = read_class(msg, name, one);
	return status;
}

struct line {
	FILE *out;
	const char *before;
};

static void print_class(struct nlattr *attr, void *arg)
{
	struct nlattr *tb[WEIR_A_POOL_CLASS_MAX + 1];
	struct line *line = arg;
	char text[UNITS_TEXT];

	if (nla_parse_nested(tb, WEIR_A_POOL_CLASS_MAX, attr, NULL))
		return;
	fprintf(line->out, "%s%s:%llu", line->before,
		units_size_exact(text, netlink_number(tb[WEIR_A_POOL_CLASS_SIZE])),
		(unsigned long long)netlink_number(tb[WEIR_A_POOL_CLASS_BUFFERS]));
	line->before = ",";
}

void prefill_print(FILE *out)
{
	struct line line = { out, "" };

	netlink_each(WEIR_A_CHANNEL_PREFILL, print_class, &line);
}

static void json_class(struct nlattr *attr, void *arg)
{
	struct nlattr *tb[WEIR_A_POOL_CLASS_MAX + 1];

	(void)arg;
	if (nla_parse_nested(tb, WEIR_A_POOL_CLASS_MAX, attr, NULL))
		return;
	json_object_begin(NULL);
	json_number("size", netlink_number(tb[WEIR_A_POOL_CLASS_SIZE]));
	json_number("buffers", netlink_number(tb[WEIR_A_POOL_CLASS_BUFFERS]));
	json_object_end();
}

void prefill_json(void)
{
	json_array_begin("prefill");
	netlink_each(WEIR_A_CHANNEL_PREFILL, json_class, NULL);
	json_array_end();
}
