// SPDX-License-Identifier: GPL-2.0-only
#include "control.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define BUFFER_SIZE	65536

/* Sees each attribute of one answer. */
typedef void (*take_fn)(const struct nlattr *attr, void *data);
/* An answer begins: @data is for the next object. */
typedef void (*begin_fn)(void *data);

struct answer {
	struct control	*control;
	begin_fn	begin;
	take_fn		take;
	void		*data;
};

static struct nlmsghdr *request(struct control *control, char *buffer, uint16_t type,
				uint8_t command, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++control->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = command;
	genl->version = 1;
	return nlh;
}

static int find_text(const struct nlattr *attr, void *data)
{
	struct control *control = data;

	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
	    !mnl_attr_validate(attr, MNL_TYPE_NUL_STRING))
		snprintf(control->refusal, sizeof(control->refusal), "%s",
			 mnl_attr_get_str(attr));
	return MNL_CB_OK;
}

/* An error carries the request, cut off or whole, and then the kernel's words. */
static int on_error(const struct nlmsghdr *nlh, void *data)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);
	struct answer *answer = data;
	unsigned int offset = sizeof(*err);

	if (!err->error)
		return MNL_CB_STOP;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		offset += mnl_nlmsg_get_payload_len(&err->msg);
	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS)
		mnl_attr_parse(nlh, offset, find_text, answer->control);
	errno = -err->error;
	return MNL_CB_ERROR;
}

static int on_done(const struct nlmsghdr *nlh, void *data)
{
	int error = *(int *)mnl_nlmsg_get_payload(nlh);

	(void)data;
	errno = -error;
	return error < 0 ? MNL_CB_ERROR : MNL_CB_STOP;
}

static int on_object(const struct nlmsghdr *nlh, void *data)
{
	struct answer *answer = data;
	struct nlattr *attr;

	if (answer->begin)
		answer->begin(answer->data);
	if (answer->take)
		mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
			answer->take(attr, answer->data);
	return MNL_CB_OK;
}

/* Sends @nlh and reads all of the answer. Returns 0 or a negative errno. */
static int talk(struct control *control, struct nlmsghdr *nlh, begin_fn begin,
		take_fn take, void *data)
{
	static const mnl_cb_t ends[] = {
		[NLMSG_ERROR] = on_error,
		[NLMSG_DONE] = on_done,
	};
	struct answer answer = { control, begin, take, data };
	unsigned int portid = mnl_socket_get_portid(control->socket);
	char buffer[BUFFER_SIZE];
	ssize_t len;
	int ret;

	control->refusal[0] = '\0';
	if (mnl_socket_sendto(control->socket, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		len = mnl_socket_recvfrom(control->socket, buffer, sizeof(buffer));
		if (len < 0)
			return -errno;
		ret = mnl_cb_run2(buffer, len, nlh->nlmsg_seq, portid, on_object,
				  &answer, ends, MNL_ARRAY_SIZE(ends));
	} while (ret == MNL_CB_OK);
	return ret == MNL_CB_ERROR ? -errno : 0;
}

static uint64_t number(const struct nlattr *attr)
{
	switch (mnl_attr_get_payload_len(attr)) {
	case sizeof(uint32_t):
		return mnl_attr_get_u32(attr);
	case sizeof(uint64_t):
		return mnl_attr_get_u64(attr);
	default:
		return 0;
	}
}

/* ---- the family ------------------------------------------------------------ */

static void take_family(const struct nlattr *attr, void *data)
{
	struct control *control = data;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
		control->family = mnl_attr_get_u16(attr);
}

static int find_family(struct control *control)
{
	char buffer[BUFFER_SIZE];
	struct nlmsghdr *nlh = request(control, buffer, GENL_ID_CTRL,
				       CTRL_CMD_GETFAMILY, NLM_F_ACK);

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, WEIR_FAMILY_NAME);
	return talk(control, nlh, NULL, take_family, control);
}

/* -ENOENT: the module is not loaded. */
int control_open(struct control *control)
{
	int one = 1, ret;

	*control = (struct control){ 0 };
	control->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!control->socket)
		return -errno;
	if (mnl_socket_bind(control->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = -errno;
		goto close;
	}
	mnl_socket_setsockopt(control->socket, NETLINK_EXT_ACK, &one, sizeof(one));
	ret = find_family(control);
	if (ret)
		goto close;
	return 0;

close:
	control_close(control);
	return ret;
}

void control_close(struct control *control)
{
	if (control->socket)
		mnl_socket_close(control->socket);
	control->socket = NULL;
}

/* ---- channels -------------------------------------------------------------- */

/* Throws the dead messages away. */
int control_channel_purge(struct control *control, const char *channel)
{
	char buffer[BUFFER_SIZE];
	struct nlmsghdr *nlh = request(control, buffer, control->family,
				       WEIR_CMD_CHANNEL_PURGE, NLM_F_ACK);

	mnl_attr_put_strz(nlh, WEIR_A_CHANNEL_NAME, channel);
	mnl_attr_put_u32(nlh, WEIR_A_CHANNEL_PURGE, WEIR_MESSAGE_STATE_DEAD);
	return talk(control, nlh, NULL, NULL, NULL);
}

