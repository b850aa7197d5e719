// SPDX-License-Identifier: GPL-2.0-only
/* Latency histograms: percentiles out of log-linear buckets. */
#include "hist.h"

#include <stdio.h>
#include <string.h>

#include <linux/weir_netlink.h>

#include "json.h"
#include "nl.h"

#define LINEAR 16	/* below it a bucket is 1 ns wide */
#define PARTS_LOG2 3	/* above it each power of two has 8 of them */

void hist_read(struct hist *h, const struct nlattr *nest)
{
	struct nlattr *tb[WEIR_A_HIST_MAX + 1];

	memset(h, 0, sizeof(*h));
	if (!nest || nla_parse_nested(tb, WEIR_A_HIST_MAX, (struct nlattr *)nest, NULL))
		return;
	h->count = netlink_number(tb[WEIR_A_HIST_COUNT]);
	h->sum = netlink_number(tb[WEIR_A_HIST_SUM]);
	h->max = netlink_number(tb[WEIR_A_HIST_HIGHEST]);
	if (!tb[WEIR_A_HIST_BUCKETS])
		return;
	h->bucket = nla_data(tb[WEIR_A_HIST_BUCKETS]);
	h->buckets = nla_len(tb[WEIR_A_HIST_BUCKETS]) / sizeof(struct hist_bucket);
}

/* Netlink aligns to 4 bytes, not to 8. */
struct hist_bucket hist_bucket(const struct hist *h, size_t i)
{
	struct hist_bucket b;

	memcpy(&b, h->bucket + i * sizeof(b), sizeof(b));
	return b;
}

/* The largest value that falls into the bucket. */
static uint64_t upper_bound(uint64_t low)
{
	if (low < LINEAR)
		return low;
	return low + (1ULL << (63 - __builtin_clzll(low) - PARTS_LOG2)) - 1;
}

uint64_t hist_percentile(const struct hist *h, unsigned int per_mille)
{
	uint64_t total = 0, seen = 0, rank;

	/* The buckets' own sum: they were read while others counted. */
	for (size_t i = 0; i < h->buckets; i++)
		total += hist_bucket(h, i).count;
	rank = total / 1000 * per_mille + (total % 1000 * per_mille + 999) / 1000;
	for (size_t i = 0; i < h->buckets; i++) {
		struct hist_bucket b = hist_bucket(h, i);

		seen += b.count;
		if (seen >= rank && seen) {
			uint64_t value = upper_bound(b.low);

			return value < h->max ? value : h->max;
		}
	}
	return h->max;
}

static void json_value(const char *name, const char *unit, uint64_t value)
{
	char key[32];

	snprintf(key, sizeof(key), "%s%s", name, unit);
	json_number(key, value);
}

void hist_json(const char *key, const char *unit, const struct hist *h)
{
	json_object_begin(key);
	json_number("count", h->count);
	json_value("sum", unit, h->sum);
	json_value("p50", unit, hist_percentile(h, 500));
	json_value("p95", unit, hist_percentile(h, 950));
	json_value("p99", unit, hist_percentile(h, 990));
	json_value("p999", unit, hist_percentile(h, 999));
	json_value("max", unit, h->max);
	json_array_begin("buckets");
	for (size_t i = 0; i < h->buckets; i++) {
		struct hist_bucket b = hist_bucket(h, i);

		json_array_begin(NULL);
		json_number(NULL, b.low);
		json_number(NULL, b.count);
		json_array_end();
	}
	json_array_end();
	json_object_end();
}
