/* SPDX-License-Identifier: MIT */

/* One pass over the segments, oldest first. Heads of objects: a later one of the same generation or
 * the same variant replaces, a drop removes, a purge falls on what lay before it. Blocks: of one
 * that was written twice the later record counts. A block may lie before its head, where that was
 * written again when its segment was given up: such blocks are kept aside to the end, and where
 * there are too many of them for that, there is a second pass. Blocks whose object did not come
 * back are left for reclaiming to forget. Runs before anybody else has the store. */
#include "edge/store/disk_recover.h"

#include "edge/store/disk_scan.h"
#include "edge/store/disks.h"
#include "edge/store/heads.h"
#include "edge/store/index.h"
#include "edge/store/purge_image.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#include <stdlib.h>

/* Heads in the order in which they lay, each with the number of the last purge before it. */
struct recovered {
    struct object *object; /* referenced */
    uint64_t known;
};

/* A block whose generation is not known yet. */
struct early {
    struct disk_record record;
    uint32_t segment;
};
#define EARLY_MAX (1u << 20)

struct recover {
    struct disk *d;
    struct purge_marks *marks; /* purges of this disk alone */
    struct recovered *v;
    size_t count, room;
    struct arena mem; /* of one head */
    uint32_t segment;
    struct early *early;
    size_t early_count, early_room;
    bool has_lost_early; /* there were more than EARLY_MAX */
};

static bool is_same_variant(void *ctx, const struct object *o)
{
    const struct object_spec *spec = ctx;
    return span_eq(o->vary_names, spec->vary_names) && span_eq(o->vary_values, spec->vary_values);
}

/* Another disk may hold a newer answer (its weights changed meanwhile). */
static bool is_outdone(struct store *st, const struct object_spec *spec, uint64_t id)
{
    struct object_spec sought = *spec;
    struct index_left left = {0};
    if (disks_count(st->disks) == 1)
        return false;
    struct index_wanted wanted = {.matches = is_same_variant, .ctx = &sought};
    struct object *o = index_select(st->index, &spec->key, &wanted, &left);
    index_let_go(&left);
    bool is_newer =
        o != NULL && o->generation->roster.id != id && o->stored_wall > spec->stored_wall;
    object_unref(&o);
    return is_newer;
}

/* The generation of a head: a new one, or as another head of it brought it. Referenced. */
static struct generation *generation_for(struct recover *rc, const struct object_image *image,
                                         uint64_t id)
{
    struct store *st = rc->d->store;
    struct generation *g = generation_known(st, id);
    if (g != NULL)
        return g;
    g = generation_create(st, image->length, image->block_bytes);
    if (g == NULL)
        return NULL;
    g->roster.id = id;
    g->disk = rc->d->number;
    g->is_wanted = true;
    roster_add(&st->roster, &g->roster);
    return g;
}

static void remember(struct recover *rc, struct object *o)
{
    if (rc->count == rc->room) {
        rc->room = rc->room > 0 ? 2 * rc->room : 1024;
        rc->v = mem_grow(rc->v, rc->room, sizeof(*rc->v));
    }
    object_ref(o);
    rc->v[rc->count++] = (struct recovered){.object = o, .known = purge_marks_now(rc->marks)};
}

static void take_object(struct recover *rc, const struct disk_record *r, const void *payload)
{
    struct store *st = rc->d->store;
    struct object_image image;
    arena_reset(&rc->mem);
    if (object_image_read(&image, span_make(payload, r->length), &rc->mem) != 0 ||
        image.block_bytes > st->block_max_bytes)
        return;
    image.spec.fields = &image.fields;
    image.spec.freshness = &image.freshness;
    image.spec.key.hash = (struct hash128){.lo = r->key[0], .hi = r->key[1]};
    if (is_outdone(st, &image.spec, r->generation))
        return;
    struct generation *g = generation_for(rc, &image, r->generation);
    image.spec.generation = g;
    struct object *o = g != NULL ? object_create(st, &image.spec) : NULL;
    if (o != NULL) {
        struct index_left left = {0};
        atomic_store(&o->is_soft_purged, image.is_soft_purged);
        if (g->disk == rc->d->number)
            g->disk_object = rc->segment;
        if (index_insert(st->index, o, purge_marks_now(st->marks), &left) != 0)
            LOG_DEBUG("recover-refused", "path=\"%s\"", rc->d->medium.path);
        else
            remember(rc, o);
        index_let_go(&left);
    }
    object_unref(&o);
    generation_unref(&g);
}

