/* SPDX-License-Identifier: MIT
 * private to edge/upstream: runs of claimed blocks, to be filled one after the other */
#ifndef EDGE_UPSTREAM_BLOCK_RUNS_H
#define EDGE_UPSTREAM_BLOCK_RUNS_H

#include "edge/store/generation.h"

/* Blocks [first, end), in order. All zero: none. Threads: its owner's. */
struct block_run {
    int64_t first, end;
};
struct block_runs {
    struct block_run *v;
    uint32_t at, count; /* what is before `at` was taken */
};

/* block_runs_claim: claims every absent block of a generation whose length is known. */
void block_runs_claim(struct block_runs *r, struct generation *g);
void block_runs_insert(struct block_runs *r, struct block_run one); /* claimed by the caller */
bool block_runs_take(struct block_runs *r, struct block_run *out);  /* false: no more */
/* block_runs_release: gives back those that begin before block `before` and were not taken. */
void block_runs_release(struct block_runs *r, struct generation *g, int64_t before);
void block_runs_finish(struct block_runs *r); /* all are taken or released */

#endif
