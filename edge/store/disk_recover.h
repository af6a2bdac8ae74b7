/* SPDX-License-Identifier: MIT
 * private to edge/store: what a disk held when the program ended */
#ifndef EDGE_STORE_DISK_RECOVER_H
#define EDGE_STORE_DISK_RECOVER_H

#include "edge/store/disk.h"

/* disk_recover_begin: which segments hold something: reads a page of each. Before the disk's
 * threads start; what is purged from here on is not given back by what follows. disk_recover_run:
 * their objects come into the index again, the newest first, and their blocks become STORED, while
 * others use the store. Reads summaries and, of a segment that has none, the heads of records; a
 * segment that cannot be read costs what lies in it. Returns early at the disk's end; a thread of
 * its own. disk_recover_finish: frees what is left of it; NULL is fine. */
struct disk_recovery *disk_recover_begin(struct disk *d) __attribute__((returns_nonnull));
void disk_recover_run(struct disk *d);
void disk_recover_finish(struct disk_recovery **prc);

#endif
