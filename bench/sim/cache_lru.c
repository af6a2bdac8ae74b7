/* SPDX-License-Identifier: MIT */

/* Least recently used; and FIFO, which is the same without the moving. */
#include "bench/sim/cache.h"

#include "lib/base/mem.h"

struct lru {
    int64_t cap;
    struct node *nodes;
    struct queue queue;
};

static void *create(const struct cache_spec *spec)
{
    struct lru *c = mem_zalloc(sizeof(*c));
    c->cap = spec->bytes;
    c->nodes = mem_zarray(spec->workload->id_count, sizeof(*c->nodes));
    queue_init(&c->queue, c->nodes);
    return c;
}

static bool miss(struct lru *c, const struct touch *t, uint64_t *written)
{
    if (t->bytes > c->cap)
        return false;
    while (c->queue.bytes + t->bytes > c->cap)
        c->nodes[queue_pop(&c->queue)].queue = 0;
    c->nodes[t->id] = (struct node){.bytes = t->bytes, .queue = 1};
    queue_push(&c->queue, t->id);
    *written = t->bytes;
    return false;
}

static bool touch_fifo(void *cache, const struct touch *t, uint64_t at, uint64_t *written)
{
    struct lru *c = cache;
    (void)at;
    return c->nodes[t->id].queue != 0 || miss(c, t, written);
}

static bool touch_lru(void *cache, const struct touch *t, uint64_t at, uint64_t *written)
{
    struct lru *c = cache;
    (void)at;
    if (c->nodes[t->id].queue == 0)
        return miss(c, t, written);
    queue_remove(&c->queue, t->id);
    queue_push(&c->queue, t->id);
    return true;
}

static void destroy(void *cache)
{
    struct lru *c = cache;
    mem_free(c->nodes);
    mem_free(c);
}

const struct cache_ops cache_lru = {"LRU", create, touch_lru, destroy, sizeof(struct node)};
const struct cache_ops cache_fifo = {"FIFO", create, touch_fifo, destroy, sizeof(struct node)};
