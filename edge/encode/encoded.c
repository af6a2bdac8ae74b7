/* SPDX-License-Identifier: MIT
 *
 * The table of coded copies: shards by id, in each the entries in the order of their use. What is
 * being made stands there as well, and what was found to be worthless. */
#include "edge/encode/encoded.h"

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"

#include <pthread.h>
#include <stdatomic.h>

#define SHARDS       16
#define ENTRIES_EACH 8192 /* of a shard: 131,072 in all, of some 100 bytes */

struct entry {
    struct list link; /* the most recently used first */
    uint64_t id;
    enum encoded_state state; /* HERE, BUSY or WORTHLESS */
    struct encoded *copy;     /* HERE */
};

struct shard {
    pthread_mutex_t lock;
    struct map *entries;
    struct list order;
};

struct encoded_table {
    uint32_t magic;
    struct encoded_config config;
    _Atomic int64_t bytes; /* of copies in the table */
    _Atomic uint32_t turn; /* the shard to be looked at next for room */
    struct shard shards[SHARDS];
};
#define ENCODED_TABLE_MAGIC 0xe2c0dedaU
#define ENCODED_MAGIC       0xe2c0dedbU

struct encoded_table *encoded_table_create(const struct encoded_config *config)
{
    struct encoded_table *t = mem_zalloc(sizeof(*t));
    t->magic = ENCODED_TABLE_MAGIC;
    t->config = *config;
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&t->shards[i].lock, NULL);
        t->shards[i].entries = map_create();
        list_init(&t->shards[i].order);
    }
    return t;
}

static struct span id_span(const uint64_t *id)
{
    return span_make(id, sizeof(*id));
}

static struct shard *shard_of(struct encoded_table *t, uint64_t id)
{
    return &t->shards[id % SHARDS];
}

/* The copy is the caller's to give back, outside the lock. */
static struct encoded *take_out_locked(struct encoded_table *t, struct shard *s, struct entry *e)
{
    struct encoded *copy = e->copy;
    map_remove(s->entries, id_span(&e->id));
    list_remove(&e->link);
    if (copy != NULL)
        atomic_fetch_sub(&t->bytes, (int64_t)copy->size);
    mem_free(e);
    return copy;
}

/* The least recently used that is not being made; false: the shard has none. */
static bool drop_one(struct encoded_table *t, struct shard *s)
{
    struct encoded *copy = NULL;
    bool has_dropped = false;
    pthread_mutex_lock(&s->lock);
    for (struct list *l = s->order.prev; l != &s->order && !has_dropped; l = l->prev) {
        struct entry *e = LIST_THING(l, struct entry, link);
        if (e->state == ENCODED_BUSY)
            continue;
        copy = take_out_locked(t, s, e);
        has_dropped = true;
        break;
    }
    pthread_mutex_unlock(&s->lock);
    encoded_unref(&copy);
    return has_dropped;
}

static void keep_bound(struct encoded_table *t)
{
    for (int misses = 0; misses < SHARDS && atomic_load(&t->bytes) > t->config.max_bytes;) {
        struct shard *s = &t->shards[atomic_fetch_add(&t->turn, 1) % SHARDS];
        misses = drop_one(t, s) ? 0 : misses + 1;
    }
}

void encoded_table_destroy(struct encoded_table **pt)
{
    struct encoded_table *t = *pt;
    *pt = NULL;
    if (t == NULL)
        return;
    CHECK_OBJ(t, ENCODED_TABLE_MAGIC);
    for (int i = 0; i < SHARDS; i++) {
        struct shard *s = &t->shards[i];
        while (drop_one(t, s)) {
        }
        CHECK(list_is_empty(&s->order)); /* somebody still makes one */
        map_destroy(s->entries);
        pthread_mutex_destroy(&s->lock);
    }
    t->magic = 0;
    mem_free(t);
}

bool encoded_reserve(struct encoded_table *t, size_t bytes)
{
    return t->config.charge(t->config.ctx, bytes);
}

