/* SPDX-License-Identifier: MIT
 * private to edge/store: drops and purges that have to outlive their segment */
#ifndef EDGE_STORE_DISK_ORDERS_H
#define EDGE_STORE_DISK_ORDERS_H

#include "edge/store/disk.h"

/* A drop or a purge falls on what lies in older segments. Where some of these were passed over when
 * its own is given up, it is written again, and says how far it reaches. Threads: the writer's. */

/* disk_orders_keep: r, of a segment that is being given up, to be written again where that needs
 * be. disk_orders_back: what was kept since disk_orders_mark gave `mark` is not: its segment stays.
 * disk_orders_next: the next one that was kept, from *at on (0: the first), which it moves.
 * false: that was the last. disk_orders_clear: they are written. */
void disk_orders_keep(struct disk *d, uint32_t segment, const struct disk_record *r,
                      const void *payload);
size_t disk_orders_mark(const struct disk *d);
void disk_orders_back(struct disk *d, size_t mark);
bool disk_orders_next(const struct disk *d, size_t *at, struct disk_record *r,
                      const uint8_t **payload);
void disk_orders_clear(struct disk *d);

#endif
