// SPDX-License-Identifier: GPL-2.0-only
/* channel drain: no new messages, and wait until the last one is done. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include <linux/weir_netlink.h>

#include "channel.h"
#include "ctl.h"
#include "lookup.h"
#include "nl.h"
#include "progress.h"
#include "report.h"

#define REDRAW_MS 100

struct drain {
	const char *name;
	uint64_t left;		/* ready, delayed and inflight */
	uint64_t first;
	uint64_t state;
	bool deleted;
	bool look;		/* an event says that something changed */
};

static void read_channel(struct nlattr **tb, void *arg)
{
	struct drain *d = arg;

	d->left = netlink_number(tb[WEIR_A_CHANNEL_READY]) +
		  netlink_number(tb[WEIR_A_CHANNEL_DELAYED]) +
		  netlink_number(tb[WEIR_A_CHANNEL_INFLIGHT_NOW]);
	d->state = netlink_number(tb[WEIR_A_CHANNEL_STATE]);
}

static int look(struct drain *d)
{
	struct nl_msg *msg = netlink_request(WEIR_CMD_CHANNEL_GET);

	netlink_put_string(msg, WEIR_A_CHANNEL_NAME, d->name);
	return netlink_call(msg, read_channel, d);
}

static void on_event(uint8_t cmd, struct nlattr **tb, void *arg)
{
	struct drain *d = arg;

	if (cmd != WEIR_CMD_CHANNEL_EMPTY_NTF && cmd != WEIR_CMD_CHANNEL_SET_NTF &&
	    cmd != WEIR_CMD_CHANNEL_DEL_NTF)
		return;
	if (strcmp(netlink_text(tb[WEIR_A_CHANNEL_NAME]), d->name))
		return;
	d->look = true;
	if (cmd == WEIR_CMD_CHANNEL_DEL_NTF)
		d->deleted = true;
}

/* Sleeps until something concerns the channel; looks at times if somebody watches. */
static int wait_event(struct drain *d, int fd)
{
	struct pollfd pfd = { fd, POLLIN, 0 };
	int error;

	d->look = progress_wanted();
	do {
		if (poll(&pfd, 1, progress_wanted() ? REDRAW_MS : -1) < 0)
			return -errno;
		error = netlink_events_read(on_event, d);
		/* Among those lost may have been ours. */
		if (error == -ENOBUFS)
			d->look = true;
		else if (error)
			return error;
	} while (!d->look);
	return 0;
}

static int wait_empty(struct drain *d, int fd)
{
	int error = look(d);

	d->first = d->left;
	while (!error) {
		if (d->deleted)
			break;
		if (d->state != WEIR_CHANNEL_STATE_DRAINING)
			return report(STATUS_REFUSED, ECANCELED, NULL,
				      "somebody made it run again (ECANCELED)");
		if (!d->left)
			return STATUS_DONE;
		progress_show(d->name, d->left < d->first ? d->first - d->left : 0,
			      d->first);
		error = wait_event(d, fd);
		if (!error && !d->deleted)
			error = look(d);
	}
	if (d->deleted || error == -ENODEV)
		return report(STATUS_REFUSED, ESHUTDOWN, NULL,
			      "somebody deleted it (ESHUTDOWN)");
	return netlink_refused();
}

int channel_drain(struct args *a)
{
	struct drain d = { NULL };
	int status, fd;

	status = args_need(a, "NAME", &d.name);
	if (!status)
		status = args_end(a);
	if (status)
		return status;
	/* Subscribed first, so that no event is missed. */
	fd = netlink_events_open();
	if (fd < 0)
		return netlink_refused();
	status = channel_set_state(d.name, WEIR_CHANNEL_STATE_DRAINING);
	if (!status)
		status = wait_empty(&d, fd);
	progress_clear();
	if (!status)
		channel_json_done(d.name, NULL, 0);
	return status;
}
