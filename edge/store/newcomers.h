/* SPDX-License-Identifier: MIT
 * private to edge/store: what has come in since the start, while disks are still being read */
#ifndef EDGE_STORE_NEWCOMERS_H
#define EDGE_STORE_NEWCOMERS_H

#include "edge/store/id_set.h"

#include <pthread.h>
#include <stdatomic.h>

/* Variants (object_variant_id) that are younger than whatever a disk still has of them. Nothing is
 * kept once every disk is read. Threads: any; the lock is the last to be taken. */
struct newcomers {
    _Atomic uint32_t unread; /* disks that are not read to the end */
    pthread_mutex_t lock;
    struct id_set ids;
};

void newcomers_init(struct newcomers *n);
void newcomers_finish(struct newcomers *n);
/* newcomers_expect: so many disks are to be read; before anybody else has it. */
void newcomers_expect(struct newcomers *n, uint32_t disks);
bool newcomers_disk_read(struct newcomers *n); /* one more is read: was it the last? */
void newcomers_add(struct newcomers *n, uint64_t variant);
bool newcomers_has(struct newcomers *n, uint64_t variant);

static inline bool newcomers_matter(const struct newcomers *n)
{
    return atomic_load_explicit(&n->unread, memory_order_relaxed) > 0;
}

#endif
