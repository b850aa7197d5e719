/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_DEVICE_H
#define _WEIR_DEVICE_H

#include <linux/device.h>

#define WEIR_MINORS	65536	/* channels at once */

struct weir_channel;

int weir_device_init(void);
void weir_device_exit(void);
struct device *weir_device_create(struct weir_channel *ch);
void weir_device_destroy(struct device *dev);
void weir_device_end_readers(struct weir_channel *ch);

#endif /* _WEIR_DEVICE_H */
