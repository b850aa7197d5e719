// SPDX-License-Identifier: GPL-2.0-only
/* channel restore: a channel that was saved, with its messages. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/weir_netlink.h>

#include "archive.h"
#include "args.h"
#include "attach.h"
#include "attrs.h"
#include "channel.h"
#include "ctl.h"
#include "interrupt.h"
#include "lookup.h"
#include "nl.h"
#include "progress.h"
#include "report.h"
#include "settings.h"
#include "units.h"

#define RING		1024
#define PATIENCE_MS	10000		/* for memory that does not come */
#define LOOK_MS		5
#define DEFER_MAX_MS	86400000
#define DEAD_MAX	(1U << 24)

struct restore {
	struct archive a;
	const char *name;
	uint64_t elapsed;	/* ns since it was saved */
	uint32_t state;
	struct weir *w;
	uint64_t *id;		/* of the messages as they are now, in order */
	size_t nr_ids;
};

/* ---- the channel ----------------------------------------------------------- */

/*
 * What is as saved only in the end: until then nobody else may send or work, and
 * one sender must be able to bring it all, the dead among them.
 */
static const char *const last_words[] = {
	"perm", "messages", "message-max", "overflow", "sender-max", "ttl",
	"dead-max", "client-memory", "uid-memory", NULL
};

/* The saved settings into a request, all or those only. */
static int put_settings(struct restore *r, struct nl_msg *msg, bool last)
{
	static char *words[2 * WORDS_MAX];
	struct args a = { .word = words };
	unsigned int count;
	bool dry_run = false;

	json_object_object_foreach(r->a.settings, name, value) {
		if (a.count + 2 > 2 * WORDS_MAX)
			break;
		if (last && args_find(name, last_words) < 0)
			continue;
		words[a.count++] = name;
		words[a.count++] = (char *)json_object_get_string(value);
	}
	return settings_read(&a, msg, &count, &dry_run);
}

static const char *setting(const struct restore *r, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(r->a.settings, name, &v) ?
	       json_object_get_string(v) : "";
}

/* It may hold more than it would take now: its limits may have been lowered. */
static uint64_t most_messages(const struct restore *r)
{
	uint64_t most = strtoull(setting(r, "messages"), NULL, 10);

	return most > r->a.count ? most : r->a.count;
}

static uint64_t longest_message(const struct restore *r)
{
	uint64_t longest = 0;

	units_read_size(setting(r, "message-max"), &longest);
	for (size_t i = 0; i < r->a.count; i++)
		if (r->a.entry[i].len > longest)
			longest = r->a.entry[i].len;
	return longest;
}

static int create(struct restore *r)
{
	struct nl_msg *msg = netlink_request(WEIR_CMD_CHANNEL_NEW);
	int error, status;

	netlink_put_string(msg, WEIR_A_CHANNEL_NAME, r->name);
	status = put_settings(r, msg, false);
	if (status) {
		nlmsg_free(msg);
		return status;
	}
	/* Of two attributes the later one counts. */
	netlink_put_u32(msg, WEIR_A_CHANNEL_UID, geteuid());
	netlink_put_u32(msg, WEIR_A_CHANNEL_PERM, 0600);
	netlink_put_u32(msg, WEIR_A_CHANNEL_MESSAGES, most_messages(r));
	netlink_put_u32(msg, WEIR_A_CHANNEL_MESSAGE_MAX, longest_message(r));
	netlink_put_u32(msg, WEIR_A_CHANNEL_DEAD_MAX, DEAD_MAX);
	netlink_put_u32(msg, WEIR_A_CHANNEL_OVERFLOW, WEIR_OVERFLOW_BLOCK);
	netlink_put_u32(msg, WEIR_A_CHANNEL_SENDER_MAX, 100);
	netlink_put_u64(msg, WEIR_A_CHANNEL_TTL, 0);
	netlink_put_u64(msg, WEIR_A_CHANNEL_CLIENT_MEMORY, 0);
	netlink_put_u64(msg, WEIR_A_CHANNEL_UID_MEMORY, 0);
	netlink_put_u32(msg, WEIR_A_CHANNEL_STATE, WEIR_CHANNEL_STATE_PAUSED);
	error = netlink_call(msg, NULL, NULL);
	if (error == -EEXIST)
		return report(STATUS_REFUSED, EEXIST, "name",
			      "%s exists already (EEXIST); delete it, or restore under another name",
			      r->name);
	return error ? netlink_refused() : 0;
}

static int finish(struct restore *r)
{
	struct nl_msg *msg = netlink_request(WEIR_CMD_CHANNEL_SET);
	int error, status;

	netlink_put_string(msg, WEIR_A_CHANNEL_NAME, r->name);
	status = put_settings(r, msg, true);
	if (status) {
		nlmsg_free(msg);
		return status;
	}
	netlink_put_u32(msg, WEIR_A_CHANNEL_STATE, r->state);
	error = netlink_call(msg, NULL, NULL);
	return error ? lookup_refused(r->name, error) : 0;
}

