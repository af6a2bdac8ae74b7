/* SPDX-License-Identifier: MIT */

/* GreedyDual-Size-Frequency (Cherkasova, HP Labs 1998): the lowest of clock + uses / size goes, and
 * the clock goes to what went. */
#include "bench/sim/cache.h"

#include "lib/base/mem.h"

struct entry {
    double key;
    uint32_t bytes, uses;
};

struct gdsf {
    int64_t cap, used;
    double clock;
    struct entry *entries; /* uses 0: not there */
    struct heap heap;
};

static void *create(const struct cache_spec *spec)
{
    struct gdsf *c = mem_zalloc(sizeof(*c));
    c->cap = spec->bytes;
    c->entries = mem_zarray(spec->workload->id_count, sizeof(*c->entries));
    return c;
}

static void evict(struct gdsf *c)
{
    struct heap_entry top;
    while (heap_pop(&c->heap, &top)) {
        struct entry *e = &c->entries[top.id];
        if (e->uses == 0)
            continue;
        if (e->key > top.key) { /* used since: it stands where it belongs only now */
            heap_push(&c->heap, e->key, top.id);
            continue;
        }
        c->clock = e->key;
        c->used -= e->bytes;
        e->uses = 0;
        return;
    }
}

static bool touch(void *cache, const struct touch *t, uint64_t at, uint64_t *written)
{
    struct gdsf *c = cache;
    struct entry *e = &c->entries[t->id];
    bool is_hit = e->uses > 0;
    (void)at;
    if (t->bytes > c->cap)
        return false;
    if (!is_hit) {
        while (c->used + t->bytes > c->cap)
            evict(c);
        e->bytes = t->bytes;
        c->used += t->bytes;
        *written = t->bytes;
    }
    e->uses++;
    e->key = c->clock + (double)e->uses / (t->bytes + 1);
    if (!is_hit)
        heap_push(&c->heap, e->key, t->id);
    return is_hit;
}

static void destroy(void *cache)
{
    struct gdsf *c = cache;
    heap_finish(&c->heap);
    mem_free(c->entries);
    mem_free(c);
}

const struct cache_ops cache_gdsf = {"GDSF", create, touch, destroy,
                                     sizeof(struct entry) + sizeof(struct heap_entry)};
