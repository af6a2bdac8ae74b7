/* SPDX-License-Identifier: MIT
 * private to edge/store: the thread that looks whether a disk still has what it was given */
#ifndef EDGE_STORE_DISK_SCRUB_H
#define EDGE_STORE_DISK_SCRUB_H

#include "edge/store/disk.h"

/* disk_scrub_all: reads every block that lies on the disk, at the store's disk_scrub_per_s, again
 * and again until disk_end. A block that does not match its checksum lies there no more. */
void disk_scrub_all(struct disk *d);

#endif
