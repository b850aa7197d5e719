// SPDX-License-Identifier: LGPL-2.1 OR MIT
/*
 * What the library makes of completions of any kind: it must keep to its own
 * memory, hand out no more messages than came, and not go round for ever.
 *
 * The ioctls are answered here: ENTER publishes more completions of the input.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "fuzz.h"
#include "ring.h"

#define CQ	16
#define SQ	16
#define WINDOW	(1u << 20)
#define BLOCK	65536

static struct food food;
static struct weir_ring ring;
static struct weir_sqe sqes[SQ];
static struct weir_cqe cqes[CQ];
static char window[WINDOW];
static unsigned int granted, came, taken;

static void fill(struct weir_cqe *c)
{
	uint8_t how = eat_u8(&food);

	if (how & 1) {
		eat(&food, c, sizeof(*c));
		/* That much of the kernel's word is taken for granted. */
		if (c->type == WEIR_CQE_MSG)
			c->addr %= WINDOW;
	} else {
		memset(c, 0, sizeof(*c));
		c->type = how >> 1 & 3;
		c->nr = eat_u8(&food) & 15;
		c->len = eat_u8(&food);
		if (c->type == WEIR_CQE_RETURN)
			c->buf[0] = eat_u8(&food);
		else
			c->addr = eat_u32(&food) % WINDOW;
		if (c->type == WEIR_CQE_RESULT) {
			c->res = -(int)(eat_u8(&food) & 127);
			c->sqe_index = eat_u8(&food) & 31;
			c->op = how >> 4 & 7;
		}
	}
}

/* As the kernel does: never more than there is room for. */
static void more_completions(void)
{
	uint32_t room = CQ - (ring.kcq_tail - ring.ucq_head), n;

	for (n = eat_u8(&food) % (CQ + 1); n && room; n--, room--) {
		fill(&cqes[ring.kcq_tail % CQ]);
		came += cqes[ring.kcq_tail % CQ].type == WEIR_CQE_MSG;
		ring.kcq_tail++;
	}
	ring.kflags = eat_u8(&food) & (WEIR_RING_NEED_ENTER | WEIR_RING_RECALL);
	ring.ksq_head = ring.usq_tail - (eat_u8(&food) & 1 ?
		(ring.usq_tail - ring.ksq_head) / 2 : 0);
}

static int answer_grant(struct weir_grant *g)
{
	uint32_t i, n = eat_u8(&food) % 3;

	if (!n || g->count < n || granted + n > WINDOW / BLOCK) {
		errno = ENOBUFS;
		return -1;
	}
	for (i = 0; i < n; i++)
		g->addr[i] = (uint64_t)granted++ * BLOCK;
	g->count = n;
	return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	(void)fd;
	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	switch (request) {
	case WEIR_IOC_ENTER:
		more_completions();
		if (food.left)
			return 0;
		errno = ESHUTDOWN;
		return -1;
	case WEIR_IOC_GRANT:
		return answer_grant(arg);
	case WEIR_IOC_GIVEBACK:
		if (eat_u8(&food) & 1)
			return 0;
		errno = EBUSY;
		return -1;
	default:
		errno = ENOTTY;
		return -1;
	}
}

static void set_up(struct weir *w)
{
	static char own = 1;
	struct weir_attach a = {
		.nr_class = 2,
		.class_size = { 256, 1024 },
		.block_size = { BLOCK, BLOCK },
		.len_window = WINDOW,
		.buf_unit = WEIR_BUF_UNIT,
	};

	memset(w, 0, sizeof(*w));
	memset(&ring, 0, sizeof(ring));
	granted = 0;
	came = 0;
	taken = 0;
	w->fd = -1;
	w->ring = &ring;
	w->sqes = sqes;
	w->cqes = cqes;
	w->rw = window;
	w->ro = window;
	w->len_window = WINDOW;
	w->own = &own;
	w->sq_entries = SQ;
	w->cq_entries = CQ;
	w->message_max = 1024;
	w->nonblock = true;
	w->kept_max = CQ;
	w->kept = calloc(CQ, sizeof(*w->kept));
	if (!w->kept || weir_pool_init(w, &a))
		abort();
}

static void step(struct weir *w)
{
	struct weir_msg msg[4];
	char text[1024] = "";
	void *buf;
	int n;

	switch (eat_u8(&food) % 8) {
	case 0:
		weir_send(w, text, 1 + eat_u8(&food) * 4, NULL);
		break;
	case 1 ... 3:
		n = weir_recvmany(w, msg, 4, 0);
		if (n > 0)
			taken += n;
		if (n > 0 && eat_u8(&food) & 1)
			weir_ack(w, &msg[0]);
		else if (n > 0)
			weir_reject(w, &msg[0], text);
		break;
	case 4:
		if (!weir_loan(w, 100, &buf))
			weir_abort(w, buf);
		break;
	case 5:
		weir_submit(w);
		break;
	case 6:
		weir_ring_keep(w);
		break;
	case 7:
		more_completions();
		weir_ring_reap(w);
		break;
	}
	if (taken > came || w->nr_kept > w->kept_max ||
	    ring.kcq_tail - ring.ucq_head > CQ)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct weir w;
	unsigned int steps = 0;

	food = (struct food){ data, size };
	set_up(&w);
	while (food.left && steps++ < 300)
		step(&w);
	weir_pool_exit(&w);
	free(w.kept);
	return 0;
}
