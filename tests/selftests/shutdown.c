// SPDX-License-Identifier: GPL-2.0-only
/* Deletion of a channel: refused while it is in use, or forced on everybody. */
#include "kselftest_harness.h"

#include "bed.h"

CHANNEL_FIXTURE(shutdown, A_U32(WEIR_A_CHANNEL_MESSAGES, 4),
		A_U32(WEIR_A_CHANNEL_INFLIGHT, 4),
		A_U64(WEIR_A_CHANNEL_MEMORY_MAX, 2 << 20))

TEST_F(shutdown, an_idle_channel_goes)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/weir/%s", self->name);
	EXPECT_EQ(0, access(path, F_OK));
	EXPECT_EQ(0, chan_del(self->name, false));
	EXPECT_EQ(-1, access(path, F_OK));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(-ENODEV, chan_del(self->name, false));
}

TEST_F(shutdown, a_client_keeps_it)
{
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_WORK));
	EXPECT_EQ(-EBUSY, chan_del(self->name, false));
	EXPECT_NE(NULL, strstr(nl_last.text, "1"));
	raw_close(&r);
	EXPECT_EQ(0, chan_del(self->name, false));
}

TEST_F(shutdown, messages_keep_it)
{
	struct weir_cqe cqe;
	struct raw r;
	int i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(0, raw_enter(&r, WEIR_ENTER_STOP, 0, 0, 0));
	ASSERT_EQ(0, raw_send_nums(&r, 0, 3));
	raw_close(&r);
	EXPECT_EQ(-EBUSY, chan_del(self->name, false));
	EXPECT_NE(NULL, strstr(nl_last.text, "3")) TH_LOG("%s", nl_last.text);
	/* A dead one is a message, too. */
	ASSERT_EQ(0, raw_open(&r, self->name, RAW_WORK));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, raw_next(&r, &cqe));
		ASSERT_EQ(1, i ? raw_ack(&r, cqe.token) : raw_reject(&r, cqe.token, ""));
	}
	raw_close(&r);
	EXPECT_EQ(-EBUSY, chan_del(self->name, false));
	ASSERT_EQ(0, nl_do(WEIR_CMD_CHANNEL_PURGE,
			   ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->name))));
	EXPECT_EQ(0, chan_del(self->name, false));
}

TEST_F(shutdown, the_name_is_free_at_once)
{
	struct raw r, n;
	int i;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, chan_del(self->name, true));
		ASSERT_EQ(0, nl_do(WEIR_CMD_CHANNEL_NEW,
				   ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->name))));
		EXPECT_EQ(-ESHUTDOWN, raw_enter(&r, 0, 0, 0, 0));
		ASSERT_EQ(0, raw_open(&n, self->name, RAW_BOTH));
		ASSERT_EQ(0, raw_send_nums(&n, 0, 2));
		raw_close(&n);
	}
	raw_close(&r);
}

/* Everything there is to sleep in. */
enum sleep {
	SLEEP_WORK,
	SLEEP_ROOM,
	SLEEP_MEMORY,
	SLEEP_SETTLE,
	SLEEP_READ,
	SLEEP_WRITE,
	SLEEP_POLL,
	NR_SLEEPS,
};

