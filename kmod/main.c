// SPDX-License-Identifier: GPL-2.0-only
/*
 * weir: message bus and work queue for the processes of one host.
 *
 * What is where, and how it holds together: ARCHITECTURE.md.
 */
#include <linux/module.h>

#include "channel.h"
#include "device.h"
#include "fs.h"
#include "holder.h"
#include "netlink.h"
#include "pools.h"
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
	err = weir_netlink_init();
	if (err)
		goto err_device;
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
 * Only entered with no client, no open device file and no message: each of
 * these holds the module, and so does an attached BPF program. No figures are
 * shown any more; netlink goes first of what makes things, so that no channel can appear;
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
	rcu_barrier();
}

module_init(weir_init);
module_exit(weir_exit);

MODULE_DESCRIPTION("Message bus and work queue for the processes of one host");
MODULE_AUTHOR("The weir developers");
MODULE_LICENSE("GPL");
