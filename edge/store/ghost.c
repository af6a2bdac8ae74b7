/* SPDX-License-Identifier: MIT */

/* Each entry is a fingerprint and the moment it came, in parts of the bytes for which a name is
 * known: what is too old is free by that. Moments begin anew after four times those bytes, so what
 * leaves sweeps a little behind itself: the whole table, each time that so many bytes have left.
 *
 * The table has room for names of small blocks; of large ones there are few, and a table that is
 * mostly empty would cost its memory and a miss of the processor's cache for each question. So it
 * begins small and doubles when names are forgotten that should still be known. Nothing is moved
 * then: what came before is found where it was in the smaller table, until it is too old. */
#include "edge/store/ghost.h"

#include "lib/base/check.h"
#include "lib/base/mem.h"

#include <stdatomic.h>

#define WAYS         16u /* entries of a bucket: one line of cache */
#define BYTES_A_NAME (16 * 1024)
#define SHARE        64 /* of memory, one part in this many at most */
#define MOMENT_BITS  12
#define MOMENT_MASK  ((1u << MOMENT_BITS) - 1)
#define SPAN         (1u << (MOMENT_BITS - 2)) /* moments for which a name is known */
#define BUCKETS_MIN  16u
#define LOST_MOST    4 /* in a span names are lost: one for this many buckets at most */

struct ghost {
    uint64_t span_bytes, moment_bytes;
    uint64_t mask_most;                /* buckets - 1 */
    _Atomic uint64_t mask, mask_least; /* as it is; as it was when the oldest known name came */
    _Atomic uint64_t lost;             /* names too early, since counted_since */
    _Atomic uint32_t grown_at, counted_since; /* moments, of 32 bits */
    _Atomic uint64_t left_bytes;
    _Atomic uint32_t v[]; /* fingerprint above, moment below; 0: free */
};

struct ghost *ghost_create(int64_t memory_bytes, int64_t disk_bytes, size_t *bytes)
{
    int64_t names = (memory_bytes + disk_bytes) / BYTES_A_NAME;
    int64_t most = memory_bytes / SHARE / (int64_t)sizeof(uint32_t);
    uint64_t buckets = BUCKETS_MIN;
    while ((int64_t)(buckets * 2 * WAYS) <= (names < most ? names : most))
        buckets *= 2;
    *bytes = sizeof(struct ghost) + buckets * WAYS * sizeof(uint32_t);
    struct ghost *g = mem_zalloc(*bytes);
    g->span_bytes = (uint64_t)(memory_bytes + disk_bytes);
    g->moment_bytes = g->span_bytes / SPAN + 1;
    g->mask_most = buckets - 1;
    g->mask = g->mask_least = BUCKETS_MIN - 1;
    return g;
}

void ghost_destroy(struct ghost **g)
{
    mem_free(*g);
    *g = NULL;
}

static uint64_t get(const _Atomic uint64_t *v)
{
    return atomic_load_explicit(v, memory_order_relaxed);
}

static uint32_t entry_at(const _Atomic uint32_t *v)
{
    return atomic_load_explicit(v, memory_order_relaxed);
}

size_t ghost_weight(const struct ghost *g)
{
    return sizeof(*g) + (get(&g->mask) + 1) * WAYS * sizeof(uint32_t);
}

static uint32_t moment_now(const struct ghost *g)
{
    return (uint32_t)(get(&g->left_bytes) / g->moment_bytes);
}

static uint32_t entry_of(uint64_t name, uint32_t now)
{
    uint32_t fingerprint = (uint32_t)(name >> (32 + MOMENT_BITS));
    return (fingerprint + (fingerprint == 0)) << MOMENT_BITS | (now & MOMENT_MASK);
}

static _Atomic uint32_t *bucket_of(struct ghost *g, uint64_t name, uint64_t mask)
{
    return &g->v[(name & mask) * WAYS];
}

/* How long ago it came, by what left since; UINT32_MAX: it is free. */
static uint32_t age_of(uint32_t entry, uint32_t now)
{
    uint32_t age = (now - entry) & MOMENT_MASK;
    return entry == 0 || age > SPAN ? UINT32_MAX : age;
}

