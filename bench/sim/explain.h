/* SPDX-License-Identifier: MIT */
#ifndef BENCH_SIM_EXPLAIN_H
#define BENCH_SIM_EXPLAIN_H

#include "bench/sim/workload.h"

/* What the misses of edges and the shield above them are made of, and what caches that know the
 * future would have missed in their places. One thread. */
enum { SENT_BY_EDGE, SENT_BY_SHIELD, SENT_BY_ORIGIN };

struct explain_run {
    const struct workload *work;
    const uint16_t *edges;  /* [touch_count]: which edge was asked */
    const uint8_t *sources; /* [touch_count]: SENT_BY_... */
    uint32_t edge_count;
    int64_t edge_bytes, shield_bytes;
};

/* Bytes of those that clients took after the warm-up. */
struct explanation {
    uint64_t edge_first;    /* missed at an edge that was never asked for them before */
    uint64_t edge_again;    /* missed at an edge that had given them up */
    uint64_t origin_first;  /* from the origin, and nobody had ever asked for them */
    uint64_t origin_again;  /* from the origin, and the shield had given them up */
    uint64_t belady_shield; /* from the origin, were the shield Belady's behind these edges */
    uint64_t belady_both;   /* and the edges too: each the best for itself, not for both */
};
void explain(const struct explain_run *run, struct explanation *out);

#endif
