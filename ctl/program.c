// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policies in BPF: the object is read, checked, loaded, registered and pinned with
 * libbpf. What is wrong with it is told in one line, before the kernel is asked
 * where that is possible; the verifier's log is for -d.
 */
#include "program.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "bpflog.h"
#include "ctl.h"
#include "find.h"
#include "lookup.h"
#include "pin.h"
#include "report.h"

#define OPS "weir_policy_ops"
#define TYPES "/sys/kernel/btf/weir"
#define LOG_SIZE (1 << 20)

struct policy {
	struct bpf_map *map;
	struct bpf_link *link;
	char name[64];
	bool pinned;
};

struct program {
	char path[PATH_MAX];
	struct bpf_object *object;
	struct btf *vmlinux, *module;
	const struct btf_type *known;	/* the module's own OPS */
	struct policy *policy;
	size_t count;
};

/* An errno; libbpf's own numbers are about the object's form. */
static int plain(int error)
{
	error = error < 0 ? -error : error;
	return error >= __LIBBPF_ERRNO__START ? ENOEXEC : error;
}

__attribute__((format(printf, 3, 4)))
static int refuse(const struct program *p, int error, const char *format, ...)
{
	char text[800];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return report(STATUS_REFUSED, plain(error), "file", "%s: %s", p->path, text);
}

/* ---- what the object holds ------------------------------------------------- */

static const char *ops_type(const struct program *p, const struct bpf_map *map)
{
	const struct btf *btf = bpf_object__btf(p->object);
	const struct btf_type *t = btf__type_by_id(btf, bpf_map__btf_value_type_id(map));

	return t ? btf__name_by_offset(btf, t->name_off) : "";
}

/* libbpf takes "NAME___anything" for NAME. */
static bool is_ops(const char *type)
{
	size_t length = strlen(OPS);

	return !strncmp(type, OPS, length) &&
	       (!type[length] || !strncmp(type + length, "___", 3));
}

static const struct btf_member *find_member(const struct btf *btf,
					    const struct btf_type *t, const char *name)
{
	const struct btf_member *m = btf_members(t);

	for (int i = 0; i < btf_vlen(t); i++, m++)
		if (!strcmp(btf__name_by_offset(btf, m->name_off), name))
			return m;
	return NULL;
}

/* The value of a member as the object has it; callbacks are its programs. */
static const void *member_value(const struct bpf_map *map, const struct btf_member *m,
				size_t need)
{
	const char *data;
	size_t size;

	data = bpf_map__initial_value((struct bpf_map *)map, &size);
	return data && m->offset / 8 + need <= size ? data + m->offset / 8 : NULL;
}

/* Where names are as long as their place, the module's own place counts. */
static int read_name(const struct program *p, struct policy *policy)
{
	const struct btf *btf = bpf_object__btf(p->object);
	const struct btf_type *t;
	const struct btf_member *m, *known;
	const char *text;
	size_t room, length;

	t = btf__type_by_id(btf, bpf_map__btf_value_type_id(policy->map));
	m = find_member(btf, t, "name");
	known = find_member(p->module, p->known, "name");
	room = m ? btf__resolve_size(btf, m->type) : 0;
	text = m ? member_value(policy->map, m, room) : NULL;
	length = text ? strnlen(text, room) : 0;
	snprintf(policy->name, sizeof(policy->name), "%.*s", (int)length,
		 length ? text : "");
	if (!length)
		return refuse(p, EINVAL, "policy \"%s\" has no name",
			      bpf_map__name(policy->map));
	room = known ? btf__resolve_size(p->module, known->type) : 0;
	if (length >= room)
		return refuse(p, ENAMETOOLONG,
			      "the policy's name \"%s\" is too long; %zu bytes are the most",
			      policy->name, room - 1);
	if (!lookup_name_valid(policy->name) || strchr(policy->name, '.'))
		return refuse(p, EINVAL,
			      "the policy's name \"%s\" has other characters than a-z A-Z 0-9 _ -",
			      policy->name);
	return 0;
}

static bool is_callback(const struct btf *btf, const struct btf_member *m)
{
	const struct btf_type *t = btf__type_by_id(btf, m->type);

	return btf_is_ptr(t) && btf_is_func_proto(btf__type_by_id(btf, t->type));
}

static bool is_set(const struct program *p, const struct policy *policy,
		   const struct btf_member *m)
{
	const struct btf *btf = bpf_object__btf(p->object);
	size_t size = btf__resolve_size(btf, m->type);
	const char *value = member_value(policy->map, m, size);

	for (size_t i = 0; value && i < size; i++)
		if (value[i])
			return true;
	return false;
}

static int check_callback(const struct program *p, const struct policy *policy,
			  const struct btf_member *m, const char *name)
{
	const struct bpf_program *const *program;

	program = member_value(policy->map, m, sizeof(void *));
	if (strncmp(bpf_program__section_name(*program), "struct_ops.s", 12))
		return 0;
	return refuse(p, EINVAL,
		      "policy \"%s\": callback \"%s\" is sleepable; put it in SEC(\"struct_ops\")",
		      policy->name, name);
}

