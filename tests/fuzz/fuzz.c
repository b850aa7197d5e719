// SPDX-License-Identifier: GPL-2.0-only
/* What the unit tests' helpers want of a test runner: a failure is a crash. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "test.h"

static char note[200];

void unit_add(struct unit_test *t)
{
	t->next = NULL;
}

void unit_fail(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "%s:%d: ", file, line);
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\n%s\n", note);
	va_end(args);
	abort();
}

void unit_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(note, sizeof(note), fmt, args);
	va_end(args);
}

unsigned long long unit_seed(void)
{
	return 0;
}
