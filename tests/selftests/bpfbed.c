// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpfbed.h"

/* What the verifier, or libbpf, said last. */
char bpf_log[BPF_LOG_ROOM];

static int gather(enum libbpf_print_level level, const char *format, va_list args)
{
	size_t used = strlen(bpf_log);

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(bpf_log + used, sizeof(bpf_log) - used, format, args);
	return 0;
}

/**
 * bpf_bed_open - an object of the folder bpf, beside this program or its folder
 * @name: without .bpf.o
 *
 * Return: the object, or NULL with errno.
 */
struct bpf_object *bpf_bed_open(const char *name)
{
	char path[PATH_MAX], *slash;
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 100);

	if (len < 0)
		return NULL;
	path[len] = '\0';
	slash = strrchr(path, '/');
	snprintf(slash, 100, "/bpf/%s.bpf.o", name);
	if (access(path, R_OK))
		snprintf(slash, 100, "/../bpf/%s.bpf.o", name);
	bpf_log[0] = '\0';
	libbpf_set_print(gather);
	return bpf_object__open(path);
}

static bool is_among(const char *const *programs, const char *name)
{
	for (; *programs; programs++)
		if (!strcmp(*programs, name))
			return true;
	return false;
}

/* Only these are loaded. Return: how many of them there are. */
int bpf_bed_only(struct bpf_object *o, const char *const *programs)
{
	struct bpf_program *p;
	int n = 0;

	bpf_object__for_each_program(p, o) {
		bool on = is_among(programs, bpf_program__name(p));

		bpf_program__set_autoload(p, on);
		n += on;
	}
	return n;
}

int bpf_bed_load(struct bpf_object *o, const char *const *programs)
{
	if (programs)
		bpf_bed_only(o, programs);
	return bpf_object__load(o);
}

static void *in_section(struct bpf_object *o, const struct btf *btf,
			const struct btf_type *sec, const char *name)
{
	const struct btf_var_secinfo *v = btf_var_secinfos(sec);
	const char *map_name = btf__name_by_offset(btf, sec->name_off);
	struct bpf_map *map = bpf_object__find_map_by_name(o, map_name);
	char *mem;
	size_t size;
	int i;

	mem = map ? bpf_map__initial_value(map, &size) : NULL;
	for (i = 0; mem && i < btf_vlen(sec); i++) {
		const struct btf_type *t = btf__type_by_id(btf, v[i].type);

		if (!strcmp(btf__name_by_offset(btf, t->name_off), name))
			return mem + v[i].offset;
	}
	return NULL;
}

/**
 * bpf_bed_var - a global variable of the programs
 *
 * Constant ones may be written to before the object is loaded, others at any
 * time. Return: where it is, or NULL.
 */
void *bpf_bed_var(struct bpf_object *o, const char *name)
{
	const struct btf *btf = bpf_object__btf(o);
	void *p = NULL;
	__u32 i;

	for (i = 1; btf && !p && i < btf__type_cnt(btf); i++) {
		const struct btf_type *t = btf__type_by_id(btf, i);

		if (btf_is_datasec(t))
			p = in_section(o, btf, t, name);
	}
	return p;
}

int bpf_bed_prog(struct bpf_object *o, const char *name)
{
	struct bpf_program *p = bpf_object__find_program_by_name(o, name);

	return p ? bpf_program__fd(p) : -ENOENT;
}

/* Return: the link, or NULL with errno. */
struct bpf_link *bpf_bed_attach(struct bpf_object *o, const char *name)
{
	struct bpf_program *p = bpf_object__find_program_by_name(o, name);

	return p ? bpf_program__attach(p) : NULL;
}
