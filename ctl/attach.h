/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_ATTACH_H
#define CTL_ATTACH_H

#include <stdint.h>

#include "lib/weir.h"

/* Opens a channel. 0, or a status after reporting why not. */
int attach_open(struct weir **w, const char *channel, const struct weir_opts *opts);

/* Reports that a call with @w returned @error, in the library's words. */
int attach_failed(struct weir *w, int error);

/* The library's sentence about @w, or the C library's about @error. */
const char *attach_error(struct weir *w, int error);

/* Milliseconds for the library, not less than @ns. */
int attach_ms(uint64_t ns);

#endif
