// SPDX-License-Identifier: GPL-2.0-only
/* What takes the place of scheduler.c where there is no libbpf to build it with. */
#include "scheduler.h"

#include <errno.h>

#include "ctl.h"
#include "report.h"

static int missing(struct args *a)
{
	(void)a;
	return report(STATUS_REFUSED, EOPNOTSUPP, NULL,
		      "this weirctl was built without libbpf; install its development package and build it again");
}

static const struct cmd cmds[] = {
	{ "show", missing, 0, "", NULL, NULL, "whether it is on, and what it did" },
	{ "on", missing, 0, "", NULL, NULL, "workers with messages run before others" },
	{ "off", missing, 0, "", NULL, NULL, "the kernel's own scheduler goes on" },
	{ }
};

const struct object scheduler_object = { "scheduler", "the CPU scheduler", cmds };
