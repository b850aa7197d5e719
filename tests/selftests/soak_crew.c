// SPDX-License-Identifier: GPL-2.0-only
/*
 * The processes of the soak. Each does its work until it is killed, and now and
 * then something that a process should not do.
 *
 * A number is marked before the store that publishes it and once more after, so
 * that whoever counts later knows of all but the few whose process died between.
 */
#include <liburing.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "soak.h"

#define GATHER	WEIR_VEC_MAX

struct crew {
	struct soak_slot *slot;
	uint64_t seed;
	struct raw r;
	bool open;
	uint32_t role;
	uint32_t chan, gen;
	uint32_t token[GATHER];
	struct soak_entry *entry[GATHER];
	unsigned int held;
	unsigned int full;	/* times in a row that there was no memory */
};

static uint32_t rnd(struct crew *c, uint32_t n)
{
	return chance(&c->seed) % n;
}

static bool one_in(struct crew *c, uint32_t n)
{
	return !rnd(c, n);
}

/* What a channel that goes, a limit or a signal may answer. */
static bool expected(int ret)
{
	switch (-ret) {
	case ESHUTDOWN:
	case ENODEV:
	case ENOENT:
	case ENXIO:
	case ENOBUFS:
	case ENOMEM:
	case EINTR:
	case EAGAIN:
	case ETIME:
	case EBUSY:
		return true;
	}
	return ret >= 0;
}

/* All at once would leave no processor to those who are to die. */
static void rest(struct crew *c)
{
	struct timespec t = { .tv_nsec = (50 + rnd(c, 350)) * MS };

	if (!one_in(c, 5))
		nanosleep(&t, NULL);
}

static void check(const char *what, int ret)
{
	if (!expected(ret))
		soak_wrong("%s: %s", what, strerror(-ret));
}

static void note_id(struct crew *c)
{
	c->slot->chan = c->chan;
	c->slot->gen = c->gen;
	__atomic_store_n(&c->slot->id[0], c->r.at.client_id, __ATOMIC_RELEASE);
}

static void forget(struct crew *c)
{
	__atomic_store_n(&c->slot->id[0], 0, __ATOMIC_RELEASE);
	c->open = false;
	c->held = 0;
	c->full = 0;
}

static void leave(struct crew *c)
{
	forget(c);
	raw_close(&c->r);
}

/* The channel as it is now; a message belongs to it if it was there all the while. */
static bool join(struct crew *c, uint32_t role)
{
	static const uint32_t rings[] = { 16, 64, 256, 512 };
	struct weir_attach ask = {
		.role = role,
		.sq_entries = rings[1 + rnd(c, 3)],
		.cq_entries = rings[rnd(c, 4)],
	};
	int ret;

	c->chan = rnd(c, SOAK_CHANS);
	c->gen = __atomic_load_n(&soak->chan[c->chan].gen, __ATOMIC_ACQUIRE);
	if (c->gen & 1)
		return false;
	ret = raw_open_as(&c->r, soak->chan[c->chan].name, ask);
	check("attach", ret);
	if (ret || !soak_attached(c->chan, c->gen)) {
		raw_close(&c->r);
		breathe();
		return false;
	}
	c->role = role;
	c->open = true;
	note_id(c);
	soak_count(attached);
	return true;
}

/* ---- sending ---- */

static uint32_t some_length(struct crew *c)
{
	uint32_t len = sizeof(struct soak_msg) + rnd(c, 200);

	if (one_in(c, 12))
		len += rnd(c, 7000);
	if (one_in(c, 60))
		len += rnd(c, SOAK_LEN_MAX - 8000);
	return len;
}

static bool numbered(const struct crew *c)
{
	return soak->chan[c->chan].kind != SOAK_FANOUT;
}

/* A new number, or none if the round has used all. */
static struct soak_entry *next_entry(struct crew *c, uint64_t *num)
{
	struct soak_entry *e;

	*num = __atomic_fetch_add(&soak->next, 1, __ATOMIC_RELAXED);
	if (*num >= SOAK_ROOM)
		return NULL;
	e = &soak->entry[*num];
	e->chan = c->chan;
	e->gen = c->gen;
	return e;
}

