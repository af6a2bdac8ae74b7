/* SPDX-License-Identifier: MIT */

/* The face of the store: puts its parts together and keeps the account. Threads: any worker. */
#include "edge/store/store.h"

#include "edge/store/evict.h"
#include "edge/store/generation_inner.h"
#include "edge/store/index.h"
#include "edge/store/store_inner.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

#define SEGMENT_MIN_BYTES   (1 << 20)
#define SEGMENT_PAGE_BYTES  4096
#define MEMORY_MIN_SEGMENTS 4
#define BYTES_A_BUCKET      8192
#define BUCKETS_MIN         256u

static const struct counter_row rows[] = {
#define X(name, help) {#name, help, offsetof(struct store_counters, name)},
    STORE_COUNTERS(X)
#undef X
};

const struct counter_table store_counter_table = {
    .prefix = "byeori_edge_store_", .rows = rows, .count = ARRAY_LEN(rows)};

/* The eviction policy: one line here, one file each. */
static const struct evict_policy *const policy = &evict_clock;

static uint32_t buckets_for(int64_t memory_bytes)
{
    uint32_t buckets = BUCKETS_MIN;
    while (buckets < memory_bytes / BYTES_A_BUCKET && buckets < (1u << 30))
        buckets *= 2;
    return buckets;
}

static int64_t segment_bytes_for(int64_t block_max_bytes)
{
    int64_t bytes = block_max_bytes > SEGMENT_MIN_BYTES ? block_max_bytes : SEGMENT_MIN_BYTES;
    return (bytes + SEGMENT_PAGE_BYTES - 1) / SEGMENT_PAGE_BYTES * SEGMENT_PAGE_BYTES;
}

int store_create(struct store **out, const struct store_config *config, struct buf *why)
{
    int64_t segment_bytes = segment_bytes_for(config->block_max_bytes);
    *out = NULL;
    if (config->memory_bytes < MEMORY_MIN_SEGMENTS * segment_bytes) {
        buf_printf(why, "memory: %lld bytes are too few for blocks of %lld: at least %lld",
                   (long long)config->memory_bytes, (long long)config->block_max_bytes,
                   (long long)(MEMORY_MIN_SEGMENTS * segment_bytes));
        return ERR_CONFIG;
    }
    struct store *st = mem_zalloc(sizeof(*st));
    size_t index_bytes, marks_bytes;
    st->magic = STORE_MAGIC;
    st->memory_bytes = config->memory_bytes;
    st->block_max_bytes = segment_bytes;
    st->make_room = evict_some;
    for (size_t i = 0; i < GENERATION_LOCKS; i++)
        pthread_mutex_init(&st->generation_locks[i].mutex, NULL);
    pthread_mutex_init(&st->remains_lock, NULL);
    st->marks = purge_marks_create(config->memory_bytes, &marks_bytes);
    st->index =
        index_create(buckets_for(config->memory_bytes),
                     config->variants_max > 0 ? config->variants_max : 16, st->marks, &index_bytes);
    int r = segments_init(&st->segments, config->memory_bytes, segment_bytes, policy);
    if (r == 0 && !segments_charge(&st->segments, index_bytes + marks_bytes + sizeof(*st), false))
        r = ERR_NO_SPACE;
    if (r != 0) {
        buf_printf(why, "memory: %s", err_text(r));
        store_destroy(&st);
        return r;
    }
    *out = st;
    return 0;
}

void store_destroy(struct store **pst)
{
    struct store *st = *pst;
    *pst = NULL;
    if (st == NULL)
        return;
    CHECK_OBJ(st, STORE_MAGIC);
    struct index_left left = {0};
    index_clear(st->index, &left);
    index_let_go(&left);
    while (generation_give_back(st)) {
    }
    CHECK(atomic_load(&st->head_bytes) == 0); /* somebody still holds an object or a generation */
    segments_finish(&st->segments);
    index_destroy(st->index);
    purge_marks_destroy(&st->marks);
    pthread_mutex_destroy(&st->remains_lock);
    for (size_t i = 0; i < GENERATION_LOCKS; i++)
        pthread_mutex_destroy(&st->generation_locks[i].mutex);
    st->magic = 0;
    mem_free(st);
}

struct object *store_select(struct store *st, const struct store_key *key, object_match_fn matches,
                            void *ctx)
{
    struct index_left left = {0};
    struct object *o = index_select(st->index, key, &(struct index_wanted){matches, ctx}, &left);
    if (left.first != NULL)
        counter_add_shared(&st->counters.purged, index_let_go(&left));
    return o;
}

uint64_t store_moment(const struct store *st)
{
    return purge_marks_now(st->marks);
}

int store_insert(struct store *st, struct object *o, uint64_t moment)
{
    struct index_left left = {0};
    int r = index_insert(st->index, o, moment, &left);
    if (r == 0)
        counter_add_shared(&st->counters.inserted, 1);
    counter_add_shared(&st->counters.replaced, index_let_go(&left));
    return r;
}

void store_remove(struct store *st, struct object *o)
{
    struct index_left left = {0};
    index_remove(st->index, o, &left);
    index_let_go(&left);
}

uint64_t store_purge(struct store *st, const struct store_key *key, bool is_soft)
{
    struct index_left left = {0};
    uint64_t met = index_purge(st->index, key, is_soft, &left);
    counter_add_shared(&st->counters.purged, met);
    index_let_go(&left);
    return met;
}

void store_purge_many(struct store *st, const struct purge_scope *scope, bool is_soft)
{
    purge_marks_add(st->marks, scope, is_soft);
}

bool store_is_purged(struct store *st, struct object *o)
{
    return index_is_purged(st->index, o);
}

bool store_upkeep(struct store *st)
{
    struct index_left left = {0};
    bool has_given = generation_give_back(st);
    bool has_swept = index_sweep(st->index, &left);
    counter_add_shared(&st->counters.purged, index_let_go(&left));
    return has_given || has_swept;
}

void store_usage(const struct store *st, struct store_usage *out)
{
    const struct segments *ss = &st->segments;
    uint32_t in_use = ss->count - atomic_load_explicit(&ss->free_count, memory_order_relaxed);
    *out = (struct store_usage){
        .memory_bytes = atomic_load_explicit(&ss->used_bytes, memory_order_relaxed),
        .memory_cap_bytes = ss->cap_bytes,
        .objects = index_count(st->index),
        .blocks = (uint64_t)atomic_load_explicit(&st->blocks, memory_order_relaxed),
        .segments = in_use,
        .purge_marks = purge_marks_count(st->marks)};
}

const struct store_counters *store_counters_of(const struct store *st)
{
    return &st->counters;
}
