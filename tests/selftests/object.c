// SPDX-License-Identifier: GPL-2.0-only
#include "object.h"

#include <stdarg.h>

#define LOG_SIZE	(1 << 20)

/* From build/selftests, where tests run. */
static const char *const folders[] = { "../bpf", "bpf" };

const char *object_none(void)
{
	if (access("/sys/kernel/btf/weir", R_OK))
		return "no /sys/kernel/btf/weir: the module has no types";
	if (access("../bpf/fault.bpf.o", R_OK))
		return "no build/bpf/fault.bpf.o: programs were not built";
	return NULL;
}

static int say_nothing(enum libbpf_print_level level, const char *format, va_list ap)
{
	return level <= LIBBPF_INFO && getenv("WEIR_BPF_LOG") ?
	       vfprintf(stderr, format, ap) : 0;
}

static int find_ops(struct object *o)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, o->bpf) {
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS) {
			o->ops = map;
			return 0;
		}
	}
	return -ENOENT;
}

int object_open(struct object *o, const char *name)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .kernel_log_size = LOG_SIZE);
	char path[128];
	size_t i;

	libbpf_set_print(say_nothing);
	memset(o, 0, sizeof(*o));
	o->log = calloc(1, LOG_SIZE);
	if (!o->log)
		return -ENOMEM;
	opts.kernel_log_buf = o->log;
	for (i = 0; i < 2 && !o->bpf; i++) {
		snprintf(path, sizeof(path), "%s/%s.bpf.o", folders[i], name);
		o->bpf = bpf_object__open_file(path, &opts);
	}
	if (!o->bpf)
		return -errno;
	find_ops(o);
	return 0;
}

int object_load(struct object *o)
{
	return bpf_object__load(o->bpf);
}

int object_link(struct object *o)
{
	o->link = o->ops ? bpf_map__attach_struct_ops(o->ops) : NULL;
	return o->link ? 0 : o->ops ? -errno : -ENOENT;
}

/* At once: the last descriptor's close is followed up by a work. */
void object_unlink(struct object *o)
{
	if (!o->link)
		return;
	bpf_link__detach(o->link);
	bpf_link__destroy(o->link);
	o->link = NULL;
}

void object_close(struct object *o)
{
	object_unlink(o);
	bpf_object__close(o->bpf);
	free(o->log);
	memset(o, 0, sizeof(*o));
}

int object_begin(struct object *o, const char *name)
{
	int ret = object_open(o, name);

	ret = ret ?: object_load(o);
	return ret ?: object_link(o);
}

int object_map(const struct object *o, const char *map)
{
	return bpf_object__find_map_fd_by_name(o->bpf, map);
}

int object_put(const struct object *o, const char *map, const void *key,
	       const void *value)
{
	int fd = object_map(o, map);

	return fd < 0 ? fd : bpf_map_update_elem(fd, key, value, BPF_ANY);
}

uint64_t policy_num(const char *policy, int attr)
{
	if (nl_do(WEIR_CMD_POLICY_GET, ATTRS(A_STR(WEIR_A_POLICY_NAME, policy))))
		return 0;
	return nl_num(nl_first(), attr);
}

bool policy_is(const char *channel, const char *policy)
{
	if (nl_do(WEIR_CMD_CHANNEL_GET, ATTRS(A_STR(WEIR_A_CHANNEL_NAME, channel))))
		return false;
	return !strcmp(nl_str(nl_first(), WEIR_A_CHANNEL_POLICY), policy);
}

int policy_set(const char *channel, const char *policy)
{
	return chan_set(channel, ATTRS(A_STR(WEIR_A_CHANNEL_POLICY, policy)));
}

bool policies_none(void)
{
	size_t i;

	if (nl_dump(WEIR_CMD_POLICY_GET, NULL))
		return false;
	for (i = 0; i < nl_last.list.nr; i++)
		if (nl_num(nl_last.list.obj[i], WEIR_A_POLICY_KIND) ==
		    WEIR_POLICY_KIND_BPF)
			return false;
	return true;
}