static bool is_past(const _Atomic uint32_t *moment, uint32_t now)
{
    return now - entry_at(moment) > SPAN;
}

/* One more name was forgotten too early. Of several threads one finds that it is time to grow. */
static void lose(struct ghost *g, uint64_t mask, uint32_t now)
{
    if (is_past(&g->counted_since, now)) {
        atomic_store_explicit(&g->counted_since, now, memory_order_relaxed);
        atomic_store_explicit(&g->lost, 0, memory_order_relaxed);
    }
    uint64_t lost = atomic_fetch_add_explicit(&g->lost, 1, memory_order_relaxed) + 1;
    if (mask == g->mask_most || lost != (mask + 1) / LOST_MOST)
        return;
    if (is_past(&g->grown_at, now))
        atomic_store_explicit(&g->mask_least, mask, memory_order_relaxed);
    atomic_store_explicit(&g->grown_at, now, memory_order_relaxed);
    atomic_store_explicit(&g->counted_since, now, memory_order_relaxed);
    atomic_store_explicit(&g->lost, 0, memory_order_relaxed);
    atomic_store_explicit(&g->mask, 2 * mask + 1, memory_order_relaxed);
}

static void sweep_bucket(struct ghost *g, uint64_t number, uint32_t now)
{
    _Atomic uint32_t *bucket = &g->v[number * WAYS];
    for (uint32_t i = 0; i < WAYS; i++) {
        uint32_t entry = entry_at(&bucket[i]);
        if (entry != 0 && age_of(entry, now) == UINT32_MAX)
            atomic_store_explicit(&bucket[i], 0, memory_order_relaxed);
    }
}

/* The buckets whose turn came while `bytes` left: each one once in a span. */
static void sweep(struct ghost *g, uint64_t mask, uint64_t before, uint64_t bytes)
{
    uint64_t each = g->span_bytes / (mask + 1) + 1;
    uint64_t from = before / each, to = (before + bytes) / each;
    uint32_t now = (uint32_t)((before + bytes) / g->moment_bytes);
    if (to - from > mask)
        from = to - mask - 1;
    while (from < to)
        sweep_bucket(g, from++ & mask, now);
}

void ghost_add(struct ghost *g, uint64_t name, uint32_t bytes)
{
    uint64_t mask = get(&g->mask);
    _Atomic uint32_t *bucket = bucket_of(g, name, mask), *oldest = bucket;
    uint32_t now = moment_now(g), age = 0;
    for (uint32_t i = 0; i < WAYS && age != UINT32_MAX; i++) {
        uint32_t other = age_of(entry_at(&bucket[i]), now);
        if (other >= age) {
            age = other;
            oldest = &bucket[i];
        }
    }
    atomic_store_explicit(oldest, entry_of(name, now), memory_order_relaxed);
    uint64_t before = atomic_fetch_add_explicit(&g->left_bytes, bytes, memory_order_relaxed);
    if (age != UINT32_MAX)
        lose(g, mask, now);
    sweep(g, mask, before, bytes);
}

static bool take_from(_Atomic uint32_t *bucket, uint64_t name, uint32_t now)
{
    uint32_t wanted = entry_of(name, now);
    for (uint32_t i = 0; i < WAYS; i++) {
        uint32_t entry = entry_at(&bucket[i]);
        if ((entry ^ wanted) >> MOMENT_BITS != 0 || age_of(entry, now) == UINT32_MAX)
            continue;
        atomic_store_explicit(&bucket[i], 0, memory_order_relaxed);
        return true;
    }
    return false;
}

bool ghost_take(struct ghost *g, uint64_t name)
{
    uint32_t now = moment_now(g);
    uint64_t mask = get(&g->mask);
    uint64_t least = is_past(&g->grown_at, now) ? mask : get(&g->mask_least);
    if (take_from(bucket_of(g, name, mask), name, now))
        return true;
    for (; mask > least; mask >>= 1) { /* where it was when the table was smaller */
        bool is_other = (name & mask) != (name & mask >> 1);
        if (is_other && take_from(bucket_of(g, name, mask >> 1), name, now))
            return true;
    }
    return false;
}
