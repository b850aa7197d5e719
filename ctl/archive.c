// SPDX-License-Identifier: GPL-2.0-only
/* The file that a channel is saved in; archive.h has its form. */
#include "archive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/weir.h>
#include <linux/weir_netlink.h>

#include "attrs.h"
#include "ctl.h"
#include "lookup.h"
#include "report.h"

#define FORMAT 1
#define VALUE_MAX 1024	/* bytes of a setting */

uint64_t archive_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Where a number stands in an entry; those that are 0 are left out. */
static const struct {
	const char *key;
	size_t offset;
} numbers[] = {
	{ "message", offsetof(struct archive_entry, id) },
	{ "len", offsetof(struct archive_entry, len) },
	{ "prio", offsetof(struct archive_entry, prio) },
	{ "key", offsetof(struct archive_entry, key) },
	{ "corr", offsetof(struct archive_entry, corr) },
	{ "mtype", offsetof(struct archive_entry, mtype) },
	{ "encoding", offsetof(struct archive_entry, encoding) },
	{ "cost", offsetof(struct archive_entry, cost) },
	{ "attempts", offsetof(struct archive_entry, attempts) },
	{ "deliveries", offsetof(struct archive_entry, deliveries) },
	{ "due_ns", offsetof(struct archive_entry, due) },
	{ "deadline_ns", offsetof(struct archive_entry, deadline) },
};

#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

/* ---- writing --------------------------------------------------------------- */

/* Takes the object over. */
static void put_line(FILE *file, struct json_object *o)
{
	fputs(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
					     JSON_C_TO_STRING_NOSLASHESCAPE), file);
	putc('\n', file);
	json_object_put(o);
}

static void add_number(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

void archive_put_head(FILE *file, const char *name, const char *state,
		      struct json_object *settings)
{
	struct json_object *o = json_object_new_object();

	add_number(o, "weir_channel", FORMAT);
	json_object_object_add(o, "name", json_object_new_string(name));
	json_object_object_add(o, "state", json_object_new_string(state));
	add_number(o, "saved_ns", archive_clock());
	json_object_object_add(o, "settings", json_object_get(settings));
	put_line(file, o);
}

void archive_put_entry(FILE *file, const struct archive_entry *e)
{
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < NUMBERS; i++) {
		uint64_t value;

		memcpy(&value, (const char *)e + numbers[i].offset, sizeof(value));
		if (value)
			add_number(o, numbers[i].key, value);
	}
	if (e->reason)
		json_object_object_add(o, "dead", json_object_new_string(
				       attrs_choice(attrs_reason, e->reason)));
	if (e->text)
		json_object_object_add(o, "reason", json_object_new_string(e->text));
	put_line(file, o);
}

void archive_put_end(FILE *file, uint64_t messages, uint64_t bytes)
{
	struct json_object *o = json_object_new_object();

	add_number(o, "messages", messages);
	add_number(o, "bytes", bytes);
	put_line(file, o);
}

/* ---- reading --------------------------------------------------------------- */

static int wrong(const struct archive *a, const char *what)
{
	return report(STATUS_REFUSED, EINVAL, NULL, "%s: %s", a->path, what);
}

static int wrong_message(const struct archive *a, const char *what)
{
	return report(STATUS_REFUSED, EINVAL, NULL, "%s: message %zu %s", a->path,
		      a->count + 1, what);
}

/* NULL at the end of the file, or where there is no object in this line. */
static struct json_object *read_line(FILE *file)
{
	struct json_object *o = NULL;
	char *line = NULL;
	size_t room = 0;

	if (getline(&line, &room, file) > 0)
		o = json_tokener_parse(line);
	free(line);
	if (!json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		o = NULL;
	}
	return o;
}

/* False where it is there and no number from 0 on. */
static bool get_number(struct json_object *o, const char *key, uint64_t *value)
{
	struct json_object *v;

	*value = 0;
	if (!json_object_object_get_ex(o, key, &v))
		return true;
	*value = json_object_get_uint64(v);
	return json_object_is_type(v, json_type_int) && json_object_get_int64(v) >= 0;
}

static const char *get_text(struct json_object *o, const char *key)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v) ||
	    !json_object_is_type(v, json_type_string))
		return NULL;
	return json_object_get_string(v);
}

