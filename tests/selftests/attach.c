// SPDX-License-Identifier: GPL-2.0-only
/* Becoming a client: who may, with what, and what ATTACH answers. */
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "kselftest_harness.h"

#include "bed.h"

CHANNEL_FIXTURE(attach, A_U32(WEIR_A_CHANNEL_MESSAGE_MAX, 65536),
		A_U64(WEIR_A_CHANNEL_MEMORY_MAX, 4 << 20))

static struct weir_attach good(uint32_t role)
{
	return (struct weir_attach){ .size = sizeof(struct weir_attach), .role = role };
}

/* What ATTACH says to one request on a file opened for both. */
static int try(const char *name, struct weir_attach at)
{
	int dev = raw_device(name, O_RDWR);
	int ret;

	if (dev < 0)
		return dev;
	ret = raw_attach(dev, &at);
	if (!ret)
		close(at.fd);
	close(dev);
	return ret;
}

TEST_F(attach, role_needs_its_open_mode)
{
	static const struct {
		int mode;
		uint32_t role;
		int ret;
	} cases[] = {
		{ O_RDONLY, WEIR_ROLE_WORK, 0 },
		{ O_RDONLY, WEIR_ROLE_SEND, -EACCES },
		{ O_RDONLY, WEIR_ROLE_SEND | WEIR_ROLE_WORK, -EACCES },
		{ O_WRONLY, WEIR_ROLE_SEND, 0 },
		{ O_WRONLY, WEIR_ROLE_WORK, -EACCES },
		{ O_WRONLY, WEIR_ROLE_SEND | WEIR_ROLE_WORK, -EACCES },
		{ O_RDWR, WEIR_ROLE_SEND, 0 },
		{ O_RDWR, WEIR_ROLE_WORK, 0 },
		{ O_RDWR, WEIR_ROLE_SEND | WEIR_ROLE_WORK, 0 },
	};
	struct weir_attach at;
	size_t i;
	int dev;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		dev = raw_device(self->name, cases[i].mode);
		ASSERT_GE(dev, 0);
		at = good(cases[i].role);
		EXPECT_EQ(cases[i].ret, raw_attach(dev, &at))
			TH_LOG("case %zu", i);
		if (!cases[i].ret)
			close(at.fd);
		close(dev);
	}
}

TEST_F(attach, unknown_or_no_role_is_invalid)
{
	EXPECT_EQ(-EINVAL, try(self->name, good(0)));
	EXPECT_EQ(-EINVAL, try(self->name, good(1U << 2)));
	EXPECT_EQ(-EINVAL, try(self->name, good(WEIR_ROLE_SEND | 1U << 31)));
}

TEST_F(attach, unknown_flag_or_feature_is_invalid)
{
	struct weir_attach at = good(WEIR_ROLE_SEND);

	at.flags = 1U << 31;
	EXPECT_EQ(-EINVAL, try(self->name, at));
	at = good(WEIR_ROLE_SEND);
	at.features = 1ULL << 63;
	EXPECT_EQ(-EINVAL, try(self->name, at));
	at.features = ~WEIR_FEATURES;
	EXPECT_EQ(-EINVAL, try(self->name, at));
}

TEST_F(attach, reserved_words_must_be_zero)
{
	struct weir_attach at;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(at.resv); i++) {
		at = good(WEIR_ROLE_SEND);
		at.resv[i] = 1;
		EXPECT_EQ(-EINVAL, try(self->name, at));
	}
}

TEST_F(attach, ring_sizes_are_powers_of_two_in_range)
{
	static const uint32_t bad[] = { 3, 100, 65535, WEIR_RING_MAX * 2, 1U << 31, ~0U };
	struct weir_attach at;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		at = good(WEIR_ROLE_SEND);
		at.sq_entries = bad[i];
		EXPECT_EQ(-EINVAL, try(self->name, at))
			TH_LOG("sq %u", bad[i]);
		at = good(WEIR_ROLE_SEND);
		at.cq_entries = bad[i];
		EXPECT_EQ(-EINVAL, try(self->name, at))
			TH_LOG("cq %u", bad[i]);
	}
	at = good(WEIR_ROLE_SEND | WEIR_ROLE_WORK);
	at.sq_entries = 1;
	at.cq_entries = 1;
	EXPECT_EQ(0, try(self->name, at));
	at.sq_entries = WEIR_RING_MAX;
	at.cq_entries = WEIR_RING_MAX;
	EXPECT_EQ(0, try(self->name, at));
}

