/* SPDX-License-Identifier: MIT
 * private to edge/store: what a disk held when the program ended */
#ifndef EDGE_STORE_DISK_RECOVER_H
#define EDGE_STORE_DISK_RECOVER_H

#include "edge/store/disk.h"

/* disk_recover: objects of the disk are in the index again, and their blocks STORED. Reads
 * summaries and, of a segment that has none, the heads of records; a segment that cannot be read
 * costs what lies in it. Before the disk's threads start. */
void disk_recover(struct disk *d);

#endif
