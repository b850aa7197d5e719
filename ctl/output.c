// SPDX-License-Identifier: GPL-2.0-only
/* Tables, and text that is safe on a terminal. */
#include "output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

#define TABLE_ROWS 200
#define CELL_MAX 128

static struct {
	unsigned int columns;
	unsigned int column;
	unsigned int rows;
	bool headed;
	bool left[TABLE_COLUMNS];
	int width[TABLE_COLUMNS];
	const char *heading[TABLE_COLUMNS];
	char *cell[TABLE_ROWS][TABLE_COLUMNS];
} table;

/* Bytes of the character at @s, 0 if it is none or one that controls. */
static size_t safe_length(const unsigned char *s, size_t size)
{
	size_t length = utf8_length(s, size);

	if (length == 1 && (*s < 0x20 || *s == 0x7f))
		return 0;
	/* C1 controls are two bytes in UTF-8. */
	if (length == 2 && s[0] == 0xc2 && s[1] < 0xa0)
		return 0;
	return length;
}

void put_safe(FILE *stream, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t size = strlen(text);

	while (size) {
		size_t length = safe_length(s, size);

		if (length)
			fwrite(s, 1, length, stream);
		else
			fputc('?', stream);
		s += length ? length : 1;
		size -= length ? length : 1;
	}
}

bool text_is_safe(const void *data, size_t size)
{
	const unsigned char *s = data;

	while (size) {
		size_t length = *s == '\n' || *s == '\t' ? 1 : safe_length(s, size);

		if (!length)
			return false;
		s += length;
		size -= length;
	}
	return true;
}

/* Columns on the terminal: characters, not bytes. */
static int text_width(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

static void widen(unsigned int column, const char *text)
{
	int width = text_width(text);

	if (width > table.width[column])
		table.width[column] = width;
}

void table_begin(const char *const *headings)
{
	memset(&table, 0, sizeof(table));
	for (; headings[table.columns]; table.columns++) {
		unsigned int i = table.columns;

		table.left[i] = headings[i][0] == '<';
		table.heading[i] = headings[i] + table.left[i];
		widen(i, table.heading[i]);
	}
}

static void put_cell(unsigned int column, const char *text)
{
	int pad = table.width[column] - text_width(text);

	if (!*text && column + 1 == table.columns)
		return;
	if (column)
		fputs("  ", stdout);
	if (!table.left[column])
		printf("%*s", pad, "");
	put_safe(stdout, text);
	if (table.left[column] && column + 1 < table.columns)
		printf("%*s", pad, "");
}

static void put_rows(void)
{
	if (!table.headed) {
		for (unsigned int i = 0; i < table.columns; i++)
			put_cell(i, table.heading[i]);
		putchar('\n');
		table.headed = true;
	}
	for (unsigned int row = 0; row < table.rows; row++) {
		for (unsigned int i = 0; i < table.columns; i++) {
			put_cell(i, table.cell[row][i]);
			free(table.cell[row][i]);
		}
		putchar('\n');
	}
	table.rows = 0;
}

void table_cell(const char *format, ...)
{
	char text[CELL_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	widen(table.column, text);
	table.cell[table.rows][table.column] = strdup(text);
	if (!table.cell[table.rows][table.column])
		abort();
	table.column++;
}

void table_row_end(void)
{
	table.column = 0;
	if (++table.rows == TABLE_ROWS)
		put_rows();
}

void table_end(void)
{
	put_rows();
}

int output_flush(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	return errno ? errno : EIO;
}
