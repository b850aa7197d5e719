/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * BPF objects with a policy, for tests: opened, loaded, linked one by one. Shares
 * nothing with the tool. Functions return 0 or a negative errno, unless said
 * otherwise.
 */
#ifndef OBJECT_H
#define OBJECT_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bed.h"

/**
 * struct object - one object file
 * @bpf: NULL if it is not open. @ops: its first policy. @link: NULL if none.
 * @log: what the verifier said, if it refused something.
 */
struct object {
	struct bpf_object *bpf;
	struct bpf_map *ops;
	struct bpf_link *link;
	char *log;
};

/* Why there can be no policies here, or NULL. */
const char *object_none(void);

int object_open(struct object *o, const char *name);
int object_load(struct object *o);
int object_link(struct object *o);
void object_unlink(struct object *o);
void object_close(struct object *o);
/* All three. */
int object_begin(struct object *o, const char *name);

int object_map(const struct object *o, const char *map);	/* descriptor */
int object_put(const struct object *o, const char *map, const void *key,
	       const void *value);

/* What the module says of a policy; 0 if it knows none of that name. */
uint64_t policy_num(const char *policy, int attr);
bool policies_none(void);	/* is none loaded? */
bool policy_is(const char *channel, const char *policy);
int policy_set(const char *channel, const char *policy);

#define POLICY(policy, attr)	policy_num((policy), WEIR_A_POLICY_##attr)

#endif /* OBJECT_H */
