/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * weir: message bus and work queue for the processes of one host.
 *
 * This is the data path. Configuration and statistics are in
 * <linux/weir_netlink.h>.
 *
 * A process opens a channel's device file /dev/weir/NAME (for writing to
 * send, for reading to work, or both), calls WEIR_IOC_ATTACH on it and gets a
 * client file descriptor. Everything else happens on that descriptor:
 *
 *   mmap(off_rings, len_rings)  PROT_READ|PROT_WRITE  the two rings
 *   mmap(off_rw, len_window)    PROT_READ|PROT_WRITE  own blocks   (senders)
 *   mmap(off_ro, len_window)    PROT_READ             all messages (workers)
 *   ioctl WEIR_IOC_GRANT        get blocks to write messages into
 *   ioctl WEIR_IOC_ENTER        submit and wait, in one call
 *   poll                        POLLIN: an unread completion; POLLOUT: room
 *
 * Rules for all structs: sizes are multiples of 8, every reserved field and
 * unused flag must be zero (else EINVAL), `size` is sizeof the struct as the
 * caller knows it; a larger one with non-zero bytes past what the kernel knows
 * is E2BIG. The size inside an ioctl's number does not count.
 *
 * The holder of a client is the process (its address space), not the file
 * descriptor: when the process that attached (or claimed) it ends or calls
 * execve, the client ends, even when a child inherited the descriptor.
 */
#ifndef _UAPI_LINUX_WEIR_H
#define _UAPI_LINUX_WEIR_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define WEIR_NAME_MAX		31	/* bytes of a channel's name, without NUL */
#define WEIR_NR_CLASSES		7	/* buffer size classes of this version */
#define WEIR_BUF_UNIT		256	/* bytes: unit of weir_cqe.buf[] */
#define WEIR_VEC_MAX		14	/* tokens or buffers in one entry */
#define WEIR_REASON_HEAD	52	/* reason bytes in a REJECT entry itself */
#define WEIR_REASON_SLOTS	3	/* further slots a REJECT entry may take */
#define WEIR_REASON_MAX		(WEIR_REASON_HEAD + 64 * WEIR_REASON_SLOTS)
#define WEIR_RING_MAX		32768	/* entries of one ring */
#define WEIR_INFLIGHT_MAX	16384	/* messages one worker may hold */

/* ---- submission entries --------------------------------------------- */

/**
 * enum weir_op - what a submission entry asks for
 * @WEIR_OP_NOP: nothing; with WEIR_SQE_RESULT a result 0.
 * @WEIR_OP_SEND: senders: submit the message at @addr. The buffer belongs to
 *	the kernel until a RETURN names it, or a RESULT below zero does.
 * @WEIR_OP_ACK: workers: @nr messages, by token, are done.
 * @WEIR_OP_FAIL: try again after @delay_ms (0: the channel's back-off),
 *	counted; dead when max-attempts are used up.
 * @WEIR_OP_RELEASE: give back after @delay_ms, not counted.
 * @WEIR_OP_REJECT: one message is dead at once. @nr is the number of further
 *	slots (0..WEIR_REASON_SLOTS) that hold the reason text's rest, 64 bytes
 *	each; @len is the length of the text in bytes.
 * @WEIR_OP_EXTEND: still at work: @nr messages, by token, are to be answered
 *	within @delay_ms from now (0: within the channel's `ack-timeout`), or
 *	within what is left if that is more. Nothing to do where no such limit
 *	is set.
 *
 * Any other value: RESULT -EINVAL.
 */
enum weir_op {
	WEIR_OP_NOP	= 0,
	WEIR_OP_SEND	= 1,
	WEIR_OP_ACK	= 2,
	WEIR_OP_FAIL	= 3,
	WEIR_OP_RELEASE	= 4,
	WEIR_OP_REJECT	= 5,
	WEIR_OP_EXTEND	= 6,
};

/* weir_sqe.flags: */
#define WEIR_SQE_RESULT		(1U << 0) /* post a RESULT on success too */
#define WEIR_SQE_NOWAIT		(1U << 1) /* SEND: no room (overflow block) is RESULT -EAGAIN */

