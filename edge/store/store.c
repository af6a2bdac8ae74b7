/* SPDX-License-Identifier: MIT */

/* The face of the store: puts its parts together and keeps the account. Threads: any worker. */
#include "edge/store/store.h"

#include "edge/store/disks.h"
#include "edge/store/evict.h"
#include "edge/store/generation_inner.h"
#include "edge/store/heads.h"
#include "edge/store/index.h"
#include "edge/store/purge_image.h"
#include "edge/store/store_inner.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#define SEGMENT_MIN_BYTES   (1 << 20)
#define SEGMENT_PAGE_BYTES  4096
#define MEMORY_MIN_SEGMENTS 4
#define BYTES_A_BUCKET      8192
#define BUCKETS_MIN         256u
#define VARIANTS_DEFAULT    16
#define OPEN_MS             500
#define DISK_SLOW_MS        1000

static const struct counter_row rows[] = {
#define X(name, help) {#name, help, offsetof(struct store_counters, name)},
    STORE_COUNTERS(X)
#undef X
};

const struct counter_table store_counter_table = {
    .prefix = "byeori_edge_store_", .rows = rows, .count = ARRAY_LEN(rows)};

#define EVICTION_DEFAULT "s3-fifo"

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

/* What lies on a disk that is small enough is known before the first request comes; of a large one
 * the rest comes while requests are served. Where one disk may have what another has a newer answer
 * of, all are read before. */
static int open_disks(struct store *st, const struct store_config *config, struct buf *why)
{
    struct disks_config disks = {.v = config->disks, .count = config->disk_count};
    int r = disks_create(&st->disks, st, &disks, why);
    st->disk_scrub_per_s = config->disk_scrub_per_s;
    st->disk_slow_ms = config->disk_slow_ms > 0 ? config->disk_slow_ms : DISK_SLOW_MS;
    if (r != 0)
        return r;
    bool are_apart = disks_are_apart(st->disks);
    newcomers_expect(&st->newcomers, disks_count(st->disks));
    r = disks_start(st->disks);
    if (r == 0)
        disks_wait_open(st->disks, are_apart ? OPEN_MS : -1);
    return r;
}

static int64_t disk_bytes(const struct store_config *config)
{
    int64_t sum = config->is_hollow ? config->hollow_disk_bytes : 0;
    for (uint32_t i = 0; i < config->disk_count; i++)
        sum += config->disks[i].size_bytes;
    return sum;
}

/* Segments, index and marks, within the budget. */
static int open_memory(struct store *st, const struct store_config *config, struct buf *why)
{
    const char *name = config->eviction != NULL ? config->eviction : EVICTION_DEFAULT;
    const struct evict_policy *policy = evict_policy_of(name);
    struct evict_sizes sizes = {.memory_bytes = config->memory_bytes,
                                .disk_bytes = disk_bytes(config),
                                .segment_bytes = (uint32_t)st->block_max_bytes};
    uint32_t buckets = buckets_for(config->memory_bytes);
    uint32_t variants = config->variants_max > 0 ? config->variants_max : VARIANTS_DEFAULT;
    size_t marks_bytes;
    st->marks = purge_marks_create(config->memory_bytes, &marks_bytes);
    st->index = index_create(buckets, variants, st->marks, &st->index_bytes);
    if (sizes.disk_bytes > 0)
        st->index_bytes += roster_init(&st->roster, buckets, generation_take);
    if (policy == NULL) {
        buf_printf(why, "eviction: no policy is called \"%s\"", name);
        return ERR_CONFIG;
    }
    int r = segments_init(&st->segments, &sizes, policy, config->is_hollow);
    st->segments.queues.describe = generation_describe;
    if (r == 0 && !config->is_hollow &&
        !segments_charge(&st->segments, st->index_bytes + marks_bytes + sizeof(*st), false))
        r = ERR_NO_SPACE;
    if (r != 0)
        buf_printf(why, "memory: %s", err_text(r));
    return r;
}

