/* SPDX-License-Identifier: MIT */

/* Belady's: what is needed last goes, and what is needed later than all that is there does not
 * come. With sizes it is no longer the very best, but none of the others comes near it. */
#include "bench/sim/cache.h"

#include "lib/base/mem.h"

struct entry {
    uint32_t next, bytes; /* bytes 0: not there */
};

struct belady {
    int64_t cap, used;
    uint32_t *next_uses;
    struct entry *entries;
    struct heap heap; /* the latest first: keys are negative */
};

static void *create(const struct cache_spec *spec)
{
    struct belady *c = mem_zalloc(sizeof(*c));
    c->cap = spec->bytes;
    c->next_uses = workload_next_uses(spec->workload);
    c->entries = mem_zarray(spec->workload->id_count, sizeof(*c->entries));
    return c;
}

static void evict(struct belady *c)
{
    struct heap_entry top;
    while (heap_pop(&c->heap, &top)) {
        struct entry *e = &c->entries[top.id];
        if (e->bytes == 0 || -(double)e->next != top.key)
            continue;
        c->used -= e->bytes;
        e->bytes = 0;
        return;
    }
}

static bool touch(void *cache, const struct touch *t, uint64_t at, uint64_t *written)
{
    struct belady *c = cache;
    struct entry *e = &c->entries[t->id];
    bool is_hit = e->bytes > 0;
    uint32_t next = c->next_uses[at];
    if (!is_hit && (t->bytes > c->cap || next == UINT32_MAX))
        return false;
    if (!is_hit) {
        c->used += t->bytes;
        e->bytes = t->bytes;
        *written = t->bytes;
    }
    e->next = next;
    heap_push(&c->heap, -(double)next, t->id);
    while (c->used > c->cap)
        evict(c);
    if (e->bytes == 0)
        *written = 0;
    return is_hit;
}

static void destroy(void *cache)
{
    struct belady *c = cache;
    heap_finish(&c->heap);
    mem_free(c->next_uses);
    mem_free(c->entries);
    mem_free(c);
}

const struct cache_ops cache_belady = {"Belady", create, touch, destroy, sizeof(struct entry)};
