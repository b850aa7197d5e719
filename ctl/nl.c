// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink: requests, dumps, events. libnl's own error handling keeps the
 * errno and drops the sentence, so errors are taken apart here.
 */
#include "nl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/genetlink.h>
#include <linux/weir_netlink.h>
#include <netlink/errno.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "attrs.h"
#include "ctl.h"
#include "fault.h"

#define RECEIVE_SIZE (128 * 1024)
#define DUMP_TRIES 20
#define STREAM_MAX 100000
#define STREAM_BYTES (64 << 20)	/* of answers that are held */

static struct {
	struct nl_sock *sock;
	struct nl_sock *events;
	int family;
	int group;
	struct nlmsghdr *answer;	/* which a callback is shown */
} netlink;

/* One exchange. */
struct exchange {
	struct nl_msg *request;
	netlink_fn fn;
	void *arg;
	int order;		/* of a stream: the attribute to sort by, else 0 */
	struct nl_msg **replies;
	size_t count, room, bytes;
	bool done;
	bool interrupted;	/* a dump: something changed meanwhile */
};

static void *need(void *memory)
{
	if (!memory) {
		fputs("weirctl: out of memory\n", stderr);
		abort();
	}
	return memory;
}

/* ---- requests and values ------------------------------------------------ */

static struct nl_msg *request_to(int family, uint8_t cmd)
{
	struct nl_msg *msg = need(nlmsg_alloc());

	need(genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, 0, cmd,
			 family == GENL_ID_CTRL ? 1 : WEIR_FAMILY_VERSION));
	return msg;
}

/* The family's number is filled in when it is sent. */
struct nl_msg *netlink_request(uint8_t cmd)
{
	return request_to(0, cmd);
}

void netlink_put_u32(struct nl_msg *msg, int attr, uint32_t value)
{
	if (nla_put_u32(msg, attr, value))
		abort();
}

void netlink_put_u64(struct nl_msg *msg, int attr, uint64_t value)
{
	if (nla_put_u64(msg, attr, value))
		abort();
}

void netlink_put_string(struct nl_msg *msg, int attr, const char *value)
{
	if (nla_put_string(msg, attr, value))
		abort();
}

void netlink_put_flag(struct nl_msg *msg, int attr)
{
	if (nla_put_flag(msg, attr))
		abort();
}

struct nlattr *netlink_nest(struct nl_msg *msg, int attr)
{
	return need(nla_nest_start(msg, attr | NLA_F_NESTED));
}

void netlink_nest_end(struct nl_msg *msg, struct nlattr *nest)
{
	nla_nest_end(msg, nest);
}

uint64_t netlink_number(const struct nlattr *attr)
{
	uint64_t u64;
	uint32_t u32;

	if (!attr)
		return 0;
	switch (nla_len(attr)) {
	case sizeof(u64):
		memcpy(&u64, nla_data(attr), sizeof(u64));
		return u64;
	case sizeof(u32):
		memcpy(&u32, nla_data(attr), sizeof(u32));
		return u32;
	case sizeof(uint16_t):
		return nla_get_u16(attr);
	case sizeof(uint8_t):
		return nla_get_u8(attr);
	default:
		return 0;
	}
}

const char *netlink_text(const struct nlattr *attr)
{
	if (!attr || !nla_len(attr))
		return "";
	/* Not from our module, if its end is missing. */
	return memchr(nla_data(attr), 0, nla_len(attr)) ? nla_data(attr) : "";
}

/* ---- exchanges ----------------------------------------------------------- */

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *arg)
{
	struct exchange *x = arg;

	(void)from;
	fault.error = -error->error;
	fault_read_ack(x->request, error);
	x->done = true;
	return NL_STOP;
}

/* Also a success can come with a sentence: a warning. */
static int on_ack(struct nl_msg *msg, void *arg)
{
	struct exchange *x = arg;

	fault_read_ack(x->request, nlmsg_data(nlmsg_hdr(msg)));
	if (fault.text[0] && !ctl.json)
		fprintf(stderr, "weirctl: warning: kernel: %s\n", fault.text);
	x->done = true;
	return NL_STOP;
}

/* The end of a dump carries an error too. */
static int on_finish(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *hdr = nlmsg_hdr(msg);
	const int used = NLMSG_ALIGN(sizeof(int));
	struct exchange *x = arg;
	int error = 0;

	x->done = true;
	if (nlmsg_datalen(hdr) >= (int)sizeof(int))
		memcpy(&error, nlmsg_data(hdr), sizeof(error));
	if (error >= 0)
		return NL_STOP;
	fault.error = -error;
	if (hdr->nlmsg_flags & NLM_F_ACK_TLVS)
		fault_read(x->request, (struct nlattr *)((char *)nlmsg_data(hdr) + used),
			    nlmsg_datalen(hdr) - used);
	return NL_STOP;
}

