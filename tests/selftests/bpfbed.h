/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests share that load BPF programs: objects, by name; their variables. */
#ifndef BPFBED_H
#define BPFBED_H

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#define BPF_LOG_ROOM	65536

extern char bpf_log[BPF_LOG_ROOM];

struct bpf_object *bpf_bed_open(const char *name);
int bpf_bed_only(struct bpf_object *o, const char *const *programs);
int bpf_bed_load(struct bpf_object *o, const char *const *programs);
void *bpf_bed_var(struct bpf_object *o, const char *name);
int bpf_bed_prog(struct bpf_object *o, const char *name);
struct bpf_link *bpf_bed_attach(struct bpf_object *o, const char *name);

#endif /* BPFBED_H */
