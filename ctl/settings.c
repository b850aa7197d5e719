// SPDX-License-Identifier: GPL-2.0-only
/* A channel's attributes: from words into a request, and back into words. */
#include "settings.h"

#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/weir_netlink.h>

#include "attrs.h"
#include "ctl.h"
#include "nl.h"
#include "output.h"
#include "prefill.h"
#include "report.h"
#include "units.h"

enum kind {
	PERM,
	COUNT,
	COUNT_AUTO,	/* auto is 0 */
	WIDE_COUNT,	/* of 64 bits */
	SIZE,
	WIDE_SIZE,
	SIZE_RANGE,	/* two attributes of 64 bits */
	NS,
	NS_OFF,		/* off is 0 */
	SHORT_NS,	/* of 32 bits */
	MS,
	MS_RANGE,	/* two attributes of 32 bits */
	PERCENT,
	TENTHS,		/* of a percent */
	NAME,
	PATH,
	CHOICE,
	PREFILL,
	PROFILE,	/* stands for others */
	DRY_RUN,
};

/* Same order as settings_words. */
struct setting {
	enum kind kind;
	int attr;
	int attr2;
	unsigned int line;	/* where it is printed; 0: nowhere */
	uint64_t preset;	/* on a line from RARE on: left out if it is this */
};

static const char *const on_off[] = { "off", "on", NULL };
static const char *const policies[] = {
	"least-loaded", "least-inflight", "round-robin", "key-hash", NULL
};
static const char *const profiles[] = { "swarm", "rpc", "bulk", NULL };

/* Same order as profiles. */
static const struct {
	const char *batch, *linger;
} presets[] = {
	{ "50", "10ms" }, { "10", "50ms" }, { "256", "5ms" },
};

const struct word settings_words[] = {
	{ "perm", "USER:GROUP:MODE", NULL, "of the device file, creator:root:0660" },
	{ "messages", "N", NULL, "most messages waiting, 65536" },
	{ "memory", "MIN..MAX", NULL, "message memory, MIN at once, 1M..64M" },
	{ "message-max", "SIZE", NULL, "most bytes of one message, 1M" },
	{ "overflow", "WORD", attrs_overflow, "fate of sends when it is full, block" },
	{ "sender-max", "PERCENT", NULL, "of all that for one sender, 100%" },
	{ "inflight", "N|auto", NULL, "most messages one worker holds, auto" },
	{ "batch", "N|auto", NULL, "most messages handed over at once, 64" },
	{ "linger", "TIME", NULL, "longest wait for a batch to fill, 0" },
	{ "profile", "WORD", profiles, "batch and linger for a kind of use" },
	{ "priorities", "N", NULL, "number of priorities, 1" },
	{ "mode", "WORD", attrs_delivery, "who gets a message, queue" },
	{ "ttl", "TIME|off", NULL, "dead if not delivered by then, off" },
	{ "policy", "NAME", policies, "of how workers are chosen, least-loaded" },
	{ "policy-errors", "N", NULL, "bad answers a second until it is out, 64" },
	{ "policy-budget", "TIME", NULL, "what it may take for an answer, 100us" },
	{ "weight-load", "N", NULL, "of load in least-loaded, per 1000, 700" },
	{ "weight-queue", "N", NULL, "of queue use in least-loaded, 300" },
	{ "load-interval", "TIME", NULL, "load is measured over this, 100ms" },
	{ "max-attempts", "N", NULL, "counted deliveries until dead, 5" },
	{ "backoff", "MIN..MAX", NULL, "delay after a failure, doubled, 100ms..30s" },
	{ "dead-max", "N", NULL, "most dead messages kept, 10000" },
	{ "redeliver-max", "N", NULL, "deliveries of any kind until dead, 1000" },
	{ "ack-timeout", "TIME|off", NULL, "longest work on a message, off" },
	{ "zerocopy", "WORD", on_off, "messages are not copied, on" },
	{ "batch-min", "N", NULL, "least of batch auto, 1" },
	{ "batch-max", "N", NULL, "greatest of batch auto, 256" },
	{ "batch-bytes", "SIZE", NULL, "most bytes at once, 0: no limit" },
	{ "batch-cost", "N", NULL, "most cost at once, 0: no limit" },
	{ "priority-burst", "N", NULL, "that may pass a less urgent one, 64" },
	{ "spin", "TIME", NULL, "longest spin before a sleep, 20us" },
	{ "clients-max", "N", NULL, "most clients attached, 1024" },
	{ "client-memory", "SIZE", NULL, "most memory of one client, 0: all" },
	{ "uid-memory", "SIZE", NULL, "most memory of one user, 0: all" },
	{ "pool-interval", "TIME", NULL, "memory use is looked at each, 100ms" },
	{ "pool-high", "PERCENT", NULL, "use above which memory grows, 80%" },
	{ "pool-grow", "PERCENT", NULL, "by this, 25%" },
	{ "pool-low", "PERCENT", NULL, "use below which it shrinks, 25%" },
	{ "pool-shrink", "PERCENT", NULL, "by this, 12.5%" },
	{ "prefill", "SIZE:N,...", NULL, "buffers to have ready, by size" },
	{ "memory-cgroup", "PATH", NULL, "that is charged, the creator's" },
	{ "feed", "N", NULL, "records for BPF programs that send, 0" },
	{ "feed-size", "SIZE", NULL, "bytes of one of these, 256B" },
	{ "state", "WORD", attrs_channel_state, "what it does, running" },
	{ "--dry-run", NULL, NULL, "let the kernel check, and change nothing" },
	{ }
};

