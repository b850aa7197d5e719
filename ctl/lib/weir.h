/* SPDX-License-Identifier: LGPL-2.1 OR MIT */
/*
 * libweir: send and receive messages of weir channels without copying them.
 *
 * A producer:	weir_open(), weir_send() in a loop, weir_flush(), weir_close().
 * A worker:	weir_open(), then
 *		while (weir_recv(w, &m, -1) == 1) {
 *			...use m.data, m.len...
 *			weir_ack(w, &m);
 *		}
 *
 * Every function returns 0 or more, or a negative errno; weir_error() has the
 * sentence that goes with it. Nothing is printed, no thread is started, no
 * state is global. A handle is used by one thread at a time; two threads take
 * two handles.
 *
 * Errors that any function may return besides its own:
 *	-ESHUTDOWN	the handle has ended: its channel was deleted by force
 *			or it was kicked. Message memory may be gone then, and
 *			touching it raises SIGBUS. Close the handle.
 *	-EBUSY		the handle belongs to the process that forked this one.
 *			A child can only weir_close() it, and open its own.
 *	-EPERM		the handle was not opened for that.
 *	-EINTR		a signal handler ran while the call slept. Nothing is
 *			lost or half done: call again. A signal that comes
 *			just before the sleep does not end it; a program that
 *			must not miss one sleeps in ppoll(2) on weir_fd().
 */
#ifndef WEIR_H
#define WEIR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir;

/* ---- open and close ---------------------------------------------------- */

/* weir_opts.flags: */
#define WEIR_OPEN_SEND		(1U << 0) /* needs write permission */
#define WEIR_OPEN_WORK		(1U << 1) /* needs read permission */
#define WEIR_OPEN_NONBLOCK	(1U << 2) /* -EAGAIN instead of a sleep */
#define WEIR_OPEN_URING		(1U << 3) /* through io_uring, where it can be */

/**
 * struct weir_opts - how to open a channel; all zero is a good default
 * @size: sizeof(struct weir_opts); 0 stands for the size in version 0.
 * @flags: WEIR_OPEN_*. With neither SEND nor WORK: whatever of the two the
 *	file's permissions allow, and messages come only from the first
 *	weir_recv() on, so that a mere sender keeps none from others.
 * @sq_entries: entries of the submission ring, a power of two up to 32768;
 *	0: 256. That many weir_put() fit between two weir_submit().
 * @cq_entries: same for the completion ring; 0: 512.
 * @inflight: most messages held at once, up to 16384 and @cq_entries;
 *	0: half of @cq_entries. The channel's own limit counts too.
 * @resv0: must be 0.
 * @block_max: most bytes of message memory this handle may own, 0: as much
 *	as the channel has.
 * @resv: must be 0.
 *
 * NONBLOCK concerns weir_send(), weir_loan(), weir_put() and the answers;
 * calls with a time-out wait as long as that says.
 *
 * With URING, messages and answers are submitted, and waited for, through a
 * small io_uring of the handle's own. Nothing else changes. Where there is none,
 * since it is blocked (kernel.io_uring_disabled, a container's filter) or the
 * library was built without liburing, the handle uses ioctl: weir_uring() tells.
 */
struct weir_opts {
	uint32_t size;
	uint32_t flags;
	uint32_t sq_entries;
	uint32_t cq_entries;
	uint32_t inflight;
	uint32_t resv0;
	uint64_t block_max;
	uint64_t resv[4];
};

/**
 * weir_open() - open a channel
 * @w: receives the handle, or NULL
 * @channel: its name: "jobs" for /dev/weir/jobs
 * @opts: may be NULL
 *
 * Return: 0; -ENOENT no such channel (or the module is not loaded), -EACCES,
 * -EINVAL the name or an option is out of range, -E2BIG an option of a later
 * version, -ENOMEM, -EMFILE, -ESHUTDOWN the channel is being deleted, -EINTR.
 */
int weir_open(struct weir **w, const char *channel,
	      const struct weir_opts *opts);

/**
 * weir_open_fd() - the same on a device file that is open already
 * @w: receives the handle, or NULL
 * @fd: descriptor of the device file. It stays the caller's, and may be
 *	closed as soon as this returns.
 * @opts: may be NULL
 *
 * Return: as weir_open(); -ENOTTY if @fd is no channel.
 */
