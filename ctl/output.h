/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_OUTPUT_H
#define CTL_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Text that another process chose, without the characters that would move the
 * terminal's cursor or worse.
 */
void put_safe(FILE *stream, const char *text);

/* True if it may be printed as it is: lines of such text. */
bool text_is_safe(const void *data, size_t size);

/*
 * A table whose columns are as wide as what stands in them. Rows are held back
 * until there are some hundred, then the widths only grow. A heading that
 * begins with '<' is aligned left, others right.
 */
#define TABLE_COLUMNS 16

void table_begin(const char *const *headings);
__attribute__((format(printf, 1, 2))) void table_cell(const char *format, ...);
void table_row_end(void);
void table_end(void);

/* 0, or why standard output did not take it all. */
int output_flush(void);

#endif
