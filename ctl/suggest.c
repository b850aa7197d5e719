// SPDX-License-Identifier: GPL-2.0-only
/* What a mistyped word was meant to be. */
#include "suggest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 63

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Edits from @a to @b: insert, remove, replace, or swap two neighbours. Words
 * too long to be ours are far from everything.
 */
size_t suggest_distance(const char *a, const char *b)
{
	size_t row[3][WORD_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *cur = row[i % 3], *up = row[(i + 2) % 3];
		const size_t *up2 = row[(i + 1) % 3];

		cur[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			cur[j] = least(up[j], cur[j - 1]) + 1;
			cur[j] = least(cur[j], up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				cur[j] = least(cur[j], up2[j - 2] + 1);
		}
	}
	return row[la % 3][lb];
}

void suggest_init(struct suggest *s, const char *word)
{
	memset(s, 0, sizeof(*s));
	s->word = word;
	s->distance = SIZE_MAX;
}

void suggest_offer(struct suggest *s, const char *candidate)
{
	size_t distance = suggest_distance(s->word, candidate);

	if (distance >= s->distance || strlen(candidate) >= sizeof(s->best))
		return;
	s->distance = distance;
	strcpy(s->best, candidate);
}

/* A third of the word may be wrong, one to three letters of it, never all. */
const char *suggest_text(struct suggest *s, char *buf, size_t size)
{
	size_t length = strlen(s->word);
	size_t limit = length < 5 ? 1 : least((length + 1) / 3, 3);

	buf[0] = '\0';
	if (s->distance <= limit && s->distance < length - strspn(s->word, "-"))
		snprintf(buf, size, "; did you mean \"%s\"?", s->best);
	return buf;
}
