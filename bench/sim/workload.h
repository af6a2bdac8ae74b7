/* SPDX-License-Identifier: MIT */
#ifndef BENCH_SIM_WORKLOAD_H
#define BENCH_SIM_WORKLOAD_H

#include "bench/traces/trace.h"

/* A trace as caches see it: requests for blocks of SIM_BLOCK_BYTES, their names numbered from 0, so
 * that a cache may keep what it knows of a block in an array. One thread. */
#define SIM_BLOCK_BYTES ((uint64_t)1 << 20)

struct touch {
    uint32_t id;
    uint32_t bytes;  /* of the block */
    uint32_t wanted; /* of these, by this request */
};

struct workload {
    struct trace trace;
    struct touch *touches;
    uint64_t touch_count;
    uint32_t id_count;
    uint64_t bytes;                   /* of all blocks that are ever touched: the working set */
    uint64_t warm_rows, warm_touches; /* where counting begins: after the first quarter of rows */
};

/* place: only requests from there, or -1: all. 0 or a code of err.def. */
MUST_USE int workload_load(struct workload *w, const char *path, int place);
void workload_free(struct workload *w);

/* Of touch i: the number of the next touch of the same block, UINT32_MAX: none. To be freed. */
uint32_t *workload_next_uses(const struct workload *w);

#endif
