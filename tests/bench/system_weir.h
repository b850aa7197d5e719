/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_SYSTEM_WEIR_H
#define BENCH_SYSTEM_WEIR_H

#define WEIR_CHANNEL_SIZE	32

/* For channels, beside those that are needed, as weirctl takes them. */
extern const char *weir_attributes;

/* The channel of a run: created in its director, deleted after it. */
void weir_channel_name(char *name, unsigned int channel);

#endif
