// SPDX-License-Identifier: GPL-2.0-only
/* send: arguments, lines, records or files become messages. */
#include "send.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <linux/weir_netlink.h>

#include "attach.h"
#include "ctl.h"
#include "json.h"
#include "nl.h"
#include "progress.h"
#include "report.h"
#include "units.h"

#define RING 1024
#define CHUNK (64 * 1024)
#define RECORD_MAX (32 << 20)	/* above every message-max */
#define REDRAW_MS 100
#define DELAY_MAX 86400000000000ULL

struct sender {
	struct weir *w;
	const char *channel;
	struct weir_meta meta;
	uint64_t ttl;		/* ns, of each message from when it is put; 0: none */
	uint64_t queued;
	uint64_t total;		/* 0: not known yet */
	bool wait;
	bool nul;
	char **text;		/* TEXT or, with files, paths */
	int texts;
	bool files;
};

/* ---- what went wrong ---------------------------------------------------------- */

static void keep_message_max(struct nlattr **tb, void *arg)
{
	*(uint64_t *)arg = netlink_number(tb[WEIR_A_CHANNEL_MESSAGE_MAX]);
}

static uint64_t message_max(const char *channel)
{
	struct nl_msg *msg = netlink_request(WEIR_CMD_CHANNEL_GET);
	uint64_t max = 0;

	netlink_put_string(msg, WEIR_A_CHANNEL_NAME, channel);
	netlink_call(msg, keep_message_max, &max);
	return max;
}

/* "; 2 of 9 sent": what the channel has taken, not what was tried. */
static const char *so_far(const struct sender *s, char *buf, size_t size)
{
	struct weir_outcome outcome = { 0 };

	weir_settle(s->w, 0, &outcome);
	if (s->total)
		snprintf(buf, size, "; %llu of %llu sent",
			 (unsigned long long)outcome.accepted,
			 (unsigned long long)s->total);
	else
		snprintf(buf, size, "; %llu sent", (unsigned long long)outcome.accepted);
	return buf;
}

/* Those before it are on their way: they are handed over first. */
static int refused_message(struct sender *s, int error, size_t length)
{
	char why[300], size[UNITS_TEXT], limit[UNITS_TEXT], sent[64];
	uint64_t max;

	snprintf(why, sizeof(why), ": %s", attach_error(s->w, error));
	if (!length) {
		snprintf(why, sizeof(why), " is empty");
	} else if (error == -EMSGSIZE) {
		max = message_max(s->channel);
		if (max)
			snprintf(why, sizeof(why), " is %s, message-max is %s",
				 units_size(size, length), units_size(limit, max));
	}
	weir_flush(s->w, -1);
	return report(STATUS_REFUSED, -error, NULL, "message %llu%s (%s)%s",
		      (unsigned long long)s->queued + 1, why, report_errno(error),
		      so_far(s, sent, sizeof(sent)));
}

static int refused_later(struct sender *s, int error)
{
	char why[300], sent[64];

	snprintf(why, sizeof(why), "%s", attach_error(s->w, error));
	return report(STATUS_REFUSED, -error, NULL, "%s (%s)%s", why,
		      report_errno(error), so_far(s, sent, sizeof(sent)));
}

static int refused_file(struct sender *s, const char *path, int error)
{
	char sent[64];

	weir_flush(s->w, -1);
	return report(STATUS_REFUSED, error, NULL, "%s: %s (%s)%s", path,
		      strerror(error), report_errno(error),
		      so_far(s, sent, sizeof(sent)));
}

/* ---- one message ---------------------------------------------------------------- */

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int put_loan(struct sender *s, void *buf, size_t length)
{
	int error;

	if (s->ttl)
		s->meta.deadline_ns = now() + s->ttl;
	error = weir_put(s->w, buf, length, &s->meta);
	if (error)
		return refused_message(s, error, length);
	s->queued++;
	progress_show(s->channel, s->queued, s->total);
	return 0;
}

static int put_copy(struct sender *s, const void *data, size_t length)
{
	void *buf;
	int error = length ? weir_loan(s->w, length, &buf) : -EINVAL;

	if (error)
		return refused_message(s, error, length);
	memcpy(buf, data, length);
	return put_loan(s, buf, length);
}

static int submit(struct sender *s)
{
	int error = weir_submit(s->w);

	/* No room is no error here: it waits in the ring. */
	return error && error != -EAGAIN ? refused_later(s, error) : 0;
}

/* ---- sources -------------------------------------------------------------------- */

/* Bytes read until @size or the end, or -errno. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t n = read(fd, buf + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		used += n;
	}
	return used;
}

/* A regular file is read straight into message memory. */
static int put_regular(struct sender *s, const char *path, int fd, size_t length)
{
	ssize_t got;
	void *buf;
	int error = weir_loan(s->w, length, &buf);

	if (error)
		return refused_message(s, error, length);
	got = read_all(fd, buf, length);
	if (got > 0)
		return put_loan(s, buf, got);
	weir_abort(s->w, buf);
	return got ? refused_file(s, path, -got) : refused_message(s, -EINVAL, 0);
}

