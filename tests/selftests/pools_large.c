// SPDX-License-Identifier: GPL-2.0-only
/* Messages up to 16 MiB: memory in several pieces that is one to its users. */
#include <liburing.h>
#include <sys/uio.h>

#include "kselftest_harness.h"

#include "bed.h"

#define MIB		(1UL << 20)
#define LARGEST		(16 * MIB)
#define CLASS_4M	5
#define CLASS_16M	6

CHANNEL_FIXTURE(large, A_U32(WEIR_A_CHANNEL_MESSAGE_MAX, LARGEST),
		A_U64(WEIR_A_CHANNEL_MEMORY_MIN, 0),
		A_U64(WEIR_A_CHANNEL_MEMORY_MAX, 3 * LARGEST),
		A_U32(WEIR_A_CHANNEL_POOL_LOW, 0))

static unsigned char *pattern(size_t len, uint64_t seed)
{
	uint64_t *p = malloc(len + 8);
	size_t i;

	for (i = 0; i < len / 8 + 1; i++)
		p[i] = seed + i * 0x9e3779b97f4a7c15ULL;
	return (unsigned char *)p;
}

TEST_F(large, every_byte_arrives)
{
	static const uint32_t sizes[] = {
		MIB + 1, 3 * MIB, 4 * MIB, 4 * MIB + 1, 6220800, LARGEST - 1, LARGEST,
	};
	unsigned char *data;
	struct weir_cqe cqe;
	struct raw s, w;
	size_t i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	EXPECT_EQ(LARGEST, s.at.message_max);
	EXPECT_EQ(4 * MIB, s.at.class_size[CLASS_4M]);
	EXPECT_EQ(LARGEST, s.at.class_size[CLASS_16M]);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		data = pattern(sizes[i], i);
		ASSERT_EQ(0, raw_send(&s, data, sizes[i]));
		ASSERT_EQ(0, raw_next(&w, &cqe));
		ASSERT_EQ(sizes[i], cqe.len);
		EXPECT_EQ(0, memcmp(w.ro + cqe.addr, data, sizes[i]))
			TH_LOG("size %u", sizes[i]);
		ASSERT_EQ(1, raw_ack(&w, cqe.token));
		ASSERT_EQ(0, raw_wait_returns(&s, i + 1));
		free(data);
	}
	raw_close(&s);
	raw_close(&w);
}

TEST_F(large, four_buffers_to_a_block_and_no_more)
{
	uint64_t addr;
	struct raw s;
	int i;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, raw_buf(&s, 4 * MIB, &addr));
		EXPECT_EQ(0, addr % (4 * MIB));
	}
	EXPECT_EQ(1, s.nr_blocks);
	EXPECT_EQ(LARGEST, POOL(self->name, USED));
	ASSERT_EQ(0, raw_buf(&s, 4 * MIB, &addr));
	EXPECT_EQ(2, s.nr_blocks);
	raw_close(&s);
}

TEST_F(large, beyond_the_largest_is_refused)
{
	struct weir_sqe *sqe;
	struct weir_cqe cqe;
	struct raw s;
	int fd;

	EXPECT_EQ(-EINVAL, chan_set(self->name, ATTRS(A_U32(WEIR_A_CHANNEL_MESSAGE_MAX,
							    LARGEST + 1))));
	EXPECT_NE(NULL, strstr(nl_last.text, "16777217")) TH_LOG("%s", nl_last.text);
	EXPECT_NE(NULL, strstr(nl_last.text, "16777216")) TH_LOG("%s", nl_last.text);
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_put(&s, "x", 1, &sqe));
	sqe->len = LARGEST + 1;
	ASSERT_EQ(1, raw_submit(&s));
	ASSERT_EQ(0, raw_result(&s, &cqe));
	EXPECT_EQ(-EMSGSIZE, cqe.res);
	/* Neither over the edge of the buffer. */
	ASSERT_EQ(0, raw_put(&s, pattern(5 * MIB, 1), 5 * MIB, &sqe));
	sqe->addr += 1;
	sqe->len = LARGEST;
	ASSERT_EQ(1, raw_submit(&s));
	ASSERT_EQ(0, raw_result(&s, &cqe));
	EXPECT_EQ(-EFAULT, cqe.res);
	fd = raw_device(self->name, O_RDWR);
	EXPECT_EQ(-1, write(fd, pattern(LARGEST + 8, 1), LARGEST + 1));
	EXPECT_EQ(EMSGSIZE, errno);
	close(fd);
	raw_close(&s);
}

