/* SPDX-License-Identifier: MIT */
#ifndef BENCH_SIM_CACHE_H
#define BENCH_SIM_CACHE_H

#include "bench/sim/workload.h"

/* The caches that the store is compared with: each one file that defines one of these and a line in
 * caches.c. They know blocks by number, and keep no bytes. One thread. */
struct cache_spec {
    const struct workload *workload;
    int64_t bytes;
};

struct cache_ops {
    const char *name;
    void *(*create)(const struct cache_spec *spec);
    /* touch: whether block t->id was there; `at` is t's number. *written: bytes that a cache on
     * flash would have to write for it. */
    bool (*touch)(void *cache, const struct touch *t, uint64_t at, uint64_t *written);
    void (*destroy)(void *cache);
    size_t block_bytes; /* of memory, for each block that it holds */
};

extern const struct cache_ops *const caches[];
extern const size_t caches_count;

extern const struct cache_ops cache_lru;
extern const struct cache_ops cache_fifo;
extern const struct cache_ops cache_sieve;
extern const struct cache_ops cache_s3fifo;
extern const struct cache_ops cache_wtinylfu;
extern const struct cache_ops cache_gdsf;
extern const struct cache_ops cache_belady;

/* Queues of blocks by number: what the caches are made of. */
#define NOBODY UINT32_MAX
struct node {
    uint32_t next, prev; /* next: towards the tail */
    uint32_t bytes;
    uint8_t queue; /* the cache's own; 0: not there */
    uint8_t uses;
};

struct queue {
    struct node *nodes;
    uint32_t head, tail; /* the head goes first */
    int64_t bytes;
};

void queue_init(struct queue *q, struct node *nodes);
void queue_push(struct queue *q, uint32_t id); /* at the tail */
void queue_remove(struct queue *q, uint32_t id);
uint32_t queue_pop(struct queue *q); /* the head, or NOBODY */

/* The lowest key first. Keys that are no longer true are left in it: who pops knows. */
struct heap_entry {
    double key;
    uint32_t id;
};
struct heap {
    struct heap_entry *v;
    size_t count, room;
};
void heap_push(struct heap *h, double key, uint32_t id);
bool heap_pop(struct heap *h, struct heap_entry *out);
void heap_finish(struct heap *h);

#endif