int weir_open_fd(struct weir **w, int fd, const struct weir_opts *opts);

/**
 * weir_close() - end a handle
 * @w: may be NULL
 *
 * Answers and messages in the ring go out first, without waiting. Messages
 * that were received and not answered go to another worker. Pointers into
 * messages and loans are invalid afterwards.
 */
void weir_close(struct weir *w);

/**
 * weir_fd() - descriptor for poll(2), epoll(7) and io_uring's POLL_ADD
 * @w: the handle
 *
 * POLLIN: something came: a message, or memory that workers are done with.
 * POLLOUT: the channel has room for a message of this handle: what a sender
 * waits for that was refused with -EAGAIN or -ENOBUFS. Others wait for the
 * same room, so it may be refused again. POLLHUP: the handle has ended.
 *
 * Before sleeping in poll(), call weir_recv() with time-out 0 until it
 * returns 0 (a sender: weir_submit()). That sends what is queued and reads
 * what is there; else POLLIN stays raised, or stays away for a message that
 * the library has read already.
 *
 * Return: the descriptor, close-on-exec. It belongs to the handle.
 */
int weir_fd(const struct weir *w);

/**
 * weir_uring() - does the handle use io_uring?
 * @w: the handle
 *
 * Return: 1 it does; 0 it was not asked to; below 0 it was and cannot:
 * -EOPNOTSUPP built without liburing, -EPERM or -ENOSYS it is blocked,
 * -ENOMEM, -EMFILE. Right after weir_open() weir_error() has the sentence.
 */
int weir_uring(const struct weir *w);

/**
 * weir_error() - what the last negative return of this handle meant
 * @w: the handle, or NULL
 *
 * Return: a sentence in English that names value and limit; "" if none.
 * Valid until the next call with @w.
 */
const char *weir_error(const struct weir *w);

/* ---- send --------------------------------------------------------------- */

/*
 * The largest message is the channel's message-max at the time of weir_open():
 * if it is raised later, the handle is to be opened again.
 */

/**
 * struct weir_meta - what goes along with a message; all zero is fine
 * @key: messages with the same key are worked on one after the other, in
 *	order; 0: no key. There are none in a fan-out.
 * @corr: correlation id, passed on.
 * @deadline_ns: CLOCK_MONOTONIC; if it is not delivered by then it is dead.
 *	0: as the channel's `ttl` says. Passed on.
 * @user_data: the sender's own number for the message.
 * @cost: hint of the work in it, in any unit; 0: unknown. Where the channel has
 *	a `batch-cost`, a worker is handed so much of it at once.
 * @mtype: application's message type, passed on.
 * @encoding: application's encoding, passed on.
 * @prio: priority, 0 is the most urgent; below the channel's `priorities`.
 * @defer_ms: it is ready only after so many milliseconds; at most a day. Must
 *	be 0 in a fan-out.
 * @resv0: @resv: must be 0.
 */
struct weir_meta {
	uint64_t key;
	uint64_t corr;
	uint64_t deadline_ns;
	uint64_t user_data;
	uint32_t cost;
	uint16_t mtype;
	uint8_t	 encoding;
	uint8_t	 prio;
	uint32_t defer_ms;
	uint32_t resv0;
	uint64_t resv[2];
};

/**
 * weir_send() - send a copy of a message, and what weir_put() queued before
 * @w: the handle
 * @data: the message
 * @len: its bytes, 1..message-max
 * @meta: may be NULL
 *
 * Sleeps while there is no memory or, with overflow `block`, no room.
 *
 * Return: 0: the channel has it; or a signal came while it waited for room:
 * then it lies in the ring as after weir_put(), and the next call hands it
 * over, or the end of the process. Below 0: it is not sent and will not be:
 * -EMSGSIZE, -EINVAL, -EAGAIN (NONBLOCK: no room or no memory: poll() for
 * POLLOUT on weir_fd() and try again), -ENOBUFS the channel is full, or this
 * sender has its share (`sender-max`) in it, and its overflow is `error`,
 * -ESHUTDOWN the channel is draining or the handle has ended, -ENOMEM, -EINTR
 * no memory came before the signal.
 */