static int sleep_in(enum sleep how, const char *name)
{
	struct pollfd p = { .events = POLLIN };
	struct weir_settle settle;
	struct weir_cqe cqe;
	struct raw r;
	char buf[16];
	int ret, fd;

	switch (how) {
	case SLEEP_WORK:
		ret = raw_open(&r, name, RAW_WORK);
		/* There are messages, but never a hundred. */
		return ret ?: raw_enter(&r, WEIR_ENTER_WAIT, 0, 100, 0);
	case SLEEP_ROOM:
		ret = raw_open(&r, name, RAW_SEND);
		ret = ret ?: raw_put(&r, "x", 1, NULL);
		raw_publish(&r);
		ret = ret ?: raw_enter(&r, WEIR_ENTER_SQ_WAIT, 1, 0, 0);
		/* The entry may have been refused just before the end. */
		if (ret == 1 && raw_pop(&r, &cqe) && cqe.type == WEIR_CQE_RESULT)
			ret = cqe.res;
		return ret;
	case SLEEP_MEMORY:
		ret = raw_open(&r, name, RAW_SEND);
		while (!ret) {
			ret = raw_grant_in(&r, 4, WEIR_GRANT_WAIT, 0, NULL);
			ret = ret == 1 ? 0 : ret ?: -EBADMSG;
		}
		return ret;
	case SLEEP_SETTLE:
		ret = raw_open(&r, name, RAW_SEND);
		ret = ret ?: raw_send_nums(&r, 0, 4);
		return ret ?: raw_settle(&r, 0, &settle);
	case SLEEP_READ:
		fd = raw_device(name, O_RDONLY);
		return read(fd, buf, sizeof(buf)) < 0 ? -errno : 0;
	case SLEEP_WRITE:
		fd = raw_device(name, O_WRONLY);
		return write(fd, "x", 1) < 0 ? -errno : 0;
	default:
		ret = raw_open(&r, name, RAW_WORK);
		p.fd = r.fd;
		p.events = POLLPRI;
		if (ret || poll(&p, 1, -1) != 1)
			return -EBADMSG;
		return p.revents & (POLLERR | POLLHUP) ? -ESHUTDOWN : p.revents;
	}
}

/* Fills the channel, so that @how sleeps; nobody takes anything out. */
static void sleeper(struct __test_metadata *_metadata, const char *name, enum sleep how)
{
	struct raw s;
	struct kid k;

	if (how == SLEEP_ROOM || how == SLEEP_WRITE) {
		ASSERT_EQ(0, raw_open(&s, name, RAW_SEND));
		ASSERT_EQ(0, raw_send_nums(&s, 0, 4));
	}
	if (kid_fork(&k)) {
		kid_say(&k, 's');
		EXPECT_EQ(-ESHUTDOWN, sleep_in(how, name)) TH_LOG("sleep %d", how);
		_exit(0);
	}
	ASSERT_EQ('s', kid_hear(&k));
	switch (how) {
	case SLEEP_ROOM:
	case SLEEP_WRITE:
		ASSERT_TRUE(WAIT_FOR(STAT(name, BLOCKED) >= 1));
		break;
	case SLEEP_MEMORY:
		ASSERT_TRUE(WAIT_FOR(POOL(name, USED) == 2 << 20));
		break;
	case SLEEP_SETTLE:
		ASSERT_TRUE(WAIT_FOR(STAT(name, ACCEPTED) == 4));
		break;
	default:
		ASSERT_TRUE(WAIT_FOR(CHAN(name, WORKERS) == 1));
		break;
	}
	ASSERT_TRUE(WAIT_FOR(kid_sleeps(k.pid)));
	ASSERT_EQ(0, chan_del(name, true));
	EXPECT_EQ(0, kid_end(&k));
}

TEST_F(shutdown, wakes_a_worker)
{
	sleeper(_metadata, self->name, SLEEP_WORK);
}

TEST_F(shutdown, wakes_a_sender_that_waits_for_room)
{
	sleeper(_metadata, self->name, SLEEP_ROOM);
}

TEST_F(shutdown, wakes_a_sender_that_waits_for_memory)
{
	sleeper(_metadata, self->name, SLEEP_MEMORY);
}

TEST_F(shutdown, wakes_a_sender_that_waits_for_answers)
{
	sleeper(_metadata, self->name, SLEEP_SETTLE);
}

TEST_F(shutdown, wakes_a_reader)
{
	sleeper(_metadata, self->name, SLEEP_READ);
}

TEST_F(shutdown, wakes_a_writer)
{
	sleeper(_metadata, self->name, SLEEP_WRITE);
}

TEST_F(shutdown, wakes_a_poll)
{
	sleeper(_metadata, self->name, SLEEP_POLL);
}

