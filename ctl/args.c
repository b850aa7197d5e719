// SPDX-License-Identifier: GPL-2.0-only
/* The command line, word by word: prefixes, values, suggestions. */
#include "args.h"

#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "report.h"
#include "suggest.h"
#include "units.h"

static char pointer[80];

void args_set_pointer(const char *object, const char *cmd)
{
	snprintf(pointer, sizeof(pointer), "  (weirctl help%s%s%s%s)",
		 object ? " " : "", object ? object : "", cmd ? " " : "",
		 cmd ? cmd : "");
}

const char *args_pointer(void)
{
	return pointer;
}

char *args_next(struct args *a)
{
	if (!a->count)
		return NULL;
	a->count--;
	return *a->word++;
}

static int unknown(const char *text, const char *const *names, const char *what,
		   const char *attribute)
{
	char best[96];
	struct suggest s;

	suggest_init(&s, text);
	for (; *names; names++)
		if (**names)
			suggest_offer(&s, *names);
	return report(STATUS_USAGE, 0, attribute, "%s \"%s\" is unknown%s%s", what,
		      text, suggest_text(&s, best, sizeof(best)), pointer);
}

static int ambiguous(const char *text, const char *const *names, const char *what,
		     const char *attribute)
{
	size_t length = strlen(text), used = 0;
	char list[256] = "";

	for (; *names && used < sizeof(list); names++)
		if (!strncmp(*names, text, length))
			used += snprintf(list + used, sizeof(list) - used, "%s%s",
					 used ? " or " : "", *names);
	return report(STATUS_USAGE, 0, attribute, "%s \"%s\" may be %s%s", what,
		      text, list, pointer);
}

int args_find(const char *text, const char *const *names)
{
	size_t length = strlen(text);
	int found = FIND_NONE;

	for (int i = 0; names[i]; i++) {
		if (!strcmp(names[i], text))
			return i;
		/* Dashes alone are not the beginning of a word. */
		if (length == strspn(text, "-") || strncmp(names[i], text, length))
			continue;
		found = found == FIND_NONE ? i : FIND_MANY;
	}
	return found;
}

static int match(const char *text, const char *const *names, const char *what,
		 const char *attribute)
{
	int found = args_find(text, names);

	if (found == FIND_MANY)
		ambiguous(text, names, what, attribute);
	else if (found == FIND_NONE)
		unknown(text, names, what, attribute);
	return found;
}

int args_match(const char *text, const char *const *names, const char *what)
{
	return match(text, names, what, NULL);
}

/* "block or error" */
static const char *list_choices(const char *const *choices, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (; *choices && used < size; choices++)
		if (**choices)
			used += snprintf(buf + used, size - used, "%s%s",
					 used ? (choices[1] ? ", " : " or ") : "",
					 *choices);
	return buf;
}

static int need_value(const struct word *w, const char *text)
{
	char list[128];

	if (text)
		return 0;
	if (w->choices)
		return usage_error("%s needs a value: %s%s", w->name,
				   list_choices(w->choices, list, sizeof(list)),
				   pointer);
	return usage_error("%s needs a value: %s%s", w->name, w->value, pointer);
}

void args_names(const struct word *words, const char **names)
{
	int i;

	for (i = 0; words && words[i].name && i < WORDS_MAX; i++)
		names[i] = words[i].name;
	names[i] = NULL;
}

int args_word(struct args *a, const struct word *words, const char *what,
	      const char **value)
{
	const char *names[WORDS_MAX + 1], *text = args_next(a);
	int i;

	if (!text)
		return WORD_END;
	args_names(words, names);
	i = args_match(text, names, what);
	if (i < 0)
		return WORD_BAD;
	*value = NULL;
	if (words[i].value) {
		*value = args_next(a);
		if (need_value(&words[i], *value))
			return WORD_BAD;
	}
	return i;
}

int args_need(struct args *a, const char *what, const char **text)
{
	*text = args_next(a);
	if (*text && **text)
		return 0;
	return usage_error("%s is missing%s", what, pointer);
}

int args_end(struct args *a)
{
	if (!a->count)
		return 0;
	return usage_error("\"%s\" is one word too many%s", a->word[0], pointer);
}

int args_choice(const char *name, const char *text, const char *const *choices,
		uint32_t *value)
{
	int i = match(text, choices, name, name);

	if (i < 0)
		return STATUS_USAGE;
	*value = i;
	return 0;
}

static int bad_value(const char *name, const char *text, const char *reason)
{
	return report(STATUS_USAGE, 0, name, "%s \"%s\" %s", name, text, reason);
}

int args_count(const char *name, const char *text, uint64_t max, uint64_t *value)
{
	const char *reason = units_read_count(text, max, value);

	return reason ? bad_value(name, text, reason) : 0;
}

int args_time(const char *name, const char *text, uint64_t *ns)
{
	const char *reason = units_read_time(text, ns);

	return reason ? bad_value(name, text, reason) : 0;
}

int args_percent(const char *name, const char *text, uint32_t *thousandths)
{
	const char *reason = units_read_percent(text, thousandths);

	return reason ? bad_value(name, text, reason) : 0;
}

int args_size(const char *name, const char *text, uint64_t *bytes)
{
	const char *reason = units_read_size(text, bytes);

	return reason ? bad_value(name, text, reason) : 0;
}
