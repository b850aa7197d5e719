/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_REPORT_H
#define CTL_REPORT_H

#include <stddef.h>

#define __printf(a, b) __attribute__((format(printf, a, b)))

/* What the reports that follow are about, such as "channel add jobs". */
__printf(1, 2) void report_about(const char *format, ...);

/* Where the command stands; NULL: on the command line. */
void report_place(const char *file, unsigned int line);

/*
 * Says in one line why a command ends, as text or as JSON, and returns @status.
 * @error: an errno for JSON, 0 for none. @attribute: the word at fault, or NULL.
 */
__printf(4, 5) int report(int status, int error, const char *attribute,
			  const char *format, ...);

#define usage_error(...) report(STATUS_USAGE, 0, NULL, __VA_ARGS__)

/* "EINVAL" */
const char *report_errno(int error);

#endif
