// SPDX-License-Identifier: GPL-2.0-only
/* Mappings: what may be mapped and how, and which of its pages can be touched. */
#include <linux/io_uring.h>
#include <liburing.h>
#include <pthread.h>
#include <sys/uio.h>

#include "kselftest_harness.h"

#include "bed.h"

/* 16 blocks of 64 KiB: one client can come to own all of them. */
#define POOL_BYTES	(1 << 20)

CHANNEL_FIXTURE(windows, A_U32(WEIR_A_CHANNEL_MESSAGE_MAX, 65536),
		A_U32(WEIR_A_CHANNEL_INFLIGHT, 64),
		A_U64(WEIR_A_CHANNEL_MEMORY_MIN, 0),
		A_U64(WEIR_A_CHANNEL_MEMORY_MAX, POOL_BYTES))

/* An mmap that has to fail. Return: its errno, negative; 0 if it did not. */
static int try_map(int fd, uint64_t off, uint64_t len, int prot, int flags)
{
	void *p = mmap(NULL, len, prot, flags, fd, off);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, len);
	return 0;
}

TEST_F(windows, private_mappings_are_invalid)
{
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	EXPECT_EQ(-EINVAL, try_map(r.fd, r.at.off_rings, r.at.len_rings,
				   PROT_READ | PROT_WRITE, MAP_PRIVATE));
	EXPECT_EQ(-EINVAL, try_map(r.fd, r.at.off_rings, r.at.len_rings,
				   PROT_READ, MAP_PRIVATE));
	/* Small: a large one would be refused for another reason. */
	EXPECT_EQ(-EINVAL, try_map(r.fd, r.at.off_rw, 65536,
				   PROT_READ | PROT_WRITE, MAP_PRIVATE));
	EXPECT_EQ(-EINVAL, try_map(r.fd, r.at.off_ro, 65536,
				   PROT_READ, MAP_PRIVATE));
	raw_close(&r);
}

TEST_F(windows, mappings_stay_inside_their_region)
{
	const int prot = PROT_READ | PROT_WRITE;
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	EXPECT_EQ(-EINVAL, try_map(r.fd, r.at.off_rings, r.at.len_rings + 4096,
				   prot, MAP_SHARED));
	EXPECT_EQ(-EINVAL, try_map(r.fd, r.at.off_rings + r.at.len_rings, 4096,
				   prot, MAP_SHARED));
	EXPECT_EQ(-EINVAL, try_map(r.fd, r.at.off_rw, r.at.len_window + 4096,
				   prot, MAP_SHARED));
	EXPECT_EQ(-EINVAL, try_map(r.fd, r.at.off_ro, r.at.len_window + 4096,
				   PROT_READ, MAP_SHARED));
	EXPECT_EQ(-EINVAL, try_map(r.fd, 1ULL << 50, 4096, PROT_READ, MAP_SHARED));
	raw_close(&r);
}

TEST_F(windows, the_device_file_cannot_be_mapped)
{
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	EXPECT_EQ(-ENODEV, try_map(r.dev, 0, 4096, PROT_READ, MAP_SHARED));
	raw_close(&r);
}

