// SPDX-License-Identifier: GPL-2.0
/*
 * Makes the kernel complain, each time in the way asked for, to show that
 * tests/vm/run notices.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *how = "";
module_param(how, charp, 0);
MODULE_PARM_DESC(how, "warn, oops, leak, sleep or lock");

static DEFINE_SPINLOCK(outer);
static DEFINE_SPINLOCK(inner);
static void *volatile lost;

static void take_both(spinlock_t *first, spinlock_t *second)
{
	spin_lock(first);
	spin_lock(second);
	spin_unlock(second);
	spin_unlock(first);
}

static int __init complain_init(void)
{
	int i;

	if (!strcmp(how, "warn")) {
		WARN(1, "as asked\n");
	} else if (!strcmp(how, "oops")) {
		*(volatile int *)8 = 1;
	} else if (!strcmp(how, "leak")) {
		/* Several: a stale pointer may be left of the last one. */
		for (i = 0; i < 8; i++)
			lost = kmalloc(200, GFP_KERNEL);
		lost = NULL;
	} else if (!strcmp(how, "sleep")) {
		spin_lock(&outer);
		might_sleep();
		spin_unlock(&outer);
	} else if (!strcmp(how, "lock")) {
		take_both(&outer, &inner);
		take_both(&inner, &outer);
	}
	return 0;
}
module_init(complain_init);

static void __exit complain_exit(void)
{
}
module_exit(complain_exit);

MODULE_DESCRIPTION("Makes the kernel complain");
MODULE_LICENSE("GPL");
