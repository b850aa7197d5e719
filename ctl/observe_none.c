// SPDX-License-Identifier: GPL-2.0-only
/* What takes the place of observe.c where there is no libbpf to build it with. */
#include "observe.h"

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
	{ "show", missing, 0, "", NULL, NULL, "what the BPF programs have seen" },
	{ "on", missing, 0, "", NULL, NULL, "keep figures in BPF maps, for bpftool" },
	{ "off", missing, 0, "", NULL, NULL, "they end, and their maps go" },
	{ }
};

const struct object observe_object = { "observe", "observation", cmds };