/* What other disks hold may be younger than this one's purge: they have it too, in its place. */
static bool is_of_disk(void *ctx, const struct object *o)
{
    const struct recover *rc = ctx;
    return o->generation->disk == rc->d->number;
}

static void take_purge(struct recover *rc, const struct disk_record *r, const void *payload)
{
    struct purge_image p;
    struct index_left left = {0};
    struct hash128 hash = {.lo = r->key[0], .hi = r->key[1]};
    struct index_wanted wanted = {.matches = is_of_disk, .ctx = rc};
    if (purge_image_read(&p, span_make(payload, r->length)) != 0)
        return;
    if (p.is_key)
        index_purge_some(rc->d->store->index, &hash, &wanted, p.is_soft, &left);
    else
        purge_marks_add(rc->marks, &p.scope, p.is_soft);
    index_let_go(&left);
}

/* The purges fall on what lay before them. */
static void judge(struct recover *rc)
{
    for (size_t i = 0; i < rc->count; i++) {
        struct object *o = rc->v[i].object;
        struct index_left left = {0};
        uint64_t newest;
        enum purge_verdict v = purge_marks_judge(rc->marks, o, rc->v[i].known, &newest);
        if (v == PURGE_VERDICT_SOFT)
            atomic_store(&o->is_soft_purged, true);
        if (v == PURGE_VERDICT_HARD)
            index_remove(rc->d->store->index, o, &left);
        index_let_go(&left);
        object_unref(&o);
    }
    mem_free(rc->v);
}

static void take_drop(struct recover *rc, const struct disk_record *r)
{
    struct store *st = rc->d->store;
    struct generation *g = generation_known(st, r->generation);
    if (g == NULL)
        return;
    if (g->owner != NULL) {
        struct index_left left = {0};
        index_remove(st->index, g->owner, &left);
        index_let_go(&left);
    }
    generation_unref(&g);
}

/* The table's record for it, or NULL: it does not belong there, or there is no room. */
static struct block *block_for_locked(struct generation *g, const struct disk_record *r)
{
    int64_t index = (int64_t)r->index;
    if (index < 0 || index >= block_table_count(&g->table) ||
        r->length != block_table_expected(&g->table, index))
        return NULL;
    struct block *b = block_table_find(&g->table, index);
    if (b != NULL)
        return b;
    size_t cost = block_table_cost(&g->table, index);
    if (!heads_try_charge(g->store, cost))
        return NULL;
    b = block_table_open(&g->table, index, g);
    if (b == NULL) {
        heads_uncharge(g->store, cost);
        return NULL;
    }
    generation_on_disk_locked(g, 1);
    return b;
}

/* false: its generation is not known. */
static bool take_block(struct recover *rc, const struct disk_record *r, uint32_t segment,
                       bool is_early)
{
    struct generation *g = generation_known(rc->d->store, r->generation);
    if (g == NULL)
        return false;
    generation_lock(g);
    struct block *b = g->disk == rc->d->number ? block_for_locked(g, r) : NULL;
    if (b != NULL && (!is_early || b->state != BLOCK_STORED)) {
        b->state = BLOCK_STORED;
        b->filled = r->length;
        b->checksum = r->payload_sum;
        b->disk_segment = segment;
        b->disk_at = r->at;
    }
    generation_unlock(g);
    generation_unref(&g);
    return true;
}

static void keep_aside(struct recover *rc, const struct disk_record *r)
{
    if (rc->early_count == EARLY_MAX) {
        rc->has_lost_early = true;
        return;
    }
    if (rc->early_count == rc->early_room) {
        rc->early_room = rc->early_room > 0 ? 2 * rc->early_room : 1024;
        rc->early = mem_grow(rc->early, rc->early_room, sizeof(*rc->early));
    }
    rc->early[rc->early_count++] = (struct early){.record = *r, .segment = rc->segment};
}

