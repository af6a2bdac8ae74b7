/* SPDX-License-Identifier: MIT
 * private to edge/store: where on its disk a block lies */
#ifndef EDGE_STORE_DISK_PLACE_H
#define EDGE_STORE_DISK_PLACE_H

#include "edge/store/disk.h"

/* disk_place_commit: the block of the job lies on the disk from here, if it is still the same one.
 * disk_place_abandon: it was not written. */
void disk_place_commit(struct disk *d, const struct disk_job *j);
void disk_place_abandon(const struct disk_job *j);
/* disk_place_has: whether block `index` lies there. *uses: of it since it came, up to
 * DISK_PLACE_USES_MAX, which one that is pinned always has. */
#define DISK_PLACE_USES_MAX EVICT_WORTH_MOST
bool disk_place_has(struct generation *g, const struct disk_record *r, uint32_t segment,
                    uint32_t *uses);
/* disk_place_pass: it lies there for another round, with one use less, as when it is moved. */
void disk_place_pass(struct generation *g, const struct disk_record *r, uint32_t segment);
/* disk_place_enter: whether it lies there, and nobody is reading it; then disk_segment_leave. */
bool disk_place_enter(struct disk *d, struct generation *g, const struct disk_record *r,
                      uint32_t segment);
/* disk_place_clear: it lies there no more; ABSENT where it was nowhere else. false: it did not. */
bool disk_place_clear(struct generation *g, const struct disk_record *r, uint32_t segment);
/* disk_place_owner: returns a reference to the object whose bytes these are, or NULL. */
struct object *disk_place_owner(struct generation *g);

#endif
