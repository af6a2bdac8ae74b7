/* SPDX-License-Identifier: MIT */
#ifndef EDGE_UPSTREAM_ERRAND_TERMS_H
#define EDGE_UPSTREAM_ERRAND_TERMS_H

#include "lib/base/bucket.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

/* What the errands of one job share, on whatever worker they run: the bytes that they may bring in
 * a second, and for how long what they brought is pinned (edge/store/pin.h). Made and freed by who
 * orders them, when none runs. Threads: any, between init and finish. */
struct errand_terms {
    pthread_mutex_t lock;
    struct bucket bucket;
    bool is_bounded;
    msec_t pin_until;             /* monotonic; 0: nothing is pinned */
    _Atomic int64_t *pin_left;    /* bytes that may still be pinned, by all jobs; borrowed */
    _Atomic int64_t pinned_bytes; /* taken of them by this job */
};

/* rate_per_s: bytes; 0: no bound. */
void errand_terms_init(struct errand_terms *t, uint64_t rate_per_s, msec_t now);
void errand_terms_finish(struct errand_terms *t);
void errand_terms_unpin(struct errand_terms *t); /* gives back what it took; finish does too */
/* errand_terms_take: how long to wait until so many bytes (ERRAND_PIECE at most) may be brought; 0:
 * now, and they are taken. */
#define ERRAND_PIECE ((size_t)64 * 1024)
msec_t errand_terms_take(struct errand_terms *t, size_t bytes, msec_t now);
/* errand_terms_pin: whether there is room for a pin of so many bytes; it is taken then. */
bool errand_terms_pin(struct errand_terms *t, int64_t bytes);

#endif
