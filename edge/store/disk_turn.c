/* SPDX-License-Identifier: MIT */

/* Goes through the segments as their turn comes. Threads: the writer's. */
#include "edge/store/disk_turn.h"

#include "edge/store/disk_place.h"
#include "edge/store/disk_scan.h"

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
    const struct disk *d;
    uint32_t segment;
    uint64_t used; /* bytes */
    bool is_passed;
};

static bool look_at(void *ctx, const struct disk_record *r, const void *payload)
{
    struct look *l = ctx;
    uint32_t uses = 0;
    (void)payload;
    struct generation *g = disk_is_block(r) ? generation_known(l->d->store, r->generation) : NULL;
    if (g == NULL)
        return true;
    if (l->is_passed)
        disk_place_pass(g, r, l->segment);
    else if (disk_place_has(g, r, l->segment, &uses) && uses > 0)
        l->used += r->length;
    generation_unref(&g);
    return true;
}

/* Whether it stays for another round. What cannot be read is given up. */
static bool pass_over(struct disk *d, uint32_t segment)
{
    struct disk_segment *s = &d->segments[segment];
    struct look l = {.d = d, .segment = segment};
    uint64_t since = d->writer.sequence - s->sequence;
    if (disk_scan(&d->medium, segment, s->sequence, look_at, &l) != 0 ||
        !disk_turn_passes(l.used, d->medium.segment_bytes, since, d->medium.count))
        return false;
    l.is_passed = true;
    if (disk_scan(&d->medium, segment, s->sequence, look_at, &l) != 0)
        return false;
    s->turn = d->writer.sequence;
    return true;
}

uint32_t disk_turn_next(struct disk *d)
{
    uint32_t segment = first_segment(d, false);
    if (segment == SEGMENT_NONE) /* who pinned took more than is allowed */
        return first_segment(d, true);
    for (int i = 0; i < DISK_PASSES_MOST && pass_over(d, segment); i++)
        segment = first_segment(d, false);
    return segment;
}