TEST_F(windows, the_read_only_window_is_never_writable)
{
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	EXPECT_EQ(-EACCES, try_map(r.fd, r.at.off_ro, r.at.len_window,
				   PROT_READ | PROT_WRITE, MAP_SHARED));
	EXPECT_EQ(-EACCES, try_map(r.fd, r.at.off_ro, r.at.len_window,
				   PROT_WRITE, MAP_SHARED));
	EXPECT_EQ(-1, mprotect(r.ro, 4096, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, mprotect(r.ro, 4096, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	raw_close(&r);
}

TEST_F(windows, each_role_has_its_own_window)
{
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	EXPECT_EQ(-EACCES, try_map(s.fd, s.at.off_ro, s.at.len_window,
				   PROT_READ, MAP_SHARED));
	EXPECT_EQ(-EACCES, try_map(w.fd, w.at.off_rw, w.at.len_window,
				   PROT_READ | PROT_WRITE, MAP_SHARED));
	EXPECT_EQ(-EACCES, try_map(w.fd, w.at.off_rw, w.at.len_window,
				   PROT_READ, MAP_SHARED));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(windows, only_own_blocks_can_be_touched)
{
	uint64_t mine, theirs;
	struct raw r, other;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&other, self->name, RAW_SEND));
	ASSERT_EQ(1, raw_grant(&r, 0, 0, &mine));
	ASSERT_EQ(1, raw_grant(&other, 0, 0, &theirs));
	ASSERT_NE(mine, theirs);
	EXPECT_EQ(0, touch_write(r.rw + mine, 1));
	EXPECT_EQ(0, touch_write(r.rw + mine + 65535, 1));
	EXPECT_EQ(0, touch_write(other.rw + theirs, 2));
	EXPECT_EQ(SIGBUS, touch_read(r.rw + theirs));
	EXPECT_EQ(SIGBUS, touch_write(r.rw + theirs, 3));
	EXPECT_EQ(SIGBUS, touch_read(other.rw + mine));
	EXPECT_EQ(SIGBUS, touch_read(r.rw + r.at.len_window - 1));
	EXPECT_EQ(SIGBUS, touch_read(r.rw + r.at.len_window / 2 + 12345));
	EXPECT_EQ(2, other.rw[theirs]);
	raw_close(&r);
	raw_close(&other);
}

TEST_F(windows, workers_read_in_place_and_see_no_other_memory)
{
	struct weir_cqe cqe;
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	EXPECT_EQ(SIGBUS, touch_read(w.ro));
	ASSERT_EQ(0, raw_send(&s, "in place", 8));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(0, memcmp(w.ro + cqe.addr, "in place", 8));
	EXPECT_EQ(SIGSEGV, touch_write(w.ro + cqe.addr, 'X'));
	EXPECT_EQ(SIGBUS, touch_read(w.ro + w.at.len_window - 1));
	EXPECT_EQ(1, raw_ack(&w, cqe.token));
	raw_close(&s);
	raw_close(&w);
}

TEST_F(windows, a_block_given_back_is_gone_and_comes_back_as_zeros)
{
	struct raw a, b, w;
	uint64_t addr, got;
	int i;

	ASSERT_EQ(0, raw_open(&a, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&b, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(1, raw_grant(&a, 0, 0, &addr));
	EXPECT_TRUE(all_zero(a.rw + addr, 65536));
	memset(a.rw + addr, 0xa5, 65536);
	EXPECT_EQ(0, touch_read(w.ro + addr));
	ASSERT_EQ(0, raw_giveback(&a, addr));
	EXPECT_EQ(SIGBUS, touch_read(a.rw + addr));
	EXPECT_EQ(SIGBUS, touch_write(a.rw + addr, 1));
	/* The next owner gets every block there is, that one among them. */
	for (i = 0; i < POOL_BYTES / 65536; i++) {
		ASSERT_EQ(1, raw_grant(&b, 0, WEIR_GRANT_WAIT, &got));
		EXPECT_TRUE(all_zero(b.rw + got, 65536));
	}
	EXPECT_EQ(-ENOBUFS, raw_grant(&b, 0, 0, NULL));
	EXPECT_EQ(SIGBUS, touch_read(a.rw + addr));
	raw_close(&a);
	raw_close(&b);
	raw_close(&w);
}

TEST_F(windows, parts_of_a_window_are_revoked_like_the_whole)
{
	unsigned char *part[2];
	uint64_t addr;
	struct raw r;
	int i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	ASSERT_EQ(1, raw_grant(&r, 0, 0, &addr));
	for (i = 0; i < 2; i++) {
		part[i] = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, r.fd,
			       r.at.off_rw + addr);
		ASSERT_NE(MAP_FAILED, part[i]);
	}
	r.rw[addr + 5] = 55;
	EXPECT_EQ(55, part[0][5]);
	part[1][6] = 66;
	EXPECT_EQ(66, r.rw[addr + 6]);
	ASSERT_EQ(0, raw_giveback(&r, addr));
	EXPECT_EQ(SIGBUS, touch_read(part[0] + 5));
	EXPECT_EQ(SIGBUS, touch_write(part[1] + 5, 1));
	EXPECT_EQ(SIGBUS, touch_read(r.rw + addr + 5));
	for (i = 0; i < 2; i++)
		munmap(part[i], 65536);
	raw_close(&r);
}

/* Takes the whole pool and fills it. Return: blocks. */
static int take_all(struct raw *r, unsigned char fill)
{
	uint64_t addr;
	int n = 0;

	while (raw_grant(r, 3, 0, &addr) == 1) {
		memset(r->rw + addr, fill, 65536);
		n++;
	}
	return n;
}

/* Return: blocks of which some byte is not as it was filled. */
static int spoiled(struct raw *r, unsigned char fill)
{
	size_t i, j;
	int bad = 0;

	for (i = 0; i < r->nr_blocks; i++) {
		for (j = 0; j < 65536 && r->rw[r->blocks[i].addr + j] == fill; j++)
			;
		bad += j < 65536;
	}
	return bad;
}

/* A pin outlives the unmapping; what is written through it must hit nobody. */
TEST_F(windows, pin_then_revoke)
{
	struct io_uring ring;
	struct io_uring_cqe *done;
	struct raw a, b;
	struct iovec iov;
	uint64_t addr;
	int file, ret;

	ASSERT_EQ(0, raw_open(&a, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&b, self->name, RAW_SEND));
	ASSERT_EQ(1, raw_grant(&a, 3, 0, &addr));
	memset(a.rw + addr, 1, 65536);
	ret = io_uring_queue_init(4, &ring, 0);
	if (ret < 0)
		SKIP(return, "no io_uring: %s", strerror(-ret));
	iov = (struct iovec){ a.rw + addr, 65536 };
	ASSERT_EQ(0, io_uring_register_buffers(&ring, &iov, 1));
	ASSERT_EQ(0, raw_giveback(&a, addr));
	/* It stays in the pool's account, so pins cannot take more than that. */
	EXPECT_EQ(1, POOL(self->name, PINNED));
	EXPECT_EQ(65536, POOL(self->name, USED));
	ASSERT_EQ(POOL_BYTES / 65536 - 1, take_all(&b, 2));

	file = memfd_create("source", 0);
	ASSERT_GE(file, 0);
	for (ret = 0; ret < 16; ret++)
		ASSERT_EQ(4096, write(file, memset(malloc(4096), 0xcc, 4096), 4096));
	io_uring_prep_read_fixed(io_uring_get_sqe(&ring), file, a.rw + addr, 65536, 0, 0);
	ASSERT_EQ(1, io_uring_submit_and_wait(&ring, 1));
	ASSERT_EQ(0, io_uring_peek_cqe(&ring, &done));
	/* It may work: the memory is nobody's. */
	EXPECT_EQ(65536, done->res);
	EXPECT_EQ(0, spoiled(&b, 2));
	io_uring_queue_exit(&ring);
	EXPECT_EQ(0, spoiled(&b, 2));
	/* The pin goes, if not at once; then it can be granted, and is zero. */
	ASSERT_TRUE(WAIT_FOR(raw_grant(&b, 3, 0, &addr) == 1));
	EXPECT_EQ(0, b.rw[addr]);
	EXPECT_EQ(0, memcmp(b.rw + addr, b.rw + addr + 1, 65535));
	raw_close(&a);
	raw_close(&b);
}

/* The same for one who can still read: the next owner's bytes stay unseen. */
TEST_F(windows, a_pipe_that_holds_a_page_sees_nothing_of_its_next_owner)
{
	unsigned char page[4096];
	struct iovec iov;
	struct raw a, b;
	uint64_t addr;
	int p[2];

	ASSERT_EQ(0, raw_open(&a, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&b, self->name, RAW_SEND));
	ASSERT_EQ(1, raw_grant(&a, 3, 0, &addr));
	memset(a.rw + addr, 1, 65536);
	ASSERT_EQ(0, pipe(p));
	iov = (struct iovec){ a.rw + addr, 4096 };
	ASSERT_EQ(4096, vmsplice(p[1], &iov, 1, 0));
	ASSERT_EQ(0, raw_giveback(&a, addr));
	ASSERT_EQ(POOL_BYTES / 65536 - 1, take_all(&b, 2));
	ASSERT_EQ(4096, read(p[0], page, sizeof(page)));
	EXPECT_EQ(NULL, memchr(page, 2, sizeof(page)));
	ASSERT_TRUE(WAIT_FOR(raw_grant(&b, 3, 0, &addr) == 1));
	EXPECT_TRUE(all_zero(b.rw + addr, 65536));
	raw_close(&a);
	raw_close(&b);
}

TEST_F(windows, the_read_only_window_cannot_be_pinned_for_writing)
{
	struct io_uring ring;
	struct weir_cqe cqe;
	struct iovec iov;
	struct raw s, w;
	int ret;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(0, raw_send(&s, "x", 1));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	ret = io_uring_queue_init(4, &ring, 0);
	if (ret < 0)
		SKIP(return, "no io_uring: %s", strerror(-ret));
	iov = (struct iovec){ w.ro + (cqe.addr & ~4095ULL), 4096 };
	EXPECT_EQ(-EFAULT, io_uring_register_buffers(&ring, &iov, 1));
	io_uring_queue_exit(&ring);
	raw_close(&s);
	raw_close(&w);
}

struct racer {
	unsigned char *volatile at;
	volatile bool stop;
	volatile unsigned long hits;
	unsigned long misses;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	unsigned int i = 0;

	while (!r->stop) {
		if (touch_write(r->at + (i++ % 16) * 4096, 0xee))
			r->misses++;
		else
			r->hits++;
	}
	return NULL;
}

/* Whatever the threads do: once GIVEBACK is back, nothing is mapped. */
TEST_F(windows, fault_against_revocation)
{
	uint64_t addr, end, i, nr = 0, dirty = 0, open = 0, seed = seed_from_env();
	struct racer r[2] = { 0 };
	unsigned long hits;
	struct raw a, b;
	pthread_t t[2];

	ASSERT_EQ(0, raw_open(&a, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&b, self->name, RAW_SEND));
	for (i = 0; i < 2; i++) {
		r[i].at = a.rw;
		ASSERT_EQ(0, pthread_create(&t[i], NULL, race, &r[i]));
	}
	for (end = now_ns() + 4 * SECOND; now_ns() < end; nr++) {
		ASSERT_EQ(1, raw_grant(&a, 3, WEIR_GRANT_WAIT, &addr));
		r[0].at = a.rw + addr;
		r[1].at = a.rw + addr;
		/* Give it back before, amid or after their first touches. */
		hits = r[0].hits + r[1].hits + chance(&seed) % 20;
		if (nr % 4)
			WAIT_FOR(r[0].hits + r[1].hits >= hits);
		ASSERT_EQ(0, raw_giveback(&a, addr));
		for (i = 0; i < 16; i++)
			open += touch_write(a.rw + addr + i * 4096, 0xee) == 0;
		ASSERT_EQ(1, raw_grant(&b, 3, WEIR_GRANT_WAIT, &addr))
			TH_LOG("after %ju: the clients' account %ju and %ju, pool used %ju, pinned %ju",
			       (uintmax_t)nr,
			       (uintmax_t)client_num(self->name, a.at.client_id, WEIR_A_CLIENT_MEMORY),
			       (uintmax_t)client_num(self->name, b.at.client_id, WEIR_A_CLIENT_MEMORY),
			       (uintmax_t)POOL(self->name, USED),
			       (uintmax_t)POOL(self->name, PINNED));
		dirty += !all_zero(b.rw + addr, 65536);
		ASSERT_EQ(0, raw_giveback(&b, addr));
	}
	for (i = 0; i < 2; i++) {
		r[i].stop = true;
		pthread_join(t[i], NULL);
	}
	TH_LOG("%ju revocations, %lu touches hit, %lu missed", (uintmax_t)nr,
	       r[0].hits + r[1].hits, r[0].misses + r[1].misses);
	EXPECT_GT(r[0].hits + r[1].hits, 0);
	EXPECT_EQ(0, open);
	EXPECT_EQ(0, dirty);
	raw_close(&a);
	raw_close(&b);
}

TEST_F(windows, a_forked_child_has_no_mapping_and_no_say)
{
	struct weir_settle settle;
	uint64_t addr;
	struct raw r;
	struct kid k;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(1, raw_grant(&r, 0, 0, &addr));
	r.rw[addr] = 1;
	if (kid_fork(&k)) {
		EXPECT_EQ(SIGSEGV, touch_read(r.rw + addr));
		EXPECT_EQ(SIGSEGV, touch_read(r.ro + addr));
		EXPECT_EQ(SIGSEGV, touch_read(r.ring));
		EXPECT_EQ(-EBUSY, raw_enter(&r, 0, 0, 0, 0));
		EXPECT_EQ(-EBUSY, raw_grant(&r, 0, 0, NULL));
		EXPECT_EQ(-EBUSY, raw_giveback(&r, addr));
		EXPECT_EQ(-EBUSY, raw_settle(&r, RAW_NEVER, &settle));
		EXPECT_EQ(-EBUSY, raw_detach(&r));
		EXPECT_EQ(-EBUSY, try_map(r.fd, r.at.off_rings, r.at.len_rings,
					  PROT_READ | PROT_WRITE, MAP_SHARED));
		EXPECT_EQ(-EBUSY, raw_claim(r.fd));
		_exit(0);
	}
	EXPECT_EQ(0, kid_end(&k));
	/* Its end was none of the client's business. */
	EXPECT_EQ(0, raw_enter(&r, 0, 0, 0, 0));
	EXPECT_EQ(1, r.rw[addr]);
	raw_close(&r);
}

TEST_F(windows, a_claim_makes_the_child_the_holder)
{
	struct weir_cqe cqe;
	struct raw r;
	struct kid k;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_send_nums(&r, 5, 1));
	raw_unmap(&r);
	if (kid_fork(&k)) {
		ASSERT_EQ(0, raw_claim(r.fd));
		ASSERT_EQ(0, raw_map(&r));
		ASSERT_EQ(0, raw_next(&r, &cqe));
		EXPECT_EQ(5, raw_num(&r, &cqe));
		EXPECT_EQ(1, raw_ack(&r, cqe.token));
		ASSERT_EQ(0, raw_send_nums(&r, 6, 1));
		kid_say(&k, 'c');
		kid_hold(&k);
	}
	ASSERT_EQ('c', kid_hear(&k));
	EXPECT_EQ(k.pid, client_num(self->name, r.at.client_id, WEIR_A_CLIENT_PID));
	EXPECT_EQ(-EBUSY, raw_enter(&r, 0, 0, 0, 0));
	EXPECT_EQ(-EBUSY, raw_map_rings(&r));
	/* Now it is the child's death that counts. */
	EXPECT_EQ(SIGKILL, kid_kill(&k));
	EXPECT_EQ(1, STAT(self->name, DEATHS));
	EXPECT_EQ(-ESHUTDOWN, raw_enter(&r, 0, 0, 0, 0));
	EXPECT_EQ(-ESHUTDOWN, raw_claim(r.fd));
	raw_close(&r);
}

TEST_F(windows, a_claim_is_checked)
{
	struct weir_claim c = { .size = sizeof(c), .flags = 1 };
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	EXPECT_EQ(-EINVAL, raw_ioctl(r.fd, WEIR_IOC_CLAIM, &c));
	c = (struct weir_claim){ .size = 0 };
	EXPECT_EQ(-EINVAL, raw_ioctl(r.fd, WEIR_IOC_CLAIM, &c));
	EXPECT_EQ(-EFAULT, raw_ioctl(r.fd, WEIR_IOC_CLAIM, NULL));
	/* By the holder itself: nothing changes. */
	raw_claim(r.fd);
	EXPECT_EQ(0, raw_enter(&r, 0, 0, 0, 0));
	raw_close(&r);
}

TEST_HARNESS_MAIN
