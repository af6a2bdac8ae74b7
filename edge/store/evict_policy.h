/* SPDX-License-Identifier: MIT
 * private to edge/store: what an eviction policy must offer */
#ifndef EDGE_STORE_EVICT_POLICY_H
#define EDGE_STORE_EVICT_POLICY_H

#include "lib/base/list.h"

#include <stdint.h>

/* A policy is one file that defines one of these and a line in store.c that names it. It sees
 * segments that are full (sealed), and the reads of their blocks. Unless another lock is named, the
 * segments' lock is held, so everything here is short and takes no lock. */
struct segment;
struct block;

#define EVICT_LISTS 4
struct evict_queues {
    struct list lists[EVICT_LISTS]; /* of segments, by their link; the policy's own */
    uint32_t counts[EVICT_LISTS];
};

struct evict_policy {
    const char *name;
    void (*add)(struct evict_queues *q, struct segment *s);    /* a segment was sealed */
    void (*remove)(struct evict_queues *q, struct segment *s); /* it went without the policy */
    /* pick: takes the segment that shall go now out of its queues, or NULL: none can. Never one
     * that is pinned (segment_is_pinned). */
    struct segment *(*pick)(struct evict_queues *q);
    /* keeps: whether this block of a picked segment is worth carrying into another segment. */
    bool (*keeps)(const struct segment *s, const struct block *b);
    /* hit: bytes of a PRESENT block are being read. Under the generation's lock instead: what it
     * changes in the segment is atomic. */
    void (*hit)(struct segment *s, struct block *b);
};

extern const struct evict_policy evict_clock;

#endif
