/* SPDX-License-Identifier: MIT */

/* W-TinyLFU (Einziger, Friedman and Manes, ACM ToS 2017): a window of a hundredth, behind it a
 * segmented LRU, and a sketch of counts that decides who of a newcomer and the victims stays. A
 * newcomer must win against every block that would have to go for it. */
#include "bench/sim/cache.h"

#include "lib/base/mem.h"

enum { WINDOW = 1, PROBATION, PROTECTED };
#define ROWS      4
#define COUNT_MAX 15

struct tinylfu {
    int64_t window_cap, main_cap, protected_cap;
    struct node *nodes;
    struct queue queues[4]; /* by the enum */
    uint8_t *sketch;
    uint64_t mask;
    uint64_t counted, sample;
};

static void *create(const struct cache_spec *spec)
{
    struct tinylfu *c = mem_zalloc(sizeof(*c));
    c->window_cap = spec->bytes / 100;
    c->main_cap = spec->bytes - c->window_cap;
    c->protected_cap = c->main_cap / 10 * 8;
    c->nodes = mem_zarray(spec->workload->id_count, sizeof(*c->nodes));
    for (int i = WINDOW; i <= PROTECTED; i++)
        queue_init(&c->queues[i], c->nodes);
    double mean = (double)spec->workload->bytes / spec->workload->id_count;
    uint64_t blocks = (uint64_t)((double)spec->bytes / mean) + 64;
    c->mask = 63;
    while (c->mask < blocks)
        c->mask = 2 * c->mask + 1;
    c->sample = 10 * blocks;
    c->sketch = mem_zarray(ROWS * (c->mask + 1), 1);
    return c;
}

static uint8_t *cell(struct tinylfu *c, uint32_t id, uint64_t row)
{
    uint64_t x = (id + 1) * (0x9e3779b97f4a7c15u + 2 * row * 0x632be59bd9b4e019u);
    return &c->sketch[row * (c->mask + 1) + ((x >> 24) & c->mask)];
}

static uint32_t estimate(struct tinylfu *c, uint32_t id)
{
    uint32_t least = COUNT_MAX;
    for (uint64_t i = 0; i < ROWS; i++)
        least = *cell(c, id, i) < least ? *cell(c, id, i) : least;
    return least;
}

static void count(struct tinylfu *c, uint32_t id)
{
    uint32_t least = estimate(c, id);
    for (uint64_t i = 0; i < ROWS && least < COUNT_MAX; i++) {
        uint8_t *at = cell(c, id, i);
        *at = (uint8_t)(*at + (*at == least));
    }
    if (++c->counted < c->sample)
        return;
    c->counted /= 2;
    for (uint64_t i = 0; i < ROWS * (c->mask + 1); i++)
        c->sketch[i] /= 2;
}

static void put(struct tinylfu *c, uint32_t id, uint8_t queue)
{
    c->nodes[id].queue = queue;
    queue_push(&c->queues[queue], id);
}

/* Whether the newcomer, out of the window, gets into the main part. */
static void admit(struct tinylfu *c, uint32_t id, uint64_t *written)
{
    struct queue *probation = &c->queues[PROBATION], *kept = &c->queues[PROTECTED];
    uint32_t bytes = c->nodes[id].bytes, worth = estimate(c, id);
    while (probation->bytes + kept->bytes + bytes > c->main_cap) {
        struct queue *from = probation->head != NOBODY ? probation : kept;
        if (from->head == NOBODY || estimate(c, from->head) >= worth) {
            c->nodes[id].queue = 0;
            return;
        }
        c->nodes[queue_pop(from)].queue = 0;
    }
    put(c, id, PROBATION);
    *written += bytes;
}

static void hit(struct tinylfu *c, uint32_t id)
{
    struct node *n = &c->nodes[id];
    uint8_t to = n->queue == WINDOW ? WINDOW : PROTECTED;
    queue_remove(&c->queues[n->queue], id);
    put(c, id, to);
    while (c->queues[PROTECTED].bytes > c->protected_cap)
        put(c, queue_pop(&c->queues[PROTECTED]), PROBATION);
}

static bool touch(void *cache, const struct touch *t, uint64_t at, uint64_t *written)
{
    struct tinylfu *c = cache;
    struct node *n = &c->nodes[t->id];
    (void)at;
    count(c, t->id);
    if (n->queue != 0) {
        hit(c, t->id);
        return true;
    }
    if (t->bytes > c->main_cap)
        return false;
    n->bytes = t->bytes;
    put(c, t->id, WINDOW);
    while (c->queues[WINDOW].bytes > c->window_cap)
        admit(c, queue_pop(&c->queues[WINDOW]), written);
    return false;
}

static void destroy(void *cache)
{
    struct tinylfu *c = cache;
    mem_free(c->sketch);
    mem_free(c->nodes);
    mem_free(c);
}

const struct cache_ops cache_wtinylfu = {"W-TinyLFU", create, touch, destroy,
                                         sizeof(struct node) + ROWS};
