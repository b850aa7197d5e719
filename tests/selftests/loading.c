// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading and unloading, each time to the end: hundreds of times under load, and
 * with the first allocation of loading failing, then with the second, and so on until
 * there are no more. Takes the module from $WEIR_KO; runs alone, as it unloads what
 * others use. The failures need a kernel with fault injection.
 *
 * The file is read before, and given to the kernel from memory: what is to fail is
 * the module's loading and not the file system.
 */
#include <sys/syscall.h>

#include "kselftest_harness.h"

#include "bed.h"

#define MOST	5000	/* allocations; far more than there are */

static int put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int load(const void *ko, size_t len)
{
	return syscall(SYS_init_module, ko, len, "") ? -errno : 0;
}

static int try_unload(void)
{
	return syscall(SYS_delete_module, "weir", O_NONBLOCK) ? -errno : 0;
}

/* What was closed a moment ago may still be on its way out. */
static int unload(void)
{
	return WAIT_FOR(!try_unload() || errno == ENOENT) ? 0 : -errno;
}

static bool nothing_left(void)
{
	return access("/sys/module/weir", F_OK) && access("/dev/weir", F_OK) &&
	       access("/sys/kernel/tracing/events/weir", F_OK);
}

/* ---- the kernel's log ---- */

/*
 * The loader's own allocations say loudly that they failed. Of what is said while
 * loading only this is a complaint, wherever it comes from.
 */
static const char *const complaints[] = {
	"WARNING: ", "BUG: ", "Oops", "general protection fault", "KASAN: ", "refcount_t: ",
	"ODEBUG: ", "list_add corruption", "list_del corruption", "possible circular locking",
	"possible recursive locking", "sleeping function called from invalid",
	"suspicious RCU usage", "Bad page", "Object already free", "unable to handle",
};