/* ---- statistics ------------------------------------------------------------ */

static void take_buckets(const struct nlattr *attr, struct hist *hist)
{
	size_t nr = mnl_attr_get_payload_len(attr) / sizeof(hist->bucket[0]);

	hist->nr = nr < HIST_BUCKETS ? nr : HIST_BUCKETS;
	memcpy(hist->bucket, mnl_attr_get_payload(attr),
	       hist->nr * sizeof(hist->bucket[0]));
}

static void take_hist(const struct nlattr *nest, struct hist *hist)
{
	struct nlattr *attr;

	*hist = (struct hist){ 0 };
	mnl_attr_for_each_nested(attr, nest) {
		switch (mnl_attr_get_type(attr)) {
		case WEIR_A_HIST_COUNT:
			hist->count = number(attr);
			break;
		case WEIR_A_HIST_SUM:
			hist->sum = number(attr);
			break;
		case WEIR_A_HIST_HIGHEST:
			hist->max = number(attr);
			break;
		case WEIR_A_HIST_BUCKETS:
			take_buckets(attr, hist);
			break;
		}
	}
}

static void take_stats(const struct nlattr *attr, void *data)
{
	unsigned int type = mnl_attr_get_type(attr);
	struct stats *stats = data;

	if (type == WEIR_A_STATS_HIST_TOTAL)
		take_hist(attr, &stats->total);
	else if (type == WEIR_A_STATS_HIST_REDELIVERY)
		take_hist(attr, &stats->redelivery);
	else if (type <= WEIR_A_STATS_MAX)
		stats->value[type] = number(attr);
}

int control_stats(struct control *control, const char *channel, struct stats *stats)
{
	char buffer[BUFFER_SIZE];
	struct nlmsghdr *nlh = request(control, buffer, control->family,
				       WEIR_CMD_STATS_GET, NLM_F_ACK);

	*stats = (struct stats){ 0 };
	mnl_attr_put_strz(nlh, WEIR_A_STATS_CHANNEL, channel);
	return talk(control, nlh, NULL, take_stats, stats);
}

/* ---- messages -------------------------------------------------------------- */

static struct nlmsghdr *message_dump(struct control *control, char *buffer,
				     const char *channel, uint32_t state)
{
	struct nlmsghdr *nlh = request(control, buffer, control->family,
				       WEIR_CMD_MESSAGE_GET, NLM_F_DUMP);

	mnl_attr_put_strz(nlh, WEIR_A_MESSAGE_CHANNEL, channel);
	mnl_attr_put_u32(nlh, WEIR_A_MESSAGE_STATE, state);
	return nlh;
}

struct holder {
	uint32_t	pid;
	int		held;
};

static void take_holder(const struct nlattr *attr, void *data)
{
	struct holder *holder = data;

	if (mnl_attr_get_type(attr) == WEIR_A_MESSAGE_HOLDER_PID)
		holder->held += number(attr) == holder->pid;
}

/* How many messages process @pid holds, or a negative errno. */
int control_held_by(struct control *control, const char *channel, uint32_t pid)
{
	struct holder holder = { .pid = pid };
	char buffer[BUFFER_SIZE];
	int ret = talk(control, message_dump(control, buffer, channel,
					     WEIR_MESSAGE_STATE_INFLIGHT),
		       NULL, take_holder, &holder);

	return ret ? ret : holder.held;
}

struct dead_list {
	struct dead_message	*v;
	int			nr, max;
};

static void begin_dead(void *data)
{
	struct dead_list *list = data;

	if (list->nr++ < list->max)
		list->v[list->nr - 1] = (struct dead_message){ 0 };
}

static void take_dead(const struct nlattr *attr, void *data)
{
	struct dead_list *list = data;
	struct dead_message *dead = &list->v[list->nr - 1];

	if (list->nr > list->max)
		return;
	switch (mnl_attr_get_type(attr)) {
	case WEIR_A_MESSAGE_ID:
		dead->id = number(attr);
		break;
	case WEIR_A_MESSAGE_REASON:
		dead->reason = number(attr);
		break;
	case WEIR_A_MESSAGE_ATTEMPT:
		dead->attempt = number(attr);
		break;
	}
}

/* The first @max dead messages; returns how many there are, or a negative errno. */
int control_dead(struct control *control, const char *channel,
		 struct dead_message *dead, int max)
{
	struct dead_list list = { .v = dead, .max = max };
	char buffer[BUFFER_SIZE];
	int ret = talk(control, message_dump(control, buffer, channel,
					     WEIR_MESSAGE_STATE_DEAD),
		       begin_dead, take_dead, &list);

	return ret ? ret : list.nr;
}
