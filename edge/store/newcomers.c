/* SPDX-License-Identifier: MIT */

/* A set under a lock, for some seconds after a start. Threads: any. */
#include "edge/store/newcomers.h"

void newcomers_init(struct newcomers *n)
{
    *n = (struct newcomers){0};
    pthread_mutex_init(&n->lock, NULL);
}

void newcomers_expect(struct newcomers *n, uint32_t disks)
{
    n->unread = disks;
}

void newcomers_finish(struct newcomers *n)
{
    id_set_finish(&n->ids);
    pthread_mutex_destroy(&n->lock);
}

bool newcomers_disk_read(struct newcomers *n)
{
    pthread_mutex_lock(&n->lock);
    bool is_last = atomic_fetch_sub(&n->unread, 1) == 1;
    if (is_last)
        id_set_finish(&n->ids);
    pthread_mutex_unlock(&n->lock);
    return is_last;
}

void newcomers_add(struct newcomers *n, uint64_t variant)
{
    pthread_mutex_lock(&n->lock);
    if (atomic_load(&n->unread) > 0)
        id_set_add(&n->ids, variant);
    pthread_mutex_unlock(&n->lock);
}

bool newcomers_has(struct newcomers *n, uint64_t variant)
{
    pthread_mutex_lock(&n->lock);
    bool has = id_set_has(&n->ids, variant);
    pthread_mutex_unlock(&n->lock);
    return has;
}