static int put_stream(struct sender *s, const char *path, int fd)
{
	size_t size = CHUNK, used = 0;
	char *buf = NULL;
	ssize_t got;
	int status;

	do {
		size *= 2;
		buf = realloc(buf, size);
		if (!buf)
			abort();
		got = read_all(fd, buf + used, size - used);
		used += got > 0 ? got : 0;
	} while (used == size && size < RECORD_MAX);
	status = got < 0 ? refused_file(s, path, -got) : put_copy(s, buf, used);
	free(buf);
	return status;
}

static int put_file(struct sender *s, const char *path)
{
	int status, fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return refused_file(s, path, errno);
	if (fstat(fd, &st))
		status = refused_file(s, path, errno);
	else if (S_ISDIR(st.st_mode))
		status = refused_file(s, path, EISDIR);
	else if (S_ISREG(st.st_mode) && st.st_size)
		status = put_regular(s, path, fd, st.st_size);
	else
		status = put_stream(s, path, fd);
	close(fd);
	return status;
}

static int put_arguments(struct sender *s)
{
	int status = 0;

	s->total = s->texts;
	for (int i = 0; i < s->texts && !status; i++)
		status = s->files ? put_file(s, s->text[i]) :
			 put_copy(s, s->text[i], strlen(s->text[i]));
	return status;
}

/* All complete records in the buffer; @used shrinks to what is left of the last. */
static int put_records(struct sender *s, char *buf, size_t *used)
{
	char *at = buf, *end;
	int status = 0;

	while (!status) {
		end = memchr(at, s->nul ? '\0' : '\n', *used - (at - buf));
		if (!end)
			break;
		status = put_copy(s, at, end - at);
		at = end + 1;
	}
	*used -= at - buf;
	memmove(buf, at, *used);
	return status;
}

/* What a read brings is sent before the next one: a slow writer's lines go at once. */
static int put_input(struct sender *s)
{
	size_t size = 2 * CHUNK, used = 0;
	char *buf = malloc(size);
	int status = 0;
	ssize_t n = 1;

	while (buf && n && !status) {
		n = read(STDIN_FILENO, buf + used, size - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			status = refused_file(s, "standard input", errno);
			break;
		}
		used += n;
		status = put_records(s, buf, &used);
		if (!status)
			status = submit(s);
		if (!status && used == size) {
			if (size >= RECORD_MAX)
				status = refused_message(s, -EMSGSIZE, size);
			size *= 2;
			buf = realloc(buf, size);
		}
	}
	if (!buf)
		abort();
	/* The last record may do without its end. */
	if (!status && used)
		status = put_copy(s, buf, used);
	free(buf);
	return status;
}

/* ---- the end -------------------------------------------------------------------- */

static int flush(struct sender *s)
{
	int error;

	do {
		error = weir_flush(s->w, progress_wanted() ? REDRAW_MS : -1);
		progress_show(s->channel, s->queued, s->total);
	} while (error == -ETIME || error == -EINTR);
	return error ? refused_later(s, error) : 0;
}

static int settle(struct sender *s, struct weir_outcome *o)
{
	int error;

	progress_clear();
	do {
		error = weir_settle(s->w, progress_wanted() ? REDRAW_MS : -1, o);
		progress_show(s->channel, o->accepted - o->unsettled, o->accepted);
	} while (error == -ETIME || error == -EINTR);
	return error ? refused_later(s, error) : 0;
}

static void say_sent(const struct sender *s, const struct weir_outcome *o)
{
	if (!ctl.json)
		return;
	json_object_begin(NULL);
	json_string("channel", s->channel);
	json_number("sent", o->accepted);
	if (s->wait) {
		json_number("acked", o->acked);
		json_number("dead", o->dead);
	}
	json_object_end();
}

/* Neither acked nor dead: purged, or dropped for want of room among the dead. */
static int judge(const struct sender *s, const struct weir_outcome *o)
{
	uint64_t lost = o->accepted - o->acked - o->dead;
	char more[64] = "";

	if (!s->wait || (!o->dead && !lost)) {
		say_sent(s, o);
		return STATUS_DONE;
	}
	if (lost)
		snprintf(more, sizeof(more), ", %llu purged or dropped",
			 (unsigned long long)lost);
	return report(STATUS_REFUSED, 0, NULL,
		      "of %llu messages %llu went dead%s; see \"weirctl message show %s state dead\"",
		      (unsigned long long)o->accepted, (unsigned long long)o->dead,
		      more, s->channel);
}

