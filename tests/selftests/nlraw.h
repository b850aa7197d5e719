/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A netlink client for tests, on libmnl. It knows no object of the family, only
 * attributes, and it shares nothing with the tool.
 *
 * Each process gets a socket of its own at its first request. Functions
 * return 0 or more, or a negative errno, unless said otherwise.
 */
#ifndef NLRAW_H
#define NLRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/weir_netlink.h>

enum nl_kind {
	NL_END,
	NL_U32,
	NL_U64,
	NL_STR,
	NL_FLAG,
	NL_RAW,		/* @num bytes at @str, whatever the attribute wants */
};

/* One attribute of a request. A list of them ends with kind NL_END. */
struct nl_attr {
	enum nl_kind kind;
	uint16_t type;
	uint64_t num;
	const char *str;
};

#define A_U32(t, v)	{ NL_U32, (t), (v), NULL }
#define A_U64(t, v)	{ NL_U64, (t), (v), NULL }
#define A_STR(t, v)	{ NL_STR, (t), 0, (v) }
#define A_FLAG(t)	{ NL_FLAG, (t), 0, NULL }
#define A_RAW(t, p, n)	{ NL_RAW, (t), (n), (p) }
#define A_END		{ NL_END, 0, 0, NULL }
#define ATTRS(...)	((const struct nl_attr[]){ __VA_ARGS__, A_END })
#define NO_ATTRS	((const struct nl_attr[]){ A_END })

/* One object of an answer: its attributes as they came. */
struct nl_obj {
	int cmd;
	size_t len;
	char data[];
};

struct nl_list {
	size_t nr;
	struct nl_obj **obj;
};

/**
 * struct nl_answer - what came back for a request
 * @text: extack message, or "".
 * @bad_type: attribute that the extack's offset points at, or 0.
 * @miss_type: attribute that it says is missing, or 0.
 * @list: objects. Kept until the next request of this process.
 */
struct nl_answer {
	char text[256];
	uint16_t bad_type;
	uint16_t miss_type;
	struct nl_list list;
};

extern struct nl_answer nl_last;

int nl_do(int cmd, const struct nl_attr *attrs);
int nl_dump(int cmd, const struct nl_attr *attrs);
int nl_raw(int cmd, int flags, const struct nl_attr *attrs);
void nl_end(void);

const struct nl_obj *nl_first(void);
bool nl_has(const struct nl_obj *o, int type);
uint64_t nl_num(const struct nl_obj *o, int type);
const char *nl_str(const struct nl_obj *o, int type);
const void *nl_data(const struct nl_obj *o, int type, size_t *len);
struct nl_obj *nl_nest(const struct nl_obj *o, int type, unsigned int nth);
const struct nl_obj *nl_find(int type, const char *value);

int nl_listen(void);
int nl_event(int ear, unsigned int timeout_ms, struct nl_obj **o);

#endif /* NLRAW_H */
