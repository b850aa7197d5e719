// SPDX-License-Identifier: GPL-2.0-only
/* What the verifier and the module do not take. */
#include "kselftest_harness.h"

#include "object.h"

FIXTURE(refused) {
	struct object o;
};

FIXTURE_SETUP(refused)
{
	if (object_none())
		SKIP(return, "%s", object_none());
	ASSERT_TRUE(WAIT_FOR(policies_none()));
}

FIXTURE_TEARDOWN(refused)
{
	object_close(&self->o);
	EXPECT_TRUE(policies_none());
}

/* ---- by the verifier, when it is loaded ---- */

FIXTURE_VARIANT(refused) {
	const char *object;
	int error;
	const char *says;
};

#define REFUSED(name, errno_, text)	\
	FIXTURE_VARIANT_ADD(refused, name)	\
	{ .object = #name, .error = (errno_), .says = (text) }

REFUSED(beyond, -EINVAL, "memory, len pair leads to invalid memory access");
REFUSED(behind, -EACCES, "access beyond struct weir_policy_ctx at off");
REFUSED(changes, -EACCES, "only read is supported");
REFUSED(keeps, -EINVAL, "Unreleased reference id=");
REFUSED(late, -EACCES, "invalid mem access 'scalar'");
REFUSED(sleepable, -EINVAL, "attach to unsupported member select of struct weir_policy_ops");
REFUSED(elsewhere, -EACCES, "calling kernel function bpf_weir_worker_load is not allowed");

TEST_F(refused, by_the_verifier)
{
	int ret;

	ASSERT_EQ(0, object_open(&self->o, variant->object));
	ret = object_load(&self->o);
	EXPECT_EQ(variant->error, ret);
	EXPECT_NE(NULL, strstr(self->o.log, variant->says))
		TH_LOG("the verifier says: %s", self->o.log);
}

/* ---- by the module, when it is linked ---- */

FIXTURE(unlinked) {
	struct object o;
};

FIXTURE_SETUP(unlinked)
{
	if (object_none())
		SKIP(return, "%s", object_none());
	ASSERT_TRUE(WAIT_FOR(policies_none()));
}

FIXTURE_TEARDOWN(unlinked)
{
	object_close(&self->o);
	EXPECT_TRUE(policies_none());
}

FIXTURE_VARIANT(unlinked) {
	const char *object;
	int error;
};

#define UNLINKED(name, errno_)	\
	FIXTURE_VARIANT_ADD(unlinked, name) { .object = #name, .error = (errno_) }

UNLINKED(mute, -ENODATA);
UNLINKED(flags, -EOPNOTSUPP);
UNLINKED(longname, -ENAMETOOLONG);
UNLINKED(nameless, -EINVAL);
UNLINKED(builtin, -EEXIST);

TEST_F(unlinked, by_the_module)
{
	ASSERT_EQ(0, object_open(&self->o, variant->object));
	ASSERT_EQ(0, object_load(&self->o));
	EXPECT_EQ(variant->error, object_link(&self->o));
}

/* ---- without the right ---- */

static bool anybody_may_load(void)
{
	FILE *f = fopen("/proc/sys/kernel/unprivileged_bpf_disabled", "re");
	bool may = f && fgetc(f) == '0';

	if (f)
		fclose(f);
	return may;
}

TEST(nobody_may_load_one)
{
	struct object o;
	struct kid k;
	int error;

	if (object_none())
		SKIP(return, "%s", object_none());
	if (kid_fork_nobody(&k)) {
		if (object_open(&o, "deadline"))
			_exit(255);
		_exit(-object_load(&o));
	}
	error = kid_end(&k);
	/* Where anybody may load some kinds of programs the verifier is who refuses. */
	EXPECT_NE(0, error);
	if (!anybody_may_load())
		EXPECT_EQ(EPERM, error);
	EXPECT_TRUE(policies_none());
}

TEST_HARNESS_MAIN