static bool on_record(void *ctx, const struct disk_record *r, const void *payload)
{
    struct recover *rc = ctx;
    if (r->kind == DISK_BLOCK && !take_block(rc, r, rc->segment, false))
        keep_aside(rc, r);
    else if (r->kind == DISK_OBJECT)
        take_object(rc, r, payload);
    else if (r->kind == DISK_DROP)
        take_drop(rc, r);
    else if (r->kind == DISK_PURGE)
        take_purge(rc, r, payload);
    return true;
}

static bool on_block(void *ctx, const struct disk_record *r, const void *payload)
{
    struct recover *rc = ctx;
    (void)payload;
    if (r->kind == DISK_BLOCK)
        take_block(rc, r, rc->segment, false);
    return true;
}

/* The latest first: of a block that lies there twice it is the one that counts. */
static void take_early(struct recover *rc)
{
    while (rc->early_count > 0) {
        const struct early *e = &rc->early[--rc->early_count];
        take_block(rc, &e->record, e->segment, true);
    }
    mem_free(rc->early);
}

struct order {
    uint64_t sequence;
    uint32_t segment;
};

static int older_first(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

/* Segments that hold something, oldest first. Count. */
static uint32_t find_segments(struct disk *d, struct order *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->medium.count; i++) {
        uint64_t sequence = 0;
        if (d->medium.fds[i] < 0)
            continue;
        atomic_fetch_add(&d->used_bytes, d->medium.segment_bytes);
        if (disk_scan_sequence(&d->medium, i, &sequence) != 0 || sequence == 0)
            continue;
        d->segments[i].sequence = sequence;
        d->segments[i].state = DISK_SEGMENT_SEALED;
        if (sequence > d->writer.sequence)
            d->writer.sequence = sequence;
        out[n++] = (struct order){.sequence = sequence, .segment = i};
    }
    if (n > 0)
        qsort(out, n, sizeof(*out), older_first);
    return n;
}

static void pass(struct recover *rc, const struct order *v, uint32_t count, disk_scan_fn fn)
{
    for (uint32_t i = 0; i < count; i++) {
        rc->segment = v[i].segment;
        if (disk_scan(&rc->d->medium, v[i].segment, v[i].sequence, fn, rc) != 0)
            LOG_WARN("disk-segment-unreadable", "path=\"%s\" segment=%u", rc->d->medium.path,
                     v[i].segment);
    }
}

void disk_recover(struct disk *d)
{
    struct recover rc = {.d = d};
    struct store *st = d->store;
    struct order *v = mem_zarray(d->medium.count, sizeof(*v));
    msec_t began = clock_mono_ms();
    uint64_t objects = index_count(st->index);
    int64_t blocks = atomic_load(&st->disk_blocks);
    uint32_t count = find_segments(d, v);
    size_t marks_bytes;
    arena_init(&rc.mem, OBJECT_IMAGE_MAX * 4);
    rc.marks = purge_marks_create(st->memory_bytes, &marks_bytes);
    pass(&rc, v, count, on_record);
    judge(&rc);
    purge_marks_destroy(&rc.marks);
    take_early(&rc);
    if (rc.has_lost_early)
        pass(&rc, v, count, on_block);
    arena_finish(&rc.mem);
    mem_free(v);
    objects = index_count(st->index) - objects;
    blocks = atomic_load(&st->disk_blocks) - blocks;
    counter_add_shared(&st->counters.recovered_objects, objects);
    counter_add_shared(&st->counters.recovered_blocks, (uint64_t)blocks);
    LOG_INFO("disk-open", "path=\"%s\" segments=%u of=%u objects=%llu blocks=%lld ms=%lld",
             d->medium.path, count, d->medium.count, (unsigned long long)objects, (long long)blocks,
             (long long)(clock_mono_ms() - began));
}
