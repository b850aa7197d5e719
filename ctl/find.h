/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_FIND_H
#define CTL_FIND_H

#include <stddef.h>

/*
 * The object that @name means: a file, or the bare name of a program that came
 * with this tool. 0, or a status after reporting.
 */
int find_program(const char *name, char *path, size_t size);

/* The bare names of the programs that came with this tool. */
void find_programs(void (*fn)(const char *name, void *arg), void *arg);

#endif
