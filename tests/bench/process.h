/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes: started on a processor, made to wait, ended. */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#define CPU_PRODUCER	0
#define CPU_WORKER	1
#define CPU_ANY		(-1)

void process_pin(int cpu);

/* fork(); the child dies with its parent. 0 in the child. */
pid_t process_fork(int cpu);

/* Kills and waits. */
void process_end(pid_t pid);

/* Runs a program, its output thrown away; its exit status. */
int process_run(char *const argv[]);

/* Starts a program as a server. */
pid_t process_server(char *const argv[]);

/* Sleeps while *@word is @value, at most @ns (0: for ever). */
void word_wait(_Atomic uint32_t *word, uint32_t value, uint64_t ns);
void word_wake(_Atomic uint32_t *word, int nr);

#endif