int weir_send(struct weir *w, const void *data, size_t len,
	      const struct weir_meta *meta);

/**
 * weir_loan() - borrow a buffer to write a message into
 * @w: the handle
 * @len: bytes wanted, 1..message-max
 * @buf: receives the buffer. Its content is undefined: it may be an older
 *	message of this handle, never anybody else's.
 *
 * No system call while the handle has a free buffer of that size. Sleeps if
 * there is no memory. Any number may be on loan at once, but who holds all the
 * memory there is and asks for more sleeps for ever.
 *
 * Return: 0; -EMSGSIZE, -EINVAL, -EAGAIN (NONBLOCK: no memory), -ENOMEM the
 * host has none, -EINTR.
 */
int weir_loan(struct weir *w, size_t len, void **buf);

/**
 * weir_put() - queue a message that lies in a loan
 * @w: the handle
 * @buf: where it starts: the loan, or any place inside it
 * @len: its bytes; it must end inside the loan
 * @meta: may be NULL
 *
 * The loan ends: do not write to it any more. No system call, unless the ring
 * is full: then it is submitted, and put sleeps until there is a place.
 * A queued message is safe from the death of the process, but nobody may look
 * at it before weir_submit(), weir_flush(), weir_settle(), weir_send(),
 * weir_recv() or weir_close().
 *
 * Return: 0; -EINVAL not a loan, or @len does not fit, -EAGAIN (NONBLOCK: the
 * ring is full and so is the channel), -EINTR. Below 0 the loan goes on.
 */
int weir_put(struct weir *w, void *buf, size_t len,
	     const struct weir_meta *meta);

/**
 * weir_abort() - give a loan back unused
 * @w: the handle
 * @buf: the loan, or any place inside it
 *
 * Return: 0; -EINVAL not a loan.
 */
int weir_abort(struct weir *w, void *buf);

/**
 * weir_submit() - hand over what is queued: messages and answers
 * @w: the handle
 *
 * Never sleeps; no system call if nothing is queued or somebody else is bound
 * to look.
 *
 * Return: 0; -EAGAIN the channel has no room, the rest stays queued.
 */
int weir_submit(struct weir *w);

/**
 * weir_flush() - hand over what is queued, and wait until it is accepted
 * @w: the handle
 * @timeout_ms: -1: no limit, 0: do not wait
 *
 * Return: 0 all that was queued since the last flush was accepted; else the
 * error of the first that was refused, once: -ENOBUFS, -ESHUTDOWN, -EINVAL as
 * weir_send(), -ESTALE an answer to a message this handle no longer holds.
 * -ETIME, -EINTR: some are still queued.
 */
int weir_flush(struct weir *w, int timeout_ms);

/**
 * struct weir_outcome - what became of the messages of one handle so far
 * @accepted: taken by the channel.
 * @acked: done.
 * @dead: given up. Requeueing one makes it unsettled again.
 * @unsettled: neither yet.
 * @resv: 0.
 */
struct weir_outcome {
	uint64_t accepted;
	uint64_t acked;
	uint64_t dead;
	uint64_t unsettled;
	uint64_t resv[2];
};

/**
 * weir_settle() - flush, then wait until every message of the handle is settled
 * @w: the handle
 * @timeout_ms: -1: no limit, 0: do not wait
 * @outcome: receives the counts, also with -ETIME and -EINTR; may be NULL
 *
 * A handle that also works must not wait for messages that only it would
 * answer.
 *
 * Return: 0 all are settled; look at @outcome for dead ones. The first refusal
 * as weir_flush() returns it. -ETIME, -EINTR.
 */
int weir_settle(struct weir *w, int timeout_ms, struct weir_outcome *outcome);

/* ---- receive ------------------------------------------------------------ */

/* weir_msg.flags: */
#define WEIR_MSG_REDELIVERED	(1U << 0) /* a worker had it before */

/**
 * struct weir_msg - a message to work on
 * @data: in shared memory, read only. Valid until the answer, or until the
 *	message is taken away (ack-timeout, by hand): it may be another's then. Its
 *	sender could still change it: copy before checking, where that matters.
 * @len: bytes.
 * @seq: the message's id in its channel.
 * @key: @corr: @deadline_ns: @mtype: @encoding: @prio: as sent.
 * @token: names the delivery; all that the answers look at.
 * @src: client id of the sender; 0 if it came through write(2).
 * @attempts: which counted attempt this is, from 1.
 * @flags: WEIR_MSG_*.
 * @resv: 0.
 */
