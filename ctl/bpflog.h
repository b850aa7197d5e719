/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_BPFLOG_H
#define CTL_BPFLOG_H

/* Listens to libbpf, and forgets what it said. All of it goes to standard error with -d. */
void bpflog_begin(void);

/* The first warning since then, for failures that only it can explain; else the errno's words. */
const char *bpflog_text(int error);

#endif
