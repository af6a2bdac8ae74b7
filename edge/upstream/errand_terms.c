/* SPDX-License-Identifier: MIT */

/* A bucket and a budget, under a lock and an atomic: errands of one job run on several workers. */
#include "edge/upstream/errand_terms.h"

#define BURST_SHARE 4 /* of a second's bytes, one part in so many may come at once */

void errand_terms_init(struct errand_terms *t, uint64_t rate_per_s, msec_t now)
{
    double rate = (double)rate_per_s, burst = rate / BURST_SHARE;
    pthread_mutex_init(&t->lock, NULL);
    t->is_bounded = rate_per_s > 0;
    bucket_init(&t->bucket, rate, burst > (double)ERRAND_PIECE ? burst : (double)ERRAND_PIECE, now);
}

void errand_terms_unpin(struct errand_terms *t)
{
    atomic_fetch_add(t->pin_left, atomic_exchange(&t->pinned_bytes, 0));
}

void errand_terms_finish(struct errand_terms *t)
{
    errand_terms_unpin(t);
    pthread_mutex_destroy(&t->lock);
}

msec_t errand_terms_take(struct errand_terms *t, size_t bytes, msec_t now)
{
    msec_t wait = 0;
    if (!t->is_bounded)
        return 0;
    pthread_mutex_lock(&t->lock);
    if (!bucket_take(&t->bucket, (double)bytes, now))
        wait = bucket_wait_ms(&t->bucket, (double)bytes);
    pthread_mutex_unlock(&t->lock);
    return wait;
}

bool errand_terms_pin(struct errand_terms *t, int64_t bytes)
{
    if (atomic_fetch_sub(t->pin_left, bytes) < bytes) {
        atomic_fetch_add(t->pin_left, bytes);
        return false;
    }
    atomic_fetch_add(&t->pinned_bytes, bytes);
    return true;
}
