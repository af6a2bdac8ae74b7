/* SPDX-License-Identifier: MIT */
#ifndef BENCH_SIM_EDGE_CACHE_H
#define BENCH_SIM_EDGE_CACHE_H

#include "bench/traces/trace.h"

/* edge/store as it is (index, objects, generations, block tables, segments, the eviction policy,
 * admission to disk), on memory and a disk without bytes. One at a time. */
struct edge_cache;

struct edge_cache_spec {
    const char *policy;
    int64_t memory_bytes, disk_bytes; /* 0: no disk */
    int64_t block_bytes;
    int64_t ahead_bytes; /* brought at most after what a reader wants who reads on by ranges */
};
struct edge_cache *edge_cache_create(const struct edge_cache_spec *spec);
void edge_cache_destroy(struct edge_cache **c);

struct edge_counts {
    uint64_t rows, row_misses; /* a row misses where any of its blocks does */
    uint64_t wanted_bytes, missed_bytes;
    uint64_t fetched_bytes; /* whole blocks that upstream sends */
    uint64_t disk_kept_bytes, disk_moved_bytes, disk_read_bytes, carried_bytes;
    uint64_t refused; /* blocks for which nothing could leave */
};
void edge_cache_row(struct edge_cache *c, const struct trace_row *r);
struct edge_counts edge_cache_counts(const struct edge_cache *c);

/* What it holds now, and what the records of it weigh. */
struct edge_weight {
    uint64_t objects, blocks;
    int64_t object_bytes; /* objects, generations, the index */
    int64_t block_bytes;  /* block tables, segments', the policy's own */
};
struct edge_weight edge_cache_weight(const struct edge_cache *c);

#endif
