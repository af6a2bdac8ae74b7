/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_PER_LOOP_H
#define ORIGIN_CONNECT_PER_LOOP_H

#include "lib/net/loop.h"

#include <stdatomic.h>

/* What each loop has of something that all share. Threads: a loop asks for its own alone; no two
 * touch the same value. */
#define PER_LOOP_MAX 257 /* workers, and the main thread */
struct per_loop {
    struct {
        _Atomic(struct loop *) home; /* NULL: free */
        void *value;                 /* home's thread alone */
    } slots[PER_LOOP_MAX];
};

void per_loop_put(struct per_loop *p, struct loop *home, void *value); /* it has none yet */
void *per_loop_get(struct per_loop *p, const struct loop *home) __attribute__((returns_nonnull));
void per_loop_remove(struct per_loop *p, const struct loop *home);

#endif