/* Return: the next complaint, or NULL when the log is read to its end. */
static const char *next_complaint(int kmsg)
{
	static char line[8192];
	size_t i;
	ssize_t n;

	while ((n = read(kmsg, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		if (n <= 0)
			continue;
		line[n] = 0;
		for (i = 0; i < sizeof(complaints) / sizeof(*complaints); i++)
			if (strstr(line, complaints[i]))
				return line;
	}
	return NULL;
}

/* ---- failures ---- */

/* Return: whether the failure came; and none comes any more. */
static bool disarm(int fd)
{
	char text[16] = "";
	bool came;

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return false;
	came = !strtoul(text, NULL, 10);
	pwrite(fd, "0", 1, 0);
	return came;
}

FIXTURE(loading) {
	void *ko;
	size_t len;
};

FIXTURE_SETUP(loading)
{
	const char *path = getenv("WEIR_KO"), *kernel = getenv("WEIR_KERNEL");
	char usual[64];
	struct stat st;
	int fd;

	snprintf(usual, sizeof(usual), "../%s/weir.ko", kernel ? kernel : "lts");
	fd = open(path ? path : usual, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		SKIP(return, "no module to load: set WEIR_KO");
	ASSERT_EQ(0, fstat(fd, &st));
	self->len = st.st_size;
	self->ko = malloc(self->len);
	ASSERT_NE(NULL, self->ko);
	ASSERT_EQ(self->len, read(fd, self->ko, self->len));
	close(fd);
	/* What tests before this one were killed over. */
	if (!access("/dev/weir", F_OK))
		ASSERT_EQ(0, system("./modtool clear"));
	ASSERT_EQ(0, unload());
	ASSERT_TRUE(nothing_left());
}

FIXTURE_TEARDOWN(loading)
{
	if (access("/sys/module/weir", F_OK))
		EXPECT_EQ(0, load(self->ko, self->len));
	free(self->ko);
}

/* ---- under load ---- */

/* 200, or $WEIR_CYCLES; the debug kernel takes seconds for one. */
static unsigned int nr_cycles(void)
{
	const char *text = getenv("WEIR_CYCLES");

	if (text)
		return strtoul(text, NULL, 0);
	return access("/sys/kernel/debug/kmemleak", F_OK) ? 200 : 8;
}

/* Sends as fast as it can, or works, until it is killed. */
static void be_busy(const char *name, uint32_t role)
{
	struct weir_cqe cqe;
	struct raw r;

	if (raw_open(&r, name, role))
		_exit(1);
	for (;;) {
		if (role == RAW_SEND)
			raw_send_nums(&r, 1, 8);
		else if (!raw_next_in(&r, SECOND, &cqe))
			raw_ack(&r, cqe.token);
	}
}

TEST_F_TIMEOUT(loading, again_and_again_under_load, 1200)
{
	unsigned int cycles = nr_cycles(), i, k;
	uint64_t passed = 0;
	char name[CHAN_ROOM];
	struct kid kid[3];
	int ret;

	for (i = 0; i < cycles; i++) {
		ASSERT_EQ(0, load(self->ko, self->len));
		nl_end();	/* the family has another number */
		ASSERT_EQ(0, chan_new(name, NO_ATTRS));
		for (k = 0; k < 3; k++)
			if (kid_fork(&kid[k]))
				be_busy(name, k ? RAW_WORK : RAW_SEND);
		ASSERT_TRUE(WAIT_FOR(STAT(name, ACKED) >= 20));
		ret = try_unload();
		EXPECT_TRUE(ret == -EAGAIN || ret == -EBUSY)
			TH_LOG("unloading while in use: %s", strerror(-ret));
		passed += STAT(name, ACKED);
		for (k = 0; k < 3; k++) {
			EXPECT_EQ(SIGKILL, kid_kill(&kid[(i + k) % 3]));
			kid_drop(&kid[(i + k) % 3]);
		}
		/* A channel goes with the module, but for its messages. */
		if (i % 2)
			ret = chan_del(name, true);
		else
			ret = nl_do(WEIR_CMD_CHANNEL_PURGE,
				    ATTRS(A_STR(WEIR_A_CHANNEL_NAME, name)));
		EXPECT_EQ(0, ret);
		ASSERT_EQ(0, unload());
		ASSERT_TRUE(nothing_left());
	}
	TH_LOG("%u times, %llu messages", i, (unsigned long long)passed);
}

/* ---- with failures ---- */

static void be_quiet(void)
{
	static const char *const off[] = {
		"failslab/verbose", "fail_page_alloc/verbose", "failslab/ignore-gfp-wait",
		"fail_page_alloc/ignore-gfp-wait", "fail_page_alloc/ignore-gfp-highmem",
		"fail_page_alloc/min-order",
	};
	char path[96];
	size_t i;

	for (i = 0; i < sizeof(off) / sizeof(*off); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s", off[i]);
		put_text(path, "0");
	}
}

#define NTH	"/sys/module/failinit/parameters/nth"

struct attempts {
	int nth, kmsg;
	unsigned int refused, endured;
};

/*
 * Loads with the @n'th allocation failing. Return: whether all was as it should be;
 * sets *@came to whether there was such an allocation.
 */
static bool attempt(struct attempts *a, const void *ko, size_t len, unsigned int n, bool *came)
{
	const char *complaint;
	char text[16];
	int ret;

	snprintf(text, sizeof(text), "%u", n);
	if (put_text(NTH, text))
		return false;
	ret = load(ko, len);
	*came = disarm(a->nth);
	complaint = next_complaint(a->kmsg);
	if (complaint) {
		printf("# failure %u: %s\n", n, complaint);
		return false;
	}
	if (!*came)
		return !ret;
	if (ret)
		a->refused++;
	else
		a->endured++;
	if (ret && ret != -ENOMEM) {
		printf("# failure %u: %s\n", n, strerror(-ret));
		return false;
	}
	if (!ret && unload()) {
		printf("# failure %u: it does not unload\n", n);
		return false;
	}
	if (!nothing_left()) {
		printf("# failure %u (%s) left something\n", n, strerror(-ret));
		return false;
	}
	return true;
}

/* Each takes seconds: one in some of them, others each time; all with WEIR_EACH=1. */
TEST_F_TIMEOUT(loading, each_step_fails, 3600)
{
	unsigned int step = getenv("WEIR_EACH") ? 1 : 20, n, tries = 0;
	struct attempts a = { .nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC) };
	uint64_t seed = seed_from_env();
	bool came = true;

	if (a.nth < 0)
		SKIP(return, "the kernel has no fault injection (fail-nth)");
	if (access(NTH, F_OK) && system("insmod failinit/failinit.ko"))
		SKIP(return, "no module failinit");
	be_quiet();
	a.kmsg = open("/dev/kmsg", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, a.kmsg);
	lseek(a.kmsg, 0, SEEK_END);
	for (n = 1 + chance(&seed) % step; came; n += step, tries++) {
		ASSERT_LT(n, MOST);
		ASSERT_TRUE(attempt(&a, self->ko, self->len, n, &came));
	}
	EXPECT_LE(3, a.refused);
	EXPECT_FALSE(access("/dev/weir", F_OK) && access("/sys/module/weir", F_OK));
	/* For who looks through the log next: all of it was seen. */
	put_text("/dev/kmsg", "weir-logcheck: mark");
	close(a.kmsg);
	EXPECT_EQ(0, system("rmmod failinit"));
	TH_LOG("%u failures up to allocation %u: %u refused, %u endured", tries - 1, n - step,
	       a.refused, a.endured);
}

TEST_HARNESS_MAIN
