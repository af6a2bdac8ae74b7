/* SPDX-License-Identifier: MIT */

/* SIEVE (Zhang, Yang, Yue, Vigfusson and Rashmi, NSDI 2024): one FIFO, a bit, and a hand that moves
 * from the old to the new and does not move what it spares. */
#include "bench/sim/cache.h"

#include "lib/base/mem.h"

struct sieve {
    int64_t cap;
    struct node *nodes;
    struct queue queue;
    uint32_t hand;
};

static void *create(const struct cache_spec *spec)
{
    struct sieve *c = mem_zalloc(sizeof(*c));
    c->cap = spec->bytes;
    c->hand = NOBODY;
    c->nodes = mem_zarray(spec->workload->id_count, sizeof(*c->nodes));
    queue_init(&c->queue, c->nodes);
    return c;
}

static void evict(struct sieve *c)
{
    uint32_t id = c->hand != NOBODY ? c->hand : c->queue.head;
    while (c->nodes[id].uses > 0) {
        c->nodes[id].uses = 0;
        id = c->nodes[id].next != NOBODY ? c->nodes[id].next : c->queue.head;
    }
    c->hand = c->nodes[id].next;
    queue_remove(&c->queue, id);
    c->nodes[id].queue = 0;
}

static bool touch(void *cache, const struct touch *t, uint64_t at, uint64_t *written)
{
    struct sieve *c = cache;
    struct node *n = &c->nodes[t->id];
    (void)at;
    if (n->queue != 0) {
        n->uses = 1;
        return true;
    }
    if (t->bytes > c->cap)
        return false;
    while (c->queue.bytes + t->bytes > c->cap)
        evict(c);
    *n = (struct node){.bytes = t->bytes, .queue = 1};
    queue_push(&c->queue, t->id);
    *written = t->bytes;
    return false;
}

static void destroy(void *cache)
{
    struct sieve *c = cache;
    mem_free(c->nodes);
    mem_free(c);
}

const struct cache_ops cache_sieve = {"SIEVE", create, touch, destroy, sizeof(struct node)};
