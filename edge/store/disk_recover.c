/* SPDX-License-Identifier: MIT */

/* Segments from the newest to the oldest, and in each of them the records from the last to the
 * first: so whatever is met decides over what is met after it, and what can be found is right from
 * the first segment on.
 *
 *   head     the first of its variant that is met is the one; those after it are older
 *   drop     heads of this generation that are met later are gone
 *   purge    so are heads in its scope; of both, those that were written again when their segment
 *            was given up wait until the segments are reached that they reach
 *   block    the first of its place is the one. A head lies before its blocks: those whose
 *            generation is not known yet wait for it (disk_early.h); where there are too many of
 *            them for that, segments are read once more
 *
 * Others use the store meanwhile. What they insert (newcomers.h) or purge (the moment at which
 * this began) is younger than all that is met here. The writer gives up no segment before the end.
 * Blocks whose object did not come back are left for reclaiming to forget. */
#include "edge/store/disk_recover.h"

#include "edge/store/disk_early.h"
#include "edge/store/disk_scan.h"
#include "edge/store/heads.h"
#include "edge/store/id_set.h"
#include "edge/store/index.h"
#include "edge/store/purge_image.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#include <stdlib.h>

#define RECORDS_AT_ONCE 256u /* between looks at whether the disk is to end */

struct order {
    uint64_t sequence;
    uint32_t segment;
};

/* A drop or a purge that was written again: it falls on segments of a lower sequence alone. */
struct waiting {
    struct disk_record record;
    uint8_t *payload;
};

struct disk_recovery {
    struct disk *d;
    struct order *v; /* newest first */
    uint32_t count;
    uint64_t *sequences;       /* of each segment of the disk, as it was at the start; 0: none */
    uint64_t moment;           /* of the start, on the clock of purges */
    struct purge_marks *marks; /* purges of this disk that were met */
    struct id_set met;         /* variants whose newest head was met */
    struct id_set dropped;     /* generations */
    struct id_set purged, purged_softly; /* keys */
    struct disk_early early;
    struct arena mem; /* of one head */
    uint32_t segment;
    struct object **fresh; /* of this segment, referenced: not in the index yet */
    size_t fresh_count, fresh_room;
    struct waiting *waiting; /* not reached yet */
    size_t waiting_count, waiting_room;
    uint64_t records, objects, blocks, refused;
    uint64_t forgotten_objects, forgotten_blocks; /* memory has no room to know them */
    bool is_over;
};

/* Whether the disk is to end: asked now and then. */
static bool goes_on(struct disk_recovery *rc)
{
    if (++rc->records % RECORDS_AT_ONCE == 0 && !disk_rest(rc->d, 0))
        rc->is_over = true;
    return !rc->is_over;
}

/* The generation of a head: a new one, or as another head of it brought it. Referenced. */
static struct generation *generation_for(struct disk_recovery *rc, const struct object_image *image,
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
    g->roster.disk = (uint16_t)rc->d->number;
    g->disk_object = rc->segment;
    g->is_wanted = true;
    roster_add(&st->roster, &g->roster);
    return g;
}

/* Whether f lies after the place that b has on the disk: a block that was written twice. */
static bool is_later(const struct disk_recovery *rc, const struct disk_found *f,
                     const struct block *b)
{
    uint64_t has = rc->sequences[b->disk_segment], comes = rc->sequences[f->segment];
    if (has == 0)
        return false; /* written since the start */
    return comes > has || (comes == has && f->spot > b->disk_at);
}

/* The table's record for it, or NULL: it does not belong there, somebody was quicker, or there is
 * no room. */
static struct block *block_for_locked(struct disk_recovery *rc, struct generation *g,
                                      const struct disk_found *f)
{
    if (f->index < 0 || f->index >= block_table_count(&g->table) ||
        f->length != block_table_expected(&g->table, f->index))
        return NULL;
    struct block *b = block_table_find(&g->table, f->index);
    if (b != NULL)
        return b->state == BLOCK_STORED && is_later(rc, f, b) ? b : NULL;
    size_t cost = block_table_cost(&g->table, f->index);
    if (block_table_is_claimed(&g->table, f->index))
        return NULL;
    if (!heads_try_charge(generation_store(g), cost)) {
        rc->forgotten_blocks++;
        return NULL;
    }
    b = block_table_open(&g->table, f->index);
    if (b == NULL) {
        heads_uncharge(generation_store(g), cost);
        return NULL;
    }
    generation_on_disk_locked(g, 1);
    rc->blocks++;
    return b;
}

