// SPDX-License-Identifier: GPL-2.0-only
/* JSON as a stream. Names and payloads come from anybody: it stays valid. */
#include "json.h"

#include <stdio.h>
#include <string.h>

#include "ctl.h"

#define DEPTH_MAX 15

static struct {
	unsigned int depth;
	bool pending;		/* an array at the top, not yet written */
	char close[DEPTH_MAX + 1];
	bool filled[DEPTH_MAX + 1];
} json;

static void newline(void)
{
	if (!ctl.pretty)
		return;
	putchar('\n');
	for (unsigned int i = 0; i < json.depth; i++)
		fputs("  ", stdout);
}

size_t utf8_length(const unsigned char *s, size_t size)
{
	size_t length;

	if (!size)
		return 0;
	if (s[0] < 0x80)
		return 1;
	length = s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 :
		 s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
	if (!length || length > size)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Longer than needed, surrogates, beyond the last character. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return length;
}

bool utf8_valid(const void *data, size_t size)
{
	const unsigned char *s = data;

	while (size) {
		size_t length = utf8_length(s, size);

		if (!length)
			return false;
		s += length;
		size -= length;
	}
	return true;
}

static void put_escaped(unsigned char c)
{
	static const char plain[] = "\"\\\n\r\t", coded[] = "\"\\nrt";
	const char *at = c ? strchr(plain, c) : NULL;

	if (at)
		printf("\\%c", coded[at - plain]);
	else if (c < 0x20 || c == 0x7f)
		printf("\\u%04x", c);
	else
		putchar(c);
}

/* What is no UTF-8 becomes U+FFFD, a byte at a time. */
static void put_quoted(const char *text, size_t size)
{
	const unsigned char *s = (const unsigned char *)text;

	putchar('"');
	while (size) {
		size_t length = utf8_length(s, size);

		if (length == 1)
			put_escaped(*s);
		else if (length)
			fwrite(s, 1, length, stdout);
		else
			fputs("\\ufffd", stdout);
		s += length ? length : 1;
		size -= length ? length : 1;
	}
	putchar('"');
}

static void write_pending(void);

static void begin_value(const char *key)
{
	write_pending();
	if (json.filled[json.depth])
		putchar(',');
	if (json.depth) {
		newline();
		json.filled[json.depth] = true;
	}
	if (key) {
		put_quoted(key, strlen(key));
		fputs(ctl.pretty ? ": " : ":", stdout);
	}
}

static void end_value(void)
{
	if (!json.depth)
		putchar('\n');
}

static void open_level(const char *key, char begin, char end)
{
	begin_value(key);
	putchar(begin);
	if (json.depth < DEPTH_MAX)
		json.depth++;
	json.close[json.depth] = end;
	json.filled[json.depth] = false;
}

static void write_pending(void)
{
	if (!json.pending)
		return;
	json.pending = false;
	open_level(NULL, '[', ']');
}

static void close_level(void)
{
	bool filled;
	char end;

	write_pending();
	end = json.close[json.depth];
	filled = json.filled[json.depth];
	json.depth--;
	if (filled)
		newline();
	putchar(end);
	end_value();
}

void json_object_begin(const char *key)
{
	open_level(key, '{', '}');
}

void json_object_end(void)
{
	close_level();
}

/* One at the top waits for what comes: it may be a refusal instead. */
void json_array_begin(const char *key)
{
	if (!json.depth)
		json.pending = true;
	else
		open_level(key, '[', ']');
}

void json_array_end(void)
{
	close_level();
}

void json_abandon(void)
{
	json.pending = false;
	while (json.depth)
		close_level();
}

void json_string(const char *key, const char *value)
{
	begin_value(key);
	if (value)
		put_quoted(value, strlen(value));
	else
		fputs("null", stdout);
	end_value();
}

void json_number(const char *key, uint64_t value)
{
	begin_value(key);
	printf("%llu", (unsigned long long)value);
	end_value();
}

void json_fraction(const char *key, double value)
{
	begin_value(key);
	printf("%.6g", value);
	end_value();
}

void json_bool(const char *key, bool value)
{
	begin_value(key);
	fputs(value ? "true" : "false", stdout);
	end_value();
}

static void put_base64(const unsigned char *s, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	putchar('"');
	for (; size; s += 3, size -= size < 3 ? size : 3) {
		unsigned int v = s[0] << 16 | (size > 1 ? s[1] << 8 : 0) |
				 (size > 2 ? s[2] : 0);

		putchar(digits[v >> 18]);
		putchar(digits[v >> 12 & 63]);
		putchar(size > 1 ? digits[v >> 6 & 63] : '=');
		putchar(size > 2 ? digits[v & 63] : '=');
	}
	putchar('"');
}

void json_bytes(const char *key, const void *data, size_t size)
{
	char name[64];

	if (utf8_valid(data, size)) {
		begin_value(key);
		put_quoted(data, size);
	} else {
		snprintf(name, sizeof(name), "%s_base64", key);
		begin_value(name);
		put_base64(data, size);
	}
	end_value();
}
