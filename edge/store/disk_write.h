/* SPDX-License-Identifier: MIT
 * private to edge/store: the thread that writes a disk */
#ifndef EDGE_STORE_DISK_WRITE_H
#define EDGE_STORE_DISK_WRITE_H

#include "edge/store/disk.h"

/* disk_write_all: does the disk's writes until disk_end, then closes the open segment. */
void disk_write_all(struct disk *d);

#endif
