// SPDX-License-Identifier: GPL-2.0-only
/* pool: the message memory of channels. */
#include "pool.h"

#include <stdio.h>

#include <linux/weir_netlink.h>

#include "attrs.h"
#include "ctl.h"
#include "json.h"
#include "lookup.h"
#include "nl.h"
#include "units.h"

static void put_class_json(struct nlattr *attr, void *arg)
{
	struct nlattr *tb[WEIR_A_POOL_CLASS_MAX + 1];

	(void)arg;
	if (nla_parse_nested(tb, WEIR_A_POOL_CLASS_MAX, attr, NULL))
		return;
	json_object_begin(NULL);
	attrs_json(ATTRS_POOL_CLASS, tb);
	json_object_end();
}

static void put_cache_json(struct nlattr *attr, void *arg)
{
	struct nlattr *tb[WEIR_A_POOL_CACHE_MAX + 1];

	(void)arg;
	if (nla_parse_nested(tb, WEIR_A_POOL_CACHE_MAX, attr, NULL))
		return;
	json_object_begin(NULL);
	attrs_json(ATTRS_POOL_CACHE, tb);
	json_object_end();
}

static void put_json(struct nlattr **tb, void *arg)
{
	(void)arg;
	json_object_begin(NULL);
	attrs_json(ATTRS_POOL, tb);
	json_array_begin("class");
	netlink_each(WEIR_A_POOL_CLASS, put_class_json, NULL);
	json_array_end();
	json_array_begin("cache");
	netlink_each(WEIR_A_POOL_CACHE, put_cache_json, NULL);
	json_array_end();
	json_object_end();
}

static const char *size(struct nlattr **tb, int attr, char *buf)
{
	return units_size(buf, netlink_number(tb[attr]));
}

static unsigned long long number(struct nlattr **tb, int attr)
{
	return netlink_number(tb[attr]);
}

static void put_class(struct nlattr *attr, void *arg)
{
	struct nlattr *tb[WEIR_A_POOL_CLASS_MAX + 1];
	uint64_t buffer, block, blocks;
	char a[UNITS_TEXT], b[UNITS_TEXT];

	(void)arg;
	if (nla_parse_nested(tb, WEIR_A_POOL_CLASS_MAX, attr, NULL))
		return;
	buffer = netlink_number(tb[WEIR_A_POOL_CLASS_SIZE]);
	block = netlink_number(tb[WEIR_A_POOL_CLASS_BLOCK_SIZE]);
	blocks = netlink_number(tb[WEIR_A_POOL_CLASS_BLOCKS]);
	if (!buffer || !blocks)
		return;
	printf("  class %4s  %llu of %llu buffers busy, %llu block%s of %s\n",
	       units_size(a, buffer), number(tb, WEIR_A_POOL_CLASS_BUFFERS_BUSY),
	       number(tb, WEIR_A_POOL_CLASS_BUFFERS),
	       (unsigned long long)blocks, blocks == 1 ? "" : "s",
	       units_size(b, block));
}

static void put_cache(struct nlattr *attr, void *arg)
{
	struct nlattr *tb[WEIR_A_POOL_CACHE_MAX + 1];
	unsigned long long blocks;
	char a[UNITS_TEXT];

	(void)arg;
	if (nla_parse_nested(tb, WEIR_A_POOL_CACHE_MAX, attr, NULL))
		return;
	blocks = number(tb, WEIR_A_POOL_CACHE_BLOCKS);
	printf("  cpu %-4llu   %llu block%s, %s cached; grants %llu hit, %llu missed\n",
	       number(tb, WEIR_A_POOL_CACHE_CPU), blocks, blocks == 1 ? "" : "s",
	       size(tb, WEIR_A_POOL_CACHE_BYTES, a),
	       number(tb, WEIR_A_POOL_CACHE_HITS),
	       number(tb, WEIR_A_POOL_CACHE_MISSES));
}

static void put_text(struct nlattr **tb, void *arg)
{
	uint64_t max = netlink_number(tb[WEIR_A_POOL_LIMIT]);
	char a[UNITS_TEXT], b[UNITS_TEXT], c[UNITS_TEXT], d[UNITS_TEXT];

	(void)arg;
	printf("pool %s  %s..%s\n", netlink_text(tb[WEIR_A_POOL_NAME]),
	       size(tb, WEIR_A_POOL_FLOOR, a), size(tb, WEIR_A_POOL_LIMIT, b));
	printf("  populated %s = used %s + free %s + freeing %s     high-water %llu%%  ledger ",
	       size(tb, WEIR_A_POOL_POPULATED, a), size(tb, WEIR_A_POOL_USED, b),
	       size(tb, WEIR_A_POOL_FREE, c), size(tb, WEIR_A_POOL_FREEING, d),
	       max ? number(tb, WEIR_A_POOL_PEAK) * 100 / max : 0);
	puts(size(tb, WEIR_A_POOL_LEDGER, a));
	printf("  grants %llu hit, %llu missed, %llu refused     blocks held back by a pin %llu\n",
	       number(tb, WEIR_A_POOL_HITS), number(tb, WEIR_A_POOL_MISSES),
	       number(tb, WEIR_A_POOL_REFUSED), number(tb, WEIR_A_POOL_PINNED));
	printf("  grew %llu times, shrank %llu times, %llu blocks recalled     cached %s\n",
	       number(tb, WEIR_A_POOL_GROWS), number(tb, WEIR_A_POOL_SHRINKS),
	       number(tb, WEIR_A_POOL_RECALLED),
	       size(tb, WEIR_A_POOL_CACHED, a));
	netlink_each(WEIR_A_POOL_CLASS, put_class, NULL);
	netlink_each(WEIR_A_POOL_CACHE, put_cache, NULL);
}

static int pool_show(struct args *a)
{
	netlink_fn put = ctl.json ? put_json : put_text;
	const char *name = NULL;
	struct nl_msg *msg;
	int status, error;

	if (a->count) {
		status = lookup_need(a, &name);
		if (status || args_end(a))
			return status ? status : STATUS_USAGE;
	}
	msg = netlink_request(WEIR_CMD_POOL_GET);
	if (name)
		netlink_put_string(msg, WEIR_A_POOL_NAME, name);
	if (ctl.json)
		json_array_begin(NULL);
	error = name ? netlink_call(msg, put, NULL) : netlink_dump(msg, put, NULL);
	if (error)
		return lookup_refused(name, error);
	if (ctl.json)
		json_array_end();
	return STATUS_DONE;
}

static const struct cmd cmds[] = {
	{ "show", pool_show, CMD_CHANNEL, "[NAME]", NULL, NULL,
	  "message memory, by size of buffer" },
	{ }
};

const struct object pool_object = { "pool", "message memory", cmds };
