/* SPDX-License-Identifier: MIT
 * Token buckets of one word each: the moment at which the bucket is full again (GCRA), in
 * microseconds. */
#include "lib/base/limit.h"

#include "lib/base/mem.h"

#include <stdatomic.h>

#define BUCKETS (1U << 16)
#define US      1000000

struct limit {
    uint64_t cost_us; /* of one; 0: free */
    uint64_t room_us; /* of a bucket */
    _Atomic uint64_t full_at[BUCKETS];
};

struct limit *limit_create(int64_t rate, int64_t burst)
{
    struct limit *l = mem_zalloc(sizeof *l);
    l->cost_us = rate > 0 ? (uint64_t)(US / rate) : 0;
    l->room_us = l->cost_us * (uint64_t)(burst > 1 ? burst : 1);
    return l;
}

void limit_destroy(struct limit **pl)
{
    mem_free(*pl);
    *pl = NULL;
}

/* When the bucket would be full again after one more; 0: it has no room for one. */
static uint64_t after_one(const struct limit *l, uint64_t full_at, uint64_t now_us)
{
    uint64_t fresh = (full_at > now_us ? full_at : now_us) + l->cost_us;
    return fresh - now_us <= l->room_us ? fresh : 0;
}

void limit_expect(const struct limit *l, uint64_t who)
{
    __builtin_prefetch(&l->full_at[who % BUCKETS], 1);
}

bool limit_take(struct limit *l, uint64_t who, msec_t now)
{
    _Atomic uint64_t *bucket = &l->full_at[who % BUCKETS];
    uint64_t full_at = atomic_load_explicit(bucket, memory_order_relaxed), fresh;
    if (l->cost_us == 0)
        return true;
    do {
        fresh = after_one(l, full_at, (uint64_t)now * 1000);
        if (fresh == 0)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(bucket, &full_at, fresh, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

bool limit_is_spent(const struct limit *l, uint64_t who, msec_t now)
{
    uint64_t full_at = atomic_load_explicit(&l->full_at[who % BUCKETS], memory_order_relaxed);
    return l->cost_us > 0 && after_one(l, full_at, (uint64_t)now * 1000) == 0;
}