TEST_F(large, write_and_read_copy_all_of_it)
{
	unsigned char *data = pattern(LARGEST, 3), *got = calloc(1, LARGEST);
	int fd = raw_device(self->name, O_RDWR | O_NONBLOCK);
	char *hole;

	ASSERT_EQ(LARGEST, write(fd, data, LARGEST));
	EXPECT_EQ(-1, read(fd, got, LARGEST - 1));
	EXPECT_EQ(EMSGSIZE, errno);
	ASSERT_EQ(LARGEST, read(fd, got, LARGEST));
	EXPECT_EQ(0, memcmp(data, got, LARGEST));
	EXPECT_EQ(0, fsync(fd));
	/* A fault in the middle takes and gives nothing. */
	hole = mmap(NULL, LARGEST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_EQ(0, mprotect(hole + LARGEST / 2, 4096, PROT_NONE));
	EXPECT_EQ(-1, write(fd, hole, LARGEST));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(LARGEST, write(fd, data, LARGEST));
	EXPECT_EQ(-1, read(fd, hole, LARGEST));
	EXPECT_EQ(EFAULT, errno);
	memset(got, 0, LARGEST);
	ASSERT_EQ(LARGEST, read(fd, got, LARGEST));
	EXPECT_EQ(0, memcmp(data, got, LARGEST));
	EXPECT_EQ(0, fsync(fd));
	EXPECT_EQ(2, STAT(self->name, ACCEPTED));
	close(fd);
}

/* KiB of the mapping at an address that are mapped by whole page tables. */
static long huge_kib(const void *at)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long from, to;
	long kib = -1, n;
	bool in = false;
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			in = from <= (uintptr_t)at && (uintptr_t)at < to;
		else if (in && sscanf(line, "FilePmdMapped: %ld", &n) == 1)
			kib = n;
	}
	if (f)
		fclose(f);
	return kib;
}

TEST_F(large, a_block_is_revoked_whole_and_comes_back_as_zeros)
{
	struct raw a, b, w;
	uint64_t addr, got;
	size_t at;
	int i;

	ASSERT_EQ(0, raw_open(&a, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&b, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	ASSERT_EQ(1, raw_grant(&a, CLASS_16M, 0, &addr));
	EXPECT_EQ(0, addr % LARGEST);
	EXPECT_TRUE(all_zero(a.rw + addr, LARGEST));
	memset(a.rw + addr, 0xa5, LARGEST);
	TH_LOG("%ld KiB mapped by 2 MiB", huge_kib(a.rw + addr));
	for (at = 0; at < LARGEST; at += 65536) {
		EXPECT_EQ(0, touch_read(w.ro + addr + at));
		EXPECT_EQ(SIGBUS, touch_read(b.rw + addr + at));
	}
	ASSERT_EQ(0, raw_giveback(&a, addr));
	for (at = 0; at < LARGEST; at += 65536) {
		EXPECT_EQ(SIGBUS, touch_read(a.rw + addr + at));
		EXPECT_EQ(SIGBUS, touch_write(a.rw + addr + at, 1));
		EXPECT_EQ(SIGBUS, touch_read(w.ro + addr + at));
	}
	EXPECT_EQ(0, POOL(self->name, PINNED));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(1, raw_grant(&b, CLASS_16M, 0, &got));
		EXPECT_TRUE(all_zero(b.rw + got, LARGEST));
	}
	EXPECT_EQ(-ENOBUFS, raw_grant(&b, 0, 0, NULL));
	raw_close(&a);
	raw_close(&b);
	raw_close(&w);
}

/* One page in the middle holds back the whole. */
TEST_F(large, a_pin_holds_the_block_until_it_goes)
{
	struct io_uring ring;
	struct raw a, b;
	struct iovec iov;
	uint64_t addr;
	int ret;

	ASSERT_EQ(0, raw_open(&a, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&b, self->name, RAW_SEND));
	ASSERT_EQ(1, raw_grant(&a, CLASS_16M, 0, &addr));
	memset(a.rw + addr, 1, LARGEST);
	ret = io_uring_queue_init(4, &ring, 0);
	if (ret < 0)
		SKIP(return, "no io_uring: %s", strerror(-ret));
	iov = (struct iovec){ a.rw + addr + 11 * MIB + 4096, 4096 };
	ASSERT_EQ(0, io_uring_register_buffers(&ring, &iov, 1));
	ASSERT_EQ(0, raw_giveback(&a, addr));
	EXPECT_EQ(1, POOL(self->name, PINNED));
	EXPECT_EQ(LARGEST, POOL(self->name, USED));
	EXPECT_EQ(1, raw_grant(&b, CLASS_16M, 0, NULL));
	EXPECT_EQ(1, raw_grant(&b, CLASS_16M, 0, NULL));
	EXPECT_EQ(-ENOBUFS, raw_grant(&b, CLASS_16M, 0, NULL));
	io_uring_queue_exit(&ring);
	ASSERT_TRUE(WAIT_FOR(raw_grant(&b, CLASS_16M, 0, &addr) == 1));
	EXPECT_TRUE(all_zero(b.rw + addr, LARGEST));
	raw_close(&a);
	raw_close(&b);
}

TEST_F(large, memory_of_one_size_becomes_that_of_another)
{
	struct raw r;
	int i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	for (i = 0; i < 3; i++) {
		while (raw_grant(&r, CLASS_16M, 0, NULL) == 1)
			;
		EXPECT_EQ(3, r.nr_blocks);
		while (r.nr_blocks)
			ASSERT_EQ(0, raw_giveback(&r, r.blocks[0].addr));
		while (raw_grant(&r, 0, 0, NULL) == 1)
			;
		EXPECT_EQ(3 * LARGEST / 65536, r.nr_blocks);
		EXPECT_LE(POOL(self->name, POPULATED), 3 * LARGEST);
		while (r.nr_blocks)
			ASSERT_EQ(0, raw_giveback(&r, r.blocks[0].addr));
	}
	raw_close(&r);
}

TEST_HARNESS_MAIN
