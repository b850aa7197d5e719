// SPDX-License-Identifier: GPL-2.0
/*
 * Lets the n'th allocation fail that the module "weir" makes while it is loaded.
 * Counting begins after the last notifier of its coming: before that the loader
 * allocates for itself, and its own warnings of failures there say nothing of weir.
 * Whoever loads reads what is left of the count in his /proc/thread-self/fail-nth.
 */
#include <linux/limits.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/sched.h>
#include <linux/string.h>

static unsigned int nth;
module_param(nth, uint, 0600);
MODULE_PARM_DESC(nth, "which allocation fails; 0: none");

static int coming(struct notifier_block *nb, unsigned long state, void *data)
{
	const struct module *mod = data;

	if (state == MODULE_STATE_COMING && !strcmp(mod->name, "weir"))
		current->fail_nth = nth;
	return NOTIFY_OK;
}

static struct notifier_block notifier = {
	.notifier_call = coming,
	.priority = INT_MIN,
};

static int __init failinit_init(void)
{
	return register_module_notifier(&notifier);
}
module_init(failinit_init);

static void __exit failinit_exit(void)
{
	unregister_module_notifier(&notifier);
}
module_exit(failinit_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("makes the loading of weir fail");
