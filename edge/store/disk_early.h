/* SPDX-License-Identifier: MIT
 * private to edge/store: blocks that a start has found before the head of their object */
#ifndef EDGE_STORE_DISK_EARLY_H
#define EDGE_STORE_DISK_EARLY_H

#include "edge/store/disk_format.h"

/* Segments are read from the newest to the oldest, and a head lies before its blocks: they wait
 * here for it. Bounded: what does not fit is told, and has to be read again. All zero: empty.
 * Threads: one at a time. */
struct disk_found {
    uint64_t generation, checksum;
    int64_t index;
    uint32_t length, segment, spot; /* length: of the block itself; spot: disk_spot of its record */
    uint32_t next;                  /* the next of its bucket; disk_early's own */
};

struct disk_early {
    struct disk_found *v;
    uint32_t *buckets;
    uint32_t count, room, unused; /* room: a power of two; unused: the first that was taken out */
    bool has_lost;                /* there were more than fit */
};

void disk_early_put(struct disk_early *e, const struct disk_found *f);
/* disk_early_take: the blocks of that generation, in no order; they are here no more. */
typedef void (*disk_found_fn)(void *ctx, const struct disk_found *f);
void disk_early_take(struct disk_early *e, uint64_t generation, disk_found_fn fn, void *ctx);
void disk_early_finish(struct disk_early *e);

#endif
