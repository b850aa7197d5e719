/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words of the benchmark.
 *
 *	cell	what is measured: a system, a scenario, its sizes
 *	run	one repetition of a cell, in processes of its own
 *	link	one process's end of what the system offers
 *
 * A run is made by a director, a child of the main process: it prepares the
 * system, starts producers and workers, measures, and ends; what goes wrong in
 * one run ends that run. All that they tell each other is in struct board.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "hist.h"

#define PRODUCERS_MAX	8
#define WORKERS_MAX	128
#define RUNS_MAX	64

enum scenario { THROUGHPUT, ROUNDTRIP, FANOUT, REDELIVERY };

struct cell {
	const struct system *system;
	enum scenario scenario;
	size_t size;
	unsigned int batch;
	unsigned int producers;
	unsigned int workers;
	bool touched;		/* payload is written and read whole */
	bool blocking;		/* who has nothing to do sleeps */
	bool grandchild;	/* the dead worker's child has its descriptors */

	/* outcome */
	const char *left_out;	/* why there is none */
	unsigned int nr_runs;
	double ns[RUNS_MAX];	/* per message, one of each timed run */
	struct hist hist;	/* of all timed runs */
	uint64_t messages;
	uint64_t cpu_ns;
	double syscalls;	/* per message, of the counting run */
	double wakeups;
	unsigned int period;	/* one message in so many is timed */
	unsigned int before_wait; /* redelivered before wait4() returned, */
	unsigned int nr_waits;	  /* of so many tried */
};

/* A counter with one writer, in a cache line of its own. */
struct count {
	_Alignas(64) _Atomic uint64_t nr;
};

/* Of producers: go on; stop for good; wait until all that was sent has come. */
enum stop { STOP_NOT, STOP_NOW, STOP_PAUSE };

/* Shared by all processes of a run, and zero when it begins. */
struct board {
	/* orders of the director */
	_Alignas(64) _Atomic uint32_t go;
	_Atomic uint32_t stop;		/* STOP_* */
	_Atomic uint32_t mark;		/* 1: stamp the start; 2: that was done */
	uint32_t period;		/* 0: time no message */

	/* told to it */
	_Alignas(64) _Atomic uint32_t ready;
	_Atomic uint32_t nr_paused;
	_Atomic uint32_t nr_done;	/* producers that have sent all */
	_Atomic uint32_t ended;		/* all that was sent has come */
	uint64_t start_ns;
	uint64_t start_nr;		/* messages received by then */
	uint64_t end_ns;
	_Atomic uint64_t when_ns;	/* redelivery: receipt by the next worker */
	struct count sent[PRODUCERS_MAX];
	struct count received[WORKERS_MAX];

	/* outcome of the run */
	bool good;
	uint64_t messages;
	uint64_t cpu_ns;
	uint64_t syscalls;
	uint64_t wakeups;
	unsigned int before_wait;
	unsigned int nr_waits;
	char error[256];
	struct hist hist[WORKERS_MAX];
};

extern struct board *board;

enum role { SENDER, RECEIVER };

struct link {
	const struct cell *cell;
	enum role role;
	unsigned int channel;	/* roundtrip: 0 there, 1 back; else 0 */
	unsigned int index;	/* which producer, or which worker */
	bool hold;		/* a worker that does not acknowledge */
	void *state;

	/* payload.c */
	size_t size;
	bool touched;
	unsigned int countdown;
	struct hist *hist;
	uint64_t sum;
};

/**
 * struct system - one of those that are compared
 * @name: as in the results.
 * @sleeps: has a blocking mode.
 * @spins: has a mode that never sleeps.
 * @cannot: reason why it has no such cell, or NULL; may be missing.
 * @start: in the main process, before each run; may be missing.
 * @prepare: in the director, before the others are forked; may be missing.
 * @open: in a process of the run.
 * @send: send so many messages as one batch.
 * @receive: wait for messages and take at most so many; 0 when it spins and
 *	there was none. Acknowledges what it took, as the system does.
 * @reclaim: redelivery: as @receive, for a message that another worker had; may
 *	be missing.
 * @finish: a producer has sent all: return when it is acknowledged; may be
 *	missing.
 * @server: process id of the server, or 0; may be missing.
 * @clean: in the main process: remove what a run may have left; may be missing.
 *
 * All end the run by fail() when something does not work.
 */
struct system {
	const char *name;
	bool sleeps;
	bool spins;
	const char *(*cannot)(const struct cell *cell);
	void (*start)(void);
	void (*prepare)(const struct cell *cell);
	void (*open)(struct link *l);
	void (*send)(struct link *l, unsigned int nr);
	unsigned int (*receive)(struct link *l, unsigned int max);
	unsigned int (*reclaim)(struct link *l, unsigned int max);
	void (*finish)(struct link *l);
	pid_t (*server)(void);
	void (*clean)(void);
};

extern const struct system system_weir, system_pipe, system_unix,
	system_mqueue, system_zeromq, system_nng, system_futex, system_spsc,
	system_beanstalkd, system_redis;

/* Ends the run (or, in the main process, everything) with a reason. */
__attribute__((format(printf, 1, 2), noreturn))
void fail(const char *format, ...);

/* Messages that a system may hold back, where that can be said. */
unsigned int cell_depth(const struct cell *cell);

/* Separate channels needed: each worker's own copy or partner, or one for all. */
unsigned int cell_lanes(const struct cell *cell);

#endif
