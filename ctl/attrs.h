/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_ATTRS_H
#define CTL_ATTRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/weir_netlink.h>
#include <netlink/attr.h>

/* The largest of all sets: room for any answer. */
#define ATTRS_MAX ((int)WEIR_A_CHANNEL_MAX)

enum attrs_set {
	ATTRS_CHANNEL,
	ATTRS_POOL,
	ATTRS_POOL_CLASS,
	ATTRS_POOL_CACHE,
	ATTRS_CLIENT,
	ATTRS_MESSAGE,
	ATTRS_STATS,
	ATTRS_POLICY,
};

/* Words for enum values, in order; NULL where none has that value. */
extern const char *const attrs_overflow[];
extern const char *const attrs_delivery[];
extern const char *const attrs_channel_state[];
extern const char *const attrs_message_state[];
extern const char *const attrs_reason[];
extern const char *const attrs_policy_kind[];
extern const char *const attrs_policy_exit[];

/* "?" for what a later module knows. */
const char *attrs_choice(const char *const *words, uint64_t value);

/* Name of an attribute of a command, as the kernel's texts have it, or NULL. */
const char *attrs_name(uint8_t cmd, unsigned int attr);

/* True for commands that only look. */
bool attrs_is_read(uint8_t cmd);

/*
 * The members of an object's JSON form: every key is always there, null where
 * the kernel sent nothing. Times are in nanoseconds and their keys say so.
 */
void attrs_json(enum attrs_set set, struct nlattr **tb);

#endif
