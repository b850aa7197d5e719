// SPDX-License-Identifier: LGPL-2.1 OR MIT
/* Create and delete channels: one generic netlink request and its answer. */
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/weir_netlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "handle.h"

#define OVERFLOW_FLAGS	(WEIR_CHANNEL_OVERFLOW_ERROR | WEIR_CHANNEL_DROP_NEW | \
			 WEIR_CHANNEL_DROP_OLD)
#define CHANNEL_FLAGS	(OVERFLOW_FLAGS | WEIR_CHANNEL_OWNER | \
			 WEIR_CHANNEL_BACKOFF | WEIR_CHANNEL_FANOUT | \
			 WEIR_CHANNEL_COPY | WEIR_CHANNEL_BATCH_AUTO)
/* sizeof(struct weir_channel_opts) in version 0 */
#define CHANNEL_SIZE_0	(offsetof(struct weir_channel_opts, priorities) + 32)
#define BUFFER_SIZE	8192

static_assert(sizeof(struct weir_channel_opts) >= CHANNEL_SIZE_0, "ABI");

/* A request being made, and where to say why it failed. */
struct request {
	char buffer[BUFFER_SIZE];
	struct nlmsghdr *nlh;
	struct mnl_socket *socket;
	uint16_t family;
	char *err;
	size_t errlen;
};

static int fail(const struct request *r, int rc, const char *why)
{
	if (r->err && r->errlen)
		snprintf(r->err, r->errlen, "%s", why);
	return rc;
}

/* ---- answers ---- */

/* The sentence in an error message, or NULL. */
static const char *extack(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t offset = sizeof(*e);
	const struct nlattr *attr;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		offset += mnl_nlmsg_get_payload_len(&e->msg);
	mnl_attr_for_each(attr, nlh, offset)
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		    !mnl_attr_validate(attr, MNL_TYPE_NUL_STRING))
			return mnl_attr_get_str(attr);
	return NULL;
}

static int read_error(const struct request *r, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	const char *why = extack(nlh);
	char text[32];

	if (!e->error)
		return 0;
	if (why)
		return fail(r, e->error, why);
	if (e->error == -EPERM || e->error == -EACCES)
		return fail(r, e->error, "not permitted");
	snprintf(text, sizeof(text), "errno %d", -e->error);
	return fail(r, e->error, text);
}

static void read_family(struct request *r, const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
		    !mnl_attr_validate(attr, MNL_TYPE_U16))
			r->family = mnl_attr_get_u16(attr);
}

/* Sends the request and reads until its acknowledgement. */
static int transact(struct request *r)
{
	uint32_t seq = r->nlh->nlmsg_seq;
	const struct nlmsghdr *nlh;
	ssize_t got;
	int left;

	if (mnl_socket_sendto(r->socket, r->nlh, r->nlh->nlmsg_len) < 0)
		return fail(r, -errno, "cannot send to the kernel");
	for (;;) {
		got = mnl_socket_recvfrom(r->socket, r->buffer, BUFFER_SIZE);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(r, -errno, "no answer from the kernel");
		left = (int)got;
		for (nlh = (const void *)r->buffer; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			if (nlh->nlmsg_seq != seq)
				continue;
			if (nlh->nlmsg_type == NLMSG_ERROR)
				return read_error(r, nlh);
			if (nlh->nlmsg_type == GENL_ID_CTRL)
				read_family(r, nlh);
		}
	}
}

/* ---- requests ---- */

