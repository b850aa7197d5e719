// SPDX-License-Identifier: GPL-2.0-only
/*
 * scheduler: the CPU scheduler in BPF that runs workers with messages first. Its
 * link is pinned, and so are its maps, which stay when it is turned off.
 */
#include "scheduler.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <weir/scheduler.h>

#include "bpflog.h"
#include "ctl.h"
#include "find.h"
#include "json.h"
#include "nl.h"
#include "output.h"
#include "pin.h"
#include "report.h"
#include "units.h"

#define PROGRAM "scx_weir"
#define OPS "weir"

#define FOLDER PIN_FOLDER "/scheduler"
#define PIN_LINK FOLDER "/link"
#define PIN_COUNTERS FOLDER "/counters"
#define PIN_EXIT FOLDER "/last_exit"

#define SYSFS "/sys/kernel/sched_ext/"

enum state {
	STATE_OFF,
	STATE_ON,
	STATE_ENDED,	/* by the kernel: it was not turned off */
	STATE_OTHER,	/* another scheduler is on */
};

static const char *const state_names[] = {
	[STATE_OFF] = "off",
	[STATE_ON] = "on",
	[STATE_ENDED] = "ended",
	[STATE_OTHER] = "other",
};

/* ---- what there is ----------------------------------------------------------- */

/* The first line of a file, "" if it cannot be read. */
static const char *read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");

	line[0] = '\0';
	if (!file)
		return line;
	if (!fgets(line, size, file))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	fclose(file);
	return line;
}

/* Also for who may not look. */
static bool is_pinned(void)
{
	return !access(PIN_LINK, F_OK) || errno == EACCES;
}

static enum state find_state(char *other, size_t size)
{
	char line[64];

	other[0] = '\0';
	if (strcmp(read_line(SYSFS "state", line, sizeof(line)), "enabled"))
		return is_pinned() ? STATE_ENDED : STATE_OFF;
	read_line(SYSFS "root/ops", other, size);
	return !strcmp(other, OPS) && is_pinned() ? STATE_ON : STATE_OTHER;
}

/* 0, or a status after reporting. */
static int check_kernel(void)
{
	struct utsname name;

	if (!access(SYSFS "state", F_OK))
		return 0;
	uname(&name);
	return report(STATUS_REFUSED, EOPNOTSUPP, NULL,
		      "kernel %s has no sched_ext: it takes one built with CONFIG_SCHED_CLASS_EXT (Linux 6.12 or newer)",
		      name.release);
}

static int refused(int error, const char *what)
{
	return report(STATUS_REFUSED, error, NULL, "%s: %s (%s)%s", what,
		      strerror(error), report_errno(error),
		      error == EPERM || error == EACCES ? "; try sudo" : "");
}

/* ---- on ---------------------------------------------------------------------- */

static int load_refused(const char *path, int error)
{
	if (error == EPERM || error == EACCES)
		return refused(error, "loading BPF");
	return report(STATUS_REFUSED, error, NULL, "%s: the kernel refuses it: %s (%s; more with -d)",
		      path, bpflog_text(error), report_errno(error));
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

static int pin_map(struct bpf_object *object, const char *path)
{
	struct bpf_map *map;
	int error;

	map = bpf_object__find_map_by_name(object, strrchr(path, '/') + 1);
	unlink(path);
	error = map ? bpf_map__pin(map, path) : -ENOENT;
	return error ? refused(-error, path) : 0;
}

static int prepare_pins(struct bpf_object *object)
{
	int status = pin_prepare();

	if (status)
		return status;
	if (mkdir(FOLDER, 0755) && errno != EEXIST)
		return refused(errno, FOLDER);
	unlink(PIN_LINK);	/* of one that the kernel has ended */
	return pin_map(object, PIN_COUNTERS) ?: pin_map(object, PIN_EXIT);
}

static int attach_refused(int error)
{
	if (error == EBUSY)
		return report(STATUS_REFUSED, error, NULL,
			      "another CPU scheduler is on, or on its way (EBUSY)");
	return refused(error, "the kernel does not take the scheduler");
}

static int attach(struct bpf_object *object)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, OPS);
	struct bpf_link *link = map ? bpf_map__attach_struct_ops(map) : NULL;
	int error, status = 0;

	if (!link)
		return attach_refused(map ? errno : ENOENT);
	error = bpf_link__pin(link, PIN_LINK);
	if (error) {
		bpf_link_detach(bpf_link__fd(link));
		status = refused(-error, PIN_LINK);
	}
	bpf_link__destroy(link);
	return status;
}

static void json_state(enum state state)
{
	if (!ctl.json)
		return;
	json_object_begin(NULL);
	json_string("state", state_names[state]);
	json_object_end();
}

static int turn_on(void)
{
	struct bpf_object *object = NULL;
	int status;

	status = load(&object);
	status = status ?: prepare_pins(object);
	status = status ?: attach(object);
	bpf_object__close(object);
	if (!status)
		json_state(STATE_ON);
	return status;
}

