/* SPDX-License-Identifier: MIT */

/* Marks what is pinned, and tells the segments of disks how much of them is. Threads: any. */
#include "edge/store/pin.h"

#include "edge/store/disks.h"
#include "edge/store/generation_inner.h"

#define BLOCKS_AT_ONCE 512 /* under the lock */
#define ROOM_SHARE     4   /* of the medium, one part in this many */
#define QUEUE_SHARE    4   /* of what may wait for a disk: beyond it others should */

/* Blocks that lie on the disk already; those that come are told when they are written. */
static void tell_disk_locked(struct generation *g, const struct block *b, bool is_first)
{
    struct disk *d = disks_at(generation_store(g)->disks, g->roster.disk);
    uint32_t bytes = is_first ? disk_spot_bytes(b->disk_at, b->filled) : 0;
    disk_segment_pin(d, b->disk_segment, bytes, generation_pinned_ms(g));
}

/* Some blocks; *at moves. false: there are no more. */
static bool walk(struct generation *g, int64_t *at, bool is_first)
{
    struct store *st = generation_store(g);
    int64_t waiting[BLOCKS_AT_ONCE];
    int count = 0, seen = 0;
    generation_lock(g);
    int64_t i = block_table_next(&g->table, *at, INT64_MAX);
    for (; i != INT64_MAX && seen < BLOCKS_AT_ONCE; seen++) {
        const struct block *b = block_table_find(&g->table, i);
        if (b->disk_segment != SEGMENT_NONE)
            tell_disk_locked(g, b, is_first);
        else if (b->state == BLOCK_PRESENT && generation_wants_disk_locked(g, b))
            waiting[count++] = i;
        i = block_table_next(&g->table, i + 1, INT64_MAX);
    }
    generation_unlock(g);
    for (int w = 0; w < count; w++)
        st->disk_keep(st, g, waiting[w]);
    *at = i;
    return i != INT64_MAX;
}

void generation_pin(struct generation *g, msec_t until)
{
    bool is_first = !generation_is_pinned(g);
    int64_t at = 0;
    struct store *st = generation_store(g);
    until = (until + MSEC_PER_SEC - 1) / MSEC_PER_SEC * MSEC_PER_SEC;
    atomic_store_explicit(&g->pinned_s, (uint32_t)(until / MSEC_PER_SEC), memory_order_relaxed);
    if (until == 0)
        return;
    if (st->disks == NULL) {
        msec_t latest = atomic_load_explicit(&st->pins_until, memory_order_relaxed);
        while (latest < until && !atomic_compare_exchange_weak(&st->pins_until, &latest, until))
            continue;
        return;
    }
    while (walk(g, &at, is_first))
        continue;
}

msec_t generation_pinned_until(const struct generation *g)
{
    return generation_is_pinned(g) ? generation_pinned_ms(g) : 0;
}

int64_t pin_room(const struct store *st)
{
    struct store_disk_usage u;
    int64_t bytes = 0;
    for (uint32_t i = 0; store_disk_usage(st, i, &u); i++)
        bytes += u.cap_bytes;
    return (bytes > 0 ? bytes : st->memory_bytes) / ROOM_SHARE;
}

bool pin_must_wait(const struct store *st)
{
    struct store_disk_usage u;
    int64_t most =
        st->memory_bytes / 4 < DISK_QUEUE_BYTES ? st->memory_bytes / 4 : DISK_QUEUE_BYTES;
    for (uint32_t i = 0; store_disk_usage(st, i, &u); i++) {
        if (u.state != STORE_DISK_DEAD && u.queued_bytes > most / QUEUE_SHARE)
            return true;
    }
    return false;
}
