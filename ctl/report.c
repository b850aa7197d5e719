// SPDX-License-Identifier: GPL-2.0-only
/* Refusals: one line that says what and the remedy. */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "json.h"
#include "output.h"
#include "progress.h"

static struct {
	char about[256];
	const char *file;
	unsigned int line;
} where;

void report_about(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(where.about, sizeof(where.about), format, ap);
	va_end(ap);
}

void report_place(const char *file, unsigned int line)
{
	where.file = file;
	where.line = line;
}

const char *report_errno(int error)
{
	const char *name = strerrorname_np(error < 0 ? -error : error);

	return name ? name : "unknown error";
}

static void print_json(int error, const char *attribute, const char *text)
{
	json_abandon();
	json_object_begin(NULL);
	json_string("error", text);
	json_string("errno", error ? report_errno(error) : NULL);
	json_string("attribute", attribute);
	json_object_end();
	fflush(stdout);
}

int report(int status, int error, const char *attribute, const char *format, ...)
{
	char text[1024];
	size_t used = 0;
	va_list ap;

	if (where.file)
		used = snprintf(text, sizeof(text), "%.200s:%u: ", where.file,
				where.line);
	if (where.about[0])
		used += snprintf(text + used, sizeof(text) - used, "%s: ",
				 where.about);
	va_start(ap, format);
	vsnprintf(text + used, sizeof(text) - used, format, ap);
	va_end(ap);

	progress_clear();
	if (ctl.json) {
		print_json(error, attribute, text);
		return status;
	}
	fflush(stdout);
	fputs("weirctl: ", stderr);
	put_safe(stderr, text);
	fputc('\n', stderr);
	return status;
}