static int check_members(const struct program *p, const struct policy *policy)
{
	const struct btf *btf = bpf_object__btf(p->object);
	const struct btf_type *t;
	const struct btf_member *m;
	const char *name;
	bool selects = false;
	int status;

	t = btf__type_by_id(btf, bpf_map__btf_value_type_id(policy->map));
	m = btf_members(t);
	for (int i = 0; i < btf_vlen(t); i++, m++) {
		name = btf__name_by_offset(btf, m->name_off);
		if (!is_set(p, policy, m))
			continue;
		if (!find_member(p->module, p->known, name))
			return refuse(p, EINVAL, "policy \"%s\": %s \"%s\" is unknown to the weir module",
				      policy->name,
				      is_callback(btf, m) ? "callback" : "member", name);
		if (!is_callback(btf, m))
			continue;
		status = check_callback(p, policy, m, name);
		if (status)
			return status;
		selects |= !strcmp(name, "select");
	}
	if (!selects)
		return refuse(p, EINVAL, "policy \"%s\": callback \"select\" is missing",
			      policy->name);
	return 0;
}

static int check_policy(const struct program *p, size_t nr)
{
	struct policy *policy = &p->policy[nr];
	int status = read_name(p, policy);

	if (status)
		return status;
	if (!(bpf_map__map_flags(policy->map) & BPF_F_LINK))
		return refuse(p, EINVAL,
			      "policy \"%s\" cannot be linked; put it in SEC(\".struct_ops.link\")",
			      policy->name);
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(p->policy[i].name, policy->name))
			return refuse(p, EEXIST, "it holds policy \"%s\" twice",
				      policy->name);
	return check_members(p, policy);
}

/* ---- reading ------------------------------------------------------------------ */

/* The types of the module that is loaded. */
static int read_module(struct program *p)
{
	int id;

	p->vmlinux = btf__load_vmlinux_btf();
	if (p->vmlinux)
		p->module = btf__parse_split(TYPES, p->vmlinux);
	id = p->module ? btf__find_by_name_kind(p->module, OPS, BTF_KIND_STRUCT) : -ENOENT;
	if (id > 0)
		p->known = btf__type_by_id(p->module, id);
	if (p->known)
		return 0;
	return report(STATUS_REFUSED, EOPNOTSUPP, NULL,
		      "the weir module takes no policies in BPF: %s (EOPNOTSUPP)",
		      p->vmlinux ? "it was built without BTF or for a kernel without BPF" :
				   "the kernel has no BTF");
}

static int read_object(struct program *p)
{
	bpflog_begin();
	p->object = bpf_object__open_file(p->path, NULL);
	if (p->object)
		return 0;
	if (errno == EACCES || errno == EPERM || errno == ENOENT)
		return refuse(p, errno, "%s (%s)", strerror(errno), report_errno(errno));
	return refuse(p, errno, "it is no BPF object (%s); -d says more",
		      report_errno(plain(errno)));
}

static int read_policies(struct program *p)
{
	const char *other = NULL;
	struct bpf_map *map;
	size_t maps = 0;

	bpf_object__for_each_map(map, p->object)
		maps++;
	p->policy = calloc(maps + 1, sizeof(*p->policy));
	if (!p->policy)
		abort();
	bpf_object__for_each_map(map, p->object) {
		if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
			continue;
		if (is_ops(ops_type(p, map)))
			p->policy[p->count++].map = map;
		else
			other = ops_type(p, map);
	}
	if (other)
		return refuse(p, EINVAL, "it holds a %s, which is no policy", other);
	if (!p->count)
		return refuse(p, EINVAL, "it holds no policy: no struct " OPS " in it");
	return 0;
}

int program_open(const char *file, struct program **program)
{
	struct program *p = calloc(1, sizeof(*p));
	int status;

	if (!p)
		abort();
	*program = p;
	status = find_program(file, p->path, sizeof(p->path));
	status = status ?: read_object(p);
	status = status ?: read_policies(p);
	status = status ?: read_module(p);
	for (size_t i = 0; !status && i < p->count; i++)
		status = check_policy(p, i);
	return status;
}

void program_close(struct program *p)
{
	for (size_t i = 0; i < p->count; i++)
		bpf_link__destroy(p->policy[i].link);
	bpf_object__close(p->object);
	btf__free(p->module);
	btf__free(p->vmlinux);
	free(p->policy);
	free(p);
}

size_t program_count(const struct program *p)
{
	return p->count;
}

const char *program_name(const struct program *p, size_t i)
{
	return p->policy[i].name;
}

/* ---- loading ------------------------------------------------------------------ */

/*
 * The last line but the statistics: that is where the verifier gave up. Since 7.3 it
 * is followed by a report of many lines, with a headline of its own.
 */
