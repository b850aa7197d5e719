// SPDX-License-Identifier: GPL-2.0-only
#include "files.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int add(struct files *files, const char *path, uint64_t size)
{
	struct file *file;

	if (files->nr == files->room) {
		size_t room = files->room ? 2 * files->room : 1024;
		struct file *v = reallocarray(files->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		files->v = v;
		files->room = room;
	}
	file = &files->v[files->nr];
	file->path = strdup(path);
	if (!file->path)
		return -ENOMEM;
	file->size = size;
	files->nr++;
	return 0;
}

static int compare(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* A walk that could not read a folder is no list of all files: an error. */
static int visit(struct files *files, const FTSENT *entry, uint64_t max)
{
	uint64_t size;

	switch (entry->fts_info) {
	case FTS_DNR:
	case FTS_NS:
	case FTS_ERR:
		return -entry->fts_errno;
	case FTS_F:
		break;
	default:
		return 0;
	}
	size = entry->fts_statp->st_size;
	if (size > max) {
		files->nr_larger++;
		return 0;
	}
	return add(files, entry->fts_path, size);
}

static void sum_up(struct files *files)
{
	files->bytes = 0;
	files->nr_empty = 0;
	for (size_t i = 0; i < files->nr; i++) {
		files->bytes += files->v[i].size;
		files->nr_empty += !files->v[i].size;
	}
}

/*
 * Lists every regular file below @roots of at most @max bytes. Symbolic links are
 * not followed. Returns 0 or a negative errno.
 */
int files_find(struct files *files, char *const roots[], uint64_t max)
{
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, compare);
	FTSENT *entry;
	int ret = 0;

	if (!fts)
		return -errno;
	while (!ret && (errno = 0, entry = fts_read(fts)))
		ret = visit(files, entry, max);
	if (!ret && errno)
		ret = -errno;
	fts_close(fts);
	sum_up(files);
	return ret;
}

/* Keeps @limit of the files, evenly spread over the list. */
void files_thin(struct files *files, size_t limit)
{
	size_t kept = 0;

	if (!limit || limit >= files->nr)
		return;
	for (size_t i = 0; i < files->nr; i++) {
		if (kept < limit && i == kept * files->nr / limit)
			files->v[kept++] = files->v[i];
		else
			free(files->v[i].path);
	}
	files->nr = kept;
	sum_up(files);
}

void files_free(struct files *files)
{
	for (size_t i = 0; i < files->nr; i++)
		free(files->v[i].path);
	free(files->v);
	*files = (struct files){ 0 };
}