static void place(struct disk_recovery *rc, struct generation *g, const struct disk_found *f)
{
    generation_lock(g);
    struct block *b = g->roster.disk == rc->d->number ? block_for_locked(rc, g, f) : NULL;
    if (b != NULL) {
        b->state = BLOCK_STORED;
        block_set_filled(b, f->length);
        b->checksum = f->checksum;
        b->disk_segment = f->segment;
        b->disk_at = f->spot;
    }
    generation_unlock(g);
}

/* Of one generation, out of those that waited for it. */
struct placing {
    struct disk_recovery *rc;
    struct generation *generation;
};

static void place_early(void *ctx, const struct disk_found *f)
{
    const struct placing *p = ctx;
    place(p->rc, p->generation, f);
}

/* false: a purge that was met falls on it. */
static bool judge(struct disk_recovery *rc, struct object *o)
{
    uint64_t newest;
    enum purge_verdict v = purge_marks_judge(rc->marks, o, 0, &newest);
    if (v == PURGE_VERDICT_SOFT || id_set_has(&rc->purged_softly, generation_key(o->generation)))
        object_set(o, OBJECT_SOFT_PURGED);
    return v != PURGE_VERDICT_HARD;
}

/* The object of a head whose image is good, with the blocks that waited for it; NULL: it is purged,
 * or there is no room. Referenced. */
static struct object *object_of(struct disk_recovery *rc, struct object_image *image, uint64_t id)
{
    struct store *st = rc->d->store;
    struct generation *g = heads_are_full(st) ? NULL : generation_for(rc, image, id);
    image->spec.generation = g;
    struct object *o = g != NULL ? object_create(st, &image->spec) : NULL;
    rc->forgotten_objects += o == NULL;
    if (o != NULL && image->is_soft_purged)
        object_set(o, OBJECT_SOFT_PURGED);
    if (o != NULL && !judge(rc, o))
        object_unref(&o);
    if (o != NULL)
        disk_early_take(&rc->early, id, place_early, &(struct placing){rc, g});
    generation_unref(&g);
    return o;
}

/* What somebody inserted since the start replaces it, and for good: as if it had been there. */
static bool is_replaced(struct disk_recovery *rc, uint64_t variant, uint64_t id)
{
    struct store *st = rc->d->store;
    if (!newcomers_has(&st->newcomers, variant))
        return false;
    struct generation *g = generation_known(st, id);
    if (g == NULL)
        disk_drop(rc->d, id);
    generation_unref(&g);
    return true;
}

static void take_object(struct disk_recovery *rc, const struct disk_record *r, const void *payload)
{
    struct object_image image;
    arena_reset(&rc->mem);
    if (object_image_read(&image, span_make(payload, r->length), &rc->mem) != 0 ||
        image.block_bytes > rc->d->store->block_max_bytes)
        return;
    image.spec.fields = &image.fields;
    image.spec.freshness = &image.freshness;
    image.spec.key.hash = (struct hash128){.lo = r->key[0], .hi = r->key[1]};
    uint64_t variant =
        object_variant_id(&image.spec.key, image.spec.vary_names, image.spec.vary_values);
    if (!id_set_add(&rc->met, variant) || id_set_has(&rc->dropped, r->generation) ||
        id_set_has(&rc->purged, r->key[0]) || is_replaced(rc, variant, r->generation))
        return;
    if (!rc->d->owns(rc->d, r->key[0]))
        atomic_store(&rc->d->has_strays, true);
    struct object *o = object_of(rc, &image, r->generation);
    if (o == NULL) {
        rc->refused++;
        return;
    }
    if (rc->fresh_count == rc->fresh_room) {
        rc->fresh_room = rc->fresh_room > 0 ? 2 * rc->fresh_room : 1024;
        rc->fresh = mem_grow(rc->fresh, rc->fresh_room, sizeof(struct object *));
    }
    rc->fresh[rc->fresh_count++] = o;
}

static void take_purge(struct disk_recovery *rc, const struct disk_record *r, const void *payload)
{
    struct purge_image p;
    if (purge_image_read(&p, span_make(payload, r->length)) != 0)
        return;
    if (p.is_key)
        id_set_add(p.is_soft ? &rc->purged_softly : &rc->purged, r->key[0]);
    else
        purge_marks_add(rc->marks, &p.scope, p.is_soft);
}

/* From here on heads that are met fall to it. */
static void take_order(struct disk_recovery *rc, const struct disk_record *r, const void *payload)
{
    if (r->kind == DISK_DROP)
        id_set_add(&rc->dropped, r->generation);
    else
        take_purge(rc, r, payload);
}

