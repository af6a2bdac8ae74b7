/* SPDX-License-Identifier: MIT */

/* The part of the budget that is not segments: records of objects and generations, and their
 * tables. Threads: any. */
#include "edge/store/heads.h"

#include "lib/base/log.h"

#define HEADS_SHARE 4          /* one part in this many at most */
#define ROOM_BYTES  (1u << 16) /* for a head, its generation and its table, whatever they are */

bool heads_try_charge(struct store *st, size_t bytes)
{
    if (bytes == 0)
        return true;
    if (!st->segments.medium.is_hollow && !segments_charge(&st->segments, bytes, false))
        return false;
    atomic_fetch_add_explicit(&st->head_bytes, (int64_t)bytes, memory_order_relaxed);
    return true;
}

bool heads_charge(struct store *st, size_t bytes)
{
    bool is_charged = heads_try_charge(st, bytes);
    for (int i = 0; !is_charged && i < ROOM_ROUNDS && st->make_room(st); i++)
        is_charged = heads_try_charge(st, bytes);
    if (!is_charged)
        counter_add_shared(&st->counters.no_space, 1);
    return is_charged;
}

void heads_uncharge(struct store *st, size_t bytes)
{
    if (bytes == 0)
        return;
    if (!st->segments.medium.is_hollow)
        segments_uncharge(&st->segments, bytes);
    int64_t before =
        atomic_fetch_sub_explicit(&st->head_bytes, (int64_t)bytes, memory_order_relaxed);
    CHECK(before >= (int64_t)bytes);
}

bool heads_dominate(const struct store *st)
{
    int64_t heads = atomic_load_explicit(&st->head_bytes, memory_order_relaxed);
    return heads > st->memory_bytes / HEADS_SHARE;
}

bool heads_are_full(const struct store *st)
{
    return heads_dominate(st) && !segments_have_room(&st->segments, ROOM_BYTES);
}

void heads_tell(struct store *st)
{
    if (st->disk_keep == NULL || atomic_exchange(&st->has_told_heads, true))
        return;
    LOG_WARN("disk-forgets",
             "head_bytes=%lld memory_bytes=%lld why=\"objects leave though disks have their bytes: "
             "their heads fill a quarter of the option memory: give it more\"",
             (long long)atomic_load(&st->head_bytes), (long long)st->memory_bytes);
}
