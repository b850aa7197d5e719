/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_BATCH_H
#define CTL_BATCH_H

/* Runs the commands in a file, one a line, until one does not succeed. */
int batch_run(const char *path);

#endif
