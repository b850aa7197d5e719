// SPDX-License-Identifier: GPL-2.0-only
/* What takes the place of program.c where there is no libbpf to build it with. */
#include "program.h"

#include <errno.h>

#include "ctl.h"
#include "report.h"

static int missing(void)
{
	return report(STATUS_REFUSED, EOPNOTSUPP, NULL,
		      "this weirctl was built without libbpf; install its development package and build it again");
}

int program_open(const char *file, struct program **p)
{
	(void)file;
	*p = NULL;
	return missing();
}

void program_close(struct program *p)
{
	(void)p;
}

size_t program_count(const struct program *p)
{
	(void)p;
	return 0;
}

const char *program_name(const struct program *p, size_t i)
{
	(void)p;
	(void)i;
	return "";
}

int program_load(struct program *p)
{
	(void)p;
	return missing();
}

void program_undo(struct program *p)
{
	(void)p;
}

int program_unload(const char *name)
{
	(void)name;
	return missing();
}
