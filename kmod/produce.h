/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_PRODUCE_H
#define _WEIR_PRODUCE_H

#include <linux/types.h>

struct weir_record;

void weir_produce_init(void);

/* Called by BPF programs alone, which find them by name. */
struct weir_record *bpf_weir_reserve(const char *channel__str, u32 size);
u8 *bpf_weir_data(struct weir_record *rec, u32 offset, const u32 rdwr_buf_size);
int bpf_weir_label(struct weir_record *rec, u64 key, u32 prio, u32 mtype);
int bpf_weir_commit(struct weir_record *rec, u32 len);
void bpf_weir_discard(struct weir_record *rec);

#endif /* _WEIR_PRODUCE_H */