/* Lines from this one on are for what hardly anybody changes. */
#define RARE 4
#define LINES 5

static const struct setting settings[] = {
	{ PERM, WEIR_A_CHANNEL_PERM, 0, 1 },
	{ COUNT, WEIR_A_CHANNEL_MESSAGES, 0, 1 },
	{ SIZE_RANGE, WEIR_A_CHANNEL_MEMORY_MIN, WEIR_A_CHANNEL_MEMORY_MAX, 1 },
	{ SIZE, WEIR_A_CHANNEL_MESSAGE_MAX, 0, 1 },
	{ CHOICE, WEIR_A_CHANNEL_OVERFLOW, 0, 1 },
	{ PERCENT, WEIR_A_CHANNEL_SENDER_MAX, 0, 1 },
	{ COUNT_AUTO, WEIR_A_CHANNEL_INFLIGHT, 0, 1 },
	{ COUNT_AUTO, WEIR_A_CHANNEL_BATCH, 0, 1 },
	{ NS, WEIR_A_CHANNEL_LINGER, 0, 1 },
	{ PROFILE, 0, 0, 0 },
	{ COUNT, WEIR_A_CHANNEL_PRIORITIES, 0, 2 },
	{ CHOICE, WEIR_A_CHANNEL_DELIVERY, 0, 2 },
	{ NS_OFF, WEIR_A_CHANNEL_TTL, 0, 2 },
	{ NAME, WEIR_A_CHANNEL_POLICY, 0, 2 },
	{ COUNT, WEIR_A_CHANNEL_POLICY_ERRORS, 0, 4, 64 },
	{ SHORT_NS, WEIR_A_CHANNEL_POLICY_BUDGET, 0, 4, 100000 },
	{ COUNT, WEIR_A_CHANNEL_WEIGHT_LOAD, 0, 2 },
	{ COUNT, WEIR_A_CHANNEL_WEIGHT_QUEUE, 0, 2 },
	{ MS, WEIR_A_CHANNEL_LOAD_INTERVAL, 0, 2 },
	{ COUNT, WEIR_A_CHANNEL_MAX_ATTEMPTS, 0, 3 },
	{ MS_RANGE, WEIR_A_CHANNEL_BACKOFF_MIN, WEIR_A_CHANNEL_BACKOFF_MAX, 3 },
	{ COUNT, WEIR_A_CHANNEL_DEAD_MAX, 0, 3 },
	{ COUNT, WEIR_A_CHANNEL_REDELIVER_MAX, 0, 3 },
	{ NS_OFF, WEIR_A_CHANNEL_ACK_TIMEOUT, 0, 3 },
	{ CHOICE, WEIR_A_CHANNEL_ZEROCOPY, 0, 3 },
	{ COUNT, WEIR_A_CHANNEL_BATCH_MIN, 0, 4, 1 },
	{ COUNT, WEIR_A_CHANNEL_BATCH_MAX, 0, 4, 256 },
	{ WIDE_SIZE, WEIR_A_CHANNEL_BATCH_BYTES, 0, 4, 0 },
	{ WIDE_COUNT, WEIR_A_CHANNEL_BATCH_COST, 0, 4, 0 },
	{ COUNT, WEIR_A_CHANNEL_PRIORITY_BURST, 0, 4, 64 },
	{ SHORT_NS, WEIR_A_CHANNEL_SPIN, 0, 4, 20000 },
	{ COUNT, WEIR_A_CHANNEL_CLIENTS_MAX, 0, 4, 1024 },
	{ WIDE_SIZE, WEIR_A_CHANNEL_CLIENT_MEMORY, 0, 5, 0 },
	{ WIDE_SIZE, WEIR_A_CHANNEL_UID_MEMORY, 0, 5, 0 },
	{ MS, WEIR_A_CHANNEL_POOL_INTERVAL, 0, 5, 100 },
	{ TENTHS, WEIR_A_CHANNEL_POOL_HIGH, 0, 5, 800 },
	{ TENTHS, WEIR_A_CHANNEL_POOL_GROW, 0, 5, 250 },
	{ TENTHS, WEIR_A_CHANNEL_POOL_LOW, 0, 5, 250 },
	{ TENTHS, WEIR_A_CHANNEL_POOL_SHRINK, 0, 5, 125 },
	{ PREFILL, WEIR_A_CHANNEL_PREFILL, 0, 5 },
	{ PATH, WEIR_A_CHANNEL_MEMORY_CGROUP, 0, 5 },
	{ COUNT, WEIR_A_CHANNEL_FEED, 0, 5, 0 },
	{ SIZE, WEIR_A_CHANNEL_FEED_SIZE, 0, 5, 256 },
	{ CHOICE, WEIR_A_CHANNEL_STATE, 0, 0 },
	{ DRY_RUN, WEIR_A_CHANNEL_DRY_RUN, 0, 0 },
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

_Static_assert(sizeof(settings_words) / sizeof(settings_words[0]) == SETTINGS + 1,
	       "each word has its setting");
_Static_assert(SETTINGS <= WORDS_MAX, "all are found");

/* ---- from words ------------------------------------------------------------ */

static int bad(const char *name, const char *text, const char *reason)
{
	return report(STATUS_USAGE, 0, name, "%s \"%s\" %s", name, text, reason);
}

static int read_ms(const char *name, const char *text, uint32_t *ms)
{
	uint64_t ns;

	if (args_time(name, text, &ns))
		return STATUS_USAGE;
	if (ns % 1000000)
		return bad(name, text, "is finer than 1ms");
	if (ns / 1000000 > UINT32_MAX)
		return bad(name, text, "is too large");
	*ms = ns / 1000000;
	return 0;
}

static int put_u32(struct nl_msg *msg, int attr, uint64_t value, const char *name,
		   const char *text)
{
	if (value > UINT32_MAX)
		return bad(name, text, "is too large");
	netlink_put_u32(msg, attr, value);
	return 0;
}

/* Either end may be left out: it stays as it is. */
static int put_end(struct nl_msg *msg, enum kind kind, int attr, const char *name,
		   const char *text)
{
	uint64_t bytes;
	uint32_t ms;

	if (!*text)
		return 0;
	if (kind == MS_RANGE) {
		if (read_ms(name, text, &ms))
			return STATUS_USAGE;
		netlink_put_u32(msg, attr, ms);
		return 0;
	}
	if (args_size(name, text, &bytes))
		return STATUS_USAGE;
	netlink_put_u64(msg, attr, bytes);
	return 0;
}

static int put_range(struct nl_msg *msg, const struct setting *s, const char *name,
		     const char *text)
{
	char min[64], *max;

	snprintf(min, sizeof(min), "%s", text);
	max = strstr(min, "..");
	if (!max || strlen(text) < 3 || strlen(text) >= sizeof(min))
		return bad(name, text, s->kind == SIZE_RANGE ?
			   "is not a range; write 1M..64M" :
			   "is not a range; write 100ms..30s");
	*max = '\0';
	max += 2;
	if (put_end(msg, s->kind, s->attr, name, min))
		return STATUS_USAGE;
	return put_end(msg, s->kind, s->attr2, name, max);
}

static int put_user(struct nl_msg *msg, const char *text, const char *user)
{
	const struct passwd *pw = getpwnam(user);
	uint64_t id;

	if (!*user)
		return 0;
	if (pw)
		netlink_put_u32(msg, WEIR_A_CHANNEL_UID, pw->pw_uid);
	else if (!units_read_count(user, UINT32_MAX - 1, &id))
		netlink_put_u32(msg, WEIR_A_CHANNEL_UID, id);
	else
		return bad("perm", text, "names a user that does not exist");
	return 0;
}

static int put_group(struct nl_msg *msg, const char *text, const char *group)
{
	const struct group *gr = getgrnam(group);
	uint64_t id;

	if (!*group)
		return 0;
	if (gr)
		netlink_put_u32(msg, WEIR_A_CHANNEL_GID, gr->gr_gid);
	else if (!units_read_count(group, UINT32_MAX - 1, &id))
		netlink_put_u32(msg, WEIR_A_CHANNEL_GID, id);
	else
		return bad("perm", text, "names a group that does not exist");
	return 0;
}

static int put_perm(struct nl_msg *msg, const char *text)
{
	char user[128], *group, *mode;

	snprintf(user, sizeof(user), "%s", text);
	group = strchr(user, ':');
	mode = group ? strchr(group + 1, ':') : NULL;
	if (!mode)
		return bad("perm", text, "is not USER:GROUP:MODE; write root:root:0660");
	*group++ = '\0';
	*mode++ = '\0';
	if (strspn(mode, "01234567") != strlen(mode) || strlen(mode) > 4)
		return bad("perm", text, "has no octal mode; write 0660");
	if (put_user(msg, text, user) || put_group(msg, text, group))
		return STATUS_USAGE;
	if (*mode)
		netlink_put_u32(msg, WEIR_A_CHANNEL_PERM, strtoul(mode, NULL, 8));
	return 0;
}

static int put_percent(struct nl_msg *msg, const struct setting *s,
		       const char *name, const char *text)
{
	uint32_t thousandths;

	if (args_percent(name, text, &thousandths))
		return STATUS_USAGE;
	if (s->kind == PERCENT && thousandths % 10)
		return bad(name, text, "is finer than 1%");
	netlink_put_u32(msg, s->attr,
			s->kind == PERCENT ? thousandths / 10 : thousandths);
	return 0;
}

static int put_time(struct nl_msg *msg, const struct setting *s, const char *name,
		    const char *text)
{
	uint64_t value = 0;
	uint32_t ms;

	if (s->kind == MS) {
		if (read_ms(name, text, &ms))
			return STATUS_USAGE;
		netlink_put_u32(msg, s->attr, ms);
		return 0;
	}
	if (!(s->kind == NS_OFF && !strcmp(text, "off")) &&
	    args_time(name, text, &value))
		return STATUS_USAGE;
	if (s->kind == SHORT_NS)
		return put_u32(msg, s->attr, value, name, text);
	netlink_put_u64(msg, s->attr, value);
	return 0;
}

static int put_size(struct nl_msg *msg, const struct setting *s, const char *name,
		    const char *text)
{
	uint64_t bytes;

	if (args_size(name, text, &bytes))
		return STATUS_USAGE;
	if (s->kind == SIZE)
		return put_u32(msg, s->attr, bytes, name, text);
	netlink_put_u64(msg, s->attr, bytes);
	return 0;
}

static int put_count(struct nl_msg *msg, const struct setting *s, const char *name,
		     const char *text)
{
	uint64_t value = 0;

	if (!(s->kind == COUNT_AUTO && !strcmp(text, "auto")) &&
	    args_count(name, text,
		       s->kind == WIDE_COUNT ? UINT64_MAX : UINT32_MAX, &value))
		return STATUS_USAGE;
	if (s->kind == WIDE_COUNT)
		netlink_put_u64(msg, s->attr, value);
	else
		netlink_put_u32(msg, s->attr, value);
	return 0;
}

static int put_setting(struct nl_msg *msg, size_t i, const char *text)
{
	const char *name = settings_words[i].name;
	const struct setting *s = &settings[i];
	uint32_t choice;

	switch (s->kind) {
	case PERM:
		return put_perm(msg, text);
	case SIZE_RANGE:
	case MS_RANGE:
		return put_range(msg, s, name, text);
	case SIZE:
	case WIDE_SIZE:
		return put_size(msg, s, name, text);
	case NS:
	case NS_OFF:
	case SHORT_NS:
	case MS:
		return put_time(msg, s, name, text);
	case PERCENT:
	case TENTHS:
		return put_percent(msg, s, name, text);
	case NAME:
	case PATH:
		netlink_put_string(msg, s->attr, text);
		return 0;
	case CHOICE:
		if (args_choice(name, text, settings_words[i].choices, &choice))
			return STATUS_USAGE;
		netlink_put_u32(msg, s->attr, choice);
		return 0;
	case PREFILL:
		return prefill_read(msg, name, text);
	case PROFILE:
		return 0;
	case DRY_RUN:
		netlink_put_flag(msg, s->attr);
		return 0;
	default:
		return put_count(msg, s, name, text);
	}
}

static void set_value(const char **value, int attr, const char *text)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (settings[i].attr == attr)
			value[i] = text;
}