static void take_back(const struct restore *r)
{
	struct nl_msg *msg = netlink_request(WEIR_CMD_CHANNEL_DEL);

	netlink_put_string(msg, WEIR_A_CHANNEL_NAME, r->name);
	netlink_put_flag(msg, WEIR_A_CHANNEL_FORCE);
	netlink_call(msg, NULL, NULL);
}

/* ---- its messages ------------------------------------------------------------ */

static uint64_t monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* What is left of a time that began when it was saved; at least @least. */
static uint64_t left_of(const struct restore *r, uint64_t ns, uint64_t least)
{
	return ns > r->elapsed + least ? ns - r->elapsed : least;
}

/*
 * Dead ones are as good as any until they are marked: nothing may happen to them.
 * Who has a key and waits after a failure was its key's first, and is again only
 * if it waits no longer.
 */
static struct weir_meta meta_of(const struct restore *r,
				const struct archive_entry *e)
{
	struct weir_meta meta = {
		.key = e->key, .corr = e->corr, .cost = e->cost,
		.mtype = e->mtype, .encoding = e->encoding, .prio = e->prio,
	};
	uint64_t ms;

	if (e->deadline && !e->reason)
		meta.deadline_ns = monotonic() + left_of(r, e->deadline, 1);
	if (e->due && !e->reason && !(e->key && e->deliveries)) {
		ms = (left_of(r, e->due, 0) + 999999) / 1000000;
		meta.defer_ms = ms < DEFER_MAX_MS ? ms : DEFER_MAX_MS;
	}
	return meta;
}

/* All that was put is accepted then; memory may come, or not. */
static int wait_room(struct restore *r)
{
	int error = weir_flush(r->w, PATIENCE_MS);

	if (!error)
		poll(NULL, 0, LOOK_MS);
	return error;
}

static int refused_message(struct restore *r, const struct archive_entry *e,
			   int error)
{
	if (error == -ETIME)
		return report(STATUS_REFUSED, ENOMEM, NULL,
			      "there is no memory for message %llu (ENOMEM)",
			      (unsigned long long)e->id);
	return report(STATUS_REFUSED, -error, NULL, "message %llu: %s (%s)",
		      (unsigned long long)e->id, attach_error(r->w, error),
		      report_errno(error));
}

static int send_entry(struct restore *r, const struct archive_entry *e)
{
	struct weir_meta meta = meta_of(r, e);
	uint64_t begin = monotonic();
	void *buf;
	int error;

	while ((error = weir_loan(r->w, e->len, &buf)) == -EAGAIN) {
		error = monotonic() - begin < PATIENCE_MS * 1000000ULL ?
			wait_room(r) : -ETIME;
		if (error)
			break;
	}
	if (error)
		return refused_message(r, e, error);
	if (fseek(r->a.file, e->offset, SEEK_SET) ||
	    fread(buf, 1, e->len, r->a.file) != e->len)
		return report(STATUS_REFUSED, EIO, NULL, "%s: cannot be read (EIO)",
			      r->a.path);
	while ((error = weir_put(r->w, buf, e->len, &meta)) == -EAGAIN) {
		error = wait_room(r);
		if (error)
			break;
	}
	return error ? refused_message(r, e, error) : 0;
}

static int send_all(struct restore *r)
{
	int error, status = 0;

	for (size_t i = 0; i < r->a.count && !status; i++) {
		status = send_entry(r, &r->a.entry[i]);
		if (!status)
			status = interrupt_check();
		progress_show(r->name, i + 1, r->a.count);
	}
	progress_clear();
	if (status)
		return status;
	error = weir_flush(r->w, -1);
	return error ? attach_failed(r->w, error) : 0;
}

/* ---- what they have been through ------------------------------------------------ */

static bool is_marked(const struct archive_entry *e)
{
	return e->attempts || e->deliveries || e->reason;
}

static void keep_id(struct nlattr **tb, void *arg)
{
	struct restore *r = arg;

	if (r->nr_ids < r->a.count)
		r->id[r->nr_ids] = netlink_number(tb[WEIR_A_MESSAGE_ID]);
	r->nr_ids++;
}

