// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include "nlraw.h"

#define ROOM	65536

struct nl_answer nl_last;

/* Of the process that used it last; a child makes its own. */
static struct mnl_socket *sock;
static pid_t sock_owner;
static unsigned int seq;
static uint16_t family;
static uint32_t group;

static void forget(struct nl_list *l)
{
	size_t i;

	for (i = 0; i < l->nr; i++)
		free(l->obj[i]);
	free(l->obj);
	memset(l, 0, sizeof(*l));
}

static struct nl_obj *obj_new(int cmd, const void *data, size_t len)
{
	struct nl_obj *o = malloc(sizeof(*o) + len);

	if (!o)
		abort();
	o->cmd = cmd;
	o->len = len;
	memcpy(o->data, data, len);
	return o;
}

static void keep(struct nl_list *l, const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *g = mnl_nlmsg_get_payload(nlh);

	l->obj = realloc(l->obj, (l->nr + 1) * sizeof(*l->obj));
	if (!l->obj)
		abort();
	l->obj[l->nr++] = obj_new(g->cmd, g + 1,
				  mnl_nlmsg_get_payload_len(nlh) - sizeof(*g));
}

static int want_extack(struct mnl_socket *nl)
{
	int on = 1;

	return mnl_socket_setsockopt(nl, NETLINK_EXT_ACK, &on, sizeof(on));
}

static int ready(void)
{
	if (sock && sock_owner == getpid())
		return 0;
	/* The parent's is only closed here: it still is the parent's. */
	if (sock)
		mnl_socket_close(sock);
	sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!sock)
		return -errno;
	sock_owner = getpid();
	if (want_extack(sock) || mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	return 0;
}

static void put(struct nlmsghdr *nlh, const struct nl_attr *a)
{
	for (; a && a->kind != NL_END; a++) {
		switch (a->kind) {
		case NL_U32:
			mnl_attr_put_u32(nlh, a->type, a->num);
			break;
		case NL_U64:
			mnl_attr_put_u64(nlh, a->type, a->num);
			break;
		case NL_STR:
			mnl_attr_put_strz(nlh, a->type, a->str);
			break;
		default:
			mnl_attr_put(nlh, a->type, a->num, a->str);
			break;
		}
	}
}

/* Which attribute of the request begins at this offset. */
static uint16_t attr_at(const struct nlmsghdr *request, uint32_t off)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, request, sizeof(struct genlmsghdr)) {
		if ((const char *)attr - (const char *)request == off)
			return mnl_attr_get_type(attr);
	}
	return 0;
}

/* The extack of an error, or of the end of a dump, follows what came back of the request. */
static void extack(const struct nlmsghdr *nlh, const struct nlmsghdr *request)
{
	size_t skip = sizeof(int);
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		skip = sizeof(*err);
		if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
			skip += err->msg.nlmsg_len - sizeof(err->msg);
	}
	mnl_attr_for_each(attr, nlh, skip) {
		switch (mnl_attr_get_type(attr)) {
		case NLMSGERR_ATTR_MSG:
			strncpy(nl_last.text, mnl_attr_get_str(attr),
				sizeof(nl_last.text) - 1);
			break;
		case NLMSGERR_ATTR_OFFS:
			nl_last.bad_type = attr_at(request, mnl_attr_get_u32(attr));
			break;
		case NLMSGERR_ATTR_MISS_TYPE:
			nl_last.miss_type = mnl_attr_get_u32(attr);
			break;
		}
	}
}

/* Reads until the end of the answer. Return: 1 to go on, 0 the end, -errno. */
static int one(const struct nlmsghdr *nlh, const struct nlmsghdr *request)
{
	const int *code = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_seq != request->nlmsg_seq)
		return 1;
	switch (nlh->nlmsg_type) {
	case NLMSG_ERROR:
		extack(nlh, request);
		return *code;
	case NLMSG_DONE:
		extack(nlh, request);
		return mnl_nlmsg_get_payload_len(nlh) >= sizeof(int) ? *code : 0;
	case NLMSG_NOOP:
		return 1;
	}
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		return -EINTR;
	keep(&nl_last.list, nlh);
	return 1;
}

static int talk(const struct nlmsghdr *request)
{
	static char buf[ROOM] __attribute__((aligned(8)));
	const struct nlmsghdr *nlh;
	ssize_t got;
	int ret, left;

	if (mnl_socket_sendto(sock, request, request->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		got = mnl_socket_recvfrom(sock, buf, sizeof(buf));
		if (got < 0)
			return -errno;
		left = got;
		for (nlh = (struct nlmsghdr *)buf; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			ret = one(nlh, request);
			if (ret <= 0)
				return ret;
		}
	}
}

static struct nlmsghdr *start(char *buf, uint16_t type, int flags, int cmd, int version)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *g;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++seq;
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->cmd = cmd;
	g->version = version;
	return nlh;
}

/* The family's number and its group's, asked for once. */
static int resolve(void)
{
	char buf[256] __attribute__((aligned(8)));
	struct nl_obj *groups, *one_group;
	const struct nl_obj *o;
	struct nlmsghdr *nlh;
	unsigned int i;
	int ret;

	if (family)
		return 0;
	nlh = start(buf, GENL_ID_CTRL, NLM_F_ACK, CTRL_CMD_GETFAMILY, 1);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, WEIR_FAMILY_NAME);
	ret = talk(nlh);
	if (ret)
		return ret;
	o = nl_first();
	if (!o)
		return -ENOENT;
	groups = nl_nest(o, CTRL_ATTR_MCAST_GROUPS, 0);
	for (i = 1; groups; i++) {
		one_group = nl_nest(groups, i, 0);
		if (!one_group)
			break;
		if (!strcmp(nl_str(one_group, CTRL_ATTR_MCAST_GRP_NAME),
			    WEIR_MCGRP_EVENTS))
			group = nl_num(one_group, CTRL_ATTR_MCAST_GRP_ID);
		free(one_group);
	}
	free(groups);
	family = nl_num(o, CTRL_ATTR_FAMILY_ID);
	return 0;
}