/**
 * struct weir_sqe - submission entry, 64 bytes, written by user space
 * @op: enum weir_op.
 * @flags: WEIR_SQE_*.
 * @prio: priority, 0 is the most urgent; below the channel's `priorities`.
 * @nr: ACK, FAIL, RELEASE, EXTEND: tokens in @token, 1..14. REJECT: further slots.
 *	else 0.
 * @len: SEND: bytes of the message, 1..buffer size. REJECT: bytes of reason.
 * @delay_ms: FAIL, RELEASE, EXTEND: delay in milliseconds, 0..86400000.
 * @addr: SEND: offset of the message in the writable window; message and
 *	length must lie inside one buffer of a block this client owns.
 * @key: ordering key, 0 for none. Messages with the same key go to one worker
 *	at a time, in order. Not in a fan-out.
 * @corr: correlation id, passed on.
 * @deadline_ns: CLOCK_MONOTONIC; a message that is not delivered by then is
 *	dead. 0: the channel's `ttl`.
 * @user_data: given back in a RESULT; also the producer's own sequence number.
 * @cost: sender's hint of the work in the message, in units of the sender's
 *	choice, 0 for unknown. For `batch-cost` and for policies.
 * @reply_client: must be 0 in this version.
 * @mtype: application's message type, passed on.
 * @encoding: application's encoding, passed on.
 * @defer_ms: SEND: the message is ready only after so many milliseconds,
 *	0..86400000. Not in a fan-out.
 * @token: tokens of delivered messages.
 * @rtoken: REJECT: token of the message.
 * @reason: REJECT: first bytes of the reason, UTF-8, no NUL needed.
 */
struct weir_sqe {
	__u8	op;
	__u8	flags;
	__u8	prio;
	__u8	nr;
	union {
		__u32	len;
		__u32	delay_ms;
	};
	union {
		struct {
			__u64	addr;
			__u64	key;
			__u64	corr;
			__u64	deadline_ns;
			__u64	user_data;
			__u32	cost;
			__u32	reply_client;
			__u16	mtype;
			__u8	encoding;
			__u8	resv0;
			__u32	defer_ms;
		};
		__u32	token[WEIR_VEC_MAX];
		struct {
			__u32	rtoken;
			__u8	reason[WEIR_REASON_HEAD];
		};
	};
};

/* ---- completion entries --------------------------------------------- */

/**
 * enum weir_cqe_type - what a completion entry tells
 * @WEIR_CQE_MSG: a message to work on; answer it by @token.
 * @WEIR_CQE_RETURN: @nr buffers are yours again; buf[i] is the offset of the
 *	buffer's first byte in the writable window, in units of WEIR_BUF_UNIT.
 * @WEIR_CQE_RESULT: outcome of a submission entry: always when it failed,
 *	else when WEIR_SQE_RESULT asked for it. A SEND that failed leaves the
 *	buffer with the sender. Answers: @res is -ESTALE if a token named no
 *	message this client holds; @nr counts those, @token is the first; the
 *	others were applied.
 */
enum weir_cqe_type {
	WEIR_CQE_MSG	= 1,
	WEIR_CQE_RETURN	= 2,
	WEIR_CQE_RESULT	= 3,
};

/* weir_cqe.flags of a MSG: */
#define WEIR_CQE_REDELIVERED	(1U << 0) /* was delivered before */

/**
 * struct weir_cqe - completion entry, 64 bytes, written by the kernel
 * @type: enum weir_cqe_type.
 * @flags: WEIR_CQE_*.
 * @prio: MSG: priority.
 * @nr: RETURN: buffers in @buf. RESULT: tokens that failed.
 * @len: MSG: bytes of the message.
 * @addr: MSG: offset in the read-only window.
 * @key: @corr: @deadline_ns: @mtype: @encoding: MSG: as sent.
 * @token: MSG: names the delivery; opaque, valid until answered, or until the
 *	message is taken away, as is what lies at @addr.
 * @src: MSG: client id of the sender, 0 for write(2).
 * @seq: MSG: the message's id, unique in its channel.
 * @attempts: MSG: which attempt this is, from 1.
 * @buf: RETURN: see above.
 * @user_data: RESULT: as submitted (SEND), else 0.
 * @res: RESULT: 0 or a negative errno.
 * @sqe_index: RESULT: position of the entry in the submission ring, not masked.
 * @raddr: RESULT of a SEND: its @addr.
 * @rtoken: RESULT of an answer: the first token that failed.
 * @op: RESULT: the entry's op.
 */
