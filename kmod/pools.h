/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_POOLS_H
#define _WEIR_POOLS_H

struct weir_pool;

int weir_pools_init(void);
void weir_pools_exit(void);
void weir_pools_add(struct weir_pool *pool);
void weir_pools_del(struct weir_pool *pool);

#endif /* _WEIR_POOLS_H */
