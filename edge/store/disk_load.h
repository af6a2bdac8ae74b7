/* SPDX-License-Identifier: MIT
 * private to edge/store: the threads that read a disk */
#ifndef EDGE_STORE_DISK_LOAD_H
#define EDGE_STORE_DISK_LOAD_H

#include "edge/store/disk.h"

/* disk_load_begin: block `index` of g, STORED on d, is being read into memory from
 * disk_load_go on. As generation_view says of such a block; never waits. Threads: any. */
MUST_USE int disk_load_begin(struct disk *d, struct generation *g, int64_t index);
/* disk_load_watch: where the disk is slow, who waits for it goes past it: what no thread has begun
 * is STORED again, and what one has hung over for long is FILLING still, but LATE. Threads: one. */
void disk_load_watch(struct disk *d);
/* disk_load_drop: what no thread has begun is STORED again. */
void disk_load_drop(struct disk *d);
/* disk_load_all: does the disk's loads until disk_end. */
void disk_load_all(struct disk *d);

#endif
