// SPDX-License-Identifier: GPL-2.0-only
/* channel save: what a channel is and holds, into a file. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/weir_netlink.h>

#include "archive.h"
#include "attrs.h"
#include "channel.h"
#include "ctl.h"
#include "interrupt.h"
#include "lookup.h"
#include "nl.h"
#include "progress.h"
#include "report.h"
#include "settings.h"

#define LOOK_MS		20
#define PART		16384	/* of a payload, what the kernel shows at once */

struct save {
	const char *name;
	const char *path;
	char *temporary;
	FILE *file;
	struct json_object *settings;
	uint32_t state;			/* as it was before */
	uint64_t inflight, held;	/* messages, and those not with a worker */
	uint64_t accepted;
	uint64_t count, bytes;
	bool paused;			/* by us */
	bool denied;
	struct archive_entry *large;	/* payload does not fit a dump */
	size_t nr_large;
};

/* ---- the channel ----------------------------------------------------------- */

static void add_setting(const char *name, const char *value, void *arg)
{
	json_object_object_add(arg, name, json_object_new_string(value));
}

static void read_channel(struct nlattr **tb, void *arg)
{
	struct save *s = arg;

	s->inflight = netlink_number(tb[WEIR_A_CHANNEL_INFLIGHT_NOW]);
	s->held = netlink_number(tb[WEIR_A_CHANNEL_READY]) +
		  netlink_number(tb[WEIR_A_CHANNEL_DELAYED]) +
		  netlink_number(tb[WEIR_A_CHANNEL_DEAD]);
	if (s->settings)
		return;
	s->state = netlink_number(tb[WEIR_A_CHANNEL_STATE]);
	s->settings = json_object_new_object();
	settings_each(tb, add_setting, s->settings);
}

static void read_accepted(struct nlattr **tb, void *arg)
{
	*(uint64_t *)arg = netlink_number(tb[WEIR_A_STATS_ACCEPTED]);
}

/* 0, or a status after reporting. */
static int look(struct save *s, uint64_t *accepted)
{
	struct nl_msg *msg = netlink_request(WEIR_CMD_CHANNEL_GET);
	int error;

	netlink_put_string(msg, WEIR_A_CHANNEL_NAME, s->name);
	error = netlink_call(msg, read_channel, s);
	if (!error) {
		msg = netlink_request(WEIR_CMD_STATS_GET);
		netlink_put_string(msg, WEIR_A_STATS_CHANNEL, s->name);
		error = netlink_call(msg, read_accepted, accepted);
	}
	return error ? lookup_refused(s->name, error) : 0;
}

/* Nothing is handed out any more; what was, is waited for. */
static int quiet(struct save *s)
{
	uint64_t first;
	int status = look(s, &s->accepted);

	if (!status)
		status = channel_set_state(s->name, WEIR_CHANNEL_STATE_PAUSED);
	first = s->inflight;
	s->paused = !status;
	while (!status) {
		status = look(s, &s->accepted);
		if (status || !s->inflight)
			break;
		status = interrupt_check();
		progress_show(s->name, s->inflight < first ? first - s->inflight : 0,
			      first);
		poll(NULL, 0, LOOK_MS);
	}
	progress_clear();
	return status;
}

/* ---- its messages ------------------------------------------------------------ */

