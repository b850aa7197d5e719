// SPDX-License-Identifier: GPL-2.0-only
/* Why the kernel refused: its sentence, the attribute, and what to do. */
#include "fault.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "attrs.h"
#include "ctl.h"
#include "nl.h"
#include "report.h"

struct fault fault;

void fault_read(struct nl_msg *msg, struct nlattr *first, int length)
{
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1], *bad;
	struct nlmsghdr *request = nlmsg_hdr(msg);
	uint32_t offset;

	if (length <= 0 || nla_parse(tb, NLMSGERR_ATTR_MAX, first, length, NULL))
		return;
	snprintf(fault.text, sizeof(fault.text), "%s",
		 netlink_text(tb[NLMSGERR_ATTR_MSG]));
	offset = netlink_number(tb[NLMSGERR_ATTR_OFFS]);
	if (offset && offset + sizeof(*bad) <= request->nlmsg_len) {
		bad = (struct nlattr *)((char *)request + offset);
		fault.attr = nla_type(bad);
	} else if (tb[NLMSGERR_ATTR_MISS_TYPE]) {
		fault.attr = netlink_number(tb[NLMSGERR_ATTR_MISS_TYPE]);
		fault.missing = true;
	}
}

/* Where the extended part of an error or acknowledgement begins. */
void fault_read_ack(struct nl_msg *request, const struct nlmsgerr *error)
{
	const struct nlmsghdr *hdr = (const struct nlmsghdr *)error - 1;
	size_t used = sizeof(*error);

	if (!(hdr->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(hdr->nlmsg_flags & NLM_F_CAPPED))
		used += error->msg.nlmsg_len - sizeof(error->msg);
	used = NLMSG_ALIGN(used);
	fault_read(request, (struct nlattr *)((char *)error + used),
		   (int)(hdr->nlmsg_len - NLMSG_HDRLEN) - (int)used);
}

/* "sudo modprobe weir" where it is installed. */
static const char *how_to_load(void)
{
	char path[300], line[512];
	struct utsname name;
	bool found = false;
	FILE *file;

	uname(&name);
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", name.release);
	file = fopen(path, "r");
	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, "/weir.ko");
	if (file)
		fclose(file);
	return found ? "sudo modprobe weir" : "sudo insmod weir.ko";
}

static int module_refused(void)
{
	report_about("%s", "");
	if (fault.error == FAULT_OTHER_MODULE)
		return report(STATUS_MODULE, EPROTO, NULL,
			      "the weir module speaks version %u, this weirctl version %u; use the two of one release",
			      fault.version, WEIR_FAMILY_VERSION);
	return report(STATUS_MODULE, ENOENT, NULL,
		      "the weir module is not loaded: %s", how_to_load());
}

/*
 * The module's own sentences, in small letters, say what they are about. Those of
 * netlink's policy checks, which come before it, do not.
 */
static bool is_general(const char *text)
{
	return isupper((unsigned char)*text) || !strncmp(text, "integer ", 8);
}

int netlink_refused_with(const char *remedy)
{
	const char *name = attrs_name(fault.cmd, fault.attr), *text = fault.text;
	char prefix[64] = "";

	if (fault.error >= FAULT_NO_MODULE)
		return module_refused();
	if (fault.error == EOPNOTSUPP && !text[0])
		return report(STATUS_MODULE, fault.error, NULL,
			      "the weir module does not know this command (EOPNOTSUPP); it is older than this weirctl");
	if (!text[0])
		text = fault.missing ? "It is missing" : strerror(fault.error);
	if (name && is_general(text))
		snprintf(prefix, sizeof(prefix), "%s: ", name);
	return report(STATUS_REFUSED, fault.error, name, "kernel: %s%s (%s%s)%s",
		      prefix, text, report_errno(fault.error),
		      attrs_is_read(fault.cmd) ? "" : ", nothing changed", remedy);
}

int netlink_refused(void)
{
	return netlink_refused_with(fault.error == EPERM ? "; try sudo" : "");
}
