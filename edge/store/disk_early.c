/* SPDX-License-Identifier: MIT */

/* An array that chains run through, one from each bucket. Pure but for memory. */
#include "edge/store/disk_early.h"

#include "lib/base/mem.h"

#define ROOM_MIN 1024u
#define ROOM_MAX (1u << 22) /* 48 bytes each */
#define NONE     UINT32_MAX

static uint32_t *bucket_of(const struct disk_early *e, uint64_t generation)
{
    return &e->buckets[(generation * 0x9e3779b97f4a7c15u >> 32) & (e->room - 1)];
}

/* Only when none is unused: every record is in a chain. */
static void grow(struct disk_early *e)
{
    e->room = e->room > 0 ? 2 * e->room : ROOM_MIN;
    e->v = mem_grow(e->v, e->room, sizeof(*e->v));
    e->buckets = mem_grow(e->buckets, e->room, sizeof(*e->buckets));
    for (uint32_t i = 0; i < e->room; i++)
        e->buckets[i] = NONE;
    for (uint32_t i = 0; i < e->count; i++) {
        uint32_t *bucket = bucket_of(e, e->v[i].generation);
        e->v[i].next = *bucket;
        *bucket = i;
    }
}

void disk_early_put(struct disk_early *e, const struct disk_found *f)
{
    if (e->room == 0)
        e->unused = NONE;
    uint32_t at = e->unused;
    if (at != NONE) {
        e->unused = e->v[at].next;
    } else if (e->count == ROOM_MAX) {
        e->has_lost = true;
        return;
    } else {
        if (e->count == e->room)
            grow(e);
        at = e->count++;
    }
    uint32_t *bucket = bucket_of(e, f->generation);
    e->v[at] = *f;
    e->v[at].next = *bucket;
    *bucket = at;
}

void disk_early_take(struct disk_early *e, uint64_t generation, disk_found_fn fn, void *ctx)
{
    if (e->room == 0)
        return;
    uint32_t *link = bucket_of(e, generation);
    while (*link != NONE) {
        uint32_t at = *link;
        struct disk_found *f = &e->v[at];
        if (f->generation != generation) {
            link = &f->next;
            continue;
        }
        fn(ctx, f);
        *link = f->next;
        f->next = e->unused;
        e->unused = at;
    }
}

void disk_early_finish(struct disk_early *e)
{
    mem_free(e->v);
    mem_free(e->buckets);
    *e = (struct disk_early){0};
}
