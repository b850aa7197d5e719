/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_OBSERVE_H
#define CTL_OBSERVE_H

#include <stdbool.h>

#include "args.h"
#include "pin.h"

extern const struct object observe_object;

/* What is pinned, by the names that bpftool gives it as well. */
#define OBSERVE_PIN(name) PIN_FOLDER "/" name

/* Are both programs attached, by whomever? */
bool observe_is_on(void);

/* Prints what the maps hold; an exit status. */
int observe_print(void);

/* Reports that something was refused; @error is an errno. */
int observe_refused(int error, const char *what);

#endif
