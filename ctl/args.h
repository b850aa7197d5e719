/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_ARGS_H
#define CTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is left of the command line. */
struct args {
	int count;
	char **word;
};

/* A word that a command knows: for reading, for help and for completion. */
struct word {
	const char *name;
	const char *value;		/* what follows it, as help calls it; or NULL */
	const char *const *choices;	/* the words that may follow it, or NULL */
	const char *help;
};

enum {
	CMD_CHANNEL	= 1 << 0,	/* the first argument is a channel */
	CMD_FILES	= 1 << 1,	/* file names may follow */
	CMD_ID		= 1 << 2,	/* then a message, or all */
	CMD_WORDS_MANY	= 1 << 3,	/* too many for one line of help */
	CMD_WORDS_ONE	= 1 << 4,	/* not more than one of them */
	CMD_NEW		= 1 << 5,	/* the channel does not exist yet */
	CMD_PROGRAM	= 1 << 6,	/* the first argument is a BPF object, then channels */
	CMD_POLICY	= 1 << 7,	/* the first argument is a policy that was loaded */
};

struct cmd {
	const char *name;		/* NULL: the object itself is the command */
	int (*run)(struct args *a);
	unsigned int flags;
	const char *args;		/* before the words, as help shows them */
	const struct word *words;	/* ends with a NULL name; or NULL */
	const char *tail;		/* after the words, or NULL */
	const char *help;		/* one line */
};

struct object {
	const char *name;
	const char *help;
	const struct cmd *cmds;		/* the first is the default; NULL run: end */
};

/* All of them; ends with a NULL name. */
extern const struct object *const args_objects[];

/* Those before the object. */
extern const struct word ctl_options[];

char *args_next(struct args *a);	/* NULL: no more */

/*
 * Index of the word among @names (ends with NULL), by a prefix that only one of
 * them has.
 */
enum { FIND_NONE = -1, FIND_MANY = -2 };
int args_find(const char *text, const char *const *names);

/* The names of @words, for args_find(); room for all is WORDS_MAX + 1. */
#define WORDS_MAX 63
void args_names(const struct word *words, const char **names);

/*
 * As args_find(), and reports what was not found. @what is what such a word is:
 * "object".
 */
int args_match(const char *text, const char *const *names, const char *what);

/*
 * The next argument, among @words; reads the value that belongs to it. Returns
 * its index, WORD_END, or WORD_BAD after reporting.
 */
enum { WORD_END = -1, WORD_BAD = -2 };
int args_word(struct args *a, const struct word *words, const char *what,
	      const char **value);

/* 0 or STATUS_USAGE after reporting; @what: such as "CHANNEL". */
int args_need(struct args *a, const char *what, const char **text);
int args_end(struct args *a);
int args_choice(const char *name, const char *text, const char *const *choices,
		uint32_t *value);
int args_count(const char *name, const char *text, uint64_t max, uint64_t *value);
int args_time(const char *name, const char *text, uint64_t *ns);
int args_percent(const char *name, const char *text, uint32_t *thousandths);
int args_size(const char *name, const char *text, uint64_t *bytes);

/* " (weirctl help channel add)", about the command at work */
const char *args_pointer(void);
void args_set_pointer(const char *object, const char *cmd);

#endif