/* As if its words stood there: later ones win, be it over it or against it. */
static int expand(const char **value, const char *name, const char *text)
{
	uint32_t i;

	if (args_choice(name, text, profiles, &i))
		return STATUS_USAGE;
	set_value(value, WEIR_A_CHANNEL_BATCH, presets[i].batch);
	set_value(value, WEIR_A_CHANNEL_LINGER, presets[i].linger);
	return 0;
}

int settings_read(struct args *a, struct nl_msg *msg, unsigned int *count,
		  bool *dry_run)
{
	const char *value[SETTINGS] = { NULL };
	bool given[SETTINGS] = { false };
	const char *text;
	int i;

	*count = 0;
	while ((i = args_word(a, settings_words, "attribute", &text)) >= 0) {
		if (given[i])
			return report(STATUS_USAGE, 0, settings_words[i].name,
				      "%s is given twice", settings_words[i].name);
		given[i] = true;
		value[i] = text ? text : "";
		if (settings[i].kind == PROFILE &&
		    expand(value, settings_words[i].name, text))
			return STATUS_USAGE;
		*count += settings[i].kind != DRY_RUN;
		*dry_run |= settings[i].kind == DRY_RUN;
	}
	if (i != WORD_END)
		return STATUS_USAGE;
	for (size_t n = 0; n < SETTINGS; n++)
		if (value[n] && put_setting(msg, n, value[n]))
			return STATUS_USAGE;
	return 0;
}

