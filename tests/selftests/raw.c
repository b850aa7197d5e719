// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "raw.h"
#include "via.h"

/**
 * raw_device - open a channel's device file
 * @channel: its name
 * @flags: of open(2)
 */
int raw_device(const char *channel, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/weir/%s", channel);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int raw_ioctl(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

int raw_attach(int dev, struct weir_attach *at)
{
	return raw_ioctl(dev, WEIR_IOC_ATTACH, at);
}

static void *map(struct raw *r, uint64_t off, uint64_t len, int prot)
{
	void *p = mmap(NULL, len, prot, MAP_SHARED, r->fd, off);

	return p == MAP_FAILED ? NULL : p;
}

int raw_map_rings(struct raw *r)
{
	char *p = map(r, r->at.off_rings, r->at.len_rings, PROT_READ | PROT_WRITE);

	if (!p)
		return -errno;
	r->ring = (struct weir_ring *)p;
	r->sqes = (struct weir_sqe *)(p + r->at.off_sqes);
	r->cqes = (struct weir_cqe *)(p + r->at.off_cqes);
	r->tail = r->ring->ksq_head;
	r->head = r->ring->ucq_head;
	return 0;
}

/**
 * raw_map - map the rings and the windows that the role has
 * @r: a client with @r->fd and @r->at set
 */
int raw_map(struct raw *r)
{
	int ret = raw_map_rings(r);

	if (ret)
		return ret;
	if (r->at.role & RAW_SEND) {
		r->rw = map(r, r->at.off_rw, r->at.len_window,
			    PROT_READ | PROT_WRITE);
		if (!r->rw)
			return -errno;
	}
	if (r->at.role & RAW_WORK) {
		r->ro = map(r, r->at.off_ro, r->at.len_window, PROT_READ);
		if (!r->ro)
			return -errno;
	}
	return 0;
}

void raw_unmap(struct raw *r)
{
	if (r->ring)
		munmap(r->ring, r->at.len_rings);
	if (r->rw)
		munmap(r->rw, r->at.len_window);
	if (r->ro)
		munmap(r->ro, r->at.len_window);
	r->ring = NULL;
	r->rw = NULL;
	r->ro = NULL;
}

/**
 * raw_open_as - open, attach and map
 * @r: filled in; raw_close() it also after an error
 * @channel: name
 * @ask: what to ask ATTACH for; its size is set here
 */
int raw_open_as(struct raw *r, const char *channel, struct weir_attach ask)
{
	static const int mode[] = { 0, O_WRONLY, O_RDONLY, O_RDWR };
	int ret, tries = 0;

	memset(r, 0, sizeof(*r));
	r->fd = -1;
	r->dev = raw_device(channel, mode[ask.role & RAW_BOTH]);
	if (r->dev < 0)
		return r->dev;
	/* A ring that was closed a moment ago ends by way of a signal to us. */
	do {
		r->at = ask;
		r->at.size = sizeof(r->at);
		ret = raw_attach(r->dev, &r->at);
	} while (ret == -EINTR && ++tries < 100);
	if (ret)
		return ret;
	r->fd = r->at.fd;
	return raw_map(r);
}

int raw_open(struct raw *r, const char *channel, uint32_t role)
{
	struct weir_attach ask = { .role = role };

	return raw_open_as(r, channel, ask);
}

/**
 * raw_close - unmap and close
 * @r: client; a child that inherited its descriptors keeps it alive
 */
void raw_close(struct raw *r)
{
	unsigned int i;

	raw_unmap(r);
	if (r->fd >= 0)
		close(r->fd);
	if (r->dev >= 0)
		close(r->dev);
	for (i = 0; i < 8; i++)
		free(r->free[i].addr);
	free(r->blocks);
	memset(r, 0, sizeof(*r));
	r->fd = -1;
	r->dev = -1;
}

int raw_detach(struct raw *r)
{
	return raw_ioctl(r->fd, WEIR_IOC_DETACH, NULL);
}

/* Is there something in it that only the ioctl takes, or refuses? */
static bool for_ioctl(const struct raw *r, uint32_t flags, uint32_t min)
{
	if (flags & ~(WEIR_ENTER_WAIT | WEIR_ENTER_SQ_WAIT))
		return true;
	return flags & WEIR_ENTER_WAIT ? !min || min > r->at.cq_entries : min;
}

/**
 * raw_enter - submit and wait, by the ioctl or as WEIR_VIA says
 */
int raw_enter(struct raw *r, uint32_t flags, uint32_t submit, uint32_t min,
	      uint64_t timeout_ns)
{
	struct weir_enter e = {
		.size = sizeof(e),
		.flags = flags,
		.to_submit = submit,
		.min_complete = min,
		.timeout_ns = timeout_ns,
	};

	if (via_uring() && !for_ioctl(r, flags, min))
		return via_enter(r, flags, submit, min, timeout_ns);
	return raw_ioctl(r->fd, WEIR_IOC_ENTER, &e);
}

static void list_push(struct raw_list *l, uint64_t addr)
{
	if (l->nr == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->addr = realloc(l->addr, l->room * sizeof(*l->addr));
		if (!l->addr)
			abort();
	}
	l->addr[l->nr++] = addr;
}

static void own(struct raw *r, uint64_t addr, uint32_t cls)
{
	uint64_t step = r->at.class_size[cls], off = r->at.block_size[cls];

	r->blocks = realloc(r->blocks, (r->nr_blocks + 1) * sizeof(*r->blocks));
	if (!r->blocks)
		abort();
	r->blocks[r->nr_blocks++] = (struct raw_block){ addr, cls };
	/* The lowest on top: buffers are used in the order of their place. */
	while (off >= step) {
		off -= step;
		list_push(&r->free[cls], addr + off);
	}
}

/**
 * raw_grant_in - get one block and add its buffers to the free ones
 * @r: client
 * @cls: class index
 * @flags: WEIR_GRANT_*
 * @timeout_ns: as in the ioctl
 * @addr: if not NULL, the block's place
 *
 * Return: 1, or 0 if a completion came first, or a negative errno.
 */
int raw_grant_in(struct raw *r, uint32_t cls, uint32_t flags, uint64_t timeout_ns,
		 uint64_t *addr)
{
	struct weir_grant g = {
		.size = sizeof(g),
		.flags = flags,
		.class_idx = cls,
		.count = 1,
		.timeout_ns = timeout_ns,
	};
	int ret = raw_ioctl(r->fd, WEIR_IOC_GRANT, &g);

	if (ret)
		return ret;
	if (!g.count)
		return 0;
	own(r, g.addr[0], cls);
	if (addr)
		*addr = g.addr[0];
	return 1;
}

int raw_grant(struct raw *r, uint32_t cls, uint32_t flags, uint64_t *addr)
{
	return raw_grant_in(r, cls, flags, RAW_PATIENCE, addr);
}

/**
 * raw_giveback - give a block back; its buffers are forgotten if it worked
 */
int raw_giveback(struct raw *r, uint64_t addr)
{
	struct weir_giveback g = { .size = sizeof(g), .addr = addr };
	int ret = raw_ioctl(r->fd, WEIR_IOC_GIVEBACK, &g);
	struct raw_list *l;
	uint64_t end;
	size_t i, j, k;

	if (ret)
		return ret;
	for (i = 0; i < r->nr_blocks && r->blocks[i].addr != addr; i++)
		;
	if (i == r->nr_blocks)
		return 0;
	l = &r->free[r->blocks[i].cls];
	end = addr + r->at.block_size[r->blocks[i].cls];
	for (j = k = 0; j < l->nr; j++) {
		if (l->addr[j] < addr || l->addr[j] >= end)
			l->addr[k++] = l->addr[j];
	}
	l->nr = k;
	r->blocks[i] = r->blocks[--r->nr_blocks];
	return 0;
}

int raw_settle(struct raw *r, uint64_t timeout_ns, struct weir_settle *s)
{
	memset(s, 0, sizeof(*s));
	s->size = sizeof(*s);
	s->timeout_ns = timeout_ns;
	return raw_ioctl(r->fd, WEIR_IOC_SETTLE, s);
}

int raw_claim(int fd)
{
	struct weir_claim c = { .size = sizeof(c) };

	return raw_ioctl(fd, WEIR_IOC_CLAIM, &c);
}

/**
 * raw_sqe - the next free submission slot, all zero
 *
 * Return: the slot, or NULL if the ring is full. raw_publish() shows it.
 */
struct weir_sqe *raw_sqe(struct raw *r)
{
	uint32_t head = __atomic_load_n(&r->ring->ksq_head, __ATOMIC_ACQUIRE);
	struct weir_sqe *sqe;

	if (r->tail - head >= r->at.sq_entries)
		return NULL;
	sqe = &r->sqes[r->tail++ & (r->at.sq_entries - 1)];
	memset(sqe, 0, sizeof(*sqe));
	return sqe;
}

void raw_publish(struct raw *r)
{
	__atomic_store_n(&r->ring->usq_tail, r->tail, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

uint32_t raw_pending(struct raw *r)
{
	return r->tail - __atomic_load_n(&r->ring->ksq_head, __ATOMIC_ACQUIRE);
}

/**
 * raw_submit - publish and enter for all that is in the ring, without sleep
 */
int raw_submit(struct raw *r)
{
	raw_publish(r);
	return raw_enter(r, 0, raw_pending(r), 0, 0);
}

/**
 * raw_class - index of the smallest class that holds a message
 */
uint32_t raw_class(const struct raw *r, uint32_t len)
{
	uint32_t cls = 0;

	while (cls + 1 < r->at.nr_class && r->at.class_size[cls] < len)
		cls++;
	return cls;
}

/**
 * raw_buf - take a free buffer, from a new block if need be
 */
int raw_buf(struct raw *r, uint32_t len, uint64_t *addr)
{
	uint32_t cls = raw_class(r, len);
	struct raw_list *l = &r->free[cls];
	int ret;

	while (!l->nr) {
		ret = raw_grant(r, cls, 0, NULL);
		if (ret < 0)
			return ret;
	}
	*addr = l->addr[--l->nr];
	return 0;
}

/**
 * raw_put - write a message and its entry; neither published nor submitted
 * @r: client
 * @data: @len bytes
 * @len: length
 * @sqe: if not NULL, the entry, to be changed further
 */
int raw_put(struct raw *r, const void *data, uint32_t len, struct weir_sqe **sqe)
{
	struct weir_sqe *s;
	uint64_t addr;
	int ret;

	if (raw_pending(r) >= r->at.sq_entries)
		return -EBUSY;
	ret = raw_buf(r, len, &addr);
	if (ret)
		return ret;
	s = raw_sqe(r);
	memcpy(r->rw + addr, data, len);
	s->op = WEIR_OP_SEND;
	s->len = len;
	s->addr = addr;
	if (sqe)
		*sqe = s;
	return 0;
}

/* raw_put() for a message that is a number. */
int raw_put_num(struct raw *r, uint64_t num, struct weir_sqe **sqe)
{
	return raw_put(r, &num, sizeof(num), sqe);
}

/**
 * raw_send - send one message, waiting for room
 *
 * Return: 0, or the error of ENTER; a refusal is a RESULT.
 */
int raw_send(struct raw *r, const void *data, uint32_t len)
{
	int ret = raw_put(r, data, len, NULL);

	if (ret)
		return ret;
	raw_publish(r);
	ret = raw_enter(r, WEIR_ENTER_SQ_WAIT, raw_pending(r), 0, RAW_PATIENCE);
	return ret < 0 ? ret : 0;
}

#define SHORT_NS	10000000ULL	/* of one sleep for room */

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* Frees completion slots, without losing a message or a result. */
static void reap_returns(struct raw *r)
{
	struct weir_cqe cqe;

	while (raw_unread(r) && r->cqes[r->head & (r->at.cq_entries - 1)].type ==
				WEIR_CQE_RETURN)
		raw_pop(r, &cqe);
}

/**
 * raw_send_nums - send messages of 8 bytes, a number each, in batches
 *
 * Waits for room, as long as it goes on. Buffers come back meanwhile, and a
 * client whose completion ring is full gets nothing done: so it sleeps in short
 * pieces.
 */
int raw_send_nums(struct raw *r, uint64_t first, unsigned int nr)
{
	uint64_t end = clock_ns() + RAW_PATIENCE;
	uint32_t before;
	int ret;

	while (nr || raw_pending(r)) {
		reap_returns(r);
		while (nr && raw_pending(r) < r->at.sq_entries) {
			ret = raw_put(r, &first, sizeof(first), NULL);
			if (ret)
				return ret;
			first++;
			nr--;
		}
		raw_publish(r);
		before = raw_pending(r);
		ret = raw_enter(r, WEIR_ENTER_SQ_WAIT, before, 0, SHORT_NS);
		if (ret < 0 && ret != -ETIME && ret != -EAGAIN)
			return ret;
		/* They may also have been taken without a call. */
		if (ret > 0 || raw_pending(r) != before)
			end = clock_ns() + RAW_PATIENCE;
		else if (clock_ns() > end)
			return ret < 0 ? ret : -ETIME;
		else if (ret == -EAGAIN)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return 0;
}

uint32_t raw_unread(struct raw *r)
{
	return __atomic_load_n(&r->ring->kcq_tail, __ATOMIC_ACQUIRE) - r->head;
}

static void recycle(struct raw *r, uint64_t addr)
{
	size_t i;

	for (i = 0; i < r->nr_blocks; i++) {
		const struct raw_block *b = &r->blocks[i];

		if (addr - b->addr < r->at.block_size[b->cls]) {
			list_push(&r->free[b->cls], addr);
			r->returned++;
			return;
		}
	}
	/* Not one of ours: the caller's count of returns will not fit. */
}

/**
 * raw_pop - read one completion; returned buffers are free again
 *
 * Return: whether there was one.
 */
bool raw_pop(struct raw *r, struct weir_cqe *cqe)
{
	unsigned int i;

	if (!raw_unread(r))
		return false;
	*cqe = r->cqes[r->head++ & (r->at.cq_entries - 1)];
	__atomic_store_n(&r->ring->ucq_head, r->head, __ATOMIC_RELEASE);
	if (cqe->type == WEIR_CQE_RETURN) {
		for (i = 0; i < cqe->nr && i < WEIR_VEC_MAX; i++)
			recycle(r, (uint64_t)cqe->buf[i] * r->at.buf_unit);
	}
	return true;
}

/**
 * raw_next_in - read the next message or result, sleeping for it
 * @r: client
 * @timeout_ns: of one sleep
 * @cqe: filled in
 */
int raw_next_in(struct raw *r, uint64_t timeout_ns, struct weir_cqe *cqe)
{
	int ret;

	for (;;) {
		while (raw_pop(r, cqe)) {
			if (cqe->type != WEIR_CQE_RETURN)
				return 0;
		}
		ret = raw_enter(r, WEIR_ENTER_WAIT, 0, 1, timeout_ns);
		if (ret < 0)
			return ret;
	}
}

int raw_next(struct raw *r, struct weir_cqe *cqe)
{
	return raw_next_in(r, RAW_PATIENCE, cqe);
}

/**
 * raw_wait_returns - read completions until so many buffers came back in all
 *
 * Return: 0, -EBADMSG if anything but a RETURN comes, or ENTER's error.
 */
int raw_wait_returns(struct raw *r, uint64_t nr)
{
	struct weir_cqe cqe;
	int ret;

	while (r->returned < nr) {
		if (!raw_pop(r, &cqe)) {
			ret = raw_enter(r, WEIR_ENTER_WAIT, 0, 1, RAW_PATIENCE);
			if (ret < 0)
				return ret;
			continue;
		}
		if (cqe.type != WEIR_CQE_RETURN)
			return -EBADMSG;
	}
	return 0;
}

/**
 * raw_num - the number in a message of raw_send_nums()
 *
 * Return: the number, or ~0 if the completion is no such message.
 */
uint64_t raw_num(const struct raw *r, const struct weir_cqe *cqe)
{
	uint64_t n;

	if (cqe->type != WEIR_CQE_MSG || cqe->len != sizeof(n))
		return ~0ULL;
	memcpy(&n, r->ro + cqe->addr, sizeof(n));
	return n;
}

/**
 * raw_put_answer - write an ACK, FAIL or RELEASE entry; not published
 */
struct weir_sqe *raw_put_answer(struct raw *r, uint8_t op, uint32_t delay_ms,
				const uint32_t *tokens, unsigned int nr)
{
	struct weir_sqe *sqe = raw_sqe(r);
	unsigned int i;

	if (!sqe)
		return NULL;
	sqe->op = op;
	sqe->delay_ms = delay_ms;
	sqe->nr = nr;
	for (i = 0; i < nr; i++)
		sqe->token[i] = tokens[i];
	return sqe;
}

/**
 * raw_answer - answer one message
 *
 * Return: 1, or the error of ENTER; -EBUSY the ring is full.
 */
int raw_answer(struct raw *r, uint8_t op, uint32_t delay_ms, uint32_t token)
{
	if (!raw_put_answer(r, op, delay_ms, &token, 1))
		return -EBUSY;
	return raw_submit(r);
}

int raw_ack(struct raw *r, uint32_t token)
{
	return raw_answer(r, WEIR_OP_ACK, 0, token);
}

/**
 * raw_work_off - acknowledge all messages that are there, one by one, and ask
 *	for more without sleep
 *
 * Return: how many there were, or the error of ENTER.
 */
int raw_work_off(struct raw *r)
{
	struct weir_cqe cqe;
	int ret, nr = 0;

	while (!(ret = raw_next_in(r, RAW_NEVER, &cqe))) {
		if (cqe.type != WEIR_CQE_MSG)
			continue;
		ret = raw_ack(r, cqe.token);
		if (ret < 0)
			return ret;
		nr++;
	}
	return ret == -ETIME ? nr : ret;
}

/**
 * raw_reject - reject one message, with as many slots as its reason needs
 */
int raw_reject(struct raw *r, uint32_t token, const char *reason)
{
	size_t len = strlen(reason), done = WEIR_REASON_HEAD, n;
	struct weir_sqe *sqe, *more;

	sqe = raw_sqe(r);
	if (!sqe)
		return -EBUSY;
	sqe->op = WEIR_OP_REJECT;
	sqe->len = len;
	sqe->rtoken = token;
	memcpy(sqe->reason, reason, len < done ? len : done);
	for (; done < len; done += n) {
		more = raw_sqe(r);
		if (!more)
			return -EBUSY;
		n = len - done < sizeof(*more) ? len - done : sizeof(*more);
		memcpy(more, reason + done, n);
		sqe->nr++;
	}
	return raw_submit(r);
}

/**
 * raw_result - the next completion, which has to be a RESULT
 *
 * Return: 0 or -EBADMSG, or ENTER's error.
 */
int raw_result(struct raw *r, struct weir_cqe *cqe)
{
	int ret = raw_next(r, cqe);

	if (ret)
		return ret;
	return cqe->type == WEIR_CQE_RESULT ? 0 : -EBADMSG;
}
