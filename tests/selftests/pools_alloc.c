// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nothing is allocated per message: the kernel's own tracepoints of allocation
 * count what a million messages cost.
 */
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"

#include "bed.h"

#define BATCH		64
#define MANY		1000000
#define FEW		(MANY / 10)
#define TRACEFS		"/sys/kernel/tracing"

static const char *const events[] = {
	"kmalloc", "kmem_cache_alloc", "mm_page_alloc",
};

#define NR_EVENTS	(sizeof(events) / sizeof(events[0]))

CHANNEL_FIXTURE(alloc, A_U32(WEIR_A_CHANNEL_INFLIGHT, 2 * BATCH))

/* A counter of what this thread does; or -errno. */
static int counter(const char *event)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
	};
	char path[128];
	FILE *f;
	int fd;

	snprintf(path, sizeof(path), TRACEFS "/events/kmem/%s/id", event);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	if (fscanf(f, "%llu", &attr.config) != 1)
		attr.config = 0;
	fclose(f);
	fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	return fd < 0 ? -errno : fd;
}

static uint64_t read_counter(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : ~0ULL;
}

/* Sends and acknowledges @nr messages in batches. Return: 0 or what failed. */
static int run(struct raw *s, struct raw *w, unsigned int nr)
{
	uint32_t token[WEIR_VEC_MAX];
	unsigned int i, left, n;
	struct weir_cqe cqe;
	int ret;

	for (; nr; nr -= n) {
		n = nr < BATCH ? nr : BATCH;
		ret = raw_send_nums(s, nr, n);
		if (ret)
			return ret;
		for (left = n; left; left -= i) {
			for (i = 0; i < WEIR_VEC_MAX && i < left; i++) {
				ret = raw_next(w, &cqe);
				if (ret)
					return ret;
				token[i] = cqe.token;
			}
			raw_put_answer(w, WEIR_OP_ACK, 0, token, i);
		}
		ret = raw_submit(w);
		if (ret < 0)
			return ret;
		while (raw_unread(s))
			raw_pop(s, &cqe);
	}
	return 0;
}

static uint64_t cost_of(int *fd, struct raw *s, struct raw *w, unsigned int nr, int *ret)
{
	uint64_t before[NR_EVENTS], n, sum = 0;
	size_t i;

	for (i = 0; i < NR_EVENTS; i++)
		before[i] = read_counter(fd[i]);
	*ret = run(s, w, nr);
	for (i = 0; i < NR_EVENTS; i++) {
		n = read_counter(fd[i]) - before[i];
		printf("# %u messages: %llu %s\n", nr, (unsigned long long)n, events[i]);
		sum += n;
	}
	return sum;
}

TEST_F(alloc, a_million_messages_allocate_nothing)
{
	uint64_t few, many;
	struct raw s, w;
	const char *kernel = getenv("WEIR_KERNEL");
	int fd[NR_EVENTS], ret;
	size_t i;

	if (kernel && !strcmp(kernel, "debug"))
		SKIP(return, "its checks allocate memory for themselves");
	mount("tracefs", TRACEFS, "tracefs", 0, NULL);
	for (i = 0; i < NR_EVENTS; i++) {
		fd[i] = counter(events[i]);
		if (fd[i] < 0)
			SKIP(return, "no counter of %s: %s", events[i], strerror(-fd[i]));
	}
	/* It counts at all: a client is not made of nothing. */
	few = read_counter(fd[0]);
	ASSERT_EQ(0, raw_open(&s, self->name, RAW_SEND));
	ASSERT_EQ(0, raw_open(&w, self->name, RAW_WORK));
	EXPECT_GT(read_counter(fd[0]), few);
	ASSERT_EQ(0, run(&s, &w, 10 * BATCH));

	few = cost_of(fd, &s, &w, FEW, &ret);
	ASSERT_EQ(0, ret);
	many = cost_of(fd, &s, &w, MANY, &ret);
	ASSERT_EQ(0, ret);
	EXPECT_EQ(MANY + FEW + 10 * BATCH, STAT(self->name, ACKED));
	/*
	 * One per batch would be 15625. Interrupts that come meanwhile count,
	 * too, and do allocate now and then.
	 */
	EXPECT_LT(many, 1000);
	EXPECT_LT(few, 1000);
	raw_close(&s);
	raw_close(&w);
}

TEST_HARNESS_MAIN