TEST_F(attach, inflight_fits_the_completion_ring)
{
	struct weir_attach at = good(WEIR_ROLE_WORK);

	at.cq_entries = 64;
	at.inflight = 65;
	EXPECT_EQ(-EINVAL, try(self->name, at));
	at.inflight = 64;
	EXPECT_EQ(0, try(self->name, at));
	at.cq_entries = WEIR_RING_MAX;
	at.inflight = WEIR_INFLIGHT_MAX + 1;
	EXPECT_EQ(-EINVAL, try(self->name, at));
	at.inflight = WEIR_INFLIGHT_MAX;
	EXPECT_EQ(0, try(self->name, at));
}

TEST_F(attach, zero_asks_for_the_defaults)
{
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	EXPECT_EQ(256, r.at.sq_entries);
	EXPECT_EQ(512, r.at.cq_entries);
	EXPECT_EQ(256, r.at.inflight);
	EXPECT_EQ(CHAN(self->name, MEMORY_MAX), r.at.block_max);
	EXPECT_EQ(WEIR_FEATURES, r.at.features);
	raw_close(&r);
}

TEST_F(attach, answer_describes_the_pool)
{
	static const uint32_t sizes[WEIR_NR_CLASSES] = {
		256, 1024, 8192, 65536, 1 << 20, 4 << 20, 16 << 20,
	};
	struct raw r;
	size_t i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	EXPECT_EQ(WEIR_BUF_UNIT, r.at.buf_unit);
	EXPECT_EQ(65536, r.at.message_max);
	EXPECT_EQ(WEIR_OVERFLOW_BLOCK, r.at.overflow);
	ASSERT_LE(r.at.nr_class, WEIR_NR_CLASSES);
	ASSERT_GE(r.at.nr_class, 4);
	for (i = 0; i < r.at.nr_class; i++) {
		EXPECT_EQ(sizes[i], r.at.class_size[i]);
		EXPECT_GE(r.at.block_size[i], r.at.class_size[i]);
		EXPECT_EQ(0, r.at.block_size[i] % r.at.class_size[i]);
	}
	for (; i < 8; i++)
		EXPECT_EQ(0, r.at.class_size[i]);
	EXPECT_LE(r.at.off_sqes + r.at.sq_entries * sizeof(struct weir_sqe),
		  r.at.len_rings);
	EXPECT_LE(r.at.off_cqes + r.at.cq_entries * sizeof(struct weir_cqe),
		  r.at.len_rings);
	EXPECT_GE(r.at.off_sqes, sizeof(struct weir_ring));
	EXPECT_GE(r.at.off_cqes, sizeof(struct weir_ring));
	raw_close(&r);
}

TEST_F(attach, fresh_rings_are_empty)
{
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	EXPECT_EQ(r.ring->usq_tail, r.ring->ksq_head);
	EXPECT_EQ(r.ring->ucq_head, r.ring->kcq_tail);
	EXPECT_EQ(0, r.ring->kflags & WEIR_RING_DEAD);
	EXPECT_TRUE(all_zero(r.sqes, r.at.sq_entries * sizeof(*r.sqes)));
	EXPECT_TRUE(all_zero(r.cqes, r.at.cq_entries * sizeof(*r.cqes)));
	raw_close(&r);
}

TEST_F(attach, client_is_close_on_exec)
{
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_SEND));
	EXPECT_EQ(FD_CLOEXEC, fcntl(r.fd, F_GETFD));
	raw_close(&r);
}

TEST_F(attach, ids_are_not_used_again)
{
	uint32_t last = 0;
	struct raw r;
	int i;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
		EXPECT_GT(r.at.client_id, last);
		last = r.at.client_id;
		raw_close(&r);
	}
}