static void read_entry(struct nlattr **tb, struct archive_entry *e)
{
	memset(e, 0, sizeof(*e));
	e->id = netlink_number(tb[WEIR_A_MESSAGE_ID]);
	e->len = netlink_number(tb[WEIR_A_MESSAGE_LEN]);
	e->prio = netlink_number(tb[WEIR_A_MESSAGE_PRIO]);
	e->key = netlink_number(tb[WEIR_A_MESSAGE_KEY]);
	e->corr = netlink_number(tb[WEIR_A_MESSAGE_CORR]);
	e->mtype = netlink_number(tb[WEIR_A_MESSAGE_MTYPE]);
	e->encoding = netlink_number(tb[WEIR_A_MESSAGE_ENCODING]);
	e->cost = netlink_number(tb[WEIR_A_MESSAGE_COST]);
	e->attempts = netlink_number(tb[WEIR_A_MESSAGE_ATTEMPT]);
	e->deliveries = netlink_number(tb[WEIR_A_MESSAGE_DELIVERIES]);
	e->due = netlink_number(tb[WEIR_A_MESSAGE_DUE]);
	/* 0 would mean that it has none. */
	if (tb[WEIR_A_MESSAGE_DEADLINE])
		e->deadline = netlink_number(tb[WEIR_A_MESSAGE_DEADLINE]) ?: 1;
	if (netlink_number(tb[WEIR_A_MESSAGE_STATE]) != WEIR_MESSAGE_STATE_DEAD)
		return;
	e->reason = netlink_number(tb[WEIR_A_MESSAGE_REASON]);
	if (tb[WEIR_A_MESSAGE_REASON_TEXT])
		e->text = strdup(netlink_text(tb[WEIR_A_MESSAGE_REASON_TEXT]));
}

static void keep_large(struct save *s, const struct archive_entry *e)
{
	s->large = realloc(s->large, (s->nr_large + 1) * sizeof(*e));
	if (!s->large)
		abort();
	s->large[s->nr_large++] = *e;
}

static void count_entry(struct save *s, const struct archive_entry *e)
{
	putc('\n', s->file);
	s->count++;
	s->bytes += e->len;
	progress_show(s->name, s->count, s->held);
}

static void save_entry(struct nlattr **tb, void *arg)
{
	const struct nlattr *payload = tb[WEIR_A_MESSAGE_PAYLOAD];
	struct archive_entry e;
	struct save *s = arg;

	if (!payload) {
		s->denied = true;
		return;
	}
	read_entry(tb, &e);
	if ((uint64_t)nla_len(payload) < e.len) {
		keep_large(s, &e);
		return;
	}
	archive_put_entry(s->file, &e);
	fwrite(nla_data(payload), 1, e.len, s->file);
	count_entry(s, &e);
	free(e.text);
}

struct part {
	FILE *file;
	uint64_t got;
};

static void save_part(struct nlattr **tb, void *arg)
{
	const struct nlattr *payload = tb[WEIR_A_MESSAGE_PAYLOAD];
	struct part *p = arg;

	if (!payload)
		return;
	p->got = nla_len(payload);
	fwrite(nla_data(payload), 1, p->got, p->file);
}

static int save_large(struct save *s, const struct archive_entry *e)
{
	struct part part = { s->file };
	struct nl_msg *msg;
	int error;

	archive_put_entry(s->file, e);
	for (uint64_t at = 0; at < e->len; at += part.got) {
		part.got = 0;
		msg = netlink_request(WEIR_CMD_MESSAGE_GET);
		netlink_put_string(msg, WEIR_A_MESSAGE_CHANNEL, s->name);
		netlink_put_u64(msg, WEIR_A_MESSAGE_ID, e->id);
		netlink_put_u32(msg, WEIR_A_MESSAGE_OFFSET, at);
		error = netlink_call(msg, save_part, &part);
		if (error)
			return netlink_refused();
		if (!part.got)
			return report(STATUS_REFUSED, EACCES, NULL,
				      "message %llu cannot be read any more (EACCES)",
				      (unsigned long long)e->id);
	}
	count_entry(s, e);
	return 0;
}

