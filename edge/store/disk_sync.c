/* SPDX-License-Identifier: MIT */

/* Counts disks down. Threads: any. */
#include "edge/store/disk_sync.h"

#include "lib/base/mem.h"

#include <errno.h>
#include <time.h>

void disk_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t a;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(c, &a);
    pthread_condattr_destroy(&a);
}

struct timespec disk_after_ms(msec_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / MSEC_PER_SEC;
    t.tv_nsec += ms % MSEC_PER_SEC * 1000000;
    if (t.tv_nsec >= NSEC_PER_SEC) {
        t.tv_nsec -= NSEC_PER_SEC;
        t.tv_sec++;
    }
    return t;
}

struct disk_sync *disk_sync_create(uint32_t disks)
{
    struct disk_sync *s = mem_zalloc(sizeof(*s));
    pthread_mutex_init(&s->lock, NULL);
    disk_cond_init(&s->done);
    s->left = disks;
    s->refs = disks + 1;
    return s;
}

static void sync_let_go(struct disk_sync *s)
{
    pthread_mutex_lock(&s->lock);
    bool is_last = --s->refs == 0;
    pthread_mutex_unlock(&s->lock);
    if (!is_last)
        return;
    pthread_cond_destroy(&s->done);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

void disk_sync_tell(struct disk_sync *s, bool is_good)
{
    pthread_mutex_lock(&s->lock);
    s->left--;
    s->failed += !is_good;
    pthread_cond_signal(&s->done);
    pthread_mutex_unlock(&s->lock);
    sync_let_go(s);
}

bool disk_sync_wait(struct disk_sync *s, msec_t max_ms)
{
    struct timespec until = disk_after_ms(max_ms);
    int r = 0;
    pthread_mutex_lock(&s->lock);
    while (s->left > 0 && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&s->done, &s->lock, &until);
    bool is_good = s->left == 0 && s->failed == 0;
    pthread_mutex_unlock(&s->lock);
    sync_let_go(s);
    return is_good;
}