static void let_wait(struct disk_recovery *rc, const struct disk_record *r, const void *payload)
{
    struct waiting w = {.record = *r};
    if (rc->waiting_count == rc->waiting_room) {
        rc->waiting_room = rc->waiting_room > 0 ? 2 * rc->waiting_room : 64;
        rc->waiting = mem_grow(rc->waiting, rc->waiting_room, sizeof(*rc->waiting));
    }
    if (r->length > 0) {
        w.payload = mem_alloc(r->length);
        memcpy(w.payload, payload, r->length);
    }
    rc->waiting[rc->waiting_count++] = w;
}

/* Those that reach the segment of this sequence. */
static void take_waiting(struct disk_recovery *rc, uint64_t sequence)
{
    size_t kept = 0;
    for (size_t i = 0; i < rc->waiting_count; i++) {
        struct waiting w = rc->waiting[i];
        if (disk_reach(&w.record) <= sequence) {
            rc->waiting[kept++] = w;
            continue;
        }
        take_order(rc, &w.record, w.payload);
        mem_free(w.payload);
    }
    rc->waiting_count = kept;
}

static bool on_head(void *ctx, const struct disk_record *r, const void *payload)
{
    struct disk_recovery *rc = ctx;
    if (r->kind == DISK_OBJECT)
        take_object(rc, r, payload);
    else if (!disk_is_block(r) && disk_reach(r) < r->sequence)
        let_wait(rc, r, payload);
    else if (!disk_is_block(r))
        take_order(rc, r, payload);
    return goes_on(rc);
}

static void take_block(struct disk_recovery *rc, const struct disk_record *r, bool may_wait)
{
    const struct disk_found f = {.generation = r->generation,
                                 .checksum = disk_plain_sum(r),
                                 .index = (int64_t)r->index,
                                 .length = disk_plain_bytes(r),
                                 .segment = rc->segment,
                                 .spot = disk_spot(r)};
    struct generation *g = generation_known(rc->d->store, r->generation);
    if (g != NULL)
        place(rc, g, &f);
    else if (may_wait && !id_set_has(&rc->dropped, r->generation))
        disk_early_put(&rc->early, &f);
    generation_unref(&g);
}

static bool on_block(void *ctx, const struct disk_record *r, const void *payload)
{
    struct disk_recovery *rc = ctx;
    (void)payload;
    if (disk_is_block(r))
        take_block(rc, r, true);
    return goes_on(rc);
}

static bool on_block_again(void *ctx, const struct disk_record *r, const void *payload)
{
    struct disk_recovery *rc = ctx;
    (void)payload;
    if (disk_is_block(r))
        take_block(rc, r, false);
    return goes_on(rc);
}

/* Another object has its place in the index: one of this process, or of another disk (its weight
 * was another once), the younger of which stays. */
static bool is_outdone(void *ctx, const struct object *o, const struct object *other)
{
    struct disk_recovery *rc = ctx;
    if (newcomers_has(&rc->d->store->newcomers, object_variant(o)))
        return true;
    return other != NULL && object_stored_wall(other) >= object_stored_wall(o);
}

static void show_fresh(struct disk_recovery *rc)
{
    struct index *ix = rc->d->store->index;
    struct index_left left = {0};
    for (size_t i = 0; i < rc->fresh_count; i++) {
        struct index_return back = {.moment = rc->moment, .is_outdone = is_outdone, .ctx = rc};
        if (index_return(ix, rc->fresh[i], &back, &left) == 0)
            rc->objects++;
        else
            rc->refused++;
        object_unref(&rc->fresh[i]);
    }
    rc->fresh_count = 0;
    index_let_go(&left);
}

static void unreadable(const struct disk_recovery *rc)
{
    LOG_WARN("disk-segment-unreadable", "path=\"%s\" segment=%u", rc->d->medium.path, rc->segment);
}

static void read_segments(struct disk_recovery *rc)
{
    for (uint32_t i = 0; i < rc->count && !rc->is_over; i++) {
        struct disk_summary s;
        rc->segment = rc->v[i].segment;
        take_waiting(rc, rc->v[i].sequence);
        if (disk_summary_read(&s, &rc->d->medium, rc->segment, rc->v[i].sequence) == 0) {
            disk_summary_back(&s, on_head, rc);
            disk_summary_back(&s, on_block, rc);
        } else {
            unreadable(rc);
        }
        disk_summary_finish(&s);
        show_fresh(rc);
        if (!rc->is_over)
            atomic_fetch_sub(&rc->d->unread, 1);
    }
}

