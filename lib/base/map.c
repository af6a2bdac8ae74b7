/* SPDX-License-Identifier: MIT */

/* Open addressing with linear probing over a power of two of slots, at most three quarters used.
 * A removed pair leaves a tombstone, so that a walk may remove what it meets; tombstones count as
 * used and vanish when the table is built anew. */
#include "lib/base/map.h"

#include "lib/base/hash.h"
#include "lib/base/mem.h"

#define MAP_MAGIC       0x6d3a91f2U
#define MAP_FIRST_SLOTS 8

struct slot {
    char *key; /* NULL: never used; &tombstone: was removed */
    size_t n;
    uint64_t hash;
    void *value;
};

struct map {
    uint32_t magic;
    struct slot *slots;
    size_t slot_count; /* a power of two, or 0 before the first put */
    size_t count;      /* pairs */
    size_t used;       /* pairs and tombstones */
};

static char tombstone;

struct map *map_create(void)
{
    struct map *m = mem_zalloc(sizeof(*m));
    m->magic = MAP_MAGIC;
    return m;
}

static bool is_pair(const struct slot *s)
{
    return s->key != NULL && s->key != &tombstone;
}

void map_destroy(struct map *m)
{
    if (m == NULL)
        return;
    CHECK_OBJ(m, MAP_MAGIC);
    for (size_t i = 0; i < m->slot_count; i++) {
        if (is_pair(&m->slots[i]))
            mem_free(m->slots[i].key);
    }
    mem_free(m->slots);
    m->magic = 0;
    mem_free(m);
}

size_t map_count(const struct map *m)
{
    CHECK_OBJ(m, MAP_MAGIC);
    return m->count;
}

/* The slot of key, or the first never used one on its way: there is always one. */
static struct slot *find(const struct map *m, struct span key, uint64_t hash)
{
    size_t mask = m->slot_count - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct slot *s = &m->slots[i];
        if (s->key == NULL ||
            (s->hash == hash && is_pair(s) && span_eq(span_make(s->key, s->n), key)))
            return s;
    }
}

static void rebuild(struct map *m)
{
    struct map old = *m;
    m->slot_count = MAP_FIRST_SLOTS;
    while (m->slot_count / 2 <= m->count) /* from half full, so that many puts go by */
        m->slot_count *= 2;
    m->slots = mem_zarray(m->slot_count, sizeof(struct slot));
    m->used = m->count;
    for (size_t i = 0; i < old.slot_count; i++) {
        const struct slot *s = &old.slots[i];
        if (is_pair(s))
            *find(m, span_make(s->key, s->n), s->hash) = *s;
    }
    mem_free(old.slots);
}

void *map_put(struct map *m, struct span key, void *value)
{
    CHECK_OBJ(m, MAP_MAGIC);
    CHECK(value != NULL);
    if (m->used >= m->slot_count / 4 * 3)
        rebuild(m);
    uint64_t hash = hash64_seeded(key.p, key.n);
    struct slot *s = find(m, key, hash);
    void *had = s->value;
    if (s->key == NULL) {
        *s = (struct slot){.key = mem_alloc(key.n), .n = key.n, .hash = hash};
        if (key.n > 0)
            memcpy(s->key, key.p, key.n);
        m->count++;
        m->used++;
    }
    s->value = value;
    return had;
}

void *map_get(const struct map *m, struct span key)
{
    CHECK_OBJ(m, MAP_MAGIC);
    return m->count > 0 ? find(m, key, hash64_seeded(key.p, key.n))->value : NULL;
}

void *map_remove(struct map *m, struct span key)
{
    CHECK_OBJ(m, MAP_MAGIC);
    struct slot *s = m->count > 0 ? find(m, key, hash64_seeded(key.p, key.n)) : NULL;
    if (s == NULL || s->key == NULL)
        return NULL;
    void *had = s->value;
    mem_free(s->key);
    *s = (struct slot){.key = &tombstone};
    m->count--;
    return had;
}

bool map_next(const struct map *m, size_t *at, struct span *key, void **value)
{
    CHECK_OBJ(m, MAP_MAGIC);
    for (; *at < m->slot_count; (*at)++) {
        const struct slot *s = &m->slots[*at];
        if (!is_pair(s))
            continue;
        *key = span_make(s->key, s->n);
        *value = s->value;
        (*at)++;
        return true;
    }
    return false;
}