TEST_F(shutdown, revokes_what_was_mapped)
{
	struct pollfd p = { .events = POLLIN | POLLOUT };
	uint64_t addr;
	struct weir_cqe cqe;
	struct raw r;

	ASSERT_EQ(0, raw_open(&r, self->name, RAW_BOTH));
	ASSERT_EQ(1, raw_grant(&r, 1, 0, &addr));
	ASSERT_EQ(0, touch_write(r.rw + addr, 1));
	ASSERT_EQ(0, raw_send_nums(&r, 0, 1));
	ASSERT_EQ(0, raw_next(&r, &cqe));
	ASSERT_EQ(0, touch_read(r.ro + cqe.addr));
	ASSERT_EQ(0, chan_del(self->name, true));
	EXPECT_EQ(SIGBUS, touch_read(r.rw + addr));
	EXPECT_EQ(SIGBUS, touch_write(r.rw + addr, 1));
	EXPECT_EQ(SIGBUS, touch_read(r.ro + cqe.addr));
	/* The rings stay, to be found dead. */
	EXPECT_NE(0, r.ring->kflags & WEIR_RING_DEAD);
	EXPECT_EQ(-ESHUTDOWN, raw_ack(&r, cqe.token));
	EXPECT_EQ(-ESHUTDOWN, raw_grant(&r, 0, 0, NULL));
	p.fd = r.fd;
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_NE(0, p.revents & (POLLERR | POLLHUP));
	raw_close(&r);
}

TEST_F(shutdown, open_files_are_dead)
{
	char buf[8];
	int fd = raw_device(self->name, O_RDWR);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(3, write(fd, "abc", 3));
	ASSERT_EQ(3, read(fd, buf, sizeof(buf)));
	ASSERT_EQ(0, chan_del(self->name, true));
	EXPECT_EQ(-1, write(fd, "abc", 3));
	EXPECT_EQ(ESHUTDOWN, errno);
	EXPECT_EQ(-1, read(fd, buf, sizeof(buf)));
	EXPECT_EQ(ESHUTDOWN, errno);
	close(fd);
}

/* Whoever does what meanwhile: nobody is stuck, nothing is left. */
TEST_F(shutdown, under_load)
{
	struct weir_cqe cqe;
	struct raw r;
	struct kid k[4];
	uint64_t i;
	int ret, round, n;

	for (round = 0; round < 8; round++) {
		for (n = 0; n < 4; n++) {
			if (!kid_fork(&k[n]))
				continue;
			ret = raw_open(&r, self->name, n % 2 ? RAW_WORK : RAW_SEND);
			kid_say(&k[n], 'o');
			for (i = 0; !ret; i++) {
				ret = n % 2 ? raw_next_in(&r, 0, &cqe) :
					      raw_send_nums(&r, i, 1);
				if (n % 2 && !ret)
					ret = raw_ack(&r, cqe.token) == 1 ? 0 : -ESHUTDOWN;
				/* Refusals, until it has ended altogether. */
				while (n % 2 == 0 && raw_pop(&r, &cqe))
					;
			}
			EXPECT_EQ(-ESHUTDOWN, ret);
			_exit(0);
		}
		for (n = 0; n < 4; n++)
			ASSERT_EQ('o', kid_hear(&k[n]));
		ASSERT_TRUE(WAIT_FOR(STAT(self->name, ACKED) > 20));
		ASSERT_EQ(0, chan_del(self->name, true));
		for (n = 0; n < 4; n++) {
			/* 0, or the SIGBUS of a write into a revoked block. */
			ret = kid_end(&k[n]);
			EXPECT_TRUE(ret == 0 || ret == -1);
		}
		ASSERT_EQ(0, nl_do(WEIR_CMD_CHANNEL_NEW,
				   ATTRS(A_STR(WEIR_A_CHANNEL_NAME, self->name))));
	}
}

TEST_HARNESS_MAIN