static int send_all(struct sender *s)
{
	struct weir_outcome outcome = { 0 };
	int status = s->texts ? put_arguments(s) : put_input(s);

	if (!status)
		status = flush(s);
	if (!status && s->wait)
		status = settle(s, &outcome);
	else if (!status)
		weir_settle(s->w, 0, &outcome);
	progress_clear();
	return status ? status : judge(s, &outcome);
}

/* ---- command line --------------------------------------------------------------- */

enum { WAIT, NUL, FILES, KEY, PRIORITY, DELAY, TTL, COST, TYPE };

static const struct word words[] = {
	{ "--wait", NULL, NULL, "until all are done; exit 1 if one is dead" },
	{ "-0", NULL, NULL, "records of standard input end with NUL" },
	{ "--file", "FILE...", NULL, "each file is one message" },
	{ "--key", "N", NULL, "ordering key of the messages" },
	{ "--priority", "N", NULL, "0 is the most urgent, and the default" },
	{ "--delay", "TIME", NULL, "ready only after this" },
	{ "--ttl", "TIME", NULL, "dead if not delivered by then" },
	{ "--cost", "N", NULL, "hint of the work in each" },
	{ "--type", "N", NULL, "the receiver's to understand" },
	{ }
};

static int read_delay(struct sender *s, const char *value)
{
	uint64_t ns;

	if (args_time("--delay", value, &ns))
		return STATUS_USAGE;
	if (ns % 1000000)
		return report(STATUS_USAGE, 0, "--delay",
			      "--delay \"%s\" is finer than 1ms", value);
	if (ns > DELAY_MAX)
		return report(STATUS_USAGE, 0, "--delay",
			      "--delay \"%s\" is too large; 1d is the most", value);
	s->meta.defer_ms = ns / 1000000;
	return 0;
}

/* Options with a value. */
static int read_value(struct sender *s, int option, const char *value)
{
	const char *name = words[option].name;
	uint64_t number;

	switch (option) {
	case KEY:
		return args_count(name, value, UINT64_MAX, &s->meta.key);
	case DELAY:
		return read_delay(s, value);
	case TTL:
		return args_time(name, value, &s->ttl);
	case PRIORITY:
		if (args_count(name, value, UINT8_MAX, &number))
			return STATUS_USAGE;
		s->meta.prio = number;
		return 0;
	case COST:
		if (args_count(name, value, UINT32_MAX, &number))
			return STATUS_USAGE;
		s->meta.cost = number;
		return 0;
	default:
		if (args_count(name, value, UINT16_MAX, &number))
			return STATUS_USAGE;
		s->meta.mtype = number;
		return 0;
	}
}

static int read_option(struct sender *s, struct args *a, const char *text)
{
	const char *names[WORDS_MAX + 1], *value;
	char what[64];
	int option;

	args_names(words, names);
	option = args_match(text, names, "option");
	switch (option) {
	case WAIT:
		s->wait = true;
		return 0;
	case NUL:
		s->nul = true;
		return 0;
	case FILES:
		if (s->texts)
			return usage_error("TEXT and --file do not go together%s",
					   args_pointer());
		s->files = true;
		return 0;
	default:
		if (option < 0)
			return STATUS_USAGE;
		snprintf(what, sizeof(what), "the value of %s", words[option].name);
		if (args_need(a, what, &value))
			return STATUS_USAGE;
		return read_value(s, option, value);
	}
}

static int read_words(struct sender *s, struct args *a)
{
	bool options = true;
	char *text;

	s->text = a->word;
	while ((text = args_next(a))) {
		if (options && !strcmp(text, "--")) {
			options = false;
		} else if (options && text[0] == '-' && text[1]) {
			if (read_option(s, a, text))
				return STATUS_USAGE;
		} else {
			s->text[s->texts++] = text;
		}
	}
	if (s->files && !s->texts)
		return usage_error("--file needs a value: FILE%s", args_pointer());
	if (s->nul && s->texts)
		return usage_error("-0 is about standard input, which is not read%s",
				   args_pointer());
	if (!s->texts && ctl.input_used)
		return usage_error("standard input is the batch; give TEXT or --file%s",
				   args_pointer());
	return 0;
}

static int send_run(struct args *a)
{
	struct weir_opts opts = { .flags = WEIR_OPEN_SEND, .sq_entries = RING };
	struct sender s = { NULL };
	int status;

	opts.size = sizeof(opts);
	status = args_need(a, "CHANNEL", &s.channel);
	if (!status)
		status = read_words(&s, a);
	if (!status)
		status = attach_open(&s.w, s.channel, &opts);
	if (!status)
		status = send_all(&s);
	weir_close(s.w);
	return status;
}

static const struct cmd cmds[] = {
	{ NULL, send_run, CMD_CHANNEL | CMD_FILES | CMD_WORDS_MANY,
	  "CHANNEL [TEXT...] [OPTION]...", words, NULL,
	  "arguments, else lines of standard input" },
	{ }
};

const struct object send_object = { "send", "sends", cmds };
