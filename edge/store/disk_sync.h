/* SPDX-License-Identifier: MIT
 * private to edge/store: waiting for several disks */
#ifndef EDGE_STORE_DISK_SYNC_H
#define EDGE_STORE_DISK_SYNC_H

#include "lib/base/clock.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Who waits until several disks have synced. Freed by the last reference. */
struct disk_sync {
    pthread_mutex_t lock;
    pthread_cond_t done;
    uint32_t left, failed, refs;
};
struct disk_sync *disk_sync_create(uint32_t disks) __attribute__((returns_nonnull));
void disk_sync_tell(struct disk_sync *s, bool is_good); /* one disk has; lets go */
/* disk_sync_wait: false: one failed, or they took longer; lets go. */
bool disk_sync_wait(struct disk_sync *s, msec_t max_ms);

/* Conditions over the monotonic clock, and a moment of it, for who waits with a bound. */
void disk_cond_init(pthread_cond_t *c);
struct timespec disk_after_ms(msec_t ms);

#endif
