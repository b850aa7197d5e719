// SPDX-License-Identifier: GPL-2.0-only
/*
 * A policy that is loaded keeps the module; one that has gone does not, whatever
 * channels there are. Unloads what others use, so it runs alone.
 */
#include <sys/syscall.h>

#include "kselftest_harness.h"

#include "object.h"

/* WEIR_KO, or that of the kernel which tests run on; from build/selftests. */
static int open_module(void)
{
	const char *ko = getenv("WEIR_KO"), *kernel = getenv("WEIR_KERNEL");
	char path[128];

	snprintf(path, sizeof(path), "../%s/weir.ko", kernel ?: "lts");
	return open(ko ?: path, O_RDONLY | O_CLOEXEC);
}

static int insert(void)
{
	int fd = open_module(), ret;

	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return ret == -EEXIST ? 0 : ret;
}

static int remove_module(void)
{
	return syscall(SYS_delete_module, "weir", O_NONBLOCK) ? -errno : 0;
}

/* -EWOULDBLOCK is what a module in use answers. */
static bool in_use(void)
{
	return remove_module() == -EWOULDBLOCK;
}

FIXTURE(module) {
	char name[CHAN_ROOM];
	struct object o;
};

FIXTURE_SETUP(module)
{
	int fd;

	if (object_none())
		SKIP(return, "%s", object_none());
	fd = open_module();
	if (fd < 0)
		SKIP(return, "no module to load again");
	close(fd);
	ASSERT_TRUE(WAIT_FOR(policies_none()));
	ASSERT_EQ(0, chan_new(self->name, NO_ATTRS));
}

/* Left as it was found. The module has another family now, so a child asks it. */
FIXTURE_TEARDOWN_PARENT(module)
{
	struct kid k;

	EXPECT_EQ(0, insert());
	if (!self->name[0])
		return;
	if (kid_fork(&k))
		_exit(chan_end(self->name) != 0);
	EXPECT_EQ(0, kid_end(&k));
}

TEST_F(module, a_loaded_policy_keeps_it)
{
	ASSERT_EQ(0, object_begin(&self->o, "deadline"));
	EXPECT_TRUE(in_use());
	ASSERT_EQ(0, policy_set(self->name, "deadline"));
	EXPECT_TRUE(in_use());
	object_unlink(&self->o);
	/* The map holds programs that call the module. */
	EXPECT_TRUE(in_use());
	object_close(&self->o);
	EXPECT_TRUE(WAIT_FOR(remove_module() == 0));
	EXPECT_NE(0, access("/sys/module/weir", F_OK));
}

/* A link alone does, too, and programs alone that call its functions. */
TEST_F(module, whatever_is_left_of_a_policy_keeps_it)
{
	struct bpf_link *link;

	ASSERT_EQ(0, object_begin(&self->o, "route"));
	link = self->o.link;
	self->o.link = NULL;
	object_close(&self->o);
	EXPECT_TRUE(in_use());
	bpf_link__destroy(link);
	EXPECT_TRUE(WAIT_FOR(remove_module() == 0));
}

TEST_F(module, a_record_does_not_keep_it)
{
	ASSERT_EQ(0, object_begin(&self->o, "deadline"));
	ASSERT_EQ(0, policy_set(self->name, "deadline"));
	object_close(&self->o);
	EXPECT_EQ(WEIR_POLICY_KIND_GONE, POLICY("deadline", KIND));
	EXPECT_TRUE(WAIT_FOR(remove_module() == 0));
	ASSERT_EQ(0, insert());
}

TEST_HARNESS_MAIN