struct weir_cqe {
	__u8	type;
	__u8	flags;
	__u8	prio;
	__u8	nr;
	__u32	len;
	union {
		struct {
			__u64	addr;
			__u64	key;
			__u64	corr;
			__u64	deadline_ns;
			__u32	token;
			__u32	src;
			__u64	seq;
			__u16	attempts;
			__u16	mtype;
			__u8	encoding;
			__u8	resv0[3];
		};
		__u32	buf[WEIR_VEC_MAX];
		struct {
			__u64	user_data;
			__s32	res;
			__u32	sqe_index;
			__u64	raddr;
			__u32	rtoken;
			__u8	op;
			__u8	resv1[3];
			__u64	resv2[3];
		};
	};
};

/* weir_ring.kflags: */
#define WEIR_RING_NEED_ENTER	(1U << 0) /* nobody will look at the SQ: ENTER */
#define WEIR_RING_CQ_MORE	(1U << 1) /* completions wait for room: read, ENTER */
#define WEIR_RING_DEAD		(1U << 2) /* the client has ended: ESHUTDOWN */
/*
 * The pool is short of memory, and this client owns a block none of whose
 * buffers is with the kernel. Please give back what is not needed (GIVEBACK).
 * Only asked for, nothing is taken. Cleared by the next GIVEBACK or GRANT.
 */
#define WEIR_RING_RECALL	(1U << 3)

/**
 * struct weir_ring - head of the rings' mapping; one writer per cache line
 * @usq_tail: user: entries published, free running. Store with release order
 *	after the entries are written, then a full fence, then look at @kflags.
 * @ksq_head: kernel: entries consumed. A slot may be written again once the
 *	head has passed it.
 * @kflags: kernel: WEIR_RING_*.
 * @kcq_tail: kernel: completions published. Load with acquire order.
 * @ucq_head: user: completions read. Store with release order after reading.
 *	A message counts as *seen* once the head has passed its entry: if the
 *	process dies then, the delivery counts as an attempt.
 * @ucq_low: user: poll reports POLLIN, and a sleeper in it is woken, only when
 *	so many completions are unread; 0 and 1 mean any, more than cq_entries
 *	means cq_entries. A worker below its mark gets messages although it
 *	holds some; a mark beyond its inflight limit may never be reached. A
 *	lower mark counts from the next poll, or the next completion, on.
 *	ENTER has its own min_complete.
 */
struct weir_ring {
	__u32	usq_tail;
	__u32	pad0[15];
	__u32	ksq_head;
	__u32	kflags;
	__u32	pad1[14];
	__u32	kcq_tail;
	__u32	pad2[15];
	__u32	ucq_head;
	__u32	ucq_low;
	__u32	pad3[14];
};

/* ---- ioctls ----------------------------------------------------------- */

/* weir_attach.role: */
#define WEIR_ROLE_SEND		(1U << 0) /* needs the device open for writing */
#define WEIR_ROLE_WORK		(1U << 1) /* needs the device open for reading */

/* weir_attach.flags: */
#define WEIR_ATTACH_STOPPED	(1U << 0) /* no messages before WEIR_ENTER_START */

/* weir_attach.features: asked for in, granted out; unknown bits: EINVAL */
#define WEIR_FEATURES		0ULL