static int save_messages(struct save *s)
{
	struct nl_msg *msg = netlink_request(WEIR_CMD_MESSAGE_GET);
	int error, status = 0;

	netlink_put_string(msg, WEIR_A_MESSAGE_CHANNEL, s->name);
	netlink_put_u32(msg, WEIR_A_MESSAGE_PAYLOAD_MAX, PART);
	error = netlink_stream(msg, WEIR_A_MESSAGE_ID, save_entry, s);
	if (error)
		return lookup_refused(s->name, error);
	if (s->denied)
		return report(STATUS_REFUSED, EACCES, NULL,
			      "payload cannot be read (EACCES): /dev/weir/%s must be open to you for reading",
			      s->name);
	for (size_t i = 0; i < s->nr_large && !status; i++) {
		status = interrupt_check();
		if (!status)
			status = save_large(s, &s->large[i]);
	}
	return status;
}

/* Nothing came and nothing went while it was written. */
static int check(struct save *s)
{
	uint64_t accepted;
	int status = look(s, &accepted);

	if (status)
		return status;
	if (accepted != s->accepted)
		return report(STATUS_REFUSED, EBUSY, NULL,
			      "%llu messages came in meanwhile (EBUSY); stop who sends them, then save again",
			      (unsigned long long)(accepted - s->accepted));
	if (s->inflight || s->held != s->count)
		return report(STATUS_REFUSED, EBUSY, NULL,
			      "somebody made it run again, or threw messages away (EBUSY)");
	return 0;
}

/* ---- the file ------------------------------------------------------------------ */

static int refused_file(const struct save *s, int error)
{
	return report(STATUS_REFUSED, error, NULL, "%s: %s (%s)", s->path,
		      strerror(error), report_errno(error));
}

/* Beside the file, so that one of that name is replaced by a whole one or stays. */
static int open_file(struct save *s)
{
	int fd;

	if (asprintf(&s->temporary, "%s.XXXXXX", s->path) < 0)
		abort();
	fd = mkostemp(s->temporary, O_CLOEXEC);
	s->file = fd < 0 ? NULL : fdopen(fd, "w");
	if (s->file)
		return 0;
	free(s->temporary);
	s->temporary = NULL;
	return refused_file(s, errno);
}

static int close_file(struct save *s)
{
	bool bad = fflush(s->file) || ferror(s->file) || fsync(fileno(s->file));
	int error = errno;

	bad |= fclose(s->file);
	s->file = NULL;
	if (bad)
		return refused_file(s, error);
	if (rename(s->temporary, s->path))
		return refused_file(s, errno);
	free(s->temporary);
	s->temporary = NULL;
	return 0;
}

static void clean_up(struct save *s)
{
	if (s->file)
		fclose(s->file);
	if (s->temporary) {
		unlink(s->temporary);
		if (s->paused && s->state != WEIR_CHANNEL_STATE_PAUSED)
			channel_set_state(s->name, s->state);
	}
	free(s->temporary);
	for (size_t i = 0; i < s->nr_large; i++)
		free(s->large[i].text);
	free(s->large);
	json_object_put(s->settings);
}

static int save(struct save *s)
{
	int status = open_file(s);

	if (!status)
		status = quiet(s);
	if (status)
		return status;
	archive_put_head(s->file, s->name,
			 attrs_choice(attrs_channel_state, s->state), s->settings);
	status = save_messages(s);
	progress_clear();
	if (!status)
		status = check(s);
	if (!status)
		status = interrupt_check();
	if (status)
		return status;
	archive_put_end(s->file, s->count, s->bytes);
	return close_file(s);
}

/*
 * It stays paused: else messages would be done here, and once more from the file.
 * Unless there is no file.
 */
int channel_save(struct args *a)
{
	struct save s = { NULL };
	int status;

	interrupt_catch();
	status = lookup_need(a, &s.name);
	if (!status)
		status = args_need(a, "FILE", &s.path);
	if (!status)
		status = args_end(a);
	if (!status)
		status = save(&s);
	clean_up(&s);
	if (status)
		return status;
	channel_json_done(s.name, "saved", s.count);
	if (!ctl.json)
		printf("saved %llu\n", (unsigned long long)s.count);
	return STATUS_DONE;
}
