// SPDX-License-Identifier: GPL-2.0-only
#include "board.h"

#include <sys/mman.h>
#include <time.h>

static void *map_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Kept until the process ends. There is room for each file to be done four times. */
struct board *board_create(const struct files *files)
{
	struct board *board = map_shared(sizeof(*board));

	if (!board)
		return NULL;
	board->max_records = 4 * files->nr + 1024;
	board->records = map_shared(board->max_records * sizeof(*board->records));
	board->intake = map_shared(files->nr + 1);
	if (!board->records || !board->intake)
		return NULL;
	for (int i = 0; i < NR_WORKERS; i++)
		board->worker[i].holding = NO_FILE;
	return board;
}

/* A blank record of the caller's own, or NULL when there are no more. */
struct record *board_record(struct board *board)
{
	uint32_t i = board->nr_records++;

	return i < board->max_records ? &board->records[i] : NULL;
}

size_t board_nr_records(const struct board *board)
{
	uint32_t nr = board->nr_records;

	return nr < board->max_records ? nr : board->max_records;
}

size_t board_count(const struct board *board, size_t nr_files, enum intake intake)
{
	size_t count = 0;

	for (size_t i = 0; i < nr_files; i++)
		count += board->intake[i] == intake;
	return count;
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}