static void show(struct nlmsghdr *hdr, netlink_fn fn, void *arg)
{
	struct nlattr *tb[ATTRS_MAX + 1];

	if (!fn || genlmsg_parse(hdr, 0, tb, ATTRS_MAX, NULL))
		return;
	netlink.answer = hdr;
	fn(tb, arg);
}

void netlink_each(int attr, void (*fn)(struct nlattr *attr, void *arg), void *arg)
{
	struct genlmsghdr *genl = nlmsg_data(netlink.answer);
	int left = genlmsg_attrlen(genl, 0);
	struct nlattr *at;

	for (at = genlmsg_attrdata(genl, 0); nla_ok(at, left); at = nla_next(at, &left))
		if (nla_type(at) == attr)
			fn(at, arg);
}

static void drop_replies(struct exchange *x)
{
	while (x->count)
		nlmsg_free(x->replies[--x->count]);
	x->bytes = 0;
}

static struct nlattr *find(struct nl_msg *msg, int attr)
{
	return nlmsg_find_attr(nlmsg_hdr(msg), GENL_HDRLEN, attr);
}

static int by_order(const void *a, const void *b, void *arg)
{
	const struct exchange *x = arg;
	uint64_t left, right;

	left = netlink_number(find(*(struct nl_msg *const *)a, x->order));
	right = netlink_number(find(*(struct nl_msg *const *)b, x->order));
	return left < right ? -1 : left > right;
}

static void show_replies(struct exchange *x)
{
	if (x->order && x->count)
		qsort_r(x->replies, x->count, sizeof(*x->replies), by_order, x);
	for (size_t i = 0; i < x->count; i++)
		show(nlmsg_hdr(x->replies[i]), x->fn, x->arg);
	drop_replies(x);
}

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct exchange *x = arg;

	if (ctl.debug)
		nl_msg_dump(msg, stderr);
	if (x->order && (x->count == STREAM_MAX || x->bytes > STREAM_BYTES))
		show_replies(x);
	if (x->count == x->room) {
		x->room = x->room ? 2 * x->room : 16;
		x->replies = need(realloc(x->replies,
					  x->room * sizeof(*x->replies)));
	}
	nlmsg_get(msg);
	x->bytes += nlmsg_hdr(msg)->nlmsg_len;
	x->replies[x->count++] = msg;
	return NL_OK;
}

static int on_interrupted(struct nl_msg *msg, void *arg)
{
	struct exchange *x = arg;

	(void)msg;
	x->interrupted = true;
	return NL_OK;
}

static struct nl_cb *callbacks(struct exchange *x)
{
	struct nl_cb *cb = need(nl_cb_alloc(NL_CB_DEFAULT));

	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, x);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, x);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, x);
	nl_cb_set(cb, NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_interrupted, x);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, x);
	return cb;
}

/* 0 or -errno, as in @fault. */
static int exchange_once(struct exchange *x, struct nl_cb *cb)
{
	struct nlmsghdr *hdr = nlmsg_hdr(x->request);
	int error;

	memset(&fault, 0, sizeof(fault));
	fault.cmd = ((struct genlmsghdr *)nlmsg_data(hdr))->cmd;
	x->done = x->interrupted = false;
	hdr->nlmsg_seq = NL_AUTO_SEQ;
	if (ctl.debug)
		nl_msg_dump(x->request, stderr);
	error = nl_send_auto(netlink.sock, x->request);
	while (error >= 0 && !x->done)
		error = nl_recvmsgs(netlink.sock, cb);
	if (error < 0 && !x->done) {
		fault.error = EIO;
		snprintf(fault.text, sizeof(fault.text), "%s", nl_geterror(error));
	}
	return -fault.error;
}

/* The callbacks run when all has arrived, so that they may use the socket. */
static int exchange(struct nl_msg *msg, int order, netlink_fn fn, void *arg)
{
	struct exchange x = { .request = msg, .order = order, .fn = fn, .arg = arg };
	struct nl_cb *cb = callbacks(&x);
	int error, tries = DUMP_TRIES;

	/* If it changes all the time, what came last is as good as any. */
	do {
		drop_replies(&x);
		error = exchange_once(&x, cb);
	} while (!error && x.interrupted && !order && --tries);
	if (!error)
		show_replies(&x);
	drop_replies(&x);
	free(x.replies);
	nl_cb_put(cb);
	nlmsg_free(msg);
	return error;
}

/* ---- the family ---------------------------------------------------------- */

static struct nl_sock *connect_socket(void)
{
	struct nl_sock *sock = need(nl_socket_alloc());
	int fd, on = 1;

	if (genl_connect(sock) < 0) {
		nl_socket_free(sock);
		return NULL;
	}
	nl_socket_set_msg_buf_size(sock, RECEIVE_SIZE);
	fd = nl_socket_get_fd(sock);
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return sock;
}

