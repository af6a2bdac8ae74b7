/* SPDX-License-Identifier: MIT
 * private to edge/store: what records lie in a segment of a disk */
#ifndef EDGE_STORE_DISK_SCAN_H
#define EDGE_STORE_DISK_SCAN_H

#include "edge/store/medium_disk.h"

/* payload: of DISK_OBJECT and DISK_PURGE, verified; NULL for the others. false: enough. */
typedef bool (*disk_scan_fn)(void *ctx, const struct disk_record *r, const void *payload);

/* disk_scan: gives every record of the segment, in the order in which they were written: from its
 * summary, or, where it has none that fits, from the records themselves as far as they are whole.
 * Blocks: does the reading itself. ERR_IO. */
MUST_USE int disk_scan(const struct medium_disk *m, uint32_t segment, uint64_t sequence,
                       disk_scan_fn fn, void *ctx);
/* disk_scan_sequence: of the segment as its first page tells; 0: none. */
MUST_USE int disk_scan_sequence(const struct medium_disk *m, uint32_t segment, uint64_t *out);

#endif
