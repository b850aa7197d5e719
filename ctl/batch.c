// SPDX-License-Identifier: GPL-2.0-only
/* -batch: many commands, one process. */
#include "batch.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "ctl.h"
#include "report.h"

#define BATCH_WORDS 256

/*
 * Takes one word off @in and writes it to @out, which may be the same memory.
 * As in a shell: '...' as it is, "..." and \x with escapes, # begins a comment.
 * False: a quote is not closed.
 */
static bool unquote(char **in, char *out)
{
	char quote = 0, *s = *in;

	for (; *s && (quote || !isspace((unsigned char)*s)); s++) {
		if (quote && *s == quote) {
			quote = 0;
		} else if (!quote && (*s == '\'' || *s == '"')) {
			quote = *s;
		} else {
			if (*s == '\\' && quote != '\'' && s[1])
				s++;
			*out++ = *s;
		}
	}
	if (*s)
		s++;
	*out = '\0';
	*in = s;
	return !quote;
}

/* Number of words in @line, or -1 after reporting. */
static int split(char *line, char **words)
{
	int count = 0;

	for (;;) {
		line += strspn(line, " \t\r\n");
		if (!*line || *line == '#')
			return count;
		if (count == BATCH_WORDS)
			return -usage_error("more than %d words", BATCH_WORDS);
		words[count++] = line;
		if (!unquote(&line, words[count - 1]))
			return -usage_error("a quote is not closed");
	}
}

static int run_line(char *line)
{
	char *words[BATCH_WORDS];
	struct args a = { 0, words };

	report_about("%s", "");
	a.count = split(line, words);
	if (a.count < 0)
		return STATUS_USAGE;
	return a.count ? ctl_run(&a) : STATUS_DONE;
}

int batch_run(const char *path)
{
	bool input = !strcmp(path, "-");
	FILE *file = input ? stdin : fopen(path, "r");
	int status = STATUS_DONE;
	unsigned int number = 0;
	char *line = NULL;
	size_t size = 0;

	if (!file)
		return report(STATUS_REFUSED, errno, NULL, "%s: %s", path,
			      strerror(errno));
	ctl.input_used = input;
	while (!status && getline(&line, &size, file) > 0) {
		report_place(path, ++number);
		status = run_line(line);
		fflush(stdout);
	}
	if (!status && ferror(file))
		status = report(STATUS_REFUSED, errno, NULL, "%s: %s", path,
				strerror(errno));
	free(line);
	if (!input)
		fclose(file);
	return status;
}