static int scheduler_on(struct args *a)
{
	char other[64];
	int status;

	if (args_end(a))
		return STATUS_USAGE;
	status = check_kernel() ?: netlink_check_module();
	if (status)
		return status;
	switch (find_state(other, sizeof(other))) {
	case STATE_ON:
		json_state(STATE_ON);
		return STATUS_DONE;
	case STATE_OTHER:
		return report(STATUS_REFUSED, EBUSY, NULL,
			      "another CPU scheduler is on: \"%s\" (EBUSY); end it first",
			      other);
	default:
		return turn_on();
	}
}

/* ---- off --------------------------------------------------------------------- */

static int turn_off(void)
{
	int fd = bpf_obj_get(PIN_LINK);

	if (fd < 0)
		return refused(errno, PIN_LINK);
	/* At once, whoever else has the link open. */
	bpf_link_detach(fd);
	close(fd);
	if (unlink(PIN_LINK))
		return refused(errno, PIN_LINK);
	json_state(STATE_OFF);
	return STATUS_DONE;
}

static int scheduler_off(struct args *a)
{
	char other[64];

	if (args_end(a))
		return STATUS_USAGE;
	if (check_kernel())
		return STATUS_REFUSED;
	switch (find_state(other, sizeof(other))) {
	case STATE_OFF:
		json_state(STATE_OFF);
		return STATUS_DONE;
	case STATE_OTHER:
		return report(STATUS_REFUSED, EBUSY, NULL,
			      "the CPU scheduler that is on, \"%s\", was not turned on by weirctl",
			      other);
	default:
		return turn_off();
	}
}

/* ---- show -------------------------------------------------------------------- */

struct shown {
	enum state state;
	char other[64];
	bool counted;
	struct weir_scheduler_counters sum;
	struct weir_scheduler_exit last;	/* time_ns 0: none */
};

static bool read_map(const char *path, void *value)
{
	const __u32 zero = 0;
	int fd = bpf_obj_get(path);
	bool done = fd >= 0 && !bpf_map_lookup_elem(fd, &zero, value);

	if (fd >= 0)
		close(fd);
	return done;
}

static void read_counters(struct shown *s)
{
	struct weir_scheduler_counters *of;
	int cpus = libbpf_num_possible_cpus();

	of = calloc(cpus > 0 ? cpus : 1, sizeof(*of));
	if (!of)
		abort();
	s->counted = read_map(PIN_COUNTERS, of);
	for (int i = 0; s->counted && i < cpus; i++) {
#define X(field, help) s->sum.field += of[i].field;
		WEIR_SCHEDULER_COUNTERS(X)
#undef X
	}
	free(of);
}

static uint64_t age(const struct weir_scheduler_exit *last)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec - last->time_ns;
}

static void put_json(const struct shown *s)
{
	json_object_begin(NULL);
	json_string("state", state_names[s->state]);
	json_string("other", s->state == STATE_OTHER ? s->other : NULL);
	if (s->counted) {
#define X(field, help) json_number(#field, s->sum.field);
		WEIR_SCHEDULER_COUNTERS(X)
#undef X
	}
	if (s->last.time_ns) {
		json_object_begin("last_exit");
		json_number("age_ns", age(&s->last));
		json_number("kind", s->last.kind);
		json_string("reason", s->last.reason);
		json_string("message", s->last.message);
		json_object_end();
	}
	json_object_end();
}

static void put_counters(const struct weir_scheduler_counters *c)
{
	char work[UNITS_TEXT], others[UNITS_TEXT];

	printf("  given a CPU    %llu with messages, %llu others (%llu had waited long enough); %llu found one idle\n",
	       c->prioritised, c->others, c->forced, c->idle);
	printf("  preempted      %llu\n", c->preempted);
	printf("  CPU time       %s with messages, %s others\n",
	       units_time(work, c->work_ns), units_time(others, c->others_ns));
}

static void put_text(const struct shown *s)
{
	char text[UNITS_TEXT];

	printf("scheduler %s", state_names[s->state]);
	if (s->state == STATE_OTHER) {
		fputs(": ", stdout);
		put_safe(stdout, s->other);
	}
	putchar('\n');
	if (s->counted)
		put_counters(&s->sum);
	if (!s->last.time_ns)
		return;
	printf("  last exit      %s ago: %s", units_age(text, age(&s->last)),
	       s->last.reason);
	if (s->last.message[0])
		printf(": %s", s->last.message);
	putchar('\n');
}

static int scheduler_show(struct args *a)
{
	struct shown s = { };

	if (args_end(a))
		return STATUS_USAGE;
	if (check_kernel())
		return STATUS_REFUSED;
	bpflog_begin();
	s.state = find_state(s.other, sizeof(s.other));
	read_counters(&s);
	read_map(PIN_EXIT, &s.last);
	if (ctl.json) {
		json_array_begin(NULL);
		put_json(&s);
		json_array_end();
	} else {
		put_text(&s);
	}
	return STATUS_DONE;
}

static const struct cmd cmds[] = {
	{ "show", scheduler_show, 0, "", NULL, NULL,
	  "whether it is on, and what it did" },
	{ "on", scheduler_on, 0, "", NULL, NULL,
	  "workers with messages run before others" },
	{ "off", scheduler_off, 0, "", NULL, NULL,
	  "the kernel's own scheduler goes on" },
	{ }
};

const struct object scheduler_object = { "scheduler", "the CPU scheduler", cmds };