static void read_group(struct nlattr *groups)
{
	struct nlattr *group, *tb[CTRL_ATTR_MCAST_GRP_MAX + 1];
	int left;

	nla_for_each_nested(group, groups, left) {
		if (nla_parse_nested(tb, CTRL_ATTR_MCAST_GRP_MAX, group, NULL))
			continue;
		if (!strcmp(netlink_text(tb[CTRL_ATTR_MCAST_GRP_NAME]),
			    WEIR_MCGRP_EVENTS))
			netlink.group = netlink_number(tb[CTRL_ATTR_MCAST_GRP_ID]);
	}
}

static void read_family(struct nlattr **tb, void *arg)
{
	unsigned int *version = arg;

	netlink.family = netlink_number(tb[CTRL_ATTR_FAMILY_ID]);
	*version = netlink_number(tb[CTRL_ATTR_VERSION]);
	if (tb[CTRL_ATTR_MCAST_GROUPS])
		read_group(tb[CTRL_ATTR_MCAST_GROUPS]);
}

static int open_family(void)
{
	unsigned int version = 0;
	struct nl_msg *msg;

	if (netlink.family)
		return 0;
	if (!netlink.sock)
		netlink.sock = connect_socket();
	if (netlink.sock) {
		msg = request_to(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
		netlink_put_string(msg, CTRL_ATTR_FAMILY_NAME, WEIR_FAMILY_NAME);
		exchange(msg, 0, read_family, &version);
	}
	memset(&fault, 0, sizeof(fault));
	if (!netlink.family) {
		fault.error = FAULT_NO_MODULE;
	} else if (version != WEIR_FAMILY_VERSION) {
		netlink.family = 0;
		fault.error = FAULT_OTHER_MODULE;
		fault.version = version;
	}
	return -fault.error;
}

int netlink_check_module(void)
{
	return open_family() ? netlink_refused() : STATUS_DONE;
}

static int ask(struct nl_msg *msg, int flags, int order, netlink_fn fn, void *arg)
{
	int error = open_family();

	if (error) {
		nlmsg_free(msg);
		return error;
	}
	nlmsg_hdr(msg)->nlmsg_type = netlink.family;
	nlmsg_hdr(msg)->nlmsg_flags |= flags;
	return exchange(msg, order, fn, arg);
}

int netlink_call(struct nl_msg *msg, netlink_fn fn, void *arg)
{
	return ask(msg, 0, 0, fn, arg);
}

int netlink_dump(struct nl_msg *msg, netlink_fn fn, void *arg)
{
	return ask(msg, NLM_F_DUMP, 0, fn, arg);
}

int netlink_stream(struct nl_msg *msg, int attr, netlink_fn fn, void *arg)
{
	return ask(msg, NLM_F_DUMP, attr, fn, arg);
}

/* ---- events -------------------------------------------------------------- */

int netlink_events_open(void)
{
	int error = open_family();

	if (error)
		return error;
	if (netlink.events)
		nl_socket_free(netlink.events);
	netlink.events = need(connect_socket());
	nl_socket_set_nonblocking(netlink.events);
	error = nl_socket_add_memberships(netlink.events, netlink.group, 0);
	if (netlink.group && error >= 0)
		return nl_socket_get_fd(netlink.events);
	fault.error = EIO;
	snprintf(fault.text, sizeof(fault.text), "events cannot be subscribed to");
	return -EIO;
}

struct listener {
	netlink_event_fn fn;
	void *arg;
};

static int on_event(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[ATTRS_MAX + 1];
	struct nlmsghdr *hdr = nlmsg_hdr(msg);
	struct listener *l = arg;

	if (ctl.debug)
		nl_msg_dump(msg, stderr);
	if (hdr->nlmsg_type == netlink.family &&
	    !genlmsg_parse(hdr, 0, tb, ATTRS_MAX, NULL))
		l->fn(((struct genlmsghdr *)nlmsg_data(hdr))->cmd, tb, l->arg);
	return NL_OK;
}

/* Events answer no request of ours. */
static int any_number(struct nl_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return NL_OK;
}

int netlink_events_read(netlink_event_fn fn, void *arg)
{
	struct nl_cb *cb = need(nl_cb_alloc(NL_CB_DEFAULT));
	struct listener l = { fn, arg };
	int error;

	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_event, &l);
	nl_cb_set(cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, any_number, NULL);
	do {
		error = nl_recvmsgs(netlink.events, cb);
	} while (error >= 0);
	nl_cb_put(cb);
	if (error == -NLE_AGAIN)
		return 0;
	if (error == -NLE_NOMEM)
		return -ENOBUFS;
	memset(&fault, 0, sizeof(fault));
	fault.error = EIO;
	snprintf(fault.text, sizeof(fault.text), "%s", nl_geterror(error));
	return -EIO;
}
