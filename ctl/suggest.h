/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_SUGGEST_H
#define CTL_SUGGEST_H

#include <stddef.h>

size_t suggest_distance(const char *a, const char *b);

/* The best of the candidates offered one after the other. */
struct suggest {
	const char *word;
	char best[64];
	size_t distance;
};

void suggest_init(struct suggest *s, const char *word);
void suggest_offer(struct suggest *s, const char *candidate);

/* "; did you mean \"jobs\"?" or "", valid as long as @s */
const char *suggest_text(struct suggest *s, char *buf, size_t size);

#endif
