/* SPDX-License-Identifier: MIT */
#ifndef EDGE_STORE_STORE_COUNTERS_H
#define EDGE_STORE_STORE_COUNTERS_H

#include "lib/base/counter.h"

/* What the store counts, over all workers. */
#define STORE_COUNTERS(X)                                                                          \
    X(inserted, "objects that entered the index")                                                  \
    X(replaced, "objects that made room for a newer answer")                                       \
    X(evicted_objects, "objects that left for want of room")                                       \
    X(evicted_blocks, "blocks that left for want of room")                                         \
    X(evicted_bytes, "bytes that left for want of room")                                           \
    X(carried_bytes, "bytes that eviction moved because they were in use")                         \
    X(purged, "objects that a purge met")                                                          \
    X(no_space, "reservations refused because nothing could leave")                                \
    X(written_bytes, "bytes written into segments")

struct store_counters {
#define X(name, help) counter_t name;
    STORE_COUNTERS(X)
#undef X
};

#endif
