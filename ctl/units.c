// SPDX-License-Identifier: GPL-2.0-only
/* Sizes, times and counts: read strictly, written for people. */
#include "units.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "T", 1ULL << 40 }, { "G", 1ULL << 30 }, { "M", 1ULL << 20 },
	{ "K", 1ULL << 10 }, { "B", 1 }, { }
};

static const struct unit time_units[] = {
	{ "d", 86400000000000ULL }, { "h", 3600000000000ULL },
	{ "m", 60000000000ULL }, { "s", 1000000000 }, { "ms", 1000000 },
	{ "us", 1000 }, { "ns", 1 }, { }
};

/* The number that @text begins with; @rest is what follows, NULL if none does. */
static uint64_t number(const char *text, char **rest)
{
	unsigned long long value;

	*rest = NULL;
	if (!isdigit((unsigned char)text[0]))
		return 0;
	errno = 0;
	value = strtoull(text, rest, 10);
	if (errno)
		*rest = NULL;
	return value;
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
	for (; units->name; units++)
		if (!strcmp(units->name, name))
			return units;
	return NULL;
}

/* Zero needs no unit; anything else does: nobody should have to guess it. */
static const char *read_with_unit(const char *text, const struct unit *units,
				  const char *const *examples, uint64_t *out)
{
	static char reason[160];
	const struct unit *unit;
	uint64_t value;
	char *rest;

	value = number(text, &rest);
	if (rest && !*rest && value) {
		snprintf(reason, sizeof(reason),
			 "has no unit; write %s%s, %s%s or %s%s", text, examples[0],
			 text, examples[1], text, examples[2]);
		return reason;
	}
	*out = 0;
	if (rest && !*rest)
		return NULL;
	unit = rest ? find_unit(units, rest) : NULL;
	if (!unit) {
		snprintf(reason, sizeof(reason), "is not a %s; write 10%s, 10%s or 10%s",
			 units == size_units ? "size" : "time", examples[0],
			 examples[1], examples[2]);
		return reason;
	}
	if (__builtin_mul_overflow(value, unit->factor, out))
		return "is too large";
	return NULL;
}

const char *units_read_size(const char *text, uint64_t *bytes)
{
	static const char *const examples[] = { "B", "K", "M" };

	return read_with_unit(text, size_units, examples, bytes);
}

const char *units_read_time(const char *text, uint64_t *ns)
{
	static const char *const examples[] = { "us", "ms", "s" };

	return read_with_unit(text, time_units, examples, ns);
}

const char *units_read_count(const char *text, uint64_t max, uint64_t *n)
{
	char *rest;

	*n = number(text, &rest);
	if (!rest && isdigit((unsigned char)text[0]))
		return "is too large";
	if (!rest || *rest)
		return "is not a number";
	return *n > max ? "is too large" : NULL;
}

/* "80%", or "12.5%" with one decimal. */
const char *units_read_percent(const char *text, uint32_t *thousandths)
{
	static char reason[100];
	uint64_t value;
	char *rest;

	value = number(text, &rest);
	*thousandths = 0;
	if (!rest && isdigit((unsigned char)text[0]))
		return "is too large";
	if (rest && !*rest && !value)
		return NULL;
	if (value > UINT32_MAX / 10 - 1)
		return "is too large";
	value *= 10;
	if (rest && rest[0] == '.' && isdigit((unsigned char)rest[1])) {
		value += rest[1] - '0';
		rest += 2;
		if (isdigit((unsigned char)*rest))
			return "is finer than 0.1%";
	}
	if (rest && !*rest) {
		snprintf(reason, sizeof(reason), "has no unit; write %.60s%%", text);
		return reason;
	}
	if (!rest || strcmp(rest, "%"))
		return "is not a percentage; write 50% or 12.5%";
	*thousandths = value;
	return NULL;
}

static const char *exact(char *buf, uint64_t value, const struct unit *unit)
{
	if (!value)
		return strcpy(buf, "0");
	while (value % unit->factor)
		unit++;
	snprintf(buf, UNITS_TEXT, "%llu%s",
		 (unsigned long long)(value / unit->factor), unit->name);
	return buf;
}

const char *units_size_exact(char *buf, uint64_t bytes)
{
	return exact(buf, bytes, size_units);
}

const char *units_time_exact(char *buf, uint64_t ns)
{
	return exact(buf, ns, time_units);
}

const char *units_percent_exact(char *buf, uint32_t thousandths)
{
	if (thousandths % 10)
		snprintf(buf, UNITS_TEXT, "%u.%u%%", thousandths / 10,
			 thousandths % 10);
	else
		snprintf(buf, UNITS_TEXT, "%u%%", thousandths / 10);
	return buf;
}

/* Three figures are enough, and none after the point where it is a whole number. */
static const char *scaled(char *buf, double value, const char *unit)
{
	bool whole = value >= 99.95 || value - (uint64_t)value < 0.05;

	snprintf(buf, UNITS_TEXT, whole ? "%.0f%s" : "%.1f%s", value, unit);
	return buf;
}

static const char *human(char *buf, uint64_t value, const struct unit *unit)
{
	if (!value)
		return strcpy(buf, "0");
	while (value < unit->factor)
		unit++;
	return scaled(buf, (double)value / unit->factor, unit->name);
}

const char *units_size(char *buf, uint64_t bytes)
{
	return human(buf, bytes, size_units);
}

const char *units_time(char *buf, uint64_t ns)
{
	if (ns >= 3600 * 1000000000ULL)
		return units_age(buf, ns);
	return human(buf, ns, time_units);
}

/* Days and hours, hours and minutes, minutes and seconds, or seconds. */
const char *units_age(char *buf, uint64_t ns)
{
	unsigned long long s = ns / 1000000000;

	if (s >= 86400)
		snprintf(buf, UNITS_TEXT, "%llud%02lluh", s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		snprintf(buf, UNITS_TEXT, "%lluh%02llum", s / 3600, s / 60 % 60);
	else if (s >= 60)
		snprintf(buf, UNITS_TEXT, "%llum%02llus", s / 60, s % 60);
	else
		return human(buf, ns, time_units);
	return buf;
}

const char *units_rate(char *buf, double per_second)
{
	static const char *const names[] = { "", "k", "M", "G" };
	size_t i = 0;

	while (per_second >= 999.5 && i < 3) {
		per_second /= 1000;
		i++;
	}
	return scaled(buf, per_second, names[i]);
}