TEST_F(attach, larger_struct_may_only_have_zeros_behind)
{
	struct {
		struct weir_attach at;
		uint64_t more[4];
	} big = { .at = good(WEIR_ROLE_SEND) };
	int dev = raw_device(self->name, O_RDWR);

	ASSERT_GE(dev, 0);
	big.at.size = sizeof(big);
	ASSERT_EQ(0, raw_attach(dev, &big.at));
	close(big.at.fd);

	memset(&big, 0, sizeof(big));
	big.at = good(WEIR_ROLE_SEND);
	big.at.size = sizeof(big);
	big.more[3] = 1;
	EXPECT_EQ(-E2BIG, raw_attach(dev, &big.at));
	big.more[3] = 0;
	big.more[0] = 1ULL << 63;
	EXPECT_EQ(-E2BIG, raw_attach(dev, &big.at));
	close(dev);
}

TEST_F(attach, smaller_struct_is_invalid)
{
	struct weir_attach at = good(WEIR_ROLE_SEND);

	at.size = 0;
	EXPECT_EQ(-EINVAL, try(self->name, at));
	at.size = 8;
	EXPECT_EQ(-EINVAL, try(self->name, at));
	at.size = sizeof(at) - 8;
	EXPECT_EQ(-EINVAL, try(self->name, at));
}

TEST_F(attach, bad_pointer_is_a_fault)
{
	int dev = raw_device(self->name, O_RDWR);
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_GE(dev, 0);
	ASSERT_NE(MAP_FAILED, page);
	EXPECT_EQ(-EFAULT, raw_ioctl(dev, WEIR_IOC_ATTACH, NULL));
	EXPECT_EQ(-EFAULT, raw_ioctl(dev, WEIR_IOC_ATTACH, (void *)-4096UL));
	close(dev);
}

/* The request can be read, the answer cannot be written: nothing may be left. */
TEST_F(attach, unwritable_answer_leaves_no_client)
{
	struct weir_attach *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int dev = raw_device(self->name, O_RDWR);
	int before, after;

	ASSERT_NE(MAP_FAILED, at);
	ASSERT_GE(dev, 0);
	*at = good(WEIR_ROLE_SEND | WEIR_ROLE_WORK);
	ASSERT_EQ(0, mprotect(at, 4096, PROT_READ));
	before = dup(0);
	close(before);
	EXPECT_EQ(-EFAULT, raw_attach(dev, at));
	after = dup(0);
	close(after);
	EXPECT_EQ(before, after);
	EXPECT_TRUE(WAIT_FOR(CHAN(self->name, WORKERS) == 0));
	EXPECT_EQ(0, CHAN(self->name, PRODUCERS));
	close(dev);
}

TEST_F(attach, no_descriptor_left_is_emfile)
{
	struct weir_attach at = good(WEIR_ROLE_SEND);
	int dev = raw_device(self->name, O_RDWR);
	struct rlimit full = { .rlim_cur = 0, .rlim_max = 0 };

	ASSERT_GE(dev, 0);
	ASSERT_EQ(0, nl_dump(WEIR_CMD_CHANNEL_GET, NULL));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &full));
	EXPECT_EQ(-EMFILE, raw_attach(dev, &at));
	EXPECT_TRUE(WAIT_FOR(CHAN(self->name, PRODUCERS) == 0));
}

TEST_F(attach, unknown_ioctls_are_enotty)
{
	char nothing[512] = "";
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	EXPECT_EQ(-ENOTTY, raw_ioctl(r.dev, _IO(WEIR_IOC_MAGIC, 0x7f), nothing));
	EXPECT_EQ(-ENOTTY, raw_ioctl(r.dev, _IO('x', 0), nothing));
	EXPECT_EQ(-ENOTTY, raw_ioctl(r.dev, WEIR_IOC_ENTER, nothing));
	EXPECT_EQ(-ENOTTY, raw_ioctl(r.dev, WEIR_IOC_DETACH, nothing));
	EXPECT_EQ(-ENOTTY, raw_ioctl(r.fd, _IO(WEIR_IOC_MAGIC, 0x7f), nothing));
	EXPECT_EQ(-ENOTTY, raw_ioctl(r.fd, _IO('x', 0), nothing));
	EXPECT_EQ(-ENOTTY, raw_ioctl(r.fd, WEIR_IOC_ATTACH, nothing));
	raw_close(&r);
}

TEST_F(attach, deleted_channel_is_eshutdown)
{
	struct weir_attach at = good(WEIR_ROLE_SEND);
	int dev = raw_device(self->name, O_RDWR);

	ASSERT_GE(dev, 0);
	ASSERT_EQ(0, chan_del(self->name, true));
	EXPECT_EQ(-ESHUTDOWN, raw_attach(dev, &at));
	EXPECT_EQ(-ENOENT, raw_device(self->name, O_RDWR));
	close(dev);
}

