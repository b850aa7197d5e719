/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CTL_NL_H
#define CTL_NL_H

#include <stdbool.h>
#include <stdint.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

/* Attributes of the answer, indexed by number; the callback may ask further. */
typedef void (*netlink_fn)(struct nlattr **tb, void *arg);

/*
 * In a callback: every attribute of that number, where an answer has several of
 * them, and @tb only the last.
 */
void netlink_each(int attr, void (*fn)(struct nlattr *attr, void *arg), void *arg);

/* A request under construction. Memory for it does not run out: else abort(). */
struct nl_msg *netlink_request(uint8_t cmd);
void netlink_put_u32(struct nl_msg *msg, int attr, uint32_t value);
void netlink_put_u64(struct nl_msg *msg, int attr, uint64_t value);
void netlink_put_string(struct nl_msg *msg, int attr, const char *value);
void netlink_put_flag(struct nl_msg *msg, int attr);
/* What is put between the two goes inside. */
struct nlattr *netlink_nest(struct nl_msg *msg, int attr);
void netlink_nest_end(struct nl_msg *msg, struct nlattr *nest);

/*
 * Each takes the request over and returns 0 or a negative errno, of which
 * netlink_refused() knows the rest.
 * netlink_dump: all objects as of one moment, however often it takes.
 * netlink_stream: for what may be too many to be held: in the order of a number,
 * @attr, within each hundred thousand or 64 MiB; the callback cannot ask further.
 */
int netlink_call(struct nl_msg *msg, netlink_fn fn, void *arg);
int netlink_dump(struct nl_msg *msg, netlink_fn fn, void *arg);
int netlink_stream(struct nl_msg *msg, int attr, netlink_fn fn, void *arg);

/* Reports the last refusal in the kernel's words; returns the exit status. */
int netlink_refused(void);

/* The same, with what to do about it, which begins with "; ". */
int netlink_refused_with(const char *remedy);

/* STATUS_DONE, or reports that there is no module (that fits). */
int netlink_check_module(void);

/* Events: a descriptor to poll, -errno. */
typedef void (*netlink_event_fn)(uint8_t cmd, struct nlattr **tb, void *arg);
int netlink_events_open(void);
/* Reads what is there. 0; -ENOBUFS some were lost, -errno. */
int netlink_events_read(netlink_event_fn fn, void *arg);

/* Value of an attribute of any integer size, 0 where it is missing. */
uint64_t netlink_number(const struct nlattr *attr);
/* Its text, "" where it is missing. */
const char *netlink_text(const struct nlattr *attr);

#endif