void encoded_release(struct encoded_table *t, size_t bytes)
{
    t->config.uncharge(t->config.ctx, bytes);
}

static struct entry *find_locked(struct shard *s, uint64_t id)
{
    struct entry *e = map_get(s->entries, id_span(&id));
    if (e == NULL)
        return NULL;
    list_remove(&e->link);
    list_push_front(&s->order, &e->link);
    return e;
}

static void add_locked(struct shard *s, uint64_t id)
{
    struct entry *e = mem_zalloc(sizeof(*e));
    e->id = id;
    e->state = ENCODED_BUSY;
    map_put(s->entries, id_span(&id), e);
    list_push_front(&s->order, &e->link);
}

static enum encoded_state ask(struct encoded_table *t, uint64_t id, bool leads,
                              struct encoded **out)
{
    struct shard *s = shard_of(t, id);
    enum encoded_state state = leads ? ENCODED_LEAD : ENCODED_ABSENT;
    *out = NULL;
    pthread_mutex_lock(&s->lock);
    struct entry *e = find_locked(s, id);
    if (e != NULL) {
        state = e->state;
        *out = e->copy;
        if (e->copy != NULL)
            atomic_fetch_add_explicit(&e->copy->refs, 1, memory_order_relaxed);
    } else if (leads) {
        add_locked(s, id);
    }
    bool is_full = map_count(s->entries) > ENTRIES_EACH;
    pthread_mutex_unlock(&s->lock);
    if (is_full)
        drop_one(t, s);
    return state;
}

enum encoded_state encoded_ask(struct encoded_table *t, uint64_t id, struct encoded **out)
{
    return ask(t, id, true, out);
}

enum encoded_state encoded_look(struct encoded_table *t, uint64_t id, struct encoded **out)
{
    return ask(t, id, false, out);
}

struct encoded *encoded_create(struct encoded_table *t, size_t size)
{
    size_t bytes = sizeof(struct encoded) + size;
    if (!encoded_reserve(t, bytes))
        return NULL;
    struct encoded *e = mem_try_alloc(bytes);
    if (e == NULL) {
        encoded_release(t, bytes);
        return NULL;
    }
    *e = (struct encoded){.magic = ENCODED_MAGIC, .refs = 1, .table = t, .size = size};
    return e;
}

void encoded_keep(struct encoded_table *t, uint64_t id, struct encoded **copy)
{
    struct shard *s = shard_of(t, id);
    if (*copy == NULL) {
        encoded_give_up(t, id, false);
        return;
    }
    pthread_mutex_lock(&s->lock);
    struct entry *e = find_locked(s, id);
    CHECK(e != NULL && e->state == ENCODED_BUSY);
    e->copy = *copy;
    e->state = ENCODED_HERE;
    atomic_fetch_add(&t->bytes, (int64_t)e->copy->size);
    pthread_mutex_unlock(&s->lock);
    *copy = NULL;
    keep_bound(t);
}

void encoded_give_up(struct encoded_table *t, uint64_t id, bool is_worthless)
{
    struct shard *s = shard_of(t, id);
    pthread_mutex_lock(&s->lock);
    struct entry *e = find_locked(s, id);
    CHECK(e != NULL && e->state == ENCODED_BUSY);
    if (is_worthless)
        e->state = ENCODED_WORTHLESS;
    else
        take_out_locked(t, s, e);
    pthread_mutex_unlock(&s->lock);
}

void encoded_unref(struct encoded **pe)
{
    struct encoded *e = *pe;
    *pe = NULL;
    if (e == NULL)
        return;
    CHECK_OBJ(e, ENCODED_MAGIC);
    if (atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) > 1)
        return;
    struct encoded_table *t = e->table;
    size_t bytes = sizeof(*e) + e->size;
    e->magic = 0;
    mem_free(e);
    encoded_release(t, bytes);
}

int64_t encoded_bytes(const struct encoded_table *t)
{
    return atomic_load(&t->bytes);
}