TEST_F(attach, clients_are_counted_until_they_close)
{
	struct raw s, w;

	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	EXPECT_EQ(1, CHAN(self->name, PRODUCERS));
	EXPECT_EQ(1, CHAN(self->name, WORKERS));
	EXPECT_EQ(getpid(), client_num(self->name, s.at.client_id, WEIR_A_CLIENT_PID));
	EXPECT_EQ(WEIR_ROLE_SEND,
		  client_num(self->name, s.at.client_id, WEIR_A_CLIENT_ROLE));
	EXPECT_EQ(WEIR_ROLE_WORK,
		  client_num(self->name, w.at.client_id, WEIR_A_CLIENT_ROLE));
	raw_close(&s);
	raw_close(&w);
	EXPECT_TRUE(WAIT_FOR(CHAN(self->name, PRODUCERS) == 0));
	EXPECT_TRUE(WAIT_FOR(CHAN(self->name, WORKERS) == 0));
	EXPECT_EQ(0, STAT(self->name, DEATHS));
}

TEST_F(attach, closing_the_device_keeps_the_client)
{
	struct weir_cqe cqe;
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	close(r.dev);
	r.dev = -1;
	ASSERT_EQ(0, raw_send_nums(&r, 7, 1));
	ASSERT_EQ(0, raw_next(&r, &cqe));
	EXPECT_EQ(7, raw_num(&r, &cqe));
	EXPECT_EQ(1, raw_ack(&r, cqe.token));
	raw_close(&r);
}

TEST_F(attach, detached_client_is_eshutdown)
{
	struct weir_settle settle;
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_detach(&r));
	EXPECT_EQ(-ESHUTDOWN, raw_enter(&r, 0, 0, 0, 0));
	EXPECT_EQ(-ESHUTDOWN, raw_grant(&r, 0, 0, NULL));
	EXPECT_EQ(-ESHUTDOWN, raw_settle(&r, RAW_NEVER, &settle));
	EXPECT_EQ(-ESHUTDOWN, raw_claim(r.fd));
	EXPECT_NE(0, r.ring->kflags & WEIR_RING_DEAD);
	EXPECT_EQ(0, CHAN(self->name, WORKERS));
	raw_close(&r);
}

TEST_F(attach, a_stopped_worker_gets_nothing_before_it_starts)
{
	struct weir_attach at = good(WEIR_ROLE_WORK);
	struct weir_cqe cqe;
	struct raw s, w;

	at.flags = WEIR_ATTACH_STOPPED;
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_send_nums(&s, 1, 1));
	ASSERT_EQ(0, raw_open_as(&w, self->name, at));
	ASSERT_EQ(-ETIME, raw_enter(&w, WEIR_ENTER_WAIT, 0, 1, RAW_NEVER));
	EXPECT_EQ(1, STAT(self->name, READY));
	ASSERT_EQ(0, raw_enter(&w, WEIR_ENTER_START, 0, 0, 0));
	ASSERT_EQ(0, raw_next(&w, &cqe));
	EXPECT_EQ(1, raw_num(&w, &cqe));
	EXPECT_EQ(1, raw_ack(&w, cqe.token));
	raw_close(&w);
	raw_close(&s);
}

TEST_F(attach, many_clients_of_one_process)
{
	struct raw r[40];
	struct weir_cqe cqe;
	uint64_t sum = 0;
	int i;

	for (i = 0; i < 40; i++)
		ASSERT_EQ(0, raw_open(&r[i], self->name, i < 20 ? RAW_SEND : RAW_WORK));
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, raw_send_nums(&r[i], i, 1));
	/* Each worker is idle, so each gets one. */
	for (i = 20; i < 40; i++) {
		ASSERT_EQ(0, raw_next(&r[i], &cqe));
		sum += raw_num(&r[i], &cqe);
		EXPECT_EQ(1, raw_ack(&r[i], cqe.token));
	}
	EXPECT_EQ(190, sum);
	for (i = 0; i < 40; i++)
		raw_close(&r[i]);
}

TEST_HARNESS_MAIN
