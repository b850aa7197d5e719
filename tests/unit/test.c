// SPDX-License-Identifier: GPL-2.0-only
/*
 * unit [--count] [--first N] [PATTERN]
 * Runs the tests whose name holds PATTERN, numbered from N; with --count only
 * prints how many there are. Exit status 1 if any failed.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define TIME_LIMIT	200	/* s, for one test */
#define NOTE_SIZE	200

static struct unit_test *tests, **tests_end = &tests;
static char *note;	/* shared with the tests' processes */

void unit_add(struct unit_test *t)
{
	*tests_end = t;
	tests_end = &t->next;
}

void unit_fail(const char *file, int line, const char *fmt, ...)
{
	const char *slash = strrchr(file, '/');
	va_list args;

	va_start(args, fmt);
	printf("# %s:%d: ", slash ? slash + 1 : file, line);
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
	_exit(1);
}

void unit_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(note, NOTE_SIZE, fmt, args);
	va_end(args);
}

unsigned long long unit_seed(void)
{
	const char *s = getenv("SEED");

	return s ? strtoull(s, NULL, 0) : 0;
}

/* "path/foo_test.c", "a_name" -> "BUILD foo: a name" */
static void full_name(const struct unit_test *t, char *buf, size_t size)
{
	const char *slash = strrchr(t->file, '/');
	const char *file = slash ? slash + 1 : t->file;
	const char *end = strstr(file, "_test.c");
	char *s;

	s = buf + snprintf(buf, size, "%s %.*s: ", UNIT_BUILD,
			   end ? (int)(end - file) : 99, file);
	snprintf(s, size - (s - buf), "%s", t->name);
	for (; *s; s++)
		if (*s == '_')
			*s = ' ';
}

static bool run(const struct unit_test *t)
{
	int status;
	pid_t pid;

	note[0] = '\0';
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return false;
	if (!pid) {
		dup2(STDOUT_FILENO, STDERR_FILENO);
		alarm(TIME_LIMIT);
		t->run();
		exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return false;
	if (WIFSIGNALED(status))
		printf("# killed by signal %d%s\n", WTERMSIG(status),
		       WTERMSIG(status) == SIGALRM ? ": took too long" : "");
	else if (WEXITSTATUS(status))
		printf("# exit status %d\n", WEXITSTATUS(status));
	if (status && note[0])
		printf("# %s\n", note);
	return !status;
}

int main(int argc, char **argv)
{
	const char *pattern = "";
	unsigned int n = 1, failed = 0, count = 0, i;
	const struct unit_test *t;
	bool only_count = false;
	char name[200];
	bool ok;

	note = mmap(NULL, NOTE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (note == MAP_FAILED)
		return 1;
	for (i = 1; i < (unsigned int)argc; i++) {
		if (!strcmp(argv[i], "--count"))
			only_count = true;
		else if (!strcmp(argv[i], "--first") && argv[i + 1])
			n = atoi(argv[++i]);
		else
			pattern = argv[i];
	}
	for (t = tests; t; t = t->next) {
		full_name(t, name, sizeof(name));
		if (!strstr(name, pattern))
			continue;
		count++;
		if (only_count)
			continue;
		ok = run(t);
		failed += !ok;
		printf("%sok %u %s\n", ok ? "" : "not ", n++, name);
	}
	if (only_count)
		printf("%u\n", count);
	return failed ? 1 : 0;
}