struct weir_msg {
	const void *data;
	size_t	 len;
	uint64_t seq;
	uint64_t key;
	uint64_t corr;
	uint64_t deadline_ns;
	uint32_t token;
	uint32_t src;
	uint16_t attempts;
	uint16_t mtype;
	uint8_t	 encoding;
	uint8_t	 prio;
	uint8_t	 flags;
	uint8_t	 resv;
};

/**
 * weir_recv() - get a message
 * @w: the handle
 * @msg: receives it
 * @timeout_ms: -1: no limit, 0: do not wait
 *
 * Sends the answers queued since the last one. Restarts a handle that
 * weir_drain() has stopped. Several messages may be held at once, up to
 * `inflight`.
 *
 * Messages are delivered ahead, into the handle's ring. If the process dies,
 * those that no weir_recv() has returned go elsewhere without counting as an
 * attempt. (Except where a handle both sends and works, and had to wait while
 * sending: what had arrived by then counts.)
 *
 * Return: 1; 0 none came in time; -EINTR.
 */
int weir_recv(struct weir *w, struct weir_msg *msg, int timeout_ms);

/**
 * weir_recvmany() - get several messages at once
 * @w: the handle
 * @msgs: array that receives them
 * @n: its size
 * @timeout_ms: how long to wait for the first one
 *
 * Return: how many, 1..@n; 0 none came in time; -EINTR.
 */
int weir_recvmany(struct weir *w, struct weir_msg *msgs, unsigned int n,
		  int timeout_ms);

/*
 * Answers are queued, many to an entry, and go out with the next weir_recv()
 * that needs a system call anyway, at the latest with one that comes more than
 * 50 us after the last; at once with weir_submit() or weir_flush(). What the
 * next weir_recv() has published is applied even if the process dies.
 * That an answer came too late, since the message was taken away, is told by
 * weir_flush() as -ESTALE. With an ack-timeout that the work on one message comes
 * near to, call weir_submit() after the answer to the one before.
 *
 * They return 0; -EAGAIN (NONBLOCK) or -EINTR if the ring was full: the answer
 * was not taken then.
 */

/**
 * weir_ack() - the message is done
 * @w: the handle
 * @msg: the message
 */
int weir_ack(struct weir *w, const struct weir_msg *msg);

/**
 * weir_fail() - it did not work: try again later, counted
 * @w: the handle
 * @msg: the message
 * @delay_ms: 0: the channel's back-off; at most a day (else -EINVAL)
 *
 * It is dead when the channel's max-attempts are used up.
 */
int weir_fail(struct weir *w, const struct weir_msg *msg, uint32_t delay_ms);

/**
 * weir_release() - give it back, not counted
 * @w: the handle
 * @msg: the message
 * @delay_ms: when others may have it; at most a day (else -EINVAL)
 */
int weir_release(struct weir *w, const struct weir_msg *msg,
		 uint32_t delay_ms);

/**
 * weir_extend() - still at work: not to be given to another worker yet
 * @w: the handle
 * @msg: the message
 * @ms: answered within so long from now, or within what is left if that is
 *	more; 0: within the channel's ack-timeout; at most a day (else -EINVAL)
 *
 * Goes out at once, if the ring has room (else -EAGAIN). Without an ack-timeout
 * there is nothing to extend. Whoever is too late gets "stale" for it, as for
 * its answer.
 */
int weir_extend(struct weir *w, const struct weir_msg *msg, uint32_t ms);

/**
 * weir_reject() - it can never work: dead at once
 * @w: the handle
 * @msg: the message
 * @why: reason, UTF-8, shown to who looks after dead messages; cut to 244
 *	bytes between characters; may be NULL
 */
int weir_reject(struct weir *w, const struct weir_msg *msg, const char *why);

/**
 * weir_drain() - stop getting messages
 * @w: the handle
 *
 * For a worker that will end: messages delivered ahead and not yet returned by
 * weir_recv() go to other workers at once, not counted, and no more come.
 * Answers go out. Those in work are answered as usual, then weir_close().
 *
 * Return: how many messages went back; -EINTR, -EAGAIN: call again.
 */
