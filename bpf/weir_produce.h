/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How a BPF program sends messages to a channel of weir that has a feed
 * (weirctl channel add NAME feed N feed-size SIZE). Include it after vmlinux.h
 * and bpf_helpers.h; the program's licence has to be GPL compatible.
 *
 * Any of these programs may: tp_btf, fentry, fexit, lsm, raw_tp, tracepoint,
 * perf_event, kprobe, xdp, tc, syscall.
 */
#ifndef WEIR_PRODUCE_H
#define WEIR_PRODUCE_H

/**
 * bpf_weir_reserve - begin a message
 * @channel: name; a constant, such as a const volatile array that the loader sets
 * @size: most bytes that the message will have, up to the channel's feed-size
 *
 * Never waits. Return: a record, which must be committed or discarded on every way
 * out of the program; or NULL, the event is lost, and counted by the channel if
 * there is one with a feed.
 */
extern struct weir_record *bpf_weir_reserve(const char *channel, __u32 size) __ksym;

/**
 * bpf_weir_data - where to write
 * @rec: record
 * @offset: first byte
 * @size: bytes, a constant
 *
 * It is not zeroed: write all that is committed. Return: the memory, until the
 * commit; or NULL if that is more than was reserved.
 */
extern __u8 *bpf_weir_data(struct weir_record *rec, __u32 offset, const __u32 size) __ksym;

/**
 * bpf_weir_label - what else the message has
 * @rec: record
 * @key: 0, or messages that have the same go to one worker at a time
 * @prio: 0 (most urgent) to 7
 * @mtype: 0 to 65535, for the worker
 *
 * Return: 0 or -EINVAL.
 */
extern int bpf_weir_label(struct weir_record *rec, __u64 key, __u32 prio, __u32 mtype) __ksym;

/**
 * bpf_weir_commit - send it
 * @rec: record; gone afterwards
 * @len: its first bytes that are the message
 *
 * Return: 0, and the channel soon takes or refuses it as any other message; or
 * -EMSGSIZE, @len is 0 or more than was reserved, and it is discarded.
 */
extern int bpf_weir_commit(struct weir_record *rec, __u32 len) __ksym;

/**
 * bpf_weir_discard - do not send it
 * @rec: record; gone afterwards
 */
extern void bpf_weir_discard(struct weir_record *rec) __ksym;

#endif /* WEIR_PRODUCE_H */