static int read_head(struct archive *a)
{
	uint64_t format;

	a->head = read_line(a->file);
	if (!get_number(a->head, "weir_channel", &format) || !format)
		return wrong(a, "is no saved channel");
	if (format > FORMAT)
		return wrong(a, "was saved by a later weirctl");
	a->name = get_text(a->head, "name");
	a->state = get_text(a->head, "state");
	if (!a->name || !lookup_name_valid(a->name) || !a->state ||
	    !get_number(a->head, "saved_ns", &a->saved) ||
	    !json_object_object_get_ex(a->head, "settings", &a->settings) ||
	    !json_object_is_type(a->settings, json_type_object))
		return wrong(a, "does not begin with a channel");
	json_object_object_foreach(a->settings, name, value) {
		if (!json_object_is_type(value, json_type_string) ||
		    json_object_get_string_len(value) > VALUE_MAX)
			return report(STATUS_REFUSED, EINVAL, NULL,
				      "%s: the value of %.40s is no text, or too long",
				      a->path, name);
	}
	return 0;
}

static uint32_t find_reason(const char *word)
{
	for (uint32_t i = 1; i <= WEIR_DEAD_REASON_EXPIRED; i++)
		if (!strcmp(word, attrs_reason[i]))
			return i;
	return 0;
}

static const char *read_entry(struct archive_entry *e, struct json_object *o)
{
	const char *dead = get_text(o, "dead"), *text = get_text(o, "reason");
	uint64_t value;

	memset(e, 0, sizeof(*e));
	for (size_t i = 0; i < NUMBERS; i++) {
		if (!get_number(o, numbers[i].key, &value))
			return "has a number that is none";
		memcpy((char *)e + numbers[i].offset, &value, sizeof(value));
	}
	if (!e->id || !e->len)
		return "has no id or no length";
	if (e->prio > UINT8_MAX || e->encoding > UINT8_MAX ||
	    e->mtype > UINT16_MAX || e->cost > UINT32_MAX ||
	    e->len > UINT32_MAX ||
	    e->attempts > UINT16_MAX || e->deliveries > UINT16_MAX)
		return "has a number that is too large";
	if (dead) {
		e->reason = find_reason(dead);
		if (!e->reason)
			return "died of a reason that is not known";
	}
	if (text && strlen(text) > WEIR_REASON_MAX)
		return "has a reason that is too long";
	if (text) {
		e->text = strdup(text);
		if (!e->text)
			abort();
	}
	return NULL;
}

static struct archive_entry *new_entry(struct archive *a)
{
	/* At 0, 1, 3, 7... there is no more room. */
	if (!(a->count & (a->count + 1))) {
		a->entry = realloc(a->entry,
				   (2 * a->count + 1) * sizeof(*a->entry));
		if (!a->entry)
			abort();
	}
	return &a->entry[a->count];
}

/* Past the payload and the newline behind it. */
static bool skip_payload(FILE *file, uint64_t len)
{
	return !fseek(file, len, SEEK_CUR) && getc(file) == '\n';
}

static int read_end(struct archive *a, struct json_object *o)
{
	uint64_t messages, bytes, sum = 0;

	for (size_t i = 0; i < a->count; i++)
		sum += a->entry[i].len;
	if (!get_number(o, "messages", &messages) || messages != a->count ||
	    !get_number(o, "bytes", &bytes) || bytes != sum)
		return wrong(a, "has other messages than its end says");
	return getc(a->file) == EOF ? 0 : wrong(a, "goes on behind its end");
}

static int read_entries(struct archive *a)
{
	struct archive_entry *e;
	struct json_object *o;
	const char *what;
	int status;

	for (;;) {
		o = read_line(a->file);
		if (!o)
			return wrong_message(a, "is cut off");
		if (!json_object_object_get_ex(o, "message", NULL)) {
			status = read_end(a, o);
			json_object_put(o);
			return status;
		}
		e = new_entry(a);
		what = read_entry(e, o);
		json_object_put(o);
		if (what)
			return wrong_message(a, what);
		e->offset = ftell(a->file);
		if (!skip_payload(a->file, e->len))
			return wrong_message(a, "is cut off");
		a->count++;
	}
}

static int by_id(const void *left, const void *right)
{
	const struct archive_entry *a = left, *b = right;

	return a->id < b->id ? -1 : a->id > b->id;
}

int archive_open(struct archive *a, const char *path)
{
	int status;

	memset(a, 0, sizeof(*a));
	a->path = path;
	a->file = fopen(path, "re");
	if (!a->file)
		return report(STATUS_REFUSED, errno, NULL, "%s: %s (%s)", path,
			      strerror(errno), report_errno(errno));
	status = read_head(a);
	if (!status)
		status = read_entries(a);
	if (!status && a->count)
		qsort(a->entry, a->count, sizeof(*a->entry), by_id);
	return status;
}

void archive_close(struct archive *a)
{
	for (size_t i = 0; i < a->count; i++)
		free(a->entry[i].text);
	free(a->entry);
	json_object_put(a->head);
	if (a->file)
		fclose(a->file);
}
