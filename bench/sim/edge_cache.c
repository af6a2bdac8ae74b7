/* SPDX-License-Identifier: MIT */

/* Asks the store for what a request would, and fills what it lacks at once. */
#include "bench/sim/edge_cache.h"

#include "bench/sim/log_disk.h"
#include "edge/store/store.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#include <stdlib.h>

#define BLOCK_MAX_BYTES ((int64_t)1 << 20) /* as an edge has it where no site's are larger */

struct edge_cache {
    struct store *store;
    struct log_disk *disk;
    struct edge_counts counts;
    uint64_t block_bytes;
    int64_t ahead_blocks;
    size_t object_bytes; /* what the store is charged for one: all are alike */
};

struct edge_cache *edge_cache_create(const struct edge_cache_spec *spec)
{
    struct edge_cache *c = mem_zalloc(sizeof(*c));
    struct buf why;
    struct store_config config = {.memory_bytes = spec->memory_bytes,
                                  .block_max_bytes = spec->block_bytes > BLOCK_MAX_BYTES
                                                         ? spec->block_bytes
                                                         : BLOCK_MAX_BYTES,
                                  .disk_admission = STORE_ADMIT_PROVEN,
                                  .eviction = spec->policy,
                                  .is_hollow = true,
                                  .hollow_disk_bytes = spec->disk_bytes};
    c->block_bytes = (uint64_t)spec->block_bytes;
    c->ahead_blocks = spec->ahead_bytes / spec->block_bytes;
    buf_init(&why, 1000);
    log_set_level(LOG_LEVEL_WARN); /* what a store says as it opens is for one, not a thousand */
    if (store_create(&c->store, &config, &why) != 0) {
        fprintf(stderr, "%.*s\n", (int)why.n, (const char *)why.p);
        exit(1);
    }
    buf_finish(&why);
    if (spec->disk_bytes > 0)
        c->disk = log_disk_create(c->store, spec->disk_bytes);
    return c;
}

void edge_cache_destroy(struct edge_cache **pc)
{
    struct edge_cache *c = *pc;
    *pc = NULL;
    store_destroy(&c->store);
    log_disk_destroy(&c->disk);
    mem_free(c);
}

static struct object *object_make(struct edge_cache *c, const struct store_key *key,
                                  const struct trace_row *r)
{
    struct freshness fresh = {.response_wall = r->version, .lifetime_ms = INT64_MAX / 4};
    static const struct fields none = {0};
    struct generation *g = generation_create(c->store, (int64_t)r->size, (int64_t)c->block_bytes);
    struct object_spec spec = {.key = *key,
                               .site = SPAN("site"),
                               .vary_names = SPAN(""),
                               .vary_values = SPAN(""),
                               .status = 200,
                               .fields = &none,
                               .freshness = &fresh,
                               .validators = {.last_modified = -1},
                               .generation = g};
    struct object *o = g != NULL ? object_create(c->store, &spec) : NULL;
    generation_unref(&g);
    if (o != NULL && store_insert(c->store, o, store_moment(c->store)) != 0)
        object_unref(&o);
    if (o != NULL)
        c->object_bytes = object_weight(o);
    return o;
}

/* The object of the row's version; NULL: it is to be had past the store alone. */
static struct object *object_of(struct edge_cache *c, const struct trace_row *r)
{
    struct store_key key = {.text = span_make(&r->object, sizeof(r->object)),
                            .hash = hash128(&r->object, sizeof(r->object), 0)};
    struct object *o = store_select(c->store, &key, NULL, NULL);
    if (o == NULL)
        return object_make(c, &key, r);
    if (object_stored_wall(o) == r->version)
        return o;
    bool is_newer = object_stored_wall(o) < r->version;
    object_unref(&o);
    return is_newer ? object_make(c, &key, r) : NULL;
}