static int put_one(struct crew *c, struct soak_entry **e)
{
	uint32_t len = some_length(c);
	struct weir_sqe *sqe;
	uint64_t addr, num;
	int ret;

	if (raw_pending(&c->r) >= c->r.at.sq_entries)
		return -EBUSY;
	ret = raw_buf(&c->r, len, &addr);
	if (ret)
		return ret;
	*e = next_entry(c, &num);
	if (!*e)
		return -ENOBUFS;
	soak_fill(c->r.rw + addr, num, c->chan, c->gen, len);
	sqe = raw_sqe(&c->r);
	sqe->op = WEIR_OP_SEND;
	sqe->len = len;
	sqe->addr = addr;
	sqe->user_data = num;
	if (one_in(c, 4))
		sqe->key = 1 + rnd(c, 50);
	if (one_in(c, 20))
		sqe->defer_ms = numbered(c) ? rnd(c, 20) : 0;
	if (!numbered(c))
		sqe->key = 0;
	(*e)->sent = INTENDED;
	return 0;
}

static void see_result(struct crew *c, const struct weir_cqe *cqe)
{
	if (cqe->op == WEIR_OP_SEND && cqe->res < 0) {
		if (cqe->user_data >= SOAK_ROOM)
			soak_wrong("a result for number %llu",
				   (unsigned long long)cqe->user_data);
		else
			soak->entry[cqe->user_data].sent = REFUSED;
		if (soak->chan[c->chan].kind == SOAK_STRICT)
			soak_wrong("send refused: %s", strerror(-cqe->res));
		soak_count(refused);
	} else if (cqe->res < 0 && soak->chan[c->chan].kind != SOAK_MORTAL) {
		soak_wrong("op %u: %s", cqe->op, strerror(-cqe->res));
	}
}

static void send_some(struct crew *c)
{
	struct soak_entry *e[16];
	unsigned int n = 1 + rnd(c, 16), i, put;
	int ret = 0;

	for (put = 0; put < n && !ret; put++)
		ret = put_one(c, &e[put]);
	put -= ret != 0;
	raw_publish(&c->r);
	for (i = 0; i < put; i++)
		e[i]->sent = PUBLISHED;
	__atomic_fetch_add(&soak->sent, put, __ATOMIC_RELAXED);
	check("send", ret);
	if (ret == -ENOBUFS || ret == -ENOMEM)
		c->full++;
	else if (!ret)
		c->full = 0;
	if (!(__atomic_load_n(&c->r.ring->kflags, __ATOMIC_RELAXED) & WEIR_RING_NEED_ENTER))
		return;
	ret = raw_enter(&c->r, WEIR_ENTER_SQ_WAIT, raw_pending(&c->r), 0, 20 * MS);
	check("enter", ret);
	if (ret == -ESHUTDOWN || c->full > 20)
		leave(c);
}

/* ---- working ---- */

/* Answers that are taken are published, and then they count. */
static void ack_held(struct crew *c)
{
	unsigned int i;

	if (!c->held)
		return;
	for (i = 0; i < c->held; i++)
		if (c->entry[i])
			__atomic_fetch_add(&c->entry[i]->meant, 1, __ATOMIC_RELAXED);
	if (!raw_put_answer(&c->r, WEIR_OP_ACK, 0, c->token, c->held)) {
		/* No place in the ring: they stay with us until we end. */
		c->held = 0;
		return;
	}
	raw_publish(&c->r);
	for (i = 0; i < c->held; i++)
		if (c->entry[i])
			__atomic_fetch_add(&c->entry[i]->acked, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&soak->acked, c->held, __ATOMIC_RELAXED);
	c->held = 0;
}

static void answer_otherwise(struct crew *c, uint32_t token)
{
	struct weir_sqe *sqe;
	uint32_t what = rnd(c, 20);

	if (what == 0) {
		if (raw_pending(&c->r) < c->r.at.sq_entries - 2 &&
		    raw_reject(&c->r, token, "not to my liking") >= 0)
			soak_count(rejected);
		return;
	}
	sqe = raw_put_answer(&c->r, what < 10 ? WEIR_OP_FAIL : WEIR_OP_RELEASE,
			     1 + rnd(c, 5), &token, 1);
	if (!sqe)
		return;
	raw_publish(&c->r);
	if (what < 10)
		soak_count(failed);
	else
		soak_count(released);
}

