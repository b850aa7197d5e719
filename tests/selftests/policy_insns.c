// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much work each program of the folder bpf is for the verifier: it may not grow
 * by more than a tenth over what is written down in insns.txt beside this. A line
 * of it is: object, program, instructions on lts, on next.
 */
#include <dirent.h>

#include "kselftest_harness.h"

#include "object.h"

#define OBJECTS	"../bpf"
#define RECORD	"../../tests/selftests/insns.txt"

/* Which column: the debug kernel is of the same version as lts. */
static int column(void)
{
	const char *kernel = getenv("WEIR_KERNEL");

	return kernel && !strcmp(kernel, "next") ? 1 : 0;
}

/* 0 if it is not written down. */
static unsigned int recorded(const char *object, const char *program)
{
	unsigned int nr[2], found = 0;
	char line[256], o[64], p[64];
	FILE *f = fopen(RECORD, "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %63s %u %u", o, p, &nr[0], &nr[1]) == 4 &&
		    !strcmp(o, object) && !strcmp(p, program))
			found = nr[column()];
	if (f)
		fclose(f);
	return found;
}

static unsigned int verified(const struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (bpf_prog_get_info_by_fd(bpf_program__fd(prog), &info, &size))
		return 0;
	return info.verified_insns;
}

/* Return: how many programs are too much work, or not written down. */
static int look(const char *object)
{
	struct bpf_program *prog;
	unsigned int now, then;
	struct object o;
	int bad = 0;

	if (object_open(&o, object) || !o.ops) {
		object_close(&o);
		return 0;	/* no policy: not ours */
	}
	if (object_load(&o)) {
		printf("# %s does not load\n", object);
		object_close(&o);
		return 1;
	}
	bpf_object__for_each_program(prog, o.bpf) {
		now = verified(prog);
		then = recorded(object, bpf_program__name(prog));
		printf("# %s %s: %u instructions, %u written down\n", object,
		       bpf_program__name(prog), now, then);
		if (!now || !then || now * 10 > then * 11)
			bad++;
	}
	object_close(&o);
	return bad;
}

TEST(programs_do_not_grow_unnoticed)
{
	const char *end = ".bpf.o";
	struct dirent *entry;
	int seen = 0;
	DIR *dir;

	if (object_none())
		SKIP(return, "%s", object_none());
	dir = opendir(OBJECTS);
	ASSERT_NE(NULL, dir);
	while ((entry = readdir(dir))) {
		char *dot = strstr(entry->d_name, end);

		/* A CPU scheduler loads only where the kernel has sched_ext. */
		if (!dot || strlen(dot) != strlen(end) ||
		    !strncmp(entry->d_name, "scx_", 4))
			continue;
		*dot = '\0';
		EXPECT_EQ(0, look(entry->d_name));
		seen++;
	}
	closedir(dir);
	EXPECT_LE(4, seen);
}

TEST_HARNESS_MAIN
