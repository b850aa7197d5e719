/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WORKER_H
#define WORKER_H

struct demo;

int worker_run(const struct demo *demo, int seat, int lifeline);

#endif