/**
 * nl_raw - one request, with flags of one's own
 * @cmd: WEIR_CMD_*, or any number
 * @flags: NLM_F_*
 * @attrs: list, or NULL
 *
 * What came back is in nl_last.
 */
int nl_raw(int cmd, int flags, const struct nl_attr *attrs)
{
	static char buf[ROOM] __attribute__((aligned(8)));
	struct nlmsghdr *nlh;
	int ret;

	forget(&nl_last.list);
	memset(&nl_last, 0, sizeof(nl_last));
	ret = ready();
	if (!ret)
		ret = resolve();
	if (ret)
		return ret;
	forget(&nl_last.list);
	nlh = start(buf, family, flags, cmd, WEIR_FAMILY_VERSION);
	put(nlh, attrs);
	return talk(nlh);
}

int nl_do(int cmd, const struct nl_attr *attrs)
{
	return nl_raw(cmd, NLM_F_ACK, attrs);
}

/**
 * nl_dump - all objects that a dump shows; begun anew if it was interrupted
 */
int nl_dump(int cmd, const struct nl_attr *attrs)
{
	int ret, tries = 100;

	do {
		ret = nl_raw(cmd, NLM_F_DUMP, attrs);
	} while (ret == -EINTR && --tries);
	return ret;
}

/**
 * nl_end - close the socket, and with it a dump; the next request opens another
 */
void nl_end(void)
{
	if (sock)
		mnl_socket_close(sock);
	sock = NULL;
	family = 0;
}

const struct nl_obj *nl_first(void)
{
	return nl_last.list.nr ? nl_last.list.obj[0] : NULL;
}

static const struct nlattr *find(const struct nl_obj *o, int type, unsigned int nth)
{
	const struct nlattr *attr;

	if (!o)
		return NULL;
	mnl_attr_for_each_payload((const void *)o->data, o->len) {
		if (mnl_attr_get_type(attr) == type && !nth--)
			return attr;
	}
	return NULL;
}

bool nl_has(const struct nl_obj *o, int type)
{
	return find(o, type, 0);
}

/**
 * nl_num - an attribute that is a number
 *
 * Return: the number; ~0 if it is missing or of another size.
 */
uint64_t nl_num(const struct nl_obj *o, int type)
{
	const struct nlattr *attr = find(o, type, 0);

	switch (attr ? mnl_attr_get_payload_len(attr) : 0) {
	case 2:
		return mnl_attr_get_u16(attr);
	case 4:
		return mnl_attr_get_u32(attr);
	case 8:
		return mnl_attr_get_u64(attr);
	}
	return ~0ULL;
}

const char *nl_str(const struct nl_obj *o, int type)
{
	const struct nlattr *attr = find(o, type, 0);

	return attr ? mnl_attr_get_str(attr) : "";
}

const void *nl_data(const struct nl_obj *o, int type, size_t *len)
{
	const struct nlattr *attr = find(o, type, 0);

	*len = attr ? mnl_attr_get_payload_len(attr) : 0;
	return attr ? mnl_attr_get_payload(attr) : NULL;
}

/**
 * nl_nest - a nested attribute as an object, to be freed
 * @nth: which of several, from 0
 */
struct nl_obj *nl_nest(const struct nl_obj *o, int type, unsigned int nth)
{
	const struct nlattr *attr = find(o, type, nth);

	if (!attr)
		return NULL;
	return obj_new(0, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
}

/**
 * nl_find - the object of the last answer whose attribute has this text
 */
const struct nl_obj *nl_find(int type, const char *value)
{
	size_t i;

	for (i = 0; i < nl_last.list.nr; i++) {
		if (!strcmp(nl_str(nl_last.list.obj[i], type), value))
			return nl_last.list.obj[i];
	}
	return NULL;
}

/**
 * nl_listen - a socket that hears the family's events
 */
int nl_listen(void)
{
	struct mnl_socket *nl;
	int ret, big = 8 << 20;

	ret = nl_dump(WEIR_CMD_CHANNEL_GET, NULL);
	if (ret)
		return ret;
	if (!group)
		return -ENOENT;
	nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!nl)
		return -errno;
	setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVBUFFORCE, &big,
		   sizeof(big));
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) ||
	    mnl_socket_setsockopt(nl, NETLINK_ADD_MEMBERSHIP, &group,
				  sizeof(group)))
		return -errno;
	/* The rest of the socket is not needed, and the process is short. */
	return mnl_socket_get_fd(nl);
}

/**
 * nl_event - the next event
 * @ear: of nl_listen()
 * @timeout_ms: how long to wait for it
 * @o: filled in, to be freed; o->cmd tells which event it is
 */
int nl_event(int ear, unsigned int timeout_ms, struct nl_obj **o)
{
	static char buf[ROOM] __attribute__((aligned(8)));
	struct pollfd p = { .fd = ear, .events = POLLIN };
	const struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	const struct genlmsghdr *g;
	ssize_t got;

	if (poll(&p, 1, timeout_ms) == 0)
		return -ETIME;
	got = recv(ear, buf, sizeof(buf), 0);
	if (got < 0)
		return -errno;
	if (!mnl_nlmsg_ok(nlh, got) || nlh->nlmsg_type != family)
		return -EBADMSG;
	g = mnl_nlmsg_get_payload(nlh);
	*o = obj_new(g->cmd, g + 1, mnl_nlmsg_get_payload_len(nlh) - sizeof(*g));
	return 0;
}