static void read_blocks_again(struct disk_recovery *rc)
{
    for (uint32_t i = 0; i < rc->count && !rc->is_over; i++) {
        rc->segment = rc->v[i].segment;
        if (disk_scan(&rc->d->medium, rc->segment, rc->v[i].sequence, on_block_again, rc) != 0)
            unreadable(rc);
    }
}

static void tell_forgotten(const struct disk_recovery *rc)
{
    struct store *st = rc->d->store;
    counter_add_shared(&st->counters.forgotten_objects, rc->forgotten_objects);
    counter_add_shared(&st->counters.forgotten_blocks, rc->forgotten_blocks);
    if (rc->forgotten_objects + rc->forgotten_blocks > 0)
        LOG_WARN("disk-forgotten",
                 "path=\"%s\" objects=%llu blocks=%llu memory_bytes=%lld why=\"their heads do not "
                 "fit the option memory: give it more\"",
                 rc->d->medium.path, (unsigned long long)rc->forgotten_objects,
                 (unsigned long long)rc->forgotten_blocks, (long long)st->memory_bytes);
}

void disk_recover_run(struct disk *d)
{
    struct disk_recovery *rc = d->recovery;
    struct store *st = d->store;
    msec_t began = clock_mono_ms();
    read_segments(rc);
    if (rc->early.has_lost)
        read_blocks_again(rc);
    counter_add_shared(&st->counters.recovered_objects, rc->objects);
    counter_add_shared(&st->counters.recovered_blocks, rc->blocks);
    LOG_INFO("disk-open",
             "path=\"%s\" segments=%u of=%u objects=%llu blocks=%llu refused=%llu whole=%d ms=%lld",
             d->medium.path, rc->count, d->medium.count, (unsigned long long)rc->objects,
             (unsigned long long)rc->blocks, (unsigned long long)rc->refused, !rc->is_over,
             (long long)(clock_mono_ms() - began));
    tell_forgotten(rc);
    bool is_whole = !rc->is_over;
    disk_recover_finish(&d->recovery);
    mem_trim(); /* summaries are read in pieces of megabytes, which malloc would keep for good */
    disk_recovered(d, is_whole);
}

static int newer_first(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    return (x->sequence < y->sequence) - (x->sequence > y->sequence);
}

/* Segments that hold something. */
static void find_segments(struct disk_recovery *rc)
{
    struct disk *d = rc->d;
    for (uint32_t i = 0; i < d->medium.count; i++) {
        uint64_t sequence = 0;
        if (d->medium.fds[i] < 0)
            continue;
        atomic_fetch_add(&d->used_bytes, d->medium.segment_bytes);
        if (disk_scan_sequence(&d->medium, i, &sequence) != 0 || sequence == 0)
            continue;
        d->segments[i].sequence = rc->sequences[i] = sequence;
        d->segments[i].state = DISK_SEGMENT_SEALED;
        if (sequence > d->writer.sequence)
            d->writer.sequence = sequence;
        rc->v[rc->count++] = (struct order){.sequence = sequence, .segment = i};
    }
    if (rc->count > 0)
        qsort(rc->v, rc->count, sizeof(*rc->v), newer_first);
}

struct disk_recovery *disk_recover_begin(struct disk *d)
{
    struct disk_recovery *rc = mem_zalloc(sizeof(*rc));
    size_t marks_bytes;
    rc->d = d;
    rc->v = mem_zarray(d->medium.count, sizeof(*rc->v));
    rc->sequences = mem_zarray(d->medium.count, sizeof(*rc->sequences));
    rc->moment = purge_marks_now(d->store->marks);
    rc->marks = purge_marks_create(d->store->memory_bytes, &marks_bytes);
    arena_init(&rc->mem, OBJECT_IMAGE_MAX * 4);
    find_segments(rc);
    atomic_store(&d->unread, rc->count + 1); /* the last one: until all is told */
    d->is_recovering = true;
    return rc;
}

void disk_recover_finish(struct disk_recovery **prc)
{
    struct disk_recovery *rc = *prc;
    *prc = NULL;
    if (rc == NULL)
        return;
    purge_marks_destroy(&rc->marks);
    disk_early_finish(&rc->early);
    id_set_finish(&rc->met);
    id_set_finish(&rc->dropped);
    id_set_finish(&rc->purged);
    id_set_finish(&rc->purged_softly);
    arena_finish(&rc->mem);
    for (size_t i = 0; i < rc->waiting_count; i++)
        mem_free(rc->waiting[i].payload);
    mem_free(rc->waiting);
    mem_free(rc->fresh);
    mem_free(rc->sequences);
    mem_free(rc->v);
    mem_free(rc);
}
