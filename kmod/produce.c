// SPDX-License-Identifier: GPL-2.0-only
/*
 * What BPF programs call to send messages. The verifier sees to it that a
 * record which was reserved is committed or discarded once on every way out, and
 * that nothing beyond it, and nothing after it, is written to.
 */
#include "produce.h"

#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/module.h>

#include "compat.h"
#include "feed.h"

__bpf_kfunc_start_defs();

/**
 * bpf_weir_reserve - begin a message
 * @channel__str: name of a channel that has a feed
 * @size: most bytes it will have
 *
 * Return: a record, or NULL: no such channel, no feed, no record free (counted
 * by the channel), or @size is 0 or more than feed-size (counted likewise).
 */
__bpf_kfunc struct weir_record *bpf_weir_reserve(const char *channel__str,
						 u32 size)
{
	return weir_feed_reserve(channel__str, size);
}

/**
 * bpf_weir_data - where to write
 * @rec: record
 * @offset: first byte
 * @rdwr_buf_size: bytes, a constant
 *
 * What was there before is left of older messages of this channel. Return: the
 * memory, or NULL if it goes beyond the size that was reserved.
 */
__bpf_kfunc u8 *bpf_weir_data(struct weir_record *rec, u32 offset,
			      const u32 rdwr_buf_size)
{
	if (offset > rec->size || rdwr_buf_size > rec->size - offset)
		return NULL;
	return rec->data + offset;
}

/**
 * bpf_weir_label - what else the message has
 * @rec: record
 * @key: messages with one key go to one worker at a time; 0: none
 * @prio: 0 is the most urgent; the channel's least urgent, if it has fewer
 * @mtype: for the worker
 *
 * Return: 0; -EINVAL @prio is more than 7 or @mtype more than 65535.
 */
__bpf_kfunc int bpf_weir_label(struct weir_record *rec, u64 key, u32 prio,
			       u32 mtype)
{
	if (prio >= WEIR_PRIORITIES_MAX || mtype > U16_MAX)
		return -EINVAL;
	rec->key = key;
	rec->prio = prio;
	rec->mtype = mtype;
	return 0;
}

/**
 * bpf_weir_commit - send the message
 * @rec: record; gone afterwards
 * @len: its bytes
 *
 * It is submitted soon, and counted then, as accepted or refused. Return: 0;
 * -EMSGSIZE @len is 0 or more than was reserved, and the record is discarded.
 */
__bpf_kfunc int bpf_weir_commit(struct weir_record *rec, u32 len)
{
	if (!len || len > rec->size) {
		weir_feed_discard(rec);
		return -EMSGSIZE;
	}
	weir_feed_commit(rec, len);
	return 0;
}

/**
 * bpf_weir_discard - do not send it
 * @rec: record; gone afterwards
 */
__bpf_kfunc void bpf_weir_discard(struct weir_record *rec)
{
	weir_feed_discard(rec);
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(weir_produce_ids)
BTF_ID_FLAGS(func, bpf_weir_reserve, KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_weir_data, KF_RET_NULL | KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_weir_label, KF_TRUSTED_ARGS)
BTF_ID_FLAGS(func, bpf_weir_commit, KF_RELEASE)
BTF_ID_FLAGS(func, bpf_weir_discard, KF_RELEASE)
BTF_KFUNCS_END(weir_produce_ids)

static bool may_produce(enum bpf_prog_type type)
{
	switch (type) {
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_LSM:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SYSCALL:
		return true;
	default:
		return false;
	}
}

/* Asked about this module's functions for all types only, which are those above. */
static int filter(const struct bpf_prog *prog, u32 kfunc_id)
{
	return may_produce(prog->type) ? 0 : -EACCES;
}

static const struct btf_kfunc_id_set kfuncs = {
	.owner = THIS_MODULE,
	.set = &weir_produce_ids,
	.filter = filter,
};

/**
 * weir_produce_init - at module load
 *
 * A set for all types of programs, since the types that have a set of their own
 * do not include raw tracepoints; the filter narrows it down.
 *
 * Where the kernel has no BPF, or does not know this module's types, the rest
 * works.
 */
void weir_produce_init(void)
{
	int err = register_btf_kfunc_id_set(BPF_PROG_TYPE_UNSPEC, &kfuncs);

	if (err)
		pr_info("weir: BPF programs cannot send messages (error %d)\n",
			err);
}