/* ---- into words ------------------------------------------------------------ */

static void print_perm(FILE *out, struct nlattr **tb)
{
	uint32_t uid = netlink_number(tb[WEIR_A_CHANNEL_UID]);
	uint32_t gid = netlink_number(tb[WEIR_A_CHANNEL_GID]);
	const struct passwd *pw = getpwuid(uid);
	const struct group *gr = getgrgid(gid);

	if (pw)
		fprintf(out, "%s:", pw->pw_name);
	else
		fprintf(out, "%u:", uid);
	if (gr)
		fprintf(out, "%s:", gr->gr_name);
	else
		fprintf(out, "%u:", gid);
	fprintf(out, "%04o", (unsigned int)netlink_number(tb[WEIR_A_CHANNEL_PERM]));
}

static void print_ms(FILE *out, uint64_t ms)
{
	char text[UNITS_TEXT];

	fputs(units_time_exact(text, ms * 1000000), out);
}

static void print_value(FILE *out, const struct setting *s, const struct word *w,
			struct nlattr **tb)
{
	uint64_t value = netlink_number(tb[s->attr]);
	uint64_t value2 = netlink_number(tb[s->attr2]);
	char text[UNITS_TEXT];

	switch (s->kind) {
	case PERM:
		print_perm(out, tb);
		break;
	case SIZE_RANGE:
		fprintf(out, "%s..", units_size_exact(text, value));
		fputs(units_size_exact(text, value2), out);
		break;
	case MS_RANGE:
		print_ms(out, value);
		fputs("..", out);
		print_ms(out, value2);
		break;
	case SIZE:
	case WIDE_SIZE:
		fputs(units_size_exact(text, value), out);
		break;
	case NS_OFF:
		if (!value) {
			fputs("off", out);
			break;
		}
		/* fall through */
	case NS:
	case SHORT_NS:
		fputs(units_time_exact(text, value), out);
		break;
	case MS:
		print_ms(out, value);
		break;
	case PERCENT:
	case TENTHS:
		if (s->kind == PERCENT)
			value *= 10;
		fputs(units_percent_exact(text, value), out);
		break;
	case NAME:
	case PATH:
		put_safe(out, netlink_text(tb[s->attr]));
		break;
	case PREFILL:
		prefill_print(out);
		break;
	case CHOICE:
		fputs(attrs_choice(w->choices, value), out);
		break;
	default:
		if (s->kind == COUNT_AUTO && !value)
			fputs("auto", out);
		else
			fprintf(out, "%llu", (unsigned long long)value);
	}
}

