/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_ARCHIVE_H
#define CTL_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>

/*
 * The file that a channel is saved in: a line of JSON about the channel; for
 * each message a line of JSON, its payload as it is, and a newline; and a line
 * of JSON with the number of messages and bytes, so that a file that was cut off
 * is known. Times are nanoseconds from the moment in "saved_ns".
 */

struct archive_entry {
	uint64_t id, len, prio, key, corr, mtype, encoding, cost;
	uint64_t attempts, deliveries;
	uint64_t due, deadline;	/* 0: it is not delayed, it has none */
	uint32_t reason;	/* enum weir_dead_reason, 0: it lives */
	char *text;		/* the words that belong to it, or NULL */
	long offset;		/* of the payload in the file */
};

struct archive {
	FILE *file;
	const char *path;
	struct json_object *head;
	const char *name, *state;
	struct json_object *settings;	/* of weirctl channel add: name, value */
	uint64_t saved;			/* CLOCK_REALTIME, ns */
	struct archive_entry *entry;	/* in the order of ids */
	size_t count;
};

/* Writers; what goes wrong shows at fclose(). */
void archive_put_head(FILE *file, const char *name, const char *state,
		      struct json_object *settings);
void archive_put_entry(FILE *file, const struct archive_entry *e);
void archive_put_end(FILE *file, uint64_t messages, uint64_t bytes);

/* Reads all but the payloads. 0, or a status after reporting. */
int archive_open(struct archive *a, const char *path);
void archive_close(struct archive *a);

uint64_t archive_clock(void);

#endif
