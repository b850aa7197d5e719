/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BOARD_H
#define BOARD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "files.h"

#define NR_WORKERS	4
#define NR_PRODUCERS	2
#define DIGEST_LEN	32
#define NO_FILE		UINT32_MAX

/* weir_sqe.mtype: what a message holds. A message has at least one byte. */
enum { TYPE_FILE, TYPE_EMPTY_FILE };

/*
 * How far the sending of a file got. A producer that dies between the two middle
 * ones leaves it open whether the kernel has the message: the supervisor finds out
 * once all others are settled.
 */
enum intake { INTAKE_NONE, INTAKE_PUBLISHING, INTAKE_SENT, INTAKE_UNREADABLE };

/* One file hashed once; a worker that dies may leave one for another to do again. */
enum record_state { RECORD_BLANK, RECORD_WRITTEN, RECORD_ANSWERED };
struct record {
	_Atomic uint32_t	state;		/* enum record_state */
	uint32_t		file;
	uint64_t		id;		/* of the message */
	uint64_t		taken_ns;	/* CLOCK_MONOTONIC */
	uint32_t		attempt;
	uint32_t		redelivered;
	unsigned char		digest[DIGEST_LEN];
};

/* A place in the crew; the process in it may change. */
struct seat {
	_Atomic uint32_t	holding;	/* worker: file at work, or NO_FILE */
	_Atomic uint32_t	sent;		/* producer: files sent so far */
	_Atomic int		want_child;	/* worker: fork one and leave it */
	_Atomic pid_t		child;
};

/*
 * Memory all processes of the demo share: what the crew did, so that the supervisor
 * can check the bus's own word against it. None of it is needed to use weir.
 */
struct board {
	_Atomic int		stop;		/* workers: go home */
	_Atomic int		kills_left;	/* producers: slow down before the end */
	uint32_t		poison;		/* this file crashes its worker */
	_Atomic uint64_t	poison_id;	/* of its message */
	struct seat		worker[NR_WORKERS];
	struct seat		producer[NR_PRODUCERS];
	_Atomic uint32_t	nr_records;
	uint32_t		max_records;
	struct record		*records;
	_Atomic uint8_t		*intake;	/* enum intake of each file */
};

struct board *board_create(const struct files *files);
struct record *board_record(struct board *board);
size_t board_nr_records(const struct board *board);
size_t board_count(const struct board *board, size_t nr_files, enum intake intake);
uint64_t now_ns(void);

#endif
