/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A streaming writer to standard output: what is written is never held in
 * memory, however long a dump is. @key is NULL inside an array and at the top.
 * Each value at the top ends its own line.
 */
void json_object_begin(const char *key);
void json_object_end(void);
void json_array_begin(const char *key);
void json_array_end(void);
void json_string(const char *key, const char *value);	/* NULL: null */
void json_number(const char *key, uint64_t value);
void json_fraction(const char *key, double value);
void json_bool(const char *key, bool value);

/* As text where it is UTF-8, else base64 under KEY_base64. */
void json_bytes(const char *key, const void *data, size_t size);

/* Closes whatever is open, so that what follows is a value of its own. */
void json_abandon(void);

/* Bytes of the UTF-8 character at @s, 0 if there is none. */
size_t utf8_length(const unsigned char *s, size_t size);
bool utf8_valid(const void *data, size_t size);

#endif
