// SPDX-License-Identifier: GPL-2.0-only
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIB	1024UL
#define NR(a)	(sizeof(a) / sizeof((a)[0]))

static const struct system *const systems[] = {
	&system_weir, &system_pipe, &system_unix, &system_mqueue,
	&system_zeromq, &system_nng, &system_futex, &system_spsc,
	&system_beanstalkd, &system_redis,
};

const char *const scenario_names[] = {
	[THROUGHPUT] = "throughput", [ROUNDTRIP] = "roundtrip",
	[FANOUT] = "fanout", [REDELIVERY] = "redelivery",
};

static const size_t sizes[] = { 64, KIB, 8 * KIB, 64 * KIB, KIB * KIB };

static bool in_list(const char *list, const char *word)
{
	size_t len = strlen(word);
	const char *p = list;

	while (p && (p = strstr(p, word))) {
		if ((p == list || p[-1] == ',') && (!p[len] || p[len] == ','))
			return true;
		p += len;
	}
	return !list;
}

static bool number_in_list(const char *list, unsigned long nr)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu", nr);
	return in_list(list, text);
}

static void shape_of(const struct cell *cell, char *text, size_t size)
{
	snprintf(text, size, "%ux%u", cell->producers, cell->workers);
}

static bool chosen(const struct choice *c, const struct cell *cell)
{
	char shape[32];

	shape_of(cell, shape, sizeof(shape));
	return in_list(c->scenarios, scenario_names[cell->scenario]) &&
	       number_in_list(c->sizes, cell->size) &&
	       number_in_list(c->batches, cell->batch) &&
	       in_list(c->shapes, shape);
}

/* Does the system take part in such cells at all? */
static bool takes_part(const struct system *s, const struct cell *cell)
{
	if (cell->scenario == REDELIVERY)
		return s == &system_weir || s == &system_beanstalkd ||
		       s == &system_redis;
	if (cell->workers > 8)
		return s == &system_weir;
	return cell->blocking ? s->sleeps : s->spins;
}

static void add_cell(struct group *g, const struct system *s,
		     const struct cell *like)
{
	struct cell *cell = malloc(sizeof(*cell));

	if (!cell)
		fail("no memory");
	*cell = *like;
	cell->system = s;
	if (s->cannot)
		cell->left_out = s->cannot(cell);
	g->cell[g->nr++] = cell;
}

static void add_group(struct plan *plan, const struct choice *c,
		      const struct cell *like)
{
	struct group *g;
	size_t i;

	if (!chosen(c, like))
		return;
	plan->group = realloc(plan->group, (plan->nr + 1) * sizeof(*g));
	if (!plan->group)
		fail("no memory");
	g = &plan->group[plan->nr];
	g->nr = 0;
	for (i = 0; i < NR(systems); i++)
		if (in_list(c->systems, systems[i]->name) &&
		    takes_part(systems[i], like))
			add_cell(g, systems[i], like);
	plan->nr += g->nr > 0;
}

/* ---- the scenarios ---- */

static void add_throughput(struct plan *plan, const struct choice *c,
			   unsigned int crowd)
{
	struct cell cell = { .scenario = THROUGHPUT, .blocking = true };
	size_t i, small;

	cell.producers = cell.workers = crowd;
	for (i = 0; i < NR(sizes); i++) {
		cell.size = sizes[i];
		small = cell.size <= KIB;
		for (cell.batch = 1; cell.batch <= 64; cell.batch += 63) {
			if (c->quick && !small && cell.batch == 1)
				continue;
			if (c->quick && crowd > 1 && cell.size > 64)
				continue;
			cell.touched = false;
			add_group(plan, c, &cell);
			if (c->quick && (cell.size == 64 || crowd > 1 ||
					 cell.batch == 1))
				continue;
			cell.touched = true;
			add_group(plan, c, &cell);
		}
	}
}

static void add_spinning(struct plan *plan, const struct choice *c)
{
	struct cell cell = {
		.scenario = THROUGHPUT, .producers = 1, .workers = 1,
	};
	size_t i;

	for (i = 0; i < NR(sizes); i++) {
		cell.size = sizes[i];
		for (cell.batch = 1; cell.batch <= 64; cell.batch += 63)
			if (!c->quick || (cell.size == 64 && cell.batch == 64))
				add_group(plan, c, &cell);
	}
}

