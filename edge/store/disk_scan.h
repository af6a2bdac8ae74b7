/* SPDX-License-Identifier: MIT
 * private to edge/store: what records lie in a segment of a disk */
#ifndef EDGE_STORE_DISK_SCAN_H
#define EDGE_STORE_DISK_SCAN_H

#include "edge/store/medium_disk.h"
#include "lib/base/buf.h"

/* payload: of DISK_OBJECT and DISK_PURGE, verified; NULL for the others. false: enough. */
typedef bool (*disk_scan_fn)(void *ctx, const struct disk_record *r, const void *payload);

/* disk_scan: gives every record of the segment, in the order in which they were written: from its
 * summary, or, where it has none that fits, from the records themselves as far as they are whole.
 * Blocks: does the reading itself. ERR_IO. */
MUST_USE int disk_scan(const struct medium_disk *m, uint32_t segment, uint64_t sequence,
                       disk_scan_fn fn, void *ctx);
/* disk_summary: the same in memory, whole, to be gone through from the last record to the first, as
 * often as one likes. disk_summary_read: 0 or ERR_IO: empty; disk_summary_finish in both cases. */
struct disk_summary {
    struct buf records; /* each with the payload that a summary has */
    uint32_t *at;       /* of each, in `records` */
    size_t count, room;
};
MUST_USE int disk_summary_read(struct disk_summary *s, const struct medium_disk *m,
                               uint32_t segment, uint64_t sequence);
void disk_summary_back(const struct disk_summary *s, disk_scan_fn fn, void *ctx);
void disk_summary_finish(struct disk_summary *s);
/* disk_scan_sequence: of the segment as its first page tells; 0: none. */
MUST_USE int disk_scan_sequence(const struct medium_disk *m, uint32_t segment, uint64_t *out);

#endif