static void work_on(struct crew *c, const struct weir_cqe *cqe)
{
	struct soak_entry *e = NULL;

	if (numbered(c)) {
		e = soak_check(c->r.ro + cqe->addr, cqe->len, c->chan, c->gen);
		if (!e)
			return;
	}
	if (one_in(c, 30) && numbered(c)) {
		answer_otherwise(c, cqe->token);
		return;
	}
	if (one_in(c, 200))
		return;		/* kept until the end */
	c->token[c->held] = cqe->token;
	c->entry[c->held++] = e;
	if (c->held == GATHER || one_in(c, 4))
		ack_held(c);
}

static void read_some(struct crew *c, unsigned int n)
{
	struct weir_cqe cqe;

	while (n-- && raw_pop(&c->r, &cqe)) {
		if (cqe.type == WEIR_CQE_MSG)
			work_on(c, &cqe);
		else if (cqe.type == WEIR_CQE_RESULT)
			see_result(c, &cqe);
	}
}

static void work_some(struct crew *c)
{
	int ret;

	read_some(c, 1 + rnd(c, 30));
	if (one_in(c, 2) || !raw_unread(&c->r))
		ack_held(c);
	ret = raw_enter(&c->r, WEIR_ENTER_WAIT, raw_pending(&c->r), 1,
			(1 + rnd(c, 50)) * MS);
	check("wait", ret);
	if (ret == -ESHUTDOWN)
		leave(c);
}

/* ---- what one should not do ---- */

/* Lives on with all that it inherited, until it is one of too many. */
static void grandchild(void)
{
	uint32_t at;

	if (fork())
		return;
	at = __atomic_fetch_add(&soak->grand_at, 1, __ATOMIC_RELAXED) % SOAK_GRAND;
	__atomic_store_n(&soak->grand[at], getpid(), __ATOMIC_RELEASE);
	soak_count(grandchildren);
	for (;;)
		pause();
}

/* A page of a buffer that is free and stays so, or NULL. */
static void *own_page(struct crew *c)
{
	uint64_t addr;

	if (!(c->role & RAW_SEND) || raw_buf(&c->r, 8192, &addr))
		return NULL;
	c->r.rw[addr] = 1;
	return c->r.rw + addr;
}

static void pin_by_pipe(struct crew *c)
{
	struct iovec iov = { own_page(c), 4096 };
	int end[2];

	if (!iov.iov_base || pipe2(end, O_NONBLOCK | O_CLOEXEC))
		return;
	if (vmsplice(end[1], &iov, 1, SPLICE_F_NONBLOCK) == 4096)
		soak_count(vmspliced);
	if (one_in(c, 2))
		grandchild();
	/* The pipe stays open: its page is pinned until the process is gone. */
}

static void pin_by_ring(struct crew *c)
{
	struct iovec iov = { own_page(c), 4096 };
	struct io_uring ring;

	if (!iov.iov_base || io_uring_queue_init(2, &ring, 0))
		return;
	if (!io_uring_register_buffers(&ring, &iov, 1))
		soak_count(registered);
	if (one_in(c, 2))
		grandchild();
}

