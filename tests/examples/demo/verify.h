/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VERIFY_H
#define VERIFY_H

#include <stddef.h>

struct demo;
struct outcome;

/* What the results are worth. */
struct verdict {
	size_t	unreadable;	/* changed or gone before they could be sent */
	size_t	done;		/* files worked on to the end at least once */
	size_t	again;		/* of these, once more after a death */
	size_t	lost;		/* sent, and neither done nor dead */
	size_t	duplicated;	/* sent or answered more than once */
	size_t	agree;		/* digests equal to those of sha256sum */
	size_t	differ;
};

void verify_ledger(const struct demo *demo, const struct outcome *outcome,
		   struct verdict *verdict);
int verify_digests(const struct demo *demo, struct verdict *verdict);

#endif