static void last_reason(char *log, char *reason, size_t size)
{
	static const char report[] = "Verification failed: ";
	char *line, *rest = log;

	reason[0] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		if (!*line || *line == ';' || strstr(line, "processed ") == line ||
		    strstr(line, "verification time") == line ||
		    strstr(line, "stack depth") == line)
			continue;
		if (strstr(line, report) == line) {
			if (!*reason)
				snprintf(reason, size, "%s", line + strlen(report));
			return;
		}
		snprintf(reason, size, "%s", line);
	}
}

/* Which program the verifier refused, and why. */
static int verifier_refused(const struct program *p, int error, char *const *log)
{
	struct bpf_program *program;
	char reason[300];
	size_t i = 0;

	bpf_object__for_each_program(program, p->object) {
		char *text = log[i++];

		if (!text || !*text)
			continue;
		if (ctl.debug)
			fputs(text, stderr);
		last_reason(text, reason, sizeof(reason));
		return refuse(p, error, "the kernel's verifier refuses \"%s\": %s (%s; its log with -d)",
			      bpf_program__name(program), reason,
			      report_errno(plain(error)));
	}
	return refuse(p, error, "the kernel refuses it: %s (%s)",
		      bpflog_text(plain(error)),
		      report_errno(plain(error)));
}

static int load_refused(const struct program *p, int error, char *const *log)
{
	if (error == -EPERM)
		return refuse(p, error, "loading BPF is not permitted (EPERM); try sudo");
	return verifier_refused(p, error, log);
}

/* Each program has a log of its own, which is empty unless it is refused. */
static int load_object(const struct program *p)
{
	struct bpf_program *program;
	size_t programs = 0, i = 0;
	int error, status = 0;
	char **log;

	bpf_object__for_each_program(program, p->object)
		programs++;
	log = calloc(programs + 1, sizeof(*log));
	if (!log)
		abort();
	bpf_object__for_each_program(program, p->object) {
		log[i] = calloc(1, LOG_SIZE);
		if (log[i])
			bpf_program__set_log_buf(program, log[i], LOG_SIZE);
		i++;
	}
	bpflog_begin();
	error = bpf_object__load(p->object);
	if (error)
		status = load_refused(p, error, log);
	while (i--)
		free(log[i]);
	free(log);
	return status;
}

static int attach_refused(const struct program *p, const struct policy *policy,
			  int error)
{
	switch (plain(error)) {
	case EEXIST:
		return refuse(p, error, "a policy \"%s\" exists already (EEXIST); unload it first",
			      policy->name);
	case EOPNOTSUPP:
		return refuse(p, error, "policy \"%s\" has a flag that is unknown to the weir module (EOPNOTSUPP)",
			      policy->name);
	case EPERM:
		return refuse(p, error, "registering a policy is not permitted (EPERM); try sudo");
	default:
		return refuse(p, error, "the weir module refuses policy \"%s\": %s (%s)",
			      policy->name, strerror(plain(error)),
			      report_errno(plain(error)));
	}
}

static int attach(const struct program *p, struct policy *policy)
{
	char path[PATH_MAX];
	int error;

	bpflog_begin();
	policy->link = bpf_map__attach_struct_ops(policy->map);
	if (!policy->link)
		return attach_refused(p, policy, errno);
	pin_path(path, sizeof(path), policy->name);
	error = bpf_link__pin(policy->link, path);
	if (error)
		return refuse(p, error, "policy \"%s\" cannot be pinned at %s: %s (%s)",
			      policy->name, path, strerror(-error), report_errno(error));
	policy->pinned = true;
	return 0;
}

static void detach(struct policy *policy)
{
	if (policy->pinned)
		bpf_link__unpin(policy->link);
	policy->pinned = false;
	if (policy->link)
		bpf_link_detach(bpf_link__fd(policy->link));
}

int program_load(struct program *p)
{
	int status = load_object(p) ?: pin_prepare();

	for (size_t i = 0; !status && i < p->count; i++)
		status = attach(p, &p->policy[i]);
	if (status)
		program_undo(p);
	return status;
}

void program_undo(struct program *p)
{
	for (size_t i = 0; i < p->count; i++)
		detach(&p->policy[i]);
}

int program_unload(const char *name)
{
	char path[PATH_MAX];
	int fd;

	pin_path(path, sizeof(path), name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return report(STATUS_REFUSED, errno, "policy", "%s: %s (%s)%s", path,
			      strerror(errno), report_errno(errno),
			      errno == EPERM || errno == EACCES ? "; try sudo" : "");
	/* At once, whoever else has the link open; some kinds cannot. */
	bpf_link_detach(fd);
	close(fd);
	if (unlink(path))
		return report(STATUS_REFUSED, errno, "policy", "%s: %s (%s)", path,
			      strerror(errno), report_errno(errno));
	return 0;
}
