// SPDX-License-Identifier: GPL-2.0-only
#include "verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "demo.h"
#include "supervisor.h"

#define NR_CHECKERS	2
#define HEX_LEN		(2 * DIGEST_LEN)

/* ---- messages -------------------------------------------------------------- */

/* What the records say of one file. */
struct tally {
	uint32_t	times, answers;
	uint64_t	id;
	int		ids_differ;
};

static void count_record(struct tally *tally, const struct record *record)
{
	if (record->state == RECORD_BLANK)
		return;
	if (tally->times && tally->id != record->id)
		tally->ids_differ = 1;
	tally->id = record->id;
	tally->times++;
	tally->answers += record->state == RECORD_ANSWERED;
}

static size_t positive(int64_t value)
{
	return value > 0 ? value : 0;
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

/*
 * Two witnesses: the records of the workers and the counters of the kernel. Where
 * they disagree the worse one counts. A file that was worked on again because its
 * worker died before the answer is no duplicate: it has one message, answered once.
 */
void verify_ledger(const struct demo *demo, const struct outcome *outcome,
		   struct verdict *verdict)
{
	const uint64_t *value = outcome->stats.value;
	struct tally *tally = calloc(demo->files.nr + 1, sizeof(*tally));
	size_t nr = board_nr_records(demo->board);

	*verdict = (struct verdict){ .lost = demo->files.nr };
	if (!tally)
		return;
	for (size_t i = 0; i < nr; i++)
		count_record(&tally[demo->board->records[i].file],
			     &demo->board->records[i]);
	for (size_t i = 0; i < demo->files.nr; i++) {
		verdict->done += tally[i].times > 0;
		verdict->again += tally[i].times > 1;
		verdict->duplicated += tally[i].answers > 1 || tally[i].ids_differ;
	}
	free(tally);

	verdict->unreadable = board_count(demo->board, demo->files.nr, INTAKE_UNREADABLE);
	verdict->lost = larger(positive((int64_t)(demo->files.nr - verdict->unreadable -
						  verdict->done -
						  value[WEIR_A_STATS_DEAD])),
			       positive((int64_t)(value[WEIR_A_STATS_ACCEPTED] -
						  value[WEIR_A_STATS_ACKED] -
						  value[WEIR_A_STATS_DEAD])));
	verdict->duplicated = larger(verdict->duplicated,
				     positive((int64_t)(value[WEIR_A_STATS_ACKED] -
							verdict->done)));
}

/* ---- digests --------------------------------------------------------------- */

struct checker {
	size_t	first, end;
	int	in, out;
	pid_t	pid;
};

static int write_list(const struct demo *demo, struct checker *checker)
{
	FILE *list;
	int fd = dup(checker->in);

	list = fd < 0 ? NULL : fdopen(fd, "w");
	if (!list)
		return -errno;
	for (size_t i = checker->first; i < checker->end; i++)
		fwrite(demo->files.v[i].path, strlen(demo->files.v[i].path) + 1, 1, list);
	if (fclose(list))
		return -errno;
	return lseek(checker->in, 0, SEEK_SET) < 0 ? -errno : 0;
}

/* The system's own sha256sum over a part of the files. */
static int start_checker(const struct demo *demo, struct checker *checker)
{
	int ret;

	checker->in = memfd_create("paths", MFD_CLOEXEC);
	checker->out = memfd_create("digests", MFD_CLOEXEC);
	if (checker->in < 0 || checker->out < 0)
		return -errno;
	ret = write_list(demo, checker);
	if (ret)
		return ret;
	fflush(stdout);
	checker->pid = fork();
	if (checker->pid == 0) {
		dup2(checker->in, STDIN_FILENO);
		dup2(checker->out, STDOUT_FILENO);
		execlp("xargs", "xargs", "-0", "sha256sum", "-z", "--", NULL);
		_exit(127);
	}
	return checker->pid < 0 ? -errno : 0;
}

struct digest {
	unsigned char	byte[DIGEST_LEN];
	enum { UNKNOWN, KNOWN, AGREES, DIFFERS } state;
};

static int take_hex(struct digest *digest, const char *hex)
{
	for (int i = 0; i < DIGEST_LEN; i++) {
		unsigned int byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return -EPROTO;
		digest->byte[i] = byte;
	}
	digest->state = KNOWN;
	return 0;
}

/* Lines are "DIGEST  PATH" in the order of the list; of what it could not read, none. */
static int read_digests(const struct demo *demo, const struct checker *checker,
			struct digest *digests)
{
	FILE *out = fdopen(dup(checker->out), "r");
	size_t file = checker->first, room = 0;
	char *line = NULL;
	int ret = out ? 0 : -errno;

	if (out)
		rewind(out);
	while (!ret && getdelim(&line, &room, '\0', out) > HEX_LEN + 2) {
		while (file < checker->end &&
		       strcmp(demo->files.v[file].path, line + HEX_LEN + 2))
			file++;
		ret = file < checker->end ? take_hex(&digests[file], line) : -EPROTO;
	}
	free(line);
	if (out)
		fclose(out);
	return ret;
}

static int run_checkers(const struct demo *demo, struct digest *digests)
{
	struct checker checker[NR_CHECKERS] = { 0 };
	int ret = 0, one;

	for (int i = 0; i < NR_CHECKERS && !ret; i++) {
		checker[i].first = demo->files.nr * i / NR_CHECKERS;
		checker[i].end = demo->files.nr * (i + 1) / NR_CHECKERS;
		ret = start_checker(demo, &checker[i]);
	}
	for (int i = 0; i < NR_CHECKERS; i++) {
		if (checker[i].pid <= 0)
			continue;
		while (waitpid(checker[i].pid, NULL, 0) < 0 && errno == EINTR)
			;
		one = read_digests(demo, &checker[i], digests);
		ret = ret ? ret : one;
	}
	return ret;
}

/* Each time a file was worked on has to have given the same. */
static void compare(const struct record *record, struct digest *digest)
{
	if (record->state == RECORD_BLANK || digest->state == DIFFERS)
		return;
	if (digest->state != UNKNOWN &&
	    !memcmp(record->digest, digest->byte, DIGEST_LEN))
		digest->state = AGREES;
	else
		digest->state = DIFFERS;
}

/* Compares what the workers found with sha256sum(1): 0, or a negative errno. */
int verify_digests(const struct demo *demo, struct verdict *verdict)
{
	struct digest *digests = calloc(demo->files.nr + 1, sizeof(*digests));
	size_t nr = board_nr_records(demo->board);
	int ret;

	if (!digests)
		return -ENOMEM;
	ret = run_checkers(demo, digests);
	for (size_t i = 0; i < nr; i++)
		compare(&demo->board->records[i],
			&digests[demo->board->records[i].file]);
	for (size_t i = 0; i < demo->files.nr; i++) {
		verdict->agree += digests[i].state == AGREES;
		verdict->differ += digests[i].state == DIFFERS;
	}
	free(digests);
	return ret;
}