/* False: it is there already. */
static bool fill(struct edge_cache *c, struct generation *g, int64_t index)
{
    struct block_writer w;
    int64_t first;
    if (generation_claim(g, index, 1, &first) != 1)
        return false;
    if (block_write_begin(&w, g, index) == 0) {
        c->counts.fetched_bytes += w.room;
        block_write_add(&w, w.room);
        return true;
    }
    generation_release(g, index, 1);
    c->counts.refused++;
    return false;
}

/* As a fill does for who reads on by ranges (edge/policy/stride). */
static void fill_ahead(struct edge_cache *c, struct generation *g, int64_t first, int64_t count)
{
    uint32_t wants;
    int64_t ahead = generation_want(g, first, count, c->ahead_blocks, &wants);
    for (int64_t i = first + count; i < first + count + ahead; i++) {
        if (!fill(c, g, i))
            break;
    }
}

/* Whether the block at pos was there. */
static bool look(struct edge_cache *c, struct generation *g, int64_t pos)
{
    struct block_view v;
    int n = generation_use(g, pos, &v);
    if (n == ERR_AGAIN)
        n = generation_use(g, pos, &v);
    if (n == 1) {
        block_view_release(&v);
        return true;
    }
    if (n == ERR_NOT_FOUND)
        (void)fill(c, g, pos / (int64_t)c->block_bytes);
    return false;
}

void edge_cache_row(struct edge_cache *c, const struct trace_row *r)
{
    struct object *o = object_of(c, r);
    uint64_t pos = r->offset, end = r->offset + r->taken;
    bool is_hit = o != NULL;
    int64_t absent = 0;
    while (pos < end) {
        uint64_t from = pos - pos % c->block_bytes, next = from + c->block_bytes;
        uint64_t wanted = (next < end ? next : end) - pos;
        bool has = o != NULL && look(c, o->generation, (int64_t)pos);
        c->counts.missed_bytes += has ? 0 : wanted;
        c->counts.fetched_bytes += o != NULL ? 0 : (next < r->size ? next : r->size) - from;
        absent = has ? 0 : absent + 1;
        is_hit = is_hit && has;
        pos += wanted;
    }
    if (o != NULL && absent > 0 && c->ahead_blocks > 0)
        fill_ahead(c, o->generation, (int64_t)((end - 1) / c->block_bytes) - absent + 1, absent);
    c->counts.wanted_bytes += r->taken;
    c->counts.rows++;
    c->counts.row_misses += !is_hit;
    object_unref(&o);
}

struct edge_counts edge_cache_counts(const struct edge_cache *c)
{
    struct edge_counts counts = c->counts;
    counts.carried_bytes = counter_get(&store_counters_of(c->store)->carried_bytes);
    if (c->disk != NULL) {
        struct log_disk_counts d = log_disk_counts(c->disk);
        counts.disk_kept_bytes = d.kept_bytes;
        counts.disk_moved_bytes = d.moved_bytes;
        counts.disk_read_bytes = d.read_bytes;
    }
    return counts;
}

static void count_blocks(void *ctx, const struct object *o)
{
    struct edge_weight *w = ctx;
    w->objects++;
    w->object_bytes +=
        generation_more(o->generation) != NULL ? (int64_t)sizeof(struct generation_more) : 0;
    w->blocks += block_table_held(&o->generation->table); /* in memory, on the disk, or both */
}

struct edge_weight edge_cache_weight(const struct edge_cache *c)
{
    struct store *st = c->store;
    struct edge_weight w = {0};
    for (uint64_t at = 0; store_walk(st, &at, count_blocks, &w);) {
    }
    size_t first = sizeof(struct block); /* of blocks, wherever they stand */
    int64_t heads =
        w.object_bytes + (int64_t)(w.objects * (c->object_bytes + GENERATION_COST - first));
    size_t tables =
        st->segments.count * sizeof(struct segment) + evict_queues_weight(&st->segments.queues);
    w.object_bytes = heads + (int64_t)st->index_bytes;
    w.block_bytes = atomic_load(&st->head_bytes) - heads + (int64_t)tables;
    return w;
}
