/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The smallest client of the ABI, for tests: every field can be reached and
 * set wrong. It shares nothing with the library, so that a mistake in one does
 * not hide the same mistake in the other.
 *
 * Functions return 0 or more, or a negative errno, unless said otherwise.
 */
#ifndef RAW_H
#define RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/weir.h>

#define RAW_SEND	(1U << 0)	/* WEIR_ROLE_SEND */
#define RAW_WORK	(1U << 1)	/* WEIR_ROLE_WORK */
#define RAW_BOTH	(RAW_SEND | RAW_WORK)

#define RAW_NEVER	(~0ULL)			/* timeout: do not sleep */
#define RAW_PATIENCE	20000000000ULL		/* ns until a test gives up */

struct raw_block {
	uint64_t addr;
	uint32_t cls;
};

struct raw_list {
	uint64_t *addr;
	size_t nr, room;
};

/**
 * struct raw - one client
 * @fd: the client. @dev: the device file it was attached through, or -1.
 * @at: what ATTACH answered.
 * @ring: @sqes: @cqes: @rw: @ro: mappings, or NULL.
 * @tail: entries filled in, published or not. @head: completions read.
 * @blocks: granted blocks. @free: their free buffers, by class.
 * @returned: buffers that came back so far.
 */
struct raw {
	int fd, dev;
	struct weir_attach at;
	struct weir_ring *ring;
	struct weir_sqe *sqes;
	struct weir_cqe *cqes;
	unsigned char *rw, *ro;
	uint32_t tail, head;
	struct raw_block *blocks;
	size_t nr_blocks;
	struct raw_list free[8];
	uint64_t returned;
};

int raw_device(const char *channel, int flags);
int raw_ioctl(int fd, unsigned long cmd, void *arg);
int raw_attach(int dev, struct weir_attach *at);

int raw_open(struct raw *r, const char *channel, uint32_t role);
int raw_open_as(struct raw *r, const char *channel, struct weir_attach ask);
int raw_map_rings(struct raw *r);
int raw_map(struct raw *r);
void raw_unmap(struct raw *r);
void raw_close(struct raw *r);
int raw_detach(struct raw *r);

int raw_enter(struct raw *r, uint32_t flags, uint32_t submit, uint32_t min,
	      uint64_t timeout_ns);
int raw_grant(struct raw *r, uint32_t cls, uint32_t flags, uint64_t *addr);
int raw_grant_in(struct raw *r, uint32_t cls, uint32_t flags, uint64_t timeout_ns,
		 uint64_t *addr);
int raw_giveback(struct raw *r, uint64_t addr);
int raw_settle(struct raw *r, uint64_t timeout_ns, struct weir_settle *s);
int raw_claim(int fd);

struct weir_sqe *raw_sqe(struct raw *r);
void raw_publish(struct raw *r);
uint32_t raw_pending(struct raw *r);
int raw_submit(struct raw *r);

uint32_t raw_class(const struct raw *r, uint32_t len);
int raw_buf(struct raw *r, uint32_t len, uint64_t *addr);
int raw_put(struct raw *r, const void *data, uint32_t len, struct weir_sqe **sqe);
int raw_put_num(struct raw *r, uint64_t num, struct weir_sqe **sqe);
int raw_send(struct raw *r, const void *data, uint32_t len);
int raw_send_nums(struct raw *r, uint64_t first, unsigned int nr);

uint32_t raw_unread(struct raw *r);
bool raw_pop(struct raw *r, struct weir_cqe *cqe);
int raw_next(struct raw *r, struct weir_cqe *cqe);
int raw_next_in(struct raw *r, uint64_t timeout_ns, struct weir_cqe *cqe);
int raw_wait_returns(struct raw *r, uint64_t nr);
uint64_t raw_num(const struct raw *r, const struct weir_cqe *cqe);

struct weir_sqe *raw_put_answer(struct raw *r, uint8_t op, uint32_t delay_ms,
				const uint32_t *tokens, unsigned int nr);
int raw_answer(struct raw *r, uint8_t op, uint32_t delay_ms, uint32_t token);
int raw_ack(struct raw *r, uint32_t token);
int raw_work_off(struct raw *r);
int raw_reject(struct raw *r, uint32_t token, const char *reason);
int raw_result(struct raw *r, struct weir_cqe *cqe);

#endif /* RAW_H */
