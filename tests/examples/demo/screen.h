/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SCREEN_H
#define SCREEN_H

#include <stdint.h>

struct demo;
struct stats;

void screen_open(uint64_t start_ns);
void screen_progress(const struct demo *demo, const struct stats *stats);
void screen_done(void);
void screen_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
