// SPDX-License-Identifier: GPL-2.0-only
/* Becoming a client of a channel, and what can go wrong. */
#include "attach.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "lookup.h"
#include "nl.h"
#include "report.h"

/*
 * Message memory goes away under us when the channel is deleted by force, or
 * when we are kicked.
 */
static void on_sigbus(int signal)
{
	static const char text[] =
		"weirctl: message memory was withdrawn: the channel was deleted, or this client kicked\n";

	(void)signal;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(STATUS_REFUSED);
	_exit(STATUS_REFUSED);
}

static int report_denied(const char *channel)
{
	char path[64];
	const struct passwd *pw;
	const struct group *gr;
	struct stat st;

	snprintf(path, sizeof(path), "/dev/weir/%s", channel);
	if (stat(path, &st))
		return report(STATUS_REFUSED, EACCES, NULL, "permission denied (EACCES)");
	pw = getpwuid(st.st_uid);
	gr = getgrgid(st.st_gid);
	return report(STATUS_REFUSED, EACCES, NULL,
		      "permission denied (EACCES): %s is %s:%s:%04o", path,
		      pw ? pw->pw_name : "?", gr ? gr->gr_name : "?",
		      st.st_mode & 0777);
}

int attach_open(struct weir **w, const char *channel, const struct weir_opts *opts)
{
	int error = -ENOENT, status;

	*w = NULL;
	signal(SIGBUS, on_sigbus);
	if (lookup_name_valid(channel))
		error = weir_open(w, channel, opts);
	if (!error)
		return 0;
	if (error == -ENOENT) {
		status = netlink_check_module();
		return status ? status : lookup_unknown(channel);
	}
	if (error == -EACCES)
		return report_denied(channel);
	return report(STATUS_REFUSED, -error, NULL, "%s (%s)", strerror(-error),
		      report_errno(error));
}

const char *attach_error(struct weir *w, int error)
{
	const char *text = w ? weir_error(w) : "";

	return *text ? text : strerror(-error);
}

int attach_failed(struct weir *w, int error)
{
	return report(STATUS_REFUSED, -error, NULL, "%s (%s)",
		      attach_error(w, error), report_errno(error));
}

int attach_ms(uint64_t ns)
{
	uint64_t ms = ns / 1000000 + !!(ns % 1000000);

	return ms > INT_MAX ? INT_MAX : ms;
}