int weir_drain(struct weir *w);

/* ---- channels ----------------------------------------------------------- */

/* weir_channel_opts.flags: */
#define WEIR_CHANNEL_OVERFLOW_ERROR (1U << 0) /* full: refuse, do not block */
#define WEIR_CHANNEL_OWNER	(1U << 1) /* @uid and @gid are set */
#define WEIR_CHANNEL_BACKOFF	(1U << 2) /* @backoff_* are set, even if 0 */
#define WEIR_CHANNEL_DROP_NEW	(1U << 3) /* full: accept, drop and count it */
#define WEIR_CHANNEL_DROP_OLD	(1U << 4) /* full: accept, drop the oldest */
#define WEIR_CHANNEL_FANOUT	(1U << 5) /* each message to every worker */
#define WEIR_CHANNEL_COPY	(1U << 6) /* copy messages: zerocopy off */
#define WEIR_CHANNEL_BATCH_AUTO	(1U << 7) /* @batch follows the load; then 0 */

/**
 * struct weir_channel_opts - attributes of a new channel; 0: the default
 * @size: sizeof(struct weir_channel_opts); 0 stands for that of version 0.
 * @flags: WEIR_CHANNEL_*; at most one of OVERFLOW_ERROR, DROP_NEW, DROP_OLD.
 * @messages: most messages waiting. 65536
 * @message_max: most bytes of one. 1 MiB
 * @memory_min: bytes of message memory made at once. 1 MiB
 * @memory_max: most bytes of it. 64 MiB
 * @inflight: most messages one worker holds. Chosen by the kernel
 * @batch: most messages handed to a worker at once. 64
 * @linger_ns: longest wait for a batch to fill. 0
 * @max_attempts: counted deliveries until a message is dead. 5
 * @perm: mode of the device file. 0660
 * @uid: @gid: owner of the device file. The creator, group 0
 * @backoff_min_ms: @backoff_max_ms: delay after a fail. 100, 30000
 * @policy: how workers are chosen. "least-loaded"
 * @priorities: how many there are, 1..8. 1
 * @sender_max: most of what the channel holds that one sender may have, in
 *	percent. 100
 * @ttl_ns: deadline of messages that have none, from their acceptance. None
 * @resv: must be 0.
 *
 * weirctl(8) sets all the others.
 */
struct weir_channel_opts {
	uint32_t size;
	uint32_t flags;
	uint32_t messages;
	uint32_t message_max;
	uint64_t memory_min;
	uint64_t memory_max;
	uint32_t inflight;
	uint32_t batch;
	uint64_t linger_ns;
	uint32_t max_attempts;
	uint32_t perm;
	uint32_t uid;
	uint32_t gid;
	uint32_t backoff_min_ms;
	uint32_t backoff_max_ms;
	const char *policy;
	uint32_t priorities;
	uint32_t sender_max;
	uint64_t ttl_ns;
	uint64_t resv[2];
};

/**
 * weir_channel_add() - create a channel; needs CAP_NET_ADMIN
 * @name: 1..31 of a-z A-Z 0-9 . _ -, not starting with dot or dash
 * @opts: may be NULL
 * @err: receives the kernel's sentence about a refusal, else ""; may be NULL
 * @errlen: size of @err
 *
 * Return: 0; -EEXIST, -EINVAL, -ERANGE, -EPERM and what the kernel says;
 * -EPROTONOSUPPORT the module is not loaded.
 */
int weir_channel_add(const char *name, const struct weir_channel_opts *opts,
		     char *err, size_t errlen);

/**
 * weir_channel_del() - delete a channel; needs its owner or CAP_NET_ADMIN
 * @name: the channel
 * @force: not 0: even with messages and clients, which are ended
 * @err: receives the kernel's sentence about a refusal, else ""; may be NULL
 * @errlen: size of @err
 *
 * Return: 0; -ENODEV no such channel, -EBUSY it holds messages or clients,
 * -EPERM; -EPROTONOSUPPORT the module is not loaded.
 */
int weir_channel_del(const char *name, int force, char *err, size_t errlen);

#ifdef __cplusplus
}
#endif

#endif /* WEIR_H */
