/* SPDX-License-Identifier: MIT */
#ifndef EDGE_EDGE_PREFILL_H
#define EDGE_EDGE_PREFILL_H

#include "edge/admin/prefill.h"
#include "edge/edge_worker.h"

/* The way of a prefill's tasks to the workers, each to the next one in turn, and back.
 * Threads: the main thread. */
struct edge_prefill;

struct edge_prefill_spec {
    struct loop *loop; /* the main thread's */
    const char *folder;
    int64_t pin_room_bytes;
    struct edge_worker **workers; /* borrowed; running from edge_prefill_start on */
    int worker_count;
};
struct edge_prefill *edge_prefill_create(const struct edge_prefill_spec *spec)
    __attribute__((returns_nonnull));
void edge_prefill_start(struct edge_prefill *p);
struct prefill *edge_prefill_jobs(struct edge_prefill *p); /* borrowed */
void edge_prefill_destroy(struct edge_prefill **p);        /* the workers have ended */

#endif