/**
 * struct weir_attach - WEIR_IOC_ATTACH, on the device file
 * @size: in: sizeof(struct weir_attach).
 * @role: in: WEIR_ROLE_*, at least one.
 * @features: in/out: see WEIR_FEATURES.
 * @sq_entries: in/out: power of two, 1..WEIR_RING_MAX; 0: 256.
 * @cq_entries: in/out: power of two, 1..WEIR_RING_MAX; 0: 512.
 * @inflight: in/out: most messages held at once, 1..WEIR_INFLIGHT_MAX and at
 *	most @cq_entries; 0: cq_entries/2. The channel's own `inflight` limits
 *	further.
 * @block_max: in/out: most bytes of blocks this client may own; 0: the pool's
 *	maximum.
 * @flags: in: WEIR_ATTACH_*.
 * @fd: out: the client, close-on-exec.
 * @client_id: out: unique in the channel while the module is loaded.
 * @off_rings: @len_rings: out: for mmap.
 * @off_sqes: @off_cqes: out: from the start of the rings' mapping.
 * @off_rw: @off_ro: @len_window: out: for mmap, in whole or in parts.
 * @buf_unit: out: WEIR_BUF_UNIT.
 * @nr_class: out: classes in use.
 * @class_size: out: bytes of a buffer of each class.
 * @block_size: out: bytes of a block of each class; it holds
 *	block_size/class_size buffers, side by side.
 * @message_max: out: bytes of the largest message of the channel.
 * @overflow: out: enum weir_overflow of <linux/weir_netlink.h>.
 * @resv: must be 0.
 *
 * Errors: EACCES the file is not open for the role, EINVAL, E2BIG, EFAULT,
 * EMFILE, ENOMEM, ENOSPC the channel has clients-max clients, ESHUTDOWN it is being
 * deleted, EINTR.
 */
struct weir_attach {
	__u32	size;
	__u32	role;
	__u64	features;
	__u32	sq_entries;
	__u32	cq_entries;
	__u32	inflight;
	__u32	flags;
	__u64	block_max;
	__s32	fd;
	__u32	client_id;
	__u64	off_rings;
	__u64	len_rings;
	__u64	off_sqes;
	__u64	off_cqes;
	__u64	off_rw;
	__u64	off_ro;
	__u64	len_window;
	__u32	buf_unit;
	__u32	nr_class;
	__u32	class_size[8];
	__u32	block_size[8];
	__u32	message_max;
	__u32	overflow;
	__u64	resv[8];
};

/* weir_enter.flags: */
#define WEIR_ENTER_WAIT		(1U << 0) /* wait for @min_complete unread completions */
#define WEIR_ENTER_SQ_WAIT	(1U << 1) /* wait until all of @to_submit is consumed */
#define WEIR_ENTER_STOP		(1U << 2) /* worker: no more messages from now on */
#define WEIR_ENTER_START	(1U << 3) /* worker: messages again */

/**
 * struct weir_enter - WEIR_IOC_ENTER, on the client: submit and wait
 * @size: sizeof(struct weir_enter).
 * @flags: WEIR_ENTER_*.
 * @to_submit: consume at most so many published entries. Entries that the
 *	channel has no room for (overflow block) stay in the ring.
 * @min_complete: with WAIT: return once so many completions are unread,
 *	1..cq_entries.
 * @timeout_ns: longest sleep, relative; 0: no limit. ~0 never sleeps.
 *
 * Returns the number of entries consumed (one that was refused counts: its
 * RESULT says why). If that is 0: -EINTR a signal came during the sleep
 * (without a time-out: a handler ran, else the call goes on), -ETIME the time
 * passed, -EAGAIN entries stay in the ring: for want of room and SQ_WAIT was
 * not given, or because this client's completion ring is full. -ESHUTDOWN the
 * client has ended, -EBUSY the caller is not the holder's process, -EPROTO the
 * submission ring's tail is more than sq_entries ahead of its head (nothing is
 * consumed).
 */
struct weir_enter {
	__u32	size;
	__u32	flags;
	__u32	to_submit;
	__u32	min_complete;
	__u64	timeout_ns;
	__u64	resv[2];
};

/* weir_grant.flags: */
#define WEIR_GRANT_WAIT		(1U << 0) /* sleep until memory or a completion comes */

/**
 * struct weir_grant - WEIR_IOC_GRANT, on the client: get blocks to write into
 * @size: sizeof(struct weir_grant).
 * @flags: WEIR_GRANT_*.
 * @class_idx: index into weir_attach.class_size.
 * @count: in: blocks wanted, 1..8. out: blocks granted.
 * @timeout_ns: with WAIT: longest sleep, relative; 0: no limit.
 * @addr: out: offset of each block in the writable window. Its content is zero.
 *
 * Returns 0 with at least one block, or with @count 0 if WAIT was given and an
 * unread completion came first (it may hold returned buffers). -ENOBUFS no
 * memory within the pool's maximum, the client's block_max, or the channel's
 * limits per client and per user; -ENOMEM the host, or the memory cgroup that
 * the pool is charged to, has none; -EINTR, -ETIME, -EPERM no sender,
 * -ESHUTDOWN, -EBUSY as ENTER.
 */
