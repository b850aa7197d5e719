/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_CHANNEL_H
#define CTL_CHANNEL_H

#include <stdint.h>

#include "args.h"

extern const struct object channel_object;

/* channel.c */
int channel_set_state(const char *name, uint32_t state);
/* Says in JSON what was done: {"channel": NAME}, with a count where @key is not NULL. */
void channel_json_done(const char *name, const char *key, uint64_t count);

/* channel_show.c */
int channel_show(struct args *a);

/* drain.c */
int channel_drain(struct args *a);

/* save.c, restore.c */
int channel_save(struct args *a);
int channel_restore(struct args *a);

#endif
