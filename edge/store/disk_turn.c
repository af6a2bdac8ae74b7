/* SPDX-License-Identifier: MIT */

/* Goes through the segments as their turn comes. Threads: the writer's. */
#include "edge/store/disk_turn.h"

#include "edge/store/disk_orders.h"
#include "edge/store/disk_place.h"
#include "edge/store/disk_scan.h"
#include "lib/base/mem.h"

#define RECORDS_MIN 256u

/* The higher, the later. */
static uint64_t turn_of(const struct disk_segment *s)
{
    return s->turn > s->sequence ? s->turn : s->sequence;
}

/* Of those that are mostly pinned, or of the others. */
static uint32_t first_segment(const struct disk *d, bool is_pinned)
{
    uint32_t first = SEGMENT_NONE;
    for (uint32_t i = 0; i < d->medium.count; i++) {
        const struct disk_segment *s = &d->segments[i];
        if (s->state == DISK_SEGMENT_SEALED && disk_segment_is_pinned(d, i) == is_pinned &&
            (first == SEGMENT_NONE || turn_of(s) < turn_of(&d->segments[first])))
            first = i;
    }
    return first;
}

struct look {
    struct disk *d;
    struct disk_turn *turn;
};

static bool is_newest_head(struct generation *g, uint32_t segment)
{
    generation_lock(g);
    bool is_newest = g->disk_object == segment;
    generation_unlock(g);
    return is_newest;
}

static void note(struct disk_turn *t, const struct disk_record *r, uint32_t uses)
{
    if (t->count == t->room) {
        t->room = t->room > 0 ? 2 * t->room : RECORDS_MIN;
        t->v = mem_grow(t->v, t->room, sizeof(*t->v));
    }
    t->v[t->count++] = (struct disk_turn_record){.record = *r, .uses = uses};
    t->used += uses > 0 ? r->length : 0;
}

static bool look_at_record(void *ctx, const struct disk_record *r, const void *payload)
{
    struct look *l = ctx;
    struct disk_turn *t = l->turn;
    uint32_t uses = 0;
    if (r->kind == DISK_DROP || r->kind == DISK_PURGE) {
        disk_orders_keep(l->d, t->segment, r, payload);
        return true;
    }
    struct generation *g = generation_known(l->d->store, r->generation);
    if (g != NULL && (disk_is_block(r) ? disk_place_has(g, r, t->segment, &uses)
                                       : is_newest_head(g, t->segment)))
        note(t, r, uses);
    generation_unref(&g);
    return true;
}

static void look_at(struct disk *d, struct disk_turn *t)
{
    struct look l = {.d = d, .turn = t};
    t->count = 0;
    t->used = 0;
    t->is_read = disk_scan(&d->medium, t->segment, d->segments[t->segment].sequence, look_at_record,
                           &l) == 0;
}

/* Whether it may stay for another round. What cannot be read is given up. */
static bool is_passed(const struct disk *d, const struct disk_turn *t)
{
    uint64_t since = d->writer.sequence - d->segments[t->segment].sequence;
    return t->is_read && disk_turn_passes(t->used, d->medium.segment_bytes, since, d->medium.count);
}

/* It stays, for one use of each of its blocks. */
static void pass(struct disk *d, const struct disk_turn *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        const struct disk_record *r = &t->v[i].record;
        struct generation *g = disk_is_block(r) ? generation_known(d->store, r->generation) : NULL;
        if (g != NULL)
            disk_place_pass(g, r, t->segment);
        generation_unref(&g);
    }
    d->segments[t->segment].turn = d->writer.sequence;
}

void disk_turn_next(struct disk *d, struct disk_turn *out)
{
    size_t orders = disk_orders_mark(d);
    *out = (struct disk_turn){0};
    for (int passes = 0;; passes++) {
        out->segment = first_segment(d, false);
        bool is_last = passes == DISK_PASSES_MOST || out->segment == SEGMENT_NONE;
        if (out->segment == SEGMENT_NONE) /* who pinned took more than is allowed */
            out->segment = first_segment(d, true);
        if (out->segment == SEGMENT_NONE)
            return;
        look_at(d, out);
        if (is_last || !is_passed(d, out))
            return;
        pass(d, out);
        disk_orders_back(d, orders); /* they stay where they are */
    }
}

void disk_turn_finish(struct disk_turn *t)
{
    mem_free(t->v);
    *t = (struct disk_turn){0};
}