static void add_crowds(struct plan *plan, const struct choice *c)
{
	struct cell cell = {
		.scenario = THROUGHPUT, .blocking = true, .size = 64,
		.producers = 1,
	};
	unsigned int workers;

	for (workers = 10; workers <= 100; workers *= 10) {
		cell.workers = workers;
		for (cell.batch = 1; cell.batch <= 64; cell.batch += 63)
			add_group(plan, c, &cell);
	}
}

static void add_roundtrip(struct plan *plan, const struct choice *c)
{
	struct cell cell = {
		.scenario = ROUNDTRIP, .batch = 1, .producers = 1, .workers = 1,
	};
	int spins;

	for (cell.size = 64; cell.size <= KIB; cell.size *= 16)
		for (spins = 0; spins <= 1; spins++) {
			cell.blocking = !spins;
			if (!c->quick || cell.blocking)
				add_group(plan, c, &cell);
		}
}

static void add_fanout(struct plan *plan, const struct choice *c)
{
	struct cell cell = {
		.scenario = FANOUT, .blocking = true, .producers = 1,
		.workers = 8,
	};
	size_t i;

	for (i = 0; i < NR(sizes) - 1; i++) {
		cell.size = sizes[i];
		for (cell.batch = 1; cell.batch <= 64; cell.batch += 63)
			if (!c->quick || (cell.size == 64 && cell.batch == 64))
				add_group(plan, c, &cell);
	}
}

static void add_redelivery(struct plan *plan, const struct choice *c)
{
	struct cell cell = {
		.scenario = REDELIVERY, .blocking = true, .size = 64,
		.batch = 1, .producers = 1, .workers = 2,
	};

	add_group(plan, c, &cell);
	cell.grandchild = true;
	add_group(plan, c, &cell);
}

/* ---- are all words of the choice good for something? ---- */

/* Does a cell have that word in that list? */
typedef bool has_word(const struct cell *cell, const char *word);

static bool has_system(const struct cell *cell, const char *word)
{
	return !strcmp(cell->system->name, word);
}

static bool has_scenario(const struct cell *cell, const char *word)
{
	return !strcmp(scenario_names[cell->scenario], word);
}

static bool has_size(const struct cell *cell, const char *word)
{
	return number_in_list(word, cell->size);
}

static bool has_batch(const struct cell *cell, const char *word)
{
	return number_in_list(word, cell->batch);
}

static bool has_shape(const struct cell *cell, const char *word)
{
	char shape[32];

	shape_of(cell, shape, sizeof(shape));
	return !strcmp(shape, word);
}

static bool any_has(const struct plan *plan, has_word *has, const char *word)
{
	unsigned int i, j;

	for (i = 0; i < plan->nr; i++)
		for (j = 0; j < plan->group[i].nr; j++)
			if (has(plan->group[i].cell[j], word))
				return true;
	return false;
}

static void check_list(const struct plan *plan, const char *option,
		       const char *list, has_word *has)
{
	char *words = strdup(list ?: ""), *save, *word;

	for (word = strtok_r(words, ",", &save); word;
	     word = strtok_r(NULL, ",", &save))
		if (!any_has(plan, has, word)) {
			fprintf(stderr, "bench: no cell has %s \"%s\"\n", option,
				word);
			exit(2);
		}
	free(words);
}

void plan_make(struct plan *plan, const struct choice *c)
{
	*plan = (struct plan) { .nr = 0 };
	add_throughput(plan, c, 1);
	add_throughput(plan, c, 4);
	add_spinning(plan, c);
	add_crowds(plan, c);
	add_roundtrip(plan, c);
	add_fanout(plan, c);
	add_redelivery(plan, c);
	check_list(plan, "--only", c->systems, has_system);
	check_list(plan, "--scenario", c->scenarios, has_scenario);
	check_list(plan, "--size", c->sizes, has_size);
	check_list(plan, "--batch", c->batches, has_batch);
	check_list(plan, "--shape", c->shapes, has_shape);
}
