// SPDX-License-Identifier: GPL-2.0-only
/*
 * observe: the BPF programs that keep the figures of all channels in maps. They
 * are pinned, programs' links and maps, by the same names that "bpftool prog
 * loadall ... autoattach pinmaps" gives them: either tool may end what the other
 * has begun.
 */
#include "observe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/weir_netlink.h>

#include "bpflog.h"
#include "ctl.h"
#include "find.h"
#include "json.h"
#include "nl.h"
#include "report.h"

#define PROGRAM "observe"

static const char *const links[] = {
	OBSERVE_PIN("observe_channel"), OBSERVE_PIN("observe_client"),
};

static const char *const maps[] = {
	OBSERVE_PIN("channels"), OBSERVE_PIN("processors"), OBSERVE_PIN("latency"),
	OBSERVE_PIN("clients"),
};

/* Those that only bpftool pins. */
static const char *const others[] = {
	OBSERVE_PIN("scratch"), OBSERVE_PIN("observe_rodata"),
};

#define LINKS (sizeof(links) / sizeof(links[0]))
#define MAPS (sizeof(maps) / sizeof(maps[0]))
#define OTHERS (sizeof(others) / sizeof(others[0]))

int observe_refused(int error, const char *what)
{
	return report(STATUS_REFUSED, error, NULL, "%s: %s (%s)%s", what,
		      strerror(error), report_errno(error),
		      error == EPERM || error == EACCES ? "; try sudo" : "");
}

/* Also for who may not look. */
static bool is_there(const char *path)
{
	return !access(path, F_OK) || errno == EACCES;
}

bool observe_is_on(void)
{
	for (size_t i = 0; i < LINKS; i++)
		if (!is_there(links[i]))
			return false;
	return true;
}

static void json_state(bool on)
{
	if (!ctl.json)
		return;
	json_object_begin(NULL);
	json_string("state", on ? "on" : "off");
	json_object_end();
}

/* ---- off --------------------------------------------------------------------- */

static uint32_t link_id(int fd)
{
	struct bpf_link_info info = { .id = 0 };
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.id;
}

/* The kernel lets go of a pin some time after it was removed: five seconds at most. */
static void wait_for_end(uint32_t id)
{
	int fd;

	for (int tries = 0; id && tries < 500; tries++) {
		fd = bpf_link_get_fd_by_id(id);
		if (fd < 0)
			return;
		close(fd);
		usleep(10000);
	}
}

static int remove_pin(const char *path)
{
	return unlink(path) && errno != ENOENT ? observe_refused(errno, path) : 0;
}

static int end_link(const char *path)
{
	int fd = bpf_obj_get(path), status;
	uint32_t id;

	if (fd < 0)
		return errno == ENOENT ? 0 : observe_refused(errno, path);
	id = link_id(fd);
	status = remove_pin(path);
	close(fd);
	if (!status)
		wait_for_end(id);
	return status;
}

/* All that there is of it. */
static int end_all(void)
{
	int status = 0;

	for (size_t i = 0; i < LINKS && !status; i++)
		status = end_link(links[i]);
	for (size_t i = 0; i < MAPS && !status; i++)
		status = remove_pin(maps[i]);
	for (size_t i = 0; i < OTHERS && !status; i++)
		status = remove_pin(others[i]);
	if (!status)
		rmdir(PIN_FOLDER);	/* unless others have pins there */
	return status;
}

static int observe_off(struct args *a)
{
	int status;

	if (args_end(a))
		return STATUS_USAGE;
	status = end_all();
	if (!status)
		json_state(false);
	return status;
}

/* ---- on ---------------------------------------------------------------------- */

static int load_refused(const char *path, int error)
{
	if (error == EPERM || error == EACCES)
		return observe_refused(error, "loading BPF");
	return report(STATUS_REFUSED, error, NULL,
		      "%s: the kernel refuses it: %s (%s; more with -d)", path,
		      bpflog_text(error), report_errno(error));
}

static int load(struct bpf_object **object)
{
	char path[PATH_MAX];
	int error, status = find_program(PROGRAM, path, sizeof(path));

	if (status)
		return status;
	bpflog_begin();
	*object = bpf_object__open_file(path, NULL);
	if (!*object)
		return report(STATUS_REFUSED, errno, NULL, "%s: %s (%s)", path,
			      bpflog_text(errno), report_errno(errno));
	error = bpf_object__load(*object);
	return error ? load_refused(path, -error) : 0;
}

static int pin_maps(const struct bpf_object *object)
{
	struct bpf_map *map;
	int error;

	for (size_t i = 0; i < MAPS; i++) {
		map = bpf_object__find_map_by_name(object, strrchr(maps[i], '/') + 1);
		error = map ? bpf_map__pin(map, maps[i]) : -ENOENT;
		if (error)
			return observe_refused(-error, maps[i]);
	}
	return 0;
}

/* The pin keeps it when this process has gone. */
static int attach(const struct bpf_object *object, const char *path)
{
	struct bpf_program *program;
	struct bpf_link *link;
	int error;

	program = bpf_object__find_program_by_name(object, strrchr(path, '/') + 1);
	link = program ? bpf_program__attach(program) : NULL;
	if (!link)
		return observe_refused(program ? errno : ENOENT, "attaching BPF");
	error = bpf_link__pin(link, path);
	bpf_link__destroy(link);
	return error ? observe_refused(-error, path) : 0;
}

static void ignore(struct nlattr **tb, void *arg)
{
	(void)tb;
	(void)arg;
}

/* Whoever asks for statistics has the module show all figures to observers. */
static int fill_maps(void)
{
	return netlink_dump(netlink_request(WEIR_CMD_STATS_GET), ignore, NULL) ?
	       netlink_refused() : 0;
}

static int turn_on(void)
{
	struct bpf_object *object = NULL;
	int status;

	status = load(&object) ?: pin_prepare() ?: end_all() ?: pin_prepare();
	status = status ?: pin_maps(object);
	for (size_t i = 0; i < LINKS && !status; i++)
		status = attach(object, links[i]);
	status = status ?: fill_maps();
	bpf_object__close(object);
	return status;
}

static int observe_on(struct args *a)
{
	int status;

	if (args_end(a))
		return STATUS_USAGE;
	status = netlink_check_module();
	if (!status && !observe_is_on()) {
		status = turn_on();
		if (status && geteuid() == 0)
			end_all();
	}
	if (!status)
		json_state(true);
	return status;
}

/* ---- show -------------------------------------------------------------------- */

static int observe_show(struct args *a)
{
	if (args_end(a))
		return STATUS_USAGE;
	if (observe_is_on())
		return observe_print();
	if (ctl.json)
		json_state(false);
	else
		puts("observation is off; weirctl observe on");
	return STATUS_DONE;
}

static const struct cmd cmds[] = {
	{ "show", observe_show, 0, "", NULL, NULL, "what the BPF programs have seen" },
	{ "on", observe_on, 0, "", NULL, NULL, "keep figures in BPF maps, for bpftool" },
	{ "off", observe_off, 0, "", NULL, NULL, "they end, and their maps go" },
	{ }
};

const struct object observe_object = { "observe", "observation", cmds };
