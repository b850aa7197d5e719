/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The same kills on others: jobs, workers of which half are killed, and one job that
 * crashes whoever takes it. A broker is one of those that are compared, a hand is a
 * worker's end of it.
 */
#ifndef BENCH_JOBS_H
#define BENCH_JOBS_H

#include <stdint.h>
#include <sys/types.h>

#define TAKE_MAX	8	/* jobs that a worker fetches at once */
#define ATTEMPTS_MAX	5	/* deliveries before a job is given up */
#define RETRY_MS	1000	/* where death is told by a time-out: its length */
#define WAIT_MS		200	/* a worker that finds nothing looks again */

/* What a worker has in hand. */
struct job {
	uint32_t number;
	uint64_t id;		/* the broker's names for it */
	char name[32];
	void *handle;
};

/**
 * struct broker - what is compared
 * @name: as in the results.
 * @start: before all; in the director. @queue_jobs: how many jobs there will be.
 * @send: in the producer: all jobs, numbered from 0.
 * @open: in a worker, which keeps it in a variable of its own.
 * @take: wait for WAIT_MS at most, take up to TAKE_MAX. What was delivered too often
 *	is given up, by the broker or here, as its users do it.
 * @done: acknowledge.
 * @stop: in the director; removes all.
 */
struct broker {
	const char *name;
	void (*start)(uint32_t jobs);
	void (*send)(uint32_t jobs);
	void (*open)(void);
	unsigned int (*take)(struct job *jobs);
	void (*done)(struct job *job);
	void (*stop)(void);
};

extern const struct broker broker_weir, broker_beanstalkd, broker_redis, broker_nats;

#endif