static bool is_shown(const struct setting *s, unsigned int line,
		     struct nlattr **tb)
{
	if (s->line != line)
		return false;
	if (line < RARE)
		return true;
	if (!tb[s->attr])
		return false;
	return s->kind == PREFILL || s->kind == PATH ||
	       netlink_number(tb[s->attr]) != s->preset;
}

void settings_print(struct nlattr **tb)
{
	for (unsigned int line = 1; line <= LINES; line++) {
		bool begun = false;

		for (size_t i = 0; i < SETTINGS; i++) {
			if (!is_shown(&settings[i], line, tb))
				continue;
			printf("%s %s ", begun ? "" : " ",
			       settings_words[i].name);
			print_value(stdout, &settings[i], &settings_words[i], tb);
			begun = true;
		}
		if (begun)
			putchar('\n');
	}
}

void settings_each(struct nlattr **tb, void (*fn)(const char *name,
		   const char *value, void *arg), void *arg)
{
	char *value;
	size_t size;
	FILE *out;

	for (size_t i = 0; i < SETTINGS; i++) {
		if (!settings[i].line || !is_shown(&settings[i], settings[i].line, tb))
			continue;
		out = open_memstream(&value, &size);
		if (!out)
			abort();
		print_value(out, &settings[i], &settings_words[i], tb);
		fclose(out);
		fn(settings_words[i].name, value, arg);
		free(value);
	}
}