static void pin_by_read(struct crew *c)
{
	void *p = own_page(c);
	int fd;

	fd = p ? open("/proc/self/exe", O_RDONLY | O_DIRECT | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	if (pread(fd, p, 4096, 0) == 4096)
		soak_count(direct);
	close(fd);
}

static void pin(struct crew *c)
{
	static void (*const how[])(struct crew *) = {
		pin_by_pipe, pin_by_ring, pin_by_read,
	};

	how[rnd(c, 3)](c);
}

/* What goes with a descriptor that is sent away. */
struct parcel {
	struct weir_attach at;
	uint32_t chan, gen;
};

static void pass_on(struct crew *c)
{
	char space[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {};
	struct parcel p = { c->r.at, c->chan, c->gen };
	struct iovec iov = { &p, sizeof(p) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = space, .msg_controllen = sizeof(space),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &c->r.fd, sizeof(int));
	ack_held(c);
	__atomic_store_n(&c->slot->id[0], 0, __ATOMIC_RELEASE);
	raw_unmap(&c->r);
	if (sendmsg(soak->pair[0], &msg, MSG_DONTWAIT) == sizeof(p))
		soak_count(passed);
	leave(c);
}

/* Rings away, the rest stays open for a while; what is held is held. */
static void half_way(struct crew *c)
{
	munmap(c->r.ring, c->r.at.len_rings);
	c->r.ring = NULL;
	soak_count(halfway);
	breathe();
	if (one_in(c, 2) && c->r.rw)
		munmap(c->r.rw, c->r.at.len_window);
	if (one_in(c, 2))
		close(c->r.dev);
	breathe();
	_exit(0);
}

static void detach(struct crew *c)
{
	if (!raw_detach(&c->r))
		soak_count(detached);
	leave(c);
}

/*
 * Only a block of which all buffers are known to be free: what a return that is
 * not read yet names may be granted anew, and would then be taken for free twice.
 */
static void give_back(struct crew *c)
{
	const struct raw_list *l;
	const struct raw_block *b;
	uint32_t size, nr = 0;
	size_t i;

	if (!c->r.nr_blocks)
		return;
	b = &c->r.blocks[rnd(c, c->r.nr_blocks)];
	l = &c->r.free[b->cls];
	size = c->r.at.block_size[b->cls];
	for (i = 0; i < l->nr; i++)
		nr += l->addr[i] - b->addr < size;
	if (nr == size / c->r.at.class_size[b->cls])
		check("give back", raw_giveback(&c->r, b->addr));
}

static void dump_core(void)
{
	soak_count(dumped);
	abort();
}

static void misbehave(struct crew *c)
{
	switch (rnd(c, 200)) {
	case 0:
		grandchild();
		break;
	case 1 ... 4:
		pin(c);
		break;
	case 5 ... 6:
		pass_on(c);
		break;
	case 7:
		half_way(c);
		break;
	case 8 ... 9:
		detach(c);
		break;
	case 10 ... 11:
		leave(c);
		break;
	case 12 ... 15:
		give_back(c);
		break;
	case 16:
		if (one_in(c, 2))
			dump_core();
		break;
	case 17:
		_exit(0);
	case 18 ... 60:
		breathe();
		break;
	}
}

/* ---- jobs ---- */

static void with_rings(struct crew *c, uint32_t role)
{
	for (;;) {
		while (!c->open)
			join(c, role);
		if (c->role & RAW_SEND && (c->role == RAW_SEND || one_in(c, 2)))
			send_some(c);
		if (c->open && c->role & RAW_WORK)
			work_some(c);
		else if (c->open)
			read_some(c, 64);
		if (c->open)
			misbehave(c);
		rest(c);
	}
}

/* Open the device file itself; the same rule as in join(). */
static int open_device(struct crew *c, int flags)
{
	int fd;

	c->chan = rnd(c, SOAK_CHANS - 1);	/* the last one is the fan-out */
	c->gen = __atomic_load_n(&soak->chan[c->chan].gen, __ATOMIC_ACQUIRE);
	if (c->gen & 1)
		return -EAGAIN;
	fd = raw_device(soak->chan[c->chan].name, flags);
	check("open", fd);
	if (fd >= 0 && !soak_attached(c->chan, c->gen)) {
		close(fd);
		fd = -EAGAIN;
	}
	return fd;
}

static void writer(struct crew *c)
{
	static char text[SOAK_LEN_MAX] __attribute__((aligned(8)));
	struct soak_entry *e;
	uint64_t num;
	uint32_t len;
	ssize_t ret;
	int fd = -1;

	for (;;) {
		while (fd < 0) {
			fd = open_device(c, O_WRONLY | (one_in(c, 2) ? O_NONBLOCK : 0));
			breathe();
		}
		len = some_length(c);
		e = next_entry(c, &num);
		if (!e) {
			breathe();
			continue;
		}
		soak_fill(text, num, c->chan, c->gen, len);
		e->sent = INTENDED;
		ret = write(fd, text, len);
		e->sent = ret == len ? PUBLISHED : REFUSED;
		if (ret == len)
			soak_count(written);
		else if (ret >= 0)
			soak_wrong("%zd bytes of %u written", ret, len);
		else
			check("write", -errno);
		if (one_in(c, 100) || (ret < 0 && errno == ESHUTDOWN)) {
			close(fd);
			fd = -1;
		}
		if (one_in(c, 300))
			grandchild();
		rest(c);
	}
}

static void reader(struct crew *c)
{
	static char text[2 * SOAK_LEN_MAX] __attribute__((aligned(8)));
	struct soak_entry *e = NULL;
	ssize_t ret;
	int fd = -1;

	for (;;) {
		while (fd < 0) {
			fd = open_device(c, O_RDONLY | O_NONBLOCK);
			breathe();
		}
		if (e)
			__atomic_fetch_add(&e->meant, 1, __ATOMIC_RELAXED);
		ret = read(fd, text, sizeof(text));
		if (ret < 0 && errno != EAGAIN) {
			check("read", -errno);
			e = NULL;
			close(fd);
			fd = -1;
			continue;
		}
		if (e)
			__atomic_fetch_add(&e->acked, 1, __ATOMIC_RELAXED);
		e = ret > 0 ? soak_check(text, ret, c->chan, c->gen) : NULL;
		if (ret > 0)
			soak_count(read);
		if (one_in(c, 100)) {
			e = NULL;
			close(fd);
			fd = -1;
		}
		if (one_in(c, 300))
			grandchild();
		if (ret < 0 || one_in(c, 4))
			rest(c);
	}
}

static bool receive(struct crew *c)
{
	char space[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct parcel p;
	struct iovec iov = { &p, sizeof(p) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = space, .msg_controllen = sizeof(space),
	};
	struct cmsghdr *cmsg;

	if (recvmsg(soak->pair[1], &msg, MSG_CMSG_CLOEXEC) != sizeof(p))
		return false;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		return false;
	memset(&c->r, 0, sizeof(c->r));
	memcpy(&c->r.fd, CMSG_DATA(cmsg), sizeof(int));
	c->r.dev = -1;
	c->r.at = p.at;
	c->chan = p.chan;
	c->gen = p.gen;
	c->role = p.at.role;
	return true;
}

/* Takes over what others sent away, in the middle of its work. */
static void keeper(struct crew *c)
{
	unsigned int n;
	int ret;

	for (;;) {
		if (!receive(c)) {
			rest(c);
			continue;
		}
		ret = raw_claim(c->r.fd);
		check("claim", ret);
		if (!ret)
			ret = raw_map(&c->r);
		if (!ret) {
			/* What was published and not taken yet stays published. */
			c->r.tail = c->r.ring->usq_tail;
			soak_count(claimed);
			c->open = true;
			note_id(c);
		}
		for (n = rnd(c, 50); c->open && n; n--) {
			if (c->role & RAW_WORK)
				work_some(c);
			else if (one_in(c, 2))
				send_some(c);
			else
				read_some(c, 10);
		}
		leave(c);
	}
}

/**
 * soak_crew - be one of the processes
 * @s: its place
 * @seed: of what it does
 */
void soak_crew(struct soak_slot *s, uint64_t seed)
{
	struct rlimit core = { 262144, 262144 };
	struct crew c = { .slot = s, .seed = seed | 1 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &core);
	setpriority(PRIO_PROCESS, 0, 5);
	c.r.fd = -1;
	if (one_in(&c, 4))
		setenv("WEIR_VIA", "uring", 1);
	switch (s->job) {
	case JOB_SENDER:
		with_rings(&c, RAW_SEND);
		break;
	case JOB_WORKER:
		with_rings(&c, RAW_WORK);
		break;
	case JOB_BOTH:
		with_rings(&c, RAW_BOTH);
		break;
	case JOB_WRITER:
		writer(&c);
		break;
	case JOB_READER:
		reader(&c);
		break;
	default:
		keeper(&c);
		break;
	}
	_exit(0);
}
