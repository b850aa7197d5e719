// SPDX-License-Identifier: GPL-2.0-only
/* What libbpf says. */
#include "bpflog.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"

static char said[512];

static int note(enum libbpf_print_level level, const char *format, va_list ap)
{
	va_list again;

	va_copy(again, ap);
	if (ctl.debug)
		vfprintf(stderr, format, ap);
	if (level == LIBBPF_WARN && !said[0]) {
		vsnprintf(said, sizeof(said), format, again);
		said[strcspn(said, "\n")] = '\0';
	}
	va_end(again);
	return 0;
}

void bpflog_begin(void)
{
	libbpf_set_print(note);
	said[0] = '\0';
}

const char *bpflog_text(int error)
{
	return said[0] ? said : strerror(error);
}
