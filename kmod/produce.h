/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_PRODUCE_H
#define _WEIR_PRODUCE_H

void weir_produce_init(void);

#endif /* _WEIR_PRODUCE_H */
