/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FILES_H
#define FILES_H

#include <stddef.h>
#include <stdint.h>

struct file {
	char		*path;
	uint64_t	size;
};

/* What there is to send, in the order of the paths. */
struct files {
	struct file	*v;
	size_t		nr;
	size_t		room;
	size_t		nr_empty;	/* of nr, those of 0 bytes */
	size_t		nr_larger;	/* left out: larger than a message may be */
	uint64_t	bytes;
};

int files_find(struct files *files, char *const roots[], uint64_t max);
void files_thin(struct files *files, size_t limit);
void files_free(struct files *files);

#endif
