/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>

struct demo;
struct outcome;
struct verdict;

bool report_good(const struct demo *demo, const struct outcome *outcome,
		 const struct verdict *verdict);
void report_print(const struct demo *demo, const struct outcome *outcome,
		  const struct verdict *verdict);
int report_json(const struct demo *demo, const struct outcome *outcome,
		const struct verdict *verdict, const char *path);

#endif