struct weir_grant {
	__u32	size;
	__u32	flags;
	__u32	class_idx;
	__u32	count;
	__u64	timeout_ns;
	__u64	addr[8];
	__u64	resv[2];
};

/**
 * struct weir_giveback - WEIR_IOC_GIVEBACK: return a block none of whose
 *	buffers is submitted
 * @size: sizeof(struct weir_giveback).
 * @flags: must be 0.
 * @addr: offset of the block in the writable window. It is unmapped.
 *
 * -EBUSY a buffer of it is with the kernel; -EINVAL not a block of this client.
 */
struct weir_giveback {
	__u32	size;
	__u32	flags;
	__u64	addr;
};

/**
 * struct weir_settle - WEIR_IOC_SETTLE: wait until every message accepted from
 *	this client is settled: acked, dead, dropped or purged
 * @size: sizeof(struct weir_settle).
 * @flags: must be 0.
 * @timeout_ns: longest sleep, relative; 0: no limit, ~0 never sleeps.
 * @accepted: @acked: @dead: @unsettled: out: messages of this client so far;
 *	a dead message that is requeued is unsettled again.
 *
 * Returns 0; -ETIME or -EINTR with the counts filled in.
 */
struct weir_settle {
	__u32	size;
	__u32	flags;
	__u64	timeout_ns;
	__u64	accepted;
	__u64	acked;
	__u64	dead;
	__u64	unsettled;
	__u64	resv[2];
};

/**
 * struct weir_claim - WEIR_IOC_CLAIM: the calling process becomes the holder
 * @size: sizeof(struct weir_claim).
 * @flags: must be 0.
 *
 * For a client passed by fork, SCM_RIGHTS or pidfd_getfd. -EBUSY the current
 * holder still has one of the client's mappings; -ESHUTDOWN it has ended.
 */
struct weir_claim {
	__u32	size;
	__u32	flags;
};

/* ---- io_uring ----------------------------------------------------------- */

/**
 * struct weir_uring - IORING_OP_URING_CMD on the client, in sqe->cmd
 * @to_submit: consume at most so many published entries, as WEIR_IOC_ENTER.
 * @resv: must be 0.
 *
 * sqe->cmd_op is WEIR_URING_SUBMIT; other values: EOPNOTSUPP. It never waits:
 * for completions or for room use IORING_OP_POLL_ADD on the client. The
 * result is as of WEIR_IOC_ENTER with neither WAIT nor SQ_WAIT. The sqe's
 * fields addr, len, file_index and uring_cmd_flags must be 0: else EINVAL.
 *
 * POLLIN obeys weir_ring.ucq_low. POLLOUT: the channel has room, and nobody who
 * sleeps in ENTER or write(2) waits for it.
 */
struct weir_uring {
	__u32	to_submit;
	__u32	resv[3];
};

#define WEIR_URING_SUBMIT	1U

#define WEIR_IOC_MAGIC		0xB7
#define WEIR_IOC_ATTACH		_IOWR(WEIR_IOC_MAGIC, 0x00, struct weir_attach)
#define WEIR_IOC_ENTER		_IOW(WEIR_IOC_MAGIC, 0x01, struct weir_enter)
#define WEIR_IOC_GRANT		_IOWR(WEIR_IOC_MAGIC, 0x02, struct weir_grant)
#define WEIR_IOC_GIVEBACK	_IOW(WEIR_IOC_MAGIC, 0x03, struct weir_giveback)
#define WEIR_IOC_SETTLE		_IOWR(WEIR_IOC_MAGIC, 0x04, struct weir_settle)
#define WEIR_IOC_CLAIM		_IOW(WEIR_IOC_MAGIC, 0x05, struct weir_claim)
#define WEIR_IOC_DETACH		_IO(WEIR_IOC_MAGIC, 0x06)

#endif /* _UAPI_LINUX_WEIR_H */
