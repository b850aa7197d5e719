/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PRODUCER_H
#define PRODUCER_H

struct demo;

int producer_run(const struct demo *demo, int seat);

#endif
