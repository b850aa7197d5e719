// SPDX-License-Identifier: GPL-2.0-only
/*
 * weir: message bus and work queue for the processes of one host.
 *
 * What is where, and how it holds together: ARCHITECTURE.md.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

#include "channel.h"
#include "device.h"
#include "fs.h"
#include "holder.h"
#include "kfunc.h"
#include "netlink.h"
#include "policy.h"
#include "pools.h"
#include "produce.h"
#include "trace.h"

static int __init weir_init(void)
{
	int err;

	err = weir_fs_init();
	if (err)
		return err;
	err = weir_pools_init();
	if (err)
		goto err_fs;
	err = weir_channel_init();
	if (err)
		goto err_pools;
	err = weir_device_init();
	if (err)
		goto err_channel;
	err = weir_kfunc_init();
	if (err)
		goto err_device;
	err = weir_netlink_init();
	if (err)
		goto err_device;
	/* Last: nothing undoes it. All else works without it. */
	err = weir_policy_bpf_init();
	if (err)
		pr_notice("no policies from BPF programs on this kernel: error %d\n",
			  -err);
	weir_produce_init();
	return 0;

err_device:
	weir_device_exit();
err_channel:
	weir_channel_exit();
err_pools:
	weir_pools_exit();
err_fs:
	weir_fs_exit();
	return err;
}

/*
 * Only entered with no client, no open device file, no message, no loaded policy
 * and no BPF program that is attached or uses the module's functions: each of
 * these holds the module. No figures are shown any more; netlink goes first of
 * what makes things, so that no channel can appear;
 * then processes whose end is just being handled are waited for; then the
 * channels, each of which waits for its timer and works; then what
 * they stood on. Last, what is still to be freed after a grace period.
 */
static void __exit weir_exit(void)
{
	weir_trace_exit();
	weir_netlink_exit();
	weir_holder_exit();
	weir_channel_exit();
	weir_device_exit();
	weir_pools_exit();
	weir_fs_exit();
	weir_policies_exit();
	rcu_barrier();
}

module_init(weir_init);
module_exit(weir_exit);

MODULE_DESCRIPTION("Message bus and work queue for the processes of one host");
MODULE_AUTHOR("The weir developers");
MODULE_LICENSE("GPL");