static void start(struct request *r, uint16_t type, uint8_t cmd,
		  uint8_t version)
{
	struct genlmsghdr *genl;

	r->nlh = mnl_nlmsg_put_header(r->buffer);
	r->nlh->nlmsg_type = type;
	r->nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	r->nlh->nlmsg_seq = cmd + 1U;
	genl = mnl_nlmsg_put_extra_header(r->nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = version;
}

static int find_family(struct request *r)
{
	int rc;

	start(r, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	mnl_attr_put_strz(r->nlh, CTRL_ATTR_FAMILY_NAME, WEIR_FAMILY_NAME);
	rc = transact(r);
	if (rc == -ENOENT || (!rc && !r->family))
		return fail(r, -EPROTONOSUPPORT, "the weir module is not loaded");
	return rc;
}

static int request_init(struct request *r, char *err, size_t errlen)
{
	int on = 1;

	memset(r, 0, sizeof(*r));
	r->err = err;
	r->errlen = errlen;
	fail(r, 0, "");
	r->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!r->socket)
		return fail(r, -errno, "cannot open a netlink socket");
	if (mnl_socket_bind(r->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return fail(r, -errno, "cannot bind a netlink socket");
	/* Without them a refusal only lacks its sentence. */
	mnl_socket_setsockopt(r->socket, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(r->socket, NETLINK_CAP_ACK, &on, sizeof(on));
	return find_family(r);
}

static void request_exit(struct request *r)
{
	if (r->socket)
		mnl_socket_close(r->socket);
}

static int start_channel(struct request *r, uint8_t cmd, const char *name)
{
	size_t len = strnlen(name, WEIR_NAME_MAX + 1);

	if (!len || len > WEIR_NAME_MAX)
		return fail(r, -EINVAL, "a channel's name has 1 to 31 characters");
	start(r, r->family, cmd, WEIR_FAMILY_VERSION);
	mnl_attr_put_strz(r->nlh, WEIR_A_CHANNEL_NAME, name);
	return 0;
}

/* ---- attributes ---- */

static void put_u32(struct request *r, uint16_t type, uint32_t value)
{
	if (value)
		mnl_attr_put_u32(r->nlh, type, value);
}

static void put_u64(struct request *r, uint16_t type, uint64_t value)
{
	if (value)
		mnl_attr_put_u64(r->nlh, type, value);
}

static void put_flags(struct request *r, uint32_t flags)
{
	uint32_t overflow = WEIR_OVERFLOW_BLOCK;

	if (flags & WEIR_CHANNEL_OVERFLOW_ERROR)
		overflow = WEIR_OVERFLOW_ERROR;
	if (flags & WEIR_CHANNEL_DROP_NEW)
		overflow = WEIR_OVERFLOW_DROP_NEW;
	if (flags & WEIR_CHANNEL_DROP_OLD)
		overflow = WEIR_OVERFLOW_DROP_OLD;
	put_u32(r, WEIR_A_CHANNEL_OVERFLOW, overflow);
	if (flags & WEIR_CHANNEL_FANOUT)
		put_u32(r, WEIR_A_CHANNEL_DELIVERY, WEIR_DELIVERY_FANOUT);
	if (flags & WEIR_CHANNEL_COPY)
		mnl_attr_put_u32(r->nlh, WEIR_A_CHANNEL_ZEROCOPY, 0);
	if (flags & WEIR_CHANNEL_BATCH_AUTO)
		mnl_attr_put_u32(r->nlh, WEIR_A_CHANNEL_BATCH, 0);
}

static void put_opts(struct request *r, const struct weir_channel_opts *o)
{
	put_u32(r, WEIR_A_CHANNEL_MESSAGES, o->messages);
	put_u32(r, WEIR_A_CHANNEL_MESSAGE_MAX, o->message_max);
	put_u64(r, WEIR_A_CHANNEL_MEMORY_MIN, o->memory_min);
	put_u64(r, WEIR_A_CHANNEL_MEMORY_MAX, o->memory_max);
	put_u32(r, WEIR_A_CHANNEL_INFLIGHT, o->inflight);
	put_u32(r, WEIR_A_CHANNEL_BATCH, o->batch);
	put_u64(r, WEIR_A_CHANNEL_LINGER, o->linger_ns);
	put_u32(r, WEIR_A_CHANNEL_MAX_ATTEMPTS, o->max_attempts);
	put_u32(r, WEIR_A_CHANNEL_PERM, o->perm);
	put_u32(r, WEIR_A_CHANNEL_PRIORITIES, o->priorities);
	put_u32(r, WEIR_A_CHANNEL_SENDER_MAX, o->sender_max);
	put_u64(r, WEIR_A_CHANNEL_TTL, o->ttl_ns);
	put_flags(r, o->flags);
	if (o->flags & WEIR_CHANNEL_OWNER) {
		mnl_attr_put_u32(r->nlh, WEIR_A_CHANNEL_UID, o->uid);
		mnl_attr_put_u32(r->nlh, WEIR_A_CHANNEL_GID, o->gid);
	}
	if (o->flags & WEIR_CHANNEL_BACKOFF) {
		mnl_attr_put_u32(r->nlh, WEIR_A_CHANNEL_BACKOFF_MIN,
				 o->backoff_min_ms);
		mnl_attr_put_u32(r->nlh, WEIR_A_CHANNEL_BACKOFF_MAX,
				 o->backoff_max_ms);
	}
	if (o->policy)
		mnl_attr_put_strz(r->nlh, WEIR_A_CHANNEL_POLICY, o->policy);
}

/* Copies what the caller knows; what it does not know is zero. */
static int get_opts(struct weir_channel_opts *to,
		    const struct weir_channel_opts *from)
{
	const unsigned char *more = (const unsigned char *)from;
	uint32_t i, size;

	memset(to, 0, sizeof(*to));
	if (!from)
		return 0;
	size = from->size ? from->size : (uint32_t)CHANNEL_SIZE_0;
	if (size < CHANNEL_SIZE_0)
		return -EINVAL;
	for (i = sizeof(*to); i < size; i++)
		if (more[i])
			return -E2BIG;
	memcpy(to, from, size < sizeof(*to) ? size : sizeof(*to));
	if (to->flags & ~CHANNEL_FLAGS)
		return -EINVAL;
	/* More than one bit of them. */
	if (to->flags & OVERFLOW_FLAGS & ((to->flags & OVERFLOW_FLAGS) - 1))
		return -EINVAL;
	if (to->flags & WEIR_CHANNEL_BATCH_AUTO && to->batch)
		return -EINVAL;
	for (i = 0; i < sizeof(to->resv) / sizeof(to->resv[0]); i++)
		if (to->resv[i])
			return -EINVAL;
	/* Longer ones would not fit the message. */
	return to->policy && strnlen(to->policy, 64) == 64 ? -EINVAL : 0;
}

int weir_channel_add(const char *name, const struct weir_channel_opts *opts,
		     char *err, size_t errlen)
{
	struct weir_channel_opts o;
	struct request r;
	int rc;

	rc = request_init(&r, err, errlen);
	if (!rc)
		rc = start_channel(&r, WEIR_CMD_CHANNEL_NEW, name);
	if (rc)
		goto out;
	rc = get_opts(&o, opts);
	if (rc) {
		fail(&r, rc, "weir_channel_opts: size, flags, batch, resv or policy is not valid");
		goto out;
	}
	put_opts(&r, &o);
	rc = transact(&r);
out:
	request_exit(&r);
	return rc;
}

int weir_channel_del(const char *name, int force, char *err, size_t errlen)
{
	struct request r;
	int rc;

	rc = request_init(&r, err, errlen);
	if (!rc)
		rc = start_channel(&r, WEIR_CMD_CHANNEL_DEL, name);
	if (!rc) {
		if (force)
			mnl_attr_put(r.nlh, WEIR_A_CHANNEL_FORCE, 0, NULL);
		rc = transact(&r);
	}
	request_exit(&r);
	return rc;
}
