// SPDX-License-Identifier: GPL-2.0-only
/* Programs that the verifier has to refuse; produce.c says with what words. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include "weir_produce.h"

#define SIZE	64

const volatile char channel[32] = "none";
__u32 size = SIZE;

static struct weir_record *reserve(void)
{
	return bpf_weir_reserve((const char *)channel, SIZE);
}

SEC("?raw_tp/sys_enter")
int forgets_to_commit(void *ctx)
{
	struct weir_record *rec = reserve();

	return !!rec;
}

SEC("?raw_tp/sys_enter")
int forgets_on_one_way(void *ctx)
{
	struct weir_record *rec = reserve();
	__u8 *data;

	if (!rec)
		return 0;
	data = bpf_weir_data(rec, 0, SIZE);
	if (!data)
		return 0;
	*data = 1;
	bpf_weir_commit(rec, 1);
	return 0;
}

SEC("?raw_tp/sys_enter")
int writes_beyond(void *ctx)
{
	struct weir_record *rec = reserve();
	__u8 *data;

	if (!rec)
		return 0;
	data = bpf_weir_data(rec, 0, SIZE);
	if (data)
		*(volatile __u8 *)(data + SIZE) = 1;
	bpf_weir_commit(rec, 1);
	return 0;
}

SEC("?raw_tp/sys_enter")
int writes_after_commit(void *ctx)
{
	struct weir_record *rec = reserve();
	__u8 *data;

	if (!rec)
		return 0;
	data = bpf_weir_data(rec, 0, SIZE);
	bpf_weir_commit(rec, 1);
	if (data)
		*(volatile __u8 *)data = 1;
	return 0;
}

SEC("?raw_tp/sys_enter")
int commits_twice(void *ctx)
{
	struct weir_record *rec = reserve();

	if (!rec)
		return 0;
	bpf_weir_commit(rec, 1);
	bpf_weir_commit(rec, 1);
	return 0;
}

SEC("?raw_tp/sys_enter")
int takes_it_for_granted(void *ctx)
{
	bpf_weir_commit(reserve(), 1);
	return 0;
}

SEC("?raw_tp/sys_enter")
int takes_data_for_granted(void *ctx)
{
	struct weir_record *rec = reserve();

	if (!rec)
		return 0;
	*bpf_weir_data(rec, 0, SIZE) = 1;
	bpf_weir_commit(rec, 1);
	return 0;
}

SEC("?raw_tp/sys_enter")
int has_no_constant_size(void *ctx)
{
	struct weir_record *rec = reserve();

	if (!rec)
		return 0;
	bpf_weir_data(rec, 0, size);
	bpf_weir_commit(rec, 1);
	return 0;
}

SEC("?raw_tp/sys_enter")
int writes_to_the_record(void *ctx)
{
	struct weir_record *rec = reserve();

	if (!rec)
		return 0;
	rec->size = 1 << 20;
	bpf_weir_commit(rec, 1);
	return 0;
}

SEC("?raw_tp/sys_enter")
int makes_up_a_name(void *ctx)
{
	volatile char name[8] = "none";
	struct weir_record *rec;

	rec = bpf_weir_reserve((const char *)name, SIZE);
	if (rec)
		bpf_weir_discard(rec);
	return 0;
}

SEC("?socket")
int is_of_a_wrong_type(void *ctx)
{
	struct weir_record *rec = reserve();

	if (rec)
		bpf_weir_discard(rec);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
