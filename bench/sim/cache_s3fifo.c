/* SPDX-License-Identifier: MIT */

/* S3-FIFO as published (Yang, Zhang, Qiu, Yue and Rashmi, SOSP 2023): small queue of a tenth, ghost
 * worth the main queue. On flash, with the small queue in memory, what is promoted is written, and
 * what goes round in the main queue is written again. */
#include "bench/sim/cache.h"

#include "lib/base/mem.h"

enum { SMALL = 1, MAIN, GHOST };
#define USES_MAX      3
#define USES_PROMOTED 2

struct s3fifo {
    int64_t small_cap, main_cap;
    struct node *nodes;
    struct queue small, main, ghost;
};

static void *create(const struct cache_spec *spec)
{
    struct s3fifo *c = mem_zalloc(sizeof(*c));
    c->small_cap = spec->bytes / 10;
    c->main_cap = spec->bytes - c->small_cap;
    c->nodes = mem_zarray(spec->workload->id_count, sizeof(*c->nodes));
    queue_init(&c->small, c->nodes);
    queue_init(&c->main, c->nodes);
    queue_init(&c->ghost, c->nodes);
    return c;
}

static void put(struct s3fifo *c, uint32_t id, uint8_t queue)
{
    c->nodes[id].queue = queue;
    c->nodes[id].uses = 0;
    queue_push(queue == SMALL ? &c->small : queue == MAIN ? &c->main : &c->ghost, id);
}

static void evict_main(struct s3fifo *c, uint64_t *written)
{
    for (;;) {
        uint32_t id = queue_pop(&c->main);
        struct node *n = &c->nodes[id];
        if (n->uses == 0) {
            n->queue = 0;
            return;
        }
        n->uses--;
        queue_push(&c->main, id);
        *written += n->bytes;
    }
}

static void evict_small(struct s3fifo *c, uint64_t *written)
{
    uint32_t id = queue_pop(&c->small);
    if (c->nodes[id].uses >= USES_PROMOTED) {
        put(c, id, MAIN);
        *written += c->nodes[id].bytes;
        return;
    }
    put(c, id, GHOST);
    while (c->ghost.bytes > c->main_cap)
        c->nodes[queue_pop(&c->ghost)].queue = 0;
}

static bool touch(void *cache, const struct touch *t, uint64_t at, uint64_t *written)
{
    struct s3fifo *c = cache;
    struct node *n = &c->nodes[t->id];
    (void)at;
    if (n->queue == SMALL || n->queue == MAIN) {
        n->uses = (uint8_t)(n->uses + (n->uses < USES_MAX));
        return true;
    }
    bool is_known = n->queue == GHOST;
    if (is_known)
        queue_remove(&c->ghost, t->id);
    n->queue = 0;
    if (t->bytes > c->small_cap + c->main_cap)
        return false;
    while (c->small.bytes + c->main.bytes + t->bytes > c->small_cap + c->main_cap) {
        if (c->small.bytes > c->small_cap || c->main.bytes == 0)
            evict_small(c, written);
        else
            evict_main(c, written);
    }
    n->bytes = t->bytes;
    put(c, t->id, is_known ? MAIN : SMALL);
    *written += is_known ? t->bytes : 0;
    return false;
}

static void destroy(void *cache)
{
    struct s3fifo *c = cache;
    mem_free(c->nodes);
    mem_free(c);
}

const struct cache_ops cache_s3fifo = {"S3-FIFO 10%", create, touch, destroy, sizeof(struct node)};
