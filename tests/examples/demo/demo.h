/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DEMO_H
#define DEMO_H

#include <stdint.h>

#include "board.h"
#include "control.h"
#include "files.h"

#define MESSAGE_MAX	(1U << 20)
#define MAX_ATTEMPTS	5

/* What all parts work on. */
struct demo {
	const char	*channel;
	uint64_t	seed;
	struct files	files;
	struct board	*board;
	struct control	control;
	uint64_t	start_ns;
};

#endif
