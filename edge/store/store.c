/* SPDX-License-Identifier: MIT */

/* The face of the store: puts its parts together and keeps the account. Threads: any worker. */
#include "edge/store/store.h"

#include "edge/store/evict.h"
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
    size_t index_bytes;
    st->magic = STORE_MAGIC;
    st->memory_bytes = config->memory_bytes;
    st->block_max_bytes = segment_bytes;
    st->make_room = evict_some;
    for (size_t i = 0; i < GENERATION_LOCKS; i++)
        pthread_mutex_init(&st->generation_locks[i].mutex, NULL);
    st->index = index_create(buckets_for(config->memory_bytes),
                             config->variants_max > 0 ? config->variants_max : 16, &index_bytes);
    int r = segments_init(&st->segments, config->memory_bytes, segment_bytes, policy);
    if (r == 0 && !segments_charge(&st->segments, index_bytes + sizeof(*st), false))
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
    CHECK(atomic_load(&st->head_bytes) == 0); /* somebody still holds an object or a generation */
    segments_finish(&st->segments);
    index_destroy(st->index);
    for (size_t i = 0; i < GENERATION_LOCKS; i++)
        pthread_mutex_destroy(&st->generation_locks[i].mutex);
    st->magic = 0;
    mem_free(st);
}

struct object *store_select(struct store *st, const struct store_key *key, object_match_fn matches,
                            void *ctx)
{
    return index_select(st->index, key, matches, ctx);
}

uint64_t store_moment(const struct store *st)
{
    return index_moment(st->index);
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

uint64_t store_purge_all(struct store *st, struct span site, bool is_soft)
{
    struct index_left left = {0};
    uint64_t met = index_purge_site(st->index, site, is_soft, &left);
    counter_add_shared(&st->counters.purged, met);
    index_let_go(&left);
    return met;
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
        .segments = in_use};
}

const struct store_counters *store_counters_of(const struct store *st)
{
    return &st->counters;
}
