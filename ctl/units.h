/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_UNITS_H
#define CTL_UNITS_H

#include <stdint.h>

#define UNITS_TEXT 32

/* Readers: 0, or the reason as a phrase to follow the quoted value. */
const char *units_read_size(const char *text, uint64_t *bytes);
const char *units_read_time(const char *text, uint64_t *ns);
const char *units_read_percent(const char *text, uint32_t *thousandths);
const char *units_read_count(const char *text, uint64_t max, uint64_t *n);

/*
 * Writers, into a buffer of UNITS_TEXT bytes which they return. The exact ones
 * are read back as the same value; the others are for the eye.
 */
const char *units_size(char *buf, uint64_t bytes);
const char *units_size_exact(char *buf, uint64_t bytes);
const char *units_time(char *buf, uint64_t ns);
const char *units_time_exact(char *buf, uint64_t ns);
const char *units_percent_exact(char *buf, uint32_t thousandths);
const char *units_age(char *buf, uint64_t ns);
const char *units_rate(char *buf, double per_second);

#endif
