/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small test runner: each test runs in a process of its own, so that one that
 * crashes is one that failed.
 */
#ifndef _WEIR_UNIT_TEST_H
#define _WEIR_UNIT_TEST_H

#include <stdbool.h>

#if defined(__SANITIZE_ADDRESS__)
#define UNIT_BUILD	"asan"
#elif defined(__SANITIZE_THREAD__)
#define UNIT_BUILD	"tsan"
#else
#define UNIT_BUILD	"plain"
#endif

struct unit_test {
	const char *file;
	const char *name;
	void (*run)(void);
	struct unit_test *next;
};

void unit_add(struct unit_test *t);
_Noreturn void unit_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* "TEST(a_name) { ... }" in FOO_test.c is reported as "BUILD foo: a name". */
#define TEST(test)							\
	static void test(void);						\
	static struct unit_test unit_##test = {				\
		.file = __FILE__, .name = #test, .run = test,		\
	};								\
	static void __attribute__((constructor)) unit_add_##test(void)	\
	{								\
		unit_add(&unit_##test);					\
	}								\
	static void test(void)

/* All of these end the test when they fail. */
#define CHECK(cond) do {						\
	if (!(cond))							\
		unit_fail(__FILE__, __LINE__, "%s", #cond);		\
} while (0)

#define CHECK_OP(x, op, y) do {						\
	long long _cx = (long long)(x), _cy = (long long)(y);		\
	if (!(_cx op _cy))						\
		unit_fail(__FILE__, __LINE__, "%s %s %s: %lld, %lld",	\
			  #x, #op, #y, _cx, _cy);			\
} while (0)

#define CHECK_EQ(x, y)	CHECK_OP(x, ==, y)
#define CHECK_LE(x, y)	CHECK_OP(x, <=, y)
#define CHECK_LT(x, y)	CHECK_OP(x, <, y)

/* How many times a random test is to be done in this build. */
static inline unsigned int unit_rounds(unsigned int plain)
{
#if defined(__SANITIZE_ADDRESS__)
	return plain / 4 ? plain / 4 : 1;
#elif defined(__SANITIZE_THREAD__)
	return plain / 10 ? plain / 10 : 1;
#else
	return plain;
#endif
}

/* From SEED in the environment: one round, with it; else 0. */
unsigned long long unit_seed(void);

/* What is printed when the test fails, in whatever way. */
void unit_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* _WEIR_UNIT_TEST_H */
