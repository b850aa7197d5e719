/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_PIN_H
#define CTL_PIN_H

#include <stddef.h>

/* Where the links of loaded policies are kept. */
#define PIN_FOLDER "/sys/fs/bpf/weir"

/* Makes the folder; 0, or a status after reporting. */
int pin_prepare(void);

/* The pin of a policy's link. */
void pin_path(char *path, size_t size, const char *policy);

/* The policies that are pinned. */
void pin_each(void (*fn)(const char *policy, void *arg), void *arg);

#endif