/* What the index can hold at most, if nothing else were in memory. An object has one block. */
static void tell_sizes(const struct store *st, const struct store_config *config)
{
    size_t block = sizeof(struct block);
    size_t object = sizeof(struct object) + GENERATION_COST;
    int64_t disk_bytes = 0;
    for (uint32_t i = 0; i < config->disk_count; i++)
        disk_bytes += config->disks[i].size_bytes;
    LOG_INFO("store-open",
             "memory_bytes=%lld disk_bytes=%lld block_record_bytes=%zu object_record_bytes=%zu "
             "blocks_max=%lld objects_max=%lld",
             (long long)st->memory_bytes, (long long)disk_bytes, block, object,
             (long long)(st->memory_bytes / (int64_t)block),
             (long long)(st->memory_bytes / (int64_t)object));
}

int store_rehearse_memory(const struct store_config *config, struct buf *why)
{
    int64_t least = MEMORY_MIN_SEGMENTS * segment_bytes_for(config->block_max_bytes);
    if (config->memory_bytes >= least)
        return 0;
    buf_printf(why, "memory: %lld bytes are too few for blocks of %lld: at least %lld\n",
               (long long)config->memory_bytes, (long long)config->block_max_bytes,
               (long long)least);
    return ERR_CONFIG;
}

int store_rehearse_disk(const struct store_config *config, uint32_t i, struct buf *why)
{
    int64_t block_max_bytes = segment_bytes_for(config->block_max_bytes);
    size_t before = why->n;
    int r = medium_disk_rehearse(&config->disks[i], (uint32_t)block_max_bytes, why);
    if (r != ERR_IO)
        return r;
    why->n = before;
    return 0;
}

int store_create(struct store **out, const struct store_config *config, struct buf *why)
{
    int64_t segment_bytes = segment_bytes_for(config->block_max_bytes);
    int r = store_rehearse_memory(config, why);
    *out = NULL;
    if (r != 0)
        return r;
    struct store *st = mem_zalloc(sizeof(*st));
    st->magic = STORE_MAGIC;
    st->memory_bytes = config->memory_bytes;
    st->block_max_bytes = segment_bytes;
    st->disk_admission = config->disk_admission;
    st->disk_code_level = config->disk_code_level;
    st->make_room = evict_some;
    for (size_t i = 0; i < GENERATION_LOCKS; i++)
        pthread_mutex_init(&st->generation_locks[i].mutex, NULL);
    pthread_mutex_init(&st->remains_lock, NULL);
    newcomers_init(&st->newcomers);
    digest_random(&st->generation_id, sizeof(st->generation_id));
    r = open_memory(st, config, why);
    if (r == 0 && config->disk_count > 0)
        r = open_disks(st, config, why);
    if (r == 0)
        tell_sizes(st, config);
    else
        store_destroy(&st);
    *out = st;
    return r;
}

void store_destroy(struct store **pst)
{
    struct store *st = *pst;
    *pst = NULL;
    if (st == NULL)
        return;
    CHECK_OBJ(st, STORE_MAGIC);
    struct index_left left = {0};
    if (!disks_stop(st->disks)) {
        mem_leave(); /* threads that hang in a disk may still use all of it */
        return;
    }
    index_clear(st->index, &left);
    index_let_go(&left);
    while (generation_give_back(st)) {
    }
    CHECK(atomic_load(&st->head_bytes) == 0); /* somebody still holds an object or a generation */
    disks_destroy(&st->disks);
    roster_finish(&st->roster);
    segments_finish(&st->segments);
    index_destroy(st->index);
    purge_marks_destroy(&st->marks);
    newcomers_finish(&st->newcomers);
    pthread_mutex_destroy(&st->remains_lock);
    for (size_t i = 0; i < GENERATION_LOCKS; i++)
        pthread_mutex_destroy(&st->generation_locks[i].mutex);
    st->magic = 0;
    mem_free(st);
}

/* They are gone for good: none may come back at the next start, unless another object has its
 * bytes. Returns how many. */
static uint64_t let_go(struct store *st, struct index_left *left)
{
    for (struct object *o = left->first; st->disks != NULL && o != NULL;
         o = address_get(&o->chain_next)) {
        if (!generation_has_owner(o->generation))
            disks_forget(st, o->generation);
    }
    return index_let_go(left);
}

static struct object *find(struct store *st, const struct store_key *key,
                           const struct index_wanted *wanted)
{
    struct index_left left = {0};
    struct object *o = index_select(st->index, key, wanted, &left);
    if (left.first != NULL)
        counter_add_shared(&st->counters.purged, let_go(st, &left));
    return o;
}

struct object *store_select(struct store *st, const struct store_key *key, object_match_fn matches,
                            void *ctx)
{
    return find(st, key, &(struct index_wanted){matches, ctx, .is_use = true});
}

