/* SPDX-License-Identifier: MIT */
#ifndef BENCH_SIM_WORKLOAD_H
#define BENCH_SIM_WORKLOAD_H

#include "bench/traces/trace.h"

/* A trace as caches see it: requests for blocks, their names numbered from 0, so that a cache may
 * keep what it knows of a block in an array. One thread. */
#define SIM_BLOCK_BYTES ((uint64_t)1 << 20)

struct workload_spec {
    const char *path;
    int place; /* only requests from there, or -1: all */
    uint64_t block_bytes;
    uint64_t byte_factor; /* bytes of the trace for one (trace_scale) */
};

struct touch {
    uint32_t id;
    uint32_t bytes;  /* of the block */
    uint32_t wanted; /* of these, by this request */
};

struct workload {
    struct trace trace;
    const struct trace_row *rows; /* of the trace, scaled */
    uint64_t block_bytes;
    struct touch *touches;
    uint64_t touch_count;
    uint32_t id_count;
    uint64_t bytes;                   /* of all blocks that are ever touched: the working set */
    uint64_t warm_rows, warm_touches; /* where counting begins: after the first quarter of rows */
};

/* 0 or a code of err.def. */
MUST_USE int workload_load(struct workload *w, const struct workload_spec *spec);
void workload_free(struct workload *w);

/* Of touch i: the number of the next touch of the same block, UINT32_MAX: none. To be freed. */
uint32_t *workload_next_uses(const struct workload *w);

#endif