static int by_value(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

/* Ids are in the order of sending. Nobody but us can have sent. */
static int find_ids(struct restore *r)
{
	struct nl_msg *msg = netlink_request(WEIR_CMD_MESSAGE_GET);
	int error;

	r->id = calloc(r->a.count + 1, sizeof(*r->id));
	if (!r->id)
		abort();
	netlink_put_string(msg, WEIR_A_MESSAGE_CHANNEL, r->name);
	error = netlink_stream(msg, WEIR_A_MESSAGE_ID, keep_id, r);
	if (error)
		return lookup_refused(r->name, error);
	if (r->nr_ids != r->a.count)
		return report(STATUS_REFUSED, EBUSY, NULL,
			      "%s has %zu messages, not the %zu that were sent (EBUSY)",
			      r->name, r->nr_ids, r->a.count);
	qsort(r->id, r->nr_ids, sizeof(*r->id), by_value);
	return 0;
}

static int mark(struct restore *r, uint64_t id, const struct archive_entry *e)
{
	struct nl_msg *msg = netlink_request(WEIR_CMD_MESSAGE_SET);
	int error;

	netlink_put_string(msg, WEIR_A_MESSAGE_CHANNEL, r->name);
	netlink_put_u64(msg, WEIR_A_MESSAGE_ID, id);
	netlink_put_u32(msg, WEIR_A_MESSAGE_ATTEMPT, e->attempts);
	netlink_put_u32(msg, WEIR_A_MESSAGE_DELIVERIES, e->deliveries);
	if (e->reason)
		netlink_put_u32(msg, WEIR_A_MESSAGE_REASON, e->reason);
	if (e->reason && e->text)
		netlink_put_string(msg, WEIR_A_MESSAGE_REASON_TEXT, e->text);
	error = netlink_call(msg, NULL, NULL);
	/* Its deadline may have passed since it was sent: then it is dead of that. */
	if (error == -EINVAL && e->deadline && !e->reason)
		return 0;
	return error ? netlink_refused() : 0;
}

static int mark_all(struct restore *r)
{
	int status = 0;
	size_t i;

	for (i = 0; i < r->a.count && !is_marked(&r->a.entry[i]); i++)
		;
	if (i == r->a.count)
		return 0;
	status = find_ids(r);
	for (; i < r->a.count && !status; i++) {
		status = interrupt_check();
		if (!status && is_marked(&r->a.entry[i]))
			status = mark(r, r->id[i], &r->a.entry[i]);
	}
	return status;
}

/* ---- all of it ------------------------------------------------------------------ */

static int fill(struct restore *r)
{
	struct weir_opts opts = {
		.flags = WEIR_OPEN_SEND | WEIR_OPEN_NONBLOCK, .sq_entries = RING
	};
	int status;

	opts.size = sizeof(opts);
	status = attach_open(&r->w, r->name, &opts);
	if (!status)
		status = send_all(r);
	if (!status)
		status = mark_all(r);
	weir_close(r->w);
	return status ? status : finish(r);
}

/* What has expired since is dead of that. */
static void expire(struct restore *r)
{
	for (size_t i = 0; i < r->a.count; i++) {
		struct archive_entry *e = &r->a.entry[i];

		if (e->deadline && e->deadline <= r->elapsed && !e->reason)
			e->reason = WEIR_DEAD_REASON_EXPIRED;
	}
}

/*
 * A fan-out gives what it has to those who are attached when it runs, and that is
 * nobody yet.
 */
static void keep_for_subscribers(struct restore *r)
{
	if (strcmp(setting(r, "mode"), attrs_delivery[WEIR_DELIVERY_FANOUT]) ||
	    !r->a.count || r->state == WEIR_CHANNEL_STATE_PAUSED)
		return;
	r->state = WEIR_CHANNEL_STATE_PAUSED;
	fprintf(stderr, "weirctl: %s is paused until its subscribers are there: weirctl channel resume %s\n",
		r->name, r->name);
}

static int begin(struct restore *r, const char *path)
{
	uint64_t now = archive_clock();
	int status = archive_open(&r->a, path);

	if (status)
		return status;
	if (!r->name)
		r->name = r->a.name;
	if (!lookup_name_valid(r->name))
		return report(STATUS_USAGE, 0, "name", "name \"%s\" is not valid",
			      r->name);
	r->elapsed = now > r->a.saved ? now - r->a.saved : 0;
	expire(r);
	if (args_choice("state", r->a.state, attrs_channel_state, &r->state))
		return STATUS_USAGE;
	keep_for_subscribers(r);
	return 0;
}

int channel_restore(struct args *a)
{
	struct restore r = { .name = NULL };
	const char *path;
	int status;

	interrupt_catch();
	status = args_need(a, "FILE", &path);
	if (status)
		return status;
	r.name = args_next(a);
	if (args_end(a))
		return STATUS_USAGE;
	status = begin(&r, path);
	if (!status)
		status = create(&r);
	if (!status) {
		status = fill(&r);
		if (status)
			take_back(&r);
	}
	if (!status) {
		channel_json_done(r.name, "restored", r.a.count);
		if (!ctl.json)
			printf("restored %zu\n", r.a.count);
	}
	free(r.id);
	archive_close(&r.a);
	return status;
}