struct object *store_peek(struct store *st, const struct store_key *key, object_match_fn matches,
                          void *ctx)
{
    return find(st, key, &(struct index_wanted){matches, ctx, .is_use = false});
}

void store_doubt(struct object *o)
{
    CHECK_OBJ(o, OBJECT_MAGIC);
    object_set(o, OBJECT_SOFT_PURGED);
}

uint64_t store_moment(const struct store *st)
{
    return purge_marks_now(st->marks);
}

int store_insert(struct store *st, struct object *o, uint64_t moment)
{
    struct index_left left = {0};
    if (newcomers_matter(&st->newcomers)) /* before the index has it */
        newcomers_add(&st->newcomers, object_variant(o));
    int r = index_insert(st->index, o, moment, &left);
    if (r == 0)
        counter_add_shared(&st->counters.inserted, 1);
    if (r == 0)
        disks_refresh(st, o->generation);
    if (left.first != NULL)
        counter_add_shared(&st->counters.replaced, let_go(st, &left));
    return r;
}

void store_remove(struct store *st, struct object *o)
{
    struct index_left left = {0};
    index_remove(st->index, o, &left);
    let_go(st, &left);
}

uint64_t store_purge(struct store *st, const struct store_key *key, bool is_soft)
{
    struct index_left left = {0};
    uint64_t met = index_purge(st->index, key, is_soft, &left);
    counter_add_shared(&st->counters.purged, met);
    let_go(st, &left);
    if (st->disks != NULL)
        disks_purge(st, &(struct purge_image){.is_soft = is_soft, .is_key = true}, key);
    return met;
}

void store_purge_many(struct store *st, const struct purge_scope *scope, bool is_soft)
{
    purge_marks_add(st->marks, scope, is_soft);
    if (st->disks != NULL)
        disks_purge(st, &(struct purge_image){.is_soft = is_soft, .scope = *scope}, NULL);
}

bool store_settle(struct store *st, msec_t max_ms)
{
    return st->disks == NULL || disks_sync(st, max_ms);
}

bool store_was_purged(struct store *st, const struct object *o, uint64_t moment)
{
    return index_was_purged(st->index, o, moment);
}

bool store_is_purged(struct store *st, struct object *o)
{
    return index_is_purged(st->index, o);
}

bool store_wait_open(struct store *st, msec_t max_ms)
{
    return disks_wait_open(st->disks, max_ms);
}

bool store_walk(struct store *st, uint64_t *at, store_walk_fn fn, void *ctx)
{
    struct index_left left = {0};
    bool is_more = index_walk(st->index, at, &(struct index_visitor){fn, ctx}, &left);
    counter_add_shared(&st->counters.purged, let_go(st, &left));
    return is_more;
}

bool store_upkeep(struct store *st)
{
    struct index_left left = {0};
    disks_watch(st->disks);
    bool has_given = generation_give_back(st);
    bool has_swept = index_sweep(st->index, &left);
    counter_add_shared(&st->counters.purged, let_go(st, &left));
    return has_given || has_swept;
}

bool store_charge(struct store *st, size_t bytes)
{
    return heads_charge(st, bytes);
}

void store_uncharge(struct store *st, size_t bytes)
{
    heads_uncharge(st, bytes);
}

int64_t store_block_max_bytes(const struct store *st)
{
    return st->block_max_bytes;
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
        .disk_blocks = atomic_load_explicit(&st->disk_blocks, memory_order_relaxed)};
}

bool store_disk_usage(const struct store *st, uint32_t i, struct store_disk_usage *out)
{
    if (st->disks == NULL || i >= disks_count(st->disks))
        return false;
    const struct disk *d = disks_at(st->disks, i);
    *out =
        (struct store_disk_usage){.path = d->medium.path,
                                  .state = (enum store_disk_state)atomic_load(&d->state),
                                  .unread_segments = atomic_load(&d->unread),
                                  .used_bytes = atomic_load(&d->used_bytes),
                                  .cap_bytes = (int64_t)d->medium.count * d->medium.segment_bytes,
                                  .queued_bytes = atomic_load(&d->queued_bytes),
                                  .loads = atomic_load(&d->loads_out)};
    return true;
}

const struct store_counters *store_counters_of(const struct store *st)
{
    return &st->counters;
}
