/* SPDX-License-Identifier: MIT */
#ifndef BENCH_SIM_LOG_DISK_H
#define BENCH_SIM_LOG_DISK_H

#include "edge/store/generation_inner.h"

/* A disk below a hollow store: no bytes and no threads, but the same log of segments as the disks
 * of edge/store, and the same decisions about each (disk_turn.h) and each block (disk_place.h):
 * what it writes and what it gives up is what a disk would. One thread. */
struct log_disk;

/* Puts itself below the store. Destroyed after it. */
struct log_disk *log_disk_create(struct store *st, int64_t bytes);
void log_disk_destroy(struct log_disk **d);

struct log_disk_counts {
    uint64_t kept_bytes;  /* written because they were worth it */
    uint64_t moved_bytes; /* written again to outlive their segment */
    uint64_t read_bytes;
};
struct log_disk_counts log_disk_counts(const struct log_disk *d);

#endif
