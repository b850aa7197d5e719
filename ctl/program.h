/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_PROGRAM_H
#define CTL_PROGRAM_H

#include <stddef.h>

struct program;

/*
 * A BPF object that holds policies. Those with an int return 0, or a status after
 * reporting. program_open() checks what can be told without the kernel, and
 * leaves something to program_close() in any case.
 */
int program_open(const char *file, struct program **p);
void program_close(struct program *p);
size_t program_count(const struct program *p);
const char *program_name(const struct program *p, size_t i);

/* Through the verifier, registered, and pinned: all of it or nothing. */
int program_load(struct program *p);
void program_undo(struct program *p);

/* Ends a policy that was loaded so. */
int program_unload(const char *name);

#endif
