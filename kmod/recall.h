/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _WEIR_RECALL_H
#define _WEIR_RECALL_H

struct weir_channel;
struct weir_client;
struct work_struct;

void weir_recall(struct weir_channel *ch);
void weir_recall_work(struct work_struct *work);
void weir_recall_answered(struct weir_client *c);
void weir_recall_end(struct weir_client *c);

#endif /* _WEIR_RECALL_H */
