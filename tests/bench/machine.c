// SPDX-License-Identifier: GPL-2.0-only
#include "machine.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir.h>

#include "bench.h"
#include "process.h"

#define PACE_LOOPS	20000000U
#define CHANNELS	16
#define CLIENTS		100

static uint64_t work(void)
{
	uint64_t begin = now_ns();
	unsigned int i;

	for (i = 0; i < PACE_LOOPS; i++)
		__asm__ volatile("");
	return now_ns() - begin;
}

uint64_t machine_pace(void)
{
	uint64_t slowest = 0;
	pid_t pid[2];
	int i;

	memset(board, 0, sizeof(*board));
	for (i = 0; i < 2; i++) {
		pid[i] = process_fork(i ? CPU_WORKER : CPU_PRODUCER);
		if (pid[i])
			continue;
		atomic_store(&board->received[i].nr, work());
		atomic_fetch_add(&board->ready, 1);
		word_wake(&board->ready, 1);
		for (;;)
			pause();
	}
	while (atomic_load(&board->ready) < 2)
		word_wait(&board->ready, atomic_load(&board->ready), 10000000);
	for (i = 0; i < 2; i++) {
		process_end(pid[i]);
		if (atomic_load(&board->received[i].nr) > slowest)
			slowest = atomic_load(&board->received[i].nr);
	}
	return slowest;
}

/* ---- memory ---- */

static uint64_t available(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	unsigned long long kib = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib * 1024;
}

static uint64_t taken(uint64_t before, unsigned int nr)
{
	uint64_t after = available();

	return after < before ? (before - after) / nr : 0;
}

static void name_of(char name[32], unsigned int i)
{
	snprintf(name, 32, "bench-idle-%u", i);
}

uint64_t machine_idle_channel(void)
{
	uint64_t before = available(), each;
	char name[32];
	unsigned int i;

	for (i = 0; i < CHANNELS; i++) {
		name_of(name, i);
		if (weir_channel_add(name, NULL, NULL, 0))
			return 0;
	}
	each = taken(before, CHANNELS);
	for (i = 0; i < CHANNELS; i++) {
		name_of(name, i);
		weir_channel_del(name, 1, NULL, 0);
	}
	return each;
}

uint64_t machine_idle_client(void)
{
	struct weir *w[CLIENTS] = { NULL };
	uint64_t before, each;
	char name[32];
	unsigned int i;

	name_of(name, 0);
	if (weir_channel_add(name, NULL, NULL, 0))
		return 0;
	before = available();
	for (i = 0; i < CLIENTS; i++)
		if (weir_open(&w[i], name, NULL))
			break;
	each = taken(before, CLIENTS);
	for (i = 0; i < CLIENTS; i++)
		weir_close(w[i]);
	weir_channel_del(name, 1, NULL, 0);
	return each;
}
