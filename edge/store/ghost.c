/* SPDX-License-Identifier: MIT */

/* Each entry is a fingerprint and the moment it came, counted in kilobytes that had left by then:
 * what is too old is free by that, and nothing ever has to be taken out of a queue. */
#include "edge/store/ghost.h"

#include "lib/base/check.h"
#include "lib/base/mem.h"

#include <stdatomic.h>

#define WAYS           8u /* entries of a bucket: one line of cache */
#define BYTES_A_NAME   (16 * 1024)
#define SHARE          64 /* of memory, one part in this many at most */
#define MOMENT_BYTES   1024
#define BUCKETS_MIN    16u
#define FINGERPRINT(n) ((uint32_t)((n) >> 32) | 1u) /* never 0 */

struct ghost {
    uint64_t span; /* moments for which a name is known */
    uint64_t mask; /* buckets - 1 */
    _Atomic uint64_t left_bytes;
    _Atomic uint64_t v[]; /* fingerprint above, moment below; 0: free */
};

struct ghost *ghost_create(int64_t memory_bytes, int64_t disk_bytes, size_t *bytes)
{
    int64_t names = (memory_bytes + disk_bytes) / BYTES_A_NAME;
    int64_t most = memory_bytes / SHARE / (int64_t)sizeof(uint64_t);
    uint64_t buckets = BUCKETS_MIN;
    while ((int64_t)(buckets * 2 * WAYS) <= (names < most ? names : most))
        buckets *= 2;
    *bytes = sizeof(struct ghost) + buckets * WAYS * sizeof(uint64_t);
    struct ghost *g = mem_zalloc(*bytes);
    g->span = (uint64_t)(memory_bytes + disk_bytes) / MOMENT_BYTES;
    g->mask = buckets - 1;
    return g;
}

void ghost_destroy(struct ghost **g)
{
    mem_free(*g);
    *g = NULL;
}

static uint32_t moment_now(const struct ghost *g)
{
    uint64_t left = atomic_load_explicit(&g->left_bytes, memory_order_relaxed);
    return (uint32_t)(left / MOMENT_BYTES);
}

static _Atomic uint64_t *bucket_of(struct ghost *g, uint64_t name)
{
    return &g->v[(name & g->mask) * WAYS];
}

/* How long ago it came, by what left since; UINT32_MAX: it is free. */
static uint32_t age_of(const struct ghost *g, uint64_t entry, uint32_t now)
{
    uint32_t age = now - (uint32_t)entry;
    return entry == 0 || age > g->span ? UINT32_MAX : age;
}

void ghost_add(struct ghost *g, uint64_t name, uint32_t bytes)
{
    _Atomic uint64_t *bucket = bucket_of(g, name), *oldest = bucket;
    uint32_t now = moment_now(g), age = 0;
    for (uint32_t i = 0; i < WAYS; i++) {
        uint64_t e = atomic_load_explicit(&bucket[i], memory_order_relaxed);
        if (age_of(g, e, now) >= age) {
            age = age_of(g, e, now);
            oldest = &bucket[i];
        }
    }
    uint64_t entry = (uint64_t)FINGERPRINT(name) << 32 | now;
    atomic_store_explicit(oldest, entry, memory_order_relaxed);
    atomic_fetch_add_explicit(&g->left_bytes, bytes, memory_order_relaxed);
}

bool ghost_take(struct ghost *g, uint64_t name)
{
    _Atomic uint64_t *bucket = bucket_of(g, name);
    uint32_t now = moment_now(g);
    for (uint32_t i = 0; i < WAYS; i++) {
        uint64_t e = atomic_load_explicit(&bucket[i], memory_order_relaxed);
        if ((uint32_t)(e >> 32) != FINGERPRINT(name) || age_of(g, e, now) == UINT32_MAX)
            continue;
        atomic_store_explicit(&bucket[i], 0, memory_order_relaxed);
        return true;
    }
    return false;
}
